"""Owns the behaviour of failing names: many domains that do not exist, and among them domains made by chance."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.domains import is_made_by_chance, name_of
from pandora_core.detect.popularity import POPULAR, Popularity
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, span_of
from pandora_core.model import HOUR_US, Detection, Event

CHANCE_DOMAINS = 15
"""Different domains made by chance that do not exist, asked within an hour. A browser that tests its network asks for
three, and those are single labels."""

FAILING_DOMAINS = 100
"""Different domains of any look that do not exist, asked within an hour: more than typing errors and dead links."""

POINTS_CHANCE = 55.0
POINTS_STORM = 25.0
MAX_HOSTS = 10_000
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_NO_SUCH_NAME = ("NXDOMAIN", "3", "9003")  # Zeek and EVE; RFC 1035; Windows (Sysmon)
_MAX_SHOWN = 24
_MAX_DOMAINS = 2_000


class Asker(NamedTuple):
    """The key: who asks."""

    source: str


class Failing(msgspec.Struct, gc=False):
    """Domains that did not exist in one hour."""

    number: int
    first_us: int
    last_us: int
    domains: set[str] = msgspec.field(default_factory=set)
    chance: set[str] = msgspec.field(default_factory=set)


class Storm(Session, kw_only=True, gc=False):
    """What one host asked for in vain."""

    most_domains: int = 0
    most_chance: int = 0
    shown: set[str] = msgspec.field(default_factory=set)


class FailingNames(SessionBehaviour):
    """Domains that an algorithm makes up (T1568.002), and storms of names that do not exist.

    A resolver that at least four hosts ask is left out: it asks on behalf of all. Blind spots: domains made of words
    (only their number tells), a few a day, and logs without response codes.
    """

    name = "failing-names"
    routes = (Route("network", "dns-query"),)

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_hosts: int = MAX_HOSTS,
        enough: tuple[int, int] = (CHANCE_DOMAINS, FAILING_DOMAINS),
    ) -> None:
        self._names = context.names
        self._chance, self._failing = enough
        self._asked = Popularity(max_hosts)
        self._cells = Recent(str, tuple[Failing, ...], max_hosts)
        self._storms = Sessions(Asker, Storm, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._storms,)

    def observe(self, event_id: int, event: Event) -> None:
        source, server = event.source_ip or event.host, event.destination_ip
        if source is None:
            return
        if server is not None and is_internal(server) and self._asked.add(server, source, event.at_us):
            self._storms.mark_place(server)
        if event.outcome != "failure" or event.more.get("dns.response_code") not in _NO_SUCH_NAME:
            return
        name = name_of(str(event.more.get("dns.question.name") or ""))
        if name is not None:
            self._count(source, name.base, is_made_by_chance(name.label), event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._asked.dump(), self._cells.dump()])

    def recall(self, memory: bytes) -> None:
        asked, cells = msgspec.msgpack.decode(memory, type=list[bytes])
        self._asked.load(asked)
        self._cells.load(cells)

    def _count(self, source: str, base: str, is_chance: bool, event_id: int, event: Event) -> None:
        cell = self._cell(source, event.at_us)
        if cell is None:
            return
        cell.first_us, cell.last_us = min(cell.first_us, event.at_us), max(cell.last_us, event.at_us)
        if len(cell.domains) < _MAX_DOMAINS:
            cell.domains.add(base)
        if is_chance and len(cell.chance) < _MAX_DOMAINS:
            cell.chance.add(base)
        if len(cell.domains) >= self._failing or len(cell.chance) >= self._chance:
            self._join(source, cell, event_id, event)

    def _cell(self, source: str, at_us: int) -> Failing | None:
        number = at_us // HOUR_US
        cells = self._cells.get(source) or ()
        for cell in cells:
            if cell.number == number:
                return cell
        if cells and number < cells[-1].number - 1:
            return None
        made = Failing(number, at_us, at_us)
        self._cells.put(source, tuple(sorted((*cells, made), key=lambda cell: cell.number)[-2:]))
        return made

    def _join(self, source: str, cell: Failing, event_id: int, event: Event) -> None:
        key = Asker(source)
        storm = self._storms.at(key, event.at_us)
        storm.first_us, storm.last_us = min(storm.first_us, cell.first_us), max(storm.last_us, cell.last_us)
        storm.most_domains = max(storm.most_domains, len(cell.domains))
        storm.most_chance = max(storm.most_chance, len(cell.chance))
        storm.shown = _shown({*storm.shown, *cell.domains, *cell.chance})
        storm.remember(event_id, event.at_us)
        if storm.fired_event_id:
            self._storms.mark(key, storm)
        else:
            self._storms.fire(key, storm, event_id, event.at_us, self.name, *key, storm.first_us)

    def _render(self, key: Asker, storm: Storm) -> Detection:
        entity = self._names.entity_at(key.source, storm.last_us)
        is_chance = storm.most_chance >= self._chance
        points = POINTS_CHANCE if is_chance else POINTS_STORM
        reasons = [
            f"asked for {amount(storm.most_domains, 'domain')} within an hour that do not exist; {span_of(storm)}"
        ]
        if is_chance:
            reasons.append(f"{storm.most_chance:,} of them look made by chance, not of words")
        reasons.append(f"for example {listed(sorted(storm.shown, key=_chance_first), 4)}")
        if self._asked.users(key.source) >= POPULAR:
            points = 0.0
            reasons.append("it is a resolver of ours: it asks on behalf of others")
        return Detection(
            id=storm.id,
            detector=self.name,
            entity=entity,
            first_seen_us=storm.first_us,
            last_seen_us=storm.last_us,
            count=storm.most_domains,
            points=points,
            title="asks for domains made by chance" if is_chance else "asks for many domains that do not exist",
            reasons=tuple(reasons),
            techniques=("T1568.002",),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            event_ids=storm.event_ids,
        )


def _shown(domains: set[str]) -> set[str]:
    return set(sorted(domains, key=_chance_first)[:_MAX_SHOWN])


def _chance_first(domain: object) -> tuple[bool, str]:
    name = str(domain)
    return not is_made_by_chance(name.partition(".")[0]), name
