"""Owns which rows of a live list are shown and in which order, kept up to date at the price of what changed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection
from typing import Any

from pandora_tui.widgets.rows import RowId, Rows

_RESORT_SHARE = 8


class Ranking:
    """The ids of the rows that match, sorted by a key. A row that is *held* is shown even if it does not match.

    ``order`` is a new list after every change, so that a table may keep the one it was given.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._matches: Callable[[RowId], bool] = lambda _: True
        self._key: Callable[[RowId], Any] = lambda row_id: row_id
        self._held: RowId | None = None
        self.order: list[RowId] = []

    def choose(self, matches: Callable[[RowId], bool], key: Callable[[RowId], Any]) -> None:
        """Show what ``matches``, sorted by ``key``, from now on."""
        self._matches, self._key = matches, key
        self._sort()

    def hold(self, row_id: RowId | None) -> bool:
        """Keep this row in the list, and no longer the one before; whether that changed the order."""
        before, self._held = self._held, row_id
        if before == row_id or before is None or before not in self._rows or self._matches(before):
            return False
        self.order = [shown for shown in self.order if shown != before]
        return True

    def update(self, changed: Collection[RowId]) -> None:
        """Take in rows that are new or different."""
        if len(changed) * _RESORT_SHARE > len(self.order):
            self._sort()
            return
        news = {row_id for row_id in changed if row_id in self._rows}
        oldest = self._rows.first_id  # an evicted row's slot holds another: its key would mislead the search below
        order = [row_id for row_id in self.order if row_id >= oldest and row_id not in news]
        for row_id in sorted(news):
            if self._is_shown(row_id):
                insort(order, row_id, key=self._key)
        self.order = order

    def _is_shown(self, row_id: RowId) -> bool:
        return row_id == self._held or self._matches(row_id)

    def _sort(self) -> None:
        shown = filter(self._is_shown, range(self._rows.first_id, self._rows.next_id))
        self.order = sorted(shown, key=self._key)
