"""Owns the search of events: what is known of one host, user or address, line by line."""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from pandora_core.store.rows import EventRow
from pandora_tui.asking import Newest
from pandora_tui.commands import bindings
from pandora_tui.feed import MOST_EVENTS, RawText
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


def parse_search(text: str) -> Search:
    """Read ``ws-114 dataset:zeek.conn rare word``: the first word is the observable, the others are looked for."""
    search = Search()
    for token in _TOKEN.findall(text):
        word = token.replace('"', "")
        if word.startswith("dataset:"):
            search = search._replace(dataset=word.removeprefix("dataset:"))
        elif word.startswith("text:") or search.observable:
            search = search._replace(text=f"{search.text} {word.removeprefix('text:')}".strip())
        else:
            search = search._replace(observable=word)
    return search


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

    def __init__(self, observable: str) -> None:
        super().__init__()
        self._text = f'"{observable}"' if " " in observable else observable
        self._search_wish = Newest[Search, list[EventRow]](self.ask, self._read, self._show, self._fail)

    def body(self) -> ComposeResult:
        with Horizontal(id="search"):
            yield Static("events", id="search-sign", markup=False)
            field = Input(self._text, compact=True, select_on_focus=False, placeholder='HOST dataset:NAME* "TEXT"')
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
        self._search_wish.want(parse_search(self.query_one(Input).value))

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
