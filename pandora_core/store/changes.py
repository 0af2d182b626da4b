"""Owns the look for news: what was committed since a console last looked, at almost no cost where nothing was.

It keeps one connection of the plain DB-API. ``PRAGMA data_version`` means something only on a connection that is
kept; and importing SQLAlchemy, through which questions go, takes longer than all that a console does before it draws.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.triage import Triage, fold
from pandora_core.model import MINUTE_US, Action, Alert, Detection, Entity
from pandora_core.store import migrations, sqlite
from pandora_core.store.rows import (
    AlertView,
    Changes,
    EngineStatus,
    FileRow,
    ModelStatus,
    Row,
    SourceRow,
    action_of,
    engine_of,
    entity_of,
    file_of,
    model_of,
    source_of,
)

_alert = msgspec.json.Decoder(Alert).decode
_fired = msgspec.json.Decoder(Fired).decode

TOP_ENTITIES = 50
WITH_HISTORY = 20
_MANY = 500


def is_current(path: Path) -> bool:
    """Whether a store is there and has the newest version, so that it can be looked at as it is."""
    if not path.exists():
        return False
    connection = sqlite.open_for_looking(path)
    try:
        return bool(connection.execute("PRAGMA user_version").fetchone()[0] == migrations.newest())
    except sqlite.choose().module.DatabaseError as error:
        raise sqlite.explained(error, path) from error
    finally:
        connection.close()


class ChangeReader:
    """Looks for changes on a connection of its own; for one thread, the one that made it.

    Raises:
        StoreError: the file is not there, is not private, or is no store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite.open_for_looking(path)
        self._upto = -1
        self._data_version = -1
        self._ranked_at_us = -1

    def changes(self, since: int) -> Changes:
        """What was committed after change number ``since``; with 0, everything that a console shows."""
        try:
            data_version = int(self._value("PRAGMA data_version"))
            if data_version == self._data_version and since >= self._upto:
                return Changes(self._upto)
            found = self._read(since)
        except sqlite.choose().module.DatabaseError as error:
            raise sqlite.explained(error, self._path) from error
        self._data_version, self._upto = data_version, found.upto
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _read(self, since: int) -> Changes:
        """One steady snapshot."""
        self._connection.execute("BEGIN")
        try:
            upto = int(self._value("SELECT value FROM counters WHERE name = 'change'"))
            return self._since(since, upto) if upto > since else Changes(upto)
        finally:
            self._connection.execute("COMMIT")

    def _since(self, since: int, upto: int) -> Changes:
        engine = self._engine()
        return Changes(
            upto=upto,
            alerts=tuple(self._alerts(since)),
            gone_alerts=tuple(row["id"] for row in self._rows("SELECT id FROM gone_alerts WHERE change > ?", since)),
            entities=self._entities(since, engine.watermark_us if engine else 0),
            files=self._files(since),
            sources=self._sources(since),
            engine=engine,
            model=self._model(since),
            throughput=self._last_hour(),
        )

    def _alerts(self, since: int) -> list[AlertView]:
        """Alerts that changed, that somebody acted on, or that a second opinion is waited for."""
        touched = self._rows(
            "SELECT id FROM alerts WHERE change > ? UNION ALL SELECT subject FROM actions WHERE change > ?"
            " UNION ALL SELECT alert_id FROM escalations WHERE state = 'waiting' AND change > ?",
            since,
            since,
            since,
        )
        ids = list(dict.fromkeys(row[0] for row in touched))
        actions: defaultdict[str, list[Action]] = defaultdict(list)
        for row in self._of(ids, "SELECT * FROM actions WHERE subject IN ({}) ORDER BY id"):
            actions[row["subject"]].append(action_of(row))
        bodies = self._of(ids, "SELECT body FROM alerts WHERE id IN ({})")
        alerts = {alert.id: alert for alert in (_alert(row["body"]) for row in bodies)}
        return [AlertView(alerts[i], fold(actions[i]) if i in actions else Triage()) for i in ids if i in alerts]

    def _entities(self, since: int, now_us: int) -> tuple[Entity, ...] | None:
        """The riskiest entities, if any changed or a minute went by, in which their risk decayed."""
        is_changed = self._rows("SELECT 1 FROM entities WHERE change > ? LIMIT 1", since)
        if since and not is_changed and abs(now_us - self._ranked_at_us) < MINUTE_US:
            return None
        self._ranked_at_us = now_us
        rows = self._rows(f"SELECT * FROM entities ORDER BY rank DESC, entity LIMIT {TOP_ENTITIES:d}")  # noqa: S608
        found: defaultdict[str, list[Detection]] = defaultdict(list)
        worst = [row["entity"] for row in rows[:WITH_HISTORY]]
        for row in self._of(worst, "SELECT entity, body FROM detections WHERE entity IN ({})"):
            found[row["entity"]].append(_fired(row["body"]).detection)
        return tuple(entity_of(row, now_us, found[row["entity"]]) for row in rows)

    def _files(self, since: int) -> tuple[FileRow, ...]:
        return tuple(file_of(row) for row in self._rows("SELECT * FROM files WHERE change > ? ORDER BY id", since))

    def _sources(self, since: int) -> tuple[SourceRow, ...] | None:
        if since and not self._rows("SELECT 1 FROM sources WHERE change > ? LIMIT 1", since):
            return None
        rows = self._rows("SELECT * FROM sources WHERE removed_at_us IS NULL ORDER BY id")
        return tuple(source_of(row) for row in rows)

    def _engine(self) -> EngineStatus | None:
        rows = self._rows("SELECT * FROM engine_status")
        return engine_of(rows[0]) if rows else None

    def _model(self, since: int) -> ModelStatus | None:
        rows = self._rows("SELECT * FROM live_models WHERE change > ?", since)
        return model_of(rows[0]) if rows else None

    def _last_hour(self) -> tuple[tuple[int, int, int], ...]:
        rows = self._rows("SELECT minute_us, events, bad_lines FROM throughput ORDER BY minute_us DESC LIMIT 60")
        return tuple((row[0], row[1], row[2]) for row in reversed(rows))

    def _of(self, names: Sequence[str], statement: str) -> Iterable[Row]:
        """Rows of many names, as many at a time as a statement takes; ``{}`` stands for their places."""
        for start in range(0, len(names), _MANY):
            chunk = names[start : start + _MANY]
            yield from self._rows(statement.format(",".join("?" * len(chunk))), *chunk)

    def _rows(self, statement: str, *values: object) -> list[Any]:
        rows: list[Any] = self._connection.execute(statement, values).fetchall()
        return rows

    def _value(self, statement: str) -> Any:
        return self._connection.execute(statement).fetchone()[0]
