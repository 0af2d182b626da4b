"""Owns engine and queue as processes: their locks, starting them apart from the terminal, stopping the engine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pandora_core import background
from pandora_core.errors import EngineError, EngineRunningError

LOCK_NAME = "engine.lock"
LOG_NAME = "engine.log"
WORKER_LOCK_NAME = "worker.lock"
QUEUE_LOG_NAME = "queue.log"
_RESTART_S = 10.0
"""A queue that ends at once is not started again sooner."""


@contextlib.contextmanager
def engine_lock(data: Path) -> Iterator[None]:
    """Hold the engine lock of a data folder; it falls with the process, however that ends.

    Raises:
        EngineRunningError: another process holds it.
    """
    with background.holding(data / LOCK_NAME, patience_s=0.5) as pid:
        if pid is not None:
            raise EngineRunningError(
                f"an engine runs already (process {pid or 'unknown'})", where=str(data), hint="pandora engine stop"
            )
        yield


@contextlib.contextmanager
def worker_lock(data: Path) -> Iterator[bool]:
    """Hold the lock of whoever runs the queue of quantum jobs; gives whether it is held, and does not wait for it."""
    with background.holding(data / WORKER_LOCK_NAME, patience_s=0.05) as pid:
        yield pid is None


def running_pid(data: Path, name: str = LOCK_NAME) -> int | None:
    """Process id of the engine (or of whoever holds another lock of the data folder; 0 if unknown), or ``None``."""
    return background.holder(data / name)


def start_engine(data: Path, extra: Sequence[str] = ()) -> int:
    """Start an engine apart from the terminal, its output in ``engine.log``; returns its process id.

    Raises:
        EngineError: it ended at once; the end of its log says why.
    """
    log = data / LOG_NAME
    child = background.start("pandora_core.cli", ["--data", str(data), "engine", "run", *extra], log)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if running_pid(data) is not None:
            child.returncode = 0  # it outlives this process, which will not wait for it
            return child.pid
        if child.poll() is not None:
            raise EngineError(f"the engine ended at once: {background.last_line(log)}", where=str(log))
        time.sleep(0.02)
    raise EngineError("the engine did not start within 10 s", where=str(log), hint="read the end of its log")


class QueueKeeper:
    """Sees to it that the queue of quantum jobs is run while an engine is there; called now and then, never waiting.

    ``has_open`` says whether there is anything to run.
    """

    def __init__(self, data: Path, has_open: Callable[[], bool]) -> None:
        self._data, self._has_open = data, has_open
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def __call__(self) -> None:
        """Start a process for the queue, if jobs are open and nobody runs them."""
        if self._child is not None and self._child.poll() is None:
            return
        now = time.monotonic()
        if now < self._not_before or not self._has_open():
            return
        if running_pid(self._data, WORKER_LOCK_NAME) is None:
            self._child, self._not_before = start_queue(self._data), now + _RESTART_S

    def close(self) -> None:
        """Stop it; what it ran goes back into the queue."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(10.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def start_queue(data: Path) -> subprocess.Popen[bytes]:
    """Start a process that runs the queue of quantum jobs until it is empty; it waits for the lock by itself."""
    return background.start("pandora_core.cli", ["--data", str(data), "jobs", "run"], data / QUEUE_LOG_NAME)


def stop_engine(data: Path, timeout_s: float = 15.0) -> int | None:
    """Ask the engine to finish its batch and leave; returns its process id, or ``None`` if none ran.

    Raises:
        EngineError: it is still there after ``timeout_s``.
    """
    pid = running_pid(data)
    if not pid:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if running_pid(data) is None:
            return pid
        time.sleep(0.02)
    raise EngineError(
        f"the engine (process {pid}) does not stop", where=str(data), hint=f"kill -9 {pid}; nothing is lost"
    )
