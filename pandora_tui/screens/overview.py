"""Owns the Overview screen: who is at risk now, how the last hour went, and what moved across the network."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from pandora_core.model import EntityRef
from pandora_tui.desks.feed import JobsNow
from pandora_tui.messages import Status, Update
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.idle import say_idle
from pandora_tui.stories.overview import TILES, calm, jobs, last_hour, moves
from pandora_tui.stories.vault import tile
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.entity_table import EntityTable
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.panel import Panel

JOBS_S = 2.0
MOST_JOBS = 4
CALM_S = 1.0
"""Figures change this often at most: faster ones cannot be read."""


class OverviewScreen(PandoraScreen):
    """Panels; the list of entities has the cursor, and enter goes to the entity's alert."""

    PLACE: ClassVar[str] = "overview"
    AUTO_FOCUS: ClassVar[str | None] = "EntityTable"
    DEFAULT_CSS = """
    OverviewScreen {
        #overview { height: 1fr; }
        #overview-right { width: 1fr; }
        #moves { height: 10; }
        #jobs, #tiles { height: 5; }
        #left, #overview-right { width: 1fr; height: 1fr; }
        &.-wide #left { width: 3fr; }
        &.-wide #overview-right { width: 2fr; }
        &.-wide #moves { height: 40%; }
        &.-narrow #overview-right { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._has_drawn = False
        self._jobs: JobsNow | None = None

    def body(self) -> ComposeResult:
        yield EmptyState("", "")
        with Horizontal(id="overview"):
            with Vertical(id="left"):
                yield Panel("Risk now", EntityTable(self.console.board), is_flush=True)
                yield Panel("Moves across the network", Lines(self._moves), id="moves")
            with Vertical(id="overview-right"):
                yield Panel("Last hour", Lines(self._last_hour), id="hour")
                yield Panel("Jobs", Lines(self._job_lines), id="jobs")
                with Horizontal(id="tiles"):
                    yield Panel("Vault", Lines(lambda width, _: self._vault(width)))
                    yield Panel("Exposure", Lines(lambda width, _: _tile("exposure", width)))

    def on_mount(self) -> None:
        self.set_interval(CALM_S, self._draw)
        self.set_interval(JOBS_S, self._look_at_jobs)

    def on_screen_resume(self) -> None:
        self._draw()

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        say_idle(self)

    def receive(self, update: Update) -> None:
        """The figures follow once a second; only the first ones, and the end of an empty state, do not wait."""
        if not self._has_drawn or any(state.display for state in self.query(EmptyState)):
            self._draw()

    def on_virtual_table_selected(self, event: EntityTable.Selected) -> None:
        board = self.console.board
        alert_id = board.worst_alert(EntityRef.parse(str(event.key)))
        if alert_id is None:
            self.notify("no alert is open on it: its risk is below what makes one", timeout=4)
            return
        board.wanted_alert = alert_id
        self.console.action_go("threats")

    def _draw(self) -> None:
        if not (self.is_mounted and self.is_current):
            return
        is_empty = self._is_empty()
        self.query_one(EmptyState).display = is_empty
        self.query_one("#overview").display = not is_empty
        say_idle(self)
        self._has_drawn = self.console.board.is_loaded
        if not is_empty:
            self.query_one(EntityTable).show()
            for lines in self.query(Lines).results(Lines):
                lines.redraw()

    def _is_empty(self) -> bool:
        """Whether there is nothing to show; while a store is being read there soon will be."""
        console = self.console
        if console.board.is_loaded or console.feed is None or console.status.problem:
            return console.board.is_empty
        return console.feed.is_new

    def _last_hour(self, width: int, height: int) -> list[Line]:
        return last_hour(self.console.board, self.console.status, width, height)

    def _look_at_jobs(self) -> None:
        if self.is_current and self.console.feed is not None and self.console.bridge is not None:
            seen = -1 if self._jobs is None else self._jobs.change
            self.ask(lambda: self.feed.jobs("", seen, limit=MOST_JOBS), self._take_jobs, lambda _: None)

    def _take_jobs(self, now: JobsNow | None) -> None:
        self._jobs = now or self._jobs

    def _job_lines(self, width: int, height: int) -> list[Line]:
        found = () if self._jobs is None else self._jobs.jobs
        return jobs(found, self.console.board.now_us, width, height) if found else _tile("jobs", width)

    def _vault(self, width: int) -> list[Line]:
        desk = self.console.vault
        return calm(tile(desk.status, desk.exists), width)

    def _moves(self, width: int, height: int) -> list[Line]:
        return moves(self.console.board, width, height)


def _tile(name: str, width: int) -> list[Line]:
    return calm(TILES[name], width)
