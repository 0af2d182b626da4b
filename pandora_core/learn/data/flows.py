"""Owns the one feature schema for live use: what a flow event of any format becomes, alike everywhere.

A Zeek connection, an EVE flow, a binetflow or NetFlow row and a raw UNSW-NB15 row are the same event by the time they
come here, so one reader serves all of them. Bytes are those on the wire where the log has them (Zeek's own count
is of payload, the other formats' is not). Besides the flow itself, its source's last :data:`WINDOW_FLOWS` flows
are looked at; by number and not by time, so that sampled or thinned traffic gives like values.

The engine reads every flow through here, so the loop over events only fetches and counts; what can be reckoned for
many flows at once is left to NumPy.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.table import Cells, Flags, Indices, Reals, Schema, Table
from pandora_core.model import Event

WINDOW_FLOWS = 100
WINDOW_SOURCES = 20_000
"""Sources that are remembered; the one unseen for longest is forgotten first."""

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

_SERVICE_OF = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp", 68: "dhcp", 69: "tftp",
    80: "http", 88: "kerberos", 110: "pop3", 111: "rpc", 123: "ntp", 135: "rpc", 137: "netbios", 138: "netbios",
    139: "smb", 143: "imap", 161: "snmp", 179: "bgp", 389: "ldap", 443: "tls", 445: "smb", 465: "smtp",
    500: "ike", 514: "syslog", 587: "smtp", 636: "ldap", 993: "imap", 995: "pop3", 1433: "sql", 1521: "sql",
    1900: "ssdp", 3306: "sql", 3389: "rdp", 5353: "mdns", 5355: "llmnr", 5432: "sql", 5900: "vnc", 5985: "winrm",
    6667: "irc", 8080: "http", 8443: "tls",
}  # fmt: skip
_TRANSPORTS = ("tcp", "udp", "icmp", "ipv6-icmp", "other")
_SERVICES = (*sorted(set(_SERVICE_OF.values())), "other")
_OUTCOMES = ("success", "failure", "unknown")
_PORT_CLASSES = ("none", "system", "registered", "dynamic")
WORDS: tuple[tuple[str, ...], ...] = (_TRANSPORTS, _SERVICES, _OUTCOMES, _PORT_CLASSES)
"""Every word that a category of :data:`FLOW` can be; a flow's codes are places in these."""

_OTHER, _OTHER_TRANSPORT = len(_SERVICES) - 1, len(_TRANSPORTS) - 1
_FAILED = len(_SERVICES)
_TRANSPORT_CODE = {word: code for code, word in enumerate(_TRANSPORTS)}
_SERVICE_CODE = {port: _SERVICES.index(word) for port, word in _SERVICE_OF.items()}
_OUTCOME_CODE: dict[str | None, int] = {word: code for code, word in enumerate(_OUTCOMES)}
_FAILURE = _OUTCOMES.index("failure")
_CLASS_STARTS = np.array([1, 1024, 49_152])

_NAMED = (
    "event.duration", "zeek.conn.orig_ip_bytes", "source.bytes", "zeek.conn.resp_ip_bytes", "destination.bytes",
    "source.packets", "destination.packets", "network.packets", "network.bytes",
)  # fmt: skip
"""What a log says of a flow, in the order in which the loop over events fetches it."""

_SHORTEST_S = 0.001
"""Rates of what took no time are those of a millisecond: a flow of one packet has no rate."""

Codes: TypeAlias = NDArray[np.int16]


def is_flow(event: Event) -> bool:
    """Whether an event is a connection that features can be computed of."""
    return event.action == "connection" and event.source_ip is not None


