"""Owns the memory of edges: who went from which place to which, since when, until when and how often."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from pandora_core.detect.names import Names
from pandora_core.detect.places import PlaceIndex

MAX_EDGES = 200_000
"""Edges that are remembered; the ones unused longest are forgotten first, and begin anew if used again."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A way that was taken.

    ``source`` and ``destination`` are places (an address, or a host's short name in lower case): with ``kind`` and
    ``user`` they are the edge's key and never change. The names are what to show: the hosts', where they are known.
    """

    kind: str
    source: str
    destination: str
    user: str
    first_seen_us: int
    last_seen_us: int
    count: int
    source_name: str = ""
    destination_name: str = ""


class _Use(msgspec.Struct, gc=False):
    first_us: int
    last_us: int
    count: int = 0


_Key = tuple[str, str, str, str]  # kind, source, destination, user
_State = tuple[list[tuple[_Key, _Use]], list[_Key], list[Edge]]


class Edges:
    """Edges between places, and which of them have news."""

    def __init__(self, names: Names, capacity: int = MAX_EDGES) -> None:
        self._names = names
        self._capacity = capacity
        self._uses: OrderedDict[_Key, _Use] = OrderedDict()
        self._at: PlaceIndex[_Key] = PlaceIndex()
        self._marked: dict[_Key, None] = {}
        self._parting: list[Edge] = []

    def add(self, kind: str, source: str, destination: str, user: str, at_us: int, count: int = 1) -> None:
        """Notes ``count`` uses of an edge."""
        key = (kind, source, destination, user)
        use = self._uses.get(key)
        if use is None:
            if len(self._uses) >= self._capacity:
                self._forget(next(iter(self._uses)))
            use = self._uses[key] = _Use(at_us, at_us)
            self._index(key)
        else:
            self._uses.move_to_end(key)
            use.first_us, use.last_us = min(use.first_us, at_us), max(use.last_us, at_us)
        use.count += count
        self._marked[key] = None

    def renamed(self, place: str) -> None:
        """A place is shown differently from now on: the edges from and to it have news."""
        self._marked.update(dict.fromkeys(self._at.at(place)))

    def changed(self) -> list[Edge]:
        """Edges that are new, were used again or are shown differently since the last call."""
        told = self._parting + [self._edge(key) for key in sorted(self._marked)]
        self._parting = []
        self._marked.clear()
        return told

    def dump(self) -> bytes:
        """Everything, news included, for a snapshot."""
        state: _State = (list(self._uses.items()), list(self._marked), self._parting)
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        uses, marked, self._parting = msgspec.msgpack.decode(state, type=_State)
        self._uses, self._marked, self._at = OrderedDict(uses), dict.fromkeys(marked), PlaceIndex()
        for key in self._uses:
            self._index(key)

    def _edge(self, key: _Key) -> Edge:
        kind, source, destination, user = key
        use = self._uses[key]
        return Edge(
            kind=kind,
            source=source,
            destination=destination,
            user=user,
            first_seen_us=use.first_us,
            last_seen_us=use.last_us,
            count=use.count,
            source_name=self._names.entity_at(source, use.first_us).name,
            destination_name=self._names.entity_at(destination, use.first_us).name,
        )

    def _index(self, key: _Key) -> None:
        for place in key[1:3]:
            self._at.add(place, key)

    def _forget(self, key: _Key) -> None:
        """An edge that has news is told as it is now, so that nothing depends on when news is collected."""
        if key in self._marked:
            self._parting.append(self._edge(key))
            del self._marked[key]
        del self._uses[key]
        for place in key[1:3]:
            self._at.discard(place, key)
