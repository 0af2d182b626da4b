"""Owns the help screen: every key and command, those of this place first."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.commands import COMMANDS, DIALOG, EVERYWHERE, TABLE, Command, bindings, key_sign, place_of
from pandora_tui.style import Role, fit
from pandora_tui.widgets.pieces import Piece, draw_line

_KEYS_CELLS = 20


class HelpScreen(ModalScreen[None]):
    """A list to scroll through; escape, ``q`` or ``?`` closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(DIALOG),
        Binding("question_mark,q", "cancel", "close"),
        Binding("j", "scroll(1)", "down"),
        Binding("k", "scroll(-1)", "up"),
    ]

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    #help-box {
        width: 76; max-width: 96%; height: 90%; padding: 1 2; background: $pandora-surface;
        border: round $pandora-accent; border-title-color: $pandora-text; border-subtitle-color: $pandora-muted;
    }
    """

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-box", classes="boxed") as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes"
            yield HelpText(self._place)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_cancel(self) -> None:
        self.dismiss(None)


class HelpText(Widget):
    """The commands of ``place``, of lists, of everywhere and of dialogs, each group under its title."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "HelpText { height: auto; width: 1fr; }"

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(help_lines(self._place, width))

    def render_line(self, y: int) -> Strip:
        lines = help_lines(self._place, self.size.width)
        return draw_line(self, lines[y] if y < len(lines) else [])


@lru_cache(maxsize=8)
def help_lines(place: str, width: int) -> tuple[list[Piece], ...]:
    """The help of a place, wrapped to ``width`` cells."""
    groups = ((place, place_of(place).title), (TABLE, "Lists"), (EVERYWHERE, "Everywhere"), (DIALOG, "Dialogs"))
    lines: list[list[Piece]] = []
    for where, title in groups:
        commands = [command for command in COMMANDS if where in command.where]
        if commands:
            lines += [
                [],
                [Piece(title, Role.STRONG)],
                *(line for command in commands for line in _explain(command, width)),
            ]
    return tuple(lines[1:])


def _explain(command: Command, width: int) -> list[list[Piece]]:
    keys = "  ".join(key_sign(key) for key in command.keys)
    typed = f":{command.name} {'|'.join(command.values) or command.argument}".rstrip()
    beside = min(_KEYS_CELLS, width // 3)
    first, *rest = textwrap.wrap(command.help, max(1, width - beside)) or [""]
    return [
        [Piece(fit(keys or typed, beside - 1) + " ", Role.ACCENT), Piece(first)],
        *([Piece(" " * beside + line)] for line in rest),
    ]
