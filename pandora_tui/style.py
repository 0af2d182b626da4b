"""Owns how things read on screen: glyphs, severity marks, colour roles, units, and hostile text made safe."""

from __future__ import annotations

import enum
import math
import os
import sys
import unicodedata
from functools import cache
from typing import NamedTuple

from pandora_core.model import Severity


class Role(enum.StrEnum):
    """What a piece of text means; a theme gives each role its colour and weight."""

    TEXT = "text"
    MUTED = "muted"
    FAINT = "faint"
    STRONG = "strong"
    ACCENT = "accent"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"
    CURSOR = "cursor"
    CURSOR_BLURRED = "cursor-blurred"


class Glyphs(NamedTuple):
    """Every mark that the chrome draws besides letters and Textual's borders."""

    critical: str
    high: str
    medium: str
    low: str
    informational: str
    cursor: str
    live: str
    stopped: str
    problem: str
    crumb: str
    ellipsis: str
    rule: str
    bar: str
    bar_half: str
    bar_rest: str
    scroll_thumb: str


UNICODE = Glyphs("▲", "▲", "■", "·", "◦", "▸", "●", "◦", "▲", "›", "…", "─", "━", "╸", "─", "┃")
ASCII = Glyphs("!", "^", "=", ".", "-", ">", "*", "o", "!", ">", "~", "-", "=", "-", ".", "#")

AMBIGUOUS_GLYPHS = frozenset("▲■·●…─━│┃┌┐└┘├┤╭╮╯╰")
"""The only characters of East Asian Width class A that the chrome may draw (UAX #11).

A terminal set up for East Asian text may give them two cells; the severity marks and the box drawing are worth it.
Where it hurts, ``PANDORA_ASCII=1`` draws the whole chrome in ASCII.
"""


@cache
def glyphs() -> Glyphs:
    """The glyphs of this process's terminal, decided once: see :func:`is_ascii_terminal`."""
    encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    return ASCII if is_ascii_terminal(os.environ.get("PANDORA_ASCII", ""), encoding) else UNICODE


def is_ascii_terminal(setting: str, encoding: str) -> bool:
    """Whether to draw in ASCII: ``setting`` (of PANDORA_ASCII) says so, or ``encoding`` is not a Unicode one."""
    if setting:
        return setting.lower() not in ("0", "no", "false")
    return not encoding.lower().replace("_", "-").startswith("utf")


class SeverityMark(NamedTuple):
    """A severity as it is drawn: always glyph and word together, coloured by role. ``str`` gives ``▲ CRIT``."""

    glyph: str
    word: str
    role: Role

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


def severity_mark(severity: Severity) -> SeverityMark:
    """The mark of a severity; six cells wide for each of them but MED and LOW, which need five."""
    marks = glyphs()
    match severity:
        case Severity.CRITICAL:
            return SeverityMark(marks.critical, "CRIT", Role.CRITICAL)
        case Severity.HIGH:
            return SeverityMark(marks.high, "HIGH", Role.HIGH)
        case Severity.MEDIUM:
            return SeverityMark(marks.medium, "MED", Role.MEDIUM)
        case Severity.LOW:
            return SeverityMark(marks.low, "LOW", Role.LOW)
        case _:
            return SeverityMark(marks.informational, "INFO", Role.INFORMATIONAL)


