"""Owns how the graph becomes cells: what of it is in view, lines in braille dots, and hosts as glyphs over them.

The heavy part is done by NumPy on whole arrays. Nothing here knows of widgets; text from logs comes in made safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pandora_tui.style import ASCII, Role, cell_width, glyphs
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

Points = NDArray[np.float64]
Pairs = NDArray[np.int64]
Cells = NDArray[np.int64]

MOST_ZOOM, LEAST_ZOOM = 64.0, 0.5
_BLANK = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_MARGIN = 0.04


@dataclass(frozen=True, slots=True)
class View:
    """What is in view: the middle, in the graph's coordinates 0–1, and how often the whole fits in less."""

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0

    def panned(self, x: float, y: float) -> View:
        """Moved by shares of what is in view."""
        return self.centred(self.x + x / self.zoom, self.y + y / self.zoom)

    def zoomed(self, factor: float) -> View:
        """Nearer or farther, the middle where it is."""
        return replace(self, zoom=min(max(self.zoom * factor, LEAST_ZOOM), MOST_ZOOM))

    def centred(self, x: float, y: float) -> View:
        """With another middle, never beside the graph."""
        return replace(self, x=min(max(x, 0.0), 1.0), y=min(max(y, 0.0), 1.0))


class Layer(NamedTuple):
    """Lines between numbered points, in one role; later layers lie over earlier ones.

    Of the lines in view the first are drawn, until their dots are the ``share`` of the canvas: the nearer one looks,
    the more of them.
    """

    pairs: Pairs
    role: Role
    share: float = 1.0


class Mark(NamedTuple):
    """How a host is drawn; of two in one cell the one with the greater ``rank`` is seen. A label goes beside it."""

    host: int
    glyph: str
    role: Role
    rank: float = 0.0
    label: str = ""


def draw(
    points: Points, layers: Sequence[Layer], marks: Iterable[Mark], view: View, width: int, height: int
) -> list[Line]:
    """The lines of a canvas of ``width`` by ``height`` cells."""
    if width <= 0 or height <= 0:
        return []
    text, roles = _drawn_layers(points, layers, view, width, height)
    _put_marks(text, roles, cells_of(points, view, width, height), marks)
    return [_line(row, its) for row, its in zip(text, roles, strict=True)]


def cells_of(points: Points, view: View, width: int, height: int) -> Cells:
    """The column and row of every point; those out of view are out of the canvas."""
    cells: Cells = np.floor(_placed(points, view, width, height)).astype(np.int64)
    return cells


def nearest(points: Points, view: View, width: int, height: int, column: int, row: int) -> int | None:
    """The point nearest to a cell, if one is within three columns and two rows."""
    if not len(points):
        return None
    gap = _placed(points, view, width, height) - np.array([column + 0.5, row + 0.5])
    far = np.hypot(gap[:, 0] / 2, gap[:, 1])
    best = int(np.argmin(far))
    return best if far[best] <= 1.6 else None


def _placed(points: Points, view: View, width: int, height: int) -> Points:
    """Cells as numbers with a fraction."""
    scaled = (points - np.array([view.x, view.y])) * view.zoom * (1 - 2 * _MARGIN) + 0.5
    placed: Points = scaled * np.array([width, height])
    return placed


def _drawn_layers(
    points: Points, layers: Sequence[Layer], view: View, width: int, height: int
) -> tuple[list[list[str]], list[list[Role]]]:
    """The characters and roles of all cells, hosts left out."""
    size = np.array([2 * width, 4 * height])
    dots_of = _placed(points, view, width, height) * np.array([2, 4])
    codes, top = np.zeros((height, width), dtype=np.uint8), np.full((height, width), -1)
    for number, layer in enumerate(layers):
        most = round(layer.share * float(size.prod()))
        found = _packed(_dots(dots_of, layer.pairs, size, most), width, height)
        codes |= found
        top[found > 0] = number
    known = [layer.role for layer in layers]
    roles = [[known[number] if number >= 0 else Role.TEXT for number in row] for row in top.tolist()]
    if glyphs() is ASCII:
        return [["." if code else " " for code in row] for row in codes.tolist()], roles
    return [[chr(_BLANK | code) if code else " " for code in row] for row in codes.tolist()], roles


