"""Owns the graph of log-ons, kept event by event: who went from where to where, how, since when and how often.

Everything is kept as sums and extremes by hour, so that the order in which events arrive changes nothing. Places are
turned into hosts only when the graph is looked at (:meth:`NetworkGraph.at`): a name that is learnt late counts for
what was seen before it, and an address that changes hands belongs to whoever had it in that hour.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple, TypeVar

import msgspec

from pandora_core.detect.names import Names, machine_of, place_of, user_name
from pandora_core.detect.paths import target_of
from pandora_core.detect.recent import Recent
from pandora_core.graph.holders import Sighting
from pandora_core.graph.moment import Moment, Told, moment_of
from pandora_core.graph.reading import (
    FLOWS,
    NETWORK,
    TICKET,
    UNPLACED,
    EdgeKey,
    admin_action_of,
    edge_of,
    is_controllers,
    is_elevated,
    is_nobody,
)
from pandora_core.model import HOUR_US, MINUTE_US, Event

MAX_EDGES = 400_000
"""Edges that are remembered; when there are more, the tenth that was unused longest is forgotten."""

MAX_FLOWS = 20_000
"""The same for edges that are flows, of which half are forgotten: no log-on has to make room for them."""

TICKET_WINDOW_US = 15 * MINUTE_US
"""How far a service ticket and the log-on that it was for are apart at most, clocks that differ included."""

_MAX_PENDING = 20_000
_MAX_PER_ACCOUNT = 16
_MAX_ACTIONS = 256


class _Use(msgspec.Struct, gc=False):
    first_us: int
    last_us: int
    elevated_us: int = 0
    hours: dict[int, int] = msgspec.field(default_factory=dict)


class _Unplaced(msgspec.Struct, gc=False):
    """A log-on from nowhere, and the sources whose tickets it was already given to."""

    at_us: int
    elevated: bool
    sources: list[str] = msgspec.field(default_factory=list)


class _Account(NamedTuple):
    target: str
    user: str


V = TypeVar("V")
_State = tuple[
    list[tuple[EdgeKey, _Use]],
    list[tuple[EdgeKey, _Use]],
    list[tuple[_Account, int]],
    dict[str, list[Told]],
    set[str],
    bytes,
    bytes,
]


class NetworkGraph:
    """The incremental graph. ``names`` may be shared, and must have learnt of an event before the graph sees it."""

    def __init__(self, names: Names, capacity: int = MAX_EDGES) -> None:
        self._names = names
        self._capacity = capacity
        self._uses: dict[EdgeKey, _Use] = {}
        self._flows: dict[EdgeKey, _Use] = {}
        self._privileged: dict[_Account, int] = {}
        self._told: dict[str, list[Told]] = defaultdict(list)
        self._controllers: set[str] = set()
        self._tickets = Recent(_Account, list[tuple[int, str]], _MAX_PENDING)
        self._unplaced = Recent(_Account, list[_Unplaced], _MAX_PENDING)

    def __len__(self) -> int:
        return len(self._uses) + len(self._flows)

    def observe(self, event: Event) -> None:
        """Takes one event in."""
        edge = edge_of(event)
        if edge is not None:
            if edge.source == UNPLACED:
                self._place(edge, event)
            else:
                self._add(edge, event.at_us, event.count, is_elevated(event))
                if edge.kind == TICKET:
                    self._ticketed(edge, event.at_us)
        elif event.action == "privileges-assigned":
            self._privilege(event)
        elif (action := admin_action_of(event)) is not None and (target := target_of(event)) is not None:
            self._tell(target, Told(event.at_us, *action))
        if is_controllers(event) and event.host is not None:
            self._controllers.add(place_of(event.host))

    def add_flow(self, flow: EdgeKey, first_us: int, last_us: int, count: int) -> None:
        """Takes in connections that a sensor saw within an hour."""
        self._add(flow, first_us, count, elevated=False)
        self._flows[flow].last_us = max(self._flows[flow].last_us, last_us)

    def at(self, moment_us: int | None = None) -> Moment:
        """The graph as it was known at a moment, to the hour; as it is now if none is given."""
        sightings = (
            Sighting(*key, use.first_us, use.last_us, use.elevated_us, use.hours)
            for uses in (self._uses, self._flows)
            for key, use in uses.items()
        )
        return moment_of(self._names, sightings, self._told, self._privileged.items(), self._controllers, moment_us)

    def dump(self) -> bytes:
        """Everything but the names, for a snapshot."""
        state = (
            list(self._uses.items()),
            list(self._flows.items()),
            list(self._privileged.items()),
            self._told,
            self._controllers,
            self._tickets.dump(),
            self._unplaced.dump(),
        )
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        uses, flows, privileged, told, self._controllers, tickets, unplaced = msgspec.msgpack.decode(
            state, type=_State
        )
        self._uses, self._flows, self._privileged = dict(uses), dict(flows), dict(privileged)
        self._told = defaultdict(list, told)
        self._tickets.load(tickets)
        self._unplaced.load(unplaced)

    def _add(self, edge: EdgeKey, at_us: int, count: int, elevated: bool) -> None:
        uses, capacity = (self._flows, MAX_FLOWS) if edge.kind in FLOWS else (self._uses, self._capacity)
        use = uses.get(edge)
        if use is None:
            if len(uses) >= capacity:
                _forget(uses, capacity // (2 if uses is self._flows else 10))
            use = uses[edge] = _Use(at_us, at_us)
        elif at_us < use.first_us:
            use.first_us = at_us
        elif at_us > use.last_us:
            use.last_us = at_us
        if elevated and (not use.elevated_us or at_us < use.elevated_us):
            use.elevated_us = at_us
        hour = at_us // HOUR_US
        use.hours[hour] = use.hours.get(hour, 0) + count

    def _place(self, edge: EdgeKey, event: Event) -> None:
        """A log-on over the network from nowhere (WinRM): who got a ticket for it within minutes?"""
        unplaced = _Unplaced(event.at_us, is_elevated(event))
        account = _Account(edge.target, edge.user)
        for at_us, source in self._tickets.get(account) or ():
            self._match(edge, unplaced, at_us, source)
        _append(self._unplaced, account, unplaced)

    def _ticketed(self, edge: EdgeKey, at_us: int) -> None:
        account = _Account(edge.target, edge.user)
        for unplaced in self._unplaced.get(account) or ():
            self._match(edge, unplaced, at_us, edge.source)
        _append(self._tickets, account, (at_us, edge.source))

    def _match(self, edge: EdgeKey, unplaced: _Unplaced, ticket_us: int, source: str) -> None:
        if abs(ticket_us - unplaced.at_us) <= TICKET_WINDOW_US and source not in unplaced.sources:
            unplaced.sources.append(source)
            self._add(EdgeKey(NETWORK, source, edge.target, edge.user), unplaced.at_us, 1, unplaced.elevated)

    def _privilege(self, event: Event) -> None:
        target, user = target_of(event), event.user or ""
        if target is None or is_nobody(user) or machine_of(user):
            return
        account = _Account(target, user_name(user))
        known_us = self._privileged.get(account)
        if known_us is None and len(self._privileged) >= self._capacity:
            return  # rights that are not noted make an edge look harmless, never a harmless one look bad
        self._privileged[account] = event.at_us if known_us is None else min(known_us, event.at_us)

    def _tell(self, target: str, action: Told) -> None:
        told = self._told[target]
        told.append(action)
        if len(told) > _MAX_ACTIONS:
            told.sort()
            del told[0]


def _forget(uses: dict[EdgeKey, _Use], many: int) -> None:
    """The edges unused longest; what is left keeps its order."""
    oldest = sorted(uses, key=lambda edge: (uses[edge].last_us, edge))
    for edge in oldest[: max(many, 1)]:
        del uses[edge]


def _append(table: Recent[_Account, list[V]], key: _Account, value: V) -> None:
    values = table.get(key) or []
    values.append(value)
    del values[:-_MAX_PER_ACCOUNT]
    table.put(key, values)
