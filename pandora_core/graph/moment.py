"""Owns the graph as it was at one moment: places turned into hosts, edges with counts and decaying weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from pandora_core.detect.addresses import is_address
from pandora_core.detect.names import Names
from pandora_core.graph.holders import Holders, Sighting
from pandora_core.graph.reading import AT_HOST, FLOWS, PERSONAL, service_of
from pandora_core.model import DAY_US, HOUR_US

HALF_LIFE_US = 7 * DAY_US
"""In which time the weight of a use halves."""


class Told(NamedTuple):
    """What was done to a host that takes administrator rights, when, and how long after the log-on it may be."""

    at_us: int
    what: str
    within_us: int


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge between hosts. ``source`` is empty for what happened at the target itself.

    ``weight`` sums over the hours of use 1 + log2 of the uses in that hour, halved every :data:`HALF_LIFE_US`: a
    program that logs on a thousand times an hour does not outweigh everybody else.
    """

    kind: str
    source: str
    target: str
    user: str
    first_us: int
    last_us: int
    count: int
    weight: float
    is_elevated: bool
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """The graph at ``at_us``. Hosts are named as people know them; an address without a name stands for itself."""

    at_us: int
    since_us: int
    hosts: tuple[str, ...]
    edges: tuple[GraphEdge, ...]
    controllers: frozenset[str] = frozenset()
    told: Mapping[str, tuple[Told, ...]] = field(default_factory=dict)

    def index(self) -> dict[str, int]:
        """The number of each host: its place in ``hosts`` and in the matrices."""
        return {host: number for number, host in enumerate(self.hosts)}

    def users(self) -> tuple[str, ...]:
        """The accounts that any edge names."""
        return tuple(sorted({edge.user for edge in self.edges if edge.user}))

    def services(self) -> tuple[tuple[str, str], ...]:
        """What was used over the network, and on which host: ``("smb", "FS-1")``."""
        found = {(service_of(edge.kind), edge.target) for edge in self.edges if edge.source}
        return tuple(sorted((service, host) for service, host in found if service))

    def adjacency(self, kinds: Iterable[str] | None = None) -> sp.csr_array:
        """Weights between hosts, rows to columns; of edges of some kinds, or of all but flows."""
        chosen, index = None if kinds is None else frozenset(kinds), self.index()
        edges = [e for e in self.edges if e.source and (e.kind not in FLOWS if chosen is None else e.kind in chosen)]
        rows, columns = [index[edge.source] for edge in edges], [index[edge.target] for edge in edges]
        size = len(self.hosts)
        return sp.csr_array((np.array([edge.weight for edge in edges]), (rows, columns)), shape=(size, size))


def moment_of(
    names: Names,
    sightings: Iterable[Sighting],
    told: Mapping[str, Sequence[Told]],
    privileged: Iterable[tuple[tuple[str, str], int]],
    controllers: Iterable[str],
    at_us: int | None,
) -> Moment:
    """Turns places into hosts and leaves out what came after ``at_us``; edges are in order of their names."""
    known = [sighting for sighting in sightings if at_us is None or sighting.first_us <= at_us]
    ends = (*(sighting.last_us for sighting in known), *(one.at_us for list_ in told.values() for one in list_))
    end_us = max(ends, default=0) if at_us is None else at_us
    holders = Holders(names, known)
    parts = sorted(part for sighting in known for part in _parts(holders, sighting, end_us))
    edges = tuple(_merged(parts, end_us, _elevations(holders, privileged, end_us)))
    hosts = sorted({host for edge in edges for host in (edge.source, edge.target) if host})
    actions = {
        holders.host(place, end_us): tuple(sorted(t for t in list_ if t.at_us <= end_us))
        for place, list_ in told.items()
    }
    return Moment(
        at_us=end_us,
        since_us=min((edge.first_us for edge in edges), default=end_us),
        hosts=tuple(hosts),
        edges=edges,
        controllers=frozenset(holders.host(place, end_us) for place in controllers),
        told={host: list_ for host, list_ in actions.items() if list_},
    )


class _Part(NamedTuple):
    """What one edge between places adds to an edge between hosts."""

    kind: str
    source: str
    target: str
    user: str
    first_us: int
    last_us: int
    elevated_us: int
    hours: tuple[tuple[int, int], ...]


def _parts(holders: Holders, sighting: Sighting, end_us: int) -> Iterator[_Part]:
    """An edge between addresses is one for each pair of hosts that had them, to the hour."""
    ends: dict[tuple[str, str], list[tuple[int, int]]] = {}
    fixed = None if is_address(sighting.source) or is_address(sighting.target) else _ends(holders, sighting, end_us)
    for hour, count in sorted(sighting.hours.items()):
        at_us = min(max(hour * HOUR_US, sighting.first_us), sighting.last_us)
        if hour * HOUR_US <= end_us:
            ends.setdefault(fixed or _ends(holders, sighting, at_us), []).append((hour, count))
    for (source, target), hours in ends.items():
        if source != target:
            first_us = max(hours[0][0] * HOUR_US, sighting.first_us)
            last_us = min((hours[-1][0] + 1) * HOUR_US - 1, sighting.last_us, end_us)
            elevated_us = sighting.elevated_us if sighting.elevated_us <= end_us else 0
            user, kind = sighting.user, sighting.kind
            yield _Part(kind, source, target, user, first_us, max(first_us, last_us), elevated_us, tuple(hours))


def _ends(holders: Holders, sighting: Sighting, at_us: int) -> tuple[str, str]:
    return holders.host(sighting.source, at_us), holders.host(sighting.target, at_us)


def _elevations(
    holders: Holders, privileged: Iterable[tuple[tuple[str, str], int]], end_us: int
) -> frozenset[tuple[str, str]]:
    """Hosts and the accounts that were given administrator rights there."""
    return frozenset((holders.host(place, end_us), user) for (place, user), at_us in privileged if at_us <= end_us)


def _merged(parts: list[_Part], end_us: int, elevations: frozenset[tuple[str, str]]) -> Iterator[GraphEdge]:
    start = 0
    while start < len(parts):
        end = start + 1
        while end < len(parts) and parts[end][:4] == parts[start][:4]:
            end += 1
        yield _edge(parts[start:end], end_us, elevations)
        start = end


def _edge(parts: list[_Part], end_us: int, elevations: frozenset[tuple[str, str]]) -> GraphEdge:
    kind, source, target, user = parts[0][:4]
    hours: dict[int, int] = {}
    for part in parts:
        for hour, count in part.hours:
            hours[hour] = hours.get(hour, 0) + count
    is_ways = kind in PERSONAL or kind in AT_HOST
    return GraphEdge(
        kind=kind,
        source=source,
        target=target,
        user=user,
        first_us=min(part.first_us for part in parts),
        last_us=max(part.last_us for part in parts),
        count=sum(hours.values()),
        weight=sum(_worth(count) * _decay(end_us // HOUR_US - hour) for hour, count in sorted(hours.items())),
        is_elevated=any(part.elevated_us for part in parts) or (is_ways and (target, user) in elevations),
        hours=tuple(sorted(hours)),
    )


@lru_cache(maxsize=4096)
def _worth(count: int) -> float:
    return 1 + math.log2(max(count, 1))


@lru_cache(maxsize=65_536)
def _decay(age_hours: int) -> float:
    return math.exp2(-max(age_hours, 0) * HOUR_US / HALF_LIFE_US)
