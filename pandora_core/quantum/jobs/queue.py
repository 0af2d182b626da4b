"""Owns the running of the queue: which job goes next, into which worker, and what becomes of it when something dies.

One process at a time runs the queue, under ``worker.lock``. It holds no truth: every pass reads the open jobs from
the store and looks at their processes and folders, so that a successor goes on where it was killed. A job whose
process is alive is taken over; one that left an outcome is settled by it; one that left nothing is queued again.
"""

from __future__ import annotations

import logging
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from pandora_core.detect.words import amount
from pandora_core.quantum.jobs.alive import end, identity_of, is_alive
from pandora_core.quantum.jobs.work import Outcome, encode
from pandora_core.quantum.jobs.worker import JobFolder, WarmWorker
from pandora_core.store.job_rows import AIR_GAPPED, NO_ENGINE, Identity, Job, JobState
from pandora_core.store.jobs import Jobs

log = logging.getLogger(__name__)

FOLDER = "jobs"
_BUSY_S, _IDLE_S = 0.01, 0.2
"""How long a pass waits for news: a cancellation is seen this soon."""
_PATIENCE_S = 0.25
"""From SIGTERM to SIGKILL."""


class QueueOptions(NamedTuple):
    """What workers may take."""

    slots: int
    memory_bytes: int
    max_attempts: int = 3
    """A job whose worker dies so often is an ERROR."""


class Remote(Protocol):
    """Who takes care of the jobs of IBM's machines."""

    def tend(self, jobs: Sequence[Job]) -> bool:
        """Do what can be done without waiting; whether it is waiting for an answer."""

    def close(self) -> None:
        """Let the client process go."""


