"""Owns the queue of quantum jobs in the store: every change is one transaction that checks the state before it.

A job is a row before anything runs, and it reaches a final state once. Whoever runs the queue holds ``worker.lock``;
operators write beside it, so each transition says from which states it is allowed, and tells whether it took place.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from pandora_core.errors import NotFoundError, RefusedError
from pandora_core.store import schema
from pandora_core.store.job_rows import (
    COLUMNS,
    NO_ENGINE,
    OPEN,
    Identity,
    Job,
    JobFacts,
    JobFilter,
    JobState,
    NewJob,
    job_of,
)
from pandora_core.store.store import Store, next_change

_LOG_LIMIT = 256 * 1024
_FILTER = "jobs.filter."
_t = schema.jobs.c
_columns = [schema.jobs.c[name] for name in COLUMNS]
_encode = msgspec.json.Encoder().encode


class Jobs:
    """The jobs of a store. Cheap to make; safe to use from several threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Anybody

    def submit(self, new: NewJob, *, actor: str, host: str, at_us: int) -> Job:
        """Put a job into the queue; it is on disk when this returns."""
        with self._store.writing(durable=True) as connection:
            return add_job(connection, new, actor=actor, host=host, at_us=at_us)

    def get(self, job_id: str) -> Job:
        """One job, by its id or the beginning of it.

        Raises:
            NotFoundError: no job, or more than one, begins so.
        """
        statement = select(*_columns).where(_t.id.startswith(job_id, autoescape=True)).limit(2)
        with self._store.reading() as connection:
            found = [job_of(row) for row in connection.execute(statement).mappings()]
        exact = [job for job in found if job.id == job_id]
        if len(exact or found) != 1:
            what = "several jobs begin" if found else "no job begins"
            raise NotFoundError(f"{what} with {job_id!r}", hint="pandora jobs list")
        return (exact or found)[0]

    def find(self, wanted: JobFilter, *, now_us: int, limit: int = 100, before: str | None = None) -> list[Job]:
        """Jobs, newest first; with ``before`` those that come after this job in the list."""
        statement = select(*_columns).where(*_conditions(wanted, now_us))
        if before is not None:
            last = self.get(before)
            statement = statement.where(
                or_(_t.queued_at_us < last.queued_at_us, and_(_t.queued_at_us == last.queued_at_us, _t.id < last.id))
            )
        statement = statement.order_by(_t.queued_at_us.desc(), _t.id.desc()).limit(limit)
        with self._store.reading() as connection:
            return [job_of(row) for row in connection.execute(statement).mappings()]

    def position(self, job: Job) -> int | None:
        """How many jobs of this machine go before it, plus one; ``None`` if it does not wait here."""
        if job.state is not JobState.QUEUED or job.intent_at_us is not None:
            return None
        earlier = or_(
            _t.priority > job.priority,
            and_(
                _t.priority == job.priority,
                or_(_t.queued_at_us < job.queued_at_us, and_(_t.queued_at_us == job.queued_at_us, _t.id < job.id)),
            ),
        )
        waiting = (_t.state == JobState.QUEUED.value, _t.intent_at_us.is_(None), _is_remote(job.is_remote))
        with self._store.reading() as connection:
            count = connection.execute(select(func.count()).select_from(schema.jobs).where(*waiting, earlier))
            return int(count.scalar_one()) + 1

    def payload(self, job_id: str) -> bytes:
        """What the job is to do, as plain data."""
        return bytes(self._one(_t.payload, job_id))

    def result(self, job_id: str) -> bytes | None:
        """What came of it, as JSON (``quantum.jobs.JobResult``); ``None`` where there is none."""
        found = self._one(_t.result, job_id)
        return None if found is None else bytes(found)

    def log(self, job_id: str) -> str:
        """What its workers wrote to standard output and error."""
        return str(self._one(_t.log, job_id))

    def cancel(self, job_ids: Sequence[str], *, actor: str, at_us: int) -> list[Job]:
        """Cancel jobs: what waits here is CANCELLED at once, what runs is stopped by whoever runs the queue.

        Returns the jobs as they are now. Those that were final already are left alone.
        """
        with self._store.writing(durable=True) as connection:
            change = next_change(connection)
            chosen = _t.id.in_(job_ids)
            waits = and_(chosen, _t.state == JobState.QUEUED.value, _t.intent_at_us.is_(None))
            ended = {"state": JobState.CANCELLED.value, "finished_at_us": at_us, "reason": f"cancelled by {actor}"}
            connection.execute(update(schema.jobs).where(waits).values(**ended, cancelled_by=actor, change=change))
            open_still = and_(chosen, _t.state.in_([state.value for state in OPEN]), _t.cancelled_by.is_(None))
            asked = {"cancelled_by": actor, "reason": f"{actor} asked to cancel"}
            connection.execute(update(schema.jobs).where(open_still).values(**asked, change=change))
            rows = connection.execute(select(*_columns).where(chosen)).mappings()
            found = {row["id"]: job_of(row) for row in rows}
            return [found[job_id] for job_id in job_ids if job_id in found]

    def repeat(self, job_id: str, new: NewJob | None, *, actor: str, host: str, at_us: int, reason: str = "") -> Job:
        """Submit a finished job anew, as it was or as ``new`` says; the old one stays as it is.

        Raises:
            RefusedError: it is not finished, so that it might run twice at once.
        """
        job = self.get(job_id)
        if not job.state.is_final:
            raise RefusedError(f"{job.id} is {job.state}", hint=f"pandora jobs cancel {job.id}")
        again = new or NewJob(
            job.kind,
            job.backend,
            self.payload(job.id),
            job.label,
            job.priority,
            job.qubits,
            job.shots,
            job.memory_bytes,
            job.subject,
        )
        return self.submit(again._replace(origin=job.id, reason=reason), actor=actor, host=host, at_us=at_us)

    def save_filter(self, name: str, text: str) -> None:
        """Keep a filter under a name; an empty text forgets it."""
        table = schema.settings
        with self._store.writing(durable=True) as connection:
            connection.execute(table.delete().where(table.c.name == _FILTER + name))
            if text:
                connection.execute(insert(table).values(name=_FILTER + name, value=text))

    def filters(self) -> dict[str, str]:
        """Saved filters by name."""
        c = schema.settings.c
        statement = select(c.name, c.value).where(c.name.startswith(_FILTER)).order_by(c.name)
        with self._store.reading() as connection:
            return {name[len(_FILTER) :]: value for name, value in connection.execute(statement)}

    # Whoever runs the queue

    def open_jobs(self) -> list[Job]:
        """All jobs that are not final, in the order in which they are to run."""
        statement = select(*_columns).where(_t.state.in_([state.value for state in OPEN]))
        with self._store.reading() as connection:
            found = connection.execute(statement.order_by(_t.priority.desc(), _t.queued_at_us, _t.id)).mappings()
            return [job_of(row) for row in found]

    def has_open(self) -> bool:
        """Whether there is anything to do; answered from an index."""
        with self._store.reading() as connection:
            statement = select(_t.id).where(_t.state.in_([state.value for state in OPEN])).limit(1)
            return connection.execute(statement).first() is not None

    def newest_change(self) -> int:
        """The change number of the newest commit."""
        c = schema.counters.c
        with self._store.reading() as connection:
            return int(connection.execute(select(c.value).where(c.name == "change")).scalar_one())

    def claim(self, job_id: str, *, at_us: int) -> bool:
        """QUEUED → INITIALIZING, on disk: from now on this attempt may have effects."""
        return self._move(
            job_id,
            (JobState.QUEUED,),
            durable=True,
            conditions=(_t.cancelled_by.is_(None), _t.intent_at_us.is_(None)),
            state=JobState.INITIALIZING.value,
            intent_at_us=at_us,
            attempts=_t.attempts + 1,
            reason="",
        )

    def started(self, job_id: str, worker: Identity, *, at_us: int) -> bool:
        """INITIALIZING → RUNNING in a worker."""
        return self._move(
            job_id,
            (JobState.INITIALIZING, JobState.RUNNING),
            state=JobState.RUNNING.value,
            worker_pid=worker.pid,
            worker_started=worker.started,
            started_at_us=func.coalesce(_t.started_at_us, at_us),
        )

    def attached(self, job_id: str, remote_id: str, remote_backend: str, facts: JobFacts | None = None) -> bool:
        """The remote job of an intent is known (or it is another one): QUEUED, over there."""
        known: dict[str, Any] = {} if facts is None else {"facts": _encode(facts).decode()}
        return self._move(
            job_id,
            OPEN,
            durable=True,
            conditions=(_t.intent_at_us.is_not(None),),
            state=JobState.QUEUED.value,
            remote_id=remote_id,
            remote_backend=remote_backend,
            **known,
        )

    def observed(self, job_id: str, state: JobState, remote_state: str, position: int | None, *, at_us: int) -> bool:
        """What a remote job is doing; its states here are QUEUED and RUNNING until it is read back."""
        started: dict[str, Any] = {}
        if state is JobState.RUNNING:
            started["started_at_us"] = func.coalesce(_t.started_at_us, at_us)
        return self._move(
            job_id,
            (JobState.QUEUED, JobState.RUNNING),
            state=state.value,
            remote_state=remote_state,
            remote_position=position,
            **started,
        )

    def requeue(self, job_id: str, reason: str) -> bool:
        """Back into the queue of this machine: the attempt came to nothing, for sure. What somebody has cancelled
        meanwhile stays where it is, to be ended by whoever looks at it next.
        """
        attempt = "intent_at_us worker_pid worker_started started_at_us remote_id remote_backend remote_state"
        cleared: dict[str, Any] = dict.fromkeys(attempt.split())
        is_wanted = (_t.cancelled_by.is_(None),)
        return self._move(
            job_id, OPEN, durable=True, conditions=is_wanted, state=JobState.QUEUED.value, reason=reason, **cleared
        )

    def waits(self, job_id: str, reason: str) -> bool:
        """Say why a job waits."""
        return self._move(job_id, OPEN, conditions=(_t.reason != reason, _t.cancelled_by.is_(None)), reason=reason)

    def welcome(self) -> None:
        """Somebody runs the queue again: what waited for that alone no longer says so."""
        with self._store.writing() as connection:
            chosen = and_(_t.state == JobState.QUEUED.value, _t.reason == NO_ENGINE)
            if connection.execute(select(_t.id).where(chosen).limit(1)).first() is not None:
                change = next_change(connection)
                connection.execute(update(schema.jobs).where(chosen).values(reason="", change=change))

    def finish(
        self,
        job_id: str,
        state: JobState,
        *,
        at_us: int,
        reason: str = "",
        result: bytes | None = None,
        log: str = "",
        facts: JobFacts | None = None,
    ) -> bool:
        """The one way to a final state; ``False`` if it had one already, and then nothing is changed."""
        more: dict[str, Any] = {} if facts is None else {"facts": _encode(facts).decode()}
        return self._move(
            job_id,
            OPEN,
            durable=True,
            state=state.value,
            finished_at_us=at_us,
            reason=reason,
            result=result,
            log=log[-_LOG_LIMIT:],
            remote_position=None,
            **more,
        )

    def _move(
        self,
        job_id: str,
        states: Iterable[JobState],
        *,
        durable: bool = False,
        conditions: Sequence[ColumnElement[bool]] = (),
        **values: Any,
    ) -> bool:
        chosen = and_(_t.id == job_id, _t.state.in_([state.value for state in states]), *conditions)
        with self._store.writing(durable=durable) as connection:
            if connection.execute(select(_t.id).where(chosen)).first() is None:
                return False
            statement = update(schema.jobs).where(chosen).values(**values, change=next_change(connection))
            return connection.execute(statement).rowcount == 1

    def _one(self, column: ColumnElement[Any], job_id: str) -> Any:
        with self._store.reading() as connection:
            row = connection.execute(select(column).where(_t.id == job_id)).first()
        if row is None:
            raise NotFoundError(f"no job {job_id!r}", hint="pandora jobs list")
        return row[0]


