"""Owns the reading of Zeek's logs: tab-separated with headers that may change inside a file, and JSON lines.

Source: the ASCII writer of Zeek (https://docs.zeek.org, "Log Formats"). Both writers may end up in one file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES, Decoded, clean, text_of
from pandora_core.ingest.formats.plan import MAX_COLUMNS, Column, Convert, Kind, Plan, integer, nanoseconds, seconds
from pandora_core.ingest.formats.record import (
    NotARecordError,
    Record,
    RecordPlans,
    bounded_us,
    read_record,
    records_of,
    time_us,
)
from pandora_core.ingest.formats.zeek_fields import CONNECTION_ENDS, log_map
from pandora_core.ingest.formats.zeek_names import is_known_log, log_of_fields, log_of_filename, safe_name
from pandora_core.model import SECOND_US, BadLine, Event, from_iso

# A line of nothing else is taken as it is: printable ASCII and tabs, without the backslash that begins an escape.
_PLAIN = bytes({0x09, *range(0x20, 0x7F)} - {0x5C})
_PLAIN_LINES = _PLAIN + b"\n"
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_MAYBE_HEADER = frozenset((b"", b"#", b"\t", b" "))
_ESCAPE = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\\\")
_LABEL_GAP = "   "
"""What IoT-23 and its kin put between their label columns, in the place of a tab."""


class ZeekFormat:
    """Zeek and Bro logs of any type, TSV and JSON."""

    name = "zeek"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        if _HEADER_LINE.search(head):
            return 0.99
        log = log_of_filename(filename)
        best = max((_likeness(record, log) for record in records_of(head)), default=0.0)
        if not best and _CUT_RECORD.match(head):
            best = 0.5
        if not best and _HEADLESS_ROW.search(head):
            best = 0.6
        return best

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> ZeekDecoder:
        return ZeekDecoder(state, filename=filename, modified_us=modified_us)


class _Header(msgspec.Struct):
    """What the ``#`` lines said so far; the defaults are Zeek's own."""

    separator: str = "\t"
    set_separator: str = ","
    empty_field: str = "(empty)"
    unset_field: str = "-"
    path: str = ""
    fields: list[str] | None = None
    types: list[str] | None = None
    spaced_labels: bool = False


