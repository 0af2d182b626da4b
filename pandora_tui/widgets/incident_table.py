"""Owns the list of incidents, in the order to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandora_core.detect.incidents.joining import Incident
from pandora_tui.desks.board import Board
from pandora_tui.style import Role, age_text, severity_mark
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.ranked_table import RankedTable
from pandora_tui.widgets.rows import Kind, Rows


class IncidentTable(RankedTable):
    """Incidents in the order of the queue: each shows something that those above it do not. Keys are their ids."""

    def __init__(self, board: Board) -> None:
        rows = Rows({"incident": Kind.OBJECT}, keyed=True)
        super().__init__(_columns(board), rows, empty="no incident yet", id="incidents")

    def show(self, incidents: Sequence[Incident]) -> None:
        """List these incidents, in this order."""
        self.set_order([self.rows.put(incident.id, incident) for incident in incidents])


def _columns(board: Board) -> tuple[Column, ...]:
    def age(row: Any) -> str:
        return age_text((board.event_now_us - row.incident.last_seen_us) / 1_000_000)

    return (
        Column("risk", lambda row: f"{row.incident.risk:.0f}", 4, right=True, role=_role),
        Column("sev", lambda row: str(severity_mark(row.incident.severity)), 6, role=_role),
        Column("where", _where, 20, 13, grow=1, role=Role.STRONG),
        Column("what", lambda row: row.incident.title, 40, 20, grow=4),
        Column("phases", lambda row: str(len(row.incident.tactics)), 6, right=True, priority=3, role=Role.MUTED),
        Column("age", age, 4, right=True, priority=2, role=Role.MUTED),
    )


def _where(row: Any) -> str:
    names = [entity.name for entity in row.incident.entities]
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _role(row: Any) -> Role:
    return severity_mark(row.incident.severity).role
