"""The life of a job on IBM's machines, with the real client against a stand-in on loopback."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from queueing import Desk, now_us
from remoting import OPTIONS, remote_of

from pandora_core.errors import VaultError, VaultLockedError
from pandora_core.quantum.ibm.remote import RemoteDesk
from pandora_core.quantum.ibm.rest import Access
from pandora_core.quantum.jobs.work import CircuitWork
from pandora_core.store.job_rows import Job, JobState
from tests import ibm_stand_in
from tests.ibm_stand_in import Platform, Server


@pytest.fixture
def platform(server: Server) -> Platform:
    server.platform = Platform()
    return server.platform


@pytest.fixture
def desk(tmp_path: Path, platform: Platform) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def remote(desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteDesk]:
    made = remote_of(desk.jobs, desk.data, server, monkeypatch)
    yield made
    made.close()


def alive(platform: Platform, job: Job) -> list[str]:
    return [each["id"] for each in platform.of_tag(job.tag) if each["state"]["status"] != "Cancelled"]


def test_a_job_is_submitted_polled_and_read_back_as_hardware(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    job = desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert (done.state, done.reason) == (JobState.DONE, "")
    assert (done.facts.simulated, done.facts.label) == (False, "hardware: ibm_manila")
    assert done.facts.two_qubit_gates == 1
    assert done.facts.remote["usage"]["quantum_seconds"] == 1
    assert len(alive(platform, job)) == 1
    assert done.remote_id == alive(platform, job)[0]
    assert b'"counts":[{' in (desk.jobs.result(job.id) or b"")


@pytest.mark.parametrize("fault", ["lost", "dropped", "late"])
def test_a_lost_reply_leaves_one_job_over_there(
    fault: str, desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    platform.faults = [fault] * 3  # whoever sent it again would meet it again
    job = desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    assert [each["id"] for each in platform.of_tag(job.tag)] == [done.remote_id]
    assert platform.submissions[job.tag] == 1


def test_where_something_between_repeats_the_request_one_job_is_cancelled(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    platform.faults, platform.queue_s = ["repeated"], 4.0
    job = desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    assert len(platform.of_tag(job.tag)) == 2
    assert alive(platform, job) == [done.remote_id]


@pytest.mark.parametrize("method", ["trex", "trex+zne"])
def test_a_mitigated_job_is_one_job_over_there_and_shows_its_mean_before_and_after(
    method: str, desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    job = desk.submit(backend="ibm", mitigation=method, shots=4000)
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert (done.state, done.reason) == (JobState.DONE, "")
    assert len(platform.of_tag(job.tag)) == 1
    result = json.loads(desk.jobs.result(job.id) or b"")
    found = result["mitigated"]
    assert found["exact"] == pytest.approx(1.0)
    assert 0.6 < found["before"] < 0.97  # two qubits of Manila, read with errors of some percent
    assert abs(found["after"] - 1.0) < abs(found["before"] - 1.0)
    assert sum(result["counts"][0].values()) >= 4000
    assert result["values"]["distance"] < 0.2


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_a_session_takes_one_job_and_is_closed(mode: str, desk: Desk, remote: RemoteDesk, platform: Platform) -> None:
    job = desk.submit(backend="ibm", mode=mode)
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    (session,) = platform.sessions.values()
    assert (session["mode"], session["accepting_jobs"]) == ("dedicated" if mode == "session" else "batch", False)
    assert [each["session_id"] for each in platform.of_tag(job.tag)] == [session["id"]]


def test_a_session_that_the_plan_does_not_allow_is_an_error_and_makes_no_job(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    platform.allows_sessions = False
    job = desk.submit(backend="ibm", mode="session")
    with desk.queue(remote=remote) as queue:
        (ended,) = desk.finished(queue, job)
    assert ended.state is JobState.ERROR
    assert "not in your plan" in ended.reason
    assert not platform.of_tag(job.tag)


def test_without_a_crn_the_runtime_answers_everything(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    remote = remote_of(desk.jobs, desk.data, server, monkeypatch, instance="")
    job = desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    assert (
        ("GET", "/instances/usage") in platform.requests
        or ("GET", "/v3/resources/search") in {(method, path) for method, path in platform.requests}
        or ("POST", "/v3/resources/search") in platform.requests
    )


IDLE = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q; bit[3] c;
h q[0]; cx q[0], q[1];
cx q[1], q[2]; cx q[1], q[2]; cx q[1], q[2]; cx q[1], q[2];
cx q[0], q[1];
c = measure q;
"""
"""Its first qubit waits for the two others: that is where decoupling has something to do."""


def program_sent(desk: Desk, remote: RemoteDesk, platform: Platform, **options: object) -> Any:
    job = desk.submit(CircuitWork(qasm3=IDLE), backend="ibm", level=0, **options)
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE, done.reason
    (sent,) = platform.of_tag(job.tag)
    return ibm_stand_in.program_of(sent)


