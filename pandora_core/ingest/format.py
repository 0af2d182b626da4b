"""Owns what a log format is (protocols) and the hygiene that every format applies to hostile log text.

A format recognises content (:meth:`LogFormat.sniff`) and makes a :class:`Decoder` for one file. A decoder turns raw
lines into events; what it must remember across lines (a Zeek header, the year of a syslog) is its ``state``, which is
kept in the file's checkpoint so that a restarted engine goes on in the middle of a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from pandora_core.model import BadLine, Event

MAX_FIELD_CHARS = 16_384
"""Longest text kept of one field; the rest is cut and its length noted."""

MAX_LINE_BYTES = 1 << 20
"""A longer line is counted as bad, not decoded."""

Decoded = Event | BadLine | None
"""What a line becomes: an event, a bad line with its reason, or nothing (blank line, comment, header)."""

# C0 (but tab and newline), DEL, C1, zero-width, bidirectional overrides and other invisible format characters:
# whatever could move a cursor, hide text or reorder it on a terminal.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)

_ESCAPED = re.compile(rb"\\[ubfr]")  # the JSON escapes that can stand for a hostile character


class Decoder(Protocol):
    """Decodes the lines of one file, in order."""

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        """One result per line, in the same order; never raises for what a line holds."""
        ...

    def state(self) -> dict[str, Any]:
        """What must be remembered to go on after the last line decoded: plain JSON values, small."""
        ...


class LogFormat(Protocol):
    """A family of logs that are recognised and decoded alike."""

    name: str
    delimiter: bytes
    """What ends a record: a newline for nearly all; ``</Event>`` for a stream of XML events."""

    def sniff(self, head: bytes, filename: str) -> float:
        """How sure (0–1) that a file which starts with ``head`` (up to 64 KiB) is of this format.

        The name may break a tie; the content decides.
        """
        ...

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        """A decoder that starts a file (``state`` None) or goes on from a checkpoint.

        ``modified_us`` is when the file was last written (UTC): it gives the year to logs whose lines have none.
        """
        ...


def text_of(line: bytes) -> str:
    """A line as text: UTF-8 with undecodable bytes and hostile characters replaced by U+FFFD."""
    text = line.decode("utf-8", "replace")
    return _HOSTILE.sub("\ufffd", text) if _HOSTILE.search(text) else text


def clean(text: str) -> str:
    """A field's text without hostile characters and no longer than :data:`MAX_FIELD_CHARS`."""
    if len(text) > MAX_FIELD_CHARS:
        text = f"{text[:MAX_FIELD_CHARS]}… (+{len(text) - MAX_FIELD_CHARS} characters)"
    return _HOSTILE.sub("\ufffd", text) if _HOSTILE.search(text) else text


def clean_value(value: Any) -> Any:
    """:func:`clean` for any JSON value, at any depth."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)): clean_value(item) for key, item in value.items()}
    return value


def is_suspect(line: bytes) -> bool:
    """Whether a JSON line may hold hostile or oversized text: cheap, and true too often rather than too seldom."""
    if len(line) > MAX_FIELD_CHARS or not line.isascii() or b"\x7f" in line:
        return True
    return _ESCAPED.search(line) is not None
