"""Owns the Network screen: the graph of log-ons, its ranked moves, and where, when and at what of it one looks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from pandora_core.model import DAY_US, from_iso
from pandora_tui.commands import NODE_MODES, bindings
from pandora_tui.desks.bridge import reason_of
from pandora_tui.messages import Status, Update
from pandora_tui.screens.idle import say_idle
from pandora_tui.screens.network_node import NodeScreen
from pandora_tui.stories import network as network_lines
from pandora_tui.survey.sights import Look, label_of
from pandora_tui.survey.surveyor import Surveyor
from pandora_tui.widgets.dialogs import TextDialog
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.graph_canvas import GraphCanvas
from pandora_tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from pandora_tui.survey.sights import Picture

CALM_S = 10.0
"""How often the graph is made anew while log-ons come in; but in no more than a tenth of the time."""

_PAN = 0.2


class NetworkScreen(NodeScreen):
    """Canvas and words, beside or above the ranked moves."""

    PLACE: ClassVar[str] = "network"
    AUTO_FOCUS: ClassVar[str | None] = "GraphCanvas"
    BINDINGS: ClassVar[list[BindingType]] = bindings("network")
    DEFAULT_CSS = """
    NetworkScreen {
        #network { height: 1fr; layout: vertical; }
        #drawn { height: 1fr; width: 1fr; }
        #walks { height: 2; }
        #told { height: 6; }
        &.-wide #network { layout: horizontal; }
        &.-wide #drawn { width: 2fr; }
        &.-wide #told { width: 1fr; height: 1fr; border-left: solid $pandora-line; }
        &.-told #told { height: 14; }
        &.-told.-wide #told { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._look = Look()
        self._is_stale, self._is_busy, self._is_asked_again = True, False, False
        self._begun_s = self._rest_until_s = 0.0
        self._wanted = ""
        self._problem = ""

    def body(self) -> ComposeResult:
        yield EmptyState("", "")
        with Container(id="network"):
            with Vertical(id="drawn"):
                yield GraphCanvas()
                yield Lines(self._walk_lines, id="walks")
            yield Lines(self._told_lines, id="told")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_empty()
        self.set_interval(CALM_S, self._catch_up_calmly)

    def on_unmount(self) -> None:
        if self._surveyor is not None:
            self.console.errands.run(self._surveyor.close, lambda _: None, lambda _: None)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._is_stale = True
        self._wanted, self.console.board.wanted_host = self.console.board.wanted_host or self._wanted, ""
        self._catch_up()
        self._find_wanted()

    def receive(self, update: Update) -> None:
        """New events may hold log-ons; the graph is looked at again in its own time."""
        self._is_stale = True
        if self._picture is None and not self._problem:
            self._catch_up()

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        if self.is_mounted:
            self._show_empty()

    def on_graph_canvas_chosen(self, event: GraphCanvas.Chosen) -> None:
        self._choose(event.host)

    def action_pan(self, x: int, y: int) -> None:
        self._canvas.pan(x * _PAN, y * _PAN)

    def action_zoom(self, steps: int) -> None:
        self._canvas.zoom(steps)

    def action_whole(self) -> None:
        self._canvas.whole()

    def action_locate(self, name: str = "") -> None:
        """Find a host by its name, or by some of its letters."""
        if name:
            self._find(name)
            return
        dialog = TextDialog("Find a host", placeholder="a name, or some of its letters")
        self.app.push_screen(dialog, lambda text: self._find(text) if text else None)

    def action_only(self, words: str = "") -> None:
        """Show only log-ons whose account and kind hold some words."""
        if words:
            self._limit(words)
            return
        dialog = TextDialog("Only log-ons of", text=self._look.words, placeholder="an account, a kind: anna ssh")
        self.app.push_screen(dialog, lambda text: self._limit(text.strip()) if text is not None else None)

    def action_nodes(self, mode: str = "") -> None:
        """Draw users or services beside hosts: what was typed, else the next of the four."""
        if mode and mode not in NODE_MODES:
            self.notify(f"{mode!r} is none of {', '.join(NODE_MODES)}", severity="warning", timeout=6)
            return
        following = NODE_MODES[(NODE_MODES.index(self._look.nodes) + 1) % len(NODE_MODES)]
        self._look_at(Look(self._look.words, mode or following))

    def action_next_move(self) -> None:
        count = len(self._picture.moves) if self._picture is not None else 0
        if count:
            self.action_choose_move((self._move + 1) % count)

    def action_choose_move(self, number: int) -> None:
        """Show a ranked move; its source is the chosen host."""
        if self._picture is None or not 0 <= number < len(self._picture.moves):
            return
        self._clear()
        self._move, self._host = number, self._picture.moves[number].source
        self._canvas.choose(self._host, move=number)
        self._redraw()

    def action_time(self, days: int) -> None:
        """Back by a day, or forward until now."""
        if self._picture is None:
            return
        at_us = (self._at_us or self._picture.at_us) + days * DAY_US
        self._go_to(None if days > 0 and at_us >= self._newest_us() else at_us)

    def action_when(self, text: str = "") -> None:
        """To a moment that was typed; without one to the present."""
        try:
            self._go_to(from_iso(text) if text else None)
        except ValueError:
            self.notify(f"{text!r} is no time; for example 2026-03-27T13:06:56", severity="warning", timeout=6)

    @property
    def picture(self) -> Picture | None:
        """What is drawn."""
        return self._picture

    @property
    def surveyor_pid(self) -> int | None:
        """The process that makes the graph, while there is one."""
        return self._surveyor.pid if self._surveyor is not None else None

    def _catch_up_calmly(self) -> None:
        if time.monotonic() >= self._rest_until_s:
            self._catch_up()

    def _catch_up(self) -> None:
        """Have the graph made anew if something is new, one errand at a time."""
        console = self.console
        if console.feed is None or not self.is_current or not self._is_stale:
            return
        if self._is_busy:
            self._is_asked_again = True
            return
        if self._surveyor is None:
            self._surveyor = Surveyor(console.feed.data)
        self._is_stale, self._is_busy, self._begun_s = False, True, time.monotonic()
        surveyor, at_us, look = self._surveyor, self._at_us, self._look
        known = self._picture.number if self._picture is not None and not self._problem else 0
        console.errands.run(
            lambda: surveyor.survey(at_us, known, look), lambda found: self._take(found, look), self._fail
        )
        self._show_empty()

    def _take(self, picture: Picture | None, look: Look) -> None:
        self._is_busy = False
        self._rest_until_s = time.monotonic() + 9 * (time.monotonic() - self._begun_s)
        if not self.is_running:
            return
        self._problem = ""
        if picture is not None:
            self._show(picture)
        if look != self._look:
            self._look_at(self._look)
        if self._is_asked_again:
            self._is_asked_again, self._is_stale = False, True
            self._catch_up()
        self._show_empty()

    def _fail(self, error: Exception) -> None:
        """It is tried again in a while; what is drawn stays, and the top line says that it is old."""
        self._is_busy, self._is_stale = False, True
        if self.is_running:
            self._problem = reason_of(error)
            self.show_note(f"not up to date: {self._problem}")
            self._show_empty()

    def _show(self, picture: Picture) -> None:
        """Take a new picture in; the host and the move that were chosen stay so if they are in it."""
        before = self._chosen_way()
        self._picture = picture
        ways = [(one.source, one.target, one.user) for one in picture.moves]
        self._move = ways.index(before) if before in ways else -1
        self._clear()
        self._canvas.show(picture)
        self._canvas.choose(self._host if self._host in picture.index else "", move=self._move)
        self._show_empty()
        self.show_note(network_lines.note(picture, self._at_us, self._look))
        self._redraw()
        self._find_wanted()

    def _chosen_way(self) -> tuple[str, str, str] | None:
        if self._picture is None or not 0 <= self._move < len(self._picture.moves):
            return None
        move = self._picture.moves[self._move]
        return move.source, move.target, move.user

    def _show_empty(self) -> None:
        """The canvas where there are hosts; else words on why there is nothing."""
        has_hosts = self._picture is not None and bool(self._picture.names)
        self.query_one("#network").display = has_hosts
        state = self.query_one(EmptyState)
        state.display = not has_hosts
        if self._problem and not has_hosts:
            state.show("The graph cannot be made", f"{self._problem}. It is tried again.")
        elif self._is_busy and self._picture is None:
            state.show("Reading the graph", "Log-ons are read, ranked and laid out; it will be here in a moment.")
        elif not has_hosts:
            say_idle(self)

    def _limit(self, words: str) -> None:
        self._look_at(Look(words, self._look.nodes))

    def _look_at(self, look: Look) -> None:
        """The same graph with other words or nodes."""
        self._look, surveyor, at_us = look, self._surveyor, self._at_us
        if self._picture is not None and surveyor is not None:
            self._errand(lambda: surveyor.again(at_us, look), self._show)

    def _go_to(self, at_us: int | None) -> None:
        if at_us != self._at_us:
            self._at_us, self._is_stale = at_us, True
            self._catch_up()

    def _newest_us(self) -> int:
        status = self.console.board.engine
        return status.watermark_us if status is not None else 0

    def _find(self, name: str) -> None:
        """The node of that name, else the first with these letters, else where that account was used unusually."""
        if self._picture is None:
            return
        wanted = name.strip().casefold()
        bare = {node: label_of(node).casefold() for node in self._picture.names}
        order = sorted(bare, key=lambda node: (not bare[node].startswith(wanted), node))
        found = next((node for node in order if wanted in (bare[node], node.casefold())), None)
        found = found or next((node for node in order if wanted in node.casefold()), None)
        by_user = (one.source for one in self._picture.moves if one.user == wanted)
        found = found or next(by_user, None)
        if found is None:
            self.notify(f"{name} is not in the graph: no log-on from it or to it is known", timeout=6)
            return
        self._choose(found)

    def _find_wanted(self) -> None:
        if self._wanted and self._picture is not None:
            wanted, self._wanted = self._wanted, ""
            self._find(wanted)

    def _choose(self, host: str) -> None:
        self._clear()
        self._host, self._move = host, -1
        self._canvas.choose(host)
        self._redraw()

    def _walk_lines(self, width: int, height: int) -> list[Line]:
        if self._picture is None:
            return []
        if self._walked is not None:
            words = self._walked.words[self._frame]
        else:
            words = network_lines.walk_words(self._picture, self._move)
        return [network_lines.said(text, width) for text in words]

    def _told_lines(self, width: int, height: int) -> Sequence[Line]:
        if self._told is not None:
            return self._told(width, height)
        return [] if self._picture is None else network_lines.moves_lines(self._picture, self._move, width, height)
