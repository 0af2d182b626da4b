"""Owns the behaviour of scans: many ports of one host, one port of many hosts, pings of many hosts.

Only attempts that were refused or not answered count, so that ordinary traffic costs a glance. They are counted by
the minute, and by the half day for those who take their time; such a cell belongs to a scan when it and the one
beside it hold enough different targets. What happens in such cells is one detection per source, whatever is scanned.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_group_address, is_internal, is_local
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.customs import CUSTOM_SHARE
from pandora_core.detect.exposure import Exposure
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.strands import HORIZONTAL, SWEEP, VERTICAL, Strand, sentence_of, title_of
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

PORTS_OF_A_HOST = 8
"""Different ports of one host within one to two minutes that make a vertical scan."""

HOSTS_ON_A_PORT = 8
"""Different hosts on one TCP port within one to two minutes that make a horizontal scan."""

HOSTS_ON_A_UDP_PORT = 30
"""The same for UDP, where silence is common: peers that went away, one-way protocols."""

HOSTS_PINGED = 8
"""Different hosts that did not answer a ping within one to two minutes."""

SLOW_TARGETS = 24
"""Different ports of one host, or hosts on one TCP port of our own networks, within half a day to a day: whoever is
refused by so many tries what is there. Outside, browsers meet as many dead servers, so that hosts there do not count;
nor do sources there, since strangers who knock at what is public are never few.
"""

REPEAT_AGE_US = 18 * HOUR_US
"""A source that scanned in the same way so long before does it again: the next night, give or take some hours."""

REPEAT_SHARE = 0.3
"""What is left of a scan's points where all of it was done before: no alert alone, but never nothing, since an
intruder's second day looks like that too. The first day's scan keeps its points."""

MANY_PORTS = 5
"""Ports that a source tried on many hosts: whoever scans so many scans ports on hosts, whichever port is next."""

MAX_PROBED = 50_000
"""Pairs of hosts, and of host and port, whose failures are remembered; the ones written longest ago go first."""

CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_ICMP = ("icmp", "ipv6-icmp")
_PING_TYPES = {"icmp": (None, 8, 13, 17), "ipv6-icmp": (128,)}  # echo, timestamp, mask (RFC 792, 950, 4443)
_QUIC_PORT = 443  # a firewall that drops QUIC makes every browser look like a scanner
_TRACEROUTE_PORTS = range(33434, 33690)
_LATE_MINUTES = 12  # how long a minute may still be added to by lines that arrive late
_PROBE_PACKETS = 3
_MAX_STRANDS = 32
_EVENTS_SHOWN = 3
_SLOW_US = 12 * HOUR_US


class ProbeKey(NamedTuple):
    """What failures are counted for: a source, and a host (vertical), a port (horizontal) or nothing more (sweep).

    ``width_us`` is how long a cell is: a minute, or half a day.
    """

    kind: str
    source: str
    what: str
    transport: str
    width_us: int = MINUTE_US


class Minute(msgspec.Struct, gc=False):
    """The failures of one cell: a minute, or half a day."""

    first_us: int
    last_us: int
    attempts: int = 0
    targets: tuple[int | str, ...] = ()
    events: tuple[tuple[int, int], ...] = ()
    is_scan: bool = False


class Scan(Session, kw_only=True, gc=False):
    """What one source scanned, with pauses of less than :data:`PAUSE_US`; ``shares`` is what counts of a strand."""

    strands: dict[str, Strand] = msgspec.field(default_factory=dict)
    shares: dict[str, float] = msgspec.field(default_factory=dict)


class Source(NamedTuple):
    """The key of a scan."""

    address: str


class WayKey(NamedTuple):
    """How a source scans: ports, pings, or hosts on one port; the hosts do not matter."""

    source: str
    way: str


class Scans(SessionBehaviour):
    """Port scans (T1046) and ping sweeps (T1018), vertical and horizontal.

    Group addresses do not count. Blind spots: a few targets a day, scans that only meet open ports, and a source that
    hides among more than 50,000 pairs that fail within minutes. A mail server with many dead recipients and a browser
    behind a broken uplink look like a horizontal scan.
    """

    name = "scan"
    routes = (Route("network", "connection"),)

    def __init__(self, context: Context, capacity: int = CAPACITY, max_probed: int = MAX_PROBED) -> None:
        self._names = context.names
        self._probed = Recent(ProbeKey, dict[int, Minute], max_probed)
        self._since_us = Recent(WayKey, int, capacity)
        self._exposure = Exposure()
        self._scans = Sessions(Source, Scan, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._scans,)

    def observe(self, event_id: int, event: Event) -> None:
        if event.outcome == "success":
            return
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None or is_group_address(destination) or is_local(source):
            return
        transport, port = event.transport or "", event.destination_port
        if transport in _ICMP:
            if _is_ping(event) and not _is_answered(event):
                self._probe(ProbeKey(SWEEP, source, "", transport), destination, HOSTS_PINGED, event_id, event)
        elif port is not None and (event.outcome == "failure" or _is_lone_probe(event)):
            is_udp = transport == "udp"
            if is_udp and port in _TRACEROUTE_PORTS:
                return
            key = ProbeKey(VERTICAL, source, destination, transport)
            self._probe(key, port, PORTS_OF_A_HOST, event_id, event)
            # Late answers of a service look like probes of the client's ports: over UDP, time tells nothing apart.
            if not is_udp and is_internal(source):
                self._probe(key._replace(width_us=_SLOW_US), port, SLOW_TARGETS, event_id, event)
            if not is_udp or port != _QUIC_PORT:
                enough = HOSTS_ON_A_UDP_PORT if is_udp else HOSTS_ON_A_PORT
                key = ProbeKey(HORIZONTAL, source, str(port), transport)
                self._probe(key, destination, enough, event_id, event)
                if not is_udp and is_internal(source) and is_internal(destination):
                    self._probe(key._replace(width_us=_SLOW_US), destination, SLOW_TARGETS, event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._probed.dump(), self._since_us.dump(), self._exposure.dump()])

    def recall(self, memory: bytes) -> None:
        probed, since_us, exposure = msgspec.msgpack.decode(memory, type=list[bytes])
        self._probed.load(probed)
        self._since_us.load(since_us)
        self._exposure.load(exposure)

    def _probe(self, key: ProbeKey, target: int | str, enough: int, event_id: int, event: Event) -> None:
        number = event.at_us // key.width_us
        minutes = self._probed.get(key)
        minute = minutes.get(number) if minutes else None
        if minutes is None or minute is None:
            minutes = _with_room(minutes or {}, number)
            minute = minutes[number] = Minute(event.at_us, event.at_us)
            self._probed.put(key, minutes)
        _count(minute, event_id, event)
        if minute.is_scan:
            part = Minute(event.at_us, event.at_us, event.count, (target,), ((event.at_us, event_id),))
            self._join(key, part, event_id, event.at_us)
        if target in minute.targets or len(minute.targets) >= enough:
            return
        minute.targets = (*minute.targets, target)
        for beside in (minutes.get(number - 1), minutes.get(number + 1), None):
            if len({*minute.targets, *beside.targets} if beside else minute.targets) >= enough:
                for found in (minute, beside):
                    if found and not found.is_scan:
                        found.is_scan = True
                        self._join(key, found, event_id, event.at_us)

    def _join(self, key: ProbeKey, minute: Minute, event_id: int, at_us: int) -> None:
        """Takes what happened in a minute into the source's scan."""
        kind, address, what, transport, width_us = key
        source = Source(address)
        scan = self._scans.at(source, minute.first_us)
        scan = self._scans.at(source, minute.last_us) if minute.last_us != minute.first_us else scan
        what = f"{what}/{transport}" if kind == HORIZONTAL else what
        name = f"{kind} {what}" if width_us == MINUTE_US else f"slow {kind} {what}"
        strand = scan.strands.get(name)
        if strand is None and len(scan.strands) < _MAX_STRANDS:
            strand = scan.strands[name] = Strand(kind, what, minute.first_us, minute.last_us)
        if strand is not None:
            is_earlier = name not in scan.shares or minute.first_us < strand.first_us
            strand.first_us = min(strand.first_us, minute.first_us)
            strand.last_us = max(strand.last_us, minute.last_us)
            strand.attempts += minute.attempts
            for target in minute.targets:
                strand.add(target)
            if is_earlier:
                self._place(source, scan, strand)
        for seen_us, number in minute.events:
            scan.remember(number, seen_us)
        if scan.fired_event_id:
            self._scans.mark(source, scan)
        else:
            self._scans.fire(source, scan, event_id, at_us, self.name, *source, scan.first_us)

    def _place(self, source: Source, scan: Scan, strand: Strand) -> None:
        """Notes that a source scans in a way, and judges again the scans that this makes ordinary."""
        self._note_way(WayKey(source.address, _way_of(strand)), strand.first_us)
        ports = sorted(part.first_us for part in scan.strands.values() if part.kind == HORIZONTAL)
        if len(ports) >= MANY_PORTS:
            self._note_way(WayKey(source.address, HORIZONTAL), ports[MANY_PORTS - 1])
        scans = [(source, other) for other in self._scans.of(source)]
        if not is_internal(source.address):
            what = f"{strand.kind} {strand.what}"
            self._scans.show(source, scan, what)
            if self._exposure.note(what, source.address, strand.first_us):
                scans += self._scans.fired_at(what)
        for key, other in scans:
            shares = {name: self._share(key, other, part) for name, part in other.strands.items()}
            if shares != other.shares:
                other.shares = shares
                self._scans.mark(key, other)

    def _share(self, source: Source, scan: Scan, strand: Strand) -> float:
        """What counts of a part of a scan: little where strangers do this all the time, less where it is a repeat."""
        is_outside = not is_internal(source.address)
        if is_outside and self._exposure.is_exposed(f"{strand.kind} {strand.what}", strand.first_us):
            return CUSTOM_SHARE
        known = [self._since_us.get(WayKey(source.address, way)) for way in (_way_of(strand), strand.kind)]
        is_repeat = any(since_us is not None and since_us <= scan.first_us - REPEAT_AGE_US for since_us in known)
        return REPEAT_SHARE if is_repeat else 1.0

    def _note_way(self, way: WayKey, at_us: int) -> None:
        since_us = self._since_us.get(way)
        if since_us is None or at_us < since_us:
            self._since_us.put(way, at_us)

    def _render(self, source: Source, scan: Scan) -> Detection:
        entity = self._names.entity_at(source.address, scan.last_us)
        strands = sorted(_told(scan.strands), key=lambda strand: (-strand.size, strand.kind, strand.what))
        kinds = {strand.kind for strand in strands}
        is_outside = not is_internal(source.address)
        techniques = ["T1046"] if kinds != {SWEEP} else []
        techniques += (["T1018"] if SWEEP in kinds else []) + (["T1595.001"] if is_outside else [])
        reasons = [sentence_of(strand) for strand in strands[:5]]
        if len(strands) > 5:
            rest = f"{_MAX_STRANDS - 5} or more" if len(strands) == _MAX_STRANDS else str(len(strands) - 5)
            reasons.append(f"and {rest} other hosts or ports in the same way")
        if (share := max(scan.shares.values())) < 1:
            strangers = "many strangers scan the same these days"
            reasons.append(strangers if share == CUSTOM_SHARE else f"{entity.name} scanned in the same way before")
        scanned = [strand.what for strand in strands if strand.kind == VERTICAL]
        return Detection(
            id=scan.id,
            detector=self.name,
            entity=entity,
            first_seen_us=scan.first_us,
            last_seen_us=scan.last_us,
            count=max(strand.attempts for strand in strands),
            points=_points(scan),
            title=title_of(strands),
            reasons=tuple(reasons),
            techniques=tuple(techniques),
            tactics=("discovery", "reconnaissance") if is_outside else ("discovery",),
            hosts=(entity.name, *scanned[:8]),
            related=tuple(EntityRef("address", address) for address in scanned[:8]),
            event_ids=scan.event_ids,
        )


