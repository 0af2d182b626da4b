"""The figures of an evaluation, and the truth files that people bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandora_core.errors import SourceError
from pandora_core.evaluate import Run, measure, read_truth, wilson
from pandora_core.evaluate.replay import Evidence, Outcry, QueueItem, Sighting
from pandora_core.evaluate.truth import Stage, Truth
from pandora_core.model import DAY_US, MINUTE_US, Alert, Detection, EntityRef, Severity

HOST = EntityRef("host", "ws-1")
ROW = '{"file":"zeek/conn.log","line":%d,"attack":1,"stage":%d,"phase":"%s"}'
CSV_HEAD = "attack,phase,entity,from,until\n"


def stage(number: int, phase: str, begins_us: int | None, attack: str = "1") -> Stage:
    return Stage(attack, number, phase, begins_us=begins_us)


def sighting(name: str, fired_us: int, stages: dict[int, int], events: tuple[int, ...] = ()) -> Sighting:
    found = Detection(
        name, f"detector-{name[0]}", HOST, fired_us, fired_us, 1, 50.0, name, (), event_ids=events
    )  # fmt: skip
    return Sighting(found, fired_us, 0, stages)


def outcry(name: str, severity: Severity, detections: tuple[str, ...], at_us: int) -> Outcry:
    alert = Alert(name, HOST, severity, 75.0, name, at_us, at_us, (), detections)
    return Outcry(alert, {severity: at_us})


@pytest.fixture
def run() -> Run:
    """Two attacks: one seen at its first and second stage, one missed; and a false alert."""
    stages = [
        stage(1, "discovery", 10 * MINUTE_US),
        stage(2, "lateral-movement", 20 * MINUTE_US),
        stage(3, "exfiltration", 90 * MINUTE_US),
        stage(1, "initial-access", 500 * MINUTE_US, attack="2"),
        stage(9, "impact", None),
    ]
    found = Run(stages, first_us=0, last_us=2 * DAY_US, events=100)
    found.stage_of_event = {5: 0, 6: 1}
    found.sightings = {
        "a1": sighting("a1", 15 * MINUTE_US, {0: 15 * MINUTE_US}, (5,)),
        "a2": sighting("a2", 30 * MINUTE_US, {1: 30 * MINUTE_US}, (6, 7)),
        "b1": sighting("b1", 40 * MINUTE_US, {}, (8,)),
    }
    found.outcries = {
        "A-1": outcry("A-1", Severity.HIGH, ("a1", "a2"), 30 * MINUTE_US),
        "A-2": outcry("A-2", Severity.HIGH, ("b1",), 40 * MINUTE_US),
        "A-3": outcry("A-3", Severity.LOW, ("b1",), 50 * MINUTE_US),
    }
    found.evidence = {"1": Evidence(75.0, {Severity.MEDIUM: 15 * MINUTE_US, Severity.HIGH: 30 * MINUTE_US})}
    found.queue = [
        QueueItem("I-2", "incident", "noise", Severity.HIGH, ("b1",), (8,)),
        QueueItem("I-1", "incident", "it", Severity.HIGH, ("a1", "a2"), (6, 7)),
    ]
    return found


def test_an_attack_is_detected_when_what_is_true_of_it_carries_an_alert(run: Run) -> None:
    found = measure(run, Truth(run.stages, names={"1": "intrusion"}), hosts=10)
    seen, missed = found.attacks
    assert (seen.name, seen.seconds_to_detect, seen.before_last_stage) == ("intrusion", 300.0, True)
    assert (seen.high_us, seen.alerts) == (30 * MINUTE_US, ("A-1",))
    assert (seen.phases_seen, seen.stages_seen, seen.stages) == (("discovery", "lateral-movement"), 2, 3)
    assert (missed.detected_us, missed.before_last_stage, missed.phases_seen) == (None, False, ())
    assert found.detected[:3] == (1, 2, 0.5)
    assert found.detected_before_last_stage[:3] == (1, 2, 0.5)


def test_a_detection_after_the_last_stage_began_is_late(run: Run) -> None:
    run.evidence["1"].since_us = {Severity.HIGH: 91 * MINUTE_US}
    assert not measure(run, Truth(run.stages)).attacks[0].before_last_stage


def test_stages_without_a_single_line_are_not_held_against_anybody(run: Run) -> None:
    found = measure(run, Truth(run.stages))
    assert found.recall[:2] == (2, 4)
    assert "impact" not in found.all_phases


def test_an_alert_is_true_when_it_shows_an_event_of_an_attack(run: Run) -> None:
    found = measure(run, Truth(run.stages), hosts=10)
    assert found.precision[:2] == (1, 3)
    assert found.precision_high[:2] == (1, 2)
    high = next(row for row in found.severities if row.severity is Severity.HIGH)
    assert [alert.id for alert in found.cried_wolf] == ["A-2"]
    assert (high.alerts, high.false, high.false_per_day, high.false_per_host_day) == (2, 1, 0.5, 0.05)


def test_in_the_queue_only_lines_that_are_shown_count(run: Run) -> None:
    queue = measure(run, Truth(run.stages)).queue
    assert queue.phases == ("lateral-movement",)  # a1 is in the incident, but its event is not shown
    assert (queue.shown, queue.true, queue.lines, queue.lines_true) == (2, 1, 3, 1)
    assert queue.first_true == 2


def test_detectors_and_phases_are_told_one_by_one(run: Run) -> None:
    found = measure(run, Truth(run.stages))
    assert [(d.detector, d.detections, d.true, d.stages_seen) for d in found.detectors] == [
        ("detector-a", 2, 2, 2), ("detector-b", 1, 0, 0)
    ]  # fmt: skip
    by_phase = {row.phase: (row.stages, row.seen, row.detectors) for row in found.phases}
    assert by_phase["discovery"] == (1, 1, ("detector-a",))
    assert by_phase["exfiltration"] == (1, 0, ())


def test_nothing_at_all_has_no_shares_and_no_division_by_zero() -> None:
    found = measure(Run([]), Truth())
    assert (found.detected.share, found.precision.share, found.median_seconds_to_detect) == (None, None, None)
    assert found.queue.shown == 0


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (95, 100, 0.8882, 0.9785), (0, 0, 0.0, 1.0)],
)
def test_confidence_intervals_are_wilsons(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=1e-4)


def test_truth_by_lines_names_stages_by_file_and_number(tmp_path: Path) -> None:
    path = tmp_path / "truth.ndjson"
    head = '{"company_hosts":12,"attacks":[{"id":1,"name":"insider"}]}'
    path.write_text(
        "\n".join([head, ROW % (7, 2, "collection"), ROW % (9, 1, "discovery"), ROW % (8, 2, "collection")])
    )
    truth = read_truth(path)
    assert (truth.hosts, truth.names) == (12, {"1": "insider"})
    assert [(s.phase, s.events) for s in truth.stages] == [("collection", 0), ("discovery", 0)]
    known = truth.stage_of("zeek/conn.log", 8, 55, ())
    assert known is truth.stages[0]
    assert (known.begins_us, known.events) == (55, 1)
    assert truth.stage_of("zeek/conn.log", 1, 55, ("ws-1",)) is None
    assert truth.stage_of("zeek/dns.log", 8, 55, ()) is None


def test_truth_by_spans_takes_every_event_of_an_entity_in_its_time(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(
        CSV_HEAD + "apt,discovery,host:WS-5.corp.example,2026-03-02T10:00:00Z,2026-03-02T11:00:00Z\n"
        "apt,exfiltration,10.0.0.5,2026-03-02T12:00:00Z,2026-03-02T12:00:01Z\n"
        "apt,discovery,user:eve,2026-03-02T10:00:00Z,2026-03-02T11:00:00Z\n"
    )
    truth = read_truth(path)
    ten, noon = 1_772_445_600_000_000, 1_772_452_800_000_000
    assert [s.phase for s in truth.stages] == ["discovery", "exfiltration"]
    assert truth.stage_of("any.log", 1, ten, ("ws-5", None)) is truth.stages[0]
    assert truth.stage_of("any.log", 1, ten, (None, "EVE")) is truth.stages[0]
    assert truth.stage_of("any.log", 1, noon, ("10.0.0.5",)) is truth.stages[1]
    assert truth.stage_of("any.log", 1, noon, ("ws-5",)) is None
    assert truth.stage_of("any.log", 1, noon, ("10.0.0.50",)) is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "host,from\n", "no column entity, phase, until"),
        ("t.csv", CSV_HEAD + "a,discovery,ws-1,yesterday,today\n", "t.csv:2"),
        ("t.ndjson", "{}\nnot json\n", "t.ndjson:2"),
        ("t.ndjson", '{"file":"a","line":"x","phase":"b"}\n', "t.ndjson:1"),
    ],
)
def test_a_truth_that_says_nothing_usable_is_refused_with_its_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match=message):
        read_truth(tmp_path / name)


def test_a_truth_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="check --truth"):
        read_truth(tmp_path / "none.csv")


def test_a_host_day_is_a_day_on_which_a_host_was_heard_of_by_name_or_else_by_address() -> None:
    run = Run([])
    run.days_of_addresses = {("10.0.0.5", 1), ("10.0.0.5", 2)}
    assert len(run.host_days) == 2
    run.days_of_hosts = {("WS-5", 1)}
    assert run.host_days == {("WS-5", 1)}
