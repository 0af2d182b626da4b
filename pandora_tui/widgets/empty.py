"""Owns the empty state: what will be here, and what to do now, said calmly in the middle of an empty screen."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.style import Role
from pandora_tui.widgets.pieces import Piece, draw_line

Line = list[Piece]

_WIDTH = 58


class Step(NamedTuple):
    """Something to do now: a ``key`` or a command to type, and what comes of it."""

    key: str
    text: str


class EmptyState(Widget):
    """A title, a few lines on what will be here, and the next steps; it fills its room and centres itself."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "EmptyState { height: 1fr; width: 1fr; }"

    def __init__(self, title: str, what: str, steps: Sequence[Step] = ()) -> None:
        super().__init__()
        self._title = title
        self._what = what
        self._steps = tuple(steps)

    def show(self, title: str, what: str, steps: Sequence[Step] = ()) -> None:
        """Say something else."""
        new = (title, what, tuple(steps))
        if new != (self._title, self._what, self._steps):
            self._title, self._what, self._steps = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        lines = self._lines(min(_WIDTH, max(1, width - 4)))
        # A little above the middle looks like the middle.
        above = max(0, (height - len(lines)) * 2 // 5)
        if not above <= y < above + len(lines):
            return draw_line(self, [])
        left = max(0, (width - min(_WIDTH, max(1, width - 4))) // 2)
        return draw_line(self, [Piece(" " * left), *lines[y - above]])

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = [[Piece(self._title, Role.STRONG)], []]
        lines += [[Piece(line, Role.MUTED)] for line in textwrap.wrap(self._what, width)]
        if self._steps:
            lines.append([])
        widest = max((len(step.key) for step in self._steps), default=0) + 2
        for step in self._steps:
            lines += _step_lines(step, widest, width)
        return lines


def _step_lines(step: Step, beside: int, width: int) -> list[Line]:
    """The key with its text beside it, or under it where there is no room."""
    if beside > width * 3 // 5:
        return [[Piece(step.key, Role.ACCENT)], *([Piece("  " + line)] for line in _wrap(step.text, width - 2))]
    first, *rest = _wrap(step.text, width - beside)
    lines: list[Line] = [[Piece(step.key.ljust(beside), Role.ACCENT), Piece(first)]]
    return lines + [[Piece(" " * beside + line)] for line in rest]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(1, width)) or [""]
