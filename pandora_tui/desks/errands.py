"""Owns work that may take seconds and waits for neither screen nor store: each errand has a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from textual.message import Message

from pandora_tui.messages import Reply

T = TypeVar("T")

log = logging.getLogger(__name__)


class Errands:
    """Runs work such as the unlocking of the vault; what came of it is delivered on the screen's thread."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post

    def run(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """Run ``work``, then ``done`` with what it gave or ``failed`` with the error. A daemon: it cannot hold us."""
        threading.Thread(target=self._run, args=(work, done, failed), name="pandora-errand", daemon=True).start()

    def _run(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - door: the UI worker. Whoever asked is told
            log.warning("an errand failed: %s", type(error).__name__)
            self._post(Reply(partial(failed, error)))
        else:
            self._post(Reply(partial(done, result)))
