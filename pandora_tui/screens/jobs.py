"""Owns the Jobs screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class JobsScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "jobs"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No quantum jobs yet",
            "Jobs will stand here while they wait, run and finish: circuit, counts and timings, and beside each "
            "result the classical figure of the same rows. This version does not run any.",
            [Step("2", "see the alerts, which need no job"), Step("?", "see every key and command")],
        )