def _way_of(strand: Strand) -> str:
    return f"{strand.kind} {strand.what}" if strand.kind == HORIZONTAL else strand.kind


def _points(scan: Scan) -> float:
    """By the number of targets: of the parts that count whole, else of all for the share that is left of them."""
    share = max(scan.shares.values())
    counted = _told({name: strand for name, strand in scan.strands.items() if scan.shares[name] == share})
    targets = sum(strand.size for strand in counted)
    points = min(60.0, 45 + 7.5 * math.log10(max(targets / HOSTS_ON_A_PORT, 1)))
    return round(share * points, 1)


def _told(strands: dict[str, Strand]) -> list[Strand]:
    """The parts to tell: what was counted both by the minute and by the half day only once, as the larger."""
    told: dict[tuple[str, str], Strand] = {}
    for strand in strands.values():
        known = told.get((strand.kind, strand.what))
        if known is None or strand.size > known.size:
            told[strand.kind, strand.what] = strand
    return list(told.values())


def _with_room(minutes: dict[int, Minute], number: int) -> dict[int, Minute]:
    """The minutes that a late line may still add to, now that ``number`` begins."""
    newest = max(number, max(minutes, default=number))
    return {known: minute for known, minute in minutes.items() if known >= newest - _LATE_MINUTES}


def _count(minute: Minute, event_id: int, event: Event) -> None:
    at_us = event.at_us
    minute.attempts += event.count
    if at_us > minute.last_us:
        minute.last_us = at_us
    elif at_us < minute.first_us:
        minute.first_us = at_us
    if not minute.is_scan and len(minute.events) < _EVENTS_SHOWN:
        minute.events = (*minute.events, (at_us, event_id))


def _is_ping(event: Event) -> bool:
    """Zeek gives the type of an ICMP message as the source port."""
    kind = event.source_port if event.source_port is not None else event.more.get("icmp.type")
    return kind in _PING_TYPES[event.transport or ""]


def _is_answered(event: Event) -> bool:
    return event.outcome is None and bool(event.more.get("destination.packets"))


def _is_lone_probe(event: Event) -> bool:
    """Whether a TCP connection that may have been answered, the log does not say, looks like a probe."""
    sent, got = event.more.get("source.packets"), event.more.get("destination.packets")
    source_port, port = event.source_port or 0, event.destination_port or 0
    return (
        event.transport == "tcp"
        and isinstance(sent, int)
        and sent <= _PROBE_PACKETS
        and not got
        and port < source_port
    )
