"""Owns the network graph of one store: made from its events, brought up to date, kept, and asked about any moment.

It stands beside the engine and costs it nothing: whoever wants the graph, a command or a console, reads the events
that came since the snapshot. Two that do so at once come to the same graph, for it does not depend on order.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from pandora_core.detect.names import Names
from pandora_core.errors import NotFoundError
from pandora_core.graph.moment import Moment
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.paths import Jewel, jewels_of
from pandora_core.graph.ranking import Ranking, rank
from pandora_core.graph.reading import flow_of
from pandora_core.quantum.walks.network import STANDINGS, WALKS
from pandora_core.store.graphs import GraphSnapshot, GraphStore

log = logging.getLogger(__name__)

VERSION = "graph 3"
"""Of the snapshot: another one is not read, and the graph is made anew from the stored events."""

JEWEL_TAGS = ("jewel", "crown-jewel")

KEEP_EVENTS = 5_000
"""So many events must have come since the last snapshot for another to be written."""

_State = tuple[bytes, bytes]


class Atlas:
    """The graph of a store, as of the event up to which :meth:`catch_up` last read."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store
        self._names = Names()
        self._graph = NetworkGraph(self._names)
        self._event_id = self._kept_id = 0
        self._restore()

    @property
    def event_id(self) -> int:
        """The id of the newest event that was looked at."""
        return self._event_id

    def catch_up(self, now_us: int) -> int:
        """Take in what came since; returns how many events of the graph's kinds that were."""
        newest, taken = self._store.newest_event_id(), 0
        for event in self._store.events_between(self._event_id, newest):
            self._names.learn(event)
            self._graph.observe(event)
            taken += 1
        for tally in self._store.flows_between(self._event_id, newest):
            flow = flow_of(tally.source_ip, tally.destination_ip, tally.port)
            if flow is not None:
                self._graph.add_flow(flow, tally.first_us, tally.last_us, tally.connections)
                taken += tally.connections
        self._event_id = max(newest, self._event_id)
        if self._event_id - self._kept_id >= KEEP_EVENTS:
            self._keep(now_us)
        return taken

    def moment(self, at_us: int | None = None) -> Moment:
        """The graph as it was at a time, to the hour; as it is now if none is given."""
        return self._graph.at(at_us)

    def jewels(self, moment: Moment, named: Iterable[str] = ()) -> tuple[Jewel, ...]:
        """What must not fall: hosts that are named or tagged, else inferred."""
        known = _spellings(moment)
        tagged = (known[name.casefold()] for name in self._store.tagged(JEWEL_TAGS) if name.casefold() in known)
        return jewels_of(moment, (*(host_of(moment, name) for name in named), *tagged))

    def _restore(self) -> None:
        kept = self._store.snapshot()
        if kept is None or kept.version != VERSION:
            return
        try:
            names, graph = msgspec.msgpack.decode(kept.state, type=_State)
            self._names.load(names)
            self._graph.load(graph)
        except ValueError as error:  # msgspec's errors are ValueErrors too
            log.warning("the graph's snapshot cannot be read, so it is made anew: %s", error)
            self._names = Names()
            self._graph = NetworkGraph(self._names)
            return
        self._event_id = self._kept_id = kept.event_id

    def _keep(self, now_us: int) -> None:
        state = msgspec.msgpack.encode((self._names.dump(), self._graph.dump()))
        self._store.keep(GraphSnapshot(self._event_id, now_us, VERSION, state))
        self._kept_id = self._event_id


def ranking_of(moment: Moment, since_us: int = 0) -> Ranking:
    """The moves of a moment by evidence, the quantum walks beside the classical ones."""
    return rank(moment, WALKS, STANDINGS, since_us)


def host_of(moment: Moment, name: str) -> str:
    """The host of that name as the graph spells it, whatever its capitals.

    Raises:
        NotFoundError: the graph has no such host.
    """
    found = _spellings(moment).get(name.casefold())
    if found is None:
        raise NotFoundError(f"no host {name!r} in the graph at that time", hint="pandora graph rank lists hosts")
    return found


def _spellings(moment: Moment) -> dict[str, str]:
    return {host.casefold(): host for host in moment.hosts}
