"""Owns the format of flow tables with a header line: Argus / CTU binetflow and NetFlow-style CSV of many tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pandora_core.ingest.address import canonical_ip
from pandora_core.ingest.format import MAX_FIELD_CHARS, Decoded, Decoder, text_of
from pandora_core.ingest.formats.flow_cells import (
    count,
    duration_ns,
    icmp_type_and_code,
    is_group,
    outcome_of,
    port,
    scalar,
    time_us,
    transport_of,
)
from pandora_core.ingest.formats.flow_header import Header, read_header, split
from pandora_core.model import BadLine, Event, FieldValue

_AROUND_LINE = b" \r\n\v\f"  # not the tab: an empty cell may end the line
_SNIFFED_LINES = 20
_UNSET = frozenset({"", "-", "(empty)"})
_NO_PORT = _UNSET | {"0"}
_ICMP = frozenset({"icmp", "ipv6-icmp"})
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")


class FlowsFormat:
    """Flow tables: binetflow, nfdump, SiLK, nProbe, IPFIX, VPC flow logs, CICFlowMeter."""

    name = "flows"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        """Sure where the first line is a header of flows; a table without a header is nobody's."""
        for line in head.split(b"\n", _SNIFFED_LINES)[:_SNIFFED_LINES]:
            text = _text(line)
            if text and not text.startswith("#"):
                return 0.9 if read_header(text) else 0.0
        return 0.0

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        return _FlowsDecoder(state)


