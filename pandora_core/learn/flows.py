"""Owns the one feature schema for live use: what a flow event of any format becomes, alike everywhere.

A Zeek connection, an EVE flow, a binetflow or NetFlow row and a raw UNSW-NB15 row are the same event by the time they
come here, so one reader serves all of them. Bytes are those on the wire where the log has them (Zeek's own count
is of payload, the other formats' is not). Besides the flow itself, its source's last :data:`WINDOW_FLOWS` flows
are looked at; by number and not by time, so that sampled or thinned traffic gives like values.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pandora_core.learn.table import Reals, Schema, Table
from pandora_core.model import Event

WINDOW_FLOWS = 100
WINDOW_SOURCES = 20_000
"""Sources that are remembered; the one unseen for longest is forgotten first."""

_NAN = float("nan")
_OWN = (
    "duration_s",
    "source_bytes",
    "destination_bytes",
    "packets",
    "bytes_per_packet",
    "destination_share",
    "bytes_per_s",
    "packets_per_s",
)
_RECENT = (
    "recent_failed",
    "recent_destinations",
    "recent_ports",
    "recent_same_destination",
    "recent_same_service",
)
FLOW = Schema(
    name="flow",
    version=1,
    numbers=_OWN + _RECENT,
    categories=("transport", "service", "outcome", "port_class"),
    is_live=True,
    padded=("duration_s", "source_bytes", "destination_bytes", "packets"),
)
"""Change what a column means and the version goes up: models of the old version are then refused, not mis-scored."""

_SERVICES = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp", 68: "dhcp", 69: "tftp",
    80: "http", 88: "kerberos", 110: "pop3", 111: "rpc", 123: "ntp", 135: "rpc", 137: "netbios", 138: "netbios",
    139: "smb", 143: "imap", 161: "snmp", 179: "bgp", 389: "ldap", 443: "tls", 445: "smb", 465: "smtp",
    500: "ike", 514: "syslog", 587: "smtp", 636: "ldap", 993: "imap", 995: "pop3", 1433: "sql", 1521: "sql",
    1900: "ssdp", 3306: "sql", 3389: "rdp", 5353: "mdns", 5355: "llmnr", 5432: "sql", 5900: "vnc", 5985: "winrm",
    6667: "irc", 8080: "http", 8443: "tls",
}  # fmt: skip
_TRANSPORTS = frozenset({"tcp", "udp", "icmp", "ipv6-icmp"})


class FlowRow(NamedTuple):
    """The features of one flow, in the order of :data:`FLOW`."""

    numbers: tuple[float, ...]
    categories: tuple[str, ...]


def is_flow(event: Event) -> bool:
    """Whether an event is a connection that features can be computed of."""
    return event.action == "connection" and event.source_ip is not None


class FlowReader:
    """Computes features event by event, in the order of event time; remembers the last flows of every source."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Window] = OrderedDict()

    def row(self, event: Event) -> FlowRow:
        """The features of a flow (:func:`is_flow`), which is remembered for those after it."""
        source, port = event.source_ip or "", event.destination_port or 0
        service = _SERVICES.get(port, "other")
        window = self._sources.get(source)
        if window is None:
            window = self._sources[source] = _Window()
            if len(self._sources) > WINDOW_SOURCES:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(source)
        recent = window.take(event.destination_ip or "", port, service, event.outcome == "failure")
        transport = event.transport if event.transport in _TRANSPORTS else "other"
        categories = (transport, service, event.outcome or "unknown", _port_class(port))
        return FlowRow(_of_flow(event) + recent, categories)

    def table(self, events: Iterable[Event], kinds: Iterable[str]) -> Table:
        """A table of flows, put in order of time first."""
        ordered = sorted(zip(events, kinds, strict=True), key=lambda pair: pair[0].at_us)
        rows = [self.row(event) for event, _ in ordered]
        width = len(FLOW.numbers), len(FLOW.categories)
        return Table(
            FLOW,
            np.array([row.numbers for row in rows], np.float64).reshape(len(rows), width[0]),
            np.array([row.categories for row in rows], np.str_).reshape(len(rows), width[1]),
            np.array([kind for _, kind in ordered], np.str_),
            np.array([event.at_us for event, _ in ordered], np.int64),
        )


