"""Owns the console's way to models: what the registry says of them, and long work in a process of its own.

Reading imports no scikit-learn; whatever opens an artefact is a command run apart, whose end the screen is told of.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pandora_core.errors import PandoraError
from pandora_tui.desks.errands import Errands
from pandora_tui.style import safe_text

_STEP = re.compile(r"\[(\d+)/(\d+)\] (.*)")
_PATIENCE_S = 5.0
_CANCELLED = 130
_FOLDER = "models"
_WATCHED = ("versions", "promotions.ndjson", "evaluations.ndjson", "datasets.ndjson", "reports", "signer.json")


class ModelView(NamedTuple):
    """One version as the screen speaks of it: the shapes are those of ``pandora models``."""

    shape: dict[str, Any]
    reports: dict[str, dict[str, Any]]
    lineage: tuple[tuple[str, str], ...]

    @property
    def number(self) -> int:
        return int(self.shape["number"])

    @property
    def figures(self) -> dict[str, Any] | None:
        """The newest: of a later judgement, else of training."""
        evaluations = self.shape["evaluations"]
        found: dict[str, Any] | None = evaluations[-1]["figures"] if evaluations else self.shape["figures"]
        return found


class Models(NamedTuple):
    """The registry at a moment: versions, newest first, and the names of the data sets it knows."""

    views: tuple[ModelView, ...]
    datasets: tuple[str, ...]


class Step(NamedTuple):
    """How far work is."""

    done: int
    total: int
    what: str


class Work:
    """One command of ``pandora`` in a process of its own, with its steps; it can be cancelled from any thread."""

    def __init__(self, data: Path, title: str, words: Sequence[str]) -> None:
        self.title = title
        self.step = Step(0, 0, "starting")
        self._command = [sys.executable, "-P", "-m", "pandora_core.cli", "--data", str(data), *words, "--json"]
        self._child: subprocess.Popen[bytes] | None = None
        self._is_cancelled = False
        self._lock = threading.Lock()

    def run(self) -> dict[str, Any] | None:
        """Run to the end: the JSON that was printed, ``None`` where it was cancelled. It waits: run it on an errand.

        Raises:
            WorkError: the command failed; its last line says why.
        """
        with tempfile.TemporaryFile() as printed:
            with self._lock:
                if self._is_cancelled:
                    return None
                self._child = child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    self._command, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.PIPE,
                    start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
                )  # fmt: skip
            said = self._listen(child)
            if self._is_cancelled or child.returncode == _CANCELLED:
                return None
            if child.returncode:
                raise WorkError(said or f"it ended with {child.returncode}")
            printed.seek(0)
            shape: dict[str, Any] = json.load(printed)
            return shape

    def cancel(self) -> None:
        """End it. Training adds nothing before it is done, so there is nothing to undo."""
        with self._lock:
            self._is_cancelled = True
            child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
            threading.Thread(target=_see_off, args=(child,), name="pandora-work-end", daemon=True).start()

    def _listen(self, child: subprocess.Popen[bytes]) -> str:
        """Follow its steps to the end; the last line that was none."""
        said = ""
        assert child.stderr is not None
        with child.stderr:
            for line in child.stderr:
                text = safe_text(line.decode("utf-8", "replace").strip(), 300)
                if step := _STEP.match(text):
                    self.step = Step(int(step[1]), int(step[2]), step[3])
                elif text:
                    said = text
        child.wait()
        return said


class WorkError(PandoraError):
    """A command that the console ran apart has failed."""


class ModelDesk:
    """What a screen needs of the registry in a data folder, and the one piece of work that is under way."""

    def __init__(
        self, data: Path, errands: Errands, told: Callable[[Models], None], failed: Callable[[Exception], None]
    ) -> None:
        """On the screen's thread ``told`` hears of every change in the registry, ``failed`` why it cannot be read."""
        self.data = data
        self.work: Work | None = None
        self._errands, self._told, self._failed = errands, told, failed
        self._seen: tuple[Any, ...] | None = None
        self._is_looking = False

    def look(self) -> None:
        """Read the registry anew if anything in it changed."""
        if self._is_looking:
            return
        seen = tuple(_stamp(self.data / _FOLDER / name) for name in _WATCHED)
        if seen != self._seen:
            self._seen, self._is_looking = seen, True
            self._errands.run(lambda: read_models(self.data), self._take, self._give_up)

    def start(
        self,
        title: str,
        words: Sequence[str],
        done: Callable[[dict[str, Any] | None], None],
        failed: Callable[[Exception], None],
    ) -> bool:
        """Run a command apart unless one runs already; ``done`` hears its JSON, ``None`` where it was cancelled."""
        if self.work is not None:
            return False
        self.work = work = Work(self.data, title, words)

        def over(tell: Callable[[Any], None]) -> Callable[[Any], None]:
            def end(result: Any) -> None:
                self.work = None
                tell(result)

            return end

        self._errands.run(work.run, over(done), over(failed))
        return True

    def _take(self, models: Models) -> None:
        self._is_looking = False
        self._told(models)

    def _give_up(self, error: Exception) -> None:
        self._is_looking = False
        self._failed(error)


def read_models(data: Path) -> Models:
    """The registry as plain data; a version whose card is spoilt is an error that says which."""
    from pandora_core.cli.model_shapes import lineage_of, shape_of
    from pandora_core.learn.versions import reports
    from pandora_core.learn.versions.registry import Registry

    registry = Registry(data)
    views = []
    for version in registry.versions():
        number = version.card.number
        rows = lineage_of(registry, number)["items"]
        found = {str(kind): shape for kind, shape in reports.read(registry.folder, number).items()}
        views.append(ModelView(shape_of(version), found, tuple((row["kind"], row["what"]) for row in rows)))
    names = [row.name for row in reversed(registry.datasets())]
    return Models(tuple(views), tuple(dict.fromkeys(names)))


def _stamp(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size
    return None


def _see_off(child: subprocess.Popen[bytes]) -> None:
    """A child that does not end when asked is ended."""
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
