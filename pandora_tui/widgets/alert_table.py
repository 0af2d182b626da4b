"""Owns the list of alerts: its columns, and the ways to order it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from pandora_core.detect.incidents.triage import ACKNOWLEDGED, CLOSED, NEW
from pandora_core.model import Severity
from pandora_tui.commands import bindings
from pandora_tui.desks.board import Board
from pandora_tui.stories.alert import STATE_ROLES
from pandora_tui.style import Role, age_text, severity_mark
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.ranked_table import RankedTable
from pandora_tui.widgets.rows import RowId, Rows

Key = Callable[[RowId], Any]

_STATE_ORDER = {NEW: 0, ACKNOWLEDGED: 1, CLOSED: 2}


class Sort(NamedTuple):
    """A way to order alerts: the column that it marks, and the key by which rows are compared, the least first."""

    column: str
    key: Callable[[Rows], Key]


def _by_risk(rows: Rows) -> Key:
    risk = rows.getter("risk")
    return lambda row_id: (-risk(row_id), row_id)


def _by_newest(rows: Rows) -> Key:
    last_us = rows.getter("last_us")
    return lambda row_id: (-last_us(row_id), row_id)


def _by_entity(rows: Rows) -> Key:
    entity, risk = rows.getter("entity"), rows.getter("risk")
    return lambda row_id: (entity(row_id).lower(), -risk(row_id), row_id)


def _by_state(rows: Rows) -> Key:
    state, risk = rows.getter("state"), rows.getter("risk")
    return lambda row_id: (_STATE_ORDER.get(state(row_id), 3), -risk(row_id), row_id)


SORTS: Mapping[str, Sort] = {
    "risk": Sort("risk", _by_risk),
    "newest": Sort("age", _by_newest),
    "entity": Sort("entity", _by_entity),
    "state": Sort("state", _by_state),
}
"""The orders by the name that is typed; the first is the one to start with."""


class AlertTable(RankedTable):
    """The alerts of a board. ``g`` is the graph here, so only ``home`` goes to the first row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in bindings("threats") if isinstance(binding, Binding) and binding.key == "g"
    ]

    def __init__(self, board: Board, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(columns_of(board), board.alerts, empty="no alert matches the filter: / changes it", id=id)


def sort_of(column: str) -> str | None:
    """The order that a click on a column's title asks for."""
    return next((name for name, sort in SORTS.items() if sort.column == column or name == column), None)


def columns_of(board: Board) -> tuple[Column, ...]:
    """The columns of a list of alerts; severity never leaves, whatever the width."""
    return (
        Column("risk", lambda row: f"{row.risk:.0f}", 4, right=True, role=_severity_role),
        Column("sev", lambda row: str(severity_mark(Severity(row.severity))), 6, role=_severity_role),
        Column("entity", lambda row: row.entity, 15, 13, grow=1, role=Role.STRONG),
        Column("what", lambda row: row.title, 44, 21, grow=5),
        Column("technique", _technique, 9, priority=3, role=Role.MUTED),
        Column("age", lambda row: age_text(board.age_s(row.last_us)), 4, right=True, priority=2, role=Role.MUTED),
        Column("state", lambda row: row.standing, 14, 9, priority=1, role=_state_role),
    )


def _technique(row: Any) -> str:
    first, _, more = row.techniques.partition(" ")
    return f"{first} +" if more and len(first) <= 7 else str(first)


def _severity_role(row: Any) -> Role:
    return severity_mark(Severity(row.severity)).role


def _state_role(row: Any) -> Role:
    return STATE_ROLES.get(row.state, Role.TEXT)
