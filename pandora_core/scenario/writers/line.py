"""Owns what every sensor needs: the shape of a line and a clock that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from pandora_core.model import SECOND_US, iso
from pandora_core.scenario.dice import Dice


class Line(NamedTuple):
    """One line of a log: ``at_us`` is the true time at which it is written, ``file`` its path in the scenario."""

    at_us: int
    file: str
    text: str


def rfc3339(at_us: int) -> str:
    """A time in UTC with microseconds but without its zone: quick, since neighbouring lines share their second."""
    return f"{_second(at_us // SECOND_US)}.{at_us % SECOND_US:06d}"


See = Callable[..., Iterable[Line]]
"""What a sensor makes of a happening of one kind."""


class Sensor(Protocol):
    """What a sensor sees, by kind of happening."""

    sees: dict[type, See]


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


@lru_cache(maxsize=4_096)
def _second(second: int) -> str:
    return iso(second * SECOND_US)[:19]
