"""What is customary: numbers aside, on many hosts or since a day."""

from __future__ import annotations

from pandora_core.detect.customs import CUSTOM_AGE_US, CUSTOM_HOSTS, Customs, customary_points


def test_texts_that_differ_in_numbers_are_of_one_sort() -> None:
    customs = Customs()
    one, other = customs.note("a", 0, "agent-4.17.exe"), customs.note("a", 0, "agent-5.2.exe")
    assert one.sort == other.sort != customs.note("a", 0, "client-5.2.exe").sort


def test_a_thing_becomes_customary_with_time_and_a_late_line_moves_that_back() -> None:
    customs = Customs()
    sort = customs.note("a", 100, "x").sort
    assert not customs.is_customary(sort, 99 + CUSTOM_AGE_US)
    assert customs.is_customary(sort, 100 + CUSTOM_AGE_US)
    customs.note("a", 90, "x")
    assert customs.is_customary(sort, 90 + CUSTOM_AGE_US)


def test_the_hosts_are_told_when_a_thing_becomes_customary_on_them() -> None:
    customs = Customs()
    noted = [customs.note(f"h{n}", 0, "x") for n in range(CUSTOM_HOSTS + 2)]
    assert [bool(one.hosts) for one in noted] == [n == CUSTOM_HOSTS - 1 for n in range(CUSTOM_HOSTS + 2)]
    assert noted[CUSTOM_HOSTS - 1].hosts == tuple(f"h{n}" for n in range(CUSTOM_HOSTS))
    assert customs.is_customary(noted[0].sort, 0)


def test_what_is_forgotten_is_not_customary() -> None:
    customs = Customs(capacity=1)
    sort = customs.note("a", 0, "x").sort
    customs.note("a", 0, "y")
    assert not customs.is_customary(sort, 10 * CUSTOM_AGE_US)


def test_little_is_left_of_customary_points_and_less_than_two_are_nothing() -> None:
    assert customary_points(60) == 3
    assert customary_points(15) == 0
