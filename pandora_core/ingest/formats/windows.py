"""Owns the Windows event formats: which files hold them, and how each of their records is recognised and decoded.

``windows`` takes one record a line (binary logs arrive as such lines too, see :mod:`pandora_core.ingest.tail`) and
recognises each by itself, so that a file may mix shippers. ``windows-xml`` differs in its framing alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pandora_core.ingest.format import MAX_LINE_BYTES, Decoded, Decoder, clean
from pandora_core.ingest.formats.json_object import Json, cleaned, flatten, needs_cleaning, object_of
from pandora_core.ingest.formats.windows_events import event_of
from pandora_core.ingest.formats.windows_evtx import Envelope, read_envelope, read_evtx
from pandora_core.ingest.formats.windows_record import Record
from pandora_core.ingest.formats.windows_shippers import (
    FlatJson,
    is_nxlog,
    read_nxlog,
    read_winlogbeat,
    read_winlogbeat_6,
)
from pandora_core.ingest.formats.windows_xml import object_of_xml
from pandora_core.model import BadLine, FieldValue

_BINARY = b"ElfFile\0"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SNIFFED_LINES = 20
_HEAD_OF_EVTX = re.compile(rb'\s*\{\s*"Event"\s*:\s*\{.{0,200}"System"\s*:', re.DOTALL)
_HEAD_OF_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<Events[^>]*>\s*)?<Event(?:\s[^>]*)?>\s*<System>"
)


class WindowsFormat:
    """Windows event logs: binary ``.evtx``, and evtx, Winlogbeat, NXLog or OTRF records as JSON, one a line."""

    name = "windows"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        """Sure where most of the first lines are records of a known shape."""
        if head.startswith(_BINARY):
            return 1.0
        lines = [line for line in head.split(b"\n") if line.strip()]
        whole = lines[:-1] if len(lines) > 1 else lines
        known = sum(_is_record(line) for line in whole[:_SNIFFED_LINES])
        return 0.95 * known / max(1, len(whole[:_SNIFFED_LINES]))

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        """Records stand alone: there is no state."""
        return WindowsDecoder()


class WindowsXmlFormat(WindowsFormat):
    """Windows event logs as XML: a stream of ``<Event>`` elements, over one line or many."""

    name = "windows-xml"
    delimiter = b"</Event>"

    def sniff(self, head: bytes, filename: str) -> float:
        """Sure where the content begins with an event of Microsoft's schema."""
        return 0.95 if _HEAD_OF_XML.match(head) else 0.0


class WindowsDecoder:
    """Decodes records of any Windows shape, each recognised by itself."""

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        """One event a record; a record that cannot be read says why."""
        return [_decode(line) for line in lines]

    def state(self) -> dict[str, Any]:
        """Nothing: no record depends on another."""
        return {}


_decode_evtx = msgspec.json.Decoder(Envelope, strict=False).decode
_decode_flat = msgspec.json.Decoder(FlatJson).decode


def _decode(line: bytes) -> Decoded:
    try:
        record = _read(line)
        return None if record is None else event_of(record)
    except ValueError as error:
        return BadLine(clean(str(error))[:300])
    except RecursionError:
        return BadLine("nested too deeply")


def _read(line: bytes) -> Record | None:
    if line.startswith(b'{"Event":') and not needs_cleaning(line):
        return read_envelope(_decode_evtx(line))
    line = line.removeprefix(_BYTE_ORDER_MARK)
    first = line.lstrip()[:1]
    if first == b"<":
        document = object_of_xml(line)
        return None if document is None else read_evtx(document)
    if not first:
        return None
    flat = _flat_object(line)
    return read_nxlog(flat) if flat is not None and is_nxlog(flat) else _read_object(object_of(line))


def _flat_object(line: bytes) -> Json | None:
    """The cleaned object of a line without nesting; whatever else a line may hold is left to :func:`object_of`."""
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        document: Json = _decode_flat(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return cleaned(document) if needs_cleaning(line) else document


def _read_object(document: Json) -> Record:
    reader = _reader_of(document)
    if reader is None:
        raise ValueError("a JSON object of no known Windows shape: neither Event, winlog, log_name nor EventID in it")
    return reader(document)


def _reader_of(document: Json) -> Callable[[Json], Record] | None:
    """What reads an object of this shape; ``None`` where it is no Windows event."""
    event = document.get("Event")
    if isinstance(event, dict) and "System" in event:
        return read_evtx
    if isinstance(document.get("winlog"), dict):
        return read_winlogbeat
    if "event_id" in document and "log_name" in document:
        return read_winlogbeat_6
    return _read_nested_nxlog if is_nxlog(document) else None


def _read_nested_nxlog(document: Json) -> Record:
    flat: dict[str, FieldValue] = {}
    flatten(document, "", flat)
    return read_nxlog(flat)


def _is_record(line: bytes) -> bool:
    try:
        return _reader_of(object_of(line)) is not None
    except (ValueError, RecursionError):
        return _HEAD_OF_EVTX.match(line) is not None  # a record longer than the head that is sniffed
