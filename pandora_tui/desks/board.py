"""Owns what the screens draw from: the alerts as compact rows, and the newest entities, files and engine status."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pandora_core.model import MINUTE_US, SECOND_US, Entity, EntityRef, Severity
from pandora_core.store.rows import AlertView, EngineStatus, FileRow, ModelStatus, SourceRow
from pandora_tui.desks.feed import News
from pandora_tui.stories.words import state_text
from pandora_tui.widgets.rows import Kind, RowId, Rows

GONE = ""
"""The state of an alert that is no more: its row stays, and no list shows it."""

CAPACITY = 200_000
MOST_MOVES = 50

_LATERAL = "lateral-movement"
_MOVES = ("first-logon", "service-created")

ALERT_FIELDS = {
    "severity": Kind.INTEGER,
    "risk": Kind.REAL,
    "kind": Kind.CHOICE,
    "entity": Kind.OBJECT,
    "title": Kind.OBJECT,
    "who": Kind.OBJECT,
    "techniques": Kind.CHOICE,
    "tactics": Kind.CHOICE,
    "state": Kind.CHOICE,
    "assignee": Kind.CHOICE,
    "verdict": Kind.CHOICE,
    "standing": Kind.CHOICE,
    "first_us": Kind.INTEGER,
    "last_us": Kind.INTEGER,
    "seen_id": Kind.INTEGER,
}
"""Of an alert: ``who`` are its hosts and users in lower case, ``standing`` is state, verdict and assignee in one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A step across the network, in the words of the detection that saw it."""

    alert_id: str
    severity: Severity
    at_us: int
    text: str


class Board:
    """The console's memory. Belongs to the thread of the screen; :meth:`apply` is the only way in."""

    def __init__(self, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """``clock`` gives the present in microseconds since the epoch."""
        self.alerts = Rows(ALERT_FIELDS, capacity=CAPACITY, keyed=True)
        self.touched: list[RowId] = []
        """Rows that the last update changed."""
        self.entities: tuple[Entity, ...] = ()
        self.files: dict[int, FileRow] = {}
        self.sources: tuple[SourceRow, ...] = ()
        self.engine: EngineStatus | None = None
        self.model: ModelStatus | None = None
        self.throughput: tuple[tuple[int, int, int], ...] = ()
        self.is_loaded = False
        """Whether the store has been read to its end once."""
        self.wanted_alert: str | None = None
        self.wanted_host = ""
        """The alert that another screen asked Threats to show."""
        self._clock = clock
        self._moves: dict[str, Move] = {}
        self._last_read_us = 0

    @property
    def now_us(self) -> int:
        """The present."""
        return self._clock()

    @property
    def event_now_us(self) -> int:
        """The present on the clock of the logs: their newest time, moved on by the time since it was read.

        For logs that are followed live that is the present; for old ones it makes ages count from their end.
        """
        watermark_us = self.engine.watermark_us if self.engine else 0
        if not watermark_us:
            return self.now_us
        return watermark_us + max(0, self.now_us - self._last_read_us) if self._last_read_us else watermark_us

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been read from any log yet."""
        return not self.alerts and not self.entities and not self.throughput and not self.files

    @property
    def has_alerts(self) -> bool:
        """Whether there is any alert at all, whatever its state."""
        state = self.alerts.getter("state")
        return any(state(row_id) != GONE for row_id in range(self.alerts.first_id, self.alerts.next_id))

    @property
    def moves(self) -> list[Move]:
        """The newest moves across the network, the last one first."""
        return sorted(self._moves.values(), key=lambda move: (-move.at_us, move.alert_id))

    def apply(self, news: News) -> None:
        """Take in what is new."""
        self.touched = [self._put(view) for view in news.alerts.values()]
        self.touched += [row_id for alert_id in news.gone if (row_id := self._drop(alert_id)) is not None]
        self._keep_moves(news.alerts.values())
        self.files.update(news.files)
        self._last_read_us = max((file.last_read_us for file in self.files.values()), default=0)
        self.entities = self.entities if news.entities is None else news.entities
        self.sources = self.sources if news.sources is None else news.sources
        self.engine = news.engine or self.engine
        self.model = news.model or self.model
        self.throughput = self.throughput if news.throughput is None else news.throughput
        self.is_loaded = self.is_loaded or news.is_complete

    def alerts_by_severity(self, since_us: int) -> Counter[Severity]:
        """How many alerts of each severity were active at or after a moment."""
        severity, last_us, state = (self.alerts.getter(name) for name in ("severity", "last_us", "state"))
        ids = range(self.alerts.first_id, self.alerts.next_id)
        return Counter(Severity(severity(i)) for i in ids if last_us(i) >= since_us and state(i) != GONE)

    def worst_alert(self, ref: EntityRef) -> str | None:
        """The id of an entity's alert with the highest risk, an open one if there is any."""
        kind, entity, risk, state = (self.alerts.getter(name) for name in ("kind", "entity", "risk", "state"))
        ids = range(self.alerts.first_id, self.alerts.next_id)
        mine = [i for i in ids if entity(i) == ref.name and kind(i) == ref.kind and state(i) != GONE]
        best = max(mine, key=lambda i: (state(i) != "closed", risk(i)), default=None)
        return None if best is None else str(self.alerts.key(best))

    def minutes(self, count: int = 60) -> list[tuple[int, int]]:
        """Events and bad lines of each of the last minutes, the oldest first; the present one is not over yet."""
        last = self.now_us // MINUTE_US
        noted = {minute_us // MINUTE_US: (events, bad) for minute_us, events, bad in self.throughput}
        return [noted.get(minute, (0, 0)) for minute in range(last - count + 1, last + 1)]

    def age_s(self, at_us: int) -> float:
        """Seconds of event time since a moment."""
        return (self.event_now_us - at_us) / SECOND_US

    def _put(self, view: AlertView) -> RowId:
        alert, triage = view.alert, view.triage
        return self.alerts.put(
            alert.id,
            int(alert.severity),
            alert.risk,
            alert.entity.kind,
            alert.entity.name,
            alert.title,
            " ".join((*alert.hosts, *alert.users)).lower(),
            " ".join(alert.techniques),
            " ".join(alert.tactics),
            triage.state,
            triage.assignee or "",
            triage.verdict.value if triage.verdict else "",
            state_text(triage.state, triage.assignee, triage.verdict),
            alert.first_seen_us,
            alert.last_seen_us,
            triage.last_action_id,
        )

    def _drop(self, alert_id: str) -> RowId | None:
        self._moves.pop(alert_id, None)
        row_id = self.alerts.id_of(alert_id)
        if row_id is not None:
            self.alerts.update(row_id, state=GONE)
        return row_id

    def _keep_moves(self, views: Iterable[AlertView]) -> None:
        for view in views:
            if _LATERAL in view.alert.tactics:
                self._moves[view.alert.id] = _move(view)
        for move in self.moves[MOST_MOVES:]:
            del self._moves[move.alert_id]


def _move(view: AlertView) -> Move:
    alert = view.alert
    titles = [part.title for part in alert.contributions if part.detector in _MOVES]
    return Move(alert.id, alert.severity, alert.last_seen_us, titles[0] if titles else alert.title)
