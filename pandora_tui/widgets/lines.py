"""Owns the widget for prepared lines: its owner makes them for the room there is, and only what differs is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.widgets.pieces import Piece, draw_line

Line = list[Piece]
Make = Callable[[int, int], Sequence[Line]]
"""Makes the lines for a width and a height in cells; the height is ENDLESS where the widget grows with its lines."""

ENDLESS = 100_000


class Lines(Widget):
    """Draws what ``make`` returns. With the class ``-grows`` it is as high as its lines: for use inside a scroll."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; }
    Lines.-grows { height: auto; }
    """

    def __init__(
        self,
        make: Make,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._make = make
        self._made: list[Line] = []
        self._made_for = Size()

    def redraw(self) -> None:
        """Make the lines anew, and draw those that are different now."""
        before = self._made
        self._remake()
        if len(before) != len(self._made) and self.has_class("-grows"):
            self.refresh(layout=True)
            return
        for y in range(max(len(before), len(self._made))):
            if before[y : y + 1] != self._made[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._make(width, ENDLESS))

    def render_line(self, y: int) -> Strip:
        if self._made_for != self.size:
            self._remake()
        return draw_line(self, self._made[y] if y < len(self._made) else [])

    def _remake(self) -> None:
        width, height = self._made_for = self.size
        lines = self._make(width, ENDLESS if self.has_class("-grows") else height) if width and height else ()
        self._made = list(lines)
