"""Borrowed accounts: somebody else's account at a desk."""

from __future__ import annotations

from pandora_core.detect.behaviours.borrowed import GUESSED_POINTS, POINTS, BorrowedAccounts
from pandora_core.model import DAY_US, MINUTE_US, Detection, Event
from tests.unit.streams import START_US, lease, watch, windows_logon

ALICES, BOBS, OTHER = "10.0.0.5", "10.0.0.6", "10.0.0.7"
LATER_US = START_US + DAY_US + 9 * 60 * MINUTE_US
SETTLED = [windows_logon(START_US, ALICES, user="alice"), windows_logon(START_US, BOBS, user="bob")]


def borrowed(events: list[Event]) -> list[Detection]:
    return [item.detection for item in watch(events, BorrowedAccounts)]


def failed(at_us: int) -> Event:
    return windows_logon(at_us, ALICES, user="bob", outcome="failure")


def test_a_colleagues_account_used_from_ones_desk_is_told_with_both() -> None:
    (found,) = borrowed([*SETTLED, windows_logon(LATER_US, ALICES, user="bob")])
    assert found.points == POINTS
    assert found.entity.name == ALICES
    assert found.users == ("bob",)
    assert found.title == "bob's account used at the desk of alice"


def test_failures_before_it_make_it_a_guess() -> None:
    events = [failed(LATER_US - MINUTE_US), failed(LATER_US - 2 * MINUTE_US)]
    (found,) = borrowed([*SETTLED, *events, windows_logon(LATER_US, ALICES, user="bob")])
    assert found.points == GUESSED_POINTS
    assert "T1110.001" in found.techniques


def test_failures_that_arrive_after_it_count_too_and_old_ones_do_not() -> None:
    use = windows_logon(LATER_US, ALICES, user="bob")
    late = [failed(LATER_US - MINUTE_US), failed(LATER_US - 2 * MINUTE_US)]
    assert borrowed([*SETTLED, use, *late])[0].points == GUESSED_POINTS
    old = [failed(LATER_US - 60 * MINUTE_US), failed(LATER_US - 61 * MINUTE_US)]
    assert borrowed([*SETTLED, *old, use])[0].points == POINTS


def test_ones_own_account_at_ones_own_desk_is_nothing() -> None:
    assert not borrowed([*SETTLED, windows_logon(LATER_US, ALICES, user="alice")])


def test_in_the_first_day_everybody_is_new_everywhere() -> None:
    assert not borrowed([*SETTLED, windows_logon(START_US + 60 * MINUTE_US, ALICES, user="bob")])


def test_a_new_colleague_and_a_new_desk_are_nothing() -> None:
    assert not borrowed([*SETTLED, windows_logon(LATER_US, ALICES, user="carol")])
    assert not borrowed([*SETTLED, windows_logon(LATER_US, OTHER, user="bob")])


def test_a_desk_that_many_share_and_an_account_that_is_everywhere_are_nothing() -> None:
    shared = [windows_logon(START_US, ALICES, user=user) for user in ("carol", "dave", "erin")]
    assert not borrowed([*SETTLED, *shared, windows_logon(LATER_US, ALICES, user="bob")])
    roaming = [windows_logon(START_US, f"10.0.1.{number}", user="bob") for number in range(5)]
    assert not borrowed([*SETTLED, *roaming, windows_logon(LATER_US, ALICES, user="bob")])


def test_strangers_have_no_desks() -> None:
    outside = [windows_logon(START_US, "203.0.113.9", user="alice"), windows_logon(START_US, BOBS, user="bob")]
    assert not borrowed([*outside, windows_logon(LATER_US, "203.0.113.9", user="bob")])


def test_an_address_that_changed_hands_means_nothing() -> None:
    leases = [lease(START_US, "WS-A", ALICES), lease(START_US, "WS-B", BOBS)]
    moved = lease(LATER_US - MINUTE_US, "WS-B", ALICES)
    (found,) = borrowed([*leases, *SETTLED, moved, windows_logon(LATER_US, ALICES, user="bob")])
    assert found.points == 0
    assert found.reasons[-1] == "nothing new: an address changed hands"


def at_the_desk(at_us: int, host: str, user: str) -> Event:
    return windows_logon(at_us, None, host, user, kind=2)


def test_a_desk_is_known_by_its_name_though_its_address_is_new() -> None:
    seated = [at_the_desk(START_US, "WS-A", "alice"), at_the_desk(START_US, "WS-B", "bob")]
    leases = [lease(START_US, "WS-A", ALICES), lease(START_US, "WS-B", BOBS)]
    moved = lease(LATER_US - MINUTE_US, "WS-A", OTHER)
    (found,) = borrowed([*leases, *seated, moved, windows_logon(LATER_US, OTHER, user="bob")])
    assert (found.entity.name, found.points) == ("WS-A", POINTS)
    assert found.title == "bob's account used at the desk of alice"
    late = borrowed([*leases, *seated, windows_logon(LATER_US, OTHER, user="bob"), moved])
    assert [(one.entity, one.points, one.reasons) for one in late] == [(found.entity, found.points, found.reasons)]


def test_the_address_that_ones_own_desk_had_before_is_no_home() -> None:
    seated = [at_the_desk(START_US, "WS-A", "alice"), at_the_desk(START_US, "WS-B", "bob")]
    leases = [lease(START_US, "WS-A", ALICES), lease(START_US, "WS-B", BOBS)]
    before = windows_logon(START_US + MINUTE_US, BOBS, user="bob")
    moved = lease(LATER_US - MINUTE_US, "WS-A", BOBS)
    (found,) = borrowed([*leases, *seated, before, moved, windows_logon(LATER_US, BOBS, user="bob")])
    assert (found.entity.name, found.points) == ("WS-A", POINTS)
