"""Owns how a list's columns are described and which of them, how wide, a given width has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pandora_tui.style import Role

GUTTER = 2
"""Cells before the first column, where the cursor's mark stands."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the text of a row's cell, and what happens to it when room is short.

    ``text`` and ``role`` are given the row as a named tuple of its fields, and asked only for rows in view. The table
    makes the text safe. ``width`` is what the column likes to have, ``min_width`` what it can live with; spare room
    goes to the columns with ``grow``. A text that is too long loses its end, or with ``keep_end`` its beginning.
    Columns of ``priority`` 0 always stay (the severity); of the others, the one with the highest number goes first.
    """

    title: str
    text: Callable[[Any], str]
    width: int
    min_width: int = 0
    priority: int = 0
    grow: int = 0
    right: bool = False
    keep_end: bool = False
    role: Role | Callable[[Any], Role] = Role.TEXT

    @property
    def least(self) -> int:
        return self.min_width or self.width


class Placed(NamedTuple):
    """A column and the cells it got."""

    column: Column
    width: int


class Layout(NamedTuple):
    """The columns that fit, and the cells between them."""

    columns: tuple[Placed, ...]
    spacing: int


def lay_out(columns: Sequence[Column], width: int) -> Layout:
    """Choose the columns that fit into ``width`` cells (gutter included) and share the room out.

    Columns are set one cell apart before one is dropped. Where even those of priority 0 do not fit, the last are cut.
    """
    room = max(0, width - GUTTER)
    kept = list(columns)
    spacing = 2 if _least(kept, 2) <= room else 1
    while _least(kept, spacing) > room and (droppable := [column for column in kept if column.priority]):
        kept.remove(max(droppable, key=lambda column: column.priority))
    return Layout(_share(kept, room - spacing * (len(kept) - 1)), spacing)


def _least(columns: Sequence[Column], spacing: int) -> int:
    return sum(column.least for column in columns) + spacing * (len(columns) - 1)


def _share(columns: Sequence[Column], room: int) -> tuple[Placed, ...]:
    """Give each its least, then up to its wish from left to right, then the rest to those that grow."""
    widths: list[int] = []
    for column in columns:
        widths.append(max(0, min(column.least, room - sum(widths))))
    spare = room - sum(widths)
    for index, column in enumerate(columns):
        wish = max(0, min(column.width - widths[index], spare))
        widths[index] += wish
        spare -= wish
    weight = sum(column.grow for column in columns)
    for index, column in enumerate(columns):
        share = max(0, spare) * column.grow // weight if weight and column.grow else 0
        widths[index] += share
        spare -= share
        weight -= column.grow
    return tuple(Placed(column, width) for column, width in zip(columns, widths, strict=True))
