"""Beacons: a steady pace is told from chance and from people, and what everybody uses is left alone."""

from __future__ import annotations

import random

import msgspec
import pytest

from pandora_core.detect.beats import pace_of
from pandora_core.detect.behaviours.beacons import POINTS_POPULAR, REPEAT_SHARE, Beacons
from pandora_core.model import DAY_US, SECOND_US, Detection, Event, Severity
from tests.unit.streams import INSIDE, OUTSIDE, at, connection, request, watch


def beacons(events: list[Event]) -> list[Detection]:
    return [fired.detection for fired in watch(sorted(events, key=lambda event: event.at_us), Beacons)]


def calls(
    pauses_s: list[float], source: str = INSIDE[0], destination: str = OUTSIDE[0], port: int = 443
) -> list[Event]:
    made, now_s = [], 0.0
    for pause_s in pauses_s:
        now_s += pause_s
        more = {"source.bytes": 300, "destination.bytes": 120}
        made.append(connection(at(seconds=now_s), source, destination, port, outcome="success", **more))
    return made


@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.3, 0.5])
def test_a_check_in_every_minute_is_a_beacon_whatever_its_jitter_up_to_half(jitter: float) -> None:
    chance = random.Random(5)
    (beacon,) = beacons(calls([60 * (1 - jitter * chance.random()) for _ in range(300)]))
    assert beacon.severity is Severity.MEDIUM
    assert beacon.tactics == ("command-and-control",)
    assert "one about every" in beacon.reasons[0]
    assert "300 bytes sent and 120 bytes received" in beacon.reasons[2]


@pytest.mark.parametrize("wrong_s", [0, 7, 61, 600, -600])
def test_what_two_sensors_tell_is_one_beat_however_wrong_the_clock_of_one_is(wrong_s: int) -> None:
    jitter = random.Random(3)
    told = calls([60 * (1 - 0.4 * jitter.random()) for _ in range(300)])
    again = [
        msgspec.structs.replace(event, at_us=event.at_us + wrong_s * SECOND_US, dataset="suricata.flow")
        for event in told
    ]
    (alone,) = beacons(told)
    (both,) = beacons([*told, *again])
    assert (both.title, both.count, both.points) == (alone.title, alone.count, alone.points)


def test_the_same_beat_on_the_next_day_says_little_again() -> None:
    one_day = calls([60.0] * 300)
    next_day = [msgspec.structs.replace(event, at_us=event.at_us + DAY_US) for event in one_day]
    first, again = sorted(beacons([*one_day, *next_day]), key=lambda beacon: beacon.first_seen_us)
    assert (first.title, again.points) == (again.title, pytest.approx(first.points * REPEAT_SHARE))
    assert "before" in again.reasons[-1]


def test_an_interval_of_ten_minutes_and_retries_at_once_are_seen() -> None:
    steady = calls([600.0] * 120)
    again = [connection(event.at_us + 3_000_000, port=443, destination=OUTSIDE[0]) for event in steady]
    (beacon,) = beacons([*steady, *again])
    assert "10 minutes" in beacon.title


@pytest.mark.parametrize("seed", range(20))
def test_calls_at_random_are_no_beacon(seed: int) -> None:
    chance = random.Random(seed)
    assert beacons(calls([chance.expovariate(1 / 60) for _ in range(500)])) == []


def test_a_page_that_polls_for_half_an_hour_is_no_beacon() -> None:
    assert beacons(calls([10.0] * 180)) == []


def test_a_destination_that_four_hosts_use_makes_none_and_one_that_becomes_popular_little() -> None:
    together = [event for n in range(4) for event in calls([60.0] * 200, source=f"10.0.0.{n + 1}")]
    assert beacons(together) == []
    later = [connection(at(240), f"10.0.0.{n + 20}", OUTSIDE[0], 443, outcome="success") for n in range(4)]
    (beacon,) = beacons([*calls([60.0] * 200), *later])
    assert beacon.points == POINTS_POPULAR


def test_name_servers_clocks_and_our_own_hosts_are_left_out() -> None:
    assert beacons(calls([60.0] * 200, port=123)) == []
    assert beacons(calls([60.0] * 200, port=53)) == []
    assert beacons(calls([60.0] * 200, destination=INSIDE[1])) == []


def test_a_beacon_through_a_proxy_is_known_by_its_domain() -> None:
    (beacon,) = beacons([request(at(n), "beat.example") for n in range(200)])
    assert beacon.title == "calls beat.example every 60 seconds"


def test_updates_and_radio_are_worth_less_than_check_ins() -> None:
    fetched = [
        connection(at(n), INSIDE[0], OUTSIDE[0], 443, outcome="success", **{"destination.bytes": 900_000})
        for n in range(200)
    ]
    assert beacons(fetched)[0].severity is Severity.LOW


def test_pauses_within_a_check_in_are_joined_before_the_pace_is_measured() -> None:
    pace = pace_of([1, 1, 58] * 8)
    assert pace is not None
    assert pace.pause_s == 60
    assert pace_of([5, 90, 300, 7, 40, 800, 31, 2] * 2) is None
