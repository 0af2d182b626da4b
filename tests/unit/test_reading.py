"""Reading in bulk: against a host's own habit, against its peers', and where neither is known."""

from __future__ import annotations

import msgspec

from pandora_core.detect.behaviours.reading import LEAST_FILES, POINTS, POINTS_PEERS, POINTS_POPULAR, BulkReading
from pandora_core.model import HOUR_US, Detection, Event
from tests.unit.streams import START_US, file_opened, watch

ME = "10.0.0.99"
MANY = 3 * LEAST_FILES


def opened(hour: float, files: int, source: str = ME, **more: str) -> list[Event]:
    start_us = START_US + round(hour * HOUR_US)
    return [file_opened(start_us + n * 1_000_000, f"plan-{n}.docx", source, **more) for n in range(files)]


def office(hours: int = 8, files: int = 10) -> list[Event]:
    """Six people read for some hours."""
    return [e for hour in range(hours) for n in range(6) for e in opened(hour, files, f"10.0.0.{n + 10}")]


def readings(events: list[Event]) -> list[Detection]:
    return [item.detection for item in watch(events, BulkReading)]


def test_who_reads_far_more_than_all_others_is_told_from_the_first_day_on() -> None:
    (reading,) = readings(office() + opened(12, MANY))
    assert reading.entity.name == ME
    assert POINTS_PEERS <= reading.points < POINTS
    assert abs(int(reading.title.split()[2]) - MANY) < 0.1 * MANY  # counted in a sketch
    assert "nine in ten hosts read at most" in reading.reasons[0]
    assert reading.techniques == ("T1039",)


def test_what_one_can_open_by_hand_is_nothing() -> None:
    assert not readings(office() + opened(12, LEAST_FILES))


def test_the_same_file_opened_again_and_again_counts_once() -> None:
    assert not readings(office() + [e for _ in range(10) for e in opened(12, 20)])


def test_a_host_is_compared_with_itself_once_it_is_known() -> None:
    habit = [e for day in range(4) for hour in range(8) for e in opened(24 * day + hour, MANY)]
    assert [
        r for r in readings(office() + habit + opened(97, MANY)) if r.first_seen_us > START_US + 96 * HOUR_US
    ] == []
    worst = readings(office() + habit + opened(97, 12 * MANY))[-1]
    assert worst.points >= POINTS
    assert "it read at most" in worst.reasons[0]


def test_while_nobody_is_known_hundreds_of_files_are_nothing() -> None:
    assert not readings(opened(0, MANY))


def test_what_windows_reads_by_itself_and_what_machines_read_does_not_count() -> None:
    machine = [msgspec.structs.replace(event, user="WS-5$") for event in opened(12, MANY)]
    assert not readings(office() + opened(12, MANY, share=r"\\dc-1\SYSVOL") + machine)


def test_a_file_that_two_sensors_tell_of_counts_once() -> None:
    again = [
        msgspec.structs.replace(event, dataset="windows.security", action="share-accessed", user="alice")
        for event in opened(12, 50)
    ]
    assert not readings(office() + opened(12, 50) + again)


def test_a_share_that_many_read_in_bulk_is_a_rollout() -> None:
    found = readings(office() + [e for n in range(4) for e in opened(12, MANY, f"10.0.0.{n + 10}")])
    assert [reading.points for reading in found] == [POINTS_POPULAR] * 4
