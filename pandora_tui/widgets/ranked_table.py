"""Owns the list whose rows are ranked: the cursor rides on the first row until somebody takes it elsewhere."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

from textual import events

from pandora_tui.widgets.rows import RowId
from pandora_tui.widgets.virtual_table import VirtualTable


class RankedTable(VirtualTable):
    """A list in the order that its owner gives, the most important row first.

    Untouched it shows the first rows, whatever they are, with the cursor on the first. Once the cursor was moved, a
    row opened or the wheel turned, it stays on its row until ``home`` is pressed.
    """

    is_riding = True
    rode_s = float("-inf")
    """When the ride last put the cursor on another row, on the monotonic clock."""

    @property
    def above(self) -> int:
        """How many rows stand above those in view."""
        return self._view.top

    def set_order(self, order: Sequence[RowId] | None, *, sorted_by: str = "") -> None:
        super().set_order(order, sorted_by=sorted_by)
        if self.is_riding and self._view.cursor:
            self._view.go_to(0)
            self.rode_s = time.monotonic()
            self._apply()

    def stay(self) -> None:
        """Keep the cursor on its row from now on."""
        self.is_riding = False

    def go_to_key(self, key: Hashable) -> bool:
        self.stay()
        return super().go_to_key(key)

    def action_move(self, rows: int) -> None:
        self.stay()
        super().action_move(rows)

    def action_page(self, pages: int) -> None:
        self.stay()
        super().action_page(pages)

    def action_first(self) -> None:
        self.is_riding = True
        super().action_first()

    def action_last(self) -> None:
        self.stay()
        super().action_last()

    def action_select(self) -> None:
        self.stay()
        super().action_select()

    def on_click(self, event: events.Click) -> None:
        self.stay()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.stay()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.stay()
