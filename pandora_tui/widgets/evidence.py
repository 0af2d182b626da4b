"""Owns events with the chosen one in full below: what an alert stands on, and what a search found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from pandora_core.store.rows import EventRow
from pandora_tui.desks.asking import Ask, Newest
from pandora_tui.desks.bridge import reason_of
from pandora_tui.desks.feed import RawText
from pandora_tui.widgets.event_pane import EventPane
from pandora_tui.widgets.event_table import EventTable


class Evidence(Vertical):
    """A list of events; the raw line of the one under the cursor is asked for and shown when it comes."""

    DEFAULT_CSS = """
    Evidence {
        EventTable { height: 1fr; min-height: 4; }
        EventPane { height: 1fr; border-top: solid $pandora-line; }
    }
    """

    def __init__(self, ask: Ask, read_raw: Callable[[EventRow], RawText], *, empty: str) -> None:
        """``read_raw`` is run through ``ask``; ``empty`` is said where there are no events."""
        super().__init__()
        self._raw_wish = Newest[EventRow, RawText](ask, read_raw, self._show_raw, self._say_why_not)
        self._empty = empty

    def compose(self) -> ComposeResult:
        yield EventTable(empty=self._empty)
        yield EventPane()

    def show(self, events: Sequence[EventRow]) -> None:
        """List these events."""
        self.query_one(EventTable).show(events)

    def on_virtual_table_highlighted(self, event: EventTable.Highlighted) -> None:
        event.stop()
        row = self.query_one(EventTable).event_of(event.key)
        self.query_one(EventPane).show(row)
        self._raw_wish.want(row)

    def on_virtual_table_selected(self, event: EventTable.Selected) -> None:
        event.stop()
        self.query_one(EventPane).focus()

    def _show_raw(self, row: EventRow, raw: RawText) -> None:
        self.query_one(EventPane).show(row, raw)

    def _say_why_not(self, row: EventRow, error: Exception) -> None:
        self.query_one(EventPane).show(row, problem=reason_of(error))
