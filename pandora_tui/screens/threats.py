"""Owns the Threats screen: alerts by risk, the one under the cursor taken apart, and the filter."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from pandora_core.errors import ConfigError
from pandora_core.store.rows import AlertDetail
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.bridge import reason_of
from pandora_tui.messages import Status, Update
from pandora_tui.screens.alert import AlertScreen
from pandora_tui.screens.idle import say_idle
from pandora_tui.screens.triage import Chosen, TriageScreen
from pandora_tui.widgets.alert_filter import DEFAULT_FILTER, parse_filter
from pandora_tui.widgets.alert_pane import AlertPane
from pandora_tui.widgets.alert_table import SORTS, AlertTable, sort_of
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.filter_line import FilterLine
from pandora_tui.widgets.ranking import Ranking

AGES_S = 5.0
"""How often ages are brought up to date: often enough to be true, rarely enough to be calm."""

LOOK_AGAIN_S = 0.7
"""A key within this time after a worse alert took the first place was meant for the one before."""

_WORDS_FROM = 2_000


class ThreatsScreen(TriageScreen):
    """The list, and the alert under the cursor below it, or beside it where there is room."""

    PLACE: ClassVar[str] = "threats"
    AUTO_FOCUS: ClassVar[str | None] = "AlertTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("threats")
    DEFAULT_CSS = """
    ThreatsScreen {
        #threats { height: 1fr; layout: vertical; }
        &.-wide #threats { layout: horizontal; }
        &.-wide AlertTable { width: 3fr; }
        &.-wide AlertPane { width: 2fr; height: 1fr; border-left: solid $pandora-line; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._ranking = Ranking(self.console.board.alerts)
        self._filter = self._kept_filter = parse_filter(DEFAULT_FILTER)
        self._sort = next(iter(SORTS))
        self._detail = Newest[str, AlertDetail](self.ask, self._read, self._show, self._fail)
        self._is_up_to_date = False

    def body(self) -> ComposeResult:
        yield EmptyState("", "")
        with Container(id="threats"):
            yield AlertTable(self.console.board)
            yield AlertPane()
        yield FilterLine(self._words)

    def on_mount(self) -> None:
        self.set_interval(AGES_S, self._age)

    def on_screen_resume(self) -> None:
        self._catch_up()

    def on_screen_suspend(self) -> None:
        self._is_up_to_date = False

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        say_idle(self)

    def receive(self, update: Update) -> None:
        """Take in what changed; while out of sight nothing is listed, but everything when it is seen again."""
        board = self.console.board
        if self._is_up_to_date:
            self._ranking.update(board.touched)
            self._list()
            shown = self._table.cursor_key
            if shown is not None and board.alerts.id_of(shown) in board.touched:
                self._detail.want(str(shown))

    def chosen(self) -> Chosen | None:
        """The alert under the cursor; none just after another one has come under it by itself."""
        self._table.stay()
        if time.monotonic() - self._table.rode_s < LOOK_AGAIN_S:
            return None
        rows, key = self.console.board.alerts, self._table.cursor_key
        row_id = rows.id_of(key) if key is not None else None
        if row_id is None:
            return None
        row = rows.row(row_id)
        return Chosen(str(key), row.seen_id, row.entity, row.kind)

    def action_filter(self, terms: str = "") -> None:
        """Open the filter line, or take the filter that was typed on the command line."""
        if not terms:
            self.query_one(FilterLine).open(self._filter.text)
            return
        try:
            self._filter = self._kept_filter = parse_filter(terms)
        except ConfigError as error:
            self.say_refused(error)
        else:
            self._choose()

    def action_sort(self, by: str = "") -> None:
        """Order the list: by what was typed, or by the next in turn."""
        names = list(SORTS)
        self._sort = by if by in SORTS else names[(names.index(self._sort) + 1) % len(names)]
        self._choose()

    def on_virtual_table_highlighted(self, event: AlertTable.Highlighted) -> None:
        rows = self.console.board.alerts
        if self._ranking.hold(rows.id_of(event.key) if event.key is not None else None):
            self._list()
        self._say_what_is_shown()
        alert_id = None if event.key is None else str(event.key)
        self.query_one(AlertPane).expect(alert_id)
        self._detail.want(alert_id)

    def on_virtual_table_selected(self, event: AlertTable.Selected) -> None:
        self.app.push_screen(AlertScreen(str(event.key)))

    def on_virtual_table_header_clicked(self, event: AlertTable.HeaderClicked) -> None:
        name = sort_of(event.column.title)
        if name is not None:
            self.action_sort(name)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        self._filter = event.chosen
        self._choose()

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        if event.is_kept:
            self._kept_filter = self._filter
        else:
            self._filter = self._kept_filter
            self._choose()
        self._table.focus()

    @property
    def _table(self) -> AlertTable:
        return self.query_one(AlertTable)

    def _catch_up(self) -> None:
        """List everything, after this screen was out of sight."""
        self._rank()
        self._is_up_to_date = True
        wanted, self.console.board.wanted_alert = self.console.board.wanted_alert, None
        if wanted is not None:
            self._show_wanted(wanted)
        self._detail.want(None if self._table.cursor_key is None else str(self._table.cursor_key))

    def _choose(self) -> None:
        """List what passes the filter; the row under the cursor need not be among it any more."""
        self._ranking.hold(None)
        self._rank()
        key = self._table.cursor_key
        self._ranking.hold(None if key is None else self.console.board.alerts.id_of(key))

    def _rank(self) -> None:
        rows = self.console.board.alerts
        self._ranking.choose(self._filter.on(rows), SORTS[self._sort].key(rows))
        self._list()

    def _list(self) -> None:
        board = self.console.board
        has_alerts = bool(self._ranking.order) or board.has_alerts
        self.query_one("#threats").display = has_alerts
        self.query_one(EmptyState).display = not has_alerts
        say_idle(self)
        self._table.set_order(self._ranking.order, sorted_by=SORTS[self._sort].column)
        self._say_what_is_shown()

    def _say_what_is_shown(self) -> None:
        above = self._table.above
        out_of_sight = f"{above} above  " if above else ""
        self.show_note(f"{out_of_sight}{self._filter.text or 'all'}  by {self._sort}")

    def _show_wanted(self, alert_id: str) -> None:
        if not self._table.go_to_key(alert_id):
            row_id = self.console.board.alerts.id_of(alert_id)
            if row_id is None:
                return
            self._filter = self._kept_filter = parse_filter(f"entity:{self.console.board.alerts.row(row_id).entity}")
            self._choose()
            self._table.go_to_key(alert_id)

    def _read(self, alert_id: str) -> AlertDetail:
        return self.feed.alert(alert_id)

    def _show(self, _alert_id: str, detail: AlertDetail) -> None:
        self.query_one(AlertPane).show(detail)

    def _fail(self, _alert_id: str, error: Exception) -> None:
        self.query_one(AlertPane).say(reason_of(error))

    def _age(self) -> None:
        if self.is_current:
            self._table.touch()

    def _words(self) -> dict[str, list[str]]:
        """Values for the completion of the filter: what stands in the newest rows, listed or not."""
        rows = self.console.board.alerts
        newest = range(max(rows.first_id, rows.next_id - _WORDS_FROM), rows.next_id)
        found = {
            "entity": dict.fromkeys(map(rows.getter("entity"), newest)),
            "tactic": dict.fromkeys(word for i in newest for word in rows.getter("tactics")(i).split()),
            "technique": dict.fromkeys(word for i in newest for word in rows.getter("techniques")(i).split()),
            "who": dict.fromkeys(word for i in newest for word in rows.getter("who")(i).split()),
            "assignee": dict.fromkeys(filter(None, map(rows.getter("assignee"), newest))),
        }
        return {key: list(values) for key, values in found.items()}
