"""Owns the JSON that every face speaks: commands with ``--json``, exports and the API; documented in docs/cli.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pandora_core.detect.incidents.assessment import Assessment, Figure, assessments_of
from pandora_core.detect.incidents.joining import Incident
from pandora_core.detect.incidents.next_steps import NextSteps, next_steps_of
from pandora_core.detect.incidents.story import StoryLine
from pandora_core.detect.incidents.suppress import Suppression
from pandora_core.model import Action, Contribution, Detection, Entity, iso
from pandora_core.store.rows import (
    WAITING,
    AlertDetail,
    AlertView,
    BadLineRow,
    EngineStatus,
    EventRow,
    FileRow,
    IncidentDetail,
    ModelStatus,
    SourceRow,
)

Shape = dict[str, Any]


def listing(items: Iterable[Shape], following: str | None = None) -> Shape:
    """A list of things; ``next`` is what to pass to get the rest."""
    return {"items": list(items), "next": following}


def alert(view: AlertView) -> Shape:
    """An alert with what operators made of it."""
    found, triage = view.alert, view.triage
    return {
        "id": found.id,
        "severity": found.severity.word,
        "risk": round(found.risk, 2),
        "entity": str(found.entity),
        "title": found.title,
        "hosts": list(found.hosts),
        "users": list(found.users),
        "techniques": list(found.techniques),
        "tactics": list(found.tactics),
        "reasons": list(found.reasons),
        "first_seen": iso(found.first_seen_us),
        "last_seen": iso(found.last_seen_us),
        "state": triage.state,
        "assignee": triage.assignee,
        "verdict": triage.verdict.value if triage.verdict else None,
        "contributions": [contribution(part) for part in found.contributions],
        "detections": list(found.detection_ids),
    }


def alert_detail(detail: AlertDetail) -> Shape:
    """An alert with its detections, events and actions in full."""
    return {
        **alert(detail.view),
        "detections": [detection(found) for found in detail.detections],
        "events": [event(row) for row in detail.events],
        "actions": [action(done) for done in detail.actions],
        "second_opinion": second_opinion(detail),
        "next_steps": steps(next_steps_of(detail.detections)),
    }


def second_opinion(detail: AlertDetail) -> Shape:
    """What the quantum model says of an alert, beside its classical control, and until when it is waited for."""
    escalation = detail.escalation
    waits = escalation is not None and escalation.state == WAITING
    return {
        "waiting_until": iso(escalation.deadline_us) if escalation is not None and waits else None,
        "job": escalation.job_id if escalation is not None else None,
        "assessments": [_assessment(found) for found in assessments_of(detail.actions)],
    }


def _assessment(found: Assessment) -> Shape:
    sides = {"quantum": found.quantum, "exact": found.exact, "classical": found.control}
    fields = ("why", "backend", "label", "job", "model", "seed", "shots")
    return {
        "outcome": found.outcome.value,
        **{name: getattr(found, name) for name in fields},
        "events": list(found.events),
        **{name: _figure(figure) if figure else None for name, figure in sides.items()},
    }


def _figure(found: Figure) -> Shape:
    fields: Shape = msgspec.to_builtins(found)
    return {**fields, "novel": found.is_novel}


def incident(found: Incident) -> Shape:
    """An incident, its score taken apart."""
    return {
        "id": found.id,
        "severity": found.severity.word,
        "risk": round(found.risk, 2),
        "title": found.title,
        "entities": [str(ref) for ref in found.entities],
        "hosts": list(found.hosts),
        "users": list(found.users),
        "techniques": list(found.techniques),
        "tactics": list(found.tactics),
        "first_seen": iso(found.first_seen_us),
        "last_seen": iso(found.last_seen_us),
        "contributions": [contribution(part) for part in found.contributions],
        "detections": list(found.detection_ids),
    }


def incident_detail(detail: IncidentDetail) -> Shape:
    """An incident with its story, what to check next, its detections, events and alerts in full."""
    return {
        **incident(detail.incident),
        "story": [story_line(line) for line in detail.story],
        "next_steps": steps(next_steps_of(detail.detections)),
        "detections": [detection(found) for found in detail.detections],
        "events": [event(row) for row in detail.events],
        "alerts": [alert(view) for view in detail.alerts],
    }


def story_line(line: StoryLine) -> Shape:
    """One line of a story."""
    return {
        "at": iso(line.at_us),
        "host": line.host,
        "words": line.words,
        "tactic": line.tactic or None,
        "role": line.role,
        "event": line.event_id,
        "detection": line.detection_id or None,
    }


def steps(found: NextSteps) -> Shape:
    """What to check next, and the searches that do it."""
    pivots = [{"question": pivot.question, "command": pivot.command} for pivot in found.pivots]
    return {"checks": list(found.checks), "pivots": pivots}


def suppression(found: Suppression) -> Shape:
    """What nobody wants to hear of, why, and until when."""
    wish = found.wish
    return {
        "id": found.id,
        "entity": wish.entity or None,
        "detector": wish.detector or None,
        "title": wish.title or None,
        "peer": wish.peer or None,
        "reason": wish.reason,
        "until": iso(wish.until_us),
        "actor": found.actor,
        "at": iso(found.at_us),
    }


def contribution(part: Contribution) -> Shape:
    """One part of a score; the points of all parts sum to the score."""
    return {
        "points": round(part.points, 2),
        "detector": part.detector,
        "title": part.title,
        "detection": part.detection_id,
        "repeats": part.repeats,
    }


def detection(found: Detection) -> Shape:
    """A detection with its reasons."""
    return {
        "id": found.id,
        "detector": found.detector,
        "entity": str(found.entity),
        "severity": found.severity.word,
        "points": round(found.points, 2),
        "title": found.title,
        "reasons": list(found.reasons),
        "techniques": list(found.techniques),
        "tactics": list(found.tactics),
        "hosts": list(found.hosts),
        "users": list(found.users),
        "first_seen": iso(found.first_seen_us),
        "last_seen": iso(found.last_seen_us),
        "count": found.count,
        "events": list(found.event_ids),
    }


def entity(found: Entity, tags: Iterable[str] = ()) -> Shape:
    """An entity with its present risk, taken apart."""
    return {
        "entity": str(found.ref),
        "kind": found.ref.kind,
        "name": found.ref.name,
        "risk": round(found.risk, 2),
        "severity": found.severity.word,
        "first_seen": iso(found.first_seen_us),
        "last_seen": iso(found.last_seen_us),
        "detections": found.detections,
        "contributions": [contribution(part) for part in found.contributions],
        "tags": list(tags),
    }


def event(row: EventRow) -> Shape:
    """An event under its ECS names, with where its line stands."""
    fields = msgspec.to_builtins(row.event)
    more = fields.pop("more", {})
    return {
        "id": row.id,
        **fields,
        "@timestamp": iso(row.event.at_us),
        **more,
        "log.file.path": row.path,
        "log.file.line": row.line_number,
    }


def action(done: Action) -> Shape:
    """One thing an operator did."""
    return {
        "id": done.id,
        "actor": done.actor,
        "host": done.host,
        "at": iso(done.at_us),
        "subject": done.subject,
        "kind": done.kind.value,
        "value": done.value,
        "undoes": done.undoes,
    }


def source(row: SourceRow) -> Shape:
    """What an operator asked to be read."""
    return {
        "id": row.id,
        "pattern": row.pattern,
        "format": row.format,
        "temporary": row.temporary,
        "added_at": iso(row.added_at_us),
    }


def file(row: FileRow) -> Shape:
    """A log file and how far it was read."""
    return {
        "path": row.path,
        "member": row.member,
        "format": row.format,
        "state": row.state,
        "detail": row.detail,
        "events": row.events,
        "bad_lines": row.bad_lines,
        "backlog_bytes": row.backlog_bytes,
        "first_event": iso(row.first_event_us) if row.first_event_us is not None else None,
        "last_event": iso(row.last_event_us) if row.last_event_us is not None else None,
        "last_read": iso(row.last_read_us),
    }


def bad_line(row: BadLineRow) -> Shape:
    """A line that could not be decoded."""
    return {"path": row.path, "line": row.line_number, "reason": row.reason, "excerpt": row.excerpt}


def engine(status: EngineStatus | None, pid: int | None) -> Shape:
    """What the engine said last, and whether a process holds its lock now."""
    if status is None:
        return {"running": pid is not None, "pid": pid, "state": "never started"}
    return {
        "running": pid is not None,
        "pid": pid,
        "state": status.state if pid is not None else "stopped",
        "version": status.version,
        "started_at": iso(status.started_at_us),
        "heartbeat": iso(status.heartbeat_us),
        "watermark": iso(status.watermark_us),
        "last_event_id": status.last_event_id,
        "events_per_s": round(status.events_per_s, 1),
        "backlog_bytes": status.backlog_bytes,
        "lag_s": round(status.lag_s, 3),
    }


def model(status: ModelStatus | None) -> Shape:
    """Which model scores flows in the engine, and how far they have drifted from those that it is used to."""
    status = status or ModelStatus()
    shape: Shape = msgspec.to_builtins(status)
    shape["since"] = iso(shape.pop("since_us")) if status.since_us else None
    return shape
