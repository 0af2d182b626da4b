"""Owns alerts of Wazuh (``alerts.json``, one object a line) and the alert tables of the AIT alert data set (CSV).

Sources: Wazuh's reference of alerts.json; Landauer, Skopik and Wurzenberger, "Introducing a New Alert Data Set for
Multi-Step Attack Analysis" (2023), whose tables hold the alerts of Wazuh, Suricata and AMiner.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import msgspec

from pandora_core.ingest.address import canonical_ip
from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES, Decoded, Decoder, clean, text_of
from pandora_core.ingest.formats.json_object import Json, flatten, object_of
from pandora_core.model import SECOND_US, BadLine, Event, FieldValue, from_iso

AIT_COLUMNS = ("time", "name", "ip", "host", "short", "time_label", "event_label")
"""Columns of an AIT table, as its header names them."""

_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: what lies after it is no time."""

_SNIFFED_LINES = 20


class WazuhFormat:
    """Alerts of Wazuh, as the manager writes them or as the AIT tables keep them."""

    name = "wazuh"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        """Sure of the AIT header, or where most of the first lines are alerts."""
        lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        whole = (lines[:-1] if len(lines) > 1 else lines)[:_SNIFFED_LINES]
        if whole and _is_header(whole[0].decode("utf-8", "replace").split(",")):
            return 0.98
        return 0.95 * sum(_is_alert(line) for line in whole) / max(1, len(whole))

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        """The header of a table is its state; a table without one is read in the order of :data:`AIT_COLUMNS`."""
        return WazuhDecoder((state or {}).get("columns"))


class WazuhDecoder:
    """Decodes alerts of both kinds, each recognised by itself."""

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self._columns = list(columns) if columns else None
        self._order: list[int] | None = None
        if columns:
            self._set_header(list(columns))

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        """One event an alert; nothing for a header or a blank line."""
        return [_decode_json(line) if line.lstrip()[:1] == b"{" else self._decode_row(line) for line in lines]

    def state(self) -> dict[str, Any]:
        """The header, once there was one."""
        return {"columns": self._columns} if self._columns else {}

    def _decode_row(self, line: bytes) -> Decoded:
        try:
            cells = _cells(line)
        except ValueError as error:
            return BadLine(clean(str(error))[:300])
        if not cells:
            return None
        if len(cells) != len(AIT_COLUMNS):
            return BadLine(f"{len(cells)} columns where an alert has {len(AIT_COLUMNS)}")
        if _is_header(cells):
            self._set_header(cells)
            return None
        return _alert_of_row([cells[place] for place in self._order] if self._order else cells)

    def _set_header(self, cells: list[str]) -> None:
        self._columns = [cell.strip() for cell in cells]
        places = [self._columns.index(column) for column in AIT_COLUMNS]
        self._order = None if places == sorted(places) else places


def alert_of(document: Json) -> Event:
    """The event of one object of alerts.json; whatever has no name of ours is kept under ``wazuh.``

    Raises:
        ValueError: it is no alert, or has no time.
    """
    rule, data = document.get("rule"), document.get("data")
    if not isinstance(rule, dict):
        raise ValueError("a JSON object without a rule: no Wazuh alert")
    more: dict[str, FieldValue] = {}
    flatten(document, "wazuh", more)
    at_us = _time_of(more.pop("wazuh.timestamp", None))
    host, message = more.pop("wazuh.agent.name", None), more.pop("wazuh.full_log", None)
    _rename(more)
    peers = _peers_of(data if isinstance(data, dict) else {}, more)
    transport = (peers.protocol or "").lower()
    return Event(
        at_us,
        "wazuh.alert",
        "intrusion_detection",
        "alert",
        code=peers.code,
        severity=_severity(rule.get("level")),
        host=_text(host),
        user=peers.user or peers.source_user,
        source_ip=canonical_ip(peers.source_ip or ""),
        source_port=_port(peers.source_port),
        source_domain=peers.source_domain,
        destination_ip=canonical_ip(peers.destination_ip or ""),
        destination_port=_port(peers.destination_port),
        transport=transport if transport in _TRANSPORTS else None,
        message=_text(message),
        more=more,
    )


class _Peers(msgspec.Struct):
    """Who and where an alert is about, as text."""

    user: str | None = None
    source_user: str | None = None
    source_ip: str | None = None
    source_port: str | None = None
    source_domain: str | None = None
    destination_ip: str | None = None
    destination_port: str | None = None
    protocol: str | None = None
    code: str | None = None


def _decode_json(line: bytes) -> Decoded:
    try:
        return alert_of(object_of(line))
    except ValueError as error:
        return BadLine(clean(str(error))[:300])
    except RecursionError:
        return BadLine("nested too deeply")


def _cells(line: bytes) -> list[str]:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    line = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
    text = line.decode() if line.isascii() else text_of(line)
    if not text.isprintable():
        text = text_of(line)
    cells = _quoted_cells(text) if '"' in text else text.split(",") if text.strip() else []
    return cells if len(text) <= MAX_FIELD_CHARS else [clean(cell) for cell in cells]


