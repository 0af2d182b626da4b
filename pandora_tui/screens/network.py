"""Owns the Network screen: the graph of log-ons, its ranked moves, walks step by step, blast radius and plans.

The graph is read, ranked and laid out by an errand; the screen's thread only draws what is in view. The module is
longer than others because every key of the screen is answered here, each in a few lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from pandora_core.model import DAY_US, from_iso
from pandora_tui import network_lines
from pandora_tui.bridge import reason_of
from pandora_tui.commands import bindings
from pandora_tui.messages import Status, Update
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.idle import say_idle
from pandora_tui.surveyor import Surveyor, blast, circuit, only, paths, plans, spread
from pandora_tui.terminal import is_link_slow
from pandora_tui.widgets.dialogs import TextDialog
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.graph_canvas import GraphCanvas
from pandora_tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from pandora_core.graph.paths import Route
    from pandora_core.quantum.plans.containing import Proposals
    from pandora_core.quantum.walks.spreading import Spread
    from pandora_core.store.job_rows import Job
    from pandora_tui.surveyor import Picture

T = TypeVar("T")

CALM_S = 10.0
"""How often the graph is made anew while log-ons come in; but in no more than a tenth of the time."""

FRAME_S = 0.4
_PAN = 0.2


class NetworkScreen(PandoraScreen):
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
        self._surveyor: Surveyor | None = None
        self._picture: Picture | None = None
        self._whole: Picture | None = None
        self._words = ""
        self._at_us: int | None = None
        self._move = -1
        self._host = ""
        self._spread: Spread | None = None
        self._frame = 0
        self._is_playing = False
        self._told: Callable[[int, int], Sequence[Line]] | None = None
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
        self._show_empty()
        self.set_interval(CALM_S, self._catch_up_calmly)
        self.set_interval(FRAME_S, self._play)

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
        if self._picture is None:
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
        dialog = TextDialog("Only log-ons of", text=self._words, placeholder="an account, a kind: anna ssh")
        self.app.push_screen(dialog, lambda text: self._limit(text.strip()) if text is not None else None)

    def action_next_move(self) -> None:
        count = len(self._picture.moves) if self._picture is not None else 0
        if count:
            self.action_choose_move((self._move + 1) % count)

    def action_choose_move(self, number: int) -> None:
        """Show a ranked move; its source is the chosen host."""
        if self._picture is None or not 0 <= number < len(self._picture.moves):
            return
        self._clear()
        self._move, self._host = number, self._picture.moves[number].move.source
        self._canvas.choose(self._host, move=number)
        self._redraw()

    def action_time(self, days: int) -> None:
        """Back by a day, or forward until now."""
        if self._picture is None:
            return
        at_us = (self._at_us or self._picture.moment.at_us) + days * DAY_US
        self._go_to(None if days > 0 and at_us >= self._newest_us() else at_us)

    def action_when(self, text: str = "") -> None:
        """To a moment that was typed; without one to the present."""
        try:
            self._go_to(from_iso(text) if text else None)
        except ValueError:
            self.notify(f"{text!r} is no time; for example 2026-03-27T13:06:56", severity="warning", timeout=6)

    def action_walk_step(self) -> None:
        """One step of the walks from the chosen host; the first shows where they begin."""
        if self._spread is not None:
            self._show_frame((self._frame + 1) % len(self._spread.times))
            return
        self._of_host(spread, self._begin_walk)

    def action_walk_play(self) -> None:
        self._is_playing = True
        if self._spread is None:
            self.action_walk_step()

    def action_walk_pause(self) -> None:
        self._is_playing = False

    def action_blast(self) -> None:
        """What falls with the chosen host, and when."""
        self._of_host(blast, self._show_blast)

    def action_paths(self) -> None:
        """Likely routes from the chosen host to what must not fall."""
        self._of_host(paths, self._show_paths)

    def action_circuit(self, backend: str = "aer") -> None:
        """Put the walk from the chosen host into the queue of jobs, as a circuit of at most sixteen hosts."""
        picture, host = self._picture, self._host_or_say()
        if picture is not None and host:
            queue = self.feed.submit_work
            self.ask(lambda: queue(circuit(picture, host), backend, f"walk from {host}"), self._say_queued)

    def action_contain(self) -> None:
        """What to cut if the chosen host has fallen, by every solver."""
        self._of_host(plans, self._show_plans)

    def action_clear(self) -> None:
        """Back to the ranked moves."""
        self._clear()
        self._redraw()

    @property
    def picture(self) -> Picture | None:
        """What is drawn."""
        return self._picture

    @property
    def host(self) -> str:
        """The chosen host; empty if none is."""
        return self._host

    @property
    def frame(self) -> int | None:
        """Which step of the walks is shown, if any is."""
        return self._frame if self._spread is not None else None

    @property
    def _canvas(self) -> GraphCanvas:
        return self.query_one(GraphCanvas)

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
        surveyor, at_us, before = self._surveyor, self._at_us, self._whole
        console.errands.run(lambda: surveyor.survey(at_us, before), self._take, self._fail)
        self._show_empty()

    def _take(self, picture: Picture | None) -> None:
        self._is_busy = False
        self._rest_until_s = time.monotonic() + 9 * (time.monotonic() - self._begun_s)
        if not self.is_running:
            return
        if picture is not None:
            self._problem, self._whole = "", picture
            self._limit(self._words)
        if self._is_asked_again:
            self._is_asked_again, self._is_stale = False, True
            self._catch_up()
        self._show_empty()

    def _fail(self, error: Exception) -> None:
        self._is_busy = False
        if self.is_running:
            self._problem = reason_of(error)
            self._show_empty()

    def _show(self, picture: Picture) -> None:
        """Take a new picture in; the host and the move that were chosen stay so if they are in it."""
        before = self._chosen_way()
        self._picture = picture
        ways = [(one.move.source, one.move.target, one.move.user) for one in picture.moves]
        self._move = ways.index(before) if before in ways else -1
        self._clear()
        self._canvas.show(picture)
        self._canvas.choose(self._host if self._host in picture.index else "", move=self._move)
        self._show_empty()
        self.show_note(network_lines.note(picture, self._at_us, self._words))
        self._redraw()
        self._find_wanted()

    def _chosen_way(self) -> tuple[str, str, str] | None:
        if self._picture is None or not 0 <= self._move < len(self._picture.moves):
            return None
        move = self._picture.moves[self._move].move
        return move.source, move.target, move.user

    def _show_empty(self) -> None:
        """The canvas where there are hosts; else words on why there is nothing."""
        has_hosts = self._picture is not None and bool(self._picture.hosts)
        self.query_one("#network").display = has_hosts
        state = self.query_one(EmptyState)
        state.display = not has_hosts
        if self._problem:
            state.show("The graph cannot be made", f"{self._problem}. It is tried again.")
        elif self._is_busy and self._picture is None:
            state.show("Reading the graph", "Log-ons are read, ranked and laid out; it will be here in a moment.")
        elif not has_hosts:
            say_idle(self)

    def _limit(self, words: str) -> None:
        self._words, whole = words, self._whole
        if whole is not None and words:
            self._errand(lambda: only(whole, words), self._show)
        elif whole is not None:
            self._show(whole)

    def _go_to(self, at_us: int | None) -> None:
        if at_us != self._at_us:
            self._at_us, self._is_stale = at_us, True
            self._catch_up()

    def _newest_us(self) -> int:
        status = self.console.board.engine
        return status.watermark_us if status is not None else 0

    def _find(self, name: str) -> None:
        """The host of that name, else the first with these letters, else where that account was used unusually."""
        if self._picture is None:
            return
        wanted = name.strip().casefold()
        order = sorted(self._picture.hosts, key=lambda host: (not host.casefold().startswith(wanted), host))
        found = next((host for host in order if host.casefold() == wanted), None)
        found = found or next((host for host in order if wanted in host.casefold()), None)
        by_user = (one.move.source for one in self._picture.moves if one.move.user == wanted)
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

    def _host_or_say(self) -> str:
        if not self._host:
            self.notify("choose a host first: tab, / or the mouse", timeout=4)
        return self._host

    def _of_host(self, work: Callable[[Picture, str], T], show: Callable[[Picture, str, T], None]) -> None:
        """Have something found out about the chosen host, then shown."""
        picture, host = self._picture, self._host_or_say()
        if picture is not None and host:
            self._errand(lambda: work(picture, host), lambda found: show(picture, host, found))

    def _errand(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        self.console.errands.run(
            work,
            lambda result: done(result) if self.is_running else None,
            lambda error: self.say_refused(error) if self.is_running else None,
        )

    def _begin_walk(self, _picture: Picture, _host: str, found: Spread) -> None:
        is_playing = self._is_playing
        self._clear()
        self._spread, self._is_playing = found, is_playing
        self._show_frame(0)

    def _show_frame(self, frame: int) -> None:
        assert self._spread is not None
        self._frame = frame
        chances = self._spread.quantum[frame].tolist()
        self._canvas.lay_over(dict(zip(self._spread.hosts, chances, strict=True)))
        self.query_one("#walks", Lines).redraw()

    def _play(self) -> None:
        if self._spread is None or not self._is_playing or not self.is_current or is_link_slow(self.app):
            return
        if self._frame + 1 < len(self._spread.times):
            self._show_frame(self._frame + 1)
        else:
            self.action_walk_pause()

    def _show_blast(self, _picture: Picture, host: str, chances: dict[str, tuple[float, ...]]) -> None:
        self._clear()
        self._tell(lambda width, height: network_lines.blast_lines(host, chances, width, height))
        self._canvas.lay_over({name: found[-1] for name, found in chances.items()})

    def _show_paths(self, picture: Picture, host: str, found: Sequence[Route]) -> None:
        self._clear()
        self._tell(lambda width, height: network_lines.paths_lines(picture, host, found, width, height))

    def _say_queued(self, job: Job) -> None:
        state = f"{job.id} {job.state.value} {job.reason}".rstrip()
        self.notify(f"{state}; 3 shows what comes of it", timeout=6)

    def _show_plans(self, _picture: Picture, _host: str, found: Proposals) -> None:
        self._clear()
        self._tell(lambda width, height: network_lines.plans_lines(found, width, height))

    def _tell(self, told: Callable[[int, int], Sequence[Line]] | None) -> None:
        self._told = told
        self.set_class(told is not None, "-told")
        self._redraw()

    def _clear(self) -> None:
        """No walk, blast radius or plan is shown any more."""
        self.action_walk_pause()
        self._spread = None
        self._canvas.lay_over(None)
        if self._told is not None:
            self._tell(None)

    def _redraw(self) -> None:
        for lines in self.query("#walks, #told").results(Lines):
            lines.redraw()

    def _walk_lines(self, width: int, height: int) -> list[Line]:
        if self._picture is None:
            return []
        if self._spread is not None:
            words = self._spread.words(self._frame)
        else:
            words = network_lines.walk_words(self._picture, self._move)
        return [network_lines.said(text, width) for text in words]

    def _told_lines(self, width: int, height: int) -> Sequence[Line]:
        if self._told is not None:
            return self._told(width, height)
        return [] if self._picture is None else network_lines.moves_lines(self._picture, self._move, width, height)
