"""Owns what the nine screens have in common: the frame of two lines and how news reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from pandora_tui.messages import Status, Update
from pandora_tui.widgets.chrome import KeyLine, TopLine

if TYPE_CHECKING:
    from pandora_tui.app import PandoraApp


class PandoraScreen(Screen[None]):
    """A screen of the console: subclasses name their place and compose what stands between the two lines."""

    PLACE: ClassVar[str] = "overview"

    @property
    def console(self) -> PandoraApp:
        """The app, as what it is."""
        return cast("PandoraApp", self.app)

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

    def receive(self, update: Update) -> None:
        """Take in what is new. Called on every screen that has been visited, seen or not: keep it short."""

    def show_status(self, status: Status) -> None:
        """Show the state of engine, lag and vault."""
        for line in self.query(TopLine):
            line.show(status=status)

    def show_note(self, note: str) -> None:
        """Say on the top line what this screen shows: its filter and its order."""
        for line in self.query(TopLine):
            line.show(note=note)