def _quoted_cells(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise ValueError(f"not a CSV row: {error}") from error


def _is_header(cells: Sequence[str]) -> bool:
    return "time" in cells and {cell.strip() for cell in cells} == set(AIT_COLUMNS) and len(cells) == len(AIT_COLUMNS)


def _alert_of_row(cells: Sequence[str]) -> Decoded:
    time, name, ip, host, short, phase, label = cells
    if not (time.isdigit() and time.isascii() and len(time) <= 12 and int(time) <= _LAST_SECOND):
        return BadLine(f"not a time in seconds: {time[:40]!r}")
    tool, colon, _ = name.partition(": ")
    fields = (
        ("rule.name", name),
        ("rule.category", tool if colon else ""),
        ("rule.id", short),
        ("host.ip", canonical_ip(ip) or ip),
        ("label.time", phase),
        ("label.event", label),
    )
    more: dict[str, FieldValue] = {field: value for field, value in fields if value and value != "-"}
    return Event(int(time) * SECOND_US, "ait.alert", "intrusion_detection", "alert", host=_text(host), more=more)


def _is_alert(line: bytes) -> bool:
    try:
        document = object_of(line)
    except (ValueError, RecursionError):
        return False
    rule = document.get("rule")
    is_rule = isinstance(rule, dict) and "level" in rule and "id" in rule
    return is_rule and "timestamp" in document and ("agent" in document or "manager" in document)


def _time_of(value: FieldValue | None) -> int:
    if not isinstance(value, str):
        raise ValueError("no timestamp")
    try:
        return from_iso(value)
    except ValueError:
        raise ValueError(f"not a time: {value[:60]!r}") from None


def _severity(level: Any) -> int:
    """Wazuh's levels 0–15 in our five."""
    text = _text(level)
    number = int(text) if text is not None and text.isdecimal() and len(text) <= 4 else 0
    return sum(number >= floor for floor in (4, 7, 10, 12))


def _rename(more: dict[str, FieldValue]) -> None:
    for native, ecs in _RENAMED.items():
        if native in more:
            more[ecs] = more.pop(native)
    for name in ("threat.technique.id", "threat.technique.name", "threat.tactic.name"):
        value = more.get(name)
        if value is not None and not isinstance(value, list):
            more[name] = [value]
    address, groups = more.get("host.ip"), more.get("rule.category")
    if isinstance(address, str):
        more["host.ip"] = canonical_ip(address) or address
    if isinstance(groups, list):
        more["rule.category"] = ", ".join(map(str, groups))


def _peers_of(data: Json, more: dict[str, FieldValue]) -> _Peers:
    peers = _Peers()
    windows = data.get("win")
    if isinstance(windows, dict):
        _take_windows(windows, peers, more)
    for native, attribute in _PEERS.items():
        value = _text(data.get(native))
        if value is not None:
            setattr(peers, attribute, value)
    return peers


def _take_windows(windows: Json, peers: _Peers, more: dict[str, FieldValue]) -> None:
    """Give the fields of a Windows event, whose initials Wazuh lowers, the names they have in Windows logs."""
    values, system = windows.get("eventdata"), windows.get("system")
    if isinstance(values, dict):
        flatten({name[:1].upper() + name[1:]: value for name, value in values.items()}, "winlog.event_data", more)
        for native, attribute in _WINDOWS_PEERS.items():
            setattr(peers, attribute, _text(values.get(native)) or getattr(peers, attribute))
        kind = _text(values.get("logonType"))
        if kind is not None and kind.isdecimal() and len(kind) <= 4:
            more["winlog.logon.type"] = int(kind)
    if isinstance(system, dict):
        peers.code = _text(system.get("eventID"))
        for native, name in _WINDOWS_SYSTEM.items():
            flatten(system.get(native), name, more)


def _text(value: Any) -> str | None:
    """A text or number as text; ``None`` where it is unset or anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return None if value in ("", "-") else str(value)


def _port(text: str | None) -> int | None:
    port = int(text) if text is not None and text.isdecimal() and len(text) <= 5 else 0
    return port if 0 < port < 65536 else None


_RENAMED = {
    "wazuh.rule.description": "rule.name",
    "wazuh.rule.id": "rule.id",
    "wazuh.rule.groups": "rule.category",
    "wazuh.rule.mitre.id": "threat.technique.id",
    "wazuh.rule.mitre.technique": "threat.technique.name",
    "wazuh.rule.mitre.tactic": "threat.tactic.name",
    "wazuh.agent.ip": "host.ip",
}

_TRANSPORTS = ("tcp", "udp", "icmp", "ipv6-icmp")
"""Other values of ``protocol`` are no transports: web log decoders put the method there."""

_PEERS = {
    "src_ip": "source_ip",
    "srcip": "source_ip",
    "src_port": "source_port",
    "srcport": "source_port",
    "dest_ip": "destination_ip",
    "dstip": "destination_ip",
    "dest_port": "destination_port",
    "dstport": "destination_port",
    "proto": "protocol",
    "protocol": "protocol",
    "srcuser": "source_user",
    "dstuser": "user",
}
"""Where Wazuh's own decoders, and EVE passed through them, say who and where."""

_WINDOWS_PEERS = {
    "subjectUserName": "source_user",
    "targetUserName": "user",
    "ipAddress": "source_ip",
    "ipPort": "source_port",
    "workstationName": "source_domain",
}
_WINDOWS_SYSTEM = {
    "channel": "winlog.channel",
    "providerName": "winlog.provider",
    "eventRecordID": "winlog.record_id",
    "computer": "winlog.computer_name",
}
