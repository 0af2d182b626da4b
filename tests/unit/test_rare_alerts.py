"""Alerts without a rating: rated by how rare they are, whatever the order and the batches in which they come."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Context, Fired
from pandora_core.detect.edges import Edges
from pandora_core.detect.kinds import kind_of
from pandora_core.detect.names import Names
from pandora_core.detect.rare_alerts import MAX_VISITS, POINTS, RareAlerts
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Detection, Event
from tests.unit.streams import at

PLAIN = "Mailer: queue moved"
SUDO = "Watcher: sudo to root"


def unrated(at_us: int, rule: str = PLAIN, host: str = "mail") -> Event:
    return Event(at_us, "ait.alert", "intrusion_detection", "alert", host=host, more={"rule.name": rule})


def made(capacity: int = 20_000) -> RareAlerts:
    names = Names(100)
    return RareAlerts(Context(names, Edges(names)), capacity)


def watched(events: list[Event], behaviour: RareAlerts | None = None, every: int = 10**9) -> dict[str, Detection]:
    """The last version of every detection."""
    behaviour = behaviour or made()
    told: list[Fired] = []
    for number, event in enumerate(events, 1):
        behaviour.observe(number, event)
        if number % every == 0:
            told += behaviour.changed()
    told += behaviour.changed()
    return {item.detection.id: item.detection for item in told}


def standing(found: dict[str, Detection]) -> list[tuple[object, ...]]:
    """What counts of detections: those with points, without ids, which follow the order of arrival."""
    counted = (d for d in found.values() if d.points > 0)
    return sorted((str(d.entity), d.title, d.first_seen_us, d.last_seen_us, d.count, d.points) for d in counted)


def beginning() -> list[Event]:
    return [unrated(at(0), "Log: begun", "monitor")]


def test_a_rule_that_a_host_never_had_has_full_points_after_a_day() -> None:
    found = watched([*beginning(), unrated(at() + 2 * DAY_US)])
    (detection,) = (d for d in found.values() if d.title == PLAIN)
    assert detection.points == round(POINTS * kind_of(PLAIN).weight, 1)
    assert "never had it" in detection.reasons[1]


def test_the_first_hours_of_a_log_say_nothing() -> None:
    assert standing(watched([unrated(at(minute), f"Rule {minute}") for minute in range(120)])) == []


def test_what_comes_every_day_at_the_same_hour_loses_its_points() -> None:
    days = [unrated(at() + day * DAY_US) for day in range(2, 9)]
    once = standing(watched([*beginning(), days[0]]))
    assert once
    assert standing(watched([*beginning(), *days])) == []


def test_the_same_rule_at_another_hour_counts_more() -> None:
    noon = [unrated(at() + day * DAY_US) for day in (2, 3)]
    night = unrated(at() + 4 * DAY_US + 9 * HOUR_US)
    found = watched([*beginning(), *noon, night])
    points = {d.first_seen_us: d.points for d in found.values()}
    assert points[night.at_us] > max(points[event.at_us] for event in noon)


def test_what_ends_privileges_questions_weighs_more_than_chatter() -> None:
    assert kind_of(SUDO).tactic == "privilege-escalation"
    assert kind_of(SUDO).weight > kind_of(PLAIN).weight > kind_of("Net: policy, new event type").weight


def test_a_rule_with_many_visits_is_routine_for_good() -> None:
    events = [*beginning(), *(unrated(at() + 2 * DAY_US + n * HOUR_US) for n in range(MAX_VISITS + 40))]
    assert standing(watched(events)) == []


def test_alerts_with_a_rating_are_left_to_the_tool() -> None:
    event = Event(at() + 3 * DAY_US, "suricata.alert", "intrusion_detection", "alert", severity=3, host="mail")
    assert watched([*beginning(), event]) == {}


def test_a_restart_goes_on_exactly() -> None:
    events = stream(7)
    whole, first = made(), made()
    for number, event in enumerate(events[:50], 1):
        whole.observe(number, event)
        first.observe(number, event)
    second = made()
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    for number, event in enumerate(events[50:], 51):
        whole.observe(number, event)
        second.observe(number, event)
    assert sorted(second.changed(), key=_order) == sorted(whole.changed(), key=_order)
    assert second.snapshot() == whole.snapshot()


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_neither_batches_nor_the_order_of_arrival_change_what_counts(seed: int, every: int) -> None:
    events = stream(seed)
    shuffled = events[:]
    random.Random(seed).shuffle(shuffled)
    expected = standing(watched(events))
    assert standing(watched(events, every=every)) == expected
    assert standing(watched(shuffled, every=every)) == expected


def test_the_memory_is_bounded() -> None:
    behaviour = made(capacity=20)
    for number in range(500):
        behaviour.observe(number + 1, unrated(at() + 2 * DAY_US + number, f"Rule {number}"))
        behaviour.changed()
    assert len(behaviour.snapshot()) < 20 * 400


def _order(item: Fired) -> str:
    return item.detection.id


def stream(seed: int) -> list[Event]:
    """Three rules on two hosts over six days, in time's order, with pauses of minutes to hours."""
    dice = random.Random(seed)
    times = sorted(dice.randrange(6 * 24 * 12) for _ in range(100))
    return [
        unrated(
            at() + time * 5 * MINUTE_US, dice.choice((PLAIN, SUDO, "Net: scan seen")), dice.choice(("mail", "web"))
        )
        for time in times
    ]
