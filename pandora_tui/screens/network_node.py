"""Owns what the Network screen tells of one node: walks step by step, blast radius, paths, plans and ties.

Every answer comes from the process that makes the graph, by way of an errand; it stands until something else is asked
or chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pandora_core.errors import PandoraError
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories import network as network_lines
from pandora_tui.survey.surveyor import Surveyor
from pandora_tui.terminal import is_link_slow
from pandora_tui.widgets.dialogs import TextDialog
from pandora_tui.widgets.graph_canvas import GraphCanvas
from pandora_tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from pandora_core.quantum.jobs.work import WalkWork
    from pandora_core.store.job_rows import Job
    from pandora_tui.survey.sights import Picture, ShownPlans, ShownRoute, ShownTies, Walked

T = TypeVar("T")

_FRAME_S = 0.4
_PATIENCE_S = 0.7
"""After so long without an answer it is said that there will be one."""


class NodeScreen(PandoraScreen):
    """A canvas with a chosen node, words on the walks below it, and words on what was asked last."""

    def __init__(self) -> None:
        super().__init__()
        self._surveyor: Surveyor | None = None
        self._picture: Picture | None = None
        self._at_us: int | None = None
        self._move = -1
        self._host = ""
        self._walked: Walked | None = None
        self._frame = 0
        self._is_playing = False
        self._told: Callable[[int, int], Sequence[Line]] | None = None
        self._plans: ShownPlans | None = None

    def on_mount(self) -> None:
        self.set_interval(_FRAME_S, self._play)

    def action_walk_step(self) -> None:
        """One step of the walks from the chosen host; the first shows where they begin."""
        if self._walked is not None:
            self._show_frame((self._frame + 1) % len(self._walked.times))
            return
        self._of_host(Surveyor.walk, self._begin_walk)

    def action_walk_play(self) -> None:
        self._is_playing = True
        if self._walked is None:
            self.action_walk_step()

    def action_walk_pause(self) -> None:
        self._is_playing = False

    def action_blast(self) -> None:
        """What falls with the chosen host, and when."""
        self._of_host(Surveyor.blast, self._show_blast)

    def action_paths(self) -> None:
        """Likely routes from the chosen host to what must not fall."""
        self._of_host(Surveyor.paths, self._show_paths)

    def action_ties(self) -> None:
        """What joins the chosen host, account or service to others."""
        self._of_node(Surveyor.ties, self._show_ties)

    def action_circuit(self, backend: str = "aer") -> None:
        """Put the walk from the chosen host into the queue of jobs, as a circuit of at most sixteen hosts."""
        self._of_host(Surveyor.circuit, partial(self._queue, backend))

    def action_contain(self) -> None:
        """What to cut if the chosen host has fallen, by every solver."""
        self._of_host(Surveyor.plans, self._show_plans)

    def action_checklist(self, path: str = "") -> None:
        """Write the plan that is shown to a new file, to be worked through by people."""
        if self._plans is None or not self._plans.checklist:
            self.notify("there is no plan on the screen: k makes one", timeout=4)
        elif path:
            self._write(self._plans.checklist, path)
        else:
            name = f"containment-{'-'.join(self._plans.fallen)}.md"
            dialog = TextDialog("Write the checklist to", text=name, placeholder="a new file")
            self.app.push_screen(dialog, lambda text: self.action_checklist(text) if text else None)

    def action_clear(self) -> None:
        """Back to the ranked moves."""
        self._clear()
        self._redraw()

    @property
    def host(self) -> str:
        """The chosen node; empty if none is."""
        return self._host

    @property
    def frame(self) -> int | None:
        """Which step of the walks is shown, if any is."""
        return self._frame if self._walked is not None else None

    @property
    def _canvas(self) -> GraphCanvas:
        return self.query_one(GraphCanvas)

    def _of_host(self, work: Callable[[Surveyor, str, int | None], T], show: Callable[[str, T], None]) -> None:
        """Have something found out about the chosen host, then shown."""
        if self._host and self._picture is not None and self._host not in self._picture.hosts:
            self.notify(f"{self._host} is no host: i shows its hosts", timeout=4)
            return
        self._of_node(work, show)

    def _of_node(self, work: Callable[[Surveyor, str, int | None], T], show: Callable[[str, T], None]) -> None:
        surveyor, name, at_us = self._surveyor, self._host, self._at_us
        if not name:
            self.notify("choose a host first: tab, / or the mouse", timeout=4)
        elif surveyor is not None:
            self._errand(lambda: work(surveyor, name, at_us), lambda found: show(name, found))

    def _errand(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Have work done elsewhere; if it takes a while that is said."""
        patience = self.set_timer(_PATIENCE_S, lambda: self.notify("it is being worked out", timeout=3))

        def take(answer: T | Exception) -> None:
            patience.stop()
            if not self.is_running:
                return
            if isinstance(answer, Exception):
                self.say_refused(answer)
            else:
                done(answer)

        self.console.errands.run(work, take, take)

    def _begin_walk(self, _host: str, found: Walked) -> None:
        is_playing = self._is_playing
        self._clear()
        self._walked, self._is_playing = found, is_playing
        self._show_frame(0)

    def _show_frame(self, frame: int) -> None:
        assert self._walked is not None
        self._frame = frame
        self._canvas.lay_over(self._walked.at(frame))
        self.query_one("#walks", Lines).redraw()

    def _play(self) -> None:
        if self._walked is None or not self._is_playing or not self.is_current or is_link_slow(self.app):
            return
        if self._frame + 1 < len(self._walked.times):
            self._show_frame(self._frame + 1)
        else:
            self.action_walk_pause()

    def _show_blast(self, host: str, chances: dict[str, tuple[float, ...]]) -> None:
        self._clear()
        self._tell(lambda width, height: network_lines.blast_lines(host, chances, width, height))
        self._canvas.lay_over({name: found[-1] for name, found in chances.items()})

    def _show_paths(self, host: str, found: Sequence[ShownRoute]) -> None:
        self._clear()
        has_jewels = self._picture is not None and bool(self._picture.jewels)
        self._tell(lambda width, height: network_lines.paths_lines(host, found, has_jewels, width, height))

    def _show_ties(self, _name: str, found: ShownTies) -> None:
        self._clear()
        self._tell(lambda width, height: network_lines.ties_lines(found, width, height))

    def _show_plans(self, _host: str, found: ShownPlans) -> None:
        self._clear()
        self._plans = found
        self._tell(lambda width, height: network_lines.plans_lines(found, width, height))

    def _queue(self, backend: str, host: str, work: WalkWork) -> None:
        submit = self.feed.submit_work
        self.ask(lambda: submit(work, backend, f"walk from {host}"), self._say_queued)

    def _say_queued(self, job: Job) -> None:
        state = f"{job.id} {job.state.value} {job.reason}".rstrip()
        self.notify(f"{state}; 3 shows what comes of it", timeout=6)

    def _write(self, text: str, path: str) -> None:
        from pandora_core import bootstrap

        try:
            bootstrap.write_private(Path(path).expanduser(), text)
        except PandoraError as error:
            self.say_refused(error)
        else:
            self.notify(f"written to {path}; Pandora does nothing of it by itself", timeout=6)

    def _tell(self, told: Callable[[int, int], Sequence[Line]] | None) -> None:
        self._told = told
        self.set_class(told is not None, "-told")
        self._redraw()

    def _clear(self) -> None:
        """No walk, blast radius or plan is shown any more."""
        self.action_walk_pause()
        self._walked = self._plans = None
        self._canvas.lay_over(None)
        if self._told is not None:
            self._tell(None)

    def _redraw(self) -> None:
        for lines in self.query("#walks, #told").results(Lines):
            lines.redraw()
