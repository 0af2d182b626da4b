"""Owns the list of events: when, of which dataset, what, and at which line of which file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandora_core.store.rows import EventRow
from pandora_tui.stories.words import day_text, event_text, place_text
from pandora_tui.style import Role
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable


def _when(row: Any) -> str:
    return day_text(row.event.event.at_us)[5:]


COLUMNS = (
    Column("time (UTC)", _when, 14, role=Role.MUTED),
    Column("dataset", lambda row: row.event.event.dataset, 20, 12, priority=2, role=Role.MUTED),
    Column("what", lambda row: event_text(row.event.event), 40, 30, grow=3),
    Column(
        "line", lambda row: place_text(row.event.path, row.event.line_number), 24, 20, priority=3, role=Role.MUTED
    ),
)


class EventTable(VirtualTable):
    """Events as they were given; a row's key is its place in what was given."""

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(COLUMNS, Rows({"event": Kind.OBJECT}), empty=empty, id=id)

    def show(self, events: Sequence[EventRow]) -> None:
        """List these instead."""
        self.rows.clear()
        self.rows.extend(list(events))
        self.action_first()

    def event_of(self, key: object) -> EventRow | None:
        """The event in the row of a key."""
        row_id = key if isinstance(key, int) else None
        if row_id is None or row_id not in self.rows:
            return None
        event: EventRow = self.rows.row(row_id).event
        return event
