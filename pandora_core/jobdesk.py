"""Owns the wiring of quantum jobs: settings in; submitting, awaiting, and running the queue of a data folder out."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pandora_core import bootstrap, process
from pandora_core.config import Settings
from pandora_core.errors import EngineError, RefusedError
from pandora_core.store.job_rows import DEFAULT_PRIORITY, NO_ENGINE, Job, NewJob

if TYPE_CHECKING:  # imported where they are used: commands answer --help without them
    from pandora_core.quantum.ibm.client import Answer, Device
    from pandora_core.quantum.ibm.remote import ClientProcess
    from pandora_core.quantum.ibm.rest import Access
    from pandora_core.quantum.jobs.queue import Queue, QueueOptions, Remote
    from pandora_core.quantum.jobs.work import Payload
    from pandora_core.store.jobs import Jobs

LINGER_S = 60.0
"""How long a process that runs the queue stays, its worker warm, when there is nothing to do."""
_LOOK_S = 0.1


@contextlib.contextmanager
def opened(data: Path | None) -> Iterator[Jobs]:
    """The jobs of a data folder."""
    from pandora_core.store.jobs import Jobs

    with bootstrap.opened(data) as store:
        yield Jobs(store)


def prepared(
    settings: Settings,
    payload: Payload,
    *,
    label: str = "",
    priority: int = DEFAULT_PRIORITY,
    subject: str | None = None,
) -> NewJob:
    """A payload checked against what there is on this machine, ready for ``Jobs.submit``.

    Raises:
        ConfigError: it cannot be run by anything.
        RefusedError: it would take more memory than workers may have, or a network that is not to be used.
    """
    from pandora_core.quantum.jobs import backends, work

    backends.check_name(payload.backend)
    if settings.air_gapped and payload.backend.partition(":")[0] == "ibm":
        raise RefusedError("there is no network here (air_gapped)", where=payload.backend, hint="--backend aer")
    limit = _options(settings).memory_bytes
    reason = "" if is_tended(settings.data) else NO_ENGINE
    return work.new_job(
        payload, memory_limit_bytes=limit, label=label, priority=priority, subject=subject, reason=reason
    )


def submit(jobs: Jobs, new: NewJob) -> Job:
    """Put a job into the queue in the name of the person at the keyboard."""
    return jobs.submit(new, actor=bootstrap.actor(), host=socket.gethostname(), at_us=bootstrap.now_us())


def again(settings: Settings, jobs: Jobs, job_id: str, backend: str | None = None) -> Job:
    """Submit a finished job anew, on the same backend or another.

    Raises:
        RefusedError: it is not finished, or would take more memory than workers may have.
    """
    old = jobs.get(job_id)
    new = None if backend in (None, old.backend) else _elsewhere(settings, jobs, old, str(backend))
    reason = "" if is_tended(settings.data) else NO_ENGINE
    return jobs.repeat(
        old.id, new, actor=bootstrap.actor(), host=socket.gethostname(), at_us=bootstrap.now_us(), reason=reason
    )


def is_tended(data: Path) -> bool:
    """Whether somebody runs the queue of a data folder, or an engine is there that will."""
    return process.running_pid(data, process.WORKER_LOCK_NAME) is not None or process.running_pid(data) is not None


def wait_for(settings: Settings, jobs: Jobs, ids: Sequence[str], seen: Callable[[Job], None]) -> list[Job]:
    """Wait until jobs are final, and run the queue here whenever neither an engine nor anybody else does.

    ``seen`` is called with every job of them whenever it has changed.
    """
    changes: dict[str, int] = {}

    def is_over() -> bool:
        found = [jobs.get(job_id) for job_id in ids]
        for job in found:
            if changes.get(job.id) != job.change:
                changes[job.id] = job.change
                seen(job)
        return all(job.state.is_final for job in found)

    while not is_over():
        if process.running_pid(settings.data) is None:  # else the engine has it run
            with process.worker_lock(settings.data) as mine:
                if mine:
                    queue_of(settings, jobs).run(is_over)
        time.sleep(_LOOK_S)
    return [jobs.get(job_id) for job_id in ids]


def run_queue(data: Path | None, linger_s: float = LINGER_S) -> None:
    """Be the process that runs the queue, until it is empty for a while or SIGTERM comes."""
    settings, stop = bootstrap.settings_of(data), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    last_open = time.monotonic()
    with opened(data) as jobs:

        def is_over() -> bool:
            nonlocal last_open
            if jobs.has_open():
                last_open = time.monotonic()
            return stop.is_set() or time.monotonic() - last_open > linger_s

        while not is_over():
            with process.worker_lock(settings.data) as mine:
                if mine:
                    queue_of(settings, jobs).run(is_over)
            stop.wait(_LOOK_S)


def devices(settings: Settings, timeout_s: float = 60.0) -> list[Device]:
    """IBM's machines, by a client process of its own.

    Raises:
        RefusedError: there is no network to be used.
        VaultLockedError: the token is in the vault, and that is locked.
        EngineError: IBM did not answer.
    """
    if settings.air_gapped:
        raise RefusedError("there is no network here (air_gapped)", where="ibm")
    from pandora_core.quantum.ibm.client import Ask
    from pandora_core.quantum.ibm.remote import ClientProcess, LateError, RemoteOptions

    client = ClientProcess(_access(settings), settings.data / "ibm.log", RemoteOptions(deadline_s=timeout_s))
    try:
        for question in (Ask("load"), Ask("backends")):
            _heard(client)  # that it has started; that it has loaded
            client.ask(question)
        answer = _heard(client)
    except LateError as error:
        raise EngineError(str(error), where="ibm", hint="look at ibm.log in the data folder") from error
    finally:
        client.close()
    if answer.trouble:
        raise EngineError(answer.why, where="ibm", hint="check the token and the network")
    return answer.devices


def queue_of(settings: Settings, jobs: Jobs) -> Queue:
    """The queue of a data folder; only for the holder of ``worker.lock``."""
    from pandora_core.quantum.jobs.queue import Queue

    return Queue(jobs, settings.data, _options(settings), _remote(settings, jobs), bootstrap.now_us)


def _heard(client: ClientProcess) -> Answer:
    while (answer := client.hear()) is None:
        time.sleep(0.02)
    return answer


def _elsewhere(settings: Settings, jobs: Jobs, old: Job, backend: str) -> NewJob:
    import msgspec

    from pandora_core.quantum.jobs.work import payload_of

    payload = msgspec.structs.replace(payload_of(jobs.payload(old.id)), backend=backend)
    return prepared(settings, payload, label=old.label, priority=old.priority, subject=old.subject)


def _options(settings: Settings) -> QueueOptions:
    from pandora_core.quantum.jobs.queue import QueueOptions

    slots = settings.jobs_slots or max(1, (os.cpu_count() or 1) - 1)
    memory = int(settings.jobs_memory_gb * 2**30) or _machine_bytes() // 2
    return QueueOptions(slots, memory)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _remote(settings: Settings, jobs: Jobs) -> Remote:
    """In the air gap nothing of IBM's client is ever loaded."""
    if settings.air_gapped:
        from pandora_core.quantum.jobs.queue import AirGapped

        return AirGapped(jobs)
    from pandora_core.quantum.ibm.remote import RemoteDesk

    return RemoteDesk(jobs, lambda: _access(settings), settings.data / "ibm.log", bootstrap.now_us)


def _access(settings: Settings) -> Access:
    """Raises the errors of :func:`~pandora_core.vault.agent.credentials.lease`: locked, or not there."""
    from pandora_core.quantum.ibm.rest import Access
    from pandora_core.vault.agent import credentials

    with credentials.lease(settings.data, credentials.IBM_QUANTUM) as secret:
        text = bytes(secret.view).decode()
    return Access(text, settings.ibm_instance, settings.ibm_url, settings.ibm_proxy)
