"""Old passwords that machines go on with: told from guesses by their rhythm."""

from __future__ import annotations

import random

from pandora_core.detect.retries import LEAST_PAUSES, is_steady, retried
from pandora_core.model import MINUTE_US, SECOND_US


def test_tries_at_a_steady_pace_are_a_machines_from_the_fifth_on() -> None:
    times = [n * 5 * MINUTE_US for n in range(LEAST_PAUSES + 1)]
    assert is_steady(times)
    assert not is_steady(times[:-1])


def test_tries_that_follow_each_other_at_once_are_a_guessers_however_steady() -> None:
    assert not is_steady([n * 10 * SECOND_US for n in range(50)])


def test_one_try_may_be_told_twice() -> None:
    assert is_steady([n * MINUTE_US + twice for n in range(6) for twice in (0, SECOND_US)])


def test_some_lost_lines_leave_the_rhythm_but_chance_has_none() -> None:
    assert is_steady([n * MINUTE_US for n in range(30) if n not in (7, 19)])
    dice = random.Random(1)
    times, chance = 0.0, []
    for _ in range(60):
        times += dice.expovariate(1 / 120)
        chance.append(round(times * SECOND_US))
    assert not is_steady(chance)


def test_each_account_has_a_rhythm_of_its_own() -> None:
    job = [(n * 5 * MINUTE_US, "svc-sync") for n in range(8)]
    phone = [(n * MINUTE_US, "alice") for n in range(8)]
    typed = [(20 * MINUTE_US + n * SECOND_US * 9, "bob") for n in range(8)]
    assert retried(sorted([*job, *phone, *typed])) == {"svc-sync", "alice"}
