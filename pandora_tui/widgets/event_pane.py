"""Owns one event in full: its raw line, where that stands, and every field that was made of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from pandora_core import shapes
from pandora_core.store.rows import EventRow
from pandora_tui.desks.feed import RawText
from pandora_tui.stories.wrapping import chopped, wrapped
from pandora_tui.style import Role, fit, safe_text, size_text
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

MOST_CHARACTERS = 16_384
"""Of a raw line so much is shown; the rest is a figure."""

_ORIGINS = {"store": "the raw line, kept with the alert", "log": "the raw line, read back from the log"}
_KEY_CELLS = 28
_HIDDEN = frozenset({"id", "log.file.path", "log.file.line"})


class EventPane(VerticalScroll):
    """Scrolls through one event; what is hostile in it is drawn harmless."""

    DEFAULT_CSS: ClassVar[str] = """
    EventPane { height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._row: EventRow | None = None
        self._raw: RawText | None = None
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Lines(lambda width, _: self._lines(width), classes="-grows")

    def show(self, row: EventRow | None, raw: RawText | None = None, problem: str = "") -> None:
        """Show an event; its raw line when that has come, or why it did not."""
        is_other = row != self._row
        self._row, self._raw, self._problem = row, raw, problem
        self.query_one(Lines).redraw()
        if is_other:
            self.scroll_home(animate=False)

    def _lines(self, width: int) -> list[Line]:
        if self._row is None:
            return []
        head = self._problem or (_origin(self._raw) if self._raw is not None else "")
        place = safe_text(f"{self._row.path}:{self._row.line_number}")
        lines: list[Line] = [[Piece(f" {line}", Role.MUTED)] for line in wrapped(place, max(1, width - 2))]
        lines += [[Piece(f" {safe_text(head, max(0, width - 2))}", Role.WARN if self._problem else Role.FAINT)]]
        if self._raw is not None:
            lines += _raw_lines(self._raw, width)
        return [*lines, [], *_field_lines(self._row, width)]


def _origin(raw: RawText) -> str:
    return _ORIGINS.get(raw.origin, "the raw line cannot be read any more: its log is gone or was changed")


def _raw_lines(raw: RawText, width: int) -> list[Line]:
    shown = safe_text(raw.text[:MOST_CHARACTERS])
    lines: list[Line] = [[Piece(f" {line}")] for line in chopped(shown, max(1, width - 2))] if shown else []
    if len(raw.text) > MOST_CHARACTERS:
        lines.append([Piece(f" and {size_text(len(raw.text) - MOST_CHARACTERS)} more", Role.FAINT)])
    return lines


def _field_lines(row: EventRow, width: int) -> list[Line]:
    """Every field under its ECS name, one a line."""
    beside = min(_KEY_CELLS, max(8, width // 3))
    lines: list[Line] = []
    for name, value in shapes.event(row).items():
        if name not in _HIDDEN:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            label = fit(safe_text(f" {name}", beside), beside)
            lines.append([Piece(f"{label} ", Role.MUTED), Piece(safe_text(text, max(0, width - beside - 2)))])
    return lines
