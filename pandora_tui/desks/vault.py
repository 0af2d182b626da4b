"""Owns the console's way to the vault: the agent's client, and what was last seen of the vault's state.

Nothing of the vault is imported before there is one or somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pandora_tui.desks.errands import Errands
from pandora_tui.messages import VaultState

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import VaultStatus
    from pandora_core.vault.agent.client import Client

VAULT_LOOK_S = 1.0
"""How often the agent is asked how the vault is."""

_FILE_NAME = "vault.db"  # said here too, for the vault is not to be imported at a start
_STATES = {"absent": VaultState.NONE, "locked": VaultState.LOCKED, "unlocking": VaultState.LOCKED}


class VaultDesk:
    """One console's client of the vault agent; ``told`` hears of every change of the state."""

    def __init__(
        self, data: Path, errands: Errands, told: Callable[[VaultStatus], None], client: Client | None = None
    ) -> None:
        self.data = data
        self.status: VaultStatus | None = None
        """What was seen last; ``None`` while nothing is known, and as long as there is no vault."""
        self.problem = ""
        self._errands = errands
        self._told = told
        self._client = client
        self._is_looking = False

    @property
    def client(self) -> Client:
        """The client; its calls wait for the agent, so make them on an errand."""
        if self._client is None:
            from pandora_core.vault.agent.client import Client

            self._client = Client(self.data)
        return self._client

    @property
    def exists(self) -> bool:
        """Whether there is a vault."""
        return (self.data / _FILE_NAME).exists()

    @property
    def state(self) -> VaultState:
        """What the top line says of it."""
        if self.status is None:
            return VaultState.LOCKED if self.exists else VaultState.NONE
        return _STATES.get(self.status.state, VaultState.OPEN)

    def look(self) -> None:
        """Ask how the vault is, unless that is being asked already; starts no agent."""
        if self._is_looking or not (self.exists or self.status is not None):
            return
        self._is_looking = True
        self._errands.run(lambda: self.client.status(), self.take, self._fail)

    def take(self, status: VaultStatus) -> None:
        """Take in what the agent says."""
        self._is_looking = False
        self.problem = ""
        before, self.status = self.status, status
        if before != status:
            self._told(status)

    def _fail(self, error: Exception) -> None:
        from pandora_tui.desks.bridge import reason_of

        self._is_looking = False
        self.problem = reason_of(error)
