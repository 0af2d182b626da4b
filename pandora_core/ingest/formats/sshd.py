"""Owns the formats of a Linux host's log: syslog files (auth.log, secure, messages) and the journal as JSON lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from pandora_core.ingest.format import MAX_LINE_BYTES, Decoded, Decoder, clean, clean_value, is_suspect, text_of
from pandora_core.ingest.formats.linux import event_of
from pandora_core.ingest.formats.syslog import Frame, Framer
from pandora_core.model import BadLine, Event, FieldValue

MAX_REMEMBERED_HOSTS = 64
"""How many hosts' last log-on lines are kept for a "last message repeated" (a central log holds many hosts)."""

MAX_REMEMBERED_CHARS = 1_024
"""A longer message is not kept for that; sshd and sudo write none longer."""

_SNIFFED_LINES = 50
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_AROUND_ENTRY = b"\x1e \t\r\n"  # json-seq (RFC 7464) puts a record separator before each entry
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"})
_REPEATED = re.compile(r"message repeated (\d{1,9}) times?: \[ ?(.*)\]", re.ASCII | re.DOTALL)
_LAST_REPEATED = re.compile(r"last message repeated (\d{1,9}) times?", re.ASCII)
_REPEATERS = frozenset({None, "syslogd", "rsyslogd", "newsyslog"})


class SshdFormat:
    """Syslog files: sshd, sudo, su, PAM and account tools are understood, other programs' lines are kept."""

    name = "sshd"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        """The share of the first lines that are framed as syslog; a line that names no program counts half."""
        lines = [line for line in _whole_lines(head) if line.strip() and not line.startswith(b"-- ")][:_SNIFFED_LINES]
        if not lines:
            return 0.0
        framer = Framer(None, filename="", modified_us=0)
        return 0.95 * sum(_likeness(framer, line) for line in lines) / len(lines)

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        return _SyslogDecoder(state, filename=filename, modified_us=modified_us)


class JournalFormat:
    """``journalctl -o json``: a JSON object a line; what becomes no other field is kept as ``journal.<NAME>``."""

    name = "journal"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        """A JSON object that has the journal's own time stamp, near the start."""
        for line in _whole_lines(head)[:5]:
            if line.lstrip(_AROUND_ENTRY).startswith(b"{") and b'"__REALTIME_TIMESTAMP"' in line:
                return 0.95
        return 0.0

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        return _JournalDecoder()


class _Said(NamedTuple):
    """Who said what last: enough to say it again."""

    program: str | None
    module: str | None
    pid: FieldValue | None
    message: str


