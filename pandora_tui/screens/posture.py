"""Owns the Posture screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class PostureScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "posture"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "Nothing measured yet",
            "Here will be the share of your sessions that could be recorded today and decrypted by a quantum "
            "computer later, and how it changes. This version does not measure it.",
            [Step("9", "see which sources are read"), Step("?", "see every key and command")],
        )
