"""How reasons are worded."""

from __future__ import annotations

import pytest

from pandora_core.detect.sessions import Session
from pandora_core.detect.words import amount, duration, listed, span_of
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US


def test_amounts_agree_with_their_noun() -> None:
    assert [amount(number, "port") for number in (0, 1, 2, 12_345)] == [
        "0 ports",
        "1 port",
        "2 ports",
        "12,345 ports",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    assert listed([1, 2, 3], 3) == "1, 2, 3"
    assert listed([1, 2, 3, 4, 5], 3) == "1, 2, 3 and 2 more"


@pytest.mark.parametrize(
    ("span_us", "words"),
    [
        (1, "1 second"),
        (90 * SECOND_US, "90 seconds"),
        (25 * MINUTE_US, "25 minutes"),
        (3 * HOUR_US, "3 hours"),
        (9 * DAY_US, "9 days"),
    ],
)
def test_a_duration_is_told_in_one_unit(span_us: int, words: str) -> None:
    assert duration(span_us) == words
    assert span_of(Session(first_us=5, last_us=5 + span_us)) == f"in {words}"


def test_what_has_no_extent_is_not_given_one() -> None:
    assert span_of(Session(first_us=5, last_us=5)) == "in the same second"
