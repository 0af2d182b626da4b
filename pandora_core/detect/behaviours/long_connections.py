"""Owns the behaviour of long connections: a door to the outside that stays open for most of a working day."""

from __future__ import annotations

from pandora_core.detect.addresses import is_outside
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, duration, size
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

LONG_US = 6 * HOUR_US
"""Longer than servers, translators and laptops usually let an unused connection live."""

POINTS = 20.0
POINTS_POPULAR = 5.0
"""Chat, mail push and tunnels of remote workers last as long: a weak sign, weaker where many hosts have it."""

NOTED_US = 10 * MINUTE_US
CAPACITY = 5_000
PAUSE_US = 12 * HOUR_US

_Key = tuple[str, str, int]


class Held(Session, kw_only=True, gc=False):
    """Long connections along one path; times are when they ended."""

    count: int = 0
    longest_us: int = 0
    sent: int = 0
    received: int = 0


class LongConnections(SessionBehaviour):
    """Connections to the outside that last for hours (T1071, T1572): implants that keep a session, tunnels.

    Blind spots: logs that only say so when the connection ends; connections that are cut and made again (a beacon).
    """

    name = "long-connection"
    routes = (Route("network", "connection", is_outward=True),)

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._popularity = Popularity(capacity)
        self._held: Sessions[_Key, Held] = Sessions(
            tuple[str, str, int], Held, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda key: key[:2]
        )
        self.tables = (self._held,)

    def observe(self, event_id: int, event: Event) -> None:
        lasted_ns = event.more.get("event.duration")
        if not lasted_ns or not isinstance(lasted_ns, int) or lasted_ns < NOTED_US * 1000:
            return
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None or is_outside(source):
            return
        for told in self._popularity.add(destination, source, event.at_us):
            self._held.mark_place(told)
        if lasted_ns >= LONG_US * 1000:
            self._take((source, destination, event.destination_port or 0), lasted_ns // 1000, event_id, event)

    def memory(self) -> bytes:
        return self._popularity.dump()

    def recall(self, memory: bytes) -> None:
        self._popularity.load(memory)

    def _take(self, key: _Key, lasted_us: int, event_id: int, event: Event) -> None:
        held = self._held.at(key, event.at_us + lasted_us)
        held.first_us = min(held.first_us, event.at_us)
        held.count += 1
        held.longest_us = max(held.longest_us, lasted_us)
        sent, received = event.more.get("source.bytes"), event.more.get("destination.bytes")
        held.sent += sent if isinstance(sent, int) else 0
        held.received += received if isinstance(received, int) else 0
        held.remember(event_id, event.at_us)
        if held.fired_event_id:
            self._held.mark(key, held)
        else:
            self._held.fire(key, held, event_id, event.at_us, self.name, *key, held.first_us)

    def _render(self, key: _Key, held: Held) -> Detection:
        source, destination, port = key
        entity = self._names.entity_at(source, held.last_us)
        often = f", the longest of {amount(held.count, 'connection')}" if held.count > 1 else ""
        return Detection(
            id=held.id,
            detector=self.name,
            entity=entity,
            first_seen_us=held.first_us,
            last_seen_us=held.last_us,
            count=held.count,
            points=POINTS_POPULAR if self._popularity.is_popular(destination) else POINTS,
            title=f"connected to {destination} for {duration(held.longest_us)}",
            reasons=(
                f"a connection to {destination} port {port} lasted {duration(held.longest_us)}{often}",
                f"{size(held.sent)} sent, {size(held.received)} received",
                users_sentence(self._popularity.users(destination), f"{destination} for longer than ten minutes"),
            ),
            techniques=("T1071", "T1572"),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=(EntityRef("address", destination),),
            event_ids=held.event_ids,
        )
