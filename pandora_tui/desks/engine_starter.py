"""Owns the start of the engine from the console: on a thread of its own, so that nothing on screen waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pandora_core import process
from pandora_core.errors import PandoraError


class EngineStarter:
    """Starts an engine on a data folder where none runs, and stops the one that it started if asked to."""

    def __init__(
        self,
        data: Path,
        *,
        start: Callable[[Path], int] = process.start_engine,
        stop: Callable[[Path], int | None] = process.stop_engine,
    ) -> None:
        self._data = data
        self._start, self._stop = start, stop
        self._thread: threading.Thread | None = None
        self._own_pid: int | None = None
        self._problem = ""

    @property
    def is_starting(self) -> bool:
        """Whether a start is under way."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def problem(self) -> str:
        """Why the last start failed, nothing if it did not."""
        return self._problem

    def start(self) -> None:
        """Start an engine in the background, unless one is being started."""
        if not self.is_starting:
            self._problem = ""
            self._thread = threading.Thread(target=self._run, name="pandora-engine-start", daemon=True)
            self._thread.start()

    def stop_own(self) -> None:
        """Stop the engine if it is the one that was started here.

        Raises:
            EngineError: it does not stop.
        """
        if self._thread is not None:
            self._thread.join(15.0)
        if self._own_pid is not None and process.running_pid(self._data) == self._own_pid:
            self._stop(self._data)

    def _run(self) -> None:
        try:
            if process.running_pid(self._data) is None:
                self._own_pid = self._start(self._data)
        except (PandoraError, OSError) as error:
            self._problem = f"the engine did not start: {error}"
