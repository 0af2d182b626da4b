"""Owns one quantum job over the whole screen: its run, outcomes, circuit and log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll

from pandora_tui.commands import bindings
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories.job import JobDetail, heading, whole
from pandora_tui.style import Role, glyphs
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

LOOK_S = 1.0


class JobScreen(PandoraScreen):
    """Lies over the list; escape goes back to it."""

    PLACE: ClassVar[str] = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("job")
    DEFAULT_CSS = "JobScreen { #job-heading { height: 1; } VerticalScroll { height: 1fr; } }"

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id
        self._detail: JobDetail | None = None

    def body(self) -> ComposeResult:
        yield Lines(self._heading, id="job-heading")
        with VerticalScroll():
            yield Lines(self._lines, classes="-grows")

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self._look)
        self._look()

    def action_back(self) -> None:
        self.dismiss()

    def _look(self) -> None:
        if self._detail is None or not self._detail.job.state.is_final:
            self.ask(lambda: self.feed.job(self._job_id), self._show)

    def _show(self, detail: JobDetail) -> None:
        self._detail = detail
        for lines in self.query(Lines).results(Lines):
            lines.redraw()

    def _heading(self, width: int, _height: int) -> list[Line]:
        return [] if self._detail is None else [heading(self._detail.job, width)]

    def _lines(self, width: int, _height: int) -> list[Line]:
        if self._detail is None:
            return [[Piece(f" reading{glyphs().ellipsis}", Role.MUTED)]]
        return whole(self._detail, self.console.board.now_us, width)
