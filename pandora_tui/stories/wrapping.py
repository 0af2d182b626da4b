"""Owns the breaking of text into lines of so many cells: at spaces for sentences, anywhere for raw lines."""

from __future__ import annotations

from pandora_tui.style import cell_width


def wrapped(text: str, cells: int) -> list[str]:
    """A sentence as lines of at most ``cells`` cells; a word that is longer is broken. Never empty."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cell_width(longer) <= cells:
            line = longer
            continue
        lines += [line] if line else []
        *whole, line = chopped(word, cells)
        lines += whole
    return [*lines, line]


def chopped(text: str, cells: int) -> list[str]:
    """Text as lines of at most ``cells`` cells, broken wherever a line is full. Never empty."""
    if cells < 2:
        return [text[:1]]  # no room for anything, and a wide character would never fit
    if text.isascii():
        return [text[start : start + cells] for start in range(0, len(text), cells)] or [""]
    lines, line, used = [], "", 0
    for character in text:
        width = cell_width(character)
        if used + width > cells:
            lines.append(line)
            line, used = "", 0
        line += character
        used += width
    return [*lines, line]
