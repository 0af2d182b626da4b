"""Owns what is customary: sorts of things that were done a day before, or that are done on many hosts.

Software deployment, monitoring and group policy do on many hosts, day after day, what an intruder does on one. A sort
is a text with its numbers taken out, so that versions, times and process ids do not make everything new.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import digest
from pandora_core.model import HOUR_US

CUSTOM_AGE_US = 18 * HOUR_US
"""What was first seen this long ago is customary: on the day before, give or take some hours."""

CUSTOM_HOSTS = 5
"""What was seen on this many hosts is customary."""

CUSTOM_SHARE = 0.05
"""What is left of the points of a thing that is customary; less than two points are nothing."""

MAX_CUSTOMS = 100_000

_MAX_CHARS = 400
_NUMBERS = re.compile(r"\b[0-9a-f]{6,}\b|\d+")


def customary_points(points: float) -> float:
    """What is left of some points where the thing is customary."""
    left = round(points * CUSTOM_SHARE, 1)
    return left if left >= 2 else 0.0


class Custom(msgspec.Struct, gc=False):
    """Since when a sort of thing is done, and where; hosts are not counted beyond :data:`CUSTOM_HOSTS`."""

    first_us: int
    hosts: tuple[str, ...]


class Noted(NamedTuple):
    """A sort of thing, and the hosts on which it has just become customary."""

    sort: str
    hosts: tuple[str, ...]


@lru_cache(maxsize=8_192)
def _sort_of(*texts: str) -> str:
    return digest(*(_NUMBERS.sub("#", text) for text in texts))


class Customs:
    """What was done since when and where."""

    def __init__(self, capacity: int = MAX_CUSTOMS) -> None:
        self._customs = Recent(str, Custom, capacity)

    def note(self, host: str, at_us: int, *texts: str) -> Noted:
        """Notes that something was done on a host."""
        sort = _sort_of(*(text[:_MAX_CHARS] for text in texts))
        custom = self._customs.get(sort) or Custom(at_us, ())
        custom.first_us = min(custom.first_us, at_us)
        is_fifth = False
        if host not in custom.hosts and len(custom.hosts) < CUSTOM_HOSTS:
            custom.hosts = (*custom.hosts, host)
            is_fifth = len(custom.hosts) == CUSTOM_HOSTS
        self._customs.put(sort, custom)
        return Noted(sort, custom.hosts if is_fifth else ())

    def is_customary(self, sort: str, at_us: int) -> bool:
        """Whether something was done long enough before a time, or is done on enough hosts."""
        custom = self._customs.get(sort)
        return custom is not None and (len(custom.hosts) >= CUSTOM_HOSTS or custom.first_us <= at_us - CUSTOM_AGE_US)

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return self._customs.dump()

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._customs.load(state)
