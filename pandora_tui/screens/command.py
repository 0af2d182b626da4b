"""Owns the two ways to reach a command without its key: the ``:`` line with completion, and the palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from pandora_tui.commands import DIALOG, Command, bindings, completions, key_sign, matching
from pandora_tui.style import fit
from pandora_tui.widgets.field import Field


class CommandScreen(ModalScreen[str]):
    """An input and a list under or over it; gives back the command line to run, ``None`` on escape."""

    AUTO_FOCUS: ClassVar[str | None] = "Field"
    DEFAULT_CSS = """
    CommandScreen {
        #command-box { height: auto; max-height: 90%; background: $pandora-surface; padding: 0 1; }
        #command-input { height: 1; }
        #command-prompt { width: 2; color: $pandora-accent; }
        Field, Field:focus { padding: 0; background: transparent; width: 1fr; }
        #command-list { color: $pandora-muted; max-height: 10; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(DIALOG),
        Binding("down", "choose(1)", "next"),
        Binding("up", "choose(-1)", "previous"),
    ]

    def __init__(self, commands: Sequence[Command], *, prompt: str, text: str = "") -> None:
        super().__init__()
        self._commands = tuple(commands)
        self._prompt = prompt
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="command-box") as box:
            box.border_subtitle = "enter runs it, esc closes"
            with Horizontal(id="command-input"):
                yield Static(self._prompt, id="command-prompt", markup=False)
                yield Field(self._text)
            yield OptionList(id="command-list", markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._offer(self._text)

    def offers(self, text: str) -> list[tuple[str, str]]:
        """What to list for ``text``: the command line each entry stands for, and how it is written in the list."""
        raise NotImplementedError

    def action_choose(self, step: int) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            options.highlighted = ((options.highlighted or 0) + step) % options.option_count

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._offer(event.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._lines[event.option_index])

    def chosen(self) -> str | None:
        """The command line of the highlighted entry."""
        highlighted = self.query_one(OptionList).highlighted
        return None if highlighted is None else self._lines[highlighted]

    def _offer(self, text: str) -> None:
        offers = self.offers(text)
        self._lines = [line for line, _ in offers]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([written for _, written in offers])
        options.highlighted = 0 if offers else None


class CommandLine(CommandScreen):
    """The ``:`` line at the bottom of the screen; tab takes the completion that is marked."""

    DEFAULT_CSS = """
    CommandLine {
        align: left bottom;
        #command-box { width: 1fr; border-top: solid $pandora-line; }
        #command-input { dock: bottom; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "complete", priority=True)]

    def __init__(self, commands: Sequence[Command], text: str = "") -> None:
        super().__init__(commands, prompt=":", text=text)

    def offers(self, text: str) -> list[tuple[str, str]]:
        helps = {command.name: command.help for command in self._commands}
        return [(line, f" {fit(line, 16)} {helps.get(line, '')}") for line in completions(text, self._commands)]

    def action_complete(self) -> None:
        line = self.chosen()
        if line is not None:
            takes_more = any(command.name == line and command.argument for command in self._commands)
            field = self.query_one(Field)
            field.value = f"{line} " if takes_more else line
            field.cursor_position = len(field.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Palette(CommandScreen):
    """All commands of this place by what they do; enter runs the marked one."""

    DEFAULT_CSS = """
    Palette {
        align: center top;
        #command-box {
            width: 76; max-width: 94%; margin-top: 2;
            border: round $pandora-accent; border-subtitle-color: $pandora-muted;
        }
        #command-list { margin-top: 1; max-height: 14; }
    }
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__(commands, prompt=">")

    def offers(self, text: str) -> list[tuple[str, str]]:
        return [(command.name, _palette_line(command)) for command in matching(text, self._commands)]

    def on_input_submitted(self) -> None:
        self.dismiss(self.chosen())


def _palette_line(command: Command) -> str:
    keys = key_sign(command.keys[0]) if command.keys else ""
    return f" {fit(command.name, 10)} {fit(keys, 7)} {command.help}"
