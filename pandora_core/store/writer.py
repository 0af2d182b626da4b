"""Owns what the engine writes: one transaction a batch, with all that came from its lines and their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.edges import Edge
from pandora_core.detect.incidents.joining import Incident
from pandora_core.detect.incidents.risk import Score, rank_of
from pandora_core.model import Alert, EntityRef, Event
from pandora_core.store import schema
from pandora_core.store.rows import BadLineRow, DriftRow, EngineStatus, FileRow, ModelStatus, RawLine
from pandora_core.store.store import Store, next_change

EventTuple = tuple[int, int, int, int, int, int, str, str | None, str | None, str | None, str | None, bytes]
"""A row of ``events`` in the order of its columns: the hot path builds plain tuples."""

KEPT_DRIFTS = 2_000
"""Of the history of drift: with some ten thousand flows between two rows."""

_INSERT_EVENTS = str(insert(schema.events).compile(dialect=sqlite_dialect.dialect()))
_encode = msgspec.json.Encoder().encode


class EntityState(NamedTuple):
    """What the engine concluded of an entity from its detections."""

    ref: EntityRef
    score: Score
    as_of_us: int
    first_seen_us: int
    last_seen_us: int
    detections: int


@dataclass(slots=True)
class Batch:
    """Everything that one transaction writes."""

    events: list[EventTuple] = field(default_factory=list)
    bad_lines: list[BadLineRow] = field(default_factory=list)
    raw_lines: list[RawLine] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    gone_alerts: dict[str, str | None] = field(default_factory=dict)
    entities: list[EntityState] = field(default_factory=list)
    gone_entities: list[EntityRef] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    gone_incidents: dict[str, str | None] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    status: EngineStatus | None = None
    model: ModelStatus | None = None
    drifts: list[DriftRow] = field(default_factory=list)
    minute_us: int = 0
    snapshot: Snapshot | None = None


class Snapshot(NamedTuple):
    """The detectors' state after the event ``event_id``; of use only to the pipeline of the same ``version``."""

    event_id: int
    taken_at_us: int
    version: str
    state: bytes


def event_tuple(event_id: int, file_id: int, position: int, length: int, number: int, event: Event) -> EventTuple:
    """The row of an event."""
    return (
        event_id,
        event.at_us,
        file_id,
        position,
        length,
        number,
        event.dataset,
        event.source_ip,
        event.destination_ip,
        event.host,
        event.user,
        _encode(event),
    )


