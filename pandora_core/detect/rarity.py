"""Owns how rare a rule is on a host, and how many hosts it reaches at once. Pure.

A *visit* is what a rule does to a host without a long pause, a *wave* what it does to all hosts without one. All is
reckoned from times, earlier and later ones alike, so that it does not depend on the order in which lines come.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pandora_core.detect.sessions import Session
from pandora_core.detect.watermark import CLOCKS_APART_US
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US

GAP_US = 15 * MINUTE_US
"""A rule that fires again after a longer pause has come a second time."""

OTHER_DAY, SAME_HOUR, SAME_DAY = 0.6, 0.6, 0.2
"""What each other visit of the rule to the host takes: on another day, at the same hour of one, within 12 hours."""

WARM_UP_US = DAY_US
"""So long everything in a log is new: what is seen then says little, be it for something or against it."""

WAVE_PAUSE_US = GAP_US + CLOCKS_APART_US
"""A wave goes from host to host, each of which has its own clock."""

WAVE_HOSTS = 5
"""A wave that reaches this many hosts is one of all hosts; no more are remembered of it."""

WAVE_WEIGHT = 0.3
"""How much a visit of a wave counts against one to a host alone."""

MAX_WAVES = 64
"""A rule with more of them is everybody's, for good."""

_HALF_DAY_US = DAY_US // 2


class Visit(Session, kw_only=True, gc=False):
    """Alerts of one rule on one place without a long pause."""

    count: int = 0


class Wave(msgspec.Struct, gc=False):
    """Alerts of one rule on any places without a long pause, and the first few of these in the order of names."""

    first_us: int
    last_us: int
    places: tuple[str, ...]


class Waves(msgspec.Struct, kw_only=True, gc=False):
    """All waves of one rule in the order of their times; none, once it is everybody's."""

    found: list[Wave] = []
    is_common: bool = False

    def add(self, place: str, at_us: int) -> bool:
        """Takes an alert in; whether that may change how many places some wave reaches."""
        if self.is_common:
            return False
        near = [wave for wave in self.found if wave.first_us - WAVE_PAUSE_US <= at_us <= wave.last_us + WAVE_PAUSE_US]
        if len(near) == 1 and place in near[0].places:
            near[0].first_us, near[0].last_us = min(near[0].first_us, at_us), max(near[0].last_us, at_us)
            return False
        reached = {place, *(known for wave in near for known in wave.places)}
        firsts, lasts = [at_us, *(wave.first_us for wave in near)], [at_us, *(wave.last_us for wave in near)]
        joined = Wave(min(firsts), max(lasts), tuple(sorted(reached)[:WAVE_HOSTS]))
        self.found = sorted([*(w for w in self.found if w not in near), joined], key=lambda wave: wave.first_us)
        if len(self.found) > MAX_WAVES:
            self.found, self.is_common = [], True
        return self.is_common or any(len(joined.places) != len(wave.places) for wave in near)

    def reach(self, at_us: int) -> int:
        """How many places the wave of a time reaches, at most :data:`WAVE_HOSTS`."""
        if self.is_common:
            return WAVE_HOSTS
        return next((len(wave.places) for wave in self.found if wave.first_us <= at_us <= wave.last_us), 0)


def rarity(visit: Visit, visits: Sequence[Visit], since_us: int, waves: Waves | None = None) -> float:
    """The worth of one of the visits of a rule to a host, 0 to 1; ``since_us`` is the log's beginning.

    1 is a rule that the host had on no other day. In its first day a log says little, and visits of it say little of
    those that come later: tools that learn cry out at everything then. What reaches all hosts at once says little of
    a visit to this one alone.
    """
    is_alone = waves is not None and waves.reach(visit.first_us) < WAVE_HOSTS
    days = hours = near = 0.0
    for other in visits:
        if other is not visit:
            apart_us = abs(visit.first_us - other.first_us)
            weight = 1.0
            if is_alone and waves is not None and waves.reach(other.first_us) >= WAVE_HOSTS:
                weight = WAVE_WEIGHT
            if apart_us <= _HALF_DAY_US:
                near += weight
            else:
                weight *= warmth(other.first_us, since_us)
                days += weight
                hours += weight * (min(apart_us % DAY_US, -apart_us % DAY_US) <= HOUR_US)
    alone = 1 / ((1 + OTHER_DAY * days) * (1 + SAME_HOUR * hours) * (1 + SAME_DAY * near))
    return alone * warmth(visit.first_us, since_us) ** 2


def warmth(at_us: int, since_us: int) -> float:
    """How much a time counts: the log's age in days, at most 1."""
    return min(1.0, max(0, at_us - since_us) / WARM_UP_US)
