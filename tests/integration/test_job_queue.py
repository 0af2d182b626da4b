"""The queue with real workers: nothing is lost, nothing runs twice, whatever dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from queueing import Desk, long_circuit, now_us

from pandora_core.quantum.jobs.alive import Identity, identity_of, is_alive
from pandora_core.quantum.jobs.work import CircuitWork, JobResult
from pandora_core.quantum.jobs.worker import JobFolder, WarmWorker
from pandora_core.store.job_rows import Job, JobState

LONG = CircuitWork(qasm3=long_circuit(18, 60))


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmWorker]:
    made = WarmWorker(tmp_path_factory.mktemp("warm") / "worker.log", slots=1)
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path, warm: WarmWorker) -> Iterator[Desk]:
    made = Desk(tmp_path, warm)
    yield made
    made.store.close()


def result_of(desk: Desk, job: Job) -> JobResult:
    data = desk.jobs.result(job.id)
    assert data is not None, desk.jobs.get(job.id).reason
    return msgspec.json.decode(data, type=JobResult)


def gone(who: Identity | None, timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while who is not None and is_alive(who):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_jobs_run_in_order_of_priority_and_keep_how_they_came_about(desk: Desk) -> None:
    low, high = desk.submit(priority=1), desk.submit(priority=8)
    assert desk.jobs.position(low) == 2
    with desk.queue() as queue:
        done, first = desk.finished(queue, low, high)
    assert (done.state, first.state) == (JobState.DONE, JobState.DONE)
    assert first.attempts == done.attempts == 1
    assert first.queued_at_us <= (first.started_at_us or 0) <= (done.started_at_us or 0)
    result, facts = result_of(desk, done), done.facts
    assert sum(result.counts[0].values()) == 200
    assert set(result.counts[0]) == {"00", "11"}
    assert result.classical["exact"] == pytest.approx({"00": 0.5, "11": 0.5})
    assert facts.simulated
    assert facts.label.startswith("simulated")
    assert (facts.seed, facts.level, facts.two_qubit_gates, facts.depth) == (7, 1, 1, 3)
    assert set(facts.versions) >= {"qiskit", "qiskit-aer"}
    assert not list((desk.data / "jobs").iterdir())


def test_a_running_job_is_cancelled_by_ending_its_process(desk: Desk) -> None:
    job = desk.submit(LONG)
    with desk.queue() as queue:
        who = desk.running(queue, job).worker
        desk.jobs.cancel([job.id], actor="bob", at_us=now_us())
        (ended,) = desk.finished(queue, job)
    assert (ended.state, ended.reason) == (JobState.CANCELLED, "cancelled by bob")
    assert gone(who)


def test_a_job_that_is_cancelled_while_it_is_about_to_be_queued_again_ends_cancelled(desk: Desk) -> None:
    job = desk.submit()
    assert desk.jobs.claim(job.id, at_us=now_us())
    desk.jobs.cancel([job.id], actor="bob", at_us=now_us())
    assert not desk.jobs.requeue(job.id, "its worker died")  # by somebody who does not know of it yet
    with desk.queue() as queue:
        (ended,) = desk.finished(queue, job)
    assert (ended.state, ended.reason) == (JobState.CANCELLED, "cancelled by bob")


def test_a_worker_that_dies_is_noticed_and_its_job_runs_again(desk: Desk) -> None:
    job = desk.submit(LONG)
    with desk.queue() as queue:
        who = desk.running(queue, job).worker
        assert who is not None
        os.kill(who.pid, signal.SIGKILL)
        desk.until(queue, lambda: desk.jobs.get(job.id).attempts == 2)
        second = desk.running(queue, job)
        assert second.worker != who
        desk.jobs.cancel([job.id], actor="ann", at_us=now_us())
        desk.finished(queue, job)


def test_a_job_whose_worker_dies_too_often_is_an_error_that_says_how(desk: Desk) -> None:
    job = desk.submit(LONG)
    with desk.queue(max_attempts=1) as queue:
        who = desk.running(queue, job).worker
        assert who is not None
        os.kill(who.pid, signal.SIGKILL)
        (ended,) = desk.finished(queue, job)
    assert ended.state is JobState.ERROR
    assert ended.reason.startswith("its worker died 1 time")


def test_a_killed_queue_leaves_its_workers_to_the_next_one(desk: Desk) -> None:
    job = desk.submit(CircuitWork(qasm3=long_circuit(14, 30)))
    desk.warm = None
    with desk.queue() as queue:
        before = desk.running(queue, job)
        assert queue._warm is not None
        queue._warm.close()  # as if this process were gone: its line to the warm worker is cut
        queue._warm = None
        with desk.queue() as successor:
            (done,) = desk.finished(successor, job)
    assert done.state is JobState.DONE
    assert (done.attempts, done.worker) == (1, before.worker)


def test_an_outcome_that_nobody_took_in_is_taken_in_and_nothing_runs_again(desk: Desk) -> None:
    job = desk.submit()
    with desk.queue() as queue:
        desk.jobs.claim(job.id, at_us=now_us())
        queue._hand_over(desk.jobs.get(job.id))
        folder = JobFolder(desk.data / "jobs" / job.id)
        deadline = time.monotonic() + 60
        while not folder.result.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        written = folder.result.stat().st_mtime_ns
        queue._hand_over(desk.jobs.get(job.id))  # a second child finds it done
        time.sleep(0.2)
        assert folder.result.stat().st_mtime_ns == written
        (done,) = desk.finished(queue, job)
    assert (done.state, done.attempts) == (JobState.DONE, 1)


def test_a_clean_stop_puts_what_runs_back_into_the_queue(desk: Desk) -> None:
    job = desk.submit(LONG)
    with desk.queue() as queue:
        who = desk.running(queue, job).worker
    assert gone(who)
    waits = desk.jobs.get(job.id)
    assert (waits.state, waits.reason, waits.intent_at_us) == (JobState.QUEUED, "no engine", None)


def test_a_process_id_that_is_used_again_is_not_taken_for_the_worker(desk: Desk) -> None:
    job = desk.submit()
    me = identity_of(os.getpid())
    assert me is not None
    desk.jobs.claim(job.id, at_us=now_us())
    desk.jobs.started(job.id, Identity(me.pid, "another-boot/1"), at_us=now_us())
    with desk.queue() as queue:
        (done,) = desk.finished(queue, job)
    assert (done.state, done.attempts) == (JobState.DONE, 2)


def test_what_cannot_run_is_an_error_with_its_reason_and_log(desk: Desk) -> None:
    wide = desk.submit(CircuitWork(qasm3=BELL_ON_SIX), backend="aer:FakeManilaV2")
    strange = desk.submit(backend="aer:FakeNothing")
    with desk.queue() as queue:
        first, second = desk.finished(queue, wide, strange)
    assert first.state is second.state is JobState.ERROR
    assert "6 qubits, the backend has 5" in first.reason
    assert "FakeNothing" in second.reason


BELL_ON_SIX = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[6] q; bit[6] c;\nh q[5];\nc = measure q;'


def test_jobs_wait_for_slots_and_for_memory(desk: Desk) -> None:
    first, second = desk.submit(LONG), desk.submit(LONG)
    with desk.queue(slots=2, memory_bytes=first.memory_bytes + 1) as queue:
        desk.running(queue, first)
        for _ in range(20):
            queue.step()
        assert desk.jobs.get(second.id).state is JobState.QUEUED
        desk.jobs.cancel([first.id, second.id], actor="ann", at_us=now_us())
        desk.finished(queue, first, second)


def test_a_remote_job_waits_in_the_air_gap_and_says_so(desk: Desk) -> None:
    job = desk.submit(backend="ibm")
    with desk.queue() as queue:
        for _ in range(3):
            queue.step()
    waits = desk.jobs.get(job.id)
    assert (waits.state, waits.reason) == (JobState.QUEUED, "air-gapped")
