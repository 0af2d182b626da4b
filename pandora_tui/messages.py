"""Owns what reaches the screen from outside: the status on the top line, updates of the data, replies."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from textual.message import Message


class EngineState(enum.StrEnum):
    """What is known of the engine."""

    STARTING = "starting"
    LIVE = "live"
    STOPPED = "no engine"


class VaultState(enum.StrEnum):
    """Whether the vault can be read."""

    NONE = "no vault"
    LOCKED = "vault locked"
    OPEN = "vault open"


@dataclass(frozen=True, slots=True)
class Status:
    """What the top line says on every screen.

    ``lag_s`` is how far the engine is behind the logs, in seconds; ``None`` where nothing is known. ``problem`` is
    one line on what keeps the screen from being current, empty when all is well.
    """

    engine: EngineState = EngineState.STARTING
    lag_s: float | None = None
    vault: VaultState = VaultState.NONE
    problem: str = ""


class Update(Protocol):
    """What a poll found to be new. The screens take it apart; the shell reads its status only."""

    @property
    def status(self) -> Status: ...

    def merged(self, newer: Any) -> Update:
        """This update and a ``newer`` one, together as one: nothing in either may get lost."""


class UpdateReady(Message):
    """There is something to fetch with :meth:`pandora_tui.desks.bridge.Bridge.take`; several are as good as one."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, UpdateReady)


class PollFailed(Message):
    """The poll raised an error; ``reason`` is one line for the top line. It will be tried again."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, PollFailed)


class PollRecovered(Message):
    """The poll works again."""


class Reply(Message):
    """The answer to a request is there; ``deliver`` hands it to whoever asked, on the thread of the screen."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__()
        self.deliver = deliver
