"""Uploads and what is usual: habits are learnt slowly on purpose, and what exceeds them is told with the numbers."""

from __future__ import annotations

from pandora_core.detect.baselines import STEP_UP, Baseline
from pandora_core.detect.behaviours.new_destinations import FEW_NETWORKS, NewDestinations
from pandora_core.detect.behaviours.uploads import LEAST_BYTES_UNKNOWN, POINTS_POPULAR, TIMES_USUAL, Uploads
from pandora_core.model import DAY_US, HOUR_US, Detection, Event
from tests.unit.streams import INSIDE, OUTSIDE, START_US, connection, watch

MB = 1_000_000


def sent(hour: float, amount: int, source: str = INSIDE[0], destination: str = OUTSIDE[0]) -> Event:
    at_us = START_US + round(hour * HOUR_US)
    more = {"source.bytes": amount, "destination.bytes": amount // 100}
    return connection(at_us, source, destination, 443, outcome="success", **more)


def uploads(events: list[Event]) -> list[Detection]:
    return [fired.detection for fired in watch(events, Uploads)]


def habit(days: int, amount: int) -> list[Event]:
    return [sent(day * 24 + hour, amount) for day in range(days) for hour in range(8, 18)]


def test_ten_times_the_usual_amount_of_an_hour_is_told_with_both() -> None:
    (upload,) = uploads([*habit(5, 20 * MB), sent(5 * 24 + 10, 900 * MB)])
    assert "900 MB sent outside in one hour" in upload.reasons[0]
    assert "usual at that hour are at most" in upload.reasons[0]
    assert upload.tactics == ("exfiltration",)
    assert uploads([*habit(5, 20 * MB), sent(5 * 24 + 10, (TIMES_USUAL - 1) * 20 * MB)]) == []


def test_while_it_learns_only_very_much_is_told_and_it_says_so() -> None:
    assert uploads([sent(9, LEAST_BYTES_UNKNOWN)]) == []
    (upload,) = uploads([sent(9, LEAST_BYTES_UNKNOWN + 1)])
    assert "still being learnt" in upload.reasons[0]


def test_a_connection_told_by_two_sensors_counts_once() -> None:
    twice = [sent(9, LEAST_BYTES_UNKNOWN * 3 // 4) for _ in range(2)]
    other = Event(
        **{name: getattr(twice[1], name) for name in twice[1].__struct_fields__} | {"dataset": "suricata.flow"}
    )
    assert uploads([twice[0], other]) == []


def test_downloads_and_transfers_inside_do_not_count() -> None:
    fetched = connection(
        START_US, port=443, destination=OUTSIDE[0], **{"source.bytes": 10**9, "destination.bytes": 10**10}
    )
    assert uploads([fetched, sent(1, 10**10, destination=INSIDE[1])]) == []


def test_what_everybody_uploads_to_is_worth_no_alert() -> None:
    others = [sent(1, MB, f"10.0.0.{n + 20}") for n in range(4)]
    assert uploads([*others, sent(9, 10**10)])[0].points == POINTS_POPULAR


def test_a_slow_poisoner_moves_the_level_by_half_an_octave_a_day_at_most() -> None:
    baseline = Baseline(0)
    for hour in range(24 * 14):
        baseline.learn(hour, 10 * MB)
    before, last = baseline.usual(24 * 14), 24 * 14
    for hour in range(last, last + 24):
        baseline.learn(hour, round(baseline.usual(hour) * (TIMES_USUAL - 1)))
    assert baseline.usual(last + 24) / before < 2 ** (24 * STEP_UP + 0.6)


def test_one_huge_hour_teaches_next_to_nothing() -> None:
    baseline = Baseline(0)
    for hour in range(24 * 14):
        baseline.learn(hour, 10 * MB)
    baseline.learn(24 * 14, 10**13)
    assert baseline.usual(24 * 14 + 12) < 12 * MB


def test_an_hour_of_the_week_has_its_own_level() -> None:
    baseline = Baseline(0)
    for hour in range(24 * 7 * 8):
        baseline.learn(hour, 400 * MB if hour % 168 == 30 else 1 * MB)
    assert baseline.usual(24 * 7 * 8 + 30) > 4 * baseline.usual(24 * 7 * 8 + 100)


def test_a_server_that_talks_to_a_network_it_never_talked_to_is_weak_evidence() -> None:
    usual = [sent(24 * day, 500, destination="203.0.113.5") for day in range(4)]
    (new,) = (
        fired.detection for fired in watch([*usual, sent(80, 500, destination="198.51.100.9")], NewDestinations)
    )
    assert new.points < 15
    assert "first contact with 198.51.100.9" in new.reasons[0]
    assert START_US + 80 * HOUR_US - new.first_seen_us < DAY_US


def test_for_who_browses_nothing_is_new() -> None:
    browsing = [sent(n, 500, destination=f"203.{n}.113.5") for n in range(FEW_NETWORKS + 1)]
    assert watch([*browsing, sent(80, 500, destination="198.51.100.9")], NewDestinations) == []
