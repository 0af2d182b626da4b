"""What strangers try all the time is weak evidence, and the first of them, or one who gets in, is not."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviours.logons import POINTS_STRANGER, FailedLogons
from pandora_core.detect.behaviours.scans import Scans
from pandora_core.detect.behaviours.signatures import Signatures
from pandora_core.detect.exposure import EXPOSED_SOURCES, EXPOSED_SPAN_US, Exposure, is_stranger
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Detection, Event
from tests.unit.streams import START_US, connection, ids_alert, ssh, watch

STRANGERS = [f"203.0.113.{number}" for number in range(1, EXPOSED_SOURCES + 2)]
LAST = STRANGERS[-1]


def guesses(source: str, number: int, tries: int = 12, ends: str = "failure") -> list[Event]:
    start_us = START_US + number * HOUR_US
    outcomes = ["failure"] * tries + [ends]
    return [ssh(start_us + place * 10_000_000, outcome, source) for place, outcome in enumerate(outcomes)]


def told(events: list[Event], *detectors: str) -> dict[str, Detection]:
    found = [item.detection for item in watch(events, FailedLogons, Scans, Signatures)]
    return {d.entity.name: d for d in found if d.detector in detectors}


def test_the_first_strangers_who_guess_are_alerts_and_the_next_one_is_not() -> None:
    found = told([e for n, s in enumerate(STRANGERS) for e in guesses(s, n)], "failed-logons")
    assert [found[s].points >= POINTS_STRANGER for s in STRANGERS] == [True] * EXPOSED_SOURCES + [False]
    assert found[LAST].points < 5
    assert "did not get in" in found[LAST].reasons[-1]


def test_a_stranger_who_gets_in_counts_whole_though_everybody_guesses() -> None:
    events = [e for n, s in enumerate(STRANGERS[:-1]) for e in guesses(s, n)]
    events += guesses(LAST, 20, ends="success")
    assert told(events, "failed-logons")[LAST].points >= 45
    assert told(events, "success-after-failures")[LAST].points >= 70


def test_a_host_of_ours_that_guesses_counts_whole_though_strangers_do_too() -> None:
    events = [e for n, s in enumerate(STRANGERS) for e in guesses(s, n)] + guesses("10.0.0.5", 20)
    assert told(events, "failed-logons")["10.0.0.5"].points >= 45


def test_what_was_tried_weeks_ago_makes_nothing_ordinary() -> None:
    exposure = Exposure()
    for number, stranger in enumerate(STRANGERS[:-1]):
        exposure.note("gate", stranger, START_US + number * MINUTE_US)
    assert exposure.is_exposed("gate", START_US + DAY_US)
    assert not exposure.is_exposed("gate", START_US + 3 * EXPOSED_SPAN_US)
    assert not exposure.is_exposed("gate", START_US)
    assert not exposure.is_exposed("another", START_US + DAY_US)


def test_the_ninth_stranger_who_scans_a_host_is_weak_evidence() -> None:
    events = [
        connection(START_US + number * HOUR_US + port * 1_000_000, stranger, "10.0.9.1", port)
        for number, stranger in enumerate(STRANGERS)
        for port in range(1, 13)
    ]
    found = told(events, "scan")
    assert [found[s].points >= 45 for s in STRANGERS] == [True] * EXPOSED_SOURCES + [False]


def test_a_rule_that_many_strangers_set_off_is_no_alert_alone() -> None:
    events = [
        ids_alert(START_US + number * HOUR_US, "PROBE", 3, stranger, "198.51.100.80")
        for number, stranger in enumerate(STRANGERS)
    ]
    found = told(events, "ids-alert")
    assert found[STRANGERS[0]].points >= 45
    assert 0 < found[LAST].points < 25


@pytest.mark.parametrize(
    ("place", "expected"),
    [("203.0.113.9", True), ("10.0.0.5", False), ("ws-5", False), ("dsl-9.example.net", True), ("", False)],
)
def test_a_stranger_is_an_address_outside_or_a_resolved_name(place: str, expected: bool) -> None:
    assert is_stranger(place) is expected