def add_job(connection: Connection, new: NewJob, *, actor: str, host: str, at_us: int) -> Job:
    """Put a job into the queue as a part of a transaction."""
    tag = f"pandora-{secrets.token_hex(16)}"
    job_id = _free_id(connection, tag)
    values = new._asdict() | {"id": job_id, "tag": tag, "actor": actor, "host": host, "queued_at_us": at_us}
    connection.execute(
        insert(schema.jobs).values(
            **values,
            state=JobState.QUEUED.value,
            attempts=0,
            facts="{}",
            log="",
            change=next_change(connection),
        )
    )
    return job_of(connection.execute(select(*_columns).where(_t.id == job_id)).mappings().one())


def _free_id(connection: Connection, tag: str) -> str:
    """The beginning of the tag; longer in the rare case that it is taken."""
    digits = tag.removeprefix("pandora-")
    for length in range(8, len(digits)):
        job_id = f"J-{digits[:length]}"
        if connection.execute(select(_t.id).where(_t.id == job_id)).first() is None:
            return job_id
    raise RefusedError("no id is free", hint="submit it again")


def _is_remote(wanted: bool) -> ColumnElement[bool]:
    remote = or_(_t.backend == "ibm", _t.backend.startswith("ibm:"))
    return remote if wanted else ~remote


def _conditions(wanted: JobFilter, now_us: int) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    if wanted.states:
        made.append(_t.state.in_([state.value for state in wanted.states]))
    for column, value in ((_t.kind, wanted.kind), (_t.actor, wanted.actor), (_t.subject, wanted.subject)):
        if value:
            made.append(column == value)
    if wanted.backend:
        made.append(_t.backend.startswith(wanted.backend, autoescape=True))
    if wanted.newer_than_us:
        made.append(_t.queued_at_us >= now_us - wanted.newer_than_us)
    said = (_t.id, _t.label, _t.reason, _t.kind, _t.backend, _t.actor, _t.remote_id, _t.remote_backend, _t.subject)
    in_any = (or_(*(column.icontains(word, autoescape=True) for column in said)) for word in wanted.words)
    return [*made, *in_any]
