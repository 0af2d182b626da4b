"""Owns the list of quantum jobs, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pandora_core.model import SECOND_US
from pandora_core.store.job_rows import Job, JobState
from pandora_tui.desks.board import Board
from pandora_tui.stories.job import STATE_ROLES
from pandora_tui.style import Role, age_text, duration_text
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable


class JobTable(VirtualTable):
    """Jobs with their state and place in the queue; a row's key is the job's id."""

    def __init__(self, board: Board) -> None:
        rows = Rows({"job": Kind.OBJECT, "place": Kind.OBJECT}, keyed=True)
        super().__init__(_columns(board), rows, empty="no such jobs", id="job-list")

    def show(self, jobs: Sequence[Job], places: Mapping[str, int | None]) -> None:
        """List these jobs, in this order."""
        self.set_order([self.rows.put(job.id, job, places.get(job.id)) for job in jobs])

    def job(self) -> Job | None:
        """The job under the cursor."""
        row_id = self.rows.id_of(self.cursor_key) if self.cursor_key is not None else None
        if row_id is None:
            return None
        found: Job = self.rows.row(row_id).job
        return found


def _columns(board: Board) -> tuple[Column, ...]:
    def age(row: Any) -> str:
        return age_text((board.now_us - row.job.queued_at_us) / SECOND_US)

    def took(row: Any) -> str:
        if row.job.started_at_us is None:
            return f"pos {row.place}" if row.place else ""
        return duration_text(((row.job.finished_at_us or board.now_us) - row.job.started_at_us) / SECOND_US)

    return (
        Column("job", lambda row: row.job.id, 10, role=Role.MUTED),
        Column("state", lambda row: row.job.state.value, 12, role=lambda row: STATE_ROLES[row.job.state]),
        Column("what", lambda row: row.job.label, 22, 12, grow=2, role=Role.STRONG),
        Column("kind", lambda row: row.job.kind, 8, 7, priority=3, role=Role.MUTED),
        Column("backend", lambda row: row.job.remote_backend or row.job.backend, 14, 8, priority=1, grow=1),
        Column("took", took, 7, right=True),
        Column("age", age, 4, right=True, priority=2, role=Role.MUTED),
        Column("why", lambda row: row.job.reason, 20, 12, priority=4, grow=2, role=_why_role),
    )


def _why_role(row: Any) -> Role:
    return Role.WARN if row.job.state in (JobState.ERROR, JobState.QUEUED) else Role.MUTED
