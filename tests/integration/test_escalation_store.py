"""Escalations in a real store: one job and one action each, whatever is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pandora_core.detect.incidents.assessment import ACTOR, Assessment, Outcome, assessments_of
from pandora_core.model import HOUR_US, ActionKind, Alert, EntityRef, Severity
from pandora_core.store.escalations import Escalations
from pandora_core.store.job_rows import JobFilter, NewJob
from pandora_core.store.jobs import Jobs
from pandora_core.store.maintenance import Retention, retain
from pandora_core.store.operator import Operator
from pandora_core.store.reader import Reader
from pandora_core.store.rows import WAITING, EngineStatus, Escalation
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer

NOW = 1_000 * HOUR_US
NEW = NewJob("kernel", "aer", b"{}", subject="A-1")
LATE = Assessment("k", Outcome.LATE, "the deadline passed")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "pandora.db")
    yield made
    made.close()


@pytest.fixture
def desk(store: Store) -> Escalations:
    return Escalations(store, "soc-1")


def escalation(key: str = "k", **more: object) -> Escalation:
    fields = {"alert_id": "A-1", "backend": "aer", "begun_at_us": NOW, "deadline_us": NOW + 1, "events": (3, 4)}
    return Escalation(key=key, **(fields | more))


def alert(number: str, risk: float) -> Alert:
    return Alert(number, EntityRef("host", "ws"), Severity.of_risk(risk), risk, "t", 1, 1, (), (f"of {number}",))


def told(heartbeat_us: int) -> EngineStatus:
    return EngineStatus(
        pid=1, host="h", version="0", state="live", started_at_us=0, heartbeat_us=heartbeat_us, watermark_us=0,
        last_event_id=0, events_per_s=0.0, backlog_bytes=0, lag_s=0.0,
    )  # fmt: skip


def test_what_is_begun_twice_becomes_one_job(desk: Escalations, store: Store) -> None:
    job = desk.begin(escalation(), NEW)
    assert job is not None
    assert desk.begin(escalation(), NEW) is None
    assert [each.id for each in Jobs(store).open_jobs()] == [job.id]
    assert desk.waiting() == [escalation(job_id=job.id, state=WAITING)]


def test_what_ends_twice_is_told_once(desk: Escalations, store: Store) -> None:
    desk.begin(escalation(), NEW)
    (waiting,) = desk.waiting()
    assert desk.end(waiting, LATE, at_us=NOW + 5, is_good=False)
    assert not desk.end(waiting, LATE, at_us=NOW + 6, is_good=True)
    (action,) = Reader(store).actions()
    assert (action.actor, action.host, action.subject) == (ACTOR, "soc-1", "A-1")
    assert (action.kind, action.at_us) == (ActionKind.ASSESSMENT, NOW + 5)
    assert assessments_of([action]) == [LATE]
    ended = desk.newest_of("A-1")
    assert ended is not None
    assert (ended.state, ended.is_good, ended.ended_at_us, ended.why) == ("late", False, NOW + 5, LATE.why)
    assert desk.waiting() == []


def test_a_refusal_takes_nothing_from_the_budget_and_is_told_once(desk: Escalations, store: Store) -> None:
    budget = Assessment("k", Outcome.BUDGET, "spent")
    assert desk.refuse(escalation(backend=""), budget)
    assert not desk.refuse(escalation(backend=""), budget)
    assert desk.refuse(escalation("l"), budget, is_told=False)
    assert len(Reader(store).actions()) == 1
    assert desk.attempts(NOW) == []
    assert desk.begin(escalation(), NEW) is None


def test_attempts_are_those_of_the_last_hour_and_the_newest_before(desk: Escalations) -> None:
    for number, hours in enumerate((0.5, 2, 3)):
        desk.begin(escalation(f"k{number}", begun_at_us=NOW - round(hours * HOUR_US)), NEW)
    assert [each.key for each in desk.attempts(NOW)] == ["k0", "k1", "k2"]


def test_candidates_begin_where_the_model_came_into_use_and_come_worst_first(desk: Escalations, store: Store) -> None:
    writer = Writer(store)
    writer.commit(Batch(alerts=[alert("A-old", 99)]))
    desk.use("model")
    first = desk.candidates(70)
    assert first.alerts == []
    desk.seen(first.upto)
    writer.commit(Batch(alerts=[alert("A-high", 75), alert("A-low", 30), alert("A-worst", 95)]))
    found = desk.candidates(70)
    assert [each.id for each in found.alerts] == ["A-worst", "A-high"]
    assert [each.id for each in Escalations(store).candidates(70).alerts] == ["A-worst", "A-high"]
    desk.seen(found.upto)
    assert desk.candidates(70).alerts == []


def test_an_alert_that_was_decided_about_is_no_candidate_until_it_changes(desk: Escalations, store: Store) -> None:
    desk.use("model")
    desk.seen(desk.candidates(0).upto)
    Writer(store).commit(Batch(alerts=[alert("A-1", 90), alert("A-2", 80)]))
    desk.begin(escalation(), NEW)
    assert [each.id for each in desk.candidates(0).alerts] == ["A-2"]
    Writer(store).commit(Batch(alerts=[alert("A-1", 95)]))
    assert [each.id for each in desk.candidates(0).alerts] == ["A-1", "A-2"]


def test_switching_off_forgets_the_place(desk: Escalations, store: Store) -> None:
    desk.use("model")
    desk.seen(desk.candidates(0).upto)
    Writer(store).commit(Batch(alerts=[alert("A-1", 99)]))
    assert desk.model() == "model"
    desk.use("")
    assert desk.model() == ""
    desk.use("model")
    assert desk.candidates(0).alerts == []


def test_an_alert_that_became_part_of_another_is_told_there(desk: Escalations, store: Store) -> None:
    desk.begin(escalation(), NEW)
    Writer(store).commit(Batch(alerts=[alert("A-2", 80)], gone_alerts={"A-1": "A-2"}))
    desk.end(desk.waiting()[0], LATE, at_us=NOW, is_good=None)
    assert [action.subject for action in Reader(store).actions()] == ["A-2"]
    assert len(Reader(store).alert("A-1").actions) == 1


def test_an_alert_in_full_has_its_newest_escalation(desk: Escalations, store: Store) -> None:
    Writer(store).commit(Batch(alerts=[alert("A-1", 99)]))
    assert Reader(store).alert("A-1").escalation is None
    desk.begin(escalation(), NEW)
    desk.refuse(escalation("l", begun_at_us=NOW + 1), LATE)
    newest = Reader(store).alert("A-1").escalation
    assert newest is not None
    assert newest.key == "l"


def test_retention_takes_what_is_old_and_done_with_its_job_and_leaves_the_rest(
    desk: Escalations, store: Store
) -> None:
    alerts = [alert(number, 90) for number in ("A-closed", "A-open", "A-young", "A-waits")]
    Writer(store).commit(Batch(alerts=alerts, status=told(NOW)))
    old = NOW - 48 * HOUR_US
    begun = {"A-closed": old, "A-open": old, "A-young": NOW, "A-waits": old}
    for number, at_us in begun.items():
        desk.begin(escalation(number, alert_id=number, begun_at_us=at_us), NEW)
    jobs = Jobs(store)
    for waiting in desk.waiting():
        if waiting.key != "A-waits":
            desk.end(waiting, LATE, at_us=NOW, is_good=None)
            jobs.cancel([waiting.job_id or ""], actor="ann", at_us=NOW)
    operator = Operator(store, "ann", "soc-1")
    for number in ("A-closed", "A-young", "A-waits"):
        operator.act(number, ActionKind.CLOSE, at_us=NOW)
    day = Retention(max_age_us=24 * HOUR_US, max_bytes=None)
    assert retain(store, day) == 1
    assert retain(store, day) == 0
    assert {each.key for each in desk.since(0)} == {"A-open", "A-young", "A-waits"}
    assert len(jobs.find(JobFilter(), now_us=NOW)) == 3


def test_retention_follows_an_alert_into_what_it_became_and_leaves_jobs_of_people(
    desk: Escalations, store: Store
) -> None:
    Writer(store).commit(Batch(alerts=[alert("A-2", 80)], gone_alerts={"A-1": "A-2"}, status=told(NOW)))
    jobs = Jobs(store)
    job = jobs.submit(NEW, actor="ann", host="here", at_us=0)
    jobs.cancel([job.id], actor="ann", at_us=1)
    desk.refuse(escalation(begun_at_us=0, job_id=job.id), LATE)
    hour = Retention(max_age_us=HOUR_US, max_bytes=None)
    assert retain(store, hour) == 0
    Operator(store, "ann", "soc-1").act("A-2", ActionKind.CLOSE, at_us=NOW)
    assert retain(store, hour) == 1
    assert jobs.get(job.id).actor == "ann"
