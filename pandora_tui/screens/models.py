"""Owns the Models screen: versions with their figures, plots of one of them, and what is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from pandora_core.store.rows import DriftRow
from pandora_tui.commands import bindings
from pandora_tui.desks.asking import Newest
from pandora_tui.desks.models import ModelDesk, Models, ModelView
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories.model import PAGES, Difference, Story, heading, page, progress
from pandora_tui.style import Role, safe_text
from pandora_tui.widgets.dialogs import Blank, ConfirmDialog, FormDialog, TextDialog
from pandora_tui.widgets.empty import EmptyState, Step
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.model_table import ModelTable
from pandora_tui.widgets.pieces import Piece

LOOK_S = 0.5

_EMPTY = (
    "No models",
    "Trained models will be listed here with their figures, their signatures and how far the flows have drifted from "
    "what they learnt. Until one is promoted, rules alone score what is read.",
)


class ModelsScreen(PandoraScreen):
    """The list, and below or beside it pages about the version under the cursor."""

    PLACE: ClassVar[str] = "models"
    AUTO_FOCUS: ClassVar[str | None] = "ModelTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("models")
    DEFAULT_CSS = """
    ModelsScreen {
        #models-body { height: 1fr; layout: vertical; }
        #model { height: 15; }
        #model-work { height: 1; }
        &.-wide #model { height: 34; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._desk: ModelDesk | None = None
        self._models = Models((), ())
        self._page = PAGES[0]
        self._drifts: dict[int, list[DriftRow]] = {}
        self._compared: Difference | None = None
        self._problem = ""
        self._wish = Newest[int, list[DriftRow]](self.ask, self._read_drifts, self._show_drifts, self._no_drifts)

    def body(self) -> ComposeResult:
        yield EmptyState(
            *_EMPTY,
            [
                Step("t", "train one on labelled data"),
                Step("pandora datasets import FILE", "say what there is to learn from"),
                Step("2", "see how a score is made up: open an alert"),
            ],
        )
        with Container(id="models-body"):
            yield ModelTable(self.console.board)
            yield Lines(self._lines, id="model")
        yield Lines(self._work_lines, id="model-work")

    def on_mount(self) -> None:
        self.query_one("#models-body").display = False
        self.query_one("#model-work").display = False
        if self.console.feed is not None:
            self._desk = ModelDesk(self.console.feed.data, self.console.errands, self._list, self._unreadable)
            self._desk.look()
        self.set_interval(LOOK_S, self._look)

    def on_unmount(self) -> None:
        if self._desk is not None and self._desk.work is not None:
            self._desk.work.cancel()

    def on_screen_resume(self) -> None:
        self._look()

    def on_virtual_table_highlighted(self, event: ModelTable.Highlighted) -> None:
        self._wish.want(None if event.key is None else int(str(event.key)))
        self.query_one("#model", Lines).redraw()

    def on_virtual_table_selected(self) -> None:
        self.action_page(1)

    def action_page(self, pages: int) -> None:
        """Turn to another page about the version."""
        self.action_page_to(PAGES[(PAGES.index(self._page) + pages) % len(PAGES)])

    def action_page_to(self, name: str) -> None:
        """Turn to the page of this name."""
        if name in PAGES:
            self._page = name
            self.query_one("#model", Lines).redraw()

    def action_train(self) -> None:
        """Ask what to learn from, then train in a process of its own."""
        blanks = (
            Blank("dataset", "data: a file, a simulated folder, an imported name, or verdicts", self._dataset()),
            Blank("label", "label's column, if it is a table of your own"),
            Blank("recipe", "recipe: auto, hybrid, live, forest …", "auto"),
            Blank("name", "what to call it"),
        )
        self.app.push_screen(FormDialog("Train a model", blanks, check=_no_dataset), self._train)

    def action_evaluate(self) -> None:
        """Judge the version on labelled data."""
        self._on_data("Judge", "evaluate", "figures")

    def action_importance(self) -> None:
        """Find out which columns the version needs."""
        self._on_data("What it needs", "importance", "importance")

    def action_learning_curve(self) -> None:
        """See what more rows would bring."""
        self._on_data("Learning curve", "learning-curve", "learning")

    def action_compare(self) -> None:
        """Judge the version and another one on the same rows."""
        view = self._chosen()
        if view is None:
            return
        others = [str(each.number) for each in self._models.views if each.number != view.number]
        blanks = (
            Blank("other", "with model", others[0] if others else ""),
            Blank("dataset", "on: a file or an imported name", self._dataset()),
        )
        title = f"Compare model {view.number}"
        self.app.push_screen(FormDialog(title, blanks, check=_no_other), lambda values: self._compare(view, values))

    def action_promote(self) -> None:
        """Make the version the live one, after asking."""
        view = self._chosen()
        if view is None:
            return
        figures = view.figures
        auc = figures["roc_auc"]["value"] if figures is not None else None
        said = f"{view.number} {view.shape['name']}, {view.shape['state']}, trained on {view.shape['schema']}"
        said += f", ROC-AUC {auc:.3f}" if auc is not None else ", judged by rehearsals alone"
        live = next((each for each in self._models.views if each.shape["state"] == "live"), None)
        said += f". It takes the place of {live.number} {live.shape['name']}." if live else "."
        dialog = ConfirmDialog(
            "Make this model live?", f"{said} It is calibrated on local flows first.", yes="promote"
        )
        words = ["models", "promote", str(view.number)]
        self.app.push_screen(dialog, lambda yes: self._start(f"promoting {view.number}", words) if yes else None)

    def action_rollback(self) -> None:
        """Go back to the version that was live before, after asking."""
        dialog = ConfirmDialog("Roll back?", "The version that was live before becomes live again.", yes="roll back")
        words = ["models", "rollback"]
        self.app.push_screen(dialog, lambda yes: self._start("rolling back", words) if yes else None)

    def action_cancel_work(self) -> None:
        """End the work that is under way; the registry stays as it was."""
        if self._desk is None or self._desk.work is None:
            self.notify("nothing is under way", timeout=3)
        else:
            self._desk.work.cancel()

    def _train(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        words = ["models", "train", "--dataset", values["dataset"].strip(), "--recipe", values["recipe"].strip()]
        words += ["--label", values["label"].strip()] if values["label"].strip() else []
        words += ["--name", values["name"].strip()] if values["name"].strip() else []
        self._start("training", words)

    def _compare(self, view: ModelView, values: dict[str, str] | None) -> None:
        if values is None:
            return
        other = values["other"].strip()
        words = ["models", "compare", other, str(view.number), "--dataset", values["dataset"].strip()]

        def done(shape: dict[str, Any]) -> None:
            self._compared = Difference(int(other), view.number, shape["items"])
            self.action_page_to("compared")

        self._start(f"comparing {other} and {view.number}", words, done)

    def _on_data(self, title: str, command: str, page_name: str) -> None:
        """Ask for data and run a command on the version, then show the page that it fills."""
        view = self._chosen()
        if view is None:
            return
        number = view.number

        def start(dataset: str | None) -> None:
            if dataset:
                words = ["models", command, str(number), "--dataset", dataset.strip()]
                self._start(f"{title.lower()} {number}", words, lambda _: self.action_page_to(page_name))

        self.app.push_screen(TextDialog(f"{title} of model {number}: on which data?", text=self._dataset()), start)

    def _start(self, title: str, words: list[str], done: Any = None) -> None:
        def over(shape: dict[str, Any] | None) -> None:
            if not self.is_running:
                return
            self.notify(f"{title}: {'cancelled' if shape is None else 'done'}", timeout=4)
            self._look()
            if shape is not None and done is not None:
                done(shape)

        def failed(error: Exception) -> None:
            if self.is_running:
                self._look()
                self.say_refused(error)

        if self._desk is None:
            return
        if not self._desk.start(title, words, over, failed):
            self.notify("one thing at a time: x cancels what is under way", timeout=4)
        self._look()

    def _look(self) -> None:
        """See whether the registry changed, and how far work is."""
        if self._desk is None or not self.is_current:
            return
        self._desk.look()
        line = self.query_one("#model-work", Lines)
        line.display = self._desk.work is not None
        line.redraw()
        view = self.query_one(ModelTable).view()
        if self._page == "drift" and view is not None and view.shape["state"] == "live":
            self._wish.want(view.number)

    def _list(self, models: Models) -> None:
        if not self.is_running:
            return
        self._models, self._problem = models, ""
        was_empty = not self.query_one("#models-body").display
        self.query_one("#models-body").display = bool(models.views)
        self.query_one(EmptyState).display = not models.views
        self.query_one(ModelTable).show(models.views)
        if was_empty and models.views:
            self.call_after_refresh(self.query_one(ModelTable).focus)
        self.query_one("#model", Lines).redraw()

    def _unreadable(self, error: Exception) -> None:
        if self.is_running:
            self._problem = safe_text(str(error), 300)
            self.query_one(EmptyState).show("The models cannot be read", self._problem)
            self.say_refused(error)

    def _chosen(self) -> ModelView | None:
        view = self.query_one(ModelTable).view()
        if view is None:
            self.notify("there is no model here: t trains one", timeout=3)
        return view

    def _dataset(self) -> str:
        return self._models.datasets[0] if self._models.datasets else ""

    def _read_drifts(self, number: int) -> list[DriftRow]:
        return self.feed.drifts(number)

    def _show_drifts(self, number: int, rows: list[DriftRow]) -> None:
        if self._drifts.get(number) != rows:
            self._drifts[number] = rows
            self.query_one("#model", Lines).redraw()

    def _no_drifts(self, number: int, _: Exception) -> None:
        self._show_drifts(number, [])

    def _lines(self, width: int, height: int) -> list[Line]:
        view = self.query_one(ModelTable).view()
        if view is None:
            return [[Piece(f" {self._problem}", Role.MUTED)]]
        story = Story(view, self._drifts.get(view.number), self._compared)
        return [*heading(view, self._page, width), *page(story, self._page, width, height - 2)]

    def _work_lines(self, width: int, _height: int) -> list[Line]:
        work = self._desk.work if self._desk is not None else None
        return [] if work is None else [progress(work.title, work.step, width)]


def _no_dataset(values: dict[str, str]) -> str:
    wanted = values["dataset"].strip()
    if not wanted:
        return "a model learns from something: name its data"
    return f"there is no {wanted}" if "/" in wanted and not Path(wanted).exists() else ""


def _no_other(values: dict[str, str]) -> str:
    if not values["other"].strip().isdigit():
        return "with which number?"
    return "" if values["dataset"].strip() else "on which data?"
