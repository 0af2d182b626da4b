"""Owns what the nine screens have in common: the frame of two lines and how news reaches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from pandora_tui.desks.bridge import reason_of
from pandora_tui.messages import Status, Update
from pandora_tui.widgets.chrome import KeyLine, TopLine

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import VaultStatus
    from pandora_tui.desks.board import Board
    from pandora_tui.desks.bridge import Bridge
    from pandora_tui.desks.errands import Errands
    from pandora_tui.desks.feed import Feed
    from pandora_tui.desks.vault import VaultDesk


T = TypeVar("T")


class Console(Protocol):
    """What a screen may ask of the app that shows it."""

    status: Status
    board: Board
    feed: Feed | None
    errands: Errands
    vault: VaultDesk

    @property
    def bridge(self) -> Bridge | None:
        """The thread that reads the store; ``None`` where there is nothing to read."""
        ...

    def action_go(self, place: str) -> None:
        """Show a place."""
        ...


class PandoraScreen(Screen[None]):
    """A screen of the console: subclasses name their place and compose what stands between the two lines."""

    PLACE: ClassVar[str] = "overview"

    @property
    def console(self) -> Console:
        """The app, as what it is to a screen."""
        return cast("Console", self.app)

    @property
    def feed(self) -> Feed:
        """The way to the store: for what :meth:`ask` has the bridge run, and only there."""
        feed = self.console.feed
        assert feed is not None, "there is nothing to read"
        return feed

    def compose(self) -> ComposeResult:
        yield TopLine(self.PLACE, self.console.status)
        yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The widgets of this place, from top to bottom."""
        raise NotImplementedError

    def on_screen_suspend(self) -> None:
        self.query_one(KeyLine).update_keys(self)

    def on_screen_resume(self) -> None:
        self.query_one(KeyLine).update_keys(self)

    def ask(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None] | None = None
    ) -> None:
        """Have the bridge run ``work``; then ``done`` with what it gave, if this screen is still there by then.

        An error is said in a note where ``failed`` does not take it.
        """
        if self.console.bridge is None:
            return
        told = self.say_refused if failed is None else failed
        self.console.bridge.request(
            work,
            lambda result: done(result) if self.is_running else None,
            lambda error: told(error) if self.is_running else None,
        )

    def say_refused(self, error: Exception) -> None:
        """Say in a note why something was not done."""
        self.notify(reason_of(error), severity="warning", timeout=10)

    def receive(self, update: Update) -> None:
        """Take in what is new. Called on every screen that has been visited, seen or not: keep it short."""

    def show_status(self, status: Status) -> None:
        """Show the state of engine, lag and vault."""
        for line in self.query(TopLine):
            line.show(status=status)

    def show_vault(self, status: VaultStatus) -> None:
        """Take in how the vault is; called on every screen that has been visited."""

    def show_note(self, note: str) -> None:
        """Say on the top line what this screen shows: its filter and its order."""
        for line in self.query(TopLine):
            line.show(note=note)