def _dots(points: Points, pairs: Pairs, size: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The dots of lines between pairs of points that are on the canvas: columns and rows, about ``most`` of them."""
    start, way = points[pairs[:, 0]], points[pairs[:, 1]] - points[pairs[:, 0]]
    first, last = _clipped(start, way, size)
    seen = first < last
    start, way, first, last = start[seen], way[seen], first[seen], last[seen]
    counts = np.ceil(np.abs(way).max(axis=1, initial=0) * (last - first)).astype(np.int64) + 1
    drawn = int(np.searchsorted(np.cumsum(counts), most))
    start, way, first, last, counts = start[:drawn], way[:drawn], first[:drawn], last[:drawn], counts[:drawn]
    line = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = first[line] + (last - first)[line] * step / np.maximum(counts[line] - 1, 1)
    dots = np.floor(start[line] + way[line] * share[:, None]).astype(np.int64)
    kept: NDArray[np.int64] = dots[((dots >= 0) & (dots < size)).all(axis=1)]
    return kept


def _clipped(start: Points, way: Points, size: NDArray[np.int64]) -> tuple[Points, Points]:
    """From which share of each line to which it is on the canvas (Liang and Barsky, ACM TOG 3, 1, 1984)."""
    safe = np.where(np.abs(way) < 1e-9, 1e-9, way)
    one, other = (0 - start) / safe, (size - start) / safe
    first: Any = np.maximum(np.minimum(one, other).max(axis=1, initial=-np.inf), 0)
    last: Any = np.minimum(np.maximum(one, other).min(axis=1, initial=np.inf), 1)
    return first, last


def _packed(dots: NDArray[np.int64], width: int, height: int) -> NDArray[np.uint8]:
    grid = np.zeros((4 * height, 2 * width), dtype=bool)
    grid[dots[:, 1], dots[:, 0]] = True
    cells = grid.reshape(height, 4, width, 2)
    packed: NDArray[np.uint8] = np.einsum("hrwc,rc->hw", cells, _DOTS, dtype=np.uint8, casting="unsafe")
    return packed


def _put_marks(text: list[list[str]], roles: list[list[Role]], cells: Cells, marks: Iterable[Mark]) -> None:
    """Hosts over lines, those that matter most on top; then their labels, where no mark or label stands."""
    height, width = len(text), len(text[0])
    places = cells.tolist()
    seen = [mark for mark in marks if 0 <= places[mark.host][0] < width and 0 <= places[mark.host][1] < height]
    seen.sort(key=lambda mark: mark.rank)
    taken: set[tuple[int, int]] = set()
    for mark in seen:
        column, row = places[mark.host]
        text[row][column], roles[row][column] = mark.glyph, mark.role
        taken.add((column, row))
    for mark in reversed(seen):
        if mark.label:
            _put_label(text, roles, taken, mark, *places[mark.host])


def _put_label(
    text: list[list[str]],
    roles: list[list[Role]],
    taken: set[tuple[int, int]],
    mark: Mark,
    column: int,
    row: int,
) -> None:
    """Right of the mark, else left of it, else nowhere. Wide characters are left out: they would break the grid."""
    label = "".join(character for character in mark.label if cell_width(character) == 1)
    for start in (column + 2, column - 1 - len(label)):
        cells = [(start + number, row) for number in range(-1, len(label) + 1)]
        if start >= 0 and start + len(label) <= len(text[0]) and taken.isdisjoint(set(cells) - {(column, row)}):
            for number, character in enumerate(f" {label} ", start - 1):  # a space at both ends, where no mark stands
                if 0 <= number < len(text[0]) and (number, row) not in taken:
                    text[row][number], roles[row][number] = character, mark.role
            taken.update(cells)
            return


def _line(text: list[str], roles: list[Role]) -> Line:
    """Cells of one role as one piece."""
    line, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or roles[end] is not roles[start]:
            line.append(Piece("".join(text[start:end]), roles[start]))
            start = end
    return line
