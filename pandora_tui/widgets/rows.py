"""Owns the rows behind every list: a columnar ring buffer of bounded size whose row ids never change."""

from __future__ import annotations

import enum
from array import array
from collections import namedtuple
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

RowId = int
"""Names a row for as long as it lives: 0 for the first ever added, then counting up."""


class Kind(enum.Enum):
    """What a field holds, and so what a row costs in memory."""

    REAL = "d"  # 8 bytes
    INTEGER = "q"  # 8 bytes, signed
    CHOICE = "I"  # 4 bytes: one of a modest set of words, each kept once and never forgotten
    OBJECT = "O"  # 8 bytes and the object itself: text that differs in every row


class Rows:
    """At most ``capacity`` rows; the oldest make room for new ones.

    With ``keyed`` a row has the owner's key (an alert id) and :meth:`put` changes it in place, for about 100 bytes a
    row more. Without, a row's key is its id. Belongs to the thread of the screen: there is no lock.
    """

    def __init__(self, fields: Mapping[str, Kind], *, capacity: int = 1_000_000, keyed: bool = False) -> None:
        if capacity < 1:
            raise ValueError("a ring buffer needs room for at least one row")
        self.capacity = capacity
        self.version = 0
        self.first_id: RowId = 0
        self.next_id: RowId = 0
        self._row = _row_type(fields)
        self._columns: dict[str, Any] = {name: _column(kind) for name, kind in fields.items()}
        self._stamps = array("Q")
        self._ids: dict[Hashable, RowId] | None = {} if keyed else None
        self._keys: list[Hashable] = []

    def __len__(self) -> int:
        return self.next_id - self.first_id

    def __contains__(self, row_id: RowId) -> bool:
        return self.first_id <= row_id < self.next_id

    def append(self, *values: Any) -> RowId:
        """Add a row to an unkeyed buffer: the values of all fields, in their order."""
        if self._ids is not None:
            raise TypeError("rows of a keyed buffer are added with put()")
        return self._add(values)

    def put(self, key: Hashable, *values: Any) -> RowId:
        """Add the row of ``key``, or change it where it stands if there is one."""
        if self._ids is None:
            raise TypeError("rows of an unkeyed buffer are added with append()")
        row_id = self._ids.get(key)
        if row_id is not None:
            self._write(row_id, values)
            return row_id
        row_id = self._add(values)
        self._ids[key] = row_id
        self._keys[row_id % self.capacity] = key
        return row_id

    def extend(self, *columns: Sequence[Any]) -> None:
        """Add many rows to an unkeyed buffer at once: one sequence a field, all of one length."""
        if self._ids is not None:
            raise TypeError("rows of a keyed buffer are added with put()")
        if len(columns) != len(self._columns) or len({len(column) for column in columns}) != 1:
            raise ValueError("one sequence a field, all of one length")
        skipped = max(0, len(columns[0]) - self.capacity)  # rows that would be evicted by their own successors
        self.next_id += skipped
        self.first_id = self.next_id if skipped else self.first_id
        start, count = skipped, len(columns[0])
        while start < count:
            slot = self.next_id % self.capacity
            stop = min(count, start + self.capacity - slot)
            self._add_slice(slot, [column[start:stop] for column in columns])
            start = stop

    def update(self, row_id: RowId, **changes: Any) -> None:
        """Change some fields of a row in place; a row that is gone raises ``KeyError``."""
        slot = self._slot(row_id)
        for name, value in changes.items():
            self._columns[name][slot] = value
        self._stamp(slot)

    def clear(self) -> None:
        """Forget all rows. Their ids are not given out again."""
        self.first_id = self.next_id
        self.version += 1
        if self._ids is not None:
            self._ids.clear()
            self._keys[:] = repeat(None, len(self._keys))
        for column in self._columns.values():
            if isinstance(column, list):
                column[:] = repeat(None, len(column))

    def row(self, row_id: RowId) -> Any:
        """The row as a named tuple of its fields; one that is gone raises ``KeyError``."""
        slot = self._slot(row_id)
        return self._row._make([column[slot] for column in self._columns.values()])

    def getter(self, field: str) -> Callable[[RowId], Any]:
        """A fast function from a row's id to one field, for sorting and filtering."""
        column, capacity = self._columns[field], self.capacity
        return lambda row_id: column[row_id % capacity]

    def stamp(self, row_id: RowId) -> int:
        """Changes whenever the row does."""
        return self._stamps[self._slot(row_id)]

    def key(self, row_id: RowId) -> Hashable:
        """The owner's key of a row."""
        slot = self._slot(row_id)
        return row_id if self._ids is None else self._keys[slot]

    def id_of(self, key: Hashable) -> RowId | None:
        """The id of the row with this key, ``None`` where there is none."""
        if self._ids is not None:
            return self._ids.get(key)
        return key if isinstance(key, int) and key in self else None

    def _slot(self, row_id: RowId) -> int:
        if not self.first_id <= row_id < self.next_id:
            raise KeyError(row_id)
        return row_id % self.capacity

    def _add(self, values: tuple[Any, ...]) -> RowId:
        slot = self.next_id % self.capacity
        if len(self) == self.capacity:
            self._evict(slot)
        self._grow(slot + 1)
        self.next_id += 1
        try:
            self._write(self.next_id - 1, values)
        except (TypeError, ValueError, OverflowError):
            self.next_id -= 1
            raise
        return self.next_id - 1

    def _write(self, row_id: RowId, values: tuple[Any, ...]) -> None:
        slot = self._slot(row_id)
        for column, value in zip(self._columns.values(), values, strict=True):
            column[slot] = value
        self._stamp(slot)

    def _add_slice(self, slot: int, columns: list[Sequence[Any]]) -> None:
        """Write rows into consecutive slots, evicting what stood there."""
        count = len(columns[0])
        self._grow(slot + count)
        for column, values in zip(self._columns.values(), columns, strict=True):
            column[slot : slot + count] = _like(column, values)
        self.version += 1
        self._stamps[slot : slot + count] = array("Q", [self.version]) * count
        self.next_id += count
        self.first_id = max(self.first_id, self.next_id - self.capacity)

    def _stamp(self, slot: int) -> None:
        self.version += 1
        self._stamps[slot] = self.version

    def _evict(self, slot: int) -> None:
        self.first_id += 1
        if self._ids is not None:
            del self._ids[self._keys[slot]]

    def _grow(self, size: int) -> None:
        """Give every column room for ``size`` slots; room comes in steps, so that adding a row is cheap."""
        have = len(self._stamps)
        if size <= have:
            return
        more = min(max(size, have + have // 8 + 64), self.capacity) - have
        self._stamps.extend(repeat(0, more))
        for column in self._columns.values():
            column.extend(repeat(None if isinstance(column, list) else 0, more))
        if self._ids is not None:
            self._keys.extend(repeat(None, more))


class _ChoiceColumn:
    """A column of words, each kept once; it looks like a list of them."""

    def __init__(self) -> None:
        self._codes = array("I")
        self._words: list[str] = [""]
        self._code_of: dict[str, int] = {"": 0}

    def __getitem__(self, slot: int) -> str:
        return self._words[self._codes[slot]]

    def __setitem__(self, slot: int | slice, value: Any) -> None:
        if isinstance(slot, slice):
            self._codes[slot] = array("I", map(self._code, value))
        else:
            self._codes[slot] = self._code(value)

    def extend(self, codes: Iterable[int]) -> None:
        self._codes.extend(codes)

    def _code(self, word: str) -> int:
        code = self._code_of.get(word)
        if code is None:
            code = self._code_of[word] = len(self._words)
            self._words.append(word)
        return code


def _row_type(fields: Iterable[str]) -> Any:
    return namedtuple("Row", list(fields))


def _column(kind: Kind) -> Any:
    if kind is Kind.CHOICE:
        return _ChoiceColumn()
    return [] if kind is Kind.OBJECT else array(kind.value)


def _like(column: Any, values: Sequence[Any]) -> Sequence[Any]:
    """``values`` as what a slice of ``column`` takes."""
    if isinstance(column, array):
        return values if isinstance(values, array) else array(column.typecode, values)
    return values
