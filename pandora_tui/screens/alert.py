"""Owns one alert over the whole screen: its story, its events, and the raw line of the event that is chosen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll

from pandora_core.detect.incidents.next_steps import next_steps_of
from pandora_core.store.rows import AlertDetail, EventRow
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.bridge import reason_of
from pandora_tui.desks.feed import RawText
from pandora_tui.messages import Update
from pandora_tui.screens.events import open_search
from pandora_tui.screens.triage import Chosen, TriageScreen
from pandora_tui.stories.alert import heading, story
from pandora_tui.style import Role, glyphs, safe_text
from pandora_tui.widgets.dialogs import ChoiceDialog
from pandora_tui.widgets.evidence import Evidence
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece


class AlertScreen(TriageScreen):
    """Lies over the list; escape goes back to it. Tab goes from the events to the story and the raw line."""

    PLACE: ClassVar[str] = "threats"
    AUTO_FOCUS: ClassVar[str | None] = "EventTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("alert")
    DEFAULT_CSS = """
    AlertScreen {
        #alert { height: 1fr; layout: vertical; }
        #alert-heading { height: 1; }
        #alert-story { height: auto; max-height: 45%; }
        Evidence { height: 1fr; border-top: solid $pandora-line; }
        &.-wide #alert { layout: horizontal; }
        &.-wide #alert-story { width: 2fr; height: 1fr; max-height: 100%; }
        &.-wide Evidence { width: 3fr; border-top: none; border-left: solid $pandora-line; }
    }
    """

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self._alert_id = alert_id
        self._detail: AlertDetail | None = None
        self._problem = f"reading{glyphs().ellipsis}"
        self._detail_wish = Newest[str, AlertDetail](self.ask, self._read, self._show, self._fail)

    def body(self) -> ComposeResult:
        yield Lines(lambda width, _: self._heading(width), id="alert-heading")
        with Container(id="alert"):
            with VerticalScroll(id="alert-story"):
                yield Lines(lambda width, _: self._story(width), classes="-grows")
            yield Evidence(self.ask, self._read_raw, empty="no event is kept of this alert")

    def on_mount(self) -> None:
        self.show_note(self._alert_id)
        self._detail_wish.want(self._alert_id)

    def receive(self, update: Update) -> None:
        board = self.console.board
        if board.alerts.id_of(self._alert_id) in board.touched:
            self._detail_wish.want(self._alert_id)

    def chosen(self) -> Chosen | None:
        if self._detail is None:
            return None
        alert, triage = self._detail.view.alert, self._detail.view.triage
        return Chosen(alert.id, triage.last_action_id, alert.entity.name, alert.entity.kind)

    def action_pivot(self) -> None:
        """Run one of the searches that tell more, or list the entity's events."""
        pivots = next_steps_of(self._detail.detections).pivots if self._detail is not None else ()
        if not pivots:
            super().action_pivot()
            return
        dialog = ChoiceDialog("What do you want to know?", [pivot.question for pivot in pivots])
        self.app.push_screen(dialog, lambda place: open_search(self.app, None if place is None else pivots[place]))

    def action_back(self) -> None:
        self.dismiss()

    def action_filter(self, terms: str = "") -> None:
        """The filter is the list's: go back to it."""
        self.dismiss()
        self.app.call_later(self.app.run_action, ("screen", "filter", (terms,) if terms else ()))

    def action_sort(self, by: str = "") -> None:
        """The order is the list's: go back to it."""
        self.dismiss()
        self.app.call_later(self.app.run_action, ("screen", "sort", (by,) if by else ()))

    def _heading(self, width: int) -> list[Line]:
        return [] if self._detail is None else [heading(self._detail.view, width)]

    def _story(self, width: int) -> list[Line]:
        if self._detail is None:
            return [[Piece(f" {safe_text(self._problem, max(0, width - 2))}", Role.MUTED)]]
        return story(self._detail, width)

    def _show(self, _alert_id: str, detail: AlertDetail) -> None:
        before, self._detail = self._detail, detail
        self._alert_id = detail.view.alert.id  # it may have gone into another one since
        for lines in self.query(Lines).results(Lines):
            lines.redraw()
        if before is None or before.events != detail.events:
            self.query_one(Evidence).show(detail.events)

    def _fail(self, _alert_id: str, error: Exception) -> None:
        if self._detail is None:
            self._problem = reason_of(error)
            self.query_one("#alert-story Lines", Lines).redraw()
        else:
            self.say_refused(error)

    def _read(self, alert_id: str) -> AlertDetail:
        return self.feed.alert(alert_id)

    def _read_raw(self, row: EventRow) -> RawText:
        return self.feed.raw_text(row)
