"""Owns the shapes in which rows of the store travel between it, the engine and the faces."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from pandora_core.detect.triage import Triage
from pandora_core.model import Action, Alert, Detection, Entity, Event


class FileRow(msgspec.Struct, kw_only=True, frozen=True):
    """One log file that is or was read. ``checkpoint`` is JSON that belongs to ingest."""

    id: int
    path: str
    member: str
    format: str
    head_hash: str
    checkpoint: str
    events: int
    bad_lines: int
    first_event_us: int | None
    last_event_us: int | None
    last_read_us: int
    backlog_bytes: int
    state: str
    detail: str = ""


class EventRow(msgspec.Struct, frozen=True):
    """An event with where it came from: file, byte position, length and line number."""

    id: int
    file_id: int
    path: str
    position: int
    length: int
    line_number: int
    event: Event


class BadLineRow(msgspec.Struct, frozen=True):
    """A line that could not be decoded, with the reason and a harmless excerpt."""

    file_id: int
    line_number: int
    position: int
    reason: str
    excerpt: str
    path: str = ""


class RawLine(msgspec.Struct, frozen=True):
    """The raw line of an event, as it stood in the log."""

    event_id: int
    path: str
    line_number: int
    line: bytes


class EngineStatus(msgspec.Struct, kw_only=True, frozen=True):
    """What the engine last said of itself; ``state`` is starting, live, catching-up, stopped or failed."""

    pid: int
    host: str
    version: str
    state: str
    started_at_us: int
    heartbeat_us: int
    watermark_us: int
    last_event_id: int
    events_per_s: float
    backlog_bytes: int
    lag_s: float


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What an operator asked to be read: a file, folder, glob or ``-``."""

    id: int
    pattern: str
    format: str
    temporary: bool
    added_at_us: int


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A request to import files, made while an engine runs."""

    id: int
    patterns: tuple[str, ...]
    format: str
    requested_at_us: int
    state: str
    summary: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert with what operators made of it."""

    alert: Alert
    triage: Triage


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """Everything about one alert: its detections, their events, and the actions on it."""

    view: AlertView
    detections: tuple[Detection, ...]
    events: tuple[EventRow, ...]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a console has not seen yet. ``upto`` is the change number to ask from next."""

    upto: int
    alerts: tuple[AlertView, ...] = ()
    gone_alerts: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    files: tuple[FileRow, ...] = ()
    engine: EngineStatus | None = None
    throughput: tuple[tuple[int, int, int], ...] = field(default=())
    """(minute, events, bad lines) of the last hour."""