class AirGapped:
    """Takes care of remote jobs where there is no network: by saying so. Opens nothing."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def tend(self, jobs: Sequence[Job]) -> bool:
        for job in jobs:
            self._jobs.waits(job.id, AIR_GAPPED)
        return False

    def close(self) -> None:
        return None


class Queue:
    """Runs jobs. ``clock`` gives microseconds since the epoch."""

    def __init__(
        self,
        jobs: Jobs,
        data: Path,
        options: QueueOptions,
        remote: Remote,
        clock: Callable[[], int],
        warm: WarmWorker | None = None,
    ) -> None:
        """``warm`` is a warm worker that is there already; it stays when the queue is closed."""
        self._jobs, self._options, self._remote, self._clock = jobs, options, remote, clock
        self._folder = data / FOLDER
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._log = data / "worker.log"
        self._warm, self._kept = warm, warm
        self._asked: set[str] = set()
        """Jobs whose child this warm worker was asked for and has not yet told of."""
        self._told_to_end: dict[Identity, float] = {}
        self._told: dict[str, str] = {}
        self._seen = -1
        self._open: list[Job] = []
        self._sweep()
        jobs.welcome()

    def run(self, is_over: Callable[[], bool]) -> None:
        """Work until told to stop; what then still runs here is ended and goes back into the queue."""
        try:
            while not is_over():
                self.step()
        finally:
            self.close()

    def step(self) -> bool:
        """One pass, and a short wait for news; whether anything is open."""
        self._look()
        ours = [job for job in self._open if not job.is_remote]
        for job in ours:
            if job.state is not JobState.QUEUED:
                self._tend(job)
        self._start(ours)
        asking = self._remote.tend([job for job in self._open if job.is_remote])
        busy = asking or any(job.state is not JobState.QUEUED for job in ours)
        self._wait(_BUSY_S if busy or self._asked else _IDLE_S)
        return bool(self._open)

    def warm_up(self) -> None:
        """Start the warm worker before there is a job for it."""
        self._worker()

    def close(self) -> None:
        """End what runs here and put it back into the queue; remote jobs go on where they are."""
        for job in (job for job in self._jobs.open_jobs() if not job.is_remote):
            if job.state is not JobState.QUEUED:
                self._give_back(job)
        if self._warm is not None and self._warm is not self._kept:
            self._warm.close()
        self._warm = None
        self._remote.close()

    def _look(self) -> None:
        """Read the open jobs again, if anything was committed since."""
        change = self._jobs.newest_change()
        if change != self._seen:
            self._open, self._seen = self._jobs.open_jobs(), change

    def _tend(self, job: Job) -> None:
        """Look after a job that is given to a worker."""
        who = job.worker or self._starting(job)
        if who is None and job.id in self._asked:
            return
        if who is not None and is_alive(who):
            if job.worker is None:
                self._jobs.started(job.id, who, at_us=self._clock())
            if job.cancelled_by is not None:
                self._stop(who)
            else:
                self._tell(job)
            return
        self._settle(job, who)

    def _starting(self, job: Job) -> Identity | None:
        """The process of a child that was asked for, if it is known by now and lives."""
        if self._warm is None:
            return None
        pid = self._warm.started.pop(job.id, None)
        if pid is not None or not self._warm.is_alive:
            self._asked.discard(job.id)
        return None if pid is None else identity_of(pid)

    def _settle(self, job: Job, who: Identity | None) -> None:
        """No known process runs it. The lock is looked at before the outcome: nobody writes one without it."""
        folder = self._place(job)
        holder = folder.holder()
        if holder is not None:
            if holder.pid:
                self._jobs.started(job.id, holder, at_us=self._clock())
            return
        if folder.result.exists():
            self._finish(job, msgspec.json.decode(folder.result.read_bytes(), type=Outcome))
        elif job.cancelled_by is not None:
            self._finish(job, Outcome(JobState.CANCELLED, f"cancelled by {job.cancelled_by}"))
        elif job.attempts >= self._options.max_attempts:
            why = f"its worker died {amount(job.attempts, 'time')}{self._how(who)}"
            self._finish(job, Outcome(JobState.ERROR, why))
        else:
            self._jobs.requeue(job.id, f"its worker died{self._how(who)}; attempt {job.attempts + 1} follows")
            log.warning("%s: its worker died%s", job.id, self._how(who))

    def _finish(self, job: Job, outcome: Outcome) -> None:
        """The store first: once it is there, the folder is of no more use."""
        folder = self._place(job)
        said = folder.log.read_text("utf-8", "replace") if folder.log.exists() else ""
        self._jobs.finish(
            job.id,
            outcome.state,
            at_us=self._clock(),
            reason=outcome.reason,
            result=None if outcome.result is None else encode(outcome.result),
            log=said,
            facts=outcome.facts,
        )
        self._forget(folder)

    def _start(self, jobs: Sequence[Job]) -> None:
        """Give what waits to free slots, in order; a large job that has to wait for memory is not overtaken."""
        running = [job for job in jobs if job.state is not JobState.QUEUED]
        free, memory = self._options.slots - len(running), sum(job.memory_bytes for job in running)
        for job in jobs:
            if job.state is not JobState.QUEUED:
                continue
            if free <= 0 or (running and memory + job.memory_bytes > self._options.memory_bytes):
                return
            if self._jobs.claim(job.id, at_us=self._clock()):
                self._hand_over(job)
                running.append(job)
                free, memory = free - 1, memory + job.memory_bytes

    def _hand_over(self, job: Job) -> None:
        folder = self._place(job)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        part = folder.path / "payload.part"
        part.write_bytes(self._jobs.payload(job.id))
        part.rename(folder.payload)
        warm = self._worker()
        self._asked.add(job.id)
        try:
            warm.start(job.id, folder)
        except OSError:  # it has just died; the job is found without a process and goes back
            self._asked.discard(job.id)

    def _worker(self) -> WarmWorker:
        if self._warm is None or not self._warm.is_alive:
            if self._warm is not None and self._warm is not self._kept:
                self._warm.close()
            self._asked.clear()
            self._warm = WarmWorker(self._log, self._options.slots)
        return self._warm

    def _stop(self, who: Identity) -> None:
        now = time.monotonic()
        first = self._told_to_end.setdefault(who, now)
        if first == now:
            end(who, signal.SIGTERM)
        elif now - first > _PATIENCE_S:
            end(who, signal.SIGKILL)

    def _give_back(self, job: Job) -> None:
        """End its process for good, then see what became of it; a job that had just finished is finished."""
        folder = self._place(job)
        deadline = time.monotonic() + 5.0
        while (who := folder.holder() or self._living(job)) is not None and time.monotonic() < deadline:
            if who.pid:
                self._stop(who)
            self._wait(_BUSY_S)
        if folder.result.exists() or job.cancelled_by is not None:
            self._settle(job, None)
        else:
            self._jobs.requeue(job.id, NO_ENGINE)

    def _living(self, job: Job) -> Identity | None:
        who = job.worker or self._starting(job)
        if who is not None and is_alive(who):
            return who
        return Identity(0, "") if job.id in self._asked else None

    def _wait(self, wait_s: float) -> None:
        if self._warm is None:
            time.sleep(wait_s)
        else:
            self._warm.listen(wait_s)

    def _tell(self, job: Job) -> None:
        """Progress, where the worker tells it."""
        path = self._place(job).progress
        if path.exists() and (text := path.read_text("utf-8", "replace")) != self._told.get(job.id):
            self._told[job.id] = text
            self._jobs.waits(job.id, text)

    def _how(self, who: Identity | None) -> str:
        ended = self._warm.ended if self._warm is not None else []
        how = next((each.how for each in reversed(ended) if who is not None and each.pid == who.pid), "")
        return f" ({how})" if how else ""

    def _place(self, job: Job) -> JobFolder:
        return JobFolder(self._folder / job.id)

    def _forget(self, folder: JobFolder) -> None:
        """The payload first: a child that is late finds nothing to do."""
        folder.payload.unlink(missing_ok=True)
        shutil.rmtree(folder.path, ignore_errors=True)
        self._told.pop(folder.path.name, None)

    def _sweep(self) -> None:
        """Folders of jobs that were settled just before somebody died."""
        known = {job.id for job in self._jobs.open_jobs()}
        for path in self._folder.iterdir():
            if path.is_dir() and path.name not in known:
                self._forget(JobFolder(path))
