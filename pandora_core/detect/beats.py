"""Owns what makes calls regular: the pace of a run of pauses, and the train of calls that one sensor tells of.

Pauses are judged sixteen at a time. A check-in is often several connections, and a refused one is tried again at
once: pauses far below the usual long one are joined to it before anything is measured. What is left of chance (pauses
of a Poisson process, whose spread is half their middle) stays well outside the limits here.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pandora_core.model import SECOND_US

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

MIN_SAME_SIZE = 0.8
"""Share of calls whose amounts sent must be alike."""

CELL_S = 600
"""Calls are taken in by the ten minutes, once nothing that belongs before them can still come."""

_JOINED_SHARE = 0.25
_SIZES = 24


class Pace(NamedTuple):
    """The middle pause of a run in seconds, and the spread around it as a share of it."""

    pause_s: float
    spread: float


class Train(msgspec.Struct, kw_only=True, gc=False):
    """Calls along one path as one sensor tells them: the clock of each is its own, and so are its pauses.

    ``pending`` are seconds in which calls were made that are not judged yet.
    """

    sensor: str
    count: int = 0
    sent: int = 0
    received: int = 0
    sizes: list[int] = msgspec.field(default_factory=lambda: [0] * _SIZES)
    cell: int = 0
    pending: set[int] = msgspec.field(default_factory=set)
    judged_s: int = 0
    pauses: list[int] = msgspec.field(default_factory=list)
    runs: int = 0
    steady_runs: int = 0
    steady_from_s: int = 0
    pause_s: float = 0.0
    spread: float = 0.0

    def weigh(self, sent: int, received: int) -> None:
        """Counts a call and its bytes."""
        self.count += 1
        self.sent += sent
        self.received += received
        self.sizes[min(sent.bit_length(), _SIZES - 1)] += 1

    def take_in(self, complete_s: int) -> None:
        """Joins the calls before a second to runs of pauses."""
        ready = sorted([second for second in self.pending if second < complete_s])
        self.pending.difference_update(ready)
        for second in ready:
            if self.judged_s:
                self.pauses.append(second - self.judged_s)
            self.judged_s = second
            if len(self.pauses) == RUN_PAUSES:
                self._end_run()

    def steady_span_us(self) -> int:
        """From the first to the last steady run, in microseconds."""
        return (self.judged_s - self.steady_from_s) * SECOND_US

    def is_same_size(self) -> bool:
        """Whether most calls send an amount within a factor of two to four."""
        sizes = self.sizes
        told = sum(sizes[1:])
        return told > 0 and max(map(sum, itertools.pairwise(sizes[1:]))) >= MIN_SAME_SIZE * told

    def _end_run(self) -> None:
        pace = pace_of(self.pauses)
        self.runs += 1
        if pace is not None:
            if not self.pause_s or abs(pace.pause_s - self.pause_s) <= MAX_DRIFT * self.pause_s:
                self.steady_runs += 1
            if not self.steady_from_s:
                self.steady_from_s = self.judged_s - sum(self.pauses)
            self.pause_s, self.spread = pace
        self.pauses = []


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
