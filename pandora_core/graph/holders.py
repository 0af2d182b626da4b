"""Owns who had which place when: an address is a host's by what names say, by machine accounts, or by who went on."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from pandora_core.detect.addresses import is_address
from pandora_core.detect.names import Names, place_of
from pandora_core.graph.reading import AT_HOST, MACHINE, PERSONAL
from pandora_core.model import HOUR_US

_HOURS_BELIEVED = 24

LEAST_SESSIONS, LEAST_SHARE, LEAST_USERS = 20, 0.8, 2
"""An address without a name is a host if so many of the log-ons from it, by so many accounts, came within the hour
or the next after the same account's arrival at that host, and at no other host half as often."""


class Sighting(NamedTuple):
    """An edge between places, as the incremental graph keeps it: how often it was used in each hour since 1970."""

    kind: str
    source: str
    target: str
    user: str
    first_us: int
    last_us: int
    elevated_us: int
    hours: Mapping[int, int]


class Holders:
    """Who had which place when: as the hosts' names say, else by the machine accounts that came from an address.

    A machine's account is used at least every few hours. The one that was used alone in an hour, or in the hour next
    to it within a day, had the address then; of several at once, as behind a translator, none is believed. A jump
    host has no such account and names its address nowhere, but whoever comes from there has just arrived there.
    """

    def __init__(self, names: Names, sightings: Iterable[Sighting]) -> None:
        self._names = names
        sightings = list(sightings)
        self._machines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for sighting in sightings:
            if sighting.kind == MACHINE and is_address(sighting.source) and sighting.user:
                for hour in sighting.hours:
                    self._machines[sighting.source][hour].add(place_of(sighting.user))
        self._hours = {address: sorted(hours) for address, hours in self._machines.items()}
        self._known: dict[tuple[str, int], str] = {}
        self._named = {name for hours in self._machines.values() for names in hours.values() for name in names}
        self._went_on = _Sessions(sightings, self._is_nameless, self._has_no_address).hosts()

    def host(self, place: str, at_us: int) -> str:
        """The name of the host at a place; the address itself if no host is known."""
        if not place:
            return ""
        key = (place, at_us // HOUR_US if is_address(place) else 0)
        found = self._known.get(key)
        if found is None:
            entity = self._names.entity_at(place, at_us)
            found = entity.name if entity.kind == "host" else self._by_machine(place, at_us // HOUR_US)
            self._known[key] = found
        return found

    def _by_machine(self, address: str, hour: int) -> str:
        hours = self._hours.get(address, ())
        place = bisect_right(hours, hour)
        near = [known for known in hours[max(place - 1, 0) : place + 1] if abs(known - hour) <= _HOURS_BELIEVED]
        if not near:
            return self._names.spelled(self._went_on[address]) if address in self._went_on else address
        machines = self._machines[address][min(near, key=lambda known: (abs(known - hour), known))]
        return self._names.spelled(next(iter(machines))) if len(machines) == 1 else address

    def _is_nameless(self, place: str) -> bool:
        return is_address(place) and place not in self._machines and self._names.entity_at(place, 0).kind != "host"

    def _has_no_address(self, place: str) -> bool:
        return not is_address(place) and place not in self._named and not self._names.addresses_of(place)


class _Sessions:
    """Log-ons from addresses that nobody names, beside arrivals at hosts whose address nobody names: by place and
    account the hours of them."""

    def __init__(
        self, sightings: Iterable[Sighting], is_nameless: Callable[[str], bool], has_no_address: Callable[[str], bool]
    ) -> None:
        self._from: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._to: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._ways: set[tuple[str, str]] = set()
        sources = set()
        for sighting in sightings:
            if sighting.kind in PERSONAL or sighting.kind in AT_HOST:
                sources.add(sighting.source)
                self._ways.add((sighting.source, sighting.target))
                self._from[sighting.source][sighting.user].update(sighting.hours)
                self._to[sighting.target][sighting.user].update(sighting.hours)
        self._addresses = [place for place in sorted(self._from) if place and is_nameless(place)]
        self._hosts: dict[str, list[str]] = defaultdict(list)
        for place in sorted(self._to):
            if place not in sources and has_no_address(place):
                for user in self._to[place]:
                    self._hosts[user].append(place)

    def hosts(self) -> dict[str, str]:
        """The host of each address of which the log-ons tell it."""
        found = {address: self._host_of(address) for address in self._addresses}
        return {address: host for address, host in found.items() if host}

    def _host_of(self, address: str) -> str:
        """Nobody logs on from a host to itself over the network: who is logged on to from the address is not it."""
        sessions = self._from[address]
        many = sum(map(len, sessions.values()))
        if many < LEAST_SESSIONS or len(sessions) < LEAST_USERS:
            return ""
        arrived = Counter(host for user in sessions for host in self._hosts.get(user, ()))
        hosts = [host for host, users in arrived.items() if users >= LEAST_USERS]
        hosts = [host for host in hosts if (address, host) not in self._ways]
        matched = sorted(((*self._matched(sessions, host), host) for host in hosts), reverse=True)
        if not matched or matched[0][0] < max(LEAST_SESSIONS, LEAST_SHARE * many) or matched[0][1] < LEAST_USERS:
            return ""
        is_alone = len(matched) == 1 or matched[1][0] < matched[0][0] / 2
        return matched[0][2] if is_alone else ""

    def _matched(self, sessions: Mapping[str, set[int]], host: str) -> tuple[int, int]:
        """How many of the sessions' hours began with an arrival, and of how many accounts."""
        arrivals = self._to[host]
        by_user = [
            sum(hour in came or hour - 1 in came for hour in hours)
            for user, hours in sessions.items()
            if (came := arrivals.get(user))
        ]
        return sum(by_user), sum(map(bool, by_user))
