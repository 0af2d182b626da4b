"""Owns what operators write: actions on alerts and entities, sources, and requests to import; only ever appended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, insert, or_, select, update

from pandora_core.detect.incidents.suppress import SUBJECT as SUPPRESSIONS
from pandora_core.detect.incidents.suppress import Wish, suppressions_of, value_of
from pandora_core.detect.incidents.triage import ACKNOWLEDGED, CLOSED, conflicting, fold, last_undoable
from pandora_core.errors import NotFoundError, RefusedError, StaleActionError
from pandora_core.model import Action, ActionKind, EntityRef, iso
from pandora_core.store import schema
from pandora_core.store.rows import action_of
from pandora_core.store.store import Store, next_change


class Operator:
    """One person at one machine. Every action reaches the disk before it is reported as done."""

    def __init__(self, store: Store, actor: str, host: str) -> None:
        self._store = store
        self.actor = actor
        self.host = host

    def act(
        self, subject: str, kind: ActionKind, value: str = "", *, at_us: int, seen_id: int | None = None
    ) -> Action:
        """Append an action on an alert id or an entity (``host:ws-114``).

        ``seen_id`` is the newest action that the operator had on screen; with ``None`` nothing is checked but sense.

        Raises:
            NotFoundError: there is no such alert or entity.
            StaleActionError: somebody else changed the subject since ``seen_id``.
            RefusedError: it is in that state already.
        """
        with self._store.writing(durable=True) as connection:
            before = self._actions(connection, subject)
            if seen_id is not None and kind is not ActionKind.NOTE:
                self._refuse_stale(before, subject, seen_id)
            _refuse_senseless(before, kind, subject)
            return self._append(connection, subject, kind, value, at_us, None)

    def undo(self, subject: str, *, at_us: int) -> Action:
        """Undo this operator's last action on a subject that still counts.

        Raises:
            RefusedError: there is nothing of theirs to undo.
        """
        with self._store.writing(durable=True) as connection:
            target = last_undoable(self._actions(connection, subject), self.actor)
            if target is None:
                raise RefusedError(f"{self.actor} has nothing to undo on {subject}")
            return self._append(connection, subject, ActionKind.UNDO, target.kind.value, at_us, target.id)

    def suppress(self, wish: Wish, *, at_us: int) -> Action:
        """Say what nobody wants to hear of from now on, why, and until when.

        Raises:
            RefusedError: it would suppress everything, or gives no reason.
        """
        if wish.is_empty() or not wish.reason.strip():
            raise RefusedError(
                "a suppression needs a reason, and something to suppress", hint="pandora suppress add -h"
            )
        with self._store.writing(durable=True) as connection:
            return self._append(connection, SUPPRESSIONS, ActionKind.SUPPRESS, value_of(wish), at_us, None)

    def unsuppress(self, suppression_id: int, *, at_us: int) -> Action:
        """Take a suppression back, whoever made it; what it covered keeps its place, what comes next counts again.

        Raises:
            NotFoundError: no suppression of this number stands.
        """
        with self._store.writing(durable=True) as connection:
            statement = select(schema.actions).where(schema.actions.c.subject == SUPPRESSIONS)
            done = [action_of(row) for row in connection.execute(statement).mappings()]
            if all(suppression.id != suppression_id for suppression in suppressions_of(done)):
                raise NotFoundError(f"no suppression {suppression_id}", hint="pandora suppress list")
            kind = ActionKind.SUPPRESS.value
            return self._append(connection, SUPPRESSIONS, ActionKind.UNDO, kind, at_us, suppression_id)

    def add_source(self, pattern: str, format_name: str, *, temporary: bool, at_us: int) -> int:
        """Ask the engine to follow a file, folder or glob; adding one that is there already changes nothing."""
        c = schema.sources.c
        with self._store.writing(durable=True) as connection:
            known = select(c.id).where(c.pattern == pattern, c.format == format_name, c.removed_at_us.is_(None))
            found = connection.execute(known).scalar()
            if found is not None:
                return int(found)
            result = connection.execute(
                insert(schema.sources).values(
                    pattern=pattern,
                    format=format_name,
                    temporary=int(temporary),
                    added_at_us=at_us,
                    change=next_change(connection),
                )
            )
            return _key(result)

    def remove_source(self, source: str, *, at_us: int) -> int:
        """Take sources back, by number or pattern; what was read of them stays. Returns how many.

        Raises:
            NotFoundError: no such source.
        """
        c = schema.sources.c
        chosen = c.id == int(source) if source.isdigit() else c.pattern == source
        with self._store.writing(durable=True) as connection:
            statement = update(schema.sources).where(chosen, c.removed_at_us.is_(None))
            removed = connection.execute(
                statement.values(removed_at_us=at_us, change=next_change(connection))
            ).rowcount
        if not removed:
            raise NotFoundError(f"no source {source!r}", hint="pandora sources list")
        return removed

    def request_import(self, patterns: list[str], format_name: str, *, at_us: int) -> int:
        """Ask a running engine to import files; returns the request's number."""
        with self._store.writing(durable=True) as connection:
            result = connection.execute(
                insert(schema.imports).values(
                    patterns=msgspec.json.encode(patterns).decode(),
                    format=format_name,
                    requested_at_us=at_us,
                    state="requested",
                    summary="",
                    change=next_change(connection),
                )
            )
            return _key(result)

    def _actions(self, connection: Connection, subject: str) -> list[Action]:
        _must_exist(connection, subject)
        statement = select(schema.actions).where(schema.actions.c.subject == subject).order_by(schema.actions.c.id)
        return [action_of(row) for row in connection.execute(statement).mappings()]

    def _refuse_stale(self, before: list[Action], subject: str, seen_id: int) -> None:
        first = conflicting(before, seen_id, self.actor)
        if first is not None:
            what = f"{first.actor} on {first.host} acted first on {subject}: {first.kind} {first.value}".rstrip()
            raise StaleActionError(
                f"{what} at {iso(first.at_us)}", hint="look again, then repeat if you still want it"
            )

    def _append(
        self, connection: Connection, subject: str, kind: ActionKind, value: str, at_us: int, undoes: int | None
    ) -> Action:
        event_id = connection.execute(select(schema.engine_status.c.last_event_id)).scalar() or 0
        action = Action(0, self.actor, self.host, at_us, subject, kind, value, undoes, event_id)
        values = {name: getattr(action, name) for name in Action.__dataclass_fields__ if name != "id"}
        result = connection.execute(insert(schema.actions).values(**values, change=next_change(connection)))
        return replace(action, id=_key(result))


