"""Owns the Threats screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class ThreatsScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "threats"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No alerts",
            "Alerts will stand here, the worst on top: the entity, what happened to it, and each reason with the "
            "log line that shows it.",
            [Step("1", "go to the overview"), Step("?", "see every key and command")],
        )