def size_text(size_bytes: float) -> str:
    """Bytes in binary units: ``512 B``, ``1.5 KiB``, ``23 MiB``."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1023.5 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f} {unit}" if unit != "B" and abs(value) < 9.95 else f"{value:,.0f} {unit}"


def duration_text(seconds: float) -> str:
    """How long something took: ``4ms``, ``0.3s``, ``12s``, ``1m15s``, ``2h05m``, ``3d04h``."""
    if not math.isfinite(seconds):
        return "?"
    size = abs(seconds)
    sign = "-" if seconds < 0 else ""
    if size < 0.0995:
        return f"{sign}{size * 1000:.0f}ms"
    if size < 9.95:
        return f"{sign}{size:.1f}s"
    whole = round(size)
    for big, small, big_unit, small_unit in ((86_400, 3_600, "d", "h"), (3_600, 60, "h", "m"), (60, 1, "m", "s")):
        if whole >= big:
            return f"{sign}{whole // big}{big_unit}{whole % big // small:02d}{small_unit}"
    return f"{sign}{whole}s"


def age_text(seconds: float) -> str:
    """How long ago, in at most four cells: ``now``, ``42s``, ``2m``, ``31m``, ``5h``, ``12d``, ``9w``, ``3y``."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 1:
        return "now"
    for unit, length in (("y", 31_557_600), ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        floor = length * 9 if unit == "w" else length
        if seconds >= floor:
            return f"{min(seconds // length, 999):.0f}{unit}"
    return f"{seconds:.0f}s" if seconds < 59.5 else "59s"


def count_text(count: float) -> str:
    """A count or a rate in at most six cells: ``4,812``, ``99,999``, ``123k``, ``4.8M``."""
    if not math.isfinite(count):
        return "?"
    size = abs(count)
    if size < 99_999.5:
        return f"{count:,.0f}" if size >= 9.95 or count == int(count) else f"{count:.1f}"
    for unit, length in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= length * 0.9995:
            value = count / length
            return f"{value:.1f}{unit}" if abs(value) < 9.95 else f"{value:.0f}{unit}"
    return f"{count:,.0f}"


def cell_width(text: str) -> int:
    """Terminal cells that ``text`` takes."""
    return len(text) if text.isascii() else _cells(text)


def safe_text(text: str, cells: int = 1_000, *, markup: bool = False) -> str:
    """Log text made harmless and at most ``cells`` cells wide.

    Control, format (bidirectional overrides, zero-width) and undecodable characters become visible; a newline or tab
    too, so that one value stays on one line; piles of combining marks are cut. With ``markup`` the result can be put
    where Textual reads markup: its brackets are escaped (and a space follows a last backslash).
    """
    if not (text.isascii() and text.isprintable()):
        # Nothing below makes text shorter but dropped marks: four characters a cell are plenty to look at.
        text = _visible(text[: 4 * cells + 4])
    if cell_width(text) > cells:
        text = fit(text, cells)
    return _escape(text) if markup else text


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """``text`` in exactly ``cells`` cells: padded (on the left when ``right``), or cut with an ellipsis."""
    width = cell_width(text)
    if width > cells:
        if cells <= 1:
            return glyphs().ellipsis[:cells]
        text = _cut(text, cells - 1) + glyphs().ellipsis
        width = cell_width(text)
    return " " * (cells - width) + text if right else text + " " * (cells - width)


def fit_end(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells, its end kept: of a path, the name of the file and not the root."""
    kept = text
    while cell_width(kept) > max(0, cells - 1):
        kept = kept[max(1, (cell_width(kept) - cells + 1) // 2) :]
    return fit(text if cell_width(text) <= cells else glyphs().ellipsis + kept, cells)


def _cells(text: str) -> int:
    from rich.cells import cell_len  # here, so that commands that only name a severity do not load rich

    return cell_len(text)


def _cut(text: str, cells: int) -> str:
    if text.isascii():
        return text[:cells]
    end = used = 0
    for end, character in enumerate(text):
        used += _cells(character)
        if used > cells:
            return text[:end]
    return text[: end + 1]


def _visible(text: str) -> str:
    if glyphs() is ASCII:
        text = text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
    shown: list[str] = []
    marks = _MOST_MARKS  # a mark with no letter before it would land on whatever is drawn to the left
    for character in text:
        if not character.isprintable():
            marks = _MOST_MARKS
            shown.append(_picture(character))
        elif character >= "\u0300" and unicodedata.category(character) in ("Mn", "Me"):
            marks += 1
            if marks <= _MOST_MARKS and not unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
                shown.append(character)
        else:
            marks = 0
            shown.append(character)
    return "".join(shown)


def _picture(character: str) -> str:
    """A visible stand-in: a control picture (U+2400…) or caret notation, a plain space, or the code point."""
    code = ord(character)
    if unicodedata.category(character) == "Zs":
        return " "
    if glyphs() is ASCII:
        return f"^{chr(code ^ 0x40)}" if code < 0x80 else f"<{code:x}>"
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<{code:x}>"


def _escape(text: str) -> str:
    # One backslash before a bracket is what Textual's markup looks for; a last one would reach into what follows.
    text = text.replace("[", "\\[")
    return text + " " if text.endswith("\\") else text


_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "×": "x", "·": "-", "±": "+-"}
)
_MOST_MARKS = 2  # combining marks on one letter: no living script needs more, "zalgo" attacks do
