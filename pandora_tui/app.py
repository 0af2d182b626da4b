"""Owns the console as a whole: which place is shown, what its top line says, and how it starts, stops and fails."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.actions import parse as parse_action
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen

from pandora_tui.commands import (
    EVERYWHERE,
    PLACES,
    THEME_NAMES,
    Place,
    Typed,
    bindings,
    parse,
    place_of,
    typed_commands,
)
from pandora_tui.desks.board import Board
from pandora_tui.desks.bridge import Bridge, OpenPoll, Pace
from pandora_tui.desks.errands import Errands
from pandora_tui.desks.feed import Feed, News
from pandora_tui.desks.vault import VAULT_LOOK_S, VaultDesk
from pandora_tui.difftx import FrugalDisplay
from pandora_tui.messages import PollFailed, PollRecovered, Reply, Status, UpdateReady
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import ASCII, glyphs, safe_text
from pandora_tui.terminal import SignalGuard, TerminalDriver
from pandora_tui.themes import ANSI, preferred_theme, themes
from pandora_tui.widgets import scrollbar

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import VaultStatus
    from pandora_core.vault.agent.client import Client


def open_screen(place: Place) -> Screen[Any]:
    """Make the screen of a place; its module is imported only now."""
    module, _, name = place.screen.partition(":")
    screen: Screen[Any] = getattr(import_module(f"pandora_tui.screens.{module}"), name)()
    return screen


class PandoraApp(FrugalDisplay, App[None]):
    """The console. It reads through ``feed`` (or a bare ``open_poll``) on a thread of its own and holds no truth.

    ``data_dir`` gets the crash log. With nothing to read the places show their empty states. ``PANDORA_FRUGAL=0`` in
    ``environ`` lets Textual repaint whole lines (see :mod:`pandora_tui.difftx`).
    """

    TITLE = "Pandora"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False  # ours reads the registry, and draws no emoji
    BINDINGS: ClassVar[list[BindingType]] = bindings(EVERYWHERE)
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        place.name: partial(open_screen, place) for place in PLACES
    }
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (140, "-wide")]  # noqa: RUF012 - as Textual types it

    def __init__(
        self,
        data_dir: Path,
        open_poll: OpenPoll | None = None,
        *,
        feed: Feed | None = None,
        version: str = "",
        place: str = "overview",
        theme: str = "",
        environ: Mapping[str, str] = os.environ,
        pace: Pace | None = None,
        vault_client: Client | None = None,
    ) -> None:
        """``place`` is shown first; ``theme`` is dark, light or ansi, chosen to fit ``environ`` where it is empty."""
        chosen = preferred_theme(environ, theme)
        self.status = Status()
        self.feed = feed
        self.board = Board() if feed is None else Board(feed.clock)
        self._data_dir = data_dir
        self._version = version
        self._crash_notice = ""
        # Told to Textual's constructor, for only there NO_COLOR becomes "no colours" instead of "shades of grey".
        super().__init__(driver_class=TerminalDriver, ansi_color=True if chosen == ANSI else None)
        self._first_place = place_of(place)
        self._current_mode = place
        self._screen_stacks = {place: []}
        # A mode's first screen makes Textual read all styles a second time; as the default screen it does not.
        del self._modes[place]
        self.is_frugal = environ.get("PANDORA_FRUGAL", "1") != "0"
        self.animation_level = "none"  # every step of an animation is traffic on a slow link
        opens = feed.open if feed is not None else open_poll
        self._bridge = None if opens is None else Bridge(opens, self.post_message, pace)
        self.errands = Errands(self.post_message)
        self.vault = VaultDesk(data_dir, self.errands, self._show_vault, vault_client)
        self._take_theme(chosen)
        scrollbar.install()
        if glyphs() is ASCII:
            self.add_class("-ascii")

    @property
    def bridge(self) -> Bridge | None:
        """The thread that reads the store; ``None`` where there is nothing to read."""
        return self._bridge

    @property
    def place(self) -> str:
        """The name of the place that is shown."""
        return self.current_mode

    def show_status(self, status: Status) -> None:
        """Say on the top line of every place how engine, lag and vault are."""
        if status != self.status:
            self.status = status
            for screen in self._visited():
                screen.show_status(status)

    def get_default_screen(self) -> Screen[Any]:
        return open_screen(self._first_place)

    def on_mount(self) -> None:
        self.add_mode(self._first_place.name, partial(open_screen, self._first_place))
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())  # fg finds an empty screen
        if self._bridge is not None:
            self.set_interval(VAULT_LOOK_S, self.vault.look)
            self._bridge.start()  # on its own thread: what it reads is there when the first paint is done

    def on_unmount(self) -> None:
        if self._bridge is not None:
            self._bridge.stop()

    def on_update_ready(self, _: UpdateReady) -> None:
        update = self._bridge.take() if self._bridge is not None else None
        if update is not None:
            if isinstance(update, News):
                self.board.apply(update)
            self.show_status(replace(update.status, vault=self.vault.state))
            for screen in self._visited():
                screen.receive(update)

    def on_poll_failed(self, message: PollFailed) -> None:
        self.show_status(_with_problem(self.status, message.reason))

    def on_poll_recovered(self, _: PollRecovered) -> None:
        self.show_status(_with_problem(self.status, ""))

    def on_reply(self, message: Reply) -> None:
        message.deliver()

    def action_go(self, place: str) -> None:
        """Show a place; its screen is made at the first visit."""
        self.switch_mode(place)

    def action_command_line(self, text: str = "") -> None:
        from pandora_tui.screens.command import CommandLine

        self.push_screen(CommandLine(list(typed_commands([self.place])), text), self._run_line)

    def action_palette(self) -> None:
        from pandora_tui.screens.command import Palette

        self.push_screen(Palette(list(typed_commands([self.place]))), self._run_line)

    def action_help(self) -> None:
        from pandora_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.place))

    def action_help_quit(self) -> None:
        """Answers ctrl+c, which stops most programs and here would be pressed by habit."""
        self.notify("q leaves the console; the engine goes on", timeout=3)

    def action_use_theme(self, name: str = "") -> None:
        """Change the colours: to ``name``, or without it to the next theme."""
        names = [f"pandora-{short}" for short in THEME_NAMES]
        wanted = f"pandora-{name}" if name else names[(names.index(self.theme) + 1) % len(names)]
        self.theme = wanted

    def action_redraw(self) -> None:
        """Draw everything again, over whatever else wrote to the terminal."""
        self.refresh(layout=True)

    def notify(self, message: str, *, markup: bool = False, **settings: Any) -> None:
        """Show a note for a while. Not read as markup unless asked to: log text may be in it."""
        super().notify(message if markup else safe_text(message), markup=markup, **settings)

    def stop_from_signal(self, exit_code: int) -> bool:
        """Leave in good order from a signal handler or another thread; false where the app does not run."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        loop.call_soon_threadsafe(self.exit, None, exit_code)
        return True

    def _show_vault(self, status: VaultStatus) -> None:
        self.show_status(replace(self.status, vault=self.vault.state))
        for screen in self._visited():
            screen.show_vault(status)

    def _visited(self) -> list[PandoraScreen]:
        stacks = self._screen_stacks.values()
        return [screen for stack in stacks for screen in stack if isinstance(screen, PandoraScreen)]

    def _run_line(self, line: str | None) -> None:
        if not line or not line.strip():
            return
        typed = parse(line, typed_commands([self.place]))
        complaint = _complaint(line, typed)
        if typed.command is None or complaint:
            self.notify(complaint, severity="warning")
            return
        if typed.command.argument and not typed.argument and not typed.command.keys:
            self.action_command_line(f"{typed.command.name} ")
            return
        namespace, action, parameters = parse_action(typed.command.action)
        given = (typed.argument,) if typed.argument else parameters
        self.call_later(self.run_action, (namespace, action, given), self.screen)

    def _take_theme(self, name: str) -> None:
        """Start with one of our themes; set before the style sheet is read, so that it is read once."""
        for theme in themes():
            self.register_theme(theme)
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)

    def _fatal_error(self) -> None:
        """Stands in for Textual's crash screen, which prints the local variables of every frame."""
        self._record_crash(self._exception or sys.exc_info()[1])
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """Stands in for Textual's way to die of an error that can draw itself."""
        self._return_code = self._return_code or 1
        self._record_crash(next((item for item in renderables if isinstance(item, BaseException)), self._exception))
        self._close_messages_no_wait()

    def _record_crash(self, error: BaseException | None) -> None:
        from pandora_tui.crash import crash_notice

        if error is not None and not self._crash_notice:
            self._crash_notice = crash_notice(error, self._data_dir, self._version)

    def _print_error_renderables(self) -> None:
        """Called when the terminal is the shell's again: leave our notice there instead of Textual's traceback."""
        self._exit_renderables.clear()
        notice, self._crash_notice = self._crash_notice, ""
        if notice and sys.__stderr__ is not None:
            with contextlib.suppress(OSError):  # the terminal is gone, and the crash log has it all
                print(notice, file=sys.__stderr__, flush=True)


def run_console(app: PandoraApp) -> int:
    """Run ``app`` on this terminal and return the exit code: 0, 1 after an error, 128 + n after signal n."""
    with SignalGuard(app) as guard:
        app.run()
    return guard.exit_code or app.return_code or 0


def _with_problem(status: Status, problem: str) -> Status:
    return Status(status.engine, status.lag_s, status.vault, problem)


def _complaint(line: str, typed: Typed) -> str:
    """What is wrong with a command line, nothing when it can be run."""
    if typed.command is None:
        return f"no command {line.strip().split()[0]!r} here; ? lists them"
    values = typed.command.values
    if values and typed.argument and typed.argument not in values:
        return f"{typed.command.name}: {typed.argument!r} is not one of {', '.join(values)}"
    return ""
