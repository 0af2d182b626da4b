"""Owns how the graph becomes cells: what of it is in view, lines in braille dots, and hosts as glyphs over them.

The heavy part is done by NumPy on whole arrays. Nothing here knows of widgets; text from logs comes in made safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pandora_tui.style import ASCII, Role, cell_width, glyphs
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

Points = NDArray[np.float64]
Pairs = NDArray[np.int64]
Cells = NDArray[np.int64]

MOST_ZOOM, LEAST_ZOOM = 64.0, 0.5
ROOM = 24
"""So many cells there are to each mark that stands out: what stands closer cannot be read, and costs much to send."""

_BLANK = 0x2800
_SPACE = ord(" ")
_BITS = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1))
"""Row and column of the dot of each bit of a braille character."""

_DOTS_OF = ("·", ".")
_LEAST_LOUD = 24
_MARGIN = 0.04
_ROLES = tuple(Role)
_NUMBERS = {role: number for number, role in enumerate(_ROLES)}


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


class Marks(NamedTuple):
    """Marks as arrays, the least rank first, for frames that follow each other."""

    hosts: NDArray[np.int64]
    glyphs: NDArray[np.uint32]
    roles: NDArray[np.uint8]
    labelled: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, marks: Iterable[Mark]) -> Marks:
        """From marks in any order."""
        known = sorted(marks, key=lambda mark: mark.rank)
        return cls(
            np.array([mark.host for mark in known], dtype=np.int64),
            np.array([ord(mark.glyph) for mark in known], dtype=np.uint32),
            np.array([_NUMBERS[mark.role] for mark in known], dtype=np.uint8),
            tuple(mark for mark in reversed(known) if mark.label),
        )

    def and_over_them(self, mark: Mark) -> Marks:
        """With one more mark, which lies over all of these."""
        one = Marks.of([mark])
        return Marks(
            np.concatenate([self.hosts, one.hosts]),
            np.concatenate([self.glyphs, one.glyphs]),
            np.concatenate([self.roles, one.roles]),
            (*one.labelled, *(other for other in self.labelled if other.host != mark.host)),
        )


def draw(points: Points, layers: Sequence[Layer], marks: Marks, view: View, width: int, height: int) -> list[Line]:
    """The lines of a canvas of ``width`` by ``height`` cells.

    Of the marks in view those with the greatest rank stand out, one to each :data:`ROOM` cells; the others are quiet
    dots. The nearer one looks, the more of them stand out.
    """
    if width <= 0 or height <= 0:
        return []
    canvas = _Canvas(width, height)
    canvas.draw_layers(_placed(points, view, width, height), layers)
    canvas.put_marks(cells_of(points, view, width, height), marks)
    return canvas.lines()


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


class _Canvas:
    """Characters and roles cell by cell, rows first."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._codes = np.full((height, width), _SPACE, dtype=np.uint32)
        self._roles = np.full((height, width), _NUMBERS[Role.FAINT], dtype=np.uint8)

    def draw_layers(self, placed: Points, layers: Sequence[Layer]) -> None:
        size = np.array([2 * self._width, 4 * self._height])
        points = placed * np.array([2, 4])
        dots = np.zeros((self._height, self._width), dtype=np.uint8)
        for layer in layers:
            most = round(layer.share * float(size.prod()))
            found = _packed(_dots(points, layer.pairs, size, most), self._width, self._height)
            dots |= found
            self._roles[found > 0] = _NUMBERS[layer.role]
        drawn = dots > 0
        self._codes[drawn] = ord(".") if glyphs() is ASCII else _BLANK | dots[drawn].astype(np.uint32)

    def put_marks(self, cells: Cells, marks: Marks) -> None:
        """Hosts over lines, those that matter most on top; then their labels, where no other one stands."""
        columns, rows = cells[marks.hosts].T if len(cells) else np.zeros((2, 0), dtype=np.int64)
        seen = np.flatnonzero((columns >= 0) & (columns < self._width) & (rows >= 0) & (rows < self._height))
        quiet, loud = np.split(seen, [max(len(seen) - max(self._width * self._height // ROOM, _LEAST_LOUD), 0)])
        self._codes[rows[quiet], columns[quiet]] = ord(_DOTS_OF[glyphs() is ASCII])
        self._roles[rows[quiet], columns[quiet]] = _NUMBERS[Role.FAINT]
        self._codes[rows[loud], columns[loud]] = marks.glyphs[loud]  # of several in one cell the last one stays
        self._roles[rows[loud], columns[loud]] = marks.roles[loud]
        taken = np.zeros((self._height, self._width), dtype=bool)
        taken[rows[loud], columns[loud]] = True
        for mark in marks.labelled:
            column, row = cells[mark.host].tolist()
            if 0 <= column < self._width and 0 <= row < self._height:
                self._put_label(taken, mark, column, row)

    def _put_label(self, taken: NDArray[np.bool_], mark: Mark, column: int, row: int) -> None:
        """Right of the mark, else left of it, else nowhere. Wide characters are left out: they break the grid."""
        label = "".join(character for character in mark.label if cell_width(character) == 1)
        for start in (column + 2, column - 1 - len(label)):
            end = start + len(label)
            if start < 0 or end > self._width or taken[row, start:end].any():
                continue
            for number, character in enumerate(f" {label} ", start - 1):  # a space at both ends, if there is room
                if 0 <= number < self._width and not taken[row, number]:
                    self._codes[row, number], self._roles[row, number] = ord(character), _NUMBERS[mark.role]
            taken[row, max(start - 1, 0) : end + 1] = True
            return

    def lines(self) -> list[Line]:
        """Cells of one role as one piece; what is empty goes with what stands left of it."""
        roles = self._spread_roles()
        texts = self._codes.view(f"U{self._width}")[:, 0].tolist()
        return [_line(text.ljust(self._width), row) for text, row in zip(texts, roles, strict=True)]

    def _spread_roles(self) -> NDArray[np.uint8]:
        place = np.where(self._codes == _SPACE, 0, np.arange(self._width))
        spread: NDArray[np.uint8] = np.take_along_axis(self._roles, np.maximum.accumulate(place, axis=1), axis=1)
        return spread


def _dots(points: Points, pairs: Pairs, size: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The dots of lines between pairs of points that are on the canvas: columns and rows, about ``most`` of them."""
    start, way = points[pairs[:, 0]], points[pairs[:, 1]] - points[pairs[:, 0]]
    first, last = _clipped(start, way, size)
    seen = first < last
    start, way, first, last = start[seen], way[seen], first[seen], last[seen]
    longest = np.maximum(np.abs(way[:, 0]), np.abs(way[:, 1]))  # by columns: reductions along rows of two are slow
    counts = np.ceil(longest * (last - first)).astype(np.int64) + 1
    drawn = int(np.searchsorted(np.cumsum(counts), most))
    start, way, first, last, counts = start[:drawn], way[:drawn], first[:drawn], last[:drawn], counts[:drawn]
    line = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = first[line] + (last - first)[line] * step / np.maximum(counts[line] - 1, 1)
    dots = np.floor(start[line] + way[line] * share[:, None]).astype(np.int64)
    columns, rows = dots.T
    kept: NDArray[np.int64] = dots[(columns >= 0) & (columns < size[0]) & (rows >= 0) & (rows < size[1])]
    return kept


def _clipped(start: Points, way: Points, size: NDArray[np.int64]) -> tuple[Points, Points]:
    """From which share of each line to which it is on the canvas (Liang and Barsky, ACM TOG 3, 1, 1984)."""
    safe = np.where(np.abs(way) < 1e-9, 1e-9, way)
    one, other = (0 - start) / safe, (size - start) / safe
    (left, top), (right, bottom) = np.minimum(one, other).T, np.maximum(one, other).T
    return np.maximum(np.maximum(left, top), 0), np.minimum(np.minimum(right, bottom), 1)


def _packed(dots: NDArray[np.int64], width: int, height: int) -> NDArray[np.uint8]:
    """The dots of each cell as the bits of its braille character."""
    grid = np.zeros((height, 4, width, 2), dtype=np.uint8)
    grid[dots[:, 1] >> 2, dots[:, 1] & 3, dots[:, 0] >> 1, dots[:, 0] & 1] = 1
    packed: NDArray[np.uint8] = np.zeros((height, width), dtype=np.uint8)
    for bit, (row, column) in enumerate(_BITS):
        packed |= grid[:, row, :, column] << np.uint8(bit)
    return packed


def _line(text: str, roles: NDArray[np.uint8]) -> Line:
    """Cells of one role as one piece."""
    ends = [*(np.flatnonzero(roles[1:] != roles[:-1]) + 1).tolist(), len(text)]
    starts = [0, *ends[:-1]]
    return [Piece(text[start:end], _ROLES[roles[start]]) for start, end in zip(starts, ends, strict=True)]
