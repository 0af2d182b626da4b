"""Owns the questions that faces put to a store: alerts with their triage, entities, events, sources, imports."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.joining import Incident
from pandora_core.detect.incidents.queue import queue_of
from pandora_core.detect.incidents.standing import REACH_US, beside
from pandora_core.detect.incidents.story import StoryLine, around, tell
from pandora_core.detect.incidents.suppress import SUBJECT as SUPPRESSIONS
from pandora_core.detect.incidents.suppress import Suppression, suppressions_of
from pandora_core.detect.incidents.triage import CLOSED, Triage, effective, fold
from pandora_core.errors import NotFoundError
from pandora_core.model import Action, ActionKind, Alert, Detection, Entity, EntityRef, Event
from pandora_core.store import schema
from pandora_core.store.rows import (
    AlertDetail,
    AlertView,
    BadLineRow,
    Drift,
    DriftRow,
    EngineStatus,
    Escalation,
    EventRow,
    FileRow,
    ImportRow,
    IncidentDetail,
    ModelStatus,
    RawLine,
    SourceRow,
    action_of,
    engine_of,
    entity_of,
    escalation_of,
    file_of,
    model_of,
    source_of,
)
from pandora_core.store.store import Store

_alert = msgspec.json.Decoder(Alert).decode
_fired = msgspec.json.Decoder(Fired).decode
_event = msgspec.json.Decoder(Event).decode
_incident = msgspec.json.Decoder(Incident).decode

TOP_ENTITIES = 50
_MANY = 500


class Reader:
    """Read-only questions to a store. Each call is one steady snapshot."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest_change(self) -> int:
        """The number of the newest commit."""
        statement = select(schema.counters.c.value).where(schema.counters.c.name == "change")
        with self._store.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def alerts(
        self, *, since_us: int | None = None, entity: EntityRef | None = None, limit: int | None = None
    ) -> list[AlertView]:
        """Alerts by falling risk; of one entity or last seen at or after ``since_us`` if asked."""
        statement = select(schema.alerts.c.id).order_by(schema.alerts.c.risk.desc(), schema.alerts.c.id)
        if since_us is not None:
            statement = statement.where(schema.alerts.c.last_seen_us >= since_us)
        if entity is not None:
            statement = statement.where(schema.alerts.c.entity == str(entity))
        if limit is not None:
            statement = statement.limit(limit)
        with self._store.reading() as connection:
            return self._views(connection, connection.execute(statement).scalars().all())

    def alert(self, alert_id: str) -> AlertDetail:
        """One alert with its detections, their events and the operators' actions.

        Raises:
            NotFoundError: no alert has this id.
        """
        with self._store.reading() as connection:
            present = self._successor(connection, alert_id, schema.gone_alerts)
            views = self._views(connection, [present])
            if not views:
                raise NotFoundError(f"no alert {alert_id!r}", hint="pandora alerts list")
            detections = self._detections(connection, views[0].alert.detection_ids)
            wanted = dict.fromkeys(number for detection in detections for number in detection.event_ids)
            events = self._events(connection, schema.events.c.id.in_(list(wanted)[:_MANY]))
            actions = self._actions(connection, [present])[present]
            escalation = self._escalation(connection, present)
            return AlertDetail(views[0], tuple(detections), tuple(events), tuple(actions), escalation)

    def incidents(self, *, since_us: int | None = None, limit: int | None = None) -> list[Incident]:
        """Incidents, the one to look at next first; those last seen at or after ``since_us`` if asked.

        Where all alerts of an incident are closed it is done, and comes last.
        """
        statement = select(schema.incidents.c.body).order_by(schema.incidents.c.risk.desc(), schema.incidents.c.id)
        if since_us is not None:
            statement = statement.where(schema.incidents.c.last_seen_us >= since_us)
        with self._store.reading() as connection:
            found = [_incident(body) for body in connection.execute(statement).scalars()]
            is_any_closed = self._is_any_closed(connection)
            done = {i.id for i in found if self._is_done(connection, i)} if is_any_closed else set[str]()
        ahead = queue_of(incident for incident in found if incident.id not in done)
        return [*ahead, *(incident for incident in found if incident.id in done)][:limit]

    def incident(self, incident_id: str) -> IncidentDetail:
        """One incident with its story, its detections and what is around it.

        Raises:
            NotFoundError: no incident has this id.
        """
        with self._store.reading() as connection:
            present = self._successor(connection, incident_id, schema.gone_incidents)
            statement = select(schema.incidents.c.body).where(schema.incidents.c.id == present)
            body = connection.execute(statement).scalar()
            if body is None:
                raise NotFoundError(f"no incident {incident_id!r}", hint="pandora incidents list")
            incident = _incident(body)
            detections = self._detections(connection, incident.detection_ids)
            standing = beside(incident, self._near(connection, incident))
            story = tell(standing, detections, self._around(connection, standing, detections))
            shown = [line.event_id for line in story]
            events = self._events(connection, schema.events.c.id.in_(shown))
            alerts = self._views(connection, self._alert_ids(connection, incident))
            return IncidentDetail(incident, tuple(story), tuple(detections), tuple(events), tuple(alerts))

    def suppressions(self) -> tuple[Suppression, ...]:
        """What operators do not want to hear of, oldest first; expired ones too, until they are removed."""
        with self._store.reading() as connection:
            return suppressions_of(self._actions(connection, [SUPPRESSIONS])[SUPPRESSIONS])

    def entities(self, limit: int = TOP_ENTITIES) -> list[Entity]:
        """Entities by falling present risk."""
        c = schema.entities.c
        statement = select(schema.entities).order_by(c.rank.desc(), c.entity).limit(limit)
        with self._store.reading() as connection:
            now_us = self._watermark(connection)
            return [entity_of(row, now_us) for row in connection.execute(statement).mappings()]

    def entity(self, ref: EntityRef) -> tuple[Entity, list[Detection], list[AlertView]]:
        """One entity with its detections (newest first) and alerts.

        Raises:
            NotFoundError: nothing is known of it.
        """
        with self._store.reading() as connection:
            row = (
                connection.execute(select(schema.entities).where(schema.entities.c.entity == str(ref)))
                .mappings()
                .first()
            )
            if row is None:
                raise NotFoundError(f"nothing is known of {ref}", hint="pandora entities list")
            bodies = connection.execute(
                select(schema.detections.c.body)
                .where(schema.detections.c.entity == str(ref))
                .order_by(schema.detections.c.last_seen_us.desc())
            ).scalars()
            detections = [_fired(body).detection for body in bodies]
            ids = (
                connection.execute(select(schema.alerts.c.id).where(schema.alerts.c.entity == str(ref)))
                .scalars()
                .all()
            )
            return (
                entity_of(row, self._watermark(connection), detections),
                detections,
                self._views(connection, ids),
            )

    def tags(self, subject: str) -> list[str]:
        """The tags that operators gave a subject: ``+tag`` adds, ``-tag`` takes away, the last word counts."""
        with self._store.reading() as connection:
            tags: dict[str, None] = {}
            for action in effective(self._actions(connection, [subject])[subject]):
                if action.kind is ActionKind.TAG:
                    name = action.value.lstrip("+-")
                    tags.pop(name, None) if action.value.startswith("-") else tags.setdefault(name)
            return list(tags)

    def search_events(
        self,
        *,
        observable: str | None = None,
        dataset: str | None = None,
        text: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[EventRow]:
        """Events, newest first, that hold an observable (address, host or user), are of a dataset, hold a text …"""
        c = schema.events.c
        where: list[ColumnElement[bool]] = []
        if observable:
            where.append(
                or_(
                    c.source_ip == observable,
                    c.destination_ip == observable,
                    c.host == observable,
                    c.user_name == observable,
                )
            )
        if dataset:
            where.append(c.dataset.like(dataset.replace("*", "%")))
        if text:
            where.append(c.body.contains(text, autoescape=True))
        where += [c.at_us >= from_us] if from_us is not None else []
        where += [c.at_us < to_us] if to_us is not None else []
        where += [c.id < before_id] if before_id is not None else []
        with self._store.reading() as connection:
            return self._events(connection, *where, limit=limit, newest_first=True)

    def raw_line(self, event_id: int) -> RawLine | None:
        """The raw line of an event that is in an alert; other lines stand in their logs."""
        with self._store.reading() as connection:
            row = (
                connection.execute(select(schema.raw_lines).where(schema.raw_lines.c.event_id == event_id))
                .mappings()
                .first()
            )
            return (
                RawLine(row["event_id"], row["path"], row["line_number"], zlib.decompress(row["line"]))
                if row
                else None
            )

    def sources(self) -> list[SourceRow]:
        """What operators asked to be read and did not take back."""
        statement = (
            select(schema.sources).where(schema.sources.c.removed_at_us.is_(None)).order_by(schema.sources.c.id)
        )
        with self._store.reading() as connection:
            return [source_of(row) for row in connection.execute(statement).mappings()]

    def files(self) -> list[FileRow]:
        """Every file that is or was read."""
        with self._store.reading() as connection:
            return self._files(connection)

    def bad_lines(self, limit: int = 100) -> list[BadLineRow]:
        """The newest lines that could not be decoded, with why."""
        c = schema.bad_lines.c
        statement = (
            select(c.file_id, c.line_number, c.position, c.reason, c.excerpt, schema.files.c.path)
            .join(schema.files, schema.files.c.id == c.file_id)
            .order_by(c.id.desc())
            .limit(limit)
        )
        with self._store.reading() as connection:
            return [BadLineRow(*row) for row in connection.execute(statement)]

    def imports(self, *, state: str | None = None) -> list[ImportRow]:
        """Requests to import files, oldest first."""
        statement = select(schema.imports).order_by(schema.imports.c.id)
        if state is not None:
            statement = statement.where(schema.imports.c.state == state)
        with self._store.reading() as connection:
            return [
                ImportRow(
                    row["id"],
                    tuple(msgspec.json.decode(row["patterns"], type=list[str])),
                    row["format"],
                    row["requested_at_us"],
                    row["state"],
                    row["summary"],
                )
                for row in connection.execute(statement).mappings()
            ]

    def engine(self) -> EngineStatus | None:
        """What the engine last said of itself."""
        with self._store.reading() as connection:
            return self._engine(connection)

    def model(self) -> ModelStatus | None:
        """What the engine last said of the model that scores flows; ``None`` where there never was one."""
        with self._store.reading() as connection:
            row = connection.execute(select(schema.live_models)).mappings().first()
            return model_of(row) if row is not None else None

    def drifts(self, model: int, limit: int = 500) -> list[DriftRow]:
        """The newest rows of a model's drift, oldest first."""
        c = schema.drifts.c
        statement = select(c.at_us, c.drift).where(c.model == model).order_by(c.id.desc()).limit(limit)
        decode = msgspec.json.Decoder(Drift).decode
        with self._store.reading() as connection:
            rows = [DriftRow(model, at_us, decode(drift)) for at_us, drift in connection.execute(statement)]
        return rows[::-1]

    def actions(self, since: int = 0) -> list[Action]:
        """Operators' actions with an id above ``since``, oldest first."""
        statement = select(schema.actions).where(schema.actions.c.id > since).order_by(schema.actions.c.id)
        with self._store.reading() as connection:
            return [action_of(row) for row in connection.execute(statement).mappings()]

    def counts(self) -> dict[str, int]:
        """Rows of the tables that grow."""
        tables = (schema.events, schema.bad_lines, schema.detections, schema.alerts, schema.entities, schema.edges)
        with self._store.reading() as connection:
            return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}

    def _views(self, connection: Connection, ids: Sequence[str]) -> list[AlertView]:
        actions = self._actions(connection, ids)
        found: dict[str, Alert] = {}
        for chunk in _chunks(ids):
            statement = select(schema.alerts.c.body).where(schema.alerts.c.id.in_(chunk))
            found |= {(alert := _alert(body)).id: alert for body in connection.execute(statement).scalars()}
        return [AlertView(found[i], fold(actions[i]) if i in actions else Triage()) for i in ids if i in found]

    def _actions(self, connection: Connection, subjects: Sequence[str]) -> defaultdict[str, list[Action]]:
        found: defaultdict[str, list[Action]] = defaultdict(list)
        for chunk in _chunks(subjects):
            statement = (
                select(schema.actions).where(schema.actions.c.subject.in_(chunk)).order_by(schema.actions.c.id)
            )
            for row in connection.execute(statement).mappings():
                found[row["subject"]].append(action_of(row))
        return found

    def _escalation(self, connection: Connection, alert_id: str) -> Escalation | None:
        c = schema.escalations.c
        statement = select(schema.escalations).where(c.alert_id == alert_id).order_by(c.begun_at_us.desc()).limit(1)
        row = connection.execute(statement).mappings().first()
        return escalation_of(row) if row else None

    def _successor(self, connection: Connection, number: str, gone: Table) -> str:
        """Follows an alert or incident that was merged into another, because more became known."""
        for _ in range(8):
            successor = connection.execute(select(gone.c.successor).where(gone.c.id == number)).scalar()
            if successor is None:
                break
            number = successor
        return number

    def _alert_ids(self, connection: Connection, incident: Incident) -> list[str]:
        """The alerts that an incident's detections are part of, in the order of these."""
        c = schema.detections.c
        found: dict[str, None] = {}
        for chunk in _chunks(incident.detection_ids):
            statement = select(c.alert_id).where(c.id.in_(chunk), c.alert_id.is_not(None)).order_by(c.first_seen_us)
            found |= dict.fromkeys(connection.execute(statement).scalars())
        return list(found)

    def _is_any_closed(self, connection: Connection) -> bool:
        c = schema.actions.c
        return connection.execute(select(c.id).where(c.kind == ActionKind.CLOSE.value).limit(1)).scalar() is not None

    def _is_done(self, connection: Connection, incident: Incident) -> bool:
        views = self._views(connection, self._alert_ids(connection, incident))
        return bool(views) and all(view.triage.state == CLOSED for view in views)

    def _near(self, connection: Connection, incident: Incident) -> list[Incident]:
        """The incidents that may say something about one: those near it in time."""
        c = schema.incidents.c
        statement = select(c.body).where(
            c.last_seen_us >= incident.first_seen_us - REACH_US, c.first_seen_us <= incident.last_seen_us + REACH_US
        )
        return [_incident(body) for body in connection.execute(statement).scalars()]

    def _around(self, connection: Connection, incident: Incident, detections: Sequence[Detection]) -> list[StoryLine]:
        """The newest alert of any tool before an incident, and the oldest after it, where its story asks for them."""
        wanted, c = around(incident, detections), schema.events.c
        found: list[StoryLine] = []
        for role, span, order in (("before", wanted.before, c.at_us.desc()), ("after", wanted.after, c.at_us)):
            if span is not None:
                is_alert = or_(c.dataset.like("%.alert"), c.dataset == "zeek.notice")
                statement = (
                    select(c.id, c.body).where(c.at_us.between(*span), is_alert).order_by(order, c.id).limit(1)
                )
                found += [_beside_line(row[0], _event(row[1]), role) for row in connection.execute(statement)]
        return found

    def _detections(self, connection: Connection, ids: Sequence[str]) -> list[Detection]:
        found: list[Detection] = []
        for chunk in _chunks(ids):
            statement = select(schema.detections.c.body).where(schema.detections.c.id.in_(chunk))
            found += [_fired(body).detection for body in connection.execute(statement).scalars()]
        return sorted(found, key=lambda detection: (detection.first_seen_us, detection.id))

    def _events(
        self, connection: Connection, *where: ColumnElement[bool], limit: int = _MANY, newest_first: bool = False
    ) -> list[EventRow]:
        c = schema.events.c
        order = (c.at_us.desc(), c.id.desc()) if newest_first else (c.at_us, c.id)
        statement = (
            select(c.id, c.file_id, schema.files.c.path, c.position, c.length, c.line_number, c.body)
            .join(schema.files, schema.files.c.id == c.file_id)
            .where(*where)
            .order_by(*order)
            .limit(limit)
        )
        return [EventRow(*row[:-1], _event(row[-1])) for row in connection.execute(statement)]

    def _watermark(self, connection: Connection) -> int:
        status = self._engine(connection)
        return status.watermark_us if status else 0

    def _engine(self, connection: Connection) -> EngineStatus | None:
        row = connection.execute(select(schema.engine_status)).mappings().first()
        return engine_of(row) if row else None

    def _files(self, connection: Connection, *where: ColumnElement[bool]) -> list[FileRow]:
        rows = connection.execute(select(schema.files).where(*where).order_by(schema.files.c.id)).mappings()
        return [file_of(row) for row in rows]


def _beside_line(event_id: int, event: Event, role: str) -> StoryLine:
    where = event.host or event.source_ip or event.destination_ip or ""
    words = str(event.more.get("rule.name") or event.message or event.dataset)
    return StoryLine(event.at_us, where, words, "", event_id, role=role)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _MANY] for start in range(0, len(ids), _MANY))