def _key(result: CursorResult[Any]) -> int:
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def _must_exist(connection: Connection, subject: str) -> None:
    if ":" in subject:
        is_known = _is_known(connection, EntityRef.parse(subject))
    else:
        found = connection.execute(select(schema.alerts.c.id).where(schema.alerts.c.id == subject)).scalar()
        is_known = found is not None
    if not is_known:
        raise NotFoundError(f"no alert or entity {subject!r}", hint="pandora alerts list, pandora entities list")


def _is_known(connection: Connection, ref: EntityRef) -> bool:
    """Whether anything was detected about an entity, or it was seen: what never stood out can be tagged too."""
    e, known, c = schema.events.c, schema.edges.c, schema.entities.c
    seen = {"host": (e.host,), "user": (e.user_name,), "address": (e.source_ip, e.destination_ip)}.get(ref.kind, ())
    questions = [
        select(c.entity).where(c.entity == str(ref)),
        *(select(column).where(column == ref.name) for column in seen),
        select(known.kind).where(or_(known.source_name == ref.name, known.destination_name == ref.name)),
    ]
    return any(connection.execute(question.limit(1)).first() is not None for question in questions)


def _refuse_senseless(before: list[Action], kind: ActionKind, subject: str) -> None:
    """Acknowledging or closing twice is refused with the name of who did it first."""
    state = fold(before).state
    wanted = {ActionKind.ACKNOWLEDGE: (ACKNOWLEDGED, CLOSED), ActionKind.CLOSE: (CLOSED,)}.get(kind, ())
    if state in wanted:
        who = next(
            (a.actor for a in reversed(before) if a.kind in (ActionKind.ACKNOWLEDGE, ActionKind.CLOSE)), "somebody"
        )
        raise RefusedError(f"{subject} is {state} already, by {who}", hint="pandora alerts show " + subject)
    if kind is ActionKind.REOPEN and state != CLOSED:
        raise RefusedError(f"{subject} is not closed", hint="pandora alerts show " + subject)
