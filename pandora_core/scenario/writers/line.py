"""Owns what every sensor needs: the shape of a line and a clock that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pandora_core.scenario.dice import Dice


class Line(NamedTuple):
    """One line of a log: ``at_us`` is the true time at which it is written, ``file`` its path in the scenario."""

    at_us: int
    file: str
    text: str


See = Callable[..., Iterable[Line]]
"""What a sensor makes of a happening of one kind."""


class Clock:
    """The clocks of the sensors: each is wrong by a fixed error, at most ``skew_s`` either way."""

    def __init__(self, seed: int, skew_s: float) -> None:
        self._seed = seed
        self._skew_s = skew_s
        self._errors: dict[str, int] = {}

    def error_us(self, sensor: str) -> int:
        """What has to be added to the true time to get the time that the sensor writes."""
        if sensor not in self._errors:
            self._errors[sensor] = Dice.of(self._seed, "clock", sensor).span_us(-self._skew_s, self._skew_s)
        return self._errors[sensor]
