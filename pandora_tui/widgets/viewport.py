"""Owns which rows of a list are in view and where its cursor stands, while rows arrive, leave and are re-ordered."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from pandora_tui.widgets.rows import RowId, Rows


class Viewport:
    """A window of ``height`` rows on :class:`Rows`, in their own order or in one that the owner gives.

    The cursor stays on its row, wherever that row moves. Following, it rides on the newest row instead. When rows are
    in their own order the row at the top of the window stays there too; in the owner's order (a ranking) the window
    stays where it is, so that what rises to the top is seen.
    """

    def __init__(self, rows: Rows, *, newest_first: bool = False, follow: bool = False) -> None:
        self.rows = rows
        self.height = 0
        self.top = 0
        self.cursor = 0
        self.follow = follow
        self._newest_first = newest_first
        self._order: Sequence[RowId] | None = None
        self._cursor_id: RowId | None = None
        self._top_id: RowId | None = None

    def __len__(self) -> int:
        return len(self.rows) if self._order is None else len(self._order)

    def set_order(self, order: Sequence[RowId] | None) -> None:
        """Show these rows in this order (an ``array('q')`` is the compact form); ``None`` shows all in their own."""
        self._order = order
        self._top_id = None
        self.sync()

    @property
    def has_order(self) -> bool:
        return self._order is not None

    @property
    def cursor_id(self) -> RowId | None:
        """The row under the cursor, ``None`` in an empty list."""
        return self._cursor_id

    @property
    def cursor_key(self) -> Hashable | None:
        return (
            self.rows.key(self._cursor_id) if self._cursor_id is not None and self._cursor_id in self.rows else None
        )

    def id_at(self, position: int) -> RowId | None:
        """The row at a position of the list; ``None`` past its ends or where the row has been evicted since."""
        if not 0 <= position < len(self):
            return None
        if self._order is not None:
            row_id = self._order[position]
            return row_id if row_id in self.rows else None
        return self.rows.next_id - 1 - position if self._newest_first else self.rows.first_id + position

    def position(self, row_id: RowId) -> int | None:
        """Where a row stands in the list."""
        if row_id not in self.rows:
            return None
        if self._order is None:
            return self.rows.next_id - 1 - row_id if self._newest_first else row_id - self.rows.first_id
        try:
            return self._order.index(row_id)
        except ValueError:
            return None

    def sync(self) -> None:
        """Take up what happened to the rows since the last call."""
        self._drop_evicted()
        if self.follow and self._order is None:
            self._go(0 if self._newest_first else len(self) - 1)
            return
        was_visible = self.top <= self.cursor < self.top + self.height
        self._hold_cursor()
        self._hold_top()
        if was_visible:
            self._show_cursor()
        self._clamp_top()

    def move(self, rows: int) -> None:
        """Move the cursor down (up when negative); this ends following."""
        self.go_to(self.cursor + rows)

    def page(self, pages: int) -> None:
        """Move the cursor by windows, keeping one row of the last in sight."""
        self.move(pages * max(1, self.height - 1))

    def go_to(self, position: int) -> None:
        self.follow = False
        self._go(position)

    def go_to_key(self, key: Hashable) -> bool:
        """Put the cursor on the row of ``key``; false where it is not in the list."""
        row_id = self.rows.id_of(key)
        position = None if row_id is None else self.position(row_id)
        if position is None:
            return False
        self.go_to(position)
        return True

    def go_first(self) -> None:
        """Go to the first row, and stay with the first where that is the newest."""
        self.go_to(0)
        self.follow = self._order is None and self._newest_first

    def go_last(self) -> None:
        """Go to the last row, and stay with the last where that is the newest."""
        self.go_to(len(self) - 1)
        self.follow = self._order is None and not self._newest_first

    def scroll(self, top: int) -> None:
        """Put the window elsewhere and leave the cursor where it is; this ends following."""
        self.follow = False
        self.top = top
        self._clamp_top()

    def resize(self, height: int) -> None:
        was_visible = self.top <= self.cursor < self.top + self.height or not self.height
        self.height = max(0, height)
        if was_visible:
            self._show_cursor()
        self._clamp_top()

    def _go(self, position: int) -> None:
        self.cursor = max(0, min(position, len(self) - 1))
        self._cursor_id = self.id_at(self.cursor)
        self._show_cursor()
        self._clamp_top()

    def _drop_evicted(self) -> None:
        """Take evicted rows out of the owner's order, once one of them comes into view or under the cursor."""
        if self._order is None:
            return
        window = range(self.top, min(len(self._order), self.top + self.height))
        cursor_is_gone = self._cursor_id is not None and self._cursor_id not in self.rows
        if cursor_is_gone or any(self._order[position] not in self.rows for position in window):
            first_id, next_id = self.rows.first_id, self.rows.next_id
            self._order = [row_id for row_id in self._order if first_id <= row_id < next_id]

    def _hold_cursor(self) -> None:
        if self._cursor_id is not None and self.id_at(self.cursor) == self._cursor_id:
            return  # the usual case, and in an order the only cheap one
        position = None if self._cursor_id is None else self.position(self._cursor_id)
        self.cursor = max(0, min(self.cursor, len(self) - 1)) if position is None else position
        self._cursor_id = self.id_at(self.cursor)

    def _hold_top(self) -> None:
        if self._order is not None or self._top_id is None:
            return
        if not self._newest_first:
            self.top = self._top_id - self.rows.first_id
        elif self.top > 0:  # at the very top one wants to see what arrives
            self.top = self.rows.next_id - 1 - self._top_id

    def _show_cursor(self) -> None:
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.height and self.cursor >= self.top + self.height:
            self.top = self.cursor - self.height + 1

    def _clamp_top(self) -> None:
        self.top = max(0, min(self.top, len(self) - self.height))
        self._top_id = self.id_at(self.top)
