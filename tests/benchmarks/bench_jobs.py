"""Measures the queue of jobs: cancelling a large Aer job, starting a small one, and finding a remote one again.

Run with ``python -m tests.benchmarks.bench_jobs [cancel|start|attach] [--times 20] [--qubits 25]``. The queue runs in
a process of its own, as under an engine. Times are by the wall clock, from the request's commit on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pandora_core.quantum.alive import is_alive
from pandora_core.quantum.jobs import CircuitWork, Payload, RunOptions, new_job
from pandora_core.store.job_rows import Job, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("cancel", "start", "attach", "all"), default="all")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--qubits", type=int, default=25)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        jobs = Jobs(Store(data / FILE_NAME))
        if given.what in ("cancel", "start", "all"):
            with _queue(data):
                settle(jobs, submit(jobs, 2, 1))  # the worker is warm
                if given.what != "cancel":
                    tell("start: queued to running", [start(jobs) for _ in range(given.times)])
                if given.what != "start":
                    both = [cancel(jobs, given.qubits) for _ in range(given.times)]
                    tell(f"cancel: {given.qubits} qubits, process gone", [gone for gone, _ in both])
                    tell(f"cancel: {given.qubits} qubits, row CANCELLED", [row for _, row in both])
        if given.what in ("attach", "all"):
            tell("attach: a fresh process finds a finished remote job", [attach(data / f"a{n}") for n in range(3)])


def cancel(jobs: Jobs, qubits: int) -> tuple[float, float]:
    """Seconds from the request until the process is gone, and until the row says so; Aer is at work when it comes."""
    job = submit(jobs, qubits, 40)
    job = until(jobs, job, lambda now: now.worker is not None and _resident(now) > (12 << qubits))
    time.sleep(0.2)
    who = job.worker
    assert who is not None
    begun = time.perf_counter()
    jobs.cancel([job.id], actor="bench", at_us=now_us())
    while is_alive(who):
        time.sleep(0.0005)
    gone = time.perf_counter() - begun
    until(jobs, job, lambda now: now.state is JobState.CANCELLED)
    return gone, time.perf_counter() - begun


def start(jobs: Jobs) -> float:
    """Seconds in the queue of a small job on an idle machine."""
    done = settle(jobs, submit(jobs, 2, 1))
    return ((done.started_at_us or 0) - done.queued_at_us) / 1e6


def attach(data: Path) -> float:
    """Seconds from starting a fresh process until it has taken in a job that had finished over there."""
    from tests import ibm_stand_in
    from tests.benchmarks.jobs_campaign import BELL

    data.mkdir()
    server = ibm_stand_in.serve(ibm_stand_in.Platform(queue_s=0.0, run_s=0.0))
    jobs = Jobs(Store(data / FILE_NAME))
    payload = Payload(CircuitWork(qasm3=BELL), RunOptions(shots=50), "ibm")
    job = jobs.submit(new_job(payload, memory_limit_bytes=1), actor="bench", host="here", at_us=now_us())
    try:
        first = _victim(data, server.url)
        until(jobs, job, lambda now: now.remote_id is not None)
        first.kill()
        first.wait()
        assert not jobs.get(job.id).state.is_final
        time.sleep(1.0)
        begun = time.perf_counter()
        second = _victim(data, server.url)
        until(jobs, job, lambda now: now.state is JobState.DONE)
        took = time.perf_counter() - begun
        second.terminate()
        second.wait()
    finally:
        server.shutdown()
        server.server_close()
    return took


def submit(jobs: Jobs, qubits: int, layers: int) -> Job:
    lines = [f"{HEAD}qubit[{qubits}] q; bit[{qubits}] c;"]
    for layer in range(layers):
        lines += [f"rx({0.1 + layer}) q[{qubit}];" for qubit in range(qubits)]
        lines += [f"cx q[{qubit}], q[{qubit + 1}];" for qubit in range(qubits - 1)]
    work = CircuitWork(qasm3="\n".join([*lines, "c = measure q;"]))
    payload = Payload(work, RunOptions(shots=10, level=0), "aer")
    new = new_job(payload, memory_limit_bytes=16 << 30)
    return jobs.submit(new, actor="bench", host="here", at_us=now_us())


def settle(jobs: Jobs, job: Job) -> Job:
    return until(jobs, job, lambda now: now.state is JobState.DONE)


def until(jobs: Jobs, job: Job, is_so: Callable[[Job], bool], timeout_s: float = 120.0) -> Job:
    deadline = time.monotonic() + timeout_s
    while not is_so(now := jobs.get(job.id)):
        assert time.monotonic() < deadline, now
        assert now.state is not JobState.ERROR, now.reason
        time.sleep(0.001)
    return now


def tell(what: str, seconds: list[float]) -> None:
    ms = sorted(1000 * each for each in seconds)
    p99 = ms[min(len(ms) - 1, round(0.99 * len(ms)))]
    print(f"{what}: median {statistics.median(ms):.0f} ms, p99 {p99:.0f} ms, of {len(ms)}", flush=True)


def now_us() -> int:
    return time.time_ns() // 1000


class _queue:  # noqa: N801 - used like a function
    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "jobs", "run", "--linger", "600"]
        self._process = subprocess.Popen(command, env=os.environ | {"PANDORA_AIR_GAPPED": "1"})

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def _victim(data: Path, url: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.jobs_campaign", "--be-queue", str(data), url],
        env=kept | {"IAM_URL": url, "NO_PROXY": ""},
    )


def _resident(job: Job) -> int:
    try:
        return int(Path(f"/proc/{job.worker_pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
