"""Owns what makes calls regular: the pace of a run of pauses, and how a path's pace is judged over time.

Pauses are judged sixteen at a time. A check-in is often several connections, and a refused one is tried again at
once: pauses far below the usual long one are joined to it before anything is measured. What is left of chance (pauses
of a Poisson process, whose spread is half their middle) stays well outside the limits here.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

RUN_PAUSES = 16
"""Pauses that are judged together."""

MIN_PAUSES = 8
"""Pauses of a run that must be left when those within a check-in are joined."""

MAX_SPREAD = 0.2
"""Median distance from the middle pause, as a share of it: 0.17 is what a jitter of 50 % of the interval gives."""

MIN_WITHIN = 0.8
"""Share of pauses within half of the middle pause around it; a host that sleeps now and then has a few others."""

MAX_DRIFT = 0.5
"""How far, as a share, a run's middle pause may be from the path's pace and still be the same beat."""

MIN_PAUSE_S = 4
"""Shorter pauses cannot be told from chance when times are whole seconds; so many calls are a strobe."""

_JOINED_SHARE = 0.25


class Pace(NamedTuple):
    """The middle pause of a run in seconds, and the spread around it as a share of it."""

    pause_s: float
    spread: float


def pace_of(pauses_s: Sequence[int]) -> Pace | None:
    """The pace of a run of pauses, if it has one."""
    joined = _joined(pauses_s)
    if len(joined) < MIN_PAUSES:
        return None
    middle = statistics.median(joined)
    if middle < MIN_PAUSE_S:
        return None
    off = sorted(abs(pause - middle) for pause in joined)
    spread = off[len(off) // 2] / middle
    within = sum(distance <= middle / 2 for distance in off) / len(off)
    return Pace(middle, spread) if spread <= MAX_SPREAD and within >= MIN_WITHIN else None


def _joined(pauses_s: Sequence[int]) -> list[int]:
    """Pauses between check-ins: those within one are added to the long pause that follows."""
    long_s = sorted(pauses_s)[len(pauses_s) * 3 // 4]
    joined, sum_s = [], 0
    for pause in pauses_s:
        sum_s += pause
        if pause >= long_s * _JOINED_SHARE:
            joined.append(sum_s)
            sum_s = 0
    return joined
