"""Owns what is usual for an entity: a level learnt online, by the hour of the week, that moves slowly on purpose.

A level is the logarithm of an amount. It follows a high quantile by small steps of fixed size: what is above it lifts
it by one step, whatever the amount, what is below lowers it by a ninth. So one huge hour teaches next to nothing, and
somebody who raises the usual amount a little every hour gets at most half an octave a day.
"""

from __future__ import annotations

import math

import msgspec

from pandora_core.model import DAY_US, HOUR_US

WARM_HOURS = 24
"""Hours with traffic that must be learnt before a level is believed …"""

WARM_SPAN_US = 3 * DAY_US
"""… and how long it must have been watched for."""

STEP_UP = 0.02
"""Octaves that an hour above the level lifts it by: at most half an octave a day."""

STEP_UP_WARMING = 0.5
SLOT_STEP = 0.5
"""Octaves that one week's observation moves the level of an hour of the week by."""

LOWERED_SHARE = 1 / 9
"""How much smaller steps down are: with a ninth, the level settles where one hour in ten is above it."""

_WEEK_HOURS = 168
_NOTCHES = 4  # of an octave, so that 63 octaves fit a byte


class Baseline(msgspec.Struct, gc=False):
    """What is usual for one entity.

    ``slots`` has a level for each hour of the week, in quarters of an octave; it is empty until the first is learnt.
    """

    since_us: int
    hours: int = 0
    level: float = 0.0
    slots: bytearray = msgspec.field(default_factory=bytearray)

    def learn(self, hour: int, amount: int) -> None:
        """Takes in the amount of one whole hour, counted from the epoch."""
        height = math.log2(1 + amount)
        if not self.hours:
            self.level, self.slots = height, bytearray(_WEEK_HOURS)
        else:
            is_warming = self.hours < WARM_HOURS
            step = min(STEP_UP_WARMING if is_warming else STEP_UP, abs(height - self.level))
            self.level += step if height > self.level else -step * LOWERED_SHARE
        self.hours += 1
        place = hour % _WEEK_HOURS
        known = self.slots[place] / _NOTCHES or self.level
        height = min(max(height, known - SLOT_STEP), known + SLOT_STEP)
        self.slots[place] = min(max(round(height * _NOTCHES), 0), 255)

    def usual(self, hour: int) -> float:
        """The amount that one hour in ten exceeds: of the hour of the week and those beside it, and of all hours."""
        if not self.hours:
            return 0.0
        place = hour % _WEEK_HOURS
        notches = max(self.slots[(place + beside) % _WEEK_HOURS] for beside in (-1, 0, 1))
        return float(2.0 ** max(self.level, notches / _NOTCHES) - 1)

    def is_warm(self, hour: int) -> bool:
        """Whether enough was learnt for the level to be believed."""
        return self.hours >= WARM_HOURS and hour * HOUR_US - self.since_us >= WARM_SPAN_US

    @property
    def weight(self) -> int:
        """How much would be lost with it."""
        return self.hours