class Writer:
    """The engine's way into the store. One at a time: the holder of the engine lock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def commit(self, batch: Batch) -> int:
        """Write a batch whole or not at all; returns its change number."""
        with self._store.writing() as connection:
            change = next_change(connection)
            if batch.events:
                connection.exec_driver_sql(_INSERT_EVENTS, batch.events)
            _insert(connection, schema.bad_lines, (_columns(row, schema.bad_lines) for row in batch.bad_lines))
            _put(connection, schema.raw_lines, (_columns(row, schema.raw_lines) for row in batch.raw_lines))
            _show(connection, batch.fired)
            _put(connection, schema.files, ({**_columns(f, schema.files), "change": change} for f in batch.files))
            self._write_findings(connection, batch, change)
            self._write_progress(connection, batch, change)
        return change

    def _write_findings(self, connection: Connection, batch: Batch, change: int) -> None:
        alert_of = {detection_id: alert.id for alert in batch.alerts for detection_id in alert.detection_ids}
        _put(connection, schema.detections, (_detection_row(f, alert_of, change) for f in batch.fired))
        _put(connection, schema.alerts, (_alert_row(alert, change) for alert in batch.alerts))
        for alert in batch.alerts:
            connection.execute(
                schema.detections.update()
                .where(
                    schema.detections.c.id.in_(alert.detection_ids),
                    schema.detections.c.alert_id.is_distinct_from(alert.id),
                )
                .values(alert_id=alert.id, change=change)
            )
        for gone, successor in batch.gone_alerts.items():
            connection.execute(delete(schema.alerts).where(schema.alerts.c.id == gone))
            _put(connection, schema.gone_alerts, [{"id": gone, "successor": successor, "change": change}])
        _put(connection, schema.entities, (_entity_row(state, change) for state in batch.entities))
        for ref in batch.gone_entities:
            connection.execute(delete(schema.entities).where(schema.entities.c.entity == str(ref)))
        _put(connection, schema.edges, (_edge_row(edge, change) for edge in batch.edges))
        self._write_incidents(connection, batch, change)

    def _write_incidents(self, connection: Connection, batch: Batch, change: int) -> None:
        for gone, successor in batch.gone_incidents.items():
            connection.execute(delete(schema.incidents).where(schema.incidents.c.id == gone))
            _put(connection, schema.gone_incidents, [{"id": gone, "successor": successor, "change": change}])
        _put(connection, schema.incidents, (_incident_row(incident, change) for incident in batch.incidents))

    def _write_progress(self, connection: Connection, batch: Batch, change: int) -> None:
        if batch.status is not None:
            status = {name: getattr(batch.status, name) for name in batch.status.__struct_fields__}
            _put(connection, schema.engine_status, [{"id": 1, **status, "change": change}])
        if batch.model is not None:
            _put(connection, schema.live_models, [_model_row(batch.model, change)])
        if batch.drifts:
            _insert(connection, schema.drifts, map(_drift_row, batch.drifts))
            newest = select(func.max(schema.drifts.c.id)).scalar_subquery()
            connection.execute(delete(schema.drifts).where(schema.drifts.c.id <= newest - KEPT_DRIFTS))
        if batch.minute_us and (batch.events or batch.bad_lines):
            statement = sqlite_insert(schema.throughput).values(
                minute_us=batch.minute_us, events=len(batch.events), bad_lines=len(batch.bad_lines)
            )
            added = {name: schema.throughput.c[name] + statement.excluded[name] for name in ("events", "bad_lines")}
            connection.execute(statement.on_conflict_do_update(index_elements=["minute_us"], set_=added))
        if batch.snapshot is not None:
            connection.execute(delete(schema.snapshots))
            connection.execute(insert(schema.snapshots).values(id=1, **batch.snapshot._asdict()))

    def last_event_id(self) -> int:
        """The highest event id ever given: ids are not used again after retention."""
        with self._store.reading() as connection:
            newest = connection.execute(select(func.max(schema.events.c.id))).scalar()
            noted = connection.execute(select(func.max(schema.engine_status.c.last_event_id))).scalar()
            return max(newest or 0, noted or 0)

    def snapshot(self) -> Snapshot | None:
        """The last state of the detectors that was written."""
        with self._store.reading() as connection:
            row = connection.execute(select(schema.snapshots)).mappings().first()
            return Snapshot(row["event_id"], row["taken_at_us"], row["version"], row["state"]) if row else None

    def events_after(self, event_id: int) -> Iterable[tuple[int, Event]]:
        """Every stored event after one, in the order in which the detectors saw them."""
        decode = msgspec.json.Decoder(Event).decode
        statement = (
            select(schema.events.c.id, schema.events.c.body)
            .where(schema.events.c.id > event_id)
            .order_by(schema.events.c.id)
            .execution_options(yield_per=2000)
        )
        with self._store.reading() as connection:
            for number, body in connection.execute(statement):
                yield number, decode(body)

    def fired_of(self, ref: EntityRef) -> list[Fired]:
        """All detections of an entity in firing order."""
        statement = select(schema.detections.c.body).where(schema.detections.c.entity == str(ref))
        decode = msgspec.json.Decoder(Fired).decode
        with self._store.reading() as connection:
            found = [decode(body) for (body,) in connection.execute(statement)]
        return sorted(found, key=lambda fired: (fired.event_id, fired.detection.id))

    def alerts_of(self, ref: EntityRef) -> list[Alert]:
        """The alerts of an entity as they were last written."""
        c = schema.alerts.c
        decode = msgspec.json.Decoder(Alert).decode
        with self._store.reading() as connection:
            return [decode(body) for body in connection.execute(select(c.body).where(c.entity == str(ref))).scalars()]

    def newest_fired(self, limit: int) -> list[Fired]:
        """The detections that were seen last."""
        c = schema.detections.c
        statement = select(c.body).order_by(c.last_seen_us.desc(), c.id).limit(limit)
        decode = msgspec.json.Decoder(Fired).decode
        with self._store.reading() as connection:
            return [decode(body) for (body,) in connection.execute(statement)]

    def newest_incidents(self, limit: int) -> list[Incident]:
        """The incidents that were active last."""
        c = schema.incidents.c
        statement = select(c.body).order_by(c.last_seen_us.desc(), c.id).limit(limit)
        decode = msgspec.json.Decoder(Incident).decode
        with self._store.reading() as connection:
            return [decode(body) for (body,) in connection.execute(statement)]

    def entity_of_detection(self, detection_ids: Sequence[str]) -> dict[str, EntityRef]:
        """The entity that each of some detections was last written for."""
        statement = select(schema.detections.c.id, schema.detections.c.entity).where(
            schema.detections.c.id.in_(detection_ids)
        )
        with self._store.reading() as connection:
            return {number: EntityRef.parse(text) for number, text in connection.execute(statement)}

    def entities_of_alerts(self, alert_ids: Sequence[str]) -> list[EntityRef]:
        """The entities that some alerts are about; ids of other things give nothing."""
        statement = select(schema.alerts.c.entity).where(schema.alerts.c.id.in_(alert_ids))
        with self._store.reading() as connection:
            return [EntityRef.parse(text) for text in connection.execute(statement).scalars()]

    def detections_of_alerts(self, alert_ids: Iterable[str]) -> set[str]:
        """The ids of the detections that some alerts are made of."""
        c = schema.detections.c
        with self._store.reading() as connection:
            return {
                number
                for alert_id in alert_ids
                for number in connection.execute(select(c.id).where(c.alert_id == alert_id)).scalars()
            }

    def first_detection_of(self, alert_id: str) -> str | None:
        """The id of the detection that opened a stored alert."""
        statement = select(schema.alerts.c.body).where(schema.alerts.c.id == alert_id)
        with self._store.reading() as connection:
            body = connection.execute(statement).scalar()
        ids = msgspec.json.decode(body, type=Alert).detection_ids if body else ()
        return ids[0] if ids else None

    def unkept_events(self, event_ids: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
        """Of some events those whose raw line is not kept yet: (id, file id, position, length, line number)."""
        c = schema.events.c
        statement = select(c.id, c.file_id, c.position, c.length, c.line_number).where(
            c.id.in_(event_ids), c.id.not_in(select(schema.raw_lines.c.event_id))
        )
        with self._store.reading() as connection:
            return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(statement)]

    def set_import(self, import_id: int, state: str, summary: str) -> None:
        """Tell how far a requested import is."""
        with self._store.writing() as connection:
            values = {"state": state, "summary": summary, "change": next_change(connection)}
            connection.execute(schema.imports.update().where(schema.imports.c.id == import_id).values(values))


def _show(connection: Connection, fired: Sequence[Fired]) -> None:
    """Notes which events the detections show now; raw lines that none shows any more are let go."""
    if not fired:
        return
    c = schema.shown_events.c
    now = {(item.detection.id, number) for item in fired for number in item.detection.event_ids}
    ids = [item.detection.id for item in fired]
    before = {
        (row[0], row[1]) for row in connection.execute(select(schema.shown_events).where(c.detection_id.in_(ids)))
    }
    _insert(connection, schema.shown_events, ({"detection_id": d, "event_id": e} for d, e in sorted(now - before)))
    for detection_id, event_id in sorted(before - now):
        gone = (c.detection_id == detection_id, c.event_id == event_id)
        connection.execute(delete(schema.shown_events).where(*gone))
    let_go = {event_id for _, event_id in before - now}
    if let_go:
        raw = schema.raw_lines.c.event_id
        connection.execute(delete(schema.raw_lines).where(raw.in_(let_go), raw.not_in(select(c.event_id))))


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        connection.execute(insert(table), listed)


def _put(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert or replace by primary key."""
    listed = list(rows)
    if not listed:
        return
    statement = sqlite_insert(table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), listed)


