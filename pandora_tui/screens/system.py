"""Owns the System screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class SystemScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "system"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "Waiting for the engine",
            "Sources and their lag, the engine, the store and what is wrong with them will stand here.",
            [
                Step("pandora engine status", "ask from a shell"),
                Step("pandora doctor", "see what is wrong and how to mend it"),
            ],
        )
