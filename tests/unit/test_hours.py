"""People at work at hours at which neither they nor others are."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviours.hours import POINTS, UnusualHours
from pandora_core.model import DAY_US, HOUR_US, Detection, Event
from tests.unit.streams import START_US, watch, windows_event, windows_logon


def at_work(hour: float, user: str = "alice", day: int = 0, kind: int = 2) -> Event:
    return windows_logon(START_US + day * DAY_US + round(hour * HOUR_US), None, "WS-5", user, kind=kind)


def found(*events: Event) -> list[Detection]:
    return [item.detection for item in watch(events, UnusualHours)]


DAY = tuple(at_work(hour) for hour in (8, 9, 12, 13, 16))


def test_who_is_at_work_at_night_for_the_first_time_is_weak_evidence() -> None:
    (stay,) = found(*DAY, at_work(22, day=1))
    assert stay.points == POINTS
    assert (stay.entity.name, stay.users) == ("WS-5", ("alice",))
    assert stay.title == "alice at work on WS-5 at an unusual hour"


@pytest.mark.parametrize("hour", [8.5, 10.5, 17.5, 7.1])
def test_ones_own_hours_and_those_beside_them_are_usual(hour: float) -> None:
    assert not found(*DAY, at_work(hour, day=1))


def test_an_hour_at_which_four_others_work_is_usual() -> None:
    night = [at_work(22, f"night{number}") for number in range(4)]
    assert not found(*DAY, *night, at_work(22, day=1))
    assert found(*DAY, *night[:3], at_work(22, day=1))


def test_one_night_makes_the_next_one_usual_and_one_stay_does_not_make_itself_so() -> None:
    (first,) = found(*DAY, at_work(22, day=1), at_work(23.5, day=1), at_work(22, day=2))
    assert first.count == 2


def test_somebody_new_services_and_machines_are_left_out() -> None:
    assert not found(at_work(8), at_work(22))
    assert not found(*DAY, at_work(22, "bob", day=1), at_work(22, "WS-5$", day=1), at_work(22, day=1, kind=3))


def test_an_unlocked_screen_is_presence_too() -> None:
    unlock = windows_event(
        START_US + DAY_US + 22 * HOUR_US, "session", "workstation-unlocked", "4801", host="WS-5", user="alice"
    )
    assert len(found(*DAY, unlock)) == 1
