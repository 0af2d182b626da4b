"""Measures the queue of jobs: cancelling a large Aer job, starting a small one, and finding a remote one again.

Run with ``python -m tests.benchmarks.bench_jobs [cancel|start|attach] [--times 100] [--large 10]``. The queue runs in
a process of its own, as under an engine. Times are by the wall clock, from the request's commit on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pandora_core.quantum.jobs.alive import is_alive
from pandora_core.quantum.jobs.queue import FOLDER
from pandora_core.quantum.jobs.work import CircuitWork, Payload, RunOptions, new_job
from pandora_core.quantum.jobs.worker import JobFolder
from pandora_core.store.job_rows import Job, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from tests.benchmarks.jobs_campaign import BELL, children_of

SMALL_QUBITS, SMALL_LAYERS = 18, 400
"""4 MiB of amplitudes, and half a minute of work for Aer."""
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("cancel", "start", "attach", "all"), default="all")
    parser.add_argument("--times", type=int, default=100, help="Cancellations of a job that is small in memory.")
    parser.add_argument("--large", type=int, default=10, help="Cancellations of one that is not.")
    parser.add_argument("--qubits", type=int, default=25, help="Of the large one.")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        jobs = Jobs(Store(data / FILE_NAME))
        if given.what != "attach":
            with queue_on(data):
                settle(jobs, submit(jobs, 2, 1))  # the worker is warm
                if given.what != "cancel":
                    tell("start: queued to running", [start(jobs) for _ in range(given.times)])
                if given.what != "start":
                    cancellations(data, jobs, SMALL_QUBITS, SMALL_LAYERS, given.times)
                    cancellations(data, jobs, given.qubits, 40, given.large)
        if given.what in ("attach", "all"):
            attachments(data)


def cancellations(data: Path, jobs: Jobs, qubits: int, layers: int, times: int) -> None:
    both = [cancel(data, jobs, qubits, layers) for _ in range(times)]
    if both:
        tell(f"cancel: {qubits} qubits, process gone", [gone for gone, _ in both])
        tell(f"cancel: {qubits} qubits, row CANCELLED", [row for _, row in both])


def attachments(data: Path, times: int = 3) -> None:
    """A fresh process and the same machine's bare import of the runtime, in turn; load hits both alike."""
    bare, running, finished = [], [], []
    for number in range(times):
        bare.append(_timed([sys.executable, "-c", "import qiskit_ibm_runtime"]))
        running.append(attach(data / f"r{number}", run_s=30.0))
        finished.append(attach(data / f"f{number}", run_s=0.0))
    tell_both("bare: python -c 'import qiskit_ibm_runtime'", bare)
    tell_both("attach: a fresh process knows the state of a running remote job", running)
    tell_both("attach: a fresh process takes in a finished remote job", finished)


def cancel(data: Path, jobs: Jobs, qubits: int, layers: int) -> tuple[float, float]:
    """Seconds from the request until the process is gone, with its threads and memory, and until the row says so; Aer
    is at work when it comes.

    Aer holds the GIL in C++ for the whole run, whatever its size: a job of few qubits and many gates is ended the
    same way as a large one, which has more memory to give back besides.
    """
    job = submit(jobs, qubits, layers)
    enough = 12 << qubits if qubits >= 20 else 0
    job = until(jobs, job, lambda now: now.worker is not None and resident_bytes(now) > enough)
    if not enough:
        until(jobs, job, lambda now: _computed_s(now) > 0.5)  # beyond reading and transpiling, which take 0.2 s
    time.sleep(0.2)
    who = job.worker
    assert who is not None
    begun = time.perf_counter()
    jobs.cancel([job.id], actor="bench", at_us=now_us())
    place = JobFolder(data / FOLDER / job.id)
    while is_alive(who) or place.holder() is not None:
        time.sleep(0.0005)
    gone = time.perf_counter() - begun
    until(jobs, job, lambda now: now.state is JobState.CANCELLED)
    return gone, time.perf_counter() - begun


def start(jobs: Jobs) -> float:
    """Seconds in the queue of a small job on an idle machine."""
    done = settle(jobs, submit(jobs, 2, 1))
    return ((done.started_at_us or 0) - done.queued_at_us) / 1e6


def attach(data: Path, run_s: float) -> tuple[float, float]:
    """Seconds by the clock, and of processor time, from starting a fresh process until the row shows what became of a
    job over there: that it runs, or its result.
    """
    from tests import ibm_stand_in

    data.mkdir()
    server = ibm_stand_in.serve(ibm_stand_in.Platform(queue_s=2.0, run_s=run_s))
    jobs = Jobs(Store(data / FILE_NAME))
    payload = Payload(CircuitWork(qasm3=BELL), RunOptions(shots=50), "ibm")
    job = jobs.submit(new_job(payload, memory_limit_bytes=1), actor="bench", host="here", at_us=now_us())
    wanted = JobState.RUNNING if run_s else JobState.DONE
    try:
        first = _victim(data, server.url)
        until(jobs, job, lambda now: now.remote_id is not None)
        first.kill()
        first.wait()
        assert jobs.get(job.id).state not in (wanted, JobState.DONE)
        time.sleep(3.0)
        begun = time.perf_counter()
        second = _victim(data, server.url)
        until(jobs, job, lambda now: now.state is wanted)
        took, used = time.perf_counter() - begun, _tree_s(second.pid)
        second.terminate()
        second.wait()
    finally:
        server.shutdown()
        server.server_close()
    return took, used


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
    middle = statistics.median(ms)
    print(f"{what}: median {middle:.0f} ms, p99 {p99:.0f} ms, max {ms[-1]:.0f} ms, of {len(ms)}", flush=True)


def tell_both(what: str, found: list[tuple[float, float]]) -> None:
    clock, used = ([round(each, 2) for each in column] for column in zip(*found, strict=True))
    print(f"{what}: by the clock {sorted(clock)} s, processor {sorted(used)} s", flush=True)


def now_us() -> int:
    return time.time_ns() // 1000


@contextlib.contextmanager
def queue_on(data: Path) -> Iterator[None]:
    """The queue of a data folder in a process of its own, without a network."""
    command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "jobs", "run", "--linger", "600"]
    process = subprocess.Popen(command, env=os.environ | {"PANDORA_AIR_GAPPED": "1"})
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _victim(data: Path, url: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.jobs_campaign", "--be-queue", str(data), url],
        env=kept | {"IAM_URL": url, "NO_PROXY": ""},
    )


def _timed(command: list[str]) -> tuple[float, float]:
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, check=True)
    took, after = time.perf_counter() - begun, os.times()
    return took, after.children_user + after.children_system - before.children_user - before.children_system


def _computed_s(job: Job) -> float:
    return _used_s(job.worker_pid or 0)


def _tree_s(pid: int) -> float:
    """Processor time of a process and its children so far."""
    return _used_s(pid) + sum(_used_s(child) for child in children_of(pid))


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(job: Job) -> int:
    try:
        return int(Path(f"/proc/{job.worker_pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
