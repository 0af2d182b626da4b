"""Alerts without a rating: rated by how rare they are, whatever the order and the batches in which they come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Context, Fired
from pandora_core.detect.behaviours.rare_alerts import MAX_VISITS, POINTS, RareAlerts
from pandora_core.detect.channels import Channels
from pandora_core.detect.edges import Edges
from pandora_core.detect.kinds import kind_of
from pandora_core.detect.names import Names
from pandora_core.detect.rarity import WAVE_HOSTS, Waves
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Detection, Event
from tests.unit.streams import at

PLAIN = "Mailer: queue moved"
SUDO = "Watcher: sudo to root"


def unrated(at_us: int, rule: str = PLAIN, host: str = "mail") -> Event:
    return Event(at_us, "ait.alert", "intrusion_detection", "alert", host=host, more={"rule.name": rule})


def made(capacity: int = 20_000) -> RareAlerts:
    names = Names(100)
    return RareAlerts(Context(names, Edges(names), Channels()), capacity)


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


def points_of(events: list[Event]) -> dict[str, float]:
    """The points of the newest detection of each host."""
    found = sorted(watched(events).values(), key=lambda detection: detection.first_seen_us)
    return {detection.entity.name: detection.points for detection in found if detection.points}


def test_the_first_day_says_little_against_what_comes_later() -> None:
    later = unrated(at() + 3 * DAY_US + 9 * HOUR_US)
    early, other = unrated(at() + 2 * HOUR_US), unrated(at() + 40 * HOUR_US)
    once = points_of([*beginning(), early, later])["mail"]
    assert once > 0.9 * POINTS * kind_of(PLAIN).weight
    assert points_of([*beginning(), other, later])["mail"] < 0.8 * once


@pytest.mark.parametrize(("rule", "is_less"), [(SUDO, True), ("Net: scan seen", False)])
def test_what_is_done_on_many_hosts_at_once_is_maintenance_unless_it_comes_from_outside(
    rule: str, is_less: bool
) -> None:
    night = at() + 3 * DAY_US
    few = [unrated(night + n * MINUTE_US, rule, f"h{n}") for n in range(WAVE_HOSTS - 1)]
    before = points_of([*beginning(), *few])
    after = points_of([*beginning(), *few, unrated(night + 10 * MINUTE_US, rule, "h-last")])
    assert len(before) == WAVE_HOSTS - 1
    assert all((after[host] < before[host]) is is_less for host in before)


def test_maintenance_of_all_hosts_says_little_of_what_is_done_to_one_of_them() -> None:
    def last_alone(hosts: int) -> float:
        nights = [at() + (2 + night) * DAY_US for night in range(3)]
        everywhere = [unrated(night + n, SUDO, f"h-{n}") for night in nights for n in range(hosts)]
        alone_us = nights[-1] + 14 * HOUR_US
        found = watched([*beginning(), *everywhere, unrated(alone_us, SUDO, "h-0")])
        return next(d.points for d in found.values() if d.first_seen_us == alone_us)

    assert last_alone(WAVE_HOSTS) > 1.5 * last_alone(1)


def test_a_rule_is_routine_by_its_visits_and_not_by_how_lines_come_in() -> None:
    visits = [at() + 2 * DAY_US + n * HOUR_US for n in range(MAX_VISITS)]
    lines = [unrated(begin + minute * MINUTE_US, SUDO) for begin in visits for minute in (0, 9, 18)]
    late = [line for begin in range(0, len(lines), 3) for line in (lines[begin], lines[begin + 2], lines[begin + 1])]
    last = unrated(at() + 6 * DAY_US, SUDO)
    assert standing(watched([*beginning(), *lines[:3]])) != []
    assert standing(watched([*beginning(), *late])) == standing(watched([*beginning(), *lines]))
    assert standing(watched([*beginning(), *late, last])) == standing(watched([*beginning(), *lines, last])) == []


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


@given(st.integers(0, 10**6))
def test_waves_are_the_same_in_whatever_order_they_are_seen(seed: int) -> None:
    dice = random.Random(seed)
    seen = [(f"h{dice.randrange(8)}", dice.randrange(40) * 5 * MINUTE_US) for _ in range(60)]
    first, second = Waves(found=[]), Waves(found=[])
    for place, at_us in seen:
        first.add(place, at_us)
    for place, at_us in dice.sample(seen, len(seen)):
        second.add(place, at_us)
    assert first == second


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