@dataclass(frozen=True, slots=True, eq=False)
class FlowBlock:
    """The features of many flows, in the order of :data:`FLOW`: its numbers, and its categories as codes."""

    numbers: Reals
    codes: Codes

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, table: Table) -> FlowBlock:
        """The rows of a table of :data:`FLOW`; a word that live flows never have counts as the last of its kind."""
        columns = []
        for words, column in zip(WORDS, table.categories.T, strict=True):
            code_of = {word: code for code, word in enumerate(words)}
            columns.append([code_of.get(str(word), len(words) - 1) for word in column])
        codes = np.array(columns, np.int16).T.reshape(len(table), len(WORDS))
        return cls(np.asfortranarray(table.numbers), np.asfortranarray(codes))

    @classmethod
    def joined(cls, blocks: Sequence[FlowBlock]) -> FlowBlock:
        """Several blocks as one."""
        return cls(np.concatenate([b.numbers for b in blocks]), np.concatenate([b.codes for b in blocks]))

    def take(self, rows: Indices | Flags | slice) -> FlowBlock:
        """The flows at these places."""
        return FlowBlock(self.numbers[rows], self.codes[rows])

    def words(self) -> NDArray[np.str_]:
        """The categories in words."""
        columns = [np.array(words, np.str_)[column] for words, column in zip(WORDS, self.codes.T, strict=True)]
        return np.column_stack(columns)

    def cells(self) -> Cells:
        """What :meth:`Model.scores` takes."""
        made = np.empty((len(self), len(FLOW.columns)), dtype=object)
        made[:, : len(FLOW.numbers)] = self.numbers
        made[:, len(FLOW.numbers) :] = self.words()
        return made


_Flow: TypeAlias = tuple[str, int, bool]
"""Where to, which port, and whether it failed."""


class _Past(NamedTuple):
    """The last flows of one source, oldest first, and how many there are of each kind."""

    flows: deque[_Flow]
    destinations: dict[str, int]
    ports: dict[int, int]
    services: list[int]
    """By code, and at the end how many failed."""


