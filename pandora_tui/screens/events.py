"""Owns the search of events: what is known of one host, user or address, line by line."""

from __future__ import annotations

import re
from typing import Any, ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from pandora_core.detect.incidents.next_steps import Pivot
from pandora_core.errors import ConfigError
from pandora_core.model import from_iso, iso
from pandora_core.store.rows import EventRow
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.feed import MOST_EVENTS, RawText
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import glyphs
from pandora_tui.widgets.event_table import EventTable
from pandora_tui.widgets.evidence import Evidence

_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


class Search(NamedTuple):
    """What is searched: an observable, a dataset, a text; empty is anything."""

    observable: str = ""
    dataset: str = ""
    text: str = ""
    from_us: int | None = None
    to_us: int | None = None

    @property
    def written(self) -> str:
        """As it is typed; :func:`parse_search` reads it back."""
        words = [_quoted(self.observable)] if self.observable else []
        words += [f"dataset:{_quoted(self.dataset)}"] if self.dataset else []
        for name, at_us in (("from", self.from_us), ("to", self.to_us)):
            words += [f"{name}:{iso(at_us)[:19]}"] if at_us is not None else []
        return " ".join([*words, *([f"text:{_quoted(self.text)}"] if self.text else [])])


def parse_search(text: str) -> Search:
    """Read ``ws-114 dataset:zeek.conn from:2026-03-27 rare word``: the first word is the observable, others are text.

    Raises:
        ConfigError: what follows ``from:`` or ``to:`` is no time.
    """
    search = Search()
    for token in _TOKEN.findall(text):
        word = token.replace('"', "")
        key, _, value = word.partition(":")
        if key == "dataset":
            search = search._replace(dataset=value)
        elif key == "from" and value:
            search = search._replace(from_us=_time_us(value))
        elif key == "to" and value:
            search = search._replace(to_us=_time_us(value))
        elif word.startswith("text:") or search.observable:
            search = search._replace(text=f"{search.text} {word.removeprefix('text:')}".strip())
        else:
            search = search._replace(observable=word)
    return search


def open_search(app: App[Any], pivot: Pivot | None) -> None:
    """Show the events that a pivot asks for."""
    if pivot is not None:
        search = Search(pivot.observable or "", pivot.dataset or "", pivot.text or "", pivot.from_us, pivot.to_us)
        app.push_screen(EventsScreen(search))


def _time_us(text: str) -> int:
    try:
        return from_iso(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time", hint="from:2026-03-27T14:00 to:2026-03-27T15:00, in UTC") from None


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


class EventsScreen(PandoraScreen):
    """Lies over the list that it was opened from; escape goes back to it."""

    PLACE: ClassVar[str] = "threats"
    AUTO_FOCUS: ClassVar[str | None] = "EventTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("events"), Binding("escape", "back", "back")]
    DEFAULT_CSS = """
    EventsScreen {
        #search { height: 1; background: $pandora-surface; }
        #search-sign { width: 9; padding-left: 1; color: $pandora-accent; }
        Input, Input:focus { padding: 0; width: 1fr; background: $pandora-surface; }
    }
    """

    def __init__(self, search: Search) -> None:
        super().__init__()
        self._text = search.written
        self._search_wish = Newest[Search, list[EventRow]](self.ask, self._read, self._show, self._fail)

    def body(self) -> ComposeResult:
        with Horizontal(id="search"):
            yield Static("events", id="search-sign", markup=False)
            field = Input(
                self._text, compact=True, select_on_focus=False, placeholder='HOST dataset:NAME* from:TIME "TEXT"'
            )
            field.cursor_blink = False
            yield field
        yield Evidence(self.ask, self._read_raw, empty="no such events")

    def on_mount(self) -> None:
        self._search()

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_back(self) -> None:
        if self.query_one(Input).has_focus:
            self.query_one(EventTable).focus()
        else:
            self.dismiss()

    def on_input_submitted(self) -> None:
        self._search()
        self.query_one(EventTable).focus()

    def _search(self) -> None:
        self.show_note(f"searching{glyphs().ellipsis}")
        try:
            self._search_wish.want(parse_search(self.query_one(Input).value))
        except ConfigError as error:
            self.show_note("the search makes no sense")
            self.say_refused(error)

    def _show(self, _search: Search, events: list[EventRow]) -> None:
        count = len(events)
        self.show_note(f"the newest {count} events" if count >= MOST_EVENTS else f"{count} events")
        self.query_one(Evidence).show(events)

    def _fail(self, _search: Search, error: Exception) -> None:
        self.show_note("the search failed")
        self.say_refused(error)

    def _read(self, search: Search) -> list[EventRow]:
        return self.feed.events(*search)

    def _read_raw(self, row: EventRow) -> RawText:
        return self.feed.raw_text(row)
