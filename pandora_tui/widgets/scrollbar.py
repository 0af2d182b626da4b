"""Owns the scroll bar: one thin mark on nothing, the same in colour, in monochrome and in ASCII."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBar, ScrollBarRender

from pandora_tui.style import glyphs


def thumb(size: int, virtual_size: float, window_size: float, position: float) -> range:
    """The cells of a bar of ``size`` that its thumb covers; none where everything is in view."""
    if size <= 0 or window_size <= 0 or virtual_size <= window_size:
        return range(0)
    length = max(1, round(size * window_size / virtual_size))
    travelled = position / (virtual_size - window_size)
    start = round((size - length) * min(1.0, max(0.0, travelled)))
    return range(start, start + length)


class ThinScrollBarRender(ScrollBarRender):
    """Draws whole cells only: Textual's partial blocks are of ambiguous width, and repaint at every row."""

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: Color = Color.default(),  # noqa: B008 - Textual's signature; the value never changes
        bar_color: Color = Color.default(),  # noqa: B008
    ) -> Segments:
        covered = thumb(int(size), virtual_size, window_size, position)
        mark = glyphs().scroll_thumb if vertical else glyphs().bar
        before = Segment(
            " " * (thickness if vertical else 1), Style(bgcolor=back_color, meta={"@mouse.down": "scroll_up"})
        )
        after = Segment(before.text, Style(bgcolor=back_color, meta={"@mouse.down": "scroll_down"}))
        grip = Style(color=bar_color, bgcolor=back_color, meta={"@mouse.down": "grab"})
        held = Segment(mark + before.text[1:], grip)
        cells = [before if cell < covered.start else held if cell in covered else after for cell in range(int(size))]
        if vertical:
            return Segments(cells, new_lines=True)
        return Segments([*cells, Segment.line()] * thickness)


def install() -> None:
    """Make every scroll bar of this process thin."""
    ScrollBar.renderer = ThinScrollBarRender