class _FlowsDecoder:
    """Remembers the header in force, and whether a summary has begun (nfdump ends its tables with one)."""

    def __init__(self, state: dict[str, Any] | None) -> None:
        self._is_summary: bool = state["is_summary"] if state else False
        header = read_header(state["header"]) if state else None
        self._table = _Table(header) if header else None

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        return [self._decode(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {"header": self._table.header.text if self._table else "", "is_summary": self._is_summary}

    def _decode(self, line: bytes) -> Decoded:
        if len(line) > MAX_FIELD_CHARS:  # also bounds what the caches of cells hold
            return BadLine("too long for the line of a flow")
        text = _text(line)
        if not text or text.startswith("#"):
            return None
        if self._table is None or self._is_summary:
            return self._not_a_row(text, "no header before it names the columns")
        header = self._table.header
        cells = split(text, header.delimiter, is_padded=header.is_padded)
        if cells is None:
            return BadLine("quotation marks do not match")
        event = self._table.event(cells)
        return self._not_a_row(text, event.reason) if isinstance(event, BadLine) else event

    def _not_a_row(self, text: str, reason: str) -> BadLine | None:
        """A header (of the first table, or of one joined on), the beginning or inside of a summary, or a bad line."""
        if header := read_header(text):
            self._table, self._is_summary = _Table(header), False
            return None
        if text.startswith("Summary") or text == "No matched flows":
            self._is_summary = True
        return None if self._is_summary else BadLine(reason)


class _Table:
    """Makes events of the rows under one header."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self._width = len(header.names)

    def event(self, cells: list[str]) -> Event | BadLine:
        """The event of a row."""
        width, at = self._width, self.header.at
        if len(cells) != width and (len(cells) != width + 1 or cells[width]):
            return BadLine(f"{len(cells)} cells where the header has {width}")
        cells[width:] = [""]  # what a meaning says that the table lacks
        at_us = time_us(cells[at.start])
        if at_us is None and (at_us := time_us(cells[at.end])) is None:
            return BadLine("no time that can be read")
        more: dict[str, FieldValue] = {}
        transport = transport_of(cells[at.transport])
        source_ip = self._address(cells, at.source, "source.mac", more)
        destination_ip = self._address(cells, at.destination, "destination.mac", more)
        source_port, destination_port = self._ports(cells, transport, more)
        packets_back, bytes_back = self._volumes(cells, more)
        self._time_taken(cells, at_us, more)
        outcome = outcome_of(
            state=cells[at.state],
            flags=cells[at.flags],
            action=cells[at.action],
            transport=transport,
            packets_back=packets_back,
            bytes_back=bytes_back,
        )
        if outcome == "failure" and destination_ip and is_group(destination_ip):
            outcome = None
        for index, name in self.header.others:
            if (text := cells[index]) and text not in _UNSET:
                more[name] = scalar(text.strip())
        return Event(
            at_us=at_us,
            dataset=self.header.dataset,
            category="network",
            action="connection",
            outcome=outcome,
            source_ip=source_ip,
            source_port=source_port,
            destination_ip=destination_ip,
            destination_port=destination_port,
            transport=transport,
            protocol=None if cells[at.service] in _UNSET else cells[at.service].lower(),
            more=more,
        )

    def _address(self, cells: list[str], index: int, mac_field: str, more: dict[str, FieldValue]) -> str | None:
        ip = canonical_ip(cells[index])
        if ip is None and _MAC.fullmatch(cells[index]):
            more[mac_field] = cells[index].lower()
        elif ip is None:
            self._keep(cells, index, more)
        return ip

    def _ports(
        self, cells: list[str], transport: str | None, more: dict[str, FieldValue]
    ) -> tuple[int | None, int | None]:
        at = self.header.at
        source = destination = None
        if transport not in _ICMP:
            source, destination = port(cells[at.source_port]), port(cells[at.destination_port])
        elif said := icmp_type_and_code(cells[at.source_port]):
            more["icmp.type"], more["icmp.code"] = said
        if source is None and cells[at.source_port] not in _NO_PORT:
            self._keep(cells, at.source_port, more)
        if destination is None and cells[at.destination_port] not in _NO_PORT:
            self._keep(cells, at.destination_port, more)
        return source, destination

    def _volumes(self, cells: list[str], more: dict[str, FieldValue]) -> tuple[int | None, int | None]:
        """Notes packets and bytes of both directions; gives those that came back, where known."""
        at = self.header.at
        packets, packets_back = self._both_ways(cells, at.source_packets, at.destination_packets, at.total_packets)
        size, size_back = self._both_ways(cells, at.source_bytes, at.destination_bytes, at.total_bytes)
        if packets is not None:
            more["source.packets"] = packets
        if packets_back is not None:
            more["destination.packets"] = packets_back
        elif (total := count(cells[at.total_packets])) is not None:
            more["network.packets"] = total
        if size is not None:
            more["source.bytes"] = size
        if size_back is not None:
            more["destination.bytes"] = size_back
        elif (total := count(cells[at.total_bytes])) is not None:
            more["network.bytes"] = total
        return packets_back, size_back

    def _both_ways(
        self, cells: list[str], sent_at: int, back_at: int, total_at: int
    ) -> tuple[int | None, int | None]:
        sent, back = count(cells[sent_at]), count(cells[back_at])
        if back is None and sent is not None and (total := count(cells[total_at])) is not None and total >= sent:
            back = total - sent
        return sent, back if back or self.header.is_paired else None

    def _time_taken(self, cells: list[str], at_us: int, more: dict[str, FieldValue]) -> None:
        at = self.header.at
        taken_ns = duration_ns(cells[at.duration], self.header.duration_ns)
        if taken_ns is None:
            self._keep(cells, at.duration, more)
            end_us = time_us(cells[at.end])
            taken_ns = (end_us - at_us) * 1_000 if end_us is not None and 0 <= end_us - at_us < 1 << 53 else None
        if taken_ns is not None:
            more["event.duration"] = taken_ns

    def _keep(self, cells: list[str], index: int, more: dict[str, FieldValue]) -> None:
        """Keep a cell that was not understood under its column's name."""
        if index < self._width and cells[index] not in _UNSET:
            more[f"flows.{self.header.names[index]}"] = cells[index]


def _text(line: bytes) -> str:
    return text_of(line.strip(_AROUND_LINE))
