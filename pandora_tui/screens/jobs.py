"""Owns the Jobs screen: the queue of quantum jobs live, and the one under the cursor beside its classical figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from pandora_core.errors import ConfigError
from pandora_core.store.job_rows import KINDS, LEVELS, MITIGATIONS, MODES, Job, JobFilter
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.bridge import reason_of
from pandora_tui.desks.feed import JobsNow
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories.job import JobDetail, brief, heading
from pandora_tui.stories.opinion import tier
from pandora_tui.style import Role, safe_text
from pandora_tui.widgets.dialogs import Blank, ConfirmDialog, FormDialog, TextDialog
from pandora_tui.widgets.empty import EmptyState, Step
from pandora_tui.widgets.job_table import JobTable
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_core.tier_standing import Standing

LOOK_S = 0.5
TIER_S = 5.0

_SUBMIT = (
    Blank("file", "file: OpenQASM 3, or JSON of another kind"),
    Blank("kind", f"kind: {', '.join(KINDS)}", "circuit"),
    Blank("backend", "backend: aer, statevector, aer:FakeManilaV2, ibm, …", "aer"),
    Blank("shots", "shots", "1024"),
    Blank("level", "transpiler level: 0 to 3", "1"),
    Blank("mitigation", f"mitigation: {', '.join(MITIGATIONS)}", "none"),
    Blank("mode", f"on IBM's machines: {', '.join(MODES)}", "job"),
)


class JobsScreen(PandoraScreen):
    """The list, and below or beside it the job under the cursor."""

    PLACE: ClassVar[str] = "jobs"
    AUTO_FOCUS: ClassVar[str | None] = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("jobs")
    DEFAULT_CSS = """
    JobsScreen {
        #jobs-body { height: 1fr; layout: vertical; }
        #job { height: 13; }
        #tier { height: 4; }
        &.-wide #jobs-body { layout: horizontal; }
        &.-wide JobTable { width: 1fr; }
        &.-wide #job { width: 1fr; height: 1fr; border-left: solid $pandora-line; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._change = -1
        self._detail: JobDetail | None = None
        self._tier: Standing | None = None
        self._said = ""
        self._wish = Newest[str, JobDetail](self.ask, self._read, self._show, self._fail)

    def body(self) -> ComposeResult:
        yield EmptyState(
            "No quantum jobs yet",
            "Jobs will stand here while they wait, run and finish: circuit, counts and timings, and beside each "
            "result the classical figure of the same run.",
            [
                Step("s", "submit a circuit"),
                Step("pandora jobs submit FILE", "the same from a shell, with more options"),
                Step("2", "see the alerts, which need no job"),
            ],
        )
        yield Lines(self._tier_lines, id="tier")
        with Container(id="jobs-body"):
            yield JobTable(self.console.board)
            yield Lines(self._lines, id="job")

    def on_mount(self) -> None:
        self.query_one("#jobs-body").display = False
        self.query_one("#tier").display = False
        self.set_interval(LOOK_S, self._look)
        self.set_interval(TIER_S, self._look_at_tier)

    def on_screen_resume(self) -> None:
        self._change = -1
        self._look()
        self._look_at_tier()

    def on_virtual_table_highlighted(self, event: JobTable.Highlighted) -> None:
        self._wish.want(None if event.key is None else str(event.key))

    def on_virtual_table_selected(self, event: JobTable.Selected) -> None:
        from pandora_tui.screens.job import JobScreen

        self.app.push_screen(JobScreen(str(event.key)))

    def action_submit(self) -> None:
        """Ask what is to be run, and where."""
        self.app.push_screen(FormDialog("Submit a job", _SUBMIT, check=_complaint), self._submit)

    def action_cancel_job(self) -> None:
        """Cancel the job under the cursor, after asking."""
        job = self.query_one(JobTable).job()
        if job is None or job.state.is_final:
            self.notify("that job is over" if job else "there is no job here", timeout=3)
            return
        dialog = ConfirmDialog("Cancel the job?", f"{job.label} on {job.backend}, {job.state.value}", yes="cancel it")
        self.app.push_screen(dialog, lambda is_sure: self._cancel(job) if is_sure else None)

    def action_rerun(self, backend: str = "") -> None:
        """Submit a finished job anew, on the same backend or another."""
        job = self.query_one(JobTable).job()
        if job is None or not job.state.is_final:
            self.notify("a job can be run again when it is over", timeout=3)
        elif backend:
            self._rerun(job, backend)
        else:
            dialog = TextDialog(f"Run {job.label} again on", text=job.backend)
            self.app.push_screen(dialog, lambda text: self._rerun(job, text) if text else None)

    def action_filter(self, terms: str = "") -> None:
        """Choose what is listed."""
        if terms:
            self._choose(terms)
            return
        dialog = TextDialog(
            "Which jobs?", text=self._filter, placeholder="state:open kind:kernel since:2d", check=_wrong_filter
        )
        self.app.push_screen(dialog, lambda text: None if text is None else self._choose(text))

    def _choose(self, terms: str) -> None:
        wrong = _wrong_filter(terms)
        if wrong:
            self.notify(wrong, severity="warning")
            return
        self._filter, self._change = terms.strip(), -1
        self.show_note(self._filter)
        self._look()

    def _look(self) -> None:
        """See whether anything changed; while a job runs its times go on."""
        if self.is_current and self.console.feed is not None and self.console.bridge is not None:
            self.ask(lambda: self.feed.jobs(self._filter, self._change), self._list, lambda _: None)
        if self._detail is not None and not self._detail.job.state.is_final:
            self.query_one("#job", Lines).redraw()

    def _list(self, now: JobsNow | None) -> None:
        if now is None:
            return
        self._change = now.change
        is_empty = not now.jobs and not self._filter
        if not self.query_one("#jobs-body").display and not is_empty:
            self.call_after_refresh(self.query_one(JobTable).focus)
        self.query_one("#jobs-body").display = not is_empty
        self.query_one(EmptyState).display = is_empty
        table = self.query_one(JobTable)
        table.show(now.jobs, now.places)
        if table.cursor_key is not None:
            self._wish.want(str(table.cursor_key))

    def _look_at_tier(self) -> None:
        """Its budget and its breakers are of the present hour: they change with time, too."""
        if self.is_current and self.console.feed is not None and self.console.bridge is not None:
            self.ask(self.feed.tier, self._show_tier, lambda _: None)

    def _show_tier(self, found: Standing) -> None:
        self._tier = found
        lines = self.query_one("#tier", Lines)
        lines.display = bool(found.number)
        lines.redraw()

    def _submit(self, values: dict[str, str] | None) -> None:
        if values is not None:
            self.ask(
                lambda: self.feed.submit_job(**{name: value.strip() for name, value in values.items()}),
                self._say_submitted,
            )

    def _say_submitted(self, job: Job) -> None:
        self.notify(f"{job.id} {job.state.value} {job.reason}".rstrip(), timeout=4)

    def _cancel(self, job: Job) -> None:
        self.ask(lambda: self.feed.cancel_job(job.id), lambda _: self._look())

    def _rerun(self, job: Job, backend: str) -> None:
        self.ask(lambda: self.feed.rerun_job(job.id, backend), self._say_submitted)

    def _read(self, job_id: str) -> JobDetail:
        return self.feed.job(job_id)

    def _show(self, _job_id: str, detail: JobDetail) -> None:
        self._detail, self._said = detail, ""
        self.query_one("#job", Lines).redraw()

    def _fail(self, _job_id: str, error: Exception) -> None:
        self._detail, self._said = None, reason_of(error)
        self.query_one("#job", Lines).redraw()

    def _tier_lines(self, width: int, _height: int) -> list[Line]:
        return [] if self._tier is None else tier(self._tier, width)

    def _lines(self, width: int, height: int) -> list[Line]:
        if self._detail is None:
            return [[], [Piece(f" {safe_text(self._said, max(0, width - 2))}", Role.MUTED)]]
        now_us = self.console.board.now_us
        return [heading(self._detail.job, width), *brief(self._detail, now_us, width, height - 1)]


def _complaint(values: dict[str, str]) -> str:
    given = {name: value.strip() for name, value in values.items()}
    if not given["file"]:
        return "a job wants a file"
    if not Path(given["file"]).expanduser().is_file():
        return "there is no such file"
    if not given["shots"].isdigit():
        return "shots: a number; 0 asks a statevector for exact chances"
    known = {"kind": KINDS, "level": tuple(map(str, LEVELS)), "mitigation": MITIGATIONS, "mode": MODES}
    return next((f"{name}: {', '.join(some)}" for name, some in known.items() if given[name] not in some), "")


def _wrong_filter(text: str) -> str:
    try:
        JobFilter.parse(text)
    except ConfigError as error:
        return str(error)
    return ""
