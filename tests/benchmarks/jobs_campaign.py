"""A campaign of random faults and kills against the queue of jobs: nothing lost, nothing executed twice.

Run with ``python -m tests.benchmarks.jobs_campaign [--faults 1000] [--seed 1]``. A queue runs in its own process,
with real workers and the real IBM client against the stand-in; all of them are killed at random, replies of
submissions are lost or cut, and jobs are cancelled. A fault of a request counts when a request has met it: each waits
for the first or second request of its kind, so that different moments are hit. Then the faults end, the queue
drains, and books are compared:

* lost: jobs that did not reach a final state, or are gone;
* twice: jobs of this machine of which two processes left an outcome;
* surplus: jobs over there, beyond one of a tag, that were neither cancelled nor failed.

``--queue-s`` says how long a job is queued over there; what must be cancelled can be cancelled only then. With
``--repeated`` something between repeats requests besides, against RFC 9110: no client can prevent a second job then,
and if that is not found and cancelled while it is queued, it is surplus.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pandora_core.quantum.ibm.remote import RemoteDesk, RemoteOptions
from pandora_core.quantum.ibm.rest import Access
from pandora_core.quantum.jobs.alive import identity_of
from pandora_core.quantum.jobs.queue import Queue, QueueOptions
from pandora_core.quantum.jobs.work import CircuitWork, Payload, RunOptions, new_job
from pandora_core.store.job_rows import Job, JobFilter, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from tests import ibm_stand_in
from tests.ibm_stand_in import Platform

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q; bit[2] c;\nh q[0]; cx q[0], q[1];\nc = measure q;\n'
ME = (sys.executable, "-m", "tests.benchmarks.jobs_campaign")
OPEN_AT_ONCE = 12
WAITING_AT_ONCE, LATEST = 3, 2
"""Faults that wait for a request of their kind at a time, and the last request that one is set for."""
KILLS = ("queue", "warm worker", "child", "client")
WEIGHTS = {
    "queue": 3,
    "warm worker": 3,
    "child": 8,
    "client": 4,
    "lost": 16,
    "dropped": 16,
    "unavailable": 10,
    "slow": 1,
    "late": 8,
    "weather lost": 14,
    "weather dropped": 14,
    "cancel": 5,
}


class Verdict(NamedTuple):
    """What the books say at the end."""

    faults: Counter[str]
    jobs: int
    states: Counter[str]
    lost: list[str]
    twice: list[str]
    surplus: list[str]
    restarts: int
    submissions: int
    """Requests to make a job over there that one intent took at the most."""
    seconds: float

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.surplus)


def now_us() -> int:
    return time.time_ns() // 1000


QUEUE_S = 3.0
"""How long a job is queued in the stand-in; a machine that is in demand takes minutes to hours."""
REPEATED = {"repeated": 8}


class Campaign:
    """The victim and the one who torments it."""

    def __init__(self, data: Path, seed: int, queue_s: float, weights: Mapping[str, int] = WEIGHTS) -> None:
        self.data, self.rng, self.weights = data, random.Random(seed), weights
        self.store = Store(data / FILE_NAME)
        self.jobs = Jobs(self.store)
        self.server = ibm_stand_in.serve(Platform(queue_s=queue_s, run_s=0.1))
        self.submitted: list[str] = []
        self.faults: Counter[str] = Counter()
        self.restarts = -1
        self.queue = self._start()

    def run(self, faults: int) -> Verdict:
        begun = time.monotonic()
        while self.hit < faults:
            self._fill()
            self._one_fault()
            time.sleep(self.rng.uniform(0.05, 0.8))
            self._keep_up()
        self.server.platform.faults.clear()
        self.server.platform.weather.clear()
        self._drain(240.0)
        return self._verdict(time.monotonic() - begun)

    @property
    def hit(self) -> int:
        """Kills and cancellations that were carried out, and faults that a request has met."""
        return (self.faults + self.server.platform.met).total()

    def close(self) -> None:
        self.queue.terminate()
        self.queue.wait(20)
        self.server.shutdown()
        self.server.server_close()
        self.store.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self.restarts += 1
        drop = ("http_proxy", "https_proxy", "all_proxy")
        kept = {name: value for name, value in os.environ.items() if name.lower() not in drop}
        with (self.data / "queue.err").open("ab") as sink:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.benchmarks.jobs_campaign",
                    "--be-queue",
                    str(self.data),
                    self.server.url,
                ],
                env=kept | {"IAM_URL": self.server.url, "NO_PROXY": "", "no_proxy": ""},
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )

    def _keep_up(self) -> None:
        if self.queue.poll() is not None:
            self.queue = self._start()

    def _fill(self) -> None:
        for _ in range(OPEN_AT_ONCE - len(self.jobs.open_jobs())):
            backend = self.rng.choice(("aer", "ibm"))
            circuit = BELL if backend == "ibm" else _long(self.rng.choice((2, 12, 12)))
            payload = Payload(CircuitWork(qasm3=circuit), RunOptions(shots=50, seed=1), backend)
            new = new_job(payload, memory_limit_bytes=4 << 30, priority=self.rng.randrange(10))
            self.submitted.append(self.jobs.submit(new, actor="campaign", host="here", at_us=now_us()).id)

    def _one_fault(self) -> None:
        (kind,) = self.rng.choices(list(self.weights), list(self.weights.values()))
        if kind in KILLS:
            pid = self._pid(kind)
            if pid is None:
                return
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        elif kind == "cancel":
            found = self.jobs.open_jobs()
            if not found:
                return
            self.jobs.cancel([self.rng.choice(found).id], actor="campaign", at_us=now_us())
        else:
            self._set(kind)
            return  # it counts when it is met
        self.faults[kind] += 1

    def _set(self, kind: str) -> None:
        """A fault for the n-th request of its kind from now, unless enough of them wait."""
        platform = self.server.platform
        waiting = platform.weather if kind.startswith("weather") else platform.faults
        with platform.lock:
            if sum(map(bool, waiting)) < WAITING_AT_ONCE:
                blank = self.rng.randrange(LATEST) - len(waiting)
                waiting += [""] * max(blank, 0) + [kind.removeprefix("weather ")]

    def _pid(self, kind: str) -> int | None:
        if kind == "queue":
            return self.queue.pid
        below = children_of(self.queue.pid)
        named = {"warm worker": "pandora_core.quantum.jobs.worker", "client": "pandora_core.quantum.ibm.client"}
        if kind in named:
            return next((pid for pid in below if named[kind] in _command(pid)), None)
        warm = [pid for pid in below if "pandora_core.quantum.jobs.worker" in _command(pid)]
        return next((child for pid in warm for child in children_of(pid)), None)

    def _drain(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.jobs.has_open() and time.monotonic() < deadline:
            self._keep_up()
            time.sleep(0.1)

    def _verdict(self, seconds: float) -> Verdict:
        known = {job.id: job for job in self.jobs.find(JobFilter(), now_us=now_us(), limit=100_000)}
        lost = [i for i in self.submitted if i not in known or not known[i].state.is_final]
        lost += [job.id for job in known.values() if job.state is JobState.DONE and self.jobs.result(job.id) is None]
        lost += [f"{job.id}: {job.reason}" for job in known.values() if job.state is JobState.ERROR]
        here = [job for job in known.values() if not job.is_remote]
        twice = [job.id for job in here if self.jobs.log(job.id).count("left the outcome") > 1]
        logged = sum("runs the job" in self.jobs.log(job.id) for job in here if job.state is JobState.DONE)
        assert logged, "the logs do not tell of executions: nothing could be seen to run twice"
        surplus = [job.id for job in known.values() if job.is_remote and not self._is_alone(job)]
        states = Counter(str(job.state) for job in known.values())
        platform = self.server.platform
        met, most = self.faults + platform.met, max(platform.submissions.values(), default=0)
        return Verdict(met, len(known), states, lost, twice, surplus, self.restarts, most, seconds)

    def _is_alone(self, job: Job) -> bool:
        alive = [
            each["id"]
            for each in self.server.platform.of_tag(job.tag)
            if each["state"]["status"] not in ("Cancelled", "Failed")
        ]
        return alive == [job.remote_id] if job.state is JobState.DONE else not alive


def be_queue(data: Path, url: str) -> None:
    """The victim: a queue with impatient options."""
    stop = False

    def told(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, told)
    store = Store(data / FILE_NAME)
    jobs = Jobs(store)
    access = Access("token", ibm_stand_in.CRN, "http://cloud.test", url)
    options = RemoteOptions(deadline_s=5.0, poll_s=0.2, grace_s=3.0)
    remote = RemoteDesk(jobs, lambda: access, data / "ibm.log", now_us, options)
    Queue(jobs, data, QueueOptions(2, 8 << 30, max_attempts=10_000), remote, now_us).run(lambda: stop)
    store.close()


def campaign(
    data: Path,
    faults: int,
    seed: int,
    *,
    queue_s: float = QUEUE_S,
    weights: Mapping[str, int] = WEIGHTS,
    say: Callable[[str], None] = print,
) -> Verdict:
    """Run one; the figures are printed."""
    victim = Campaign(data, seed, queue_s, weights)
    try:
        verdict = victim.run(faults)
    finally:
        victim.close()
    say(f"{sum(verdict.faults.values())} faults in {verdict.seconds:.0f} s: {dict(verdict.faults)}")
    say(f"{verdict.jobs} jobs: {dict(verdict.states)}; the queue was started anew {verdict.restarts} times")
    say(f"an intent was submitted {verdict.submissions} times at the most")
    say(f"lost {len(verdict.lost)}, executed twice {len(verdict.twice)}, surplus {len(verdict.surplus)}")
    for what in ("lost", "twice", "surplus"):
        say(f"  {what}: {getattr(verdict, what)[:10]}")
    return verdict


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queue-s", type=float, default=QUEUE_S)
    parser.add_argument("--repeated", action="store_true", help="Requests are repeated on their way, too.")
    parser.add_argument("--be-queue", nargs=2, metavar=("DATA", "URL"))
    given = parser.parse_args(arguments)
    if given.be_queue:
        be_queue(Path(given.be_queue[0]), given.be_queue[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = WEIGHTS | REPEATED if given.repeated else WEIGHTS
        verdict = campaign(Path(folder), given.faults, given.seed, queue_s=given.queue_s, weights=weights)
    sys.exit(0 if verdict.is_clean else 1)


def _long(qubits: int) -> str:
    """Long enough to be killed in the middle of it."""
    lines = [f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[{qubits}] q; bit[{qubits}] c;']
    for layer in range(15):
        lines += [f"rx({0.1 + layer}) q[{qubit}];" for qubit in range(qubits)]
        lines += [f"cx q[{qubit}], q[{qubit + 1}];" for qubit in range(qubits - 1)]
    return "\n".join([*lines, "c = measure q;"])


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(text) for text in task.read_text().split()]
        except OSError:
            continue
    return [child for child in found if identity_of(child) is not None]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
