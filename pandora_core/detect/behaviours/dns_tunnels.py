"""Owns the behaviour of DNS tunnels: data that leaves as names of one domain, each of them new."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.domains import carries_data, name_of
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, size, span_of
from pandora_core.model import HOUR_US, Detection, Event

MANY_NAMES = 120
"""Different names that carry data, of one domain, asked by one host within six hours: a name every three minutes.
Content networks and advertisements use such names too, a few for each page, and many hosts ask for them."""

POINTS = 70.0
POINTS_POPULAR = 10.0
POINTS_PASSED_ON = 10.0
MAX_DOMAINS = 5_000
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_CELL_US = 6 * HOUR_US
_MAX_CELLS = 64
_RARE_TYPES = frozenset({"TXT", "NULL", "CNAME", "MX", "KEY", "SRV"})


class Asking(NamedTuple):
    """The key: who asks, and for names of which domain."""

    source: str
    base: str


class Names6h(msgspec.Struct, gc=False):
    """The questions of six hours that can carry data; different ones as checksums until there are enough."""

    number: int
    first_us: int
    last_us: int
    count: int = 0
    chars: int = 0
    names: set[int] = msgspec.field(default_factory=set)
    types: set[str] = msgspec.field(default_factory=set)
    longest: str = ""

    def add(self, before: str, kind: object, at_us: int, enough: int) -> None:
        """Counts a question in."""
        self.first_us, self.last_us = min(self.first_us, at_us), max(self.last_us, at_us)
        self.count += 1
        self.chars += len(before)
        if len(self.names) < enough:
            self.names.add(zlib.crc32(before.encode("utf-8", "surrogatepass")))
        if kind in _RARE_TYPES:
            self.types.add(str(kind))
        if len(before) >= len(self.longest):
            self.longest = max(self.longest, before, key=lambda text: (len(text), text))


class Tunnel(Session, kw_only=True, gc=False):
    """Names that carry data: how many questions and characters, by six hours."""

    cells: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    types: set[str] = msgspec.field(default_factory=set)
    longest: str = ""


class DnsTunnels(SessionBehaviour):
    """DNS as a channel (T1071.004, T1048.003): dnscat2, iodine and their like.

    A domain that at least four hosts ask such names of is a service's. A resolver that passes on what another host
    asks gets next to nothing for it. Blind spots: names that look like words, fewer names, many domains in turn, and
    channels that are encrypted (DNS over HTTPS).
    """

    name = "dns-tunnel"
    routes = (Route("network", "dns-query"),)

    def __init__(self, context: Context, capacity: int = CAPACITY, many_names: int = MANY_NAMES) -> None:
        self._names = context.names
        self._many = many_names
        self._popularity = Popularity(capacity)
        self._asked = Popularity(capacity)
        self._cells = Recent(Asking, tuple[Names6h, ...], MAX_DOMAINS)
        self._tunnels = Sessions(
            Asking, Tunnel, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda key: key
        )
        self.tables = (self._tunnels,)

    def observe(self, event_id: int, event: Event) -> None:
        question = event.more.get("dns.question.name")
        source, server = event.source_ip or event.host, event.destination_ip
        if source is None or not isinstance(question, str):
            return
        if server is not None and is_internal(server) and self._asked.add(server, source, event.at_us):
            self._tunnels.mark_place(server)
        if len(question) < 20:
            return
        name = name_of(question)
        if name is not None and carries_data(name.before):
            for told in self._popularity.add(name.base, source, event.at_us):
                self._tunnels.mark_place(told)
            self._count(Asking(source, name.base), name.before, event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._popularity.dump(), self._asked.dump(), self._cells.dump()])

    def recall(self, memory: bytes) -> None:
        popularity, asked, cells = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._asked.load(asked)
        self._cells.load(cells)

    def _count(self, key: Asking, before: str, event_id: int, event: Event) -> None:
        cell = self._cell(key, event.at_us)
        if cell is not None:
            cell.add(before, event.more.get("dns.question.type"), event.at_us, self._many)
            if len(cell.names) >= self._many:
                self._join(key, cell, event_id, event)

    def _cell(self, key: Asking, at_us: int) -> Names6h | None:
        number = at_us // _CELL_US
        cells = self._cells.get(key) or ()
        for cell in cells:
            if cell.number == number:
                return cell
        if cells and number < cells[-1].number - 1:
            return None
        made = Names6h(number, at_us, at_us)
        self._cells.put(key, tuple(sorted((*cells, made), key=lambda cell: cell.number)[-2:]))
        return made

    def _join(self, key: Asking, cell: Names6h, event_id: int, event: Event) -> None:
        tunnel = self._tunnels.at(key, event.at_us)
        tunnel.first_us, tunnel.last_us = min(tunnel.first_us, cell.first_us), max(tunnel.last_us, cell.last_us)
        if cell.number in tunnel.cells or len(tunnel.cells) < _MAX_CELLS:
            tunnel.cells[cell.number] = (cell.count, cell.chars)
        tunnel.types |= cell.types
        tunnel.longest = max(tunnel.longest, cell.longest, key=lambda text: (len(text), text))
        tunnel.remember(event_id, event.at_us)
        if tunnel.fired_event_id:
            self._tunnels.mark(key, tunnel)
        else:
            self._tunnels.fire(key, tunnel, event_id, event.at_us, self.name, *key, tunnel.first_us)

    def _render(self, key: Asking, tunnel: Tunnel) -> Detection:
        entity = self._names.entity_at(key.source, tunnel.last_us)
        questions, chars = map(sum, zip(*tunnel.cells.values(), strict=True))
        users = self._popularity.users(key.base)
        reasons = [
            f"at least {amount(self._many, 'different name')} of {key.base} within six hours that look like data, "
            f"not words; {size(chars)} in {amount(questions, 'question')} {span_of(tunnel)}",
            f"the longest begins {tunnel.longest[:40]}"
            + (f"; asked for {listed(sorted(tunnel.types))} records" if tunnel.types else ""),
            users_sentence(users, f"such names of {key.base}"),
        ]
        points = POINTS_POPULAR if self._popularity.is_popular(key.base) else POINTS
        if users > 1 and self._asked.users(key.source):
            points = min(points, POINTS_PASSED_ON)
            reasons.append("it is a resolver of ours and passes on what another host asks")
        return Detection(
            id=tunnel.id,
            detector=self.name,
            entity=entity,
            first_seen_us=tunnel.first_us,
            last_seen_us=tunnel.last_us,
            count=questions,
            points=points,
            title=f"DNS tunnel through {key.base}",
            reasons=tuple(reasons),
            techniques=("T1071.004", "T1048.003"),
            tactics=("command-and-control", "exfiltration"),
            hosts=(entity.name,),
            event_ids=tunnel.event_ids,
        )