class _SyslogDecoder:
    def __init__(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> None:
        self._framer = Framer(state["framer"] if state else None, filename=filename, modified_us=modified_us)
        # Each host's last line, oldest host first, where it was about a log-on: "last message repeated" repeats it.
        self._last = {host: _Said(*said) for host, said in state["last"].items()} if state else {}

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        return [self._decode(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {"framer": self._framer.state(), "last": {host: list(said) for host, said in self._last.items()}}

    def _decode(self, line: bytes) -> Decoded:
        if len(line) > MAX_LINE_BYTES:
            return BadLine("line too long")
        text = _text(line)
        if not text or text.startswith("-- "):  # what journalctl says about itself: "-- Boot …", "-- No entries --"
            return None
        frame = self._framer.frame(text)
        if isinstance(frame, BadLine):
            return frame
        times = 1
        if "repeated" in frame.message:
            frame, times = self._repeated(frame)
        event = event_of(frame)
        self._remember(frame, event)
        return event if times <= 1 else msgspec.structs.replace(event, count=event.count * times)

    def _repeated(self, frame: Frame) -> tuple[Frame, int]:
        """The frame of the message that is repeated, and how often; the frame itself, once, where that is unknown."""
        if found := _REPEATED.fullmatch(frame.message):
            return msgspec.structs.replace(frame, message=found[2]), int(found[1])
        last = self._last.get(frame.host or "")
        found = _LAST_REPEATED.match(frame.message)
        if last is None or found is None or frame.program not in _REPEATERS:
            return frame, 1
        more = {"process.name": last.program, "process.pid": last.pid}
        again = Frame(
            frame.at_us, frame.host, last.program, last.module, last.message,
            {name: value for name, value in more.items() if value is not None},
        )  # fmt: skip
        return again, int(found[1])

    def _remember(self, frame: Frame, event: Event) -> None:
        host = frame.host or ""
        if event.category != "authentication" or len(frame.message) > MAX_REMEMBERED_CHARS:
            self._last.pop(host, None)
            return
        self._last[host] = _Said(frame.program, frame.module, frame.more.get("process.pid"), frame.message)
        if len(self._last) > MAX_REMEMBERED_HOSTS:
            del self._last[next(iter(self._last))]


class _JournalDecoder:
    """Remembers nothing: each entry tells its whole time."""

    def __init__(self) -> None:
        self._json = msgspec.json.Decoder(dict[str, Any])

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        return [self._decode(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {}

    def _decode(self, line: bytes) -> Decoded:
        if len(line) > MAX_LINE_BYTES:
            return BadLine("line too long")
        line = line.strip(_AROUND_ENTRY)
        if not line:
            return None
        try:
            entry = self._json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return BadLine("not a JSON object")
        frame = _journal_frame(clean_value(entry) if is_suspect(line) else entry)
        return frame if isinstance(frame, BadLine) else event_of(frame)


def _journal_frame(entry: dict[str, Any]) -> Frame | BadLine:
    """An entry (systemd.journal-fields(7)); its time is the sender's where it gave one, else the journal's."""
    at_us = _whole(entry.pop("_SOURCE_REALTIME_TIMESTAMP", None))
    received_us = _whole(entry.pop("__REALTIME_TIMESTAMP", None))
    if at_us is None and received_us is None:
        return BadLine("a journal entry without a time")
    host, message = _words(entry.pop("_HOSTNAME", None)), _words(entry.pop("MESSAGE", None))
    program = _words(entry.pop("SYSLOG_IDENTIFIER", None)) or _words(entry.get("_COMM"))
    more: dict[str, FieldValue] = {"process.name": program} if program else {}
    pid, priority = _whole(entry.get("_PID") or entry.get("SYSLOG_PID")), _whole(entry.pop("PRIORITY", None))
    if pid is not None:
        more["process.pid"] = pid
    if priority is not None:
        more["log.syslog.severity.code"] = priority
    for name, value in entry.items():
        if (kept := _kept(value)) is not None:
            more[f"journal.{name}"] = kept
    return Frame(at_us if at_us is not None else received_us or 0, host, program, None, message or "", more)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and len(value) <= 18 and value.isascii() and value.isdigit():
        return int(value)
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def _words(value: Any) -> str | None:
    """A field as text: a list of numbers is its bytes (so the journal writes what is not UTF-8)."""
    kept = _kept(value)
    if isinstance(kept, list):
        return "\n".join(str(item) for item in kept)
    return None if kept is None else str(kept)


def _kept(value: Any) -> FieldValue | None:
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)
    if isinstance(value, list) and value and all(type(item) is int and 0 <= item < 256 for item in value):
        return clean(text_of(bytes(value)))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return clean(msgspec.json.encode(value).decode())


def _text(line: bytes) -> str:
    return text_of(line.removeprefix(_BYTE_ORDER_MARK).rstrip())


def _whole_lines(head: bytes) -> list[bytes]:
    """The lines of a head; the last one, perhaps cut off, only if it is the only one."""
    lines = head.split(b"\n")
    return lines[:-1] if len(lines) > 1 else lines


def _likeness(framer: Framer, line: bytes) -> float:
    frame = framer.frame(_text(line))
    if isinstance(frame, BadLine) or frame.host in _LEVELS:
        return 0.0
    return 1.0 if frame.program else 0.5
