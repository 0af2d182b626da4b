"""Owns the System screen: the engine and the store, the files that are read, and the lines that were bad."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from pandora_core.store.rows import BadLineRow
from pandora_tui.commands import bindings
from pandora_tui.desks.feed import Facts
from pandora_tui.messages import EngineState, Status
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.idle import say_idle
from pandora_tui.stories.system import engine_lines, store_lines
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.file_table import BadLineTable, FileTable
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.panel import Panel
from pandora_tui.widgets.virtual_table import VirtualTable

FACTS_S = 5.0
CALM_S = 1.0


class SystemScreen(PandoraScreen):
    """Two panels above two lists; tab goes from one list to the other."""

    PLACE: ClassVar[str] = "system"
    AUTO_FOCUS: ClassVar[str | None] = "FileTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("system")
    DEFAULT_CSS = """
    SystemScreen {
        #facts { height: 8; }
        #file-panel { height: 2fr; }
        #bad-panel { height: 6; }
        &.-wide #bad-panel { height: 1fr; }
        &.-wide #facts { height: 9; }
        &.-narrow #store-panel { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: Facts | None = None
        self._bad_count = -1

    def body(self) -> ComposeResult:
        with Vertical(id="system"):
            with Horizontal(id="facts"):
                yield Panel("Engine", Lines(self._engine_lines), id="engine-panel")
                yield Panel("Store", Lines(self._store_lines), id="store-panel")
            yield EmptyState("", "")
            yield Panel("Files", FileTable(self.console.board), id="file-panel", is_flush=True)
            yield Panel("Bad lines", BadLineTable(), id="bad-panel", is_flush=True)

    def on_mount(self) -> None:
        self.set_interval(CALM_S, self._draw)
        self.set_interval(FACTS_S, self._ask_facts)

    def on_screen_resume(self) -> None:
        self._ask_facts()
        self._draw()

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        self._draw()

    def action_start(self) -> None:
        """Start an engine; what comes of it is said on the top line."""
        starter = None if self.console.feed is None else self.console.feed.starter
        if starter is None or self.console.status.engine is EngineState.LIVE:
            self.notify("an engine runs already" if starter else "there is no engine to start from here", timeout=4)
        else:
            starter.start()

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        """Say in full what a column has no room for."""
        row_id = event.table.rows.id_of(event.key)
        if row_id is None:
            return
        row = event.table.rows.row(row_id)
        if isinstance(event.table, FileTable):
            self.notify(f"{row.file.path}  {row.file.state}  {row.file.detail}".rstrip(), timeout=8)
        else:
            self.notify(f"{row.bad.path}:{row.bad.line_number}  {row.bad.reason}", timeout=8)

    def _ask_facts(self) -> None:
        if self.is_current:
            self.ask(lambda: self.feed.facts(), self._take_facts)

    def _take_facts(self, facts: Facts) -> None:
        self._facts = facts
        self._draw()

    def _draw(self) -> None:
        if not (self.is_mounted and self.is_current):
            return
        board = self.console.board
        say_idle(self)
        self.query_one(EmptyState).display = not board.files
        for panel in ("#file-panel", "#bad-panel"):
            self.query_one(panel).display = bool(board.files)
        for lines in self.query(Lines).results(Lines):
            lines.redraw()
        self.query_one(FileTable).show(board.files.values())
        bad = sum(file.bad_lines for file in board.files.values())
        if bad != self._bad_count:
            self._bad_count = bad
            self.ask(lambda: self.feed.bad_lines(), self._show_bad_lines)

    def _show_bad_lines(self, lines: list[BadLineRow]) -> None:
        self.query_one(BadLineTable).show(lines)

    def _engine_lines(self, width: int, _height: int) -> list[Line]:
        return engine_lines(self.console.board, self.console.status, width)

    def _store_lines(self, width: int, _height: int) -> list[Line]:
        return store_lines(self.console.board, self._facts, width)
