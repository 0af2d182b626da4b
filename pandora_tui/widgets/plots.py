"""Owns the widgets that picture numbers: sparkline, line plot, horizontal bars and meter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.style import Role, cell_width, count_text, fit, glyphs, safe_text
from pandora_tui.widgets.braille import bar, line_plot, sparkline
from pandora_tui.widgets.pieces import Piece, draw_line


class Sparkline(Widget):
    """A sparkline as wide as its room, right-aligned in time: the newest value is at the right edge."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Sparkline { height: 1; width: 1fr; }"

    def __init__(
        self,
        values: Sequence[float] = (),
        *,
        low: float = 0.0,
        high: float | None = None,
        role: Role = Role.ACCENT,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._values = tuple(values)
        self._low = low
        self._high = high
        self._role = role

    def show(self, values: Sequence[float], role: Role | None = None) -> None:
        """Draw these values, if they are others than before."""
        new = (tuple(values), role or self._role)
        if new != (self._values, self._role):
            self._values, self._role = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        if y:
            return draw_line(self, [])
        text = sparkline(self._values, self.size.width, low=self._low, high=self._high)
        return draw_line(self, [Piece(text, self._role)])


class LinePlot(Widget):
    """A line of dots over time with its scale on the left; it fills the room it is given."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "LinePlot { height: 1fr; width: 1fr; }"

    def __init__(
        self,
        values: Sequence[float] = (),
        *,
        low: float | None = None,
        high: float | None = None,
        unit: Callable[[float], str] = count_text,
        role: Role = Role.ACCENT,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        """``unit`` writes the two ends of the scale."""
        super().__init__(id=id, classes=classes)
        self._values = tuple(values)
        self._low = low
        self._high = high
        self._unit = unit
        self._role = role
        self._drawn: tuple[object, list[tuple[str, str]]] = (None, [])

    def show(self, values: Sequence[float]) -> None:
        """Draw these values, if they are others than before."""
        if tuple(values) != self._values:
            self._values = tuple(values)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        key = (self._values, self.size)
        if self._drawn[0] != key:
            self._drawn = (key, self._draw())
        if y >= len(self._drawn[1]):
            return draw_line(self, [])
        label, plot = self._drawn[1][y]
        return draw_line(self, [Piece(label, Role.MUTED), Piece(plot, self._role)])

    def _draw(self) -> list[tuple[str, str]]:
        """The label and the plot of each line."""
        width, height = self.size
        finite = [value for value in self._values if math.isfinite(value)]
        low = min(finite, default=0.0) if self._low is None else self._low
        high = max(finite, default=1.0) if self._high is None else self._high
        top, bottom = self._unit(high), self._unit(low)
        margin = max(cell_width(top), cell_width(bottom)) + 1
        if margin + 4 > width or not height:
            return [("", line) for line in line_plot(self._values, width, height, low=low, high=high)]
        labels = [""] * height
        labels[-1] = bottom
        labels[0] = top
        lines = line_plot(self._values, width - margin, height, low=low, high=high)
        return [(fit(f"{label} ", margin, right=True), line) for label, line in zip(labels, lines, strict=True)]


class Bar(NamedTuple):
    """One line of :class:`Bars`: ``value`` sets the length, ``text`` stands behind it."""

    label: str
    value: float
    text: str
    role: Role = Role.ACCENT


class Bars(Widget):
    """Horizontal bars under each other, to one scale: label, bar, figure."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Bars { height: auto; width: 1fr; }"

    def __init__(
        self,
        bars: Sequence[Bar] = (),
        *,
        high: float | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._bars = tuple(bars)
        self._high = high

    def show(self, bars: Sequence[Bar]) -> None:
        """Draw these bars, if they are others than before."""
        if tuple(bars) != self._bars:
            is_other_height = len(bars) != len(self._bars)
            self._bars = tuple(bars)
            self.refresh(layout=is_other_height)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._bars)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._bars):
            return draw_line(self, [])
        figure_width = min(max(cell_width(line.text) for line in self._bars), max(0, width - 2))
        label_width = min(max(cell_width(line.label) for line in self._bars), max(0, (width - figure_width) // 2))
        high = max((line.value for line in self._bars), default=0.0) if self._high is None else self._high
        line = self._bars[y]
        room = max(0, width - label_width - figure_width - 2)
        drawn = bar(line.value / high if high > 0 else 0.0, room)
        pieces = [
            Piece(fit(safe_text(line.label), label_width) + " "),
            Piece(drawn, line.role),
            Piece(glyphs().bar_rest * (room - len(drawn)), Role.FAINT),
            Piece(" " + fit(safe_text(line.text), figure_width, right=True), Role.MUTED),
        ]
        return draw_line(self, pieces)


class Meter(Bars):
    """One bar from 0 to 1 with its label and figure."""

    def __init__(
        self,
        label: str,
        fraction: float = 0.0,
        text: str = "",
        *,
        role: Role = Role.ACCENT,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__([Bar(label, fraction, text, role)], high=1.0, id=id, classes=classes)

    def show_fraction(self, fraction: float, text: str, role: Role | None = None) -> None:
        """Move the bar."""
        only = self._bars[0]
        self.show([Bar(only.label, fraction, text, role or only.role)])