def rederived(numbers: Reals) -> Reals:
    """The same flows with what follows from bytes, packets and time taken reckoned anew, after these were changed."""
    made = numbers.copy()
    duration_s, sent, received, packets = made[:, :4].T
    total, took_s = sent + received, np.maximum(duration_s, 0.001)
    for column, value in (
        (4, _ratio(total, packets)),
        (5, _ratio(received, total)),
        (6, total / took_s),
        (7, packets / took_s),
    ):
        # Where a log gave only the sum, it still stands in what was derived from it.
        made[:, column] = np.where(np.isnan(value), made[:, column], value)
    return made


def _ratio(part: Reals, whole: Reals) -> Reals:
    made: Reals = np.divide(part, whole, out=np.where(np.isnan(whole), np.nan, 0.0), where=whole > 0)
    return made


class _Flow(NamedTuple):
    destination: str
    port: int
    service: str
    failed: bool


class _Window:
    """The last flows of one source, with running counts; the flow that is asked about counts itself."""

    __slots__ = ("_destinations", "_failed", "_flows", "_ports", "_services")

    def __init__(self) -> None:
        self._flows: deque[_Flow] = deque()
        self._destinations: Counter[str] = Counter()
        self._ports: Counter[int] = Counter()
        self._services: Counter[str] = Counter()
        self._failed = 0

    def take(self, destination: str, port: int, service: str, failed: bool) -> tuple[float, ...]:
        """Shares of the window, in the order of ``_RECENT``."""
        self._flows.append(_Flow(destination, port, service, failed))
        self._destinations[destination] += 1
        self._ports[port] += 1
        self._services[service] += 1
        self._failed += failed
        if len(self._flows) > WINDOW_FLOWS:
            self._forget(self._flows.popleft())
        flows = len(self._flows)
        return (
            self._failed / flows,
            len(self._destinations) / flows,
            len(self._ports) / flows,
            self._destinations[destination] / flows,
            self._services[service] / flows,
        )

    def _forget(self, flow: _Flow) -> None:
        self._failed -= flow.failed
        _take_one(self._destinations, flow.destination)
        _take_one(self._ports, flow.port)
        _take_one(self._services, flow.service)


def _take_one(counts: Counter[Any], key: str | int) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


def _of_flow(event: Event) -> tuple[float, ...]:
    """The numbers of the flow itself, in the order of ``_OWN``; ``nan`` where the log is silent."""
    more = event.more
    duration_s = _number(more.get("event.duration"), 0.0) / 1e9
    sent = _number(more.get("zeek.conn.orig_ip_bytes", more.get("source.bytes")))
    received = _number(more.get("zeek.conn.resp_ip_bytes", more.get("destination.bytes")))
    packets = _number(more.get("source.packets")) + _number(more.get("destination.packets"))
    if packets != packets:
        packets = _number(more.get("network.packets"))
    total = sent + received
    if total != total:
        total = _number(more.get("network.bytes"))
    # Rates of what took no time are those of a millisecond: a flow of one packet has no rate.
    took_s = max(duration_s, 0.001)
    return (
        duration_s,
        sent,
        received,
        packets,
        total / packets if packets else 0.0,
        received / total if total else 0.0,
        total / took_s,
        packets / took_s,
    )


def _number(value: object, missing: float = _NAN) -> float:
    if isinstance(value, int | float):
        return float(value) if value >= 0 else missing
    return missing


def _port_class(port: int) -> str:
    if port == 0:
        return "none"
    return "system" if port < 1024 else "registered" if port < 49152 else "dynamic"
