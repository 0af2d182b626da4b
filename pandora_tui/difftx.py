"""Owns the thrift on slow links: of what Textual would repaint, only cells that differ from what is there are sent.

Textual repaints a line from end to end and says every colour in full. This keeps what the terminal shows and sends
the difference. It builds on internals of Textual 8.2 (``_display`` and the two updates of its compositor): whatever
it does not know it leaves to Textual, and a full repaint (a resize, ctrl+l) always is Textual's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    Base = App[None]
else:
    Base = object

GAP = 5
"""So many cells that did not change are sent again rather than jumped over: a jump costs as much."""

_NARROW = re.compile("[ -~\u00b7\u2026\u2190-\u21ff\u2500-\u25fc\u2800-\u28ff]*")
"""Characters that surely take one cell: ASCII, arrows, box drawing, blocks, geometric shapes, braille."""

_WIDE = ""
"""What stands in the second cell of a character that takes two."""


class UnknownOutputError(Exception):
    """Something is to be drawn that the shadow cannot keep: Textual must draw it."""


class FrugalDisplay(Base):
    """A mixin for an app, before :class:`textual.app.App`; ``is_frugal`` switches it."""

    is_frugal: bool = True
    _shadow: Shadow | None = None

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if renderable is None or not self._is_drawing():
            super()._display(screen, renderable)
            return
        output = self._difference(renderable)
        if output is None:
            super()._display(screen, renderable)
            self._shadow = self._shadow_of(renderable)
            return
        try:
            self._send(output)
        finally:
            self.post_display_hook()

    def _is_drawing(self) -> bool:
        """Whether Textual is going to write to a terminal at all: its own conditions."""
        driver = self._driver
        is_terminal = driver is not None and not driver.is_inline and not self.is_headless
        return is_terminal and self.is_frugal and self._running and not self._closed and not self._batch_count

    def _difference(self, renderable: Any) -> str | None:
        """What to send for a partial update; ``None`` where Textual should draw."""
        shadow = self._shadow
        if not isinstance(renderable, ChopsUpdate) or shadow is None or shadow.place != self._place():
            return None
        try:
            return shadow.difference(_parts(renderable))
        except UnknownOutputError:
            return None

    def _shadow_of(self, renderable: Any) -> Shadow | None:
        """What the terminal shows after a full repaint; ``None`` (so that Textual goes on drawing) where unknown."""
        if not isinstance(renderable, LayoutUpdate) or renderable.region != self.size.region:
            return None
        shadow = Shadow(self._place(), self.console._color_system)
        try:
            for y, line in enumerate(renderable.strips):
                x = 0
                for strip in line:
                    shadow.keep(Part(y, x, strip))
                    x += strip.cell_length
        except UnknownOutputError:
            return None
        return shadow

    def _place(self) -> Place:
        return Place(self.size.width, self.size.height, getattr(self._driver, "starts", 0))

    def _send(self, output: str) -> None:
        driver = self._driver
        if not output or driver is None:
            return
        x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
        self._begin_update()
        driver.write(f"{output}\x1b[0m\x1b[{y + 1};{x + 1}H")  # where input methods look for the cursor
        self._end_update()
        driver.flush()


class Place(NamedTuple):
    """A screen: its size in cells, and how often the driver has entered it (each time, it is empty again)."""

    columns: int
    rows: int
    entered: int = 0


class Part(NamedTuple):
    """A strip and where it is drawn."""

    y: int
    x: int
    strip: Strip


class Shadow:
    """The characters and styles that a terminal shows."""

    def __init__(self, place: Place, color_system: ColorSystem | None) -> None:
        self.place = place
        self._characters = [[" "] * place.columns for _ in range(place.rows)]
        self._styles = [[-1] * place.columns for _ in range(place.rows)]
        self._palette = _Palette(color_system)

    def keep(self, part: Part) -> None:
        """Note that ``part`` has been drawn.

        Raises:
            UnknownOutputError: it goes beyond the screen, or has controls or links in it.
        """
        characters, styles = self._cells(part)
        self._put(part, characters, styles)

    def difference(self, parts: Iterable[Part]) -> str:
        """The sequences that draw ``parts`` over what is there, and note that they have been drawn."""
        pen = _Pen(self._palette)
        for part in parts:
            characters, styles = self._cells(part)
            stop = part.x + len(characters)
            before = self._characters[part.y][part.x : stop], self._styles[part.y][part.x : stop]
            if before != (characters, styles):
                for start, end in _runs(before, (characters, styles)):
                    pen.move(part.x + start, part.y)
                    pen.draw(characters[start:end], styles[start:end])
                self._put(part, characters, styles)
        return pen.output

    def _put(self, part: Part, characters: list[str], styles: list[int]) -> None:
        stop = part.x + len(characters)
        self._characters[part.y][part.x : stop] = characters
        self._styles[part.y][part.x : stop] = styles

    def _cells(self, part: Part) -> tuple[list[str], list[int]]:
        """The strip cell by cell: characters, and numbers of styles in the palette."""
        characters: list[str] = []
        styles: list[int] = []
        for text, style, control in part.strip:
            if control:
                raise UnknownOutputError
            drawn = list(text) if text.isascii() else list(_split(text))
            characters += drawn
            styles += [self._palette.number(style)] * len(drawn)
        if part.y >= self.place.rows or part.x + len(characters) > self.place.columns:
            raise UnknownOutputError
        return characters, styles


class _Palette:
    """Numbers the styles met so far and knows their SGR codes (ECMA-48, 8.3.117)."""

    def __init__(self, color_system: ColorSystem | None) -> None:
        self._color_system = color_system
        self._numbers: dict[Style | None, int] = {}
        self._number_of_codes: dict[tuple[str, str, str], int] = {}
        self.codes: list[tuple[str, str, str]] = []

    def number(self, style: Style | None) -> int:
        number = self._numbers.get(style)
        if number is None:
            codes = self._codes(style or Style.null())
            number = self._numbers[style] = self._number_of_codes.setdefault(codes, len(self.codes))
            if number == len(self.codes):
                self.codes.append(codes)
        return number

    def _codes(self, style: Style) -> tuple[str, str, str]:
        """Attributes, foreground and background of a style."""
        if style.link:
            raise UnknownOutputError
        system = self._color_system
        fore, back = (
            None if system is None or color is None else color.downgrade(system) for color in _colors(style)
        )
        return (
            _attributes(style),
            ";".join(fore.get_ansi_codes(foreground=True)) if fore else "39",
            ";".join(back.get_ansi_codes(foreground=False)) if back else "49",
        )


class _Pen:
    """Writes runs of cells with as few bytes as their places and colours allow."""

    def __init__(self, palette: _Palette) -> None:
        self._codes = palette.codes
        self._pieces: list[str] = []
        self._now: tuple[str, str, str] | None = None
        self._x = self._y = -1

    @property
    def output(self) -> str:
        return "".join(self._pieces)

    def move(self, x: int, y: int) -> None:
        if y == self._y and x > self._x:
            self._pieces.append(f"\x1b[{x - self._x}C")
        elif (x, y) != (self._x, self._y):
            self._pieces.append(f"\x1b[{y + 1};{x + 1}H")
        self._x, self._y = x, y

    def draw(self, characters: list[str], styles: list[int]) -> None:
        start = 0
        for end in range(1, len(styles) + 1):
            if end == len(styles) or styles[end] != styles[start]:
                self._dip(self._codes[styles[start]])
                self._pieces.append("".join(characters[start:end]))
                start = end
        self._x += len(characters)

    def _dip(self, wanted: tuple[str, str, str]) -> None:
        """Change the terminal's style from what it is now to ``wanted``."""
        now = self._now
        if now is None or now[0] != wanted[0]:
            codes = [code for code in ("0", *wanted) if code not in ("", "39", "49")]
        else:
            codes = [code for code, old in zip(wanted[1:], now[1:], strict=True) if code != old]
        if codes:
            self._pieces.append(f"\x1b[{';'.join(codes)}m")
        self._now = wanted


