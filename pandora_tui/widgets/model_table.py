"""Owns the list of versions of models, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandora_core.model import SECOND_US, from_iso
from pandora_tui.desks.board import Board
from pandora_tui.desks.models import ModelView
from pandora_tui.stories.model import STATE_ROLES
from pandora_tui.style import Role, age_text
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable


class ModelTable(VirtualTable):
    """Versions with their state and newest figures; a row's key is the version's number."""

    def __init__(self, board: Board) -> None:
        rows = Rows({"view": Kind.OBJECT}, keyed=True)
        super().__init__(_columns(board), rows, empty="no models", id="model-list")

    def show(self, views: Sequence[ModelView]) -> None:
        """List these versions, in this order."""
        self.set_order([self.rows.put(view.number, view) for view in views])

    def view(self) -> ModelView | None:
        """The version under the cursor."""
        row_id = self.rows.id_of(self.cursor_key) if self.cursor_key is not None else None
        if row_id is None:
            return None
        found: ModelView = self.rows.row(row_id).view
        return found


def _columns(board: Board) -> tuple[Column, ...]:
    def age(row: Any) -> str:
        return age_text((board.now_us - from_iso(row.view.shape["made_at"])) / SECOND_US)

    return (
        Column("no", lambda row: str(row.view.number), 4, right=True, role=Role.MUTED),
        Column("state", lambda row: row.view.shape["state"], 9, role=_state_role),
        Column("name", lambda row: row.view.shape["name"], 20, 10, grow=2, role=Role.STRONG),
        Column("features", lambda row: row.view.shape["schema"], 12, 8, priority=2, role=Role.MUTED),
        Column("ROC-AUC", lambda row: _figure(row, "roc_auc"), 7, right=True),
        Column("F1", lambda row: _figure(row, "f1"), 5, right=True, priority=1),
        Column("FPR", lambda row: _figure(row, "false_positive_rate"), 5, right=True, priority=3),
        Column("TPR@1%", lambda row: _figure(row, "tpr_at_1_fpr"), 6, right=True),
        Column("new@1%", lambda row: _figure(row, "new_recall_at_1_fpr"), 6, right=True, priority=4),
        Column("age", age, 4, right=True, priority=5, role=Role.MUTED),
        Column("by", lambda row: row.view.shape["made_by"], 8, priority=6, grow=1, role=Role.MUTED),
    )


def _state_role(row: Any) -> Role:
    return STATE_ROLES.get(row.view.shape["state"], Role.TEXT)


def _figure(row: Any, name: str) -> str:
    figures = row.view.figures
    value = figures[name]["value"] if figures is not None else None
    return "–" if value is None else f"{value:.3f}"
