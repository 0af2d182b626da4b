"""Owns the drawing of a curve with its axes in characters, and of bars about zero; pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pandora_tui.style import Role, cell_width, fit, glyphs, safe_text
from pandora_tui.widgets.braille import bar, line_plot
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

_MARGIN = 6
_LONGEST_BAR = 60


class Axis(NamedTuple):
    """One end of a scale to the other, and what it counts."""

    low: float
    high: float
    title: str
    unit: Callable[[float], str] = "{:.2f}".format


class Curve(NamedTuple):
    """Points with ``x`` ascending; between them the curve is straight."""

    x: Sequence[float]
    y: Sequence[float]


def plot(title: str, curve: Curve, across: Axis, up: Axis, width: int, height: int) -> list[Line]:
    """A framed curve, exactly ``height`` lines: the title, the dots with their scale, the scale below."""
    rows, cells = height - 2, width - _MARGIN - 1
    if rows < 2 or cells < 8:
        return [[Piece(fit(f" {title}", max(0, width)), Role.STRONG)]][: max(0, height)]
    values = _sampled(curve, across, 2 * cells)
    drawn = line_plot(values, cells, rows, low=up.low, high=up.high)
    labels = [""] * rows
    labels[0], labels[-1] = up.unit(up.high), up.unit(up.low)
    if rows >= 5:
        labels[rows // 2] = up.unit((up.low + up.high) / 2)
    lines: list[Line] = [[Piece(f" {fit(f'{title}: {up.title}', width - 2)} ", Role.STRONG)]]
    for label, dots in zip(labels, drawn, strict=True):
        lines.append([Piece(fit(f"{label} ", _MARGIN, right=True), Role.MUTED), Piece(dots, Role.ACCENT)])
    return [*lines, _scale(across, cells)]


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks next to each other, the left one ``width`` cells wide."""
    made: list[Line] = []
    for place in range(max(len(left), len(right))):
        line = list(left[place]) if place < len(left) else []
        gap = max(0, width - sum(cell_width(piece.text) for piece in line))
        made.append([*line, Piece(" " * gap), *(right[place] if place < len(right) else [])])
    return made


def shares(rows: Sequence[tuple[str, float, str]], width: int, high: float = 0.0) -> list[Line]:
    """Labelled bars to one scale, each with its figure; what is below zero is drawn as nothing."""
    if not rows:
        return []
    label_width = min(max(cell_width(label) for label, _, _ in rows), max(6, width // 3))
    figure_width = max(cell_width(text) for _, _, text in rows)
    room = max(4, min(_LONGEST_BAR, width - label_width - figure_width - 4))
    top = high or max((value for _, value, _ in rows), default=0.0) or 1.0
    made: list[Line] = []
    for label, value, text in rows:
        drawn = bar(max(0.0, value) / top, room)
        rest = glyphs().bar_rest * (room - len(drawn))
        made.append(
            [
                Piece(f" {fit(safe_text(label), label_width)} ", Role.MUTED),
                Piece(drawn, Role.ACCENT),
                Piece(rest, Role.FAINT),
                Piece(f" {fit(text, figure_width, right=True)}"),
            ]
        )
    return made


def _sampled(curve: Curve, across: Axis, count: int) -> list[float]:
    """The curve's height at evenly spread places; what lies before its first point or after its last is a gap."""
    xs, ys = list(curve.x), list(curve.y)
    span = (across.high - across.low) or 1.0
    values, place = [], 0
    for step in range(count):
        x = across.low + span * step / max(1, count - 1)
        while place + 1 < len(xs) and xs[place + 1] < x:
            place += 1
        values.append(_between(xs, ys, place, x, span / count))
    return values


def _between(xs: list[float], ys: list[float], place: int, x: float, near: float) -> float:
    if not xs or x < xs[0] - near or x > xs[-1] + near:
        return math.nan
    if place + 1 >= len(xs) or x <= xs[place]:
        return ys[place]
    share = (x - xs[place]) / ((xs[place + 1] - xs[place]) or 1.0)
    return ys[place] + min(1.0, share) * (ys[place + 1] - ys[place])


def _scale(across: Axis, cells: int) -> Line:
    low, high = across.unit(across.low), across.unit(across.high)
    middle = fit(safe_text(across.title), max(0, min(cell_width(across.title), cells - len(low) - len(high) - 2)))
    left = max(1, (cells - cell_width(middle)) // 2 - len(low))
    right = max(1, cells - len(low) - left - cell_width(middle) - len(high))
    return [Piece(" " * _MARGIN + low + " " * left + middle + " " * right + high, Role.MUTED)]