class ZeekDecoder:
    """Decodes one file; remembers its header and the last time seen, which stands in for lines that have none."""

    def __init__(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> None:
        state = state or {}
        self._header = msgspec.convert(state.get("header") or {}, _Header)
        self._last_us: int = state.get("last_us", modified_us)
        self._file_log = log_of_filename(filename)
        self._plan: Plan | None = None
        self._careful_plan: Plan | None = None
        self._time_at: int | None = None
        self._are_plain = False
        self._record_plans = RecordPlans(self._plan_of_records)

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        self._are_plain = _are_plain(lines)
        return [self._line(line) for line in lines]

    def state(self) -> dict[str, Any]:
        header: dict[str, Any] = msgspec.to_builtins(self._header)
        return {"header": header, "last_us": self._last_us}

    def _line(self, line: bytes) -> Decoded:
        line = line.rstrip(b"\r\n")
        first = line[:1]
        if first == b"{":
            return self._record(line)
        if first in _MAYBE_HEADER:
            stripped = line.lstrip()
            if not stripped:
                return None
            if stripped.startswith(b"#"):
                self._take_header(stripped)
                return None
        return self._row(line)

    # Tab-separated lines

    def _row(self, line: bytes) -> Event | BadLine:
        plan = self._plan or self._compile(careful=False)
        if plan is None:
            return BadLine(self._why_no_plan(line))
        if self._are_plain or _is_plain(line):
            cells: list[Any] = line.decode("ascii").split(self._header.separator)
        elif len(line) > MAX_LINE_BYTES:
            return BadLine(f"the line has {len(line)} bytes, more than {MAX_LINE_BYTES}")
        else:
            plan = self._careful_plan or self._compile(careful=True) or plan
            cells = [text_of(cell) for cell in line.split(self._header.separator.encode())]
        if self._header.spaced_labels:
            cells[-1:] = cells[-1].split(_LABEL_GAP)
        if len(cells) != plan.width and not _drop_empty_tail(cells, plan.width):
            return BadLine(f"expected {plan.width} columns, found {len(cells)}")
        at = cells[self._time_at] if self._time_at is not None else self._header.unset_field
        if at != self._header.unset_field:
            try:
                self._last_us = _row_time_us(at)
            except (ValueError, OverflowError):
                return BadLine(f"ts is not a time: {clean(at[:40])!r}")
        cells.append(None)
        return plan.event(self._last_us, cells)

    def _compile(self, *, careful: bool) -> Plan | None:
        """The plan of the present header; ``careful`` for lines with escapes, hostile text or very long fields."""
        header = self._header
        names = header.fields
        if not names or len(names) > MAX_COLUMNS:
            return None
        types = [*(header.types or []), *["string"] * len(names)]
        columns = [_column(name, kind, header, careful) for name, kind in zip(names, types, strict=False)]
        log = safe_name(header.path) or log_of_fields(frozenset(names)) or self._file_log or "unknown"
        absent = frozenset((header.unset_field, header.empty_field, ""))
        plan = _plan(log, columns, absent)
        self._time_at = names.index("ts") if "ts" in names else None
        if careful:
            self._careful_plan = plan
        else:
            self._plan = plan
        return plan

    def _why_no_plan(self, line: bytes) -> str:
        if self._header.fields:
            return f"the header names {len(self._header.fields)} columns, more than {MAX_COLUMNS}"
        found = line.count(self._header.separator.encode()) + 1
        return f"no #fields header before this line, so that its {found} columns have no names"

    def _take_header(self, line: bytes) -> None:
        text = text_of(line.replace(self._header.separator.encode(), b"\t"))
        key, *values = text.split("\t")
        if key.startswith("#separator"):
            # "#separator \x09", the only header that is split by a space; a new log starts here.
            self._header = _Header(separator=_unescape(text.removeprefix("#separator").strip(" \t")) or "\t")
        elif key == "#fields":
            self._take_fields(values)
        elif key == "#types":
            self._header.types = _label_split(values)
        elif key in ("#set_separator", "#empty_field", "#unset_field", "#path"):
            value = _unescape(values[0]) if values else ""
            if value:
                setattr(self._header, key[1:], value)
        self._plan = self._careful_plan = None

    def _take_fields(self, names: list[str]) -> None:
        self._header.fields = _label_split(names)
        self._header.spaced_labels = len(self._header.fields) > len(names)
        self._header.types = None

    # JSON lines

    def _record(self, line: bytes) -> Event | BadLine:
        try:
            record = read_record(line)
            at_us = self._record_time_us(record)
            path = record.get("_path")
            return self._record_plans.event(path if isinstance(path, str) else "", at_us, record)
        except NotARecordError as error:
            return BadLine(str(error))

    def _record_time_us(self, record: Record) -> int:
        at = record.get("ts")
        if at is not None:
            try:
                self._last_us = time_us(at)
            except (ValueError, OverflowError) as error:
                raise NotARecordError(f"ts is not a time: {clean(str(at)[:40])!r}") from error
        return self._last_us

    def _plan_of_records(self, path: str, columns: Sequence[Column]) -> Plan:
        names = frozenset(column.name for column in columns)
        log = safe_name(path) or log_of_fields(names) or self._file_log or "unknown"
        return _plan(log, columns, None)


def _plan(log: str, columns: Sequence[Column], absent: frozenset[str] | None) -> Plan:
    return Plan(
        log_map(log),
        columns,
        dataset=f"zeek.{log}",
        prefix=f"zeek.{log}.",
        absent=absent,
        ignored=("ts", "_path"),
    )


def _are_plain(lines: Sequence[bytes]) -> bool:
    """Whether :func:`_is_plain` holds of all lines, asked of all at once, which costs much less than of each."""
    if not lines or lines[0][:1] == b"{" or max(map(len, lines)) > MAX_FIELD_CHARS:
        return False
    text = b"\n".join(lines)
    is_sure = text.count(b"\n") < len(lines)  # a line break inside a line would pass for one between lines
    return is_sure and not text.translate(None, _PLAIN_LINES) and _LONG_NUMBER not in text.translate(_DIGITS_TO_ZERO)


def _is_plain(line: bytes) -> bool:
    """Whether no cell can hold an escape, hostile or very long text, or an integer beyond 64 bits."""
    return (
        len(line) <= MAX_FIELD_CHARS
        and not line.translate(None, _PLAIN)
        and _LONG_NUMBER not in line.translate(_DIGITS_TO_ZERO)
    )


def _drop_empty_tail(cells: list[str], width: int) -> bool:
    """Some writers end each line with a separator: columns without a name are dropped if they are empty too."""
    if len(cells) > width and not any(cells[width:]):
        del cells[width:]
        return True
    return False


def _row_time_us(text: str) -> int:
    try:
        return bounded_us(round(float(text) * SECOND_US))
    except ValueError:
        return from_iso(text)


def _label_split(names: list[str]) -> list[str]:
    return [*names[:-1], *names[-1].split(_LABEL_GAP)] if names else names


def _unescape(text: str) -> str:
    """Undo the escapes of Zeek's writer (``\\x09``, ``\\\\``); ``\\t`` is how a hand-made header says tab."""
    return "\t" if text == "\\t" else _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    if escape == "\\\\":
        return "\\"
    return bytes.fromhex(escape.replace("\\x", "")).decode("utf-8", "replace")


# Columns of a header


def _column(name: str, of_type: str, header: _Header, careful: bool) -> Column:
    text = _careful_text if careful else None
    split = partial(_split, header.set_separator, (header.unset_field, header.empty_field, ""))
    number = integer if careful else int
    kinds = {**_KINDS, Kind.TEXT: text, Kind.TEXTS: partial(split, text), Kind.INTEGER: number}
    types = {**_NATIVE, **dict.fromkeys(("count", "int", "port"), number)}
    if "[" in of_type:  # set[addr], vector[interval], and table[enum] of old Bro
        native: Convert = partial(split, types.get(of_type.partition("[")[2].rstrip("]"), text))
    else:
        native = types.get(of_type, text)
    return Column(clean(name), native, kinds)


def _careful_text(cell: str) -> str:
    return clean(_ESCAPE.sub(_unescaped, cell))


def _split(separator: str, absent: tuple[str, ...], convert: Convert, cell: str) -> list[Any]:
    return [convert(item) if convert else item for item in cell.split(separator) if item not in absent]


_BOOLEANS = {"T": True, "F": False}.__getitem__
_NATIVE: dict[str, Convert] = {
    "time": seconds,
    "interval": seconds,
    "double": seconds,
    "bool": _BOOLEANS,
}
_KINDS: dict[Kind, Convert] = {
    Kind.BOOLEAN: _BOOLEANS,
    Kind.SECONDS: seconds,
    Kind.NANOSECONDS: nanoseconds,
}


# Recognising

_HEADER_LINE = re.compile(rb"^[ \t]*#(?:separator[ \t]\S|fields\t\S|set_separator\t)", re.MULTILINE)
_HEADLESS_ROW = re.compile(rb"^-?\d{1,11}\.\d{6}\t[CF][0-9A-Za-z]{11,20}\t", re.MULTILINE)
_CUT_RECORD = re.compile(rb'\s*\{"(?:_path":"|ts":)[^\n]*$')
_ZEEK_NAMES = frozenset(("uid", "fuid", "uids", "_path", *CONNECTION_ENDS))


def _likeness(record: Record, file_log: str) -> float:
    names = record.keys()
    if "event_type" in names and "timestamp" in names:
        return 0.0  # Suricata's
    nested = record.get("id")
    if "ts" in names and (not _ZEEK_NAMES.isdisjoint(names) or (isinstance(nested, dict) and "orig_h" in nested)):
        return 0.95
    if "ts" in names and log_of_fields(_names_in(record)):
        return 0.93
    if is_known_log(file_log) and ("ts" in names or (file_log == "loaded_scripts" and set(names) == {"name"})):
        return 0.7
    return 0.2 if isinstance(record.get("ts"), float) else 0.0


def _names_in(record: Record) -> frozenset[str]:
    inner = (f"{name}.{key}" for name, item in record.items() if isinstance(item, dict) for key in item)
    return frozenset((*record, *inner))
