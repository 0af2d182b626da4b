"""Owns the canvas of the network: which part is in view, which host is chosen, and what lies over the hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.message import Message

from pandora_tui.style import ASCII, Role, glyphs, safe_text, severity_mark
from pandora_tui.survey.sights import USER, label_of, severity_of_bits
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:  # NumPy is imported by the errand that makes the first picture
    from pandora_tui.survey.sights import Picture
    from pandora_tui.widgets.raster import Layer, Mark, Marks, View

QUIET_SHARE = 0.08
"""The share of the canvas that quiet lines may fill."""

LABEL = 16
_LABELLED = 8
_ZOOM = 1.5
_LEVELS = ((0.25, 4), (0.1, 3), (0.03, 2), (0.005, 1))
_LEVEL_ROLES = (Role.FAINT, Role.TEXT, Role.MEDIUM, Role.HIGH, Role.CRITICAL)
_USER, _SERVICE = "@", "+"
_BESIDE = 0.5
"""Accounts and services that one asked for are seen before hosts of which nothing is known."""

_BRAILLE_LEVELS, _ASCII_LEVELS = "⠂⠒⠶⠿⣿", ".o%O@"


class GraphCanvas(Lines, can_focus=True):
    """Draws a picture of the graph; only lines that differ from the frame before are painted."""

    class Chosen(Message):
        """A host was chosen with the mouse."""

        def __init__(self, host: str) -> None:
            super().__init__()
            self.host = host

    DEFAULT_CSS: ClassVar[str] = "GraphCanvas { height: 1fr; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__(self._draw)
        self.picture: Picture | None = None
        self.chosen = ""
        self.move = -1
        self.chances: Mapping[str, float] | None = None
        self._view: View | None = None
        self._marked: Marks | None = None
        self._drawn: tuple[list[Layer], Marks] | None = None

    def show(self, picture: Picture) -> None:
        """Draw another picture, from where one looks now."""
        from pandora_tui.widgets.raster import View

        self.picture, self._marked = picture, None
        self._view = self._view or View()
        self._changed()

    def choose(self, host: str, *, move: int = -1) -> None:
        """Mark a host, and a ranked move if one is meant; brought into view if it is not."""
        self.chosen, self.move = host, move
        self._bring_into_view(host)
        self._changed()

    def lay_over(self, chances: Mapping[str, float] | None) -> None:
        """Show a chance at every host in place of its risk; ``None`` takes it away."""
        if chances is not self.chances:
            self.chances, self._marked = chances, None
            self._changed()

    def pan(self, x: float, y: float) -> None:
        """Move by shares of what is in view."""
        self._look(self._view and self._view.panned(x, y))

    def zoom(self, steps: int) -> None:
        """Nearer for positive steps. The chosen host stays where it is if it is in view."""
        self._look(self._view and self._view.zoomed(_ZOOM**steps))

    def whole(self) -> None:
        """The whole graph again."""
        from pandora_tui.widgets.raster import View

        self._look(self._view and View())

    def on_click(self, event: events.Click) -> None:
        from pandora_tui.widgets.raster import nearest

        if self.picture is None or self._view is None:
            return
        found = nearest(self.picture.points, self._view, *self.size, event.x, event.y)
        if found is not None:
            self.post_message(self.Chosen(self.picture.names[found]))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.zoom(-1)

    def _changed(self) -> None:
        """Layers and marks are made anew; while one only looks elsewhere they stay."""
        self._drawn = None
        self.redraw()

    def _look(self, view: View | None) -> None:
        if view is not None and view != self._view:
            self._view = view
            self.redraw()

    def _bring_into_view(self, host: str) -> None:
        from pandora_tui.widgets.raster import cells_of

        if self.picture is None or self._view is None or host not in self.picture.index:
            return
        point = self.picture.points[self.picture.index[host]]
        column, row = cells_of(point.reshape(1, 2), self._view, *self.size)[0]
        if not (0 <= column < self.size.width and 0 <= row < self.size.height):
            self._view = self._view.centred(float(point[0]), float(point[1]))

    def _draw(self, width: int, height: int) -> list[Line]:
        if self.picture is None or self._view is None:
            return [[Piece(" reading the graph …", Role.MUTED)]]
        from pandora_tui.widgets.raster import draw

        if self._drawn is None:
            self._drawn = self._layers(self.picture), self._marks(self.picture)
        layers, marks = self._drawn
        return draw(self.picture.points, layers, marks, self._view, width, height)

    def _layers(self, picture: Picture) -> list[Layer]:
        """Quiet lines, the chosen host's, and over them the ranked moves and the chosen one of these."""
        import numpy as np

        from pandora_tui.widgets.raster import Layer

        layers = [Layer(picture.pairs, Role.FAINT, QUIET_SHARE)]
        at = picture.index.get(self.chosen)
        if at is not None:
            layers.append(Layer(picture.pairs[(picture.pairs == at).any(axis=1)], Role.ACCENT, 2 * QUIET_SHARE))
        ends = [(picture.index[one.source], picture.index[one.target]) for one in picture.moves[:_LABELLED]]
        moves = np.array(ends, dtype=np.int64).reshape(-1, 2)
        layers.append(Layer(moves, Role.WARN))
        if 0 <= self.move < len(picture.moves):
            move = picture.moves[self.move]
            chosen = np.array([[picture.index[move.source], picture.index[move.target]]])
            layers.append(Layer(chosen, Role.CRITICAL))
        return layers

    def _marks(self, picture: Picture) -> Marks:
        """A mark for each host, and over them the chosen one."""
        from pandora_tui.widgets.raster import Mark, Marks

        if self._marked is None:
            named = self._named(picture)
            self._marked = Marks.of(
                self._mark(picture, number, name, named) for number, name in enumerate(picture.names)
            )
        at = picture.index.get(self.chosen)
        if at is None:
            return self._marked
        label = self._label(self.chosen)
        return self._marked.and_over_them(Mark(at, glyphs().cursor, Role.STRONG, label=label))

    def _mark(self, picture: Picture, number: int, host: str, named: set[str]) -> Mark:
        from pandora_tui.widgets.raster import Mark

        label = self._label(host) if host in named else ""
        if self.chances is not None:
            chance = self.chances.get(host, 0.0)
            level = next((level for floor, level in _LEVELS if chance >= floor), 0)
            levels = _ASCII_LEVELS if glyphs() is ASCII else _BRAILLE_LEVELS
            return Mark(number, levels[level], _LEVEL_ROLES[level], chance, label)
        bits = picture.bits.get(host, 0.0)
        mark = severity_mark(severity_of_bits(bits))
        if host in picture.jewels:
            return Mark(number, "#" if glyphs() is ASCII else "⌂", mark.role, bits + 1, label)
        if number >= picture.host_count:
            return Mark(number, _USER if host.startswith(USER) else _SERVICE, mark.role, bits + _BESIDE, label)
        return Mark(number, mark.glyph, mark.role, bits, label)

    def _label(self, host: str) -> str:
        chance = self.chances.get(host, 0.0) if self.chances is not None else 0.0
        text = safe_text(label_of(host), LABEL)
        return f"{text} {chance:.0%}" if chance >= 0.005 else text

    def _named(self, picture: Picture) -> set[str]:
        """Hosts that are labelled: of a walk the likeliest, else what must not fall and who made the first moves."""
        if self.chances is not None:
            return set(sorted(self.chances, key=lambda host: -self.chances.get(host, 0.0))[:_LABELLED])  # type: ignore[union-attr]
        named = set(list(picture.jewels)[:_LABELLED])
        for one in picture.moves[: _LABELLED // 2]:
            named |= {one.source, one.target, f"{USER}{one.user}"}
        if len(picture.hosts) <= 2 * _LABELLED:
            named |= set(picture.names)
        return named
