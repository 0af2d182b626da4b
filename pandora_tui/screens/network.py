"""Owns the Network screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class NetworkScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "network"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No network to draw yet",
            "The graph of hosts will be drawn here, with the edges an intruder would most likely take next and "
            "the cheapest way to cut them off. This version does not draw it.",
            [Step("2", "see new log-ons between hosts among the alerts"), Step("?", "see every key and command")],
        )
