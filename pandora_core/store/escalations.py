"""Owns what was escalated to the quantum model and what came of it, each in one transaction with its job or action.

An escalation is known by its key, so that whoever begins it again after a crash finds it there; it ends once, and the
action that tells of it on the alert is appended in the same transaction. So there is exactly one job and one action.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pandora_core.detect.incidents.assessment import ACTOR, Assessment, value_of
from pandora_core.errors import NotFoundError
from pandora_core.model import HOUR_US, ActionKind, Alert, Event
from pandora_core.store import schema
from pandora_core.store.job_rows import Job, NewJob
from pandora_core.store.jobs import add_job
from pandora_core.store.rows import WAITING, Escalation, escalation_of
from pandora_core.store.store import Store, next_change

_PLACE = "escalations.seen"
_MODEL = "quantum.model"
_NEWEST = 100
"""Attempts that are looked back at for the sake of breakers."""

_t = schema.escalations.c


class Candidates(NamedTuple):
    """Alerts that changed, the worst first, and the change number up to which this is all."""

    alerts: list[Alert]
    upto: int
    has_place: bool
    """Whether it was known where to begin; where not, there are none."""


class Escalations:
    """The escalations of a store. Only the engine begins and ends them; faces read."""

    def __init__(self, store: Store, host: str = "") -> None:
        """``host`` is the machine in whose name actions are appended."""
        self._store = store
        self._host = host

    def model(self) -> str:
        """The hash of the model that is in use; empty where there is none, or it was switched off."""
        with self._store.reading() as connection:
            return _setting(connection, _MODEL)

    def use(self, model: str) -> None:
        """Use a model from now on, or none: alerts of before are not asked about."""
        with self._store.writing(durable=True) as connection:
            connection.execute(delete(schema.settings).where(schema.settings.c.name == _MODEL))
            if model:
                connection.execute(insert(schema.settings).values(name=_MODEL, value=model))
            connection.execute(delete(schema.counters).where(schema.counters.c.name == _PLACE))
            next_change(connection)

    def forget(self) -> None:
        """Nothing is escalated now: what changes until that begins again is not asked about."""
        with self._store.writing() as connection:
            connection.execute(delete(schema.counters).where(schema.counters.c.name == _PLACE))

    def candidates(self, least_risk: float) -> Candidates:
        """Alerts of at least this risk that changed since :meth:`seen` and since they were last decided about; the
        first call only finds where to begin.
        """
        c = schema.alerts.c
        with self._store.reading() as connection:
            upto = _counter(connection, "change") or 0
            since = _counter(connection, _PLACE)
            if since is None or since >= upto:
                return Candidates([], upto, since is not None)
            is_decided = select(_t.key).where(_t.alert_id == c.id, _t.change > c.change).exists()
            statement = select(c.body).where(c.change > since, c.risk >= least_risk, ~is_decided)
            statement = statement.order_by(c.risk.desc(), c.id)
            decode = msgspec.json.Decoder(Alert).decode
            return Candidates([decode(body) for body in connection.execute(statement).scalars()], upto, True)

    def seen(self, upto: int) -> None:
        """All alerts up to a change number were looked at."""
        statement = sqlite_insert(schema.counters).values(name=_PLACE, value=upto)
        statement = statement.on_conflict_do_update(index_elements=["name"], set_={"value": upto})
        with self._store.writing() as connection:
            connection.execute(statement)

    def newest_of(self, alert_id: str) -> Escalation | None:
        """The newest escalation of an alert, or refusal of one."""
        found = self._select(_t.alert_id == alert_id, limit=1)
        return found[0] if found else None

    def waiting(self) -> list[Escalation]:
        """Those whose job is open, newest first."""
        return self._select(_t.state == WAITING)

    def since(self, at_us: int) -> list[Escalation]:
        """All that were begun, or refused, after a moment, newest first."""
        return self._select(_t.begun_at_us > at_us)

    def attempts(self, now_us: int) -> list[Escalation]:
        """Those that became a job: all of the last hour, and the newest before."""
        recent = self._select(_t.job_id.is_not(None), _t.begun_at_us > now_us - HOUR_US)
        older = self._select(_t.job_id.is_not(None), _t.begun_at_us <= now_us - HOUR_US, limit=_NEWEST)
        return recent + older

    def flows(self, event_ids: Sequence[int], window: int) -> Iterator[tuple[Event, list[Event]]]:
        """Events by number, each with those of its source that the engine had judged before, oldest first."""
        c = schema.events.c
        decode = msgspec.json.Decoder(Event).decode
        with self._store.reading() as connection:
            for number in event_ids:
                body = connection.execute(select(c.body).where(c.id == number)).scalar()
                if body is None:
                    raise NotFoundError(f"event {number} is no longer kept", where="escalation")
                event = decode(body)
                of_source = select(c.body).where(c.source_ip == event.source_ip, c.id < number)
                before = connection.execute(of_source.order_by(c.id.desc()).limit(window)).scalars().all()
                yield event, [decode(each) for each in reversed(before)]

    def begin(self, escalation: Escalation, new: NewJob) -> Job | None:
        """Put a job into the queue and note what it is for; ``None`` where that was done before."""
        with self._store.writing(durable=True) as connection:
            if _is_known(connection, escalation.key):
                return None
            job = add_job(connection, new, actor=ACTOR, host=self._host, at_us=escalation.begun_at_us)
            _add(connection, msgspec.structs.replace(escalation, job_id=job.id))
            return job

    def refuse(self, escalation: Escalation, assessment: Assessment, *, is_told: bool = True) -> bool:
        """Note that an alert was not escalated, and say so on it; ``False`` where that was done before."""
        with self._store.writing(durable=True) as connection:
            if _is_known(connection, escalation.key):
                return False
            ended = {"state": assessment.outcome.value, "ended_at_us": escalation.begun_at_us}
            _add(connection, msgspec.structs.replace(escalation, **ended))
            if is_told:
                self._tell(connection, escalation.alert_id, assessment, escalation.begun_at_us)
            return True

    def end(self, escalation: Escalation, assessment: Assessment, *, at_us: int, is_good: bool | None) -> bool:
        """Say on the alert what came of it; ``False``, and nothing is said, where it had ended."""
        values = {
            "state": assessment.outcome.value,
            "why": assessment.why,
            "is_good": is_good,
            "ended_at_us": at_us,
        }
        with self._store.writing(durable=True) as connection:
            chosen = update(schema.escalations).where(_t.key == escalation.key, _t.state == WAITING)
            if connection.execute(chosen.values(**values, change=next_change(connection))).rowcount != 1:
                return False
            self._tell(connection, escalation.alert_id, assessment, at_us)
            return True

    def _tell(self, connection: Connection, alert_id: str, assessment: Assessment, at_us: int) -> None:
        event_id = connection.execute(select(schema.engine_status.c.last_event_id)).scalar() or 0
        connection.execute(
            insert(schema.actions).values(
                actor=ACTOR,
                host=self._host,
                at_us=at_us,
                subject=present_id(connection, alert_id),
                kind=ActionKind.ASSESSMENT.value,
                value=value_of(assessment),
                event_id=event_id,
                change=next_change(connection),
            )
        )

    def _select(self, *where: ColumnElement[bool], limit: int | None = None) -> list[Escalation]:
        statement = select(schema.escalations).where(*where).order_by(_t.begun_at_us.desc(), _t.key).limit(limit)
        with self._store.reading() as connection:
            return [escalation_of(row) for row in connection.execute(statement).mappings()]


def present_id(connection: Connection, alert_id: str) -> str:
    """The alert that an alert has become a part of, if it has."""
    c = schema.gone_alerts.c
    for _ in range(8):
        successor = connection.execute(select(c.successor).where(c.id == alert_id)).scalar()
        if successor is None:
            break
        alert_id = successor
    return alert_id


def _is_known(connection: Connection, key: str) -> bool:
    return connection.execute(select(_t.key).where(_t.key == key)).first() is not None


def _add(connection: Connection, escalation: Escalation) -> None:
    values = {name: getattr(escalation, name) for name in escalation.__struct_fields__}
    values["events"] = msgspec.json.encode(values["events"]).decode()
    connection.execute(insert(schema.escalations).values(**values, change=next_change(connection)))


def _counter(connection: Connection, name: str) -> int | None:
    c = schema.counters.c
    found = connection.execute(select(c.value).where(c.name == name)).scalar()
    return None if found is None else int(found)


def _setting(connection: Connection, name: str) -> str:
    c = schema.settings.c
    return connection.execute(select(c.value).where(c.name == name)).scalar() or ""