def _columns(row: msgspec.Struct, table: Table) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in table.columns if hasattr(row, column.name)}


def _detection_row(fired: Fired, alert_of: dict[str, str], change: int) -> dict[str, Any]:
    detection = fired.detection
    return {
        "id": detection.id,
        "detector": detection.detector,
        "entity": str(detection.entity),
        "alert_id": alert_of.get(detection.id),
        "first_seen_us": detection.first_seen_us,
        "last_seen_us": detection.last_seen_us,
        "points": detection.points,
        "body": _encode(fired).decode(),
        "change": change,
    }


def _alert_row(alert: Alert, change: int) -> dict[str, Any]:
    return {
        "id": alert.id,
        "entity": str(alert.entity),
        "severity": int(alert.severity),
        "risk": alert.risk,
        "first_seen_us": alert.first_seen_us,
        "last_seen_us": alert.last_seen_us,
        "body": _encode(alert).decode(),
        "change": change,
    }


def _incident_row(incident: Incident, change: int) -> dict[str, Any]:
    return {
        "id": incident.id,
        "severity": int(incident.severity),
        "risk": incident.risk,
        "first_seen_us": incident.first_seen_us,
        "last_seen_us": incident.last_seen_us,
        "body": _encode(incident).decode(),
        "change": change,
    }


def _entity_row(state: EntityState, change: int) -> dict[str, Any]:
    return {
        "entity": str(state.ref),
        "evidence": state.score.evidence,
        "as_of_us": state.as_of_us,
        "rank": rank_of(state.score.evidence, state.as_of_us),
        "first_seen_us": state.first_seen_us,
        "last_seen_us": state.last_seen_us,
        "detections": state.detections,
        "body": _encode(state.score.contributions).decode(),
        "change": change,
    }


def _model_row(status: ModelStatus, change: int) -> dict[str, Any]:
    values = {name: getattr(status, name) for name in status.__struct_fields__}
    return {"id": 1, **values, "drift": _encode(status.drift).decode(), "change": change}


def _drift_row(row: DriftRow) -> dict[str, Any]:
    return {"model": row.model, "at_us": row.at_us, "drift": _encode(row.drift).decode()}


def _edge_row(edge: Edge, change: int) -> dict[str, Any]:
    return {
        "kind": edge.kind,
        "source": edge.source,
        "destination": edge.destination,
        "user_name": edge.user,
        "source_name": edge.source_name,
        "destination_name": edge.destination_name,
        "first_seen_us": edge.first_seen_us,
        "last_seen_us": edge.last_seen_us,
        "count": edge.count,
        "change": change,
    }
