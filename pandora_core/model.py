"""Owns Pandora's nouns: what a log line becomes (Event) and what is concluded from it (Detection, Alert …).

Field names of :class:`Event` follow the Elastic Common Schema: ``source_ip`` is ``source.ip`` in JSON and searches.
Times are integer microseconds since the Unix epoch, UTC (``*_us``); :func:`iso` and :func:`from_iso` convert.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

Scalar = str | int | float | bool
FieldValue = Scalar | list[Scalar]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_ECS = {
    "at_us": "@timestamp",
    "dataset": "event.dataset",
    "category": "event.category",
    "action": "event.action",
    "outcome": "event.outcome",
    "code": "event.code",
    "severity": "event.severity",
    "host": "host.name",
    "user": "user.name",
    "source_ip": "source.ip",
    "source_port": "source.port",
    "source_domain": "source.domain",
    "destination_ip": "destination.ip",
    "destination_port": "destination.port",
    "destination_domain": "destination.domain",
    "transport": "network.transport",
    "protocol": "network.protocol",
    "message": "message",
    "count": "event.count",
    "more": "more",
}


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename=_ECS):
    """One log line, normalised. ``None`` means the log did not say.

    ``category`` is one of ECS ``event.category``: authentication, network, intrusion_detection, process, file, iam,
    configuration, session, web, registry, driver, malware; ``None`` where no such word fits.
    ``outcome`` is ``success``, ``failure`` or ``None``.
    ``count`` is how often the line says it happened ("message repeated 5 times" gives 5).
    ``more`` keeps every other field of the line under its ECS name where one exists (``dns.question.name``), else
    under ``<format>.<native name>`` (``zeek.conn.history``, ``winlog.event_data.ServiceName``): nothing is dropped.
    """

    at_us: int
    dataset: str
    category: str | None = None
    action: str | None = None
    outcome: str | None = None
    code: str | None = None
    severity: int = 0
    host: str | None = None
    user: str | None = None
    source_ip: str | None = None
    source_port: int | None = None
    source_domain: str | None = None
    destination_ip: str | None = None
    destination_port: int | None = None
    destination_domain: str | None = None
    transport: str | None = None
    protocol: str | None = None
    message: str | None = None
    count: int = 1
    more: dict[str, FieldValue] = {}


class BadLine(msgspec.Struct, frozen=True, gc=False):
    """Why a line could not become an event; the line itself is kept beside it by the reader."""

    reason: str


class Severity(enum.IntEnum):
    """How bad, in five words; the number orders them."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of_risk(cls, risk: float) -> Severity:
        """The severity that a risk score of 0–100 stands for."""
        for floor, severity in ((90, cls.CRITICAL), (70, cls.HIGH), (40, cls.MEDIUM), (15, cls.LOW)):
            if risk >= floor:
                return severity
        return cls.INFORMATIONAL


class EntityRef(NamedTuple):
    """Names an entity whose risk is kept: ``kind`` is ``host``, ``user`` or ``address``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> EntityRef:
        """Inverse of ``str``; a bare name is taken for a host."""
        kind, found, name = text.partition(":")
        return cls(kind, name) if found and kind in ("host", "user", "address") else cls("host", text)


@dataclass(frozen=True, slots=True)
class Detection:
    """One detector fired for one entity, with its reasons.

    ``id`` is derived from what it is about and when that began, so that the same events give the same id however they
    are batched. ``points`` (0–100) is what it would add to a risk of zero; ``event_ids`` show it best.
    """

    id: str
    detector: str
    entity: EntityRef
    first_seen_us: int
    last_seen_us: int
    count: int
    points: float
    title: str
    reasons: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    related: tuple[EntityRef, ...] = ()
    event_ids: tuple[int, ...] = ()

    @property
    def severity(self) -> Severity:
        return Severity.of_risk(self.points)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one detector's detections add to a risk score: the ``points`` of a score's parts sum to the score."""

    points: float
    detection_id: str
    detector: str
    title: str
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person must look at: one entity's detections of one episode, the score and its parts."""

    id: str
    entity: EntityRef
    severity: Severity
    risk: float
    title: str
    first_seen_us: int
    last_seen_us: int
    contributions: tuple[Contribution, ...]
    detection_ids: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class ActionKind(enum.StrEnum):
    """What an operator can do to a subject; an assessment is the quantum tier's."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    VERDICT = "verdict"
    NOTE = "note"
    CLOSE = "close"
    REOPEN = "reopen"
    TAG = "tag"
    SUPPRESS = "suppress"
    ASSESSMENT = "assessment"
    UNDO = "undo"


class Verdict(enum.StrEnum):
    """What an alert turned out to be."""

    TRUE_POSITIVE = "true positive"
    FALSE_POSITIVE = "false positive"
    BENIGN = "benign"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator did; only ever appended. ``subject`` is an alert id or an entity (``host:ws-114``).

    ``event_id`` is the newest event that the engine had judged when it was done.
    """

    id: int
    actor: str
    host: str
    at_us: int
    subject: str
    kind: ActionKind
    value: str = ""
    undoes: int | None = None
    event_id: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """A host, user or address and its present risk (0–100), decayed to the store's event-time watermark."""

    ref: EntityRef
    risk: float
    first_seen_us: int
    last_seen_us: int
    detections: int
    contributions: tuple[Contribution, ...] = ()
    history: tuple[float, ...] = field(default=())

    @property
    def severity(self) -> Severity:
        return Severity.of_risk(self.risk)


_FIRST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
_LAST_US = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - EPOCH) // _MICROSECOND


def iso(at_us: int) -> str:
    """RFC 3339 in UTC with microseconds, e.g. ``2026-03-27T13:06:56.000000Z``; clamped to the years 1 to 9999."""
    moment = EPOCH + timedelta(microseconds=min(max(at_us, _FIRST_US), _LAST_US))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def from_iso(text: str) -> int:
    """Microseconds since the epoch of an ISO 8601 time; one without an offset is taken for UTC.

    Raises:
        ValueError: the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // _MICROSECOND
