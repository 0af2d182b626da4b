"""Owns the Cases screen: incidents in the order to look at them, and the story of the one under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from pandora_core.detect.incidents.joining import Incident
from pandora_core.store.rows import IncidentDetail
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.bridge import reason_of
from pandora_tui.messages import Status, Update
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.idle import say_idle
from pandora_tui.stories.incident import brief, heading
from pandora_tui.style import Role, safe_text
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.incident_table import IncidentTable
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

CALM_S = 2.0
"""How often the queue is asked for while things change: its order is made of all incidents, not of what changed."""


class CasesScreen(PandoraScreen):
    """The queue, and below or beside it the story of the incident under the cursor."""

    PLACE: ClassVar[str] = "cases"
    AUTO_FOCUS: ClassVar[str | None] = "IncidentTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("cases")
    DEFAULT_CSS = """
    CasesScreen {
        #cases { height: 1fr; layout: vertical; }
        #case { height: 12; }
        &.-wide #cases { layout: horizontal; }
        &.-wide IncidentTable { width: 1fr; }
        &.-wide #case { width: 1fr; height: 1fr; border-left: solid $pandora-line; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._detail: IncidentDetail | None = None
        self._said = ""
        self._is_stale = True
        self._wish = Newest[str, IncidentDetail](self.ask, self._read, self._show, self._fail)

    def body(self) -> ComposeResult:
        yield EmptyState("", "")
        with Container(id="cases"):
            yield IncidentTable(self.console.board)
            yield Lines(self._lines, id="case")

    def on_mount(self) -> None:
        self.query_one("#cases").display = False
        say_idle(self)
        self.set_interval(CALM_S, self._catch_up)

    def on_screen_resume(self) -> None:
        self._is_stale = True
        self._catch_up()

    def receive(self, update: Update) -> None:
        self._is_stale = True

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        say_idle(self)

    def on_virtual_table_highlighted(self, event: IncidentTable.Highlighted) -> None:
        self._wish.want(None if event.key is None else str(event.key))

    def on_virtual_table_selected(self, event: IncidentTable.Selected) -> None:
        from pandora_tui.screens.incident import IncidentScreen

        self.app.push_screen(IncidentScreen(str(event.key)))

    def _catch_up(self) -> None:
        if self._is_stale and self.is_current and self.console.feed is not None:
            self._is_stale = False
            self.ask(lambda: self.feed.incidents(), self._list)

    def _list(self, incidents: list[Incident]) -> None:
        if not self.query_one("#cases").display and incidents:
            self.call_after_refresh(self.query_one(IncidentTable).focus)
        self.query_one("#cases").display = bool(incidents)
        self.query_one(EmptyState).display = not incidents
        say_idle(self)
        table = self.query_one(IncidentTable)
        table.show(incidents)
        self.show_note(f"{len(incidents):,} incidents, the one to look at next first")
        if table.cursor_key is not None:
            self._wish.want(str(table.cursor_key))

    def _read(self, incident_id: str) -> IncidentDetail:
        return self.feed.incident(incident_id)

    def _show(self, _incident_id: str, detail: IncidentDetail) -> None:
        self._detail, self._said = detail, ""
        self.query_one("#case", Lines).redraw()

    def _fail(self, _incident_id: str, error: Exception) -> None:
        self._detail, self._said = None, reason_of(error)
        self.query_one("#case", Lines).redraw()

    def _lines(self, width: int, height: int) -> list[Line]:
        if self._detail is None:
            return [[], [Piece(f" {safe_text(self._said, max(0, width - 2))}", Role.MUTED)]]
        return [heading(self._detail, width), *brief(self._detail, width, height - 1)]
