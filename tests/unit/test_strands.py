"""The parts of a scan, counted and worded."""

from __future__ import annotations

import pytest

from pandora_core.detect.strands import HORIZONTAL, SWEEP, VERTICAL, Strand, sentence_of, title_of
from pandora_core.model import SECOND_US


def strand(kind: str, what: str, targets: int, attempts: int) -> Strand:
    made = Strand(kind, what, 0, 9 * SECOND_US, attempts)
    for number in range(targets):
        made.add(number + 1)
    return made


@pytest.mark.parametrize("size", [100, 1000, 3000])
def test_many_targets_are_counted_within_a_few_per_cent(size: int) -> None:
    strand = Strand("ports", "10.0.0.6", 0, 0)
    for number in [*range(size), *range(size // 2)]:
        strand.add(number)
    assert strand.size == pytest.approx(size, rel=0.08)


def test_few_targets_are_counted_exactly() -> None:
    strand = Strand("ports", "10.0.0.6", 0, 0)
    for number in [*range(64), *range(64)]:
        strand.add(number)
    assert strand.size == 64


def test_every_kind_of_scan_has_words_of_its_own() -> None:
    assert sentence_of(strand(VERTICAL, "10.0.0.6", 3, 4)) == (
        "3 ports of 10.0.0.6 refused or did not answer: 1, 2, 3; 4 attempts in 9 seconds"
    )
    assert sentence_of(strand(HORIZONTAL, "445/tcp", 9, 9)) == (
        "9 hosts refused or did not answer on port 445/tcp; 9 attempts in 9 seconds"
    )
    assert sentence_of(strand(SWEEP, "", 20, 40)) == "20 hosts did not answer a ping; 40 attempts in 9 seconds"


def test_the_title_tells_the_largest_part_and_how_many_more_there_are_of_its_kind() -> None:
    large, small, other = strand(VERTICAL, "a", 30, 30), strand(VERTICAL, "b", 9, 9), strand(SWEEP, "", 8, 8)
    assert title_of([large, small, other]) == "scanned 30 ports of a and 1 more"
    assert title_of([other]) == "pinged 8 hosts"


def test_an_estimate_says_that_it_is_one() -> None:
    assert title_of([strand(HORIZONTAL, "23/tcp", 500, 500)]).startswith("scanned about ")
