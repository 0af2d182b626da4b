"""A queue on a folder of its own, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pandora_core.quantum.jobs.queue import AirGapped, Queue, QueueOptions, Remote
from pandora_core.quantum.jobs.work import CircuitWork, Payload, RunOptions, Work, new_job
from pandora_core.quantum.jobs.worker import WarmWorker
from pandora_core.store.job_rows import Job, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store

_OPTIONS = ("level", "mitigation", "mode", "twirling", "dynamical_decoupling")
BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q; bit[2] c;
h q[0]; cx q[0], q[1];
c = measure q;
"""


def now_us() -> int:
    return time.time_ns() // 1000


def long_circuit(qubits: int, layers: int) -> str:
    """Minutes of work on Aer, if it is let."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{qubits}] q; bit[{qubits}] c;"]
    for layer in range(layers):
        lines += [f"rx({0.1 + layer}) q[{qubit}];" for qubit in range(qubits)]
        lines += [f"cx q[{qubit}], q[{qubit + 1}];" for qubit in range(qubits - 1)]
    return "\n".join([*lines, "c = measure q;"])


class Desk:
    """A store's jobs and who runs them."""

    def __init__(self, data: Path, warm: WarmWorker | None = None) -> None:
        self.data, self.warm = data, warm
        self.store = Store(data / FILE_NAME)
        self.jobs = Jobs(self.store)

    def submit(self, work: Work | None = None, backend: str = "aer", shots: int = 200, **more: object) -> Job:
        options = RunOptions(shots=shots, seed=7, **{k: more.pop(k) for k in _OPTIONS if k in more})
        payload = Payload(work or CircuitWork(qasm3=BELL), options, backend, more.pop("calibration", None))
        new = new_job(payload, memory_limit_bytes=4 << 30, **more)
        return self.jobs.submit(new, actor="ann", host="here", at_us=now_us())

    @contextmanager
    def queue(self, slots: int = 1, remote: Remote | None = None, **options: int) -> Iterator[Queue]:
        chosen = QueueOptions(slots, options.pop("memory_bytes", 8 << 30), **options)
        made = Queue(self.jobs, self.data, chosen, remote or AirGapped(self.jobs), now_us, self.warm)
        try:
            yield made
        finally:
            made.close()

    def until(self, queue: Queue, is_so: Callable[[], bool], timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, [(j.id, j.state, j.reason) for j in self.jobs.open_jobs()]
            queue.step()

    def finished(self, queue: Queue, *jobs: Job) -> list[Job]:
        self.until(queue, lambda: all(self.jobs.get(job.id).state.is_final for job in jobs))
        return [self.jobs.get(job.id) for job in jobs]

    def running(self, queue: Queue, job: Job) -> Job:
        self.until(queue, lambda: self.jobs.get(job.id).state is JobState.RUNNING)
        return self.jobs.get(job.id)
