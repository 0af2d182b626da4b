"""Owns the one table behind every list: it draws the rows in view and nothing else, however many there are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.commands import TABLE, bindings
from pandora_tui.style import Role, fit, fit_end, glyphs, safe_text
from pandora_tui.terminal import is_link_slow
from pandora_tui.widgets.columns import GUTTER, Column, Layout, lay_out
from pandora_tui.widgets.pieces import Piece, draw_line
from pandora_tui.widgets.rows import RowId, Rows
from pandora_tui.widgets.scrollbar import thumb
from pandora_tui.widgets.viewport import Viewport

_STRIPS_KEPT = 4_096
_HEADER = 1
_WHEEL_ROWS = 3


class VirtualTable(ScrollView, can_focus=True, inherit_bindings=False):
    """A live list of :class:`Rows`.

    The owner changes the rows whenever it likes; ten times a second the table looks whether it must draw anew, makes
    text for the rows in view and repaints the lines that differ. Sorting and filtering are the owner's:
    :meth:`set_order` takes the ids to show. Over a slow link it skips frames instead of queueing them.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    ALLOW_MAXIMIZE: ClassVar[bool] = False
    REFRESH_S: ClassVar[float] = 0.1
    BINDINGS: ClassVar[list[BindingType]] = bindings(TABLE)
    DEFAULT_CSS = """
    VirtualTable { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    class Highlighted(Message):
        """The cursor stands on another row; ``key`` is ``None`` in an empty list."""

        def __init__(self, table: VirtualTable, key: Hashable | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> VirtualTable:
            return self.table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, VirtualTable.Highlighted) and message.table is self.table

    class Selected(Message):
        """The row of ``key`` was opened with enter or a double click."""

        def __init__(self, table: VirtualTable, key: Hashable) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> VirtualTable:
            return self.table

    class HeaderClicked(Message):
        """The title of ``column`` was clicked: the owner may sort by it."""

        def __init__(self, table: VirtualTable, column: Column) -> None:
            super().__init__()
            self.table = table
            self.column = column

        @property
        def control(self) -> VirtualTable:
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Rows,
        *,
        newest_first: bool = False,
        follow: bool = False,
        empty: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        """``empty`` is said where there are no rows."""
        super().__init__(id=id, classes=classes)
        self.rows = rows
        self.sorted_by = ""
        self._columns = tuple(columns)
        self._empty = empty
        self._view = Viewport(rows, newest_first=newest_first, follow=follow)
        self._layout_now = Layout((), 2)
        self._strips: dict[tuple[RowId, int, int], Strip] = {}
        self._painted: list[Strip | None] = []
        self._laid_out_for = Size()
        self._seen_version = -1
        self._said_key: Hashable | None = None
        self._thumb = range(0)

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor."""
        return self._view.cursor_key

    @property
    def is_following(self) -> bool:
        """Whether the cursor rides on the newest row."""
        return self._view.follow

    @property
    def count(self) -> int:
        """How many rows the list shows, in view or not."""
        return len(self._view)

    def set_order(self, order: Sequence[RowId] | None, *, sorted_by: str = "") -> None:
        """Show these rows in this order; ``None``: all, as they came. ``sorted_by`` is the title to mark."""
        self.sorted_by = sorted_by
        self._view.set_order(order)
        self._apply()

    def set_empty(self, text: str) -> None:
        """Say something else where there are no rows."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns of the same rows."""
        self._columns = tuple(columns)
        self._lay_out()

    def go_to_key(self, key: Hashable) -> bool:
        """Put the cursor on the row of ``key``; false where it is not in the list."""
        found = self._view.go_to_key(key)
        self._apply()
        return found

    def touch(self) -> None:
        """Draw the rows in view anew although they have not changed: ages have moved on."""
        self._strips.clear()
        self._apply()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        strip = self._line(y - _HEADER)
        if y < len(self._painted):
            self._painted[y] = strip
        return strip

    def action_move(self, rows: int) -> None:
        self._view.move(rows)
        self._apply()

    def action_page(self, pages: int) -> None:
        self._view.page(pages)
        self._apply()

    def action_first(self) -> None:
        self._view.go_first()
        self._apply()

    def action_last(self) -> None:
        self._view.go_last()
        self._apply()

    def action_select(self) -> None:
        key = self.cursor_key
        if key is not None:
            self.post_message(self.Selected(self, key))

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.touch())
        self.set_interval(self.REFRESH_S, self._tick)

    def on_resize(self) -> None:
        self._lay_out()

    def on_focus(self) -> None:
        self._apply()

    def on_blur(self) -> None:
        self._apply()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y < _HEADER:
            self._click_header(event.x)
            return
        position = self._view.top + event.y - _HEADER
        if self._view.id_at(position) is None:
            return
        self._view.go_to(position)
        self._apply()
        if event.chain == 2:
            self.action_select()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll_by(event, -_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll_by(event, _WHEEL_ROWS)

    def on_scroll_up(self, message: ScrollUp) -> None:
        self._scroll_by(message, _HEADER - self.size.height)

    def on_scroll_down(self, message: ScrollDown) -> None:
        self._scroll_by(message, self.size.height - _HEADER)

    def on_scroll_to(self, message: ScrollTo) -> None:
        self._scroll_by(message, 0 if message.y is None else round(message.y) - self._view.top)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The viewport decides where the window is; Textual's own corrections, at a resize, come too early."""

    def _scroll_by(self, message: Message, rows: int) -> None:
        """Move the window as wheel or bar ask, in place of what Textual does, and leave the cursor on its row."""
        message.stop()
        message.prevent_default()
        self._view.scroll(self._view.top + rows)
        self._apply()

    def _tick(self) -> None:
        if self.size != self._laid_out_for:
            # Textual sends no Resize to a widget that comes into view while something else asks where widgets are.
            self._lay_out()
        if self.rows.version != self._seen_version and self.screen.is_current and not is_link_slow(self.app):
            self._apply()

    def _lay_out(self) -> None:
        self._laid_out_for = self.size
        beside_the_bar = self.size.width - self.styles.scrollbar_size_vertical
        self._layout_now = lay_out(self._columns, beside_the_bar)
        self._view.resize(self.size.height - _HEADER)
        self._strips.clear()
        self._painted = [None] * self.size.height
        self._apply()
        self.refresh()

    def _apply(self) -> None:
        """Bring what is on screen up to the rows and the viewport."""
        self._seen_version = self.rows.version
        self._view.sync()
        # Set without their watchers: those would lay the whole screen out and repaint it, ten times a second.
        self.set_reactive(Widget.virtual_size, Size(0, len(self._view) + _HEADER))
        self.set_reactive(Widget.scroll_target_y, float(self._view.top))
        self.set_scroll(None, self._view.top)
        self._move_thumb()
        self._repaint_changed()
        self._say_highlighted()

    def _repaint_changed(self) -> None:
        for y in range(_HEADER, len(self._painted)):
            strip, painted = self._line(y - _HEADER), self._painted[y]
            if strip is not painted and strip != painted:
                self.refresh(Region(0, y, self.size.width, 1))

    def _move_thumb(self) -> None:
        bar = self.vertical_scrollbar
        height = self.size.height
        place = thumb(height, len(self._view) + _HEADER, height, self._view.top)
        if place != self._thumb:
            self._thumb = place
            bar.window_virtual_size = len(self._view) + _HEADER
            bar.window_size = height
            bar.position = self._view.top

    def _say_highlighted(self) -> None:
        key = self.cursor_key
        if key != self._said_key:
            self._said_key = key
            self.post_message(self.Highlighted(self, key))

    def _click_header(self, x: int) -> None:
        left = GUTTER
        for placed in self._layout_now.columns:
            if left <= x < left + placed.width + self._layout_now.spacing:
                self.post_message(self.HeaderClicked(self, placed.column))
            left += placed.width + self._layout_now.spacing

    def _line(self, line: int) -> Strip:
        """The strip of a line below the header; the same object as long as it looks the same."""
        position = self._view.top + line
        row_id = self._view.id_at(position)
        if row_id is None:
            return self._blank(line)
        cursor = (2 if self.has_focus else 1) if position == self._view.cursor else 0
        key = (row_id, self.rows.stamp(row_id), cursor)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _STRIPS_KEPT:
                self._strips.clear()
            strip = self._strips[key] = self._draw_row(row_id, cursor)
        return strip

    def _blank(self, line: int) -> Strip:
        is_place_to_say_so = line == 1 and not len(self._view)
        return draw_line(self, [Piece(" " * GUTTER + self._empty, Role.MUTED)] if is_place_to_say_so else [])

    def _header(self) -> Strip:
        pieces = [Piece(" " * GUTTER)]
        gap = " " * self._layout_now.spacing
        for column, width in self._layout_now.columns:
            role = Role.ACCENT if column.title == self.sorted_by else Role.MUTED
            pieces.append(Piece(fit(column.title, width, right=column.right) + gap, role))
        return draw_line(self, pieces)

    def _draw_row(self, row_id: RowId, cursor: int) -> Strip:
        row = self.rows.row(row_id)
        gap = " " * self._layout_now.spacing
        pieces = [Piece(fit(glyphs().cursor if cursor else "", GUTTER), Role.ACCENT)]
        for column, width in self._layout_now.columns:
            role = column.role if isinstance(column.role, Role) else column.role(row)
            if column.keep_end:
                text = fit_end(safe_text(column.text(row)), width)
            else:
                text = fit(safe_text(column.text(row), width), width, right=column.right)
            pieces.append(Piece(text + gap, role))
        return draw_line(self, pieces, (None, Role.CURSOR_BLURRED, Role.CURSOR)[cursor])
