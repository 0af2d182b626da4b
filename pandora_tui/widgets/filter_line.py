"""Owns the line that a filter is typed into: it completes, applies while one types, and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input, Static

from pandora_core.errors import ConfigError
from pandora_tui.style import safe_text
from pandora_tui.widgets.alert_filter import AlertFilter, complete_filter, parse_filter

Words = Callable[[], dict[str, list[str]]]

_PAUSE_S = 0.12
_HINT = "tab completes, enter keeps, esc goes back"


class FilterLine(Vertical):
    """Two lines over the key line: what is wrong or possible, and the filter."""

    DEFAULT_CSS = """
    FilterLine {
        height: 2; display: none; background: $pandora-surface;
        Horizontal { height: 1; }
        #filter-sign { width: 3; padding-left: 1; color: $pandora-accent; }
        #filter-input, #filter-input:focus { padding: 0; width: 1fr; background: $pandora-surface; }
        #filter-say { height: 1; padding-left: 3; color: $pandora-muted; }
        #filter-say.-wrong { color: $pandora-medium; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "back"),
        Binding("tab", "complete", "complete", priority=True),
    ]

    class Changed(Message):
        """A filter that makes sense was typed."""

        def __init__(self, chosen: AlertFilter) -> None:
            super().__init__()
            self.chosen = chosen

    class Left(Message):
        """The line was left; with ``is_kept`` the filter is to stay, else the one before comes back."""

        def __init__(self, is_kept: bool) -> None:
            super().__init__()
            self.is_kept = is_kept

    def __init__(self, words: Words) -> None:
        """``words`` gives known values by key, for completion."""
        super().__init__()
        self._words = words
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(_HINT, id="filter-say", markup=False)
        with Horizontal():
            yield Static("/", id="filter-sign", markup=False)
            field = Input(id="filter-input", compact=True, select_on_focus=False, suggester=_Completion(self._words))
            field.cursor_blink = False
            yield field

    def open(self, text: str) -> None:
        """Show the line with a filter to change."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = f"{text} " if text else ""
        field.cursor_position = len(field.value)
        self._say("", "")
        self.display = True
        field.focus()

    def action_complete(self) -> None:
        field = self.query_one(Input)
        found = complete_filter(field.value, self._words())
        if found:
            field.value = found[0]
            field.cursor_position = len(field.value)

    def action_leave(self, is_kept: bool) -> None:
        self._stop_pause()
        self.display = False
        self.post_message(self.Left(is_kept))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_pause()
        self._pause = self.set_timer(_PAUSE_S, self._preview)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._stop_pause()
        chosen = self._understood()
        if chosen is not None:
            self.post_message(self.Changed(chosen))
            self.action_leave(is_kept=True)

    def _preview(self) -> None:
        """Apply what was typed so far, unless its last word may yet become a key: ``stat`` is no word to look for."""
        chosen = self._understood()
        if chosen is None:
            return
        offers = complete_filter(chosen.text, self._words())
        self._say("  ".join(offer.rpartition(" ")[2] for offer in offers[:8]), "")
        if not any(offer.endswith((":", ">=")) for offer in offers):
            self.post_message(self.Changed(chosen))

    def _understood(self) -> AlertFilter | None:
        """The filter that was typed; what makes no sense is said."""
        try:
            return parse_filter(self.query_one(Input).value)
        except ConfigError as error:
            self._say(str(error), "-wrong")
            return None

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()

    def _say(self, text: str, tone: str) -> None:
        line = self.query_one("#filter-say", Static)
        line.set_class(tone == "-wrong", "-wrong")
        line.update(safe_text(text or _HINT))


class _Completion(Suggester):
    """Shows in grey how what is typed would be completed."""

    def __init__(self, words: Words) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._words = words

    async def get_suggestion(self, value: str) -> str | None:
        found = complete_filter(value, self._words())
        return found[0] if found and found[0].startswith(value) else None
