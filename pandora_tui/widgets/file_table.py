"""Owns the lists of the System screen: the files that are read, and the lines that could not be decoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pandora_core.store.rows import BadLineRow, FileRow
from pandora_tui.desks.board import Board
from pandora_tui.stories.words import place_text
from pandora_tui.style import Role, age_text, count_text, size_text
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable

_STATE_ROLES = {"live": Role.GOOD, "finished": Role.MUTED, "silent": Role.WARN, "unreadable": Role.BAD}
_WORST_FIRST = {"unreadable": 0, "silent": 1, "live": 2, "finished": 3}


class FileTable(VirtualTable):
    """The files of a board, what needs a look first; a row's key is the file's number."""

    def __init__(self, board: Board) -> None:
        rows = Rows({"file": Kind.OBJECT}, keyed=True)
        super().__init__(_file_columns(board), rows, empty="no file has been found yet", id="files")

    def show(self, files: Iterable[FileRow]) -> None:
        """List these files."""
        for file in files:
            self.rows.put(file.id, file)
        get = self.rows.getter("file")
        ids = range(self.rows.first_id, self.rows.next_id)
        self.set_order(sorted(ids, key=lambda i: (_WORST_FIRST.get(get(i).state, 0), get(i).path, get(i).member)))


class BadLineTable(VirtualTable):
    """Lines that could not be decoded, the newest first."""

    def __init__(self) -> None:
        super().__init__(
            _BAD_COLUMNS, Rows({"bad": Kind.OBJECT}), empty="every line could be decoded", id="bad-lines"
        )

    def show(self, lines: Sequence[BadLineRow]) -> None:
        """List these lines."""
        self.rows.clear()
        self.rows.extend(list(lines))
        self.action_first()


def _file_columns(board: Board) -> tuple[Column, ...]:
    def newest(row: Any) -> str:
        at_us = row.file.last_event_us
        return "" if at_us is None else age_text(board.age_s(at_us))

    return (
        Column("state", lambda row: row.file.state, 10, role=lambda row: _STATE_ROLES.get(row.file.state, Role.WARN)),
        Column("file", _name, 30, 20, grow=4, keep_end=True),
        Column("format", lambda row: row.file.format, 8, priority=3, role=Role.MUTED),
        Column("events", lambda row: count_text(row.file.events), 7, 6, right=True),
        Column("bad", lambda row: count_text(row.file.bad_lines), 6, 4, right=True, role=_bad_role),
        Column("behind", _backlog, 8, 7, right=True, priority=1, role=Role.MUTED),
        Column("newest", newest, 6, right=True, priority=2, role=Role.MUTED),
        Column("what is wrong", lambda row: row.file.detail, 24, 16, priority=4, grow=2, role=Role.WARN),
    )


def _name(row: Any) -> str:
    file: FileRow = row.file
    return f"{file.path}!{file.member}" if file.member else file.path


def _backlog(row: Any) -> str:
    return size_text(row.file.backlog_bytes) if row.file.backlog_bytes else ""


def _bad_role(row: Any) -> Role:
    return Role.WARN if row.file.bad_lines else Role.FAINT


_BAD_COLUMNS = (
    Column("line", lambda row: place_text(row.bad.path, row.bad.line_number), 24, 16, role=Role.MUTED),
    Column("why", lambda row: row.bad.reason, 30, 20, grow=1),
    Column("how it begins", lambda row: row.bad.excerpt, 30, 20, priority=1, grow=2, role=Role.MUTED),
)