@pytest.mark.parametrize("mitigation", ["none", "trex"])
def test_dynamical_decoupling_puts_pulses_where_a_qubit_waits(
    mitigation: str, desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    plain = program_sent(desk, remote, platform, mitigation=mitigation)
    decoupled = program_sent(desk, remote, platform, mitigation=mitigation, dynamical_decoupling=True)
    assert pulses(plain) == 0
    assert pulses(decoupled) >= 2
    assert pulses(decoupled) % 2 == 0  # X and X again: together they do nothing


def test_twirling_sends_a_template_and_what_its_gates_are_drawn_from(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    (plain,) = program_sent(desk, remote, platform).items
    (twirled,) = program_sent(desk, remote, platform, twirling=True).items
    assert (plain.circuit.num_parameters, hasattr(plain, "samplex")) == (0, False)
    assert twirled.circuit.num_parameters > 0
    assert hasattr(twirled, "samplex")
    assert twirled.circuit.count_ops()["cx"] == plain.circuit.count_ops()["cx"]


def pulses(program: Any) -> int:
    """Of X, in all of a program."""
    return sum(item.circuit.count_ops().get("x", 0) for item in program.items)


def test_a_job_that_fails_over_there_is_an_error_with_its_reason(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    platform.fails = True
    job = desk.submit(backend="ibm:ibm_manila")
    with desk.queue(remote=remote) as queue:
        (ended,) = desk.finished(queue, job)
    assert ended.state is JobState.ERROR
    assert "cold no more" in ended.reason


def test_cancelling_reaches_the_machine_and_409_and_404_are_no_trouble(
    desk: Desk, remote: RemoteDesk, platform: Platform
) -> None:
    platform.queue_s = 30.0
    first, gone = desk.submit(backend="ibm"), desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        desk.until(queue, lambda: all(desk.jobs.get(each.id).remote_state for each in (first, gone)))
        lost_id = desk.jobs.get(gone.id).remote_id
        assert lost_id is not None
        del platform.jobs[lost_id]
        platform.cancel(platform.of_tag(first.tag)[0])  # so that our own cancel meets 409
        desk.jobs.cancel([first.id], actor="bob", at_us=now_us())
        one, other = desk.finished(queue, first, gone)
    assert (one.state, one.reason) == (JobState.CANCELLED, "cancelled by bob")
    assert (other.state, other.reason) == (JobState.ERROR, "IBM no longer knows the job")


def test_a_killed_client_and_a_new_queue_find_the_job_again(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    platform.queue_s = 2.0
    job = desk.submit(backend="ibm")
    first = remote_of(desk.jobs, desk.data, server, monkeypatch)
    with desk.queue(remote=first) as queue:
        desk.until(queue, lambda: bool(platform.of_tag(job.tag)))  # the reply may be on its way
        assert first.client_pid is not None
        os.kill(first.client_pid, signal.SIGKILL)
    second = remote_of(desk.jobs, desk.data, server, monkeypatch)
    with desk.queue(remote=second) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    assert alive(platform, job) == [done.remote_id]


def test_a_late_answer_is_not_waited_for(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    platform.faults, platform.queue_s = ["slow"], 8.0
    job = desk.submit(backend="ibm")
    hasty = remote_of(desk.jobs, desk.data, server, monkeypatch, options=OPTIONS._replace(deadline_s=3.0))
    with desk.queue(remote=hasty) as queue:
        (done,) = desk.finished(queue, job)
    assert done.state is JobState.DONE
    assert alive(platform, job) == [done.remote_id]


def test_a_locked_vault_keeps_the_job_waiting_and_says_so(desk: Desk) -> None:
    def locked() -> Access:
        raise VaultLockedError("the vault is locked")

    job = desk.submit(backend="ibm")
    remote = RemoteDesk(desk.jobs, locked, desk.data / "ibm.log", now_us, OPTIONS)
    with desk.queue(remote=remote) as queue:
        for _ in range(3):
            queue.step()
    waits = desk.jobs.get(job.id)
    assert (waits.state, waits.reason, remote.client_pid) == (JobState.QUEUED, "vault locked", None)


def test_without_a_vault_the_job_waits_and_the_queue_goes_on(desk: Desk) -> None:
    def absent() -> Access:
        raise VaultError("there is no vault")

    remote = RemoteDesk(desk.jobs, absent, desk.data / "ibm.log", now_us, OPTIONS)
    job = desk.submit(backend="ibm")
    with desk.queue(remote=remote) as queue:
        queue.step()
    waits = desk.jobs.get(job.id)
    assert (waits.state, waits.reason) == (JobState.QUEUED, "no token: there is no vault")


def test_the_token_is_in_no_text_of_its_access() -> None:
    assert "s3cret" not in repr(Access("s3cret"))
