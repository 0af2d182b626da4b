"""Owns the drawing of numbers in characters: braille where the terminal has it, else ASCII; pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pandora_tui.style import ASCII, glyphs

_BLANK_BRAILLE = 0x2800
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The bits of a braille cell: left and right column, each from the bottom up (Unicode block U+2800)."""
_ASCII_LEVELS = " .:|"


def sparkline(values: Sequence[float], cells: int, *, low: float = 0.0, high: float | None = None) -> str:
    """The last values as a line of ``cells``: filled columns four dots high, two values a cell, newest on the right.

    ``low`` and ``high`` are the ends of the scale; ``high`` is the greatest value where it is not given. What is not
    a finite number leaves a gap. A value above ``low`` is never drawn as nothing.
    """
    if glyphs() is ASCII:
        heights = _heights(values, cells, 3, low, high)
        return "".join(_ASCII_LEVELS[height] for height in heights)
    heights = _heights(values, 2 * cells, 4, low, high)
    pairs = zip(heights[::2], heights[1::2], strict=True)
    return "".join(_cell(_column(0, 0, left) | _column(1, 0, right)) for left, right in pairs)


def line_plot(
    values: Sequence[float], cells: int, rows: int, *, low: float | None = None, high: float | None = None
) -> list[str]:
    """The last values as a line of dots, ``rows`` lines from top to bottom; the scale fits where it is not given."""
    if cells <= 0 or rows <= 0:
        return [""] * rows
    finite = [value for value in values[-2 * cells :] if math.isfinite(value)]
    bottom = min(finite, default=0.0) if low is None else low
    top = max(finite, default=1.0) if high is None else high
    if glyphs() is ASCII:
        return _ascii_plot(values, cells, rows, bottom, top)
    grid = [[0] * cells for _ in range(rows)]
    before: int | None = None
    shown = values[-2 * cells :]
    for x, value in enumerate(shown, 2 * cells - len(shown)):
        level = _level(value, rows * 4 - 1, bottom, top)
        if level is not None:
            start, stop = (level, level) if before is None else sorted((before, level))
            for dot in range(start, stop + 1):
                grid[rows - 1 - dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
        before = level
    return ["".join(map(_cell, line)) for line in grid]


def bar(fraction: float, cells: int) -> str:
    """The filled part of a bar, in half cells; a fraction above 0 shows at least half a cell. Not padded."""
    marks = glyphs()
    halves = round(2 * cells * min(1.0, max(0.0, fraction))) if math.isfinite(fraction) else 0
    if fraction > 0 and not halves:
        halves = 1
    return marks.bar * (halves // 2) + (marks.bar_half if halves % 2 else "")


def _level(value: float, steps: int, low: float, high: float) -> int | None:
    """Which of ``steps`` + 1 levels a value stands on, ``None`` where it is no finite number."""
    if not math.isfinite(value):
        return None
    # Halved, for the difference of two great numbers can be too great for a float; that of two tiny ones vanishes.
    span = high / 2 - low / 2
    if span <= 0:
        return 0 if value <= low else steps
    return round(steps * min(1.0, max(0.0, (value / 2 - low / 2) / span)))


def _heights(values: Sequence[float], count: int, steps: int, low: float, high: float | None) -> list[int]:
    """The heights of the last ``count`` values, filled with 0 on the left."""
    shown = values[-count:] if count else ()
    top = max((value for value in shown if math.isfinite(value)), default=low) if high is None else high
    heights = []
    for value in shown:
        level = _level(value, steps, low, top) or 0
        heights.append(max(level, 1) if math.isfinite(value) and value > low else level)
    return [0] * (count - len(heights)) + heights


def _cell(bits: int) -> str:
    return chr(_BLANK_BRAILLE | bits) if bits else " "


def _column(side: int, start: int, stop: int) -> int:
    return sum(_DOTS[side][start:stop])


def _ascii_plot(values: Sequence[float], cells: int, rows: int, low: float, high: float) -> list[str]:
    shown = values[-cells:] if cells else ()
    grid = [[" "] * cells for _ in range(rows)]
    for x, value in enumerate(shown, cells - len(shown)):
        level = _level(value, rows - 1, low, high)
        if level is not None:
            grid[rows - 1 - level][x] = "*"
    return ["".join(line) for line in grid]
