"""Owns the Overview screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class OverviewScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "overview"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "Waiting for the first events",
            "Who is at risk, how the last hour went and what moved across the network will stand here as soon as "
            "the engine has read something.",
            [
                Step("pandora watch PATH", "follow logs as they grow"),
                Step("pandora ingest PATH", "read logs that are complete"),
                Step("pandora demo", "see an attack on a made-up company"),
            ],
        )
