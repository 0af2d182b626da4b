"""Owns the Models screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class ModelsScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "models"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No models",
            "Trained models will be listed here with their figures, their signatures and how far the data have "
            "drifted from what they learnt. This version scores with rules alone.",
            [Step("2", "see how a score is made up: open an alert"), Step("?", "see every key and command")],
        )
