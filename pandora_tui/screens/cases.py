"""Owns the Cases screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class CasesScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "cases"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No cases",
            "Alerts that belong together will be kept here as one case, in order of time, ready to be handed "
            "over. This version keeps none.",
            [Step("2", "triage alerts one by one"), Step("?", "see every key and command")],
        )
