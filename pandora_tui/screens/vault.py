"""Owns the Vault screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step


class VaultScreen(PandoraScreen):
    """Empty so far: it says what will be here and what to do meanwhile."""

    PLACE: ClassVar[str] = "vault"

    def body(self) -> ComposeResult:
        yield EmptyState(
            "There is no vault yet",
            "Credentials and sealed evidence will be kept here, with an audit trail that can be verified without "
            "a key. This version does not make one; nothing secret is stored.",
            [Step("2", "see the alerts"), Step("?", "see every key and command")],
        )
