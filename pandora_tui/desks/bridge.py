"""Owns the one thread between the screen and the store: it polls, runs requests, and never lets the screen wait."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from textual.message import Message

from pandora_core.errors import PandoraError
from pandora_tui.messages import PollFailed, PollRecovered, Reply, Update, UpdateReady
from pandora_tui.style import safe_text

T = TypeVar("T")
Poll = Callable[[], Update | None]
OpenPoll = Callable[[], AbstractContextManager[Poll]]
"""Opens the store and gives the poll; entered, called and left on the bridge's thread only."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two polls: while there is news, when there is none, and (doubling) after failures."""

    busy_s: float = 0.1
    idle_s: float = 0.2
    failed_s: float = 0.5
    failed_most_s: float = 5.0


class Bridge:
    """Runs ``poll`` five to ten times a second and tells ``post`` of news, once until it is fetched.

    Updates that the screen has not fetched yet are merged, so that a slow screen gets one big update and no queue.
    An error of the poll (or of opening it) is posted as a state and retried; it never ends the thread.
    """

    def __init__(self, open_poll: OpenPoll, post: Callable[[Message], object], pace: Pace | None = None) -> None:
        self._open_poll = open_poll
        self._post = post
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._pending: Update | None = None
        self._failures = 0
        self._stopping = threading.Event()
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pandora-bridge", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Ask the thread to end and wait for it; false where it is still busy (being a daemon, it cannot hold us)."""
        self._stopping.set()
        self._requests.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def take(self) -> Update | None:
        """Everything new since the last call, as one update."""
        with self._lock:
            update, self._pending = self._pending, None
        return update

    def request(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None] | None = None
    ) -> None:
        """Run ``work`` on the bridge's thread between two polls; then ``done`` (or ``failed``) on the screen's.

        Without ``failed`` an error becomes the visible state that a failed poll gives.
        """
        self._requests.put(lambda: self._serve(work, done, failed))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._open_poll() as poll:
                    self._poll_until_stopped(poll)
            except Exception as error:  # noqa: BLE001 - door: the UI worker. It becomes a visible state and is retried
                self._fail(error)
                self._wait(min(self._pace.failed_s * 2 ** (self._failures - 1), self._pace.failed_most_s))

    def _poll_until_stopped(self, poll: Poll) -> None:
        while not self._stopping.is_set():
            update = poll()
            if self._failures:
                self._failures = 0
                self._post(PollRecovered())
            if update is not None:
                self._publish(update)
            self._wait(self._pace.idle_s if update is None else self._pace.busy_s)

    def _publish(self, update: Update) -> None:
        with self._lock:
            waiting = self._pending is not None
            self._pending = update if self._pending is None else self._pending.merged(update)
        if not waiting:
            self._post(UpdateReady())

    def _wait(self, seconds: float) -> None:
        """Sleep, but serve a request at once; then let the next poll see what it changed."""
        try:
            serve = self._requests.get(timeout=seconds)
        except queue.Empty:
            return
        serve()

    def _serve(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None] | None
    ) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - the same door: whoever asked is told, or the top line is
            if failed is None:
                self._fail(error)
            else:
                self._post(Reply(_call(failed, error)))
        else:
            self._post(Reply(_call(done, result)))

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        log.warning("the console's poll failed: %s", type(error).__name__)
        self._post(PollFailed(reason_of(error)))


def reason_of(error: Exception) -> str:
    """One safe line about an error: the sentence of one of ours, of a foreign one its type and first line."""
    text = str(error) if isinstance(error, PandoraError) else f"{type(error).__name__}: {error}"
    return safe_text(text.splitlines()[0].strip(" :") if text.strip() else type(error).__name__, 200)


def _call(function: Callable[[Any], None], value: Any) -> Callable[[], None]:
    return lambda: function(value)
