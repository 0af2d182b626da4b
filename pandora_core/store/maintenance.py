"""Owns the care of a store: check, backup, compaction and retention. Each may run beside a live engine."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, select

from pandora_core.detect.incidents.assessment import ACTOR
from pandora_core.detect.incidents.triage import CLOSED
from pandora_core.errors import StoreError
from pandora_core.store import schema, sqlite
from pandora_core.store.escalations import present_id
from pandora_core.store.job_rows import FINAL
from pandora_core.store.migrations import version_of
from pandora_core.store.reader import Reader
from pandora_core.store.rows import WAITING
from pandora_core.store.store import Store

_CHUNK = 20_000
_ALERTS = 500
"""In one statement."""


class CheckReport(NamedTuple):
    """What a check found; an empty list of problems means that the store is sound."""

    version: int
    journal: str
    size_bytes: int
    problems: list[str]


class Retention(NamedTuple):
    """How long events are kept: ``max_age_us`` of event time before the newest, and ``max_bytes`` of file."""

    max_age_us: int | None
    max_bytes: int | None


def check(store: Store) -> CheckReport:
    """SQLite's own integrity check, foreign references, and the store's invariants."""
    with store.reading() as connection:
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        problems = [] if found == ["ok"] else found
        orphans = connection.execute(
            select(func.count())
            .select_from(schema.events)
            .where(schema.events.c.file_id.not_in(select(schema.files.c.id)))
        ).scalar_one()
        problems += [f"{orphans} events of files that are not known"] if orphans else []
        lost = connection.execute(
            select(func.count())
            .select_from(schema.detections)
            .where(
                schema.detections.c.alert_id.is_not(None),
                schema.detections.c.alert_id.not_in(select(schema.alerts.c.id)),
            )
        ).scalar_one()
        problems += [f"{lost} detections of alerts that are not there"] if lost else []
        journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
        return CheckReport(version_of(connection), journal, size_bytes(store.path), problems)


def backup(store: Store, target: Path) -> int:
    """Copy a live store to a new file (SQLite's online backup), check the copy, return its size in bytes.

    Raises:
        StoreError: the target exists, or the copy is not sound.
    """
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise StoreError("the backup's file exists already", where=str(target), hint="choose another name") from None
    except OSError as error:
        raise StoreError(f"cannot write the backup: {error.strerror}", where=str(target)) from error
    os.close(descriptor)
    module = sqlite.choose().module
    with closing(module.connect(str(store.path))) as source, closing(module.connect(str(target))) as copy:
        source.backup(copy, pages=4096)
        verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
    if verdict != "ok":
        raise StoreError(f"the copy is damaged: {verdict}", where=str(target), hint="pandora store check")
    return target.stat().st_size


def compact(store: Store) -> tuple[int, int]:
    """Give free pages back to the file system; returns the size before and after, in bytes."""
    before = size_bytes(store.path)
    with closing(
        sqlite.choose().module.connect(str(store.path), timeout=sqlite.BUSY_TIMEOUT_MS / 1000)
    ) as connection:
        connection.isolation_level = None
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, size_bytes(store.path)


def retain(store: Store, retention: Retention) -> int:
    """Delete one chunk of what is past retention; returns how many rows (0: nothing more to do).

    Events that alerts show, and their raw lines, stay; so do escalations, with their jobs, of alerts that are open or
    belong to an incident that is.
    """
    return _retain_events(store, retention) or _retain_escalations(store, retention)


def size_bytes(path: Path) -> int:
    """Size of a store with its write-ahead log."""
    return sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())


def used_bytes(connection: Connection) -> int:
    """Bytes of pages in use: what compaction would leave."""
    run = connection.exec_driver_sql
    pages, free, size = (
        int(run(f"PRAGMA {name}").scalar_one()) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _retain_events(store: Store, retention: Retention) -> int:
    with store.reading() as connection:
        horizon = _horizon_us(connection, retention)
        over = retention.max_bytes is not None and used_bytes(connection) > retention.max_bytes
    if horizon is None and not over:
        return 0
    c = schema.events.c
    oldest = select(c.id).where(c.id.not_in(select(schema.raw_lines.c.event_id))).order_by(c.at_us).limit(_CHUNK)
    if not over and horizon is not None:
        oldest = oldest.where(c.at_us < horizon)
    with store.writing() as connection:
        return connection.execute(delete(schema.events).where(c.id.in_(oldest))).rowcount


def _retain_escalations(store: Store, retention: Retention) -> int:
    """Their age is by the clock, as the engine last told it; jobs that people submitted are theirs to keep."""
    c, jobs = schema.escalations.c, schema.jobs.c
    with store.reading() as connection:
        told_us = connection.execute(select(schema.engine_status.c.heartbeat_us)).scalar()
        if retention.max_age_us is None or not told_us:
            return 0
        is_old = and_(c.begun_at_us < int(told_us) - retention.max_age_us, c.state != WAITING)
        found = connection.execute(select(c.alert_id).where(is_old).distinct()).scalars().all()
        old = {alert_id: present_id(connection, alert_id) for alert_id in found}
    in_work = _alerts_in_work(Reader(store)) if old else set()
    done = sorted(alert_id for alert_id, present in old.items() if present not in in_work)
    if not done:
        return 0
    deleted = 0
    with store.writing() as connection:
        for start in range(0, len(done), _ALERTS):
            chosen = and_(is_old, c.alert_id.in_(done[start : start + _ALERTS]))
            ours = jobs.id.in_(select(c.job_id).where(chosen, c.job_id.is_not(None)))
            is_over = jobs.state.in_([state.value for state in FINAL])
            connection.execute(delete(schema.jobs).where(ours, is_over, jobs.actor == ACTOR))
            deleted += connection.execute(delete(schema.escalations).where(chosen)).rowcount
    return deleted


def _alerts_in_work(reader: Reader) -> set[str]:
    """Alerts that nobody has closed, and all that share an incident with one of these."""
    views = reader.alerts()
    in_work = {number for view in views if view.triage.state != CLOSED for number in view.alert.detection_ids}
    for incident in reader.incidents():
        if not in_work.isdisjoint(incident.detection_ids):
            in_work.update(incident.detection_ids)
    return {view.alert.id for view in views if not in_work.isdisjoint(view.alert.detection_ids)}


def _horizon_us(connection: Connection, retention: Retention) -> int | None:
    if retention.max_age_us is None:
        return None
    newest = connection.execute(select(schema.engine_status.c.watermark_us)).scalar()
    if not newest:
        return None
    horizon = int(newest) - retention.max_age_us
    oldest = connection.execute(select(func.min(schema.events.c.at_us))).scalar()
    return horizon if oldest is not None and oldest < horizon else None