class FlowReader:
    """Computes features in the order of events; remembers the last flows of every source."""

    def __init__(self) -> None:
        self._pasts: OrderedDict[str, _Past] = OrderedDict()

    def block(self, events: Sequence[Event]) -> FlowBlock:
        """The features of flows (:func:`is_flow`), each with those before it in its source's window."""
        ports = [event.destination_port or 0 for event in events]
        services = list(map(_SERVICE_CODE.get, ports, repeat(_OTHER)))
        outcomes = [_OUTCOME_CODE.get(event.outcome, 2) for event in events]
        transports = [_TRANSPORT_CODE.get(event.transport, _OTHER_TRANSPORT) for event in events]  # type: ignore[arg-type]
        ends = [event.destination_ip or "" for event in events]
        flows = zip(ends, ports, [outcome == _FAILURE for outcome in outcomes], strict=True)
        recent = self._counted([event.source_ip or "" for event in events], flows, services)
        numbers = np.empty((len(FLOW.numbers), len(events)))
        _fill_own(numbers, _said([event.more for event in events]))
        counts = np.array(recent, np.float64).reshape(len(events), len(_RECENT) + 1).T
        numbers[len(_OWN) :] = counts[:-1] / counts[-1]
        classes = np.searchsorted(_CLASS_STARTS, ports, side="right")
        # By column in memory: everything that follows goes column by column.
        return FlowBlock(numbers.T, np.array([transports, services, outcomes, classes], np.int16).T)

    def table(self, events: Iterable[Event], kinds: Iterable[str]) -> Table:
        """A table of flows, put in order of time first."""
        ordered = sorted(zip(events, kinds, strict=True), key=lambda pair: pair[0].at_us)
        block = self.block([event for event, _ in ordered])
        return Table(
            FLOW,
            np.ascontiguousarray(block.numbers),
            block.words(),
            np.array([kind for _, kind in ordered], np.str_),
            np.array([event.at_us for event, _ in ordered], np.int64),
        )

    def dump(self) -> bytes:
        """The windows, for a snapshot."""
        return msgspec.msgpack.encode([(source, list(past.flows)) for source, past in self._pasts.items()])

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`.

        Raises:
            ValueError: it is no such state.
        """
        self._pasts.clear()
        for source, flows in msgspec.msgpack.decode(state, type=list[tuple[str, list[_Flow]]]):
            self._counted(repeat(source), flows, [_SERVICE_CODE.get(port, _OTHER) for _, port, _ in flows])

    def _counted(self, sources: Iterable[str], flows: Iterable[_Flow], services: Iterable[int]) -> list[int]:
        """Takes flows into the windows of their sources. Of each, what its window then holds, in the order of
        ``_RECENT``, and its length: all in one list, since this is the loop that every flow costs.
        """
        made: list[int] = []
        known, touch = self._pasts.get, self._pasts.move_to_end
        for service, source, flow in zip(services, sources, flows, strict=False):
            past = known(source)
            if past is None:
                past = self._new(source)
            else:
                touch(source)
            last, destinations, ports, held = past
            last.append(flow)
            destination, port, failed = flow
            destinations[destination] = destinations.get(destination, 0) + 1
            ports[port] = ports.get(port, 0) + 1
            held[service] += 1
            if failed:
                held[_FAILED] += 1
            if len(last) > WINDOW_FLOWS:
                _forget_oldest(past)
            same = destinations[destination]
            made += (held[_FAILED], len(destinations), len(ports), same, held[service], len(last))
        return made

    def _new(self, source: str) -> _Past:
        past = self._pasts[source] = _Past(deque(), {}, {}, [0] * (len(_SERVICES) + 1))
        if len(self._pasts) > WINDOW_SOURCES:
            self._pasts.popitem(last=False)
        return past


def rederived(numbers: Reals) -> Reals:
    """The same flows with what follows from bytes, packets and time taken reckoned anew, after these were changed."""
    made = numbers.copy()
    duration_s, sent, received, packets = made[:, :4].T
    total = sent + received
    for column, value in enumerate(_derived(duration_s, received, packets, total), start=4):
        # Where a log gave only the sum, it still stands in what was derived from it.
        made[:, column] = np.where(np.isnan(value), made[:, column], value)
    return made


def _forget_oldest(past: _Past) -> None:
    flows, destinations, ports, services = past
    destination, port, failed = flows.popleft()
    services[_FAILED] -= failed
    services[_SERVICE_CODE.get(port, _OTHER)] -= 1
    left = destinations[destination] - 1
    if left:
        destinations[destination] = left
    else:
        del destinations[destination]
    left = ports[port] - 1
    if left:
        ports[port] = left
    else:
        del ports[port]


def _said(more: Sequence[dict[str, Any]]) -> Reals:
    """What logs said of flows as numbers by name; ``nan`` for what is missing, below zero or no number."""
    made = np.empty((len(_NAMED), len(more)))
    for row, name in zip(made, _NAMED, strict=True):
        try:
            row[:] = np.fromiter(map(dict.get, more, repeat(name), repeat(math.nan)), np.float64, len(more))
        except (TypeError, ValueError):
            row[:] = [each if isinstance(each := said.get(name), int | float) else math.nan for said in more]
    made[~(made >= 0.0)] = np.nan
    return made


def _fill_own(numbers: Reals, said: Reals) -> None:
    """The numbers of the flow itself, in the order of ``_OWN``."""
    took_ns, wire_sent, sent, wire_received, received, sent_packets, received_packets, all_packets, all_bytes = said
    numbers[0] = np.where(np.isnan(took_ns), 0.0, took_ns) / 1e9
    numbers[1] = np.where(np.isnan(wire_sent), sent, wire_sent)
    numbers[2] = np.where(np.isnan(wire_received), received, wire_received)
    packets = sent_packets + received_packets
    numbers[3] = np.where(np.isnan(packets), all_packets, packets)
    total = numbers[1] + numbers[2]
    total = np.where(np.isnan(total), all_bytes, total)
    numbers[4 : len(_OWN)] = _derived(numbers[0], numbers[2], numbers[3], total)


def _derived(duration_s: Reals, received: Reals, packets: Reals, total: Reals) -> tuple[Reals, Reals, Reals, Reals]:
    """What follows from time taken, bytes and packets."""
    took_s = np.maximum(duration_s, _SHORTEST_S)
    return _ratio(total, packets), _ratio(received, total), total / took_s, packets / took_s


def _ratio(part: Reals, whole: Reals) -> Reals:
    """0 where the whole is 0, ``nan`` where it is not known."""
    made: Reals = np.divide(part, whole, out=np.where(np.isnan(whole), np.nan, 0.0), where=whole > 0)
    return made
