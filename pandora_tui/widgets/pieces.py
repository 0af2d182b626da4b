"""Owns how pieces of text, each in a role, become one line of a widget in the colours of the theme."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.style import Role, cell_width
from pandora_tui.themes import styles_of


class Piece(NamedTuple):
    """Some text in one role; a click on it runs ``action``."""

    text: str
    role: Role = Role.TEXT
    action: str = ""


def width_of(pieces: Iterable[Piece]) -> int:
    """Cells that the pieces take together."""
    return sum(cell_width(piece.text) for piece in pieces)


def draw_line(widget: Widget, pieces: Iterable[Piece], under: Role | None = None) -> Strip:
    """The pieces as a line exactly as wide as ``widget``, on its background, or on that of the role ``under``."""
    styles = styles_of(widget.app)
    base = widget.visual_style.rich_style
    if under is not None:
        base += styles[under]
    segments: list[Segment] = []
    for text, role, action in pieces:
        # Reversed, every role's colour would become a patch of background: there, only the weight is kept.
        style = base + (Style(bold=styles[role].bold) if base.reverse else styles[role])
        if action:
            style += Style(meta={"@click": action})
        if segments and segments[-1].style == style:  # one segment for two: fewer bytes on the wire
            segments[-1] = Segment(segments[-1].text + text, style)
        elif text:
            segments.append(Segment(text, style))
    return Strip(segments).adjust_cell_length(widget.size.width, base)
