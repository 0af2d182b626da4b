"""How detections become alerts and a score."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import (
    MAX_LISTED,
    MAX_REASONS,
    OPEN_RISK,
    EntityFile,
    alert_id_of,
    alerts_of,
    entity_score,
)
from pandora_core.model import DAY_US, HOUR_US, Alert, Detection, EntityRef, Severity

WS5 = EntityRef("host", "WS-5")


def fired(
    number: str,
    at_hours: float = 0,
    points: float = 45,
    *,
    event_id: int | None = None,
    detector: str = "scan",
    until_hours: float | None = None,
    **fields: object,
) -> Fired:
    at_us = 10 * DAY_US + round(at_hours * HOUR_US)
    until_us = at_us if until_hours is None else 10 * DAY_US + round(until_hours * HOUR_US)
    detection = Detection(
        id=number,
        detector=detector,
        entity=WS5,
        first_seen_us=at_us,
        last_seen_us=until_us,
        count=1,
        points=points,
        title=f"title of {number}",
        reasons=(f"reason of {number}",),
    )
    return Fired(replace(detection, **fields), event_id or round(at_hours * 10) + 1, at_us)


def test_a_detection_of_enough_points_makes_an_alert_that_can_be_taken_apart() -> None:
    item = fired(
        "a", points=45, hosts=("WS-5", "WS-6"), users=("alice",), techniques=("T1046",), tactics=("discovery",)
    )
    (alert,) = alerts_of(WS5, [item])
    assert alert.id == alert_id_of(WS5, item)
    assert alert.severity is Severity.MEDIUM
    assert alert.risk == pytest.approx(45)
    assert alert.title == "title of a"
    assert alert.reasons == ("reason of a",)
    assert (alert.hosts, alert.users) == (("WS-5", "WS-6"), ("alice",))
    assert (alert.techniques, alert.tactics) == (("T1046",), ("discovery",))
    assert sum(part.points for part in alert.contributions) == pytest.approx(alert.risk)


def test_an_alert_id_is_short_and_says_that_it_is_one() -> None:
    number = alert_id_of(WS5, fired("a"))
    assert len(number) == 10
    assert number.startswith("A-")
    assert int(number[2:], 16) >= 0


def test_one_weak_sign_makes_no_alert_and_two_different_ones_do() -> None:
    weak = [fired("a", points=20, detector="ids-alert"), fired("b", 1, points=12, detector="first-logon")]
    assert alerts_of(WS5, weak[:1]) == []
    assert [alert.detection_ids for alert in alerts_of(WS5, weak)] == [("a", "b")]


def test_low_alerts_of_a_detection_system_alone_never_make_one() -> None:
    assert alerts_of(WS5, [fired(str(n), n / 100, points=8, detector="ids-alert") for n in range(500)]) == []


def test_a_detection_joins_what_was_active_in_the_last_day_and_else_opens_another_alert() -> None:
    items = [fired("a", 0), fired("b", 23.9), fired("c", 48.1), fired("d", 48.2)]
    assert [alert.detection_ids for alert in alerts_of(WS5, items)] == [("a", "b"), ("c", "d")]


def test_a_session_that_goes_on_keeps_an_alert_open() -> None:
    items = [fired("a", 0, until_hours=100), fired("b", 110)]
    assert [alert.detection_ids for alert in alerts_of(WS5, items)] == [("a", "b")]


def test_a_line_that_arrives_late_joins_the_alert_that_it_precedes() -> None:
    items = [fired("a", 1, event_id=1), fired("b", 0.9, event_id=2)]
    assert [alert.detection_ids for alert in alerts_of(WS5, items)] == [("a", "b")]


def test_two_logs_of_different_months_read_in_turns_do_not_split_each_others_alerts() -> None:
    items = [fired(str(n), (n % 2) * 1000 + n / 10, event_id=n + 1) for n in range(8)]
    assert [alert.detection_ids for alert in alerts_of(WS5, items)] == [("0", "2", "4", "6"), ("1", "3", "5", "7")]


def test_what_fires_after_an_alert_was_closed_opens_another() -> None:
    items = [fired("a", event_id=5), fired("b", 1, event_id=9)]
    (one,) = alerts_of(WS5, items)
    first, second = alerts_of(WS5, items, closed={one.id: 7})
    assert (first.id, first.detection_ids) == (one.id, ("a",))
    assert (second.id, second.detection_ids) == (alert_id_of(WS5, items[1]), ("b",))


def test_a_dismissed_alert_stays_and_counts_nothing_for_the_entity() -> None:
    items = [fired("a", 0, points=60), fired("b", 72, points=30)]
    old, _ = alerts_of(WS5, items)
    assert alerts_of(WS5, items, dismissed={old.id}) == alerts_of(WS5, items)
    score = entity_score(WS5, items, dismissed={old.id})
    assert score.risk == pytest.approx(30)
    assert [part.detection_id for part in score.contributions] == ["b"]


def test_an_entitys_score_decays_to_its_newest_detection() -> None:
    items = [fired("a", 0, points=50), fired("b", 24, points=0)]
    expected = risk.risk_of(risk.evidence_of(50) / 2)
    assert entity_score(WS5, items).risk == pytest.approx(expected)


def test_an_entity_without_detections_has_no_risk() -> None:
    assert entity_score(WS5, []).risk == 0
    assert EntityFile(WS5).score().risk == 0


def test_the_title_is_the_strongest_contributions_and_says_how_many_more_there_are() -> None:
    items = [fired("a", points=30), fired("b", 1, points=60, detector="breach"), fired("c", 2, points=20)]
    (alert,) = alerts_of(WS5, items)
    assert alert.title == "title of b, and 2 more"
    assert alert.reasons == ("reason of b", "reason of a", "reason of c")


def test_what_an_alert_lists_is_bounded() -> None:
    items = [
        fired(f"{n:03}", n / 100, hosts=(f"h{n}",), users=(f"u{n}",), reasons=tuple(f"{n}.{k}" for k in range(9)))
        for n in range(200)
    ]
    (alert,) = alerts_of(WS5, items)
    assert len(alert.hosts) == len(alert.users) == MAX_LISTED
    assert len(alert.reasons) == MAX_REASONS
    assert len(alert.detection_ids) == 200
    assert alert.contributions[0].repeats == 200


def test_a_detection_of_no_points_is_carried_but_does_not_count() -> None:
    (alert,) = alerts_of(WS5, [fired("a"), fired("b", 1, points=0, hosts=("elsewhere",))])
    assert alert.detection_ids == ("a", "b")
    assert alert.hosts == ()


def test_a_detection_that_grows_into_the_reach_of_one_that_fired_later_takes_it_over() -> None:
    first, later = fired("a", 0, event_id=1), fired("b", 60, event_id=2)
    file = EntityFile(WS5, [first, later, fired("c", 20, event_id=3, until_hours=50)])
    assert sorted(alert.detection_ids for alert in file.changes().alerts) == [("a", "c"), ("b",)]
    grown = replace(first.detection, last_seen_us=first.detection.last_seen_us + 40 * HOUR_US)
    file.update([first._replace(detection=grown)])
    changes = file.changes()
    assert [alert.detection_ids for alert in changes.alerts] == [("a", "b", "c")]
    assert changes.gone == [alert_id_of(WS5, later)]


# The file that grows gives what the definition gives.

versions = st.builds(
    lambda number, event_id, at_hours, lasts, points, detector: fired(
        f"d{number}",
        at_hours,
        points,
        event_id=event_id * 20 + number,
        detector=detector,
        until_hours=at_hours + lasts,
        hosts=(f"h{number}",),
    ),
    st.integers(0, 12),
    st.integers(1, 4),
    st.sampled_from([0.0, 1.0, 20.0, 30.0, 60.0, 100.0]),
    st.sampled_from([0.0, 2.0, 23.0]),
    st.sampled_from([0.0, 8.0, 24.0, 45.0, 75.0]),
    st.sampled_from(["scan", "ids-alert", "first-logon"]),
)
growth = st.builds(
    lambda earlier, later, points: (earlier, later, points),
    st.sampled_from([0, 0, HOUR_US]),
    st.sampled_from([0, HOUR_US, 30 * HOUR_US]),
    st.sampled_from([None, 45.0, 75.0]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.lists(versions, min_size=1, max_size=5)),
        st.tuples(st.just("grow"), st.tuples(st.integers(0, 12), growth)),
        st.tuples(st.just("remove"), st.integers(0, 12)),
        st.tuples(st.just("judge"), st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 100))),
        st.tuples(st.just("assess"), st.tuples(st.integers(0, 12), st.sampled_from([(), ("one",), ("one", "two")]))),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=200)
@given(steps)
def test_a_file_that_grows_says_what_the_definition_says(script: list[tuple[str, object]]) -> None:
    file, known, told = EntityFile(WS5), dict[str, Fired](), dict[str, Alert]()
    dismissed, closed, assessed = set[str](), dict[str, int](), dict[str, tuple[str, ...]]()
    for what, value in script:
        if what == "update":
            items = list({item.detection.id: item for item in value}.values())  # type: ignore[attr-defined]
            known.update((item.detection.id, item) for item in items)
            file.update(items)
        elif what == "grow":
            number, (earlier_us, later_us, points) = value  # type: ignore[misc]
            if f"d{number}" not in known:
                continue
            before = known[f"d{number}"].detection
            grown = replace(
                before,
                first_seen_us=before.first_seen_us - earlier_us,
                last_seen_us=before.last_seen_us + later_us,
                points=before.points if points is None else points,
            )
            known[grown.id] = known[grown.id]._replace(detection=grown)
            file.update([known[grown.id]])
        elif what == "remove":
            known.pop(f"d{value}", None)
            file.remove([f"d{value}"])
        elif what == "assess":
            number, reasons = value  # type: ignore[misc]
            if f"d{number}" in known:
                assessed[alert_id_of(WS5, known[f"d{number}"])] = reasons
                file.judge(set(dismissed), dict(closed), dict(assessed))
        else:
            number, is_dismissed, event_id = value  # type: ignore[misc]
            subject = known.get(f"d{number}")
            if subject is not None:
                alert_id = alert_id_of(WS5, subject)
                (dismissed.add if is_dismissed else dismissed.discard)(alert_id)
                closed[alert_id] = event_id
                file.judge(set(dismissed), dict(closed), dict(assessed))
        changes = file.changes()
        for alert in changes.alerts:
            assert told.get(alert.id) != alert
            told[alert.id] = alert
        for gone in changes.gone:
            del told[gone]
        items = list(known.values())
        assert told == {alert.id: alert for alert in alerts_of(WS5, items, dismissed, closed, assessed)}
        assert all(alert.risk >= OPEN_RISK for alert in told.values())
        now, defined = file.score(), entity_score(WS5, items, dismissed, closed)
        assert now.risk == pytest.approx(defined.risk)
        assert [(p.detector, p.repeats) for p in now.contributions] == [
            (p.detector, p.repeats) for p in defined.contributions
        ]


def test_a_long_file_takes_one_more_detection_in_without_going_through_all() -> None:
    file = EntityFile(WS5, [fired(f"{n:05}", n / 1000, points=30 + n % 7, event_id=n + 1) for n in range(3000)])
    file.changes()
    before = file._episodes
    file.update([fired("late", 3, event_id=9000), fired("00007", 0.007, points=50, event_id=8)])
    (alert,) = file.changes().alerts
    assert file._episodes is before
    assert len(alert.detection_ids) == 3001
    assert alert.contributions[0].detection_id == "00007"


def test_a_second_opinion_adds_reasons_after_all_others_and_changes_nothing_else() -> None:
    item = fired("a")
    (plain,) = alerts_of(WS5, [item])
    (assessed,) = alerts_of(WS5, [item], assessed={plain.id: ("and this",)})
    assert assessed == replace(plain, reasons=("reason of a", "and this"))
    file = EntityFile(WS5, [item])
    assert file.changes().alerts == [plain]
    score = file.score()
    file.judge((), {}, {plain.id: ("and this",)})
    assert file.changes().alerts == [assessed]
    assert file.changes().alerts == []
    assert file.score() == score


def test_a_file_that_was_recalled_tells_only_what_is_different() -> None:
    item = fired("a")
    (plain,) = alerts_of(WS5, [item])
    same, other, empty = EntityFile(WS5, [item]), EntityFile(WS5, [item]), EntityFile(WS5, [fired("b", points=1)])
    same.recall([plain])
    other.recall([replace(plain, reasons=())])
    empty.recall([plain])
    assert same.changes() == ([], [])
    assert other.changes() == ([plain], [])
    assert empty.changes() == ([], [plain.id])
