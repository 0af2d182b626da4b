"""Owns the memory of log-on edges: who went from which host to which, since when, until when and how often."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from pandora_core.detect.names import Names

MAX_EDGES = 200_000
"""Edges that are remembered; the ones unused longest are forgotten first, and begin anew if used again."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A way that was taken. One whose ``count`` is 0 has turned out to be another one (a host's name became known)."""

    kind: str
    source: str
    destination: str
    user: str
    first_seen_us: int
    last_seen_us: int
    count: int


class _Use(msgspec.Struct):
    first_us: int
    last_us: int
    count: int = 0
    shown: tuple[str, str] | None = None


_Key = tuple[str, str, str, str]  # kind, source place, destination place, user
_State = tuple[list[tuple[_Key, _Use]], list[_Key], list[Edge]]


class Edges:
    """Edges between places, told under the names that their hosts have."""

    def __init__(self, names: Names, capacity: int = MAX_EDGES) -> None:
        self._names = names
        self._capacity = capacity
        self._uses: dict[_Key, _Use] = {}
        self._at: dict[str, set[_Key]] = {}
        self._marked: dict[_Key, None] = {}
        self._parting: list[Edge] = []

    def add(self, kind: str, source: str, destination: str, user: str, at_us: int, count: int = 1) -> None:
        """Notes one use of an edge between two places."""
        key = (kind, source, destination, user)
        use = self._uses.pop(key, None)
        if use is None:
            if len(self._uses) >= self._capacity:
                self._forget(next(iter(self._uses)))
            use = _Use(at_us, at_us)
            self._index(key)
        elif at_us > use.last_us:
            use.last_us = at_us
        elif at_us < use.first_us:
            use.first_us = at_us
        use.count += count
        self._uses[key] = use
        self._marked[key] = None

    def renamed(self, place: str) -> None:
        """A place is shown differently from now on."""
        for key in sorted(self._at.get(place, ())):
            self._marked[key] = None

    def changed(self) -> list[Edge]:
        """Edges that are new, were used again or are named differently since the last call."""
        told = self._parting
        self._parting = []
        for key in self._marked:
            told += self._told(key, self._uses[key])
        self._marked.clear()
        return _merged(told)

    def dump(self) -> bytes:
        """Everything, news included, for a snapshot."""
        state: _State = (list(self._uses.items()), list(self._marked), self._parting)
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        uses, marked, self._parting = msgspec.msgpack.decode(state, type=_State)
        self._uses, self._marked, self._at = dict(uses), dict.fromkeys(marked), {}
        for key in self._uses:
            self._index(key)
