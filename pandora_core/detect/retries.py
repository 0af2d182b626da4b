"""Owns how a machine that goes on with an old password is told from somebody who guesses: by its rhythm.

A service, a job or a telephone whose password was changed elsewhere tries the old one at its own steady pace, a
minute or a quarter of an hour apart, until somebody notices. Who guesses tries as fast as may be.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from pandora_core.model import SECOND_US

LEAST_PAUSES = 4
"""Pauses between tries from which on they have a rhythm."""

LEAST_PAUSE_US = 30 * SECOND_US
"""Who tries more often is no machine that waits for its turn."""

MAX_OFF = 0.2
"""How far, as a share, a pause may be from the middle one …"""

LEAST_STEADY = 0.8
"""… and how many of the pauses have to be within that: some are longer, where a line is lost or a host restarts."""

_ONE_TRY_US = 5 * SECOND_US


def retried(failures: Sequence[tuple[int, str]]) -> frozenset[str]:
    """The accounts, of failures in the order of their times, whose failures look like a machine's with an old one."""
    times_us: dict[str, list[int]] = {}
    for at_us, user in failures:
        times_us.setdefault(user, []).append(at_us)
    return frozenset(user for user, tried_us in times_us.items() if user and is_steady(tried_us))


def is_steady(times_us: Sequence[int]) -> bool:
    """Whether tries come at a steady pace; one try may be told twice, by two logs or for two protocols."""
    tries_us = [
        at_us for place, at_us in enumerate(times_us) if not place or at_us - times_us[place - 1] > _ONE_TRY_US
    ]
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries_us)]
    if len(pauses) < LEAST_PAUSES:
        return False
    middle = statistics.median(pauses)
    steady = sum(abs(pause - middle) <= MAX_OFF * middle for pause in pauses)
    return middle >= LEAST_PAUSE_US and steady >= LEAST_STEADY * len(pauses)
