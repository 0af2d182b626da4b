"""The engine, the queue and its workers as processes: an escalation comes back once, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from escalating import Scene

from pandora_core import process
from pandora_core.detect.incidents.assessment import Assessment, Outcome, assessments_of, reasons_of
from pandora_core.store.job_rows import JobFilter, JobState
from pandora_core.store.operator import Operator

BAND = {"PANDORA_ESCALATION_UNCERTAIN_POINTS": "20"}
"""The scan that is made here has a medium risk, of more than 50."""


def scan(path: Path) -> None:
    """A Zeek log of one host that knocks at many ports of another."""
    row = {"_path": "conn", "id.orig_h": "10.0.0.5", "id.resp_h": "10.0.0.6", "proto": "tcp", "conn_state": "REJ"}
    sizes = {"duration": 0.01, "orig_pkts": 1, "orig_ip_bytes": 60, "resp_pkts": 1, "resp_ip_bytes": 40}
    with path.open("w") as sink:
        for number in range(400):
            own = {"ts": 1_790_000_000 + number / 5, "uid": f"C{number}", "id.orig_p": 40000, "id.resp_p": 1 + number}
            sink.write(json.dumps(row | sizes | own) + "\n")


class Site:
    """A data folder with a model in use, a log with a scan, and engines that are started and killed."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.scene = Scene(self.data)
        scan(folder / "conn.log")
        Operator(self.scene.store, "ann", "here").add_source(
            str(folder / "conn.log"), "auto", temporary=False, at_us=1
        )
        self.engines: list[subprocess.Popen[bytes]] = []

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        fast = {"PANDORA_POLL_S": "0.02", "PANDORA_SCAN_S": "0.1", "PANDORA_ESCALATION_SHOTS": "200"}
        with (self.data / "engine.log").open("ab") as log:
            engine = subprocess.Popen(
                [sys.executable, "-m", "pandora_core.cli", "--data", str(self.data), "engine", "run"],
                stdout=log, stderr=log, env={**os.environ, **fast, **BAND, **environment}, start_new_session=True,
            )  # fmt: skip
        self.engines.append(engine)
        return engine

    def until(self, holds: Callable[[], object], timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, (self.data / "engine.log").read_text()[-2000:]
            time.sleep(0.02)

    def assessments(self) -> list[Assessment]:
        return assessments_of(self.scene.reader.actions())

    def jobs(self) -> int:
        return len(self.scene.jobs.find(JobFilter(), now_us=time.time_ns() // 1000))

    def close(self) -> None:
        for engine in self.engines:
            if engine.poll() is None:
                engine.terminate()  # its queue ends with it
            engine.wait(30)
        pid = process.running_pid(self.data, process.WORKER_LOCK_NAME)
        if pid is not None and pid > 0 and pid != os.getpid():
            os.kill(pid, signal.SIGTERM)
        self.scene.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_an_escalation_comes_back_from_a_real_worker_beside_its_control(site: Site) -> None:
    site.start()
    site.until(site.assessments)
    (found,) = site.assessments()
    assert found.outcome is Outcome.DONE, found
    assert found.quantum is not None
    assert found.exact is not None
    assert found.control is not None
    assert found.quantum.score == pytest.approx(found.exact.score, abs=0.05)  # shots
    assert found.label.startswith("simulated")
    (before,) = [view.alert for view in site.scene.reader.alerts()]
    more = reasons_of([found])
    site.until(lambda: site.scene.reader.alert(before.id).view.alert.reasons[-1:] == (more or before.reasons)[-1:])
    assert site.scene.reader.alert(before.id).view.alert.risk == before.risk


def test_killed_engines_and_queues_leave_one_job_and_one_action(site: Site) -> None:
    engine = site.start()
    site.until(lambda: site.scene.escalations.waiting())
    engine.kill()
    site.until(lambda: engine.poll() is not None)
    second = site.start()
    site.until(lambda: process.running_pid(site.data, process.WORKER_LOCK_NAME))
    queue = process.running_pid(site.data, process.WORKER_LOCK_NAME)
    if queue is not None and queue > 0:
        os.kill(queue, signal.SIGKILL)
    site.until(lambda: any(job.state is JobState.DONE for job in site.scene.jobs.find(JobFilter(), now_us=0)))
    second.kill()  # perhaps between the job's end and the action
    second.wait()
    site.start()
    site.until(site.assessments)
    time.sleep(0.5)
    assert [each.outcome for each in site.assessments()] == [Outcome.DONE]
    assert site.jobs() == 1


def test_a_killed_worker_runs_again_and_the_answer_comes_once(site: Site) -> None:
    site.start(PANDORA_ESCALATION_SHOTS="100000")

    pids: list[int] = []

    def is_running() -> bool:
        pids.extend(job.worker_pid for job in site.scene.jobs.open_jobs() if job.worker_pid)
        return bool(pids)

    site.until(is_running)
    os.kill(pids[0], signal.SIGKILL)
    site.until(site.assessments)
    assert [each.outcome for each in site.assessments()] == [Outcome.DONE]
    (job,) = site.scene.jobs.find(JobFilter(), now_us=0)
    assert job.attempts == 2


def test_where_nobody_runs_the_queue_the_deadline_passes_and_the_alert_says_so(site: Site) -> None:
    with process.worker_lock(site.data) as mine:
        assert mine
        site.start(PANDORA_ESCALATION_DEADLINE_S="5")
        site.until(site.assessments)
        (found,) = site.assessments()
        assert found.outcome is Outcome.LATE
        site.until(lambda: site.scene.reader.alerts()[0].alert.reasons[-1].startswith("The classical result stands"))
        site.until(lambda: not site.scene.jobs.open_jobs())
