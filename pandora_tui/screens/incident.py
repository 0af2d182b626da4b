"""Owns one incident over the whole screen: its story, its alerts, what to check next, and the searches that do it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll

from pandora_core.detect.incidents.next_steps import next_steps_of
from pandora_core.store.rows import IncidentDetail
from pandora_tui.commands import bindings
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.events import open_search
from pandora_tui.stories.incident import heading, whole
from pandora_tui.style import Role, glyphs
from pandora_tui.widgets.dialogs import ChoiceDialog
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece


class IncidentScreen(PandoraScreen):
    """Lies over the queue; escape goes back to it."""

    PLACE: ClassVar[str] = "cases"
    BINDINGS: ClassVar[list[BindingType]] = bindings("incident")
    DEFAULT_CSS = "IncidentScreen { #incident-heading { height: 1; } VerticalScroll { height: 1fr; } }"

    def __init__(self, incident_id: str) -> None:
        super().__init__()
        self._incident_id = incident_id
        self._detail: IncidentDetail | None = None

    def body(self) -> ComposeResult:
        yield Lines(self._heading, id="incident-heading")
        with VerticalScroll():
            yield Lines(self._lines, classes="-grows")

    def on_mount(self) -> None:
        self.show_note(self._incident_id)
        self.ask(lambda: self.feed.incident(self._incident_id), self._show)

    def action_back(self) -> None:
        self.dismiss()

    def action_alerts(self) -> None:
        """Open one of its alerts."""
        if self._detail is not None and self._detail.alerts:
            views = self._detail.alerts
            dialog = ChoiceDialog("Which alert?", [f"{view.alert.id}  {view.alert.title}" for view in views])
            self.app.push_screen(dialog, lambda place: self._open(None if place is None else views[place].alert.id))

    def action_pivot(self) -> None:
        """Run one of the searches."""
        pivots = next_steps_of(self._detail.detections).pivots if self._detail is not None else ()
        if pivots:
            dialog = ChoiceDialog("What do you want to know?", [pivot.question for pivot in pivots])
            self.app.push_screen(
                dialog, lambda place: open_search(self.app, None if place is None else pivots[place])
            )

    def _open(self, alert_id: str | None) -> None:
        from pandora_tui.screens.alert import AlertScreen

        if alert_id is not None:
            self.app.push_screen(AlertScreen(alert_id))

    def _show(self, detail: IncidentDetail) -> None:
        self._detail = detail
        for lines in self.query(Lines).results(Lines):
            lines.redraw()

    def _heading(self, width: int, _height: int) -> list[Line]:
        return [] if self._detail is None else [heading(self._detail, width)]

    def _lines(self, width: int, _height: int) -> list[Line]:
        if self._detail is None:
            return [[Piece(f" reading{glyphs().ellipsis}", Role.MUTED)]]
        return whole(self._detail, width)
