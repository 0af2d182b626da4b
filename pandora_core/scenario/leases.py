"""Owns DHCP: which workstation has which address when.

Desks of an office share a few more addresses than there are desks. Whoever stays away for long loses theirs, and the
next one who comes gets it: so an address is not a host, as it is in every office.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pandora_core.model import DAY_US, HOUR_US
from pandora_core.scenario.company import INSIDE, Host
from pandora_core.scenario.dice import Dice

_GROUP, _SPARE = 4, 2
_MOVES_A_DAY = 0.06
"""The share of days on which a group's addresses move on."""
_TURN_H = 4
"""The hour of the night, by the office's clock, at which they do."""


class _Place(NamedTuple):
    """A desk's group, its place in it, and how far the office's clock is from UTC."""

    group: int
    place: int
    zone_us: int


class Leases:
    """The addresses of desks; what is not a desk's keeps its own."""

    def __init__(self, seed: int, start_us: int, desks: Iterable[Host]) -> None:
        self._seed = seed
        self._first_day = start_us // DAY_US
        self._places: dict[str, _Place] = {}
        self._pools: list[tuple[str, ...]] = []
        self._turns: dict[int, list[int]] = {}
        by_zone: dict[float, list[Host]] = {}
        for desk in desks:
            by_zone.setdefault(desk.zone_h, []).append(desk)
        for zone_h, members in by_zone.items():
            for first in range(0, len(members), _GROUP):
                self._add(members[first : first + _GROUP], int(zone_h * HOUR_US))

    def at(self, ip: str, at_us: int) -> str:
        """The address, at a time, of the host that is known under ``ip``."""
        place = self._places.get(ip)
        if place is None:
            return ip
        day = (at_us + place.zone_us - _TURN_H * HOUR_US) // DAY_US - self._first_day
        pool = self._pools[place.group]
        return pool[(place.place + self._turned(place.group, max(0, day))) % len(pool)]

    def _add(self, desks: list[Host], zone_us: int) -> None:
        group = len(self._pools)
        spare = [_GROUP * 64 + group * _SPARE + number for number in range(_SPARE)]
        pool = [desk.ip for desk in desks] + [f"{INSIDE}{64 + n // 240}.{10 + n % 240}" for n in spare]
        self._pools.append(tuple(pool))
        for place, desk in enumerate(desks):
            self._places[desk.ip] = _Place(group, place, zone_us)

    def _turned(self, group: int, day: int) -> int:
        """How often the group's addresses have moved on by that day of the plan."""
        turns = self._turns.setdefault(group, [0])
        while len(turns) <= day:
            moved = Dice.of(self._seed, "leases", group, len(turns)).chance(_MOVES_A_DAY)
            turns.append(turns[-1] + moved)
        return turns[day]
