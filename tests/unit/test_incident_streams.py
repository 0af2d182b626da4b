"""Incidents of whole streams of events: batches, restarts and late lines leave the same ranking."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import entity_score
from pandora_core.detect.incidents.joining import incidents_of
from pandora_core.detect.incidents.queue import queue_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.model import MINUTE_US, Event
from tests.unit.streams import admin_share, at, ids_alert, late_streams, service, ssh, streams, windows_logon


def detected(events: list[Event], every: int = 1000, restart_at: int = 0) -> list[Fired]:
    made, fired = Pipeline(), dict[str, Fired]()
    for number, event in enumerate(events, 1):
        made.observe(number, event)
        if number % every == 0:
            fired.update((item.detection.id, item) for item in made.changed())
        if number == restart_at:
            state, made = made.snapshot(), Pipeline()
            made.restore(state)
    fired.update((item.detection.id, item) for item in made.changed())
    return list(fired.values())


@given(streams(), st.integers(1, 30), st.integers(0, 60))
def test_batches_and_restarts_leave_the_same_incidents(events: list[Event], every: int, restart_at: int) -> None:
    expected = queue_of(incidents_of(detected(events)))
    assert queue_of(incidents_of(detected(events, every, restart_at))) == expected


@given(late_streams())
def test_late_lines_leave_the_same_ranking(both: tuple[list[Event], list[Event]]) -> None:
    in_order, late = (queue_of(incidents_of(detected(events))) for events in both)
    assert [(i.severity, i.first_seen_us, i.last_seen_us, set(i.entities)) for i in late] == [
        (i.severity, i.first_seen_us, i.last_seen_us, set(i.entities)) for i in in_order
    ]
    assert [i.risk for i in late] == pytest.approx([i.risk for i in in_order])


@pytest.mark.parametrize("seed", range(12))
def test_wrong_clocks_leave_the_same_ranking(seed: int) -> None:
    dice = random.Random(seed)
    errors = {sensor: dice.randint(-10, 10) * MINUTE_US for sensor in ("linux", "suricata", "windows")}
    events = attack()
    wrong = [msgspec.structs.replace(e, at_us=e.at_us + errors[e.dataset.partition(".")[0]]) for e in events]
    assert looked_at(sorted(wrong, key=lambda event: event.at_us)) == looked_at(events)


def attack() -> list[Event]:
    """A guessed password, rules of a sensor, and a move with a service, as three sensors tell of it."""
    guesses = [ssh(at(0, 4 * n), "failure") for n in range(30)]
    signs = [ids_alert(at(20 + n), f"rule {n}", 3, source="198.51.100.7") for n in range(2)]
    noise = [ids_alert(at(200), "chatter", 2, source="203.0.113.77", destination="10.0.0.9")]
    move = [windows_logon(at(60)), admin_share(at(61)), service(at(62), path=r"%COMSPEC% /c powershell -enc AAAA")]
    later = [ssh(at(300 + n), "failure", source="198.51.100.8", host="mail", user=f"u{n % 3}") for n in range(12)]
    return sorted([*guesses, ssh(at(3), "success"), *signs, *noise, *move, *later], key=lambda event: event.at_us)


def looked_at(events: list[Event]) -> tuple[list[str], list[set[str]]]:
    """The entities by risk, and the incidents in the order of the queue."""
    fired = detected(events)
    by_entity: dict[str, list[Fired]] = {}
    for item in fired:
        by_entity.setdefault(str(item.detection.entity), []).append(item)
    newest_us = max(item.detection.last_seen_us for item in fired)
    scores = {name: entity_score(items[0].detection.entity, items) for name, items in by_entity.items()}
    ends = {name: max(item.detection.last_seen_us for item in items) for name, items in by_entity.items()}
    now = {name: risk.decayed(score.evidence, newest_us - ends[name]) for name, score in scores.items()}
    order = sorted((name for name in now if now[name] > 0), key=lambda name: -now[name])
    return order, [set(map(str, incident.entities)) for incident in queue_of(incidents_of(fired))]
