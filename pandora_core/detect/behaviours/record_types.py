"""Owns the behaviour of unusual DNS record types: questions that resolvers and programs of people do not ask."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, span_of
from pandora_core.model import HOUR_US, Detection, Event

MANY_QUESTIONS = 5
"""Questions for such records of one host; one or two are somebody's curiosity."""

UNUSUAL = frozenset(
    {"NULL", "AXFR", "IXFR", "KEY", "SIG", "NXT", "MD", "MF", "MB", "MG", "MR", "WKS", "HINFO", "MINFO"}
)
"""Record types without a use in today's networks, or whose use is to copy a whole zone (AXFR, IXFR)."""

POINTS = 20.0
CAPACITY = 5_000
PAUSE_US = 12 * HOUR_US


class Asker(NamedTuple):
    """The key: who asks."""

    source: str


class Asked(Session, kw_only=True, gc=False):
    """Questions for unusual records."""

    count: int = 0
    types: set[str] = msgspec.field(default_factory=set)
    servers: set[str] = msgspec.field(default_factory=set)


class RecordTypes(SessionBehaviour):
    """Unusual record types: zone transfers (T1590.002), and NULL as tunnels use it (T1071.004).

    A weak sign: secondary name servers copy zones too. Blind spots: TXT, MX and CNAME, which are everywhere; a tunnel
    through those is told by its names.
    """

    name = "record-types"
    routes = (Route("network", "dns-query"),)

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._asked = Sessions(Asker, Asked, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._asked,)

    def observe(self, event_id: int, event: Event) -> None:
        kind = event.more.get("dns.question.type")
        if kind not in UNUSUAL:
            return
        source = event.source_ip or event.host
        if source is None:
            return
        key = Asker(source)
        asked = self._asked.at(key, event.at_us)
        asked.count += event.count
        asked.types.add(str(kind))
        if event.destination_ip and len(asked.servers) < 32:
            asked.servers.add(event.destination_ip)
        asked.remember(event_id, event.at_us)
        if asked.fired_event_id:
            self._asked.mark(key, asked)
        elif asked.count >= MANY_QUESTIONS:
            self._asked.fire(key, asked, event_id, event.at_us, self.name, *key, asked.first_us)

    def _render(self, key: Asker, asked: Asked) -> Detection:
        entity = self._names.entity_at(key.source, asked.last_us)
        types, servers = sorted(asked.types), sorted(asked.servers)
        is_transfer = not asked.types.isdisjoint({"AXFR", "IXFR"})
        reasons = [f"{amount(asked.count, 'question')} for {listed(types)} records {span_of(asked)}"]
        if servers:
            reasons.append(f"asked of {listed(servers)}")
        return Detection(
            id=asked.id,
            detector=self.name,
            entity=entity,
            first_seen_us=asked.first_us,
            last_seen_us=asked.last_us,
            count=asked.count,
            points=POINTS,
            title=f"asks for {listed(types, 3)} records",
            reasons=tuple(reasons),
            techniques=(("T1590.002",) if is_transfer else ()) + (("T1071.004",) if "NULL" in asked.types else ()),
            tactics=("discovery",) if is_transfer else ("command-and-control",),
            hosts=(entity.name,),
            event_ids=asked.event_ids,
        )
