"""Owns what is remembered of channels: a host, a destination outside and a port, and the connections along them.

One table and one look-up an event serve every behaviour that watches channels. Nearly all channels of a busy network
are used once, so the first connection is kept as a bare tuple, and more is made of it when the second comes. The
table has two halves: when the younger is full, the older is let go whole, and what is used in it moves to the younger
before. So a channel in use is never forgotten, and forgetting costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from pandora_core.model import HOUR_US, Event

MAX_CHANNELS = 60_000
"""Channels that are remembered; at least half as many are."""

CALL_CELL_US = 6 * HOUR_US
REFUSED_CELL_US = HOUR_US

ChannelKey = tuple[str, str, int]
"""Source, destination, port."""

Call = tuple[int, int, int, int, str]
"""Time, event, bytes sent and received, and the log that tells of it."""

_First = tuple[int, int, int, int, str, bool]
"""The only connection so far: a call, and whether it failed."""


class Cell(msgspec.Struct, gc=False):
    """Connections along a channel in a stretch of time; ``before`` is the stretch before it, for late lines."""

    number: int
    first_us: int
    last_us: int
    count: int = 0
    before: Cell | None = None

    def add(self, number: int, at_us: int, count: int) -> Cell | None:
        """Counts an event in that is not newer; its cell, or ``None`` if it is older than late."""
        cell = self if number == self.number else self._before(number, at_us)
        if cell is None:
            return None
        cell.count += count
        if at_us > cell.last_us:
            cell.last_us = at_us
        elif at_us < cell.first_us:
            cell.first_us = at_us
        return cell

    def _before(self, number: int, at_us: int) -> Cell | None:
        if number != self.number - 1:
            return None
        if self.before is None or self.before.number != number:
            self.before = Cell(number, at_us, at_us)
        return self.before


class Channel(msgspec.Struct, gc=False):
    """A channel that was used more than once.

    ``calls`` are its first few, until a behaviour keeps more of them; ``counted`` are the connections of the newest
    six hours and ``refused`` those of the newest hour that failed.
    """

    calls: tuple[Call, ...]
    counted: Cell
    refused: Cell | None = None


class Watcher(Protocol):
    """A behaviour that looks at channels."""

    def opened(self, key: ChannelKey, event_id: int, event: Event) -> None:
        """The first connection along a channel, as far as is remembered: a single one, and nothing to judge."""
        ...

    def called(self, key: ChannelKey, channel: Channel, event_id: int, event: Event) -> None:
        """Another connection along a channel."""
        ...


class Channels:
    """The channels to the outside, and who watches them."""

    def __init__(self, capacity: int = MAX_CHANNELS) -> None:
        self._half = max(capacity // 2, 1)
        self._young: dict[ChannelKey, Channel | _First] = {}
        self._old: dict[ChannelKey, Channel | _First] = {}
        self._openers: tuple[Callable[[ChannelKey, int, Event], None], ...] = ()
        self._callers: tuple[Callable[[ChannelKey, Channel, int, Event], None], ...] = ()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants to be shown connections."""
        return bool(self._callers)

    def watch(self, watcher: Watcher) -> None:
        """Shows connections to a behaviour from now on."""
        self._openers += (watcher.opened,)
        self._callers += (watcher.called,)

    def observe(self, event_id: int, event: Event) -> None:
        """Takes in a connection to the outside."""
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None:
            return
        key = (source, destination, event.destination_port or 0)
        channel = self._young.get(key)
        if channel is None:
            channel = self._old.pop(key, None)
            if len(self._young) >= self._half:
                self._young, self._old = {}, self._young
            if channel is None and event.count == 1 and event.transport != "icmp":
                self._young[key] = (*call_of(event_id, event), event.outcome == "failure")
                for opened in self._openers:
                    opened(key, event_id, event)
                return
            channel = self._young[key] = channel or _opened_by(event)
        if isinstance(channel, tuple):
            channel = self._young[key] = _used_once(channel)
        for called in self._callers:
            called(key, channel, event_id, event)

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode((list(self._young.items()), list(self._old.items())))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        entries = list[tuple[ChannelKey, Channel | _First]]
        young, old = msgspec.msgpack.decode(state, type=tuple[entries, entries])
        self._young, self._old = dict(young), dict(old)


def call_of(event_id: int, event: Event) -> Call:
    """A connection or request as what a channel remembers of it."""
    more = event.more
    sent, received = more.get("source.bytes") or 0, more.get("destination.bytes") or 0
    return event.at_us, event_id, sent, received, event.dataset  # type: ignore[return-value]


def newest(cell: Cell | None, number: int, at_us: int) -> Cell:
    """The newest cell, now that something happened in another."""
    if cell is None:
        return Cell(number, at_us, at_us)
    if number <= cell.number:
        return cell
    cell.before = None
    return Cell(number, at_us, at_us, 0, cell)


def _opened_by(event: Event) -> Channel:
    """A channel before its first connection, where one line tells of several, or of what is no call."""
    return Channel((), Cell(event.at_us // CALL_CELL_US, event.at_us, event.at_us))


def _used_once(first: _First) -> Channel:
    """A channel after its first connection."""
    at_us = first[0]
    refused = Cell(at_us // REFUSED_CELL_US, at_us, at_us, 1) if first[5] else None
    return Channel((first[:5],), Cell(at_us // CALL_CELL_US, at_us, at_us, 1), refused)