def _parts(update: ChopsUpdate) -> Iterator[Part]:
    """The strips of a partial update and their places, cut as Textual cuts them."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= last and end > first:
                is_whole = last > x >= first and end <= last
                yield Part(y, x, strip if is_whole else strip.crop(0, min(end, last) - x))


def _runs(before: tuple[list[str], list[int]], after: tuple[list[str], list[int]]) -> Iterator[tuple[int, int]]:
    """The stretches of a line that differ; those with less than a jump between them are one."""
    changed = [
        index
        for index, (one, other) in enumerate(zip(zip(*before, strict=True), zip(*after, strict=True), strict=True))
        if one != other
    ]
    characters = after[0]
    start = end = -1
    for index in changed:
        if end >= 0 and index - end <= GAP:
            end = index + 1
            continue
        if end >= 0:
            yield start, _whole(characters, end)
        start, end = index, index + 1
        while start > 0 and characters[start] == _WIDE:
            start -= 1  # only the second half differs: the first draws both
    if end >= 0:
        yield start, _whole(characters, end)


def _whole(characters: list[str], end: int) -> int:
    """``end``, moved on past the second half of a wide character."""
    while end < len(characters) and characters[end] == _WIDE:
        end += 1
    return end


def _split(text: str) -> Iterator[str]:
    """The text cell by cell; marks of no width go with the character before them."""
    if _NARROW.fullmatch(text):
        yield from text
        return
    held = ""
    for character in text:
        width = get_character_cell_size(character)
        if width == 0:
            if not held:
                raise UnknownOutputError
            held += character
            continue
        if held:
            yield from _flush(held)
        held = character
    if held:
        yield from _flush(held)


def _flush(held: str) -> tuple[str, ...]:
    return (held, _WIDE) if get_character_cell_size(held[0]) == 2 else (held,)


def _colors(style: Style) -> tuple[Any, Any]:
    return style.color, style.bgcolor


def _attributes(style: Style) -> str:
    flags = (
        (style.bold, "1"),
        (style.dim, "2"),
        (style.italic, "3"),
        (style.underline, "4"),
        (style.blink, "5"),
        (style.reverse, "7"),
        (style.conceal, "8"),
        (style.strike, "9"),
    )
    return ";".join(code for is_on, code in flags if is_on)
