"""Owns the shapes in which rows of the store travel between it, the engine and the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.triage import Triage
from pandora_core.model import HOUR_US, Action, ActionKind, Alert, Contribution, Detection, Entity, EntityRef, Event

if TYPE_CHECKING:  # a console's start does not wait for them
    from pandora_core.detect.incidents.joining import Incident
    from pandora_core.detect.incidents.story import StoryLine

HISTORY_POINTS = 8
"""Hours that an entity's history covers, one point each."""

WAITING = "waiting"
"""The state of an escalation whose job is open."""

_contributions = msgspec.json.Decoder(tuple[Contribution, ...]).decode


class Row(Protocol):
    """A row whose columns are asked by name, be it SQLAlchemy's or the DB-API's."""

    def __getitem__(self, name: Any, /) -> Any: ...


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


class Drift(msgspec.Struct, frozen=True):
    """How far the flows scored last are from those that a model is used to: population stability indices.

    ``word`` is unknown (too few flows yet), none, moderate (an index above 0.1) or strong (above 0.25).
    """

    word: str = "unknown"
    flows: int = 0
    against: str = "training"
    """What they are compared with: training, or the flows that the model was calibrated on here."""
    score: float | None = None
    features: dict[str, float] = {}
    """By name, the largest first."""

    @property
    def worst(self) -> tuple[str, ...]:
        """What drifted so far that it is to be looked at: the score and features of an index above 0.1."""
        score = {"score": self.score} if self.score is not None else {}
        return tuple(name for name, index in (score | self.features).items() if index > 0.1)


class ModelStatus(msgspec.Struct, kw_only=True, frozen=True):
    """Which model scores flows in the engine; ``state`` is none, warming-up, live or refused, ``detail`` says why.

    ``scored`` and ``fired`` count flows since ``since_us``, when this version came into use. Of the flows that the
    novelty tier found, ``novel`` are part of a detection, and ``withheld`` were over the budget of the day.
    """

    number: int | None = None
    name: str = ""
    state: str = "none"
    detail: str = ""
    since_us: int = 0
    scored: int = 0
    fired: int = 0
    drift: Drift = Drift()
    novel: int = 0
    withheld: int = 0


class DriftRow(msgspec.Struct, frozen=True):
    """The drift of a model at a moment of event time."""

    model: int
    at_us: int
    drift: Drift


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


class Escalation(msgspec.Struct, kw_only=True, frozen=True):
    """An alert that was, or was not, given to the quantum model as it stood; ``key`` names it with its detections."""

    key: str
    alert_id: str
    job_id: str | None = None
    backend: str = ""
    severity: int = 0
    detections: int = 0
    model: str = ""
    events: tuple[int, ...] = ()
    why: str = ""
    begun_at_us: int = 0
    deadline_us: int = 0
    state: str = WAITING
    """:data:`WAITING`, or what the assessment says that came of it."""
    is_good: bool | None = None
    """Whether its backend did what was asked; ``None`` where that is open, or was not the backend's to say."""
    ended_at_us: int | None = None


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
    escalation: Escalation | None = None
    """The newest one."""


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """Everything about one incident: its story, its detections, their events, and the alerts that are part of it."""

    incident: Incident
    story: tuple[StoryLine, ...]
    detections: tuple[Detection, ...]
    events: tuple[EventRow, ...]
    alerts: tuple[AlertView, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a console has not seen yet. ``upto`` is the change number to ask from next; ``None`` is as before."""

    upto: int
    alerts: tuple[AlertView, ...] = ()
    gone_alerts: tuple[str, ...] = ()
    entities: tuple[Entity, ...] | None = None
    files: tuple[FileRow, ...] = ()
    sources: tuple[SourceRow, ...] | None = None
    engine: EngineStatus | None = None
    model: ModelStatus | None = None
    throughput: tuple[tuple[int, int, int], ...] | None = None
    """(minute, events, bad lines) of the last hour."""


def action_of(row: Row) -> Action:
    """An action from its row."""
    values: dict[str, Any] = {name: row[name] for name in Action.__dataclass_fields__}
    return Action(**{**values, "kind": ActionKind(row["kind"])})


def engine_of(row: Row) -> EngineStatus:
    """The engine's status from its row."""
    return EngineStatus(**{name: row[name] for name in EngineStatus.__struct_fields__})


def escalation_of(row: Row) -> Escalation:
    """An escalation from its row."""
    values: dict[str, Any] = {name: row[name] for name in Escalation.__struct_fields__}
    values["events"] = tuple(msgspec.json.decode(values["events"], type=list[int]))
    values["is_good"] = None if values["is_good"] is None else bool(values["is_good"])
    return Escalation(**values)


def model_of(row: Row) -> ModelStatus:
    """The status of the model that scores flows from its row."""
    values = {name: row[name] for name in ModelStatus.__struct_fields__}
    return ModelStatus(**{**values, "drift": msgspec.json.decode(row["drift"], type=Drift)})


def file_of(row: Row) -> FileRow:
    """A file from its row."""
    return FileRow(**{name: row[name] for name in FileRow.__struct_fields__})


def source_of(row: Row) -> SourceRow:
    """A source from its row."""
    return SourceRow(row["id"], row["pattern"], row["format"], bool(row["temporary"]), row["added_at_us"])


def entity_of(row: Row, now_us: int, detections: Sequence[Detection] = ()) -> Entity:
    """An entity from its row, its risk decayed to ``now_us``; with its detections it gets its history too."""
    evidence = risk.decayed(row["evidence"], now_us - row["as_of_us"])
    now_risk, then_risk = risk.risk_of(evidence), risk.risk_of(row["evidence"])
    share = now_risk / then_risk if then_risk else 0.0
    parts = tuple(
        Contribution(part.points * share, part.detection_id, part.detector, part.title, part.repeats)
        for part in _contributions(row["body"])
    )
    ends = [now_us - HOUR_US * (HISTORY_POINTS - 1 - step) for step in range(HISTORY_POINTS)] if detections else []
    return Entity(
        ref=EntityRef.parse(row["entity"]),
        risk=now_risk,
        first_seen_us=row["first_seen_us"],
        last_seen_us=row["last_seen_us"],
        detections=row["detections"],
        contributions=parts,
        history=tuple(risk.history(detections, ends)),
    )
