"""Owns the list of entities by risk: who is at risk now, and why where there is room to say it."""

from __future__ import annotations

from typing import Any

from pandora_core.model import Entity
from pandora_tui.desks.board import Board
from pandora_tui.stories.overview import READING
from pandora_tui.style import Role, age_text, count_text, severity_mark
from pandora_tui.widgets.braille import sparkline
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.ranked_table import RankedTable
from pandora_tui.widgets.rows import Kind, Rows

_TREND_CELLS = 4
_MOST = 1_000


class EntityTable(RankedTable):
    """The entities of a board, the one with the highest risk first; a row's key is ``host:ws-114``."""

    def __init__(self, board: Board) -> None:
        rows = Rows({"entity": Kind.OBJECT}, capacity=_MOST, keyed=True)
        super().__init__(_columns(board), rows)
        self._board = board
        self._shown: tuple[Entity, ...] = ()

    def show(self) -> None:
        """List the board's entities as they are now."""
        self.set_empty("nobody is at risk" if self._board.is_loaded else READING)
        if self._board.entities != self._shown:
            self._shown = self._board.entities
            self.set_order([self.rows.put(str(entity.ref), entity) for entity in self._shown], sorted_by="risk")

    def entity_of(self, key: object) -> Entity | None:
        """The entity in the row of a key."""
        row_id = self.rows.id_of(str(key))
        return None if row_id is None else self.rows.row(row_id).entity


def _columns(board: Board) -> tuple[Column, ...]:
    def age(row: Any) -> str:
        return age_text(board.age_s(row.entity.last_seen_us))

    return (
        Column("sev", lambda row: str(severity_mark(row.entity.severity)), 6, role=_role),
        Column("entity", lambda row: row.entity.ref.name, 15, 10, grow=1, role=Role.STRONG),
        Column("risk", lambda row: f"{row.entity.risk:.0f}", 4, right=True, role=_role),
        Column("7h", _trend, _TREND_CELLS, priority=1, role=_role),
        Column("det", lambda row: count_text(row.entity.detections), 3, right=True, priority=2, role=Role.MUTED),
        Column("age", age, 4, right=True, priority=3, role=Role.MUTED),
        Column("why", _why, 30, 24, priority=4, grow=4),
    )


def _trend(row: Any) -> str:
    return sparkline(row.entity.history, _TREND_CELLS, high=100.0)


def _why(row: Any) -> str:
    parts = row.entity.contributions
    return parts[0].title if parts else ""


def _role(row: Any) -> Role:
    return severity_mark(row.entity.severity).role
