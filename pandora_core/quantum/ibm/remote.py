"""Owns the care of jobs on IBM's machines: at most one job there for every row here, and none forgotten.

The order of things makes it so. A row says INITIALIZING, on disk, before anything is sent. Whenever the outcome of a
submission is not known, and once more before a job is called finished, IBM is asked for all jobs of its unique tag:
the oldest is kept, the others are cancelled. Only when none is found for as long as a late one could still turn up is
the row queued again. Every question has a deadline, kept by killing the process that asks (:mod:`.ibm`).
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core import background
from pandora_core.errors import PandoraError, VaultLockedError
from pandora_core.quantum.ibm.client import Answer, Ask
from pandora_core.quantum.ibm.rest import Access, Found
from pandora_core.quantum.jobs.work import Outcome, encode, payload_of
from pandora_core.store.job_rows import VAULT_LOCKED, Job, JobFacts, JobState
from pandora_core.store.jobs import Jobs

log = logging.getLogger(__name__)

_FINAL = {"DONE": JobState.DONE, "CANCELLED": JobState.CANCELLED, "ERROR": JobState.ERROR}
_CLIENT = "pandora_core.quantum.ibm.client"
_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_URGENT_S = (0.2, 0.2, 0.5, 1.0, *_BACKOFF_S)
"""While another job of the same tag may be about to run."""
_LOOK_S = 2.0
"""Between looks for a submission of unknown outcome."""


class RemoteOptions(NamedTuple):
    """Times in seconds."""

    deadline_s: float = 10.0
    """For every answer."""
    loading_s: float = 60.0
    """For the client process to start, and to load the runtime when that is needed."""
    poll_s: float = 2.0
    grace_s: float = 60.0
    """How long a submission of unknown outcome may still turn up; gateways give up on a request after a minute."""
    patience_s: float = 30.0
    """Between looks whether the vault is open."""


class LateError(Exception):
    """The client process did not answer in time, or died."""


class ClientProcess:
    """The other end of the line: one question at a time, never waiting here."""

    def __init__(self, access: Access, log_path: Path, options: RemoteOptions) -> None:
        self._options = options
        self._process, self._line = background.start_on_line(_CLIENT, log_path)
        self._received = b""
        self._line.sendall(msgspec.json.encode(access) + b"\n")
        self._line.setblocking(False)
        self._deadline = time.monotonic() + options.loading_s
        self.is_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, question: Ask) -> None:
        """Send a question; its deadline begins now."""
        allowed_s = self._options.loading_s if question.what == "load" else self._options.deadline_s
        self._deadline = time.monotonic() + allowed_s
        try:
            self._line.setblocking(True)
            self._line.sendall(msgspec.json.encode(question) + b"\n")
        except OSError as error:
            raise LateError("the IBM client ended") from error
        finally:
            self._line.setblocking(False)

    def hear(self) -> Answer | None:
        """The answer, if it is there; the first one says that it has started.

        Raises:
            LateError: it is too late, or the process ended.
        """
        if select.select([self._line], [], [], 0)[0]:
            try:
                got = self._line.recv(1 << 20)
            except OSError as error:
                raise LateError("the IBM client ended") from error
            if not got:
                raise LateError("the IBM client ended")
            self._received += got
        if b"\n" in self._received:
            text, _, self._received = self._received.partition(b"\n")
            self.is_ready = True
            return msgspec.json.decode(text, type=Answer)
        if time.monotonic() > self._deadline:
            raise LateError(f"no answer from IBM within {self._options.deadline_s:g} s")
        return None

    def close(self) -> None:
        """End it, at once."""
        self._line.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


@dataclass(slots=True)
class _Care:
    """What is remembered of a job while this process lives; all of it can be asked again."""

    due: float = 0.0
    troubles: int = 0
    empty_since: float | None = None
    is_swept: bool = True
    """Whether its tag was looked for since something could have made another job."""
    surplus: list[str] = field(default_factory=list)
    ended: Found | None = None
    is_missing: bool = False
    told_to_cancel: bool = False


class RemoteDesk:
    """Takes care of remote jobs. ``access`` is asked when needed; it may raise what the vault raises."""

    def __init__(
        self,
        jobs: Jobs,
        access: Callable[[], Access],
        log_path: Path,
        clock: Callable[[], int],
        options: RemoteOptions | None = None,
    ) -> None:
        self._jobs, self._access, self._log, self._clock = jobs, access, log_path, clock
        self._options = options or RemoteOptions()
        self._client: ClientProcess | None = None
        self._asked: tuple[Job, Ask] | None = None
        self._is_loading = False
        """Whether what was asked waits until the client has loaded the runtime."""
        self._cares: dict[str, _Care] = {}
        self._no_access_until = 0.0

    @property
    def client_pid(self) -> int | None:
        return None if self._client is None else self._client.pid

    def tend(self, jobs: Sequence[Job]) -> bool:
        """Take in an answer, or ask the next question; whether an answer is awaited."""
        if not jobs:
            return False
        self._cares = {job.id: self._cares.get(job.id) or _Care(is_swept=not job.remote_id) for job in jobs}
        if self._client is not None and (self._asked is not None or not self._client.is_ready):
            self._hear()
            return True
        now = time.monotonic()
        due = [job for job in jobs if self._cares[job.id].due <= now]
        if not due or not self._has_client(due):
            return False
        if self._client is not None and self._client.is_ready:
            job = min(due, key=lambda each: (not self._is_urgent(each), self._cares[each.id].due))
            self._ask(job)
        return True

    def close(self) -> None:
        """End the client process; jobs go on where they are."""
        if self._client is not None:
            self._client.close()
        self._client, self._asked, self._is_loading = None, None, False

    def _is_urgent(self, job: Job) -> bool:
        """Whether a second job of its tag may be over there, which is to be cancelled before it runs."""
        care = self._cares[job.id]
        return (
            job.state is JobState.INITIALIZING
            or bool(care.surplus)
            or (job.intent_at_us is not None and not care.is_swept)
        )

    def _has_client(self, jobs: Sequence[Job]) -> bool:
        if self._client is not None:
            return True
        if time.monotonic() < self._no_access_until:
            return False
        try:
            access = self._access()
        except PandoraError as error:
            self._no_access_until = time.monotonic() + self._options.patience_s
            why = VAULT_LOCKED if isinstance(error, VaultLockedError) else f"no token: {error.what}"
            for job in jobs:
                self._jobs.waits(job.id, why)
            return False
        self._client = ClientProcess(access, self._log, self._options)
        return True

    def _ask(self, job: Job) -> None:
        """The next question about a job. A submission is on record, on disk, before it is sent."""
        assert self._client is not None
        question = self._question(job)
        if question is None:
            return
        self._asked = (job, question)
        self._send(question)

    def _send(self, question: Ask) -> None:
        assert self._client is not None
        try:
            self._client.ask(question)
        except LateError as error:
            self._late(error)

    def _question(self, job: Job) -> Ask | None:
        care = self._cares[job.id]
        if care.surplus:
            return Ask("cancel", remote_id=care.surplus[0])
        if job.state is JobState.INITIALIZING or not care.is_swept:
            return Ask("find", tag=job.tag)
        if job.intent_at_us is None:
            if not self._jobs.claim(job.id, at_us=self._clock()):
                return None
            return Ask("submit", job.tag, backend=job.backend, payload=payload_of(self._jobs.payload(job.id)))
        remote_id = job.remote_id or ""
        if care.ended is not None and care.ended.state != "DONE":
            self._settle(job, care.ended, care)
            return None
        if care.ended is not None:
            return Ask("result", remote_id=remote_id, payload=payload_of(self._jobs.payload(job.id)))
        if job.cancelled_by is not None and not care.told_to_cancel:
            return Ask("cancel", remote_id=remote_id)
        return Ask("status", remote_id=remote_id)

    def _hear(self) -> None:
        assert self._client is not None
        try:
            answer = self._client.hear()
        except LateError as error:
            self._late(error)
            return
        if answer is None or self._asked is None:
            return
        if self._is_loading or answer.trouble == "load":
            self._is_loading = not self._is_loading
            self._send(Ask("load") if self._is_loading else self._asked[1])
            return
        (job, question), self._asked = self._asked, None
        self._take(job, question, answer)

    def _late(self, error: LateError) -> None:
        """Its process is killed, and what it was asked stays open: a submission is looked for by its tag."""
        log.warning("%s", error)
        asked = self._asked
        self.close()
        for care in self._cares.values():
            care.due = max(care.due, time.monotonic() + 0.1)
        if asked is not None:
            self._trouble(asked[0], str(error))
        else:  # it did not even load
            self._no_access_until = time.monotonic() + _BACKOFF_S[2]

    def _take(self, job: Job, question: Ask, answer: Answer) -> None:
        care = self._cares.get(job.id, _Care())
        if question.what == "cancel":
            self._cancelled(job, question, answer, care)
        elif question.what == "submit":
            self._submitted(job, answer, care)
        elif answer.trouble == "missing":
            care.is_swept, care.is_missing = False, True
            self._trouble(job, "IBM does not know the job under its id")
        elif answer.trouble:
            self._trouble(job, answer.why)
        elif question.what == "find":
            care.troubles = 0
            self._reconcile(job, answer.found, care)
        elif question.what == "status":
            care.troubles = 0
            self._observe(job, answer.found[0], care)
        elif answer.outcome is not None:
            self._finish(job, answer.outcome, care)

    def _submitted(self, job: Job, answer: Answer, care: _Care) -> None:
        if answer.trouble == "refused":
            self._finish(job, Outcome(JobState.ERROR, answer.why), care)
        elif answer.trouble == "unsent":
            self._jobs.requeue(job.id, f"IBM does not take it: {answer.why}")
            self._later(care)
        elif not answer.trouble:
            # One submission may have made several jobs: they are looked for at once.
            made = answer.found[0]
            self._jobs.attached(job.id, made.remote_id, made.backend, answer.facts)
            care.is_swept = False
        else:
            care.is_swept = False
            self._trouble(job, answer.why)

    def _reconcile(self, job: Job, found: Sequence[Found], care: _Care) -> None:
        """All jobs of the tag are known: keep the one that is ours already, else the oldest that can still give
        a result, and cancel the others.
        """
        if not found:
            self._nothing_found(job, care)
            return
        care.empty_since, care.is_swept = None, True
        usable = [each for each in found if each.state not in ("CANCELLED", "ERROR")] or list(found)
        kept = next((each for each in found if each.remote_id == job.remote_id), usable[0])
        care.surplus = [each.remote_id for each in found if each is not kept and each.state not in _FINAL]
        if kept.remote_id != job.remote_id:
            self._jobs.attached(job.id, kept.remote_id, kept.backend)
            care.is_missing = False

    def _nothing_found(self, job: Job, care: _Care) -> None:
        now = time.monotonic()
        if job.remote_id is not None and not care.is_missing:
            care.is_swept = True
            return
        if care.empty_since is None:
            care.empty_since = now
        if now - care.empty_since < self._options.grace_s:
            care.due = now + min(_LOOK_S, self._options.grace_s / 3)
        elif job.remote_id is not None:
            self._finish(job, Outcome(JobState.ERROR, "IBM no longer knows the job"), care)
        elif job.cancelled_by is not None:
            self._finish(job, Outcome(JobState.CANCELLED, f"cancelled by {job.cancelled_by}"), care)
        else:
            care.empty_since, care.is_swept = None, True
            self._jobs.requeue(job.id, "its submission came to nothing; it is sent again")

    def _observe(self, job: Job, found: Found, care: _Care) -> None:
        if found.state in _FINAL:
            care.ended, care.is_swept = found, False
            return
        state = JobState.RUNNING if found.state == "RUNNING" else JobState.QUEUED
        news = (state, found.state, found.position) != (job.state, job.remote_state, job.remote_position)
        if news:
            self._jobs.observed(job.id, state, found.state, found.position, at_us=self._clock())
        if job.reason and job.cancelled_by is None:
            self._jobs.waits(job.id, "")
        care.due = time.monotonic() + self._options.poll_s

    def _cancelled(self, job: Job, question: Ask, answer: Answer, care: _Care) -> None:
        if answer.trouble not in ("", "final", "missing"):
            self._trouble(job, answer.why)
        elif question.remote_id in care.surplus:
            care.surplus.remove(question.remote_id)
        else:
            care.told_to_cancel = True

    def _settle(self, job: Job, ended: Found, care: _Care) -> None:
        by = f"cancelled by {job.cancelled_by}" if job.cancelled_by else "cancelled over there"
        reason = by if ended.state == "CANCELLED" else ended.reason or "IBM gives no reason"
        self._finish(job, Outcome(_FINAL[ended.state], reason), care)

    def _finish(self, job: Job, outcome: Outcome, care: _Care) -> None:
        metrics = care.ended.metrics if care.ended is not None else {}
        known = self._jobs.get(job.id).facts
        name = job.remote_backend or (care.ended.backend if care.ended is not None else "")
        facts: JobFacts = msgspec.structs.replace(known, remote=metrics, simulated=False, label=f"hardware: {name}")
        self._jobs.finish(
            job.id,
            outcome.state,
            at_us=self._clock(),
            reason=outcome.reason,
            result=None if outcome.result is None else encode(outcome.result),
            facts=facts,
        )

    def _trouble(self, job: Job, why: str) -> None:
        self._jobs.waits(job.id, f"IBM: {why}")
        if job.id in self._cares:
            self._later(self._cares[job.id])

    def _later(self, care: _Care) -> None:
        backoff = _URGENT_S if care.surplus or not care.is_swept else _BACKOFF_S
        wait_s = backoff[min(care.troubles, len(backoff) - 1)]
        care.due, care.troubles = time.monotonic() + min(wait_s, self._options.poll_s * 5), care.troubles + 1
