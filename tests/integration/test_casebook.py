"""What operators say of alerts, taken in by the engine's casebook on a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandora_core.casebook import Casebook, Findings
from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.assessment import ACTOR, Assessment, Outcome, value_of
from pandora_core.model import Action, ActionKind, Detection, EntityRef, Verdict
from pandora_core.store.rows import EngineStatus
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer

WS = EntityRef("host", "ws-114")


class Desk:
    """A casebook and its store: what is applied is written, as the engine does."""

    def __init__(self, store: Store) -> None:
        self.writer = Writer(store)
        self.casebook = Casebook(self.writer, ())

    def apply(self, fired: list[Fired], *actions: Action) -> Findings:
        found = self.casebook.apply(fired, actions)
        status = EngineStatus(
            pid=1, host="h", version="0", state="live", started_at_us=0, heartbeat_us=0, watermark_us=0,
            last_event_id=0, events_per_s=0.0, backlog_bytes=0, lag_s=0.0,
        )  # fmt: skip
        self.writer.commit(Batch(fired=fired, alerts=found.alerts, entities=found.entities, status=status))
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Store(tmp_path / "pandora.db"))


def scan(number: int, points: float = 50.0) -> Fired:
    at_us = number * 1_000_000
    detection = Detection(f"d{number}", "scan", WS, at_us, at_us, 3, points, "a scan", ("because",))
    return Fired(detection, number, at_us)


def verdict(subject: str, event_id: int, value: Verdict = Verdict.BENIGN) -> Action:
    return Action(1, "ann", "soc-1", 0, subject, ActionKind.VERDICT, value, event_id=event_id)


@pytest.mark.parametrize("value", [Verdict.BENIGN, Verdict.FALSE_POSITIVE])
def test_what_fires_after_an_alert_was_refuted_counts_in_an_alert_of_its_own(desk: Desk, value: Verdict) -> None:
    first = desk.apply([scan(1)]).alerts[0]
    assert desk.apply([], verdict(first.id, 1, value)).entities[0].score.risk == 0
    later = desk.apply([scan(2, 80.0)])
    assert [alert.id != first.id and alert.detection_ids == ("d2",) for alert in later.alerts] == [True]
    assert later.entities[0].score.risk == pytest.approx(80)


def test_what_is_confirmed_goes_on_growing(desk: Desk) -> None:
    first = desk.apply([scan(1)]).alerts[0]
    desk.apply([], verdict(first.id, 1, Verdict.TRUE_POSITIVE))
    assert [alert.id for alert in desk.apply([scan(2)]).alerts] == [first.id]


def test_a_verdict_that_is_undone_joins_what_it_parted(desk: Desk) -> None:
    first = desk.apply([scan(1)]).alerts[0]
    desk.apply([], verdict(first.id, 1))
    second = desk.apply([scan(2)]).alerts[0]
    undone = desk.apply([], Action(2, "ann", "soc-1", 0, first.id, ActionKind.UNDO, undoes=1, event_id=2))
    assert list(undone.gone_alerts) == [second.id]
    assert undone.alerts[0].detection_ids == ("d1", "d2")


def test_an_assessment_adds_its_reason_once_and_changes_no_risk(desk: Desk) -> None:
    first = desk.apply([scan(1)])
    late = Assessment("k", Outcome.LATE, "the deadline passed")
    told = Action(1, ACTOR, "soc-1", 0, first.alerts[0].id, ActionKind.ASSESSMENT, value_of(late))
    found = desk.apply([], told)
    assert [alert.reasons for alert in found.alerts] == [
        ("because", "The classical result stands: the deadline passed")
    ]
    assert found.alerts[0].risk == first.alerts[0].risk
    assert found.entities == first.entities
    assert desk.apply([]).alerts == []


def test_an_action_whose_meaning_was_not_written_is_taken_in_by_the_next_casebook(desk: Desk) -> None:
    first = desk.apply([scan(1)]).alerts[0]
    late = Assessment("k", Outcome.LATE, "late")
    told = Action(1, ACTOR, "soc-1", 0, first.id, ActionKind.ASSESSMENT, value_of(late))
    successor = Casebook(desk.writer, ())
    assert [alert.reasons[-1] for alert in successor.apply([], [told]).alerts] == [
        "The classical result stands: late"
    ]


def test_a_casebook_that_starts_anew_tells_nothing_that_is_written(desk: Desk) -> None:
    first = desk.apply([scan(1)]).alerts[0]
    said = verdict(first.id, 1, Verdict.TRUE_POSITIVE)
    desk.apply([], said)
    assert Casebook(desk.writer, ()).apply([], [said]).alerts == []
