"""Owns the order in which an event meets the behaviours: the one door through which the engine uses the detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from pandora_core.detect.addresses import is_outside
from pandora_core.detect.behaviour import Behaviour, Context, Fired, Maker, Route
from pandora_core.detect.behaviours.beacons import Beacons
from pandora_core.detect.behaviours.borrowed import BorrowedAccounts
from pandora_core.detect.behaviours.certificates import Certificates
from pandora_core.detect.behaviours.dns_tunnels import DnsTunnels
from pandora_core.detect.behaviours.failing_names import FailingNames
from pandora_core.detect.behaviours.first_logons import FirstLogons
from pandora_core.detect.behaviours.host_signs import HostSigns
from pandora_core.detect.behaviours.hours import UnusualHours
from pandora_core.detect.behaviours.logons import FailedLogons
from pandora_core.detect.behaviours.long_connections import LongConnections
from pandora_core.detect.behaviours.new_destinations import NewDestinations
from pandora_core.detect.behaviours.rare_alerts import RareAlerts
from pandora_core.detect.behaviours.reading import BulkReading
from pandora_core.detect.behaviours.record_types import RecordTypes
from pandora_core.detect.behaviours.scans import Scans
from pandora_core.detect.behaviours.services import RemoteServices
from pandora_core.detect.behaviours.signatures import Signatures
from pandora_core.detect.behaviours.spread import SpreadLogons
from pandora_core.detect.behaviours.strobes import Strobes
from pandora_core.detect.behaviours.tickets import Roasting
from pandora_core.detect.behaviours.uploads import Uploads
from pandora_core.detect.channels import MAX_CHANNELS, Channels
from pandora_core.detect.edges import MAX_EDGES, Edge, Edges
from pandora_core.detect.names import MAX_PLACES, Names
from pandora_core.model import Event

BUILT_IN: tuple[Maker, ...] = (
    *(FailedLogons, FirstLogons, SpreadLogons, BorrowedAccounts, UnusualHours, Roasting, RemoteServices, HostSigns),
    *(Scans, Signatures, RareAlerts),
    *(Beacons, Strobes, LongConnections, Uploads, BulkReading, NewDestinations),
    *(DnsTunnels, FailingNames, RecordTypes, Certificates),
)
"""The behaviours that run where nothing else is asked for."""

_NAMING = (("network", "dhcp-lease"), ("authentication", "logon"), ("authentication", "kerberos-tgt"))
"""Events that may name a host though they are not written by one."""

_CONNECTIONS = ("network", "connection")
_ALWAYS_SEEN = (*_NAMING, _CONNECTIONS)


class Pipeline:
    """All behaviours, and what they share. It is pure: events in, detections and edges out, the state in bytes."""

    VERSION: ClassVar[str] = "20"
    """Changes with the state's layout and with every threshold: a state of another version is of no use, the engine
    then builds it anew from the stored events. A test compares it with a digest of all thresholds."""

    def __init__(
        self,
        behaviours: Sequence[Maker] | None = None,
        *,
        further: Callable[[Context], Sequence[Behaviour]] = lambda context: (),
        max_places: int = MAX_PLACES,
        max_edges: int = MAX_EDGES,
        max_channels: int = MAX_CHANNELS,
    ) -> None:
        """``further`` behaviours are no part of :attr:`VERSION`: each sees to it what a state of its own is worth."""
        names = Names(max_places)
        self._context = Context(names, Edges(names, max_edges), Channels(max_channels))
        self._built_in = [make(self._context) for make in behaviours or BUILT_IN]
        self._further = list(further(self._context))
        self._behaviours: list[Behaviour] = [*self._built_in, *self._further]
        self._audiences = {
            kind: _audience(kind, self._behaviours, self._context.channels)
            for kind in {*_ALWAYS_SEEN, *(route[:2] for behaviour in self._behaviours for route in behaviour.routes)}
        }

    def observe(self, event_id: int, event: Event) -> None:
        """Shows one event to the behaviours that want its kind. Ids rise; times may not."""
        audience = self._audiences.get((event.category, event.action))  # type: ignore[arg-type]
        if audience is None:
            return
        may_name, observers, outward_observers = audience
        if may_name or event.host is not None:
            for place in self._context.names.learn(event):
                self._rename(place)
        for observe in observers:
            observe(event_id, event)
        if outward_observers and event.destination_ip is not None and is_outside(event.destination_ip):
            for observe in outward_observers:
                observe(event_id, event)

    def changed(self) -> list[Fired]:
        """Detections that are new or have news since the last call, in firing order."""
        news = [fired for behaviour in self._behaviours for fired in behaviour.changed()]
        news.sort(key=lambda fired: (fired.event_id, fired.detection.id))
        return news

    def edges(self) -> list[Edge]:
        """Edges that are new, were used or are named differently since the last call."""
        return self._context.edges.changed()

    def snapshot(self) -> bytes:
        """The whole state, news that was not collected included."""
        parts, further = (
            {behaviour.name: behaviour.snapshot() for behaviour in each} for each in (self._built_in, self._further)
        )
        shared = [owner.dump() for owner in self._context]
        return msgspec.msgpack.encode((self.VERSION, shared, parts, further))

    def restore(self, state: bytes) -> None:
        """Goes on from a snapshot exactly where it was taken.

        Raises:
            ValueError: another version, or other behaviours, wrote it.
        """
        kind = tuple[str, list[bytes], dict[str, bytes], dict[str, bytes]]
        version, shared, parts, further = msgspec.msgpack.decode(state, type=kind)
        if version != self.VERSION or parts.keys() != {behaviour.name for behaviour in self._built_in}:
            raise ValueError(f"the detectors' state is of version {version!r}, this is {self.VERSION!r}")
        for load, part in zip((each.load for each in self._context), shared, strict=True):
            load(part)
        for behaviour in self._built_in:
            behaviour.restore(parts[behaviour.name])
        for behaviour in self._further:
            if behaviour.name in further:
                behaviour.restore(further[behaviour.name])

    def _rename(self, place: str) -> None:
        self._context.edges.renamed(place)
        for behaviour in self._behaviours:
            behaviour.renamed(place)


class _Audience(NamedTuple):
    """Who is shown all events of a kind, and who only those that go outside, which is looked up once for all."""

    may_name: bool
    observers: tuple[Callable[[int, Event], None], ...]
    outward_observers: tuple[Callable[[int, Event], None], ...]


def _audience(kind: tuple[str, str], behaviours: Sequence[Behaviour], channels: Channels) -> _Audience:
    everything, outward = (
        tuple(b.observe for b in behaviours if Route(*kind, is_outward) in b.routes) for is_outward in (False, True)
    )
    if kind == _CONNECTIONS and channels.is_watched:
        outward = (channels.observe, *outward)
    return _Audience(kind in _NAMING, everything, outward)
