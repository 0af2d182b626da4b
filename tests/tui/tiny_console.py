"""Owns the small console that ``test_terminal`` starts in a pseudo-terminal and kills in every way.

The first argument is the data folder, the second what goes wrong by itself: ``timer``, ``render``, ``input``,
``worker``, ``frozen`` or nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.app import PandoraApp, run_console
from pandora_tui.desks.bridge import Poll
from pandora_tui.screens.base import PandoraScreen


class Faulty(Widget):
    """A widget with a secret in its local variables when it fails."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self._fault = fault

    def on_mount(self) -> None:
        if self._fault in ("timer", "frozen"):
            self.set_timer(0.2, self.freeze if self._fault == "frozen" else self.fail)

    def freeze(self) -> None:
        while True:
            time.sleep(0.05)

    def fail(self) -> None:
        passphrase = "hunter" + "2"
        raise RuntimeError(f"a passphrase of {len(passphrase)} letters was no use")

    def render_line(self, y: int) -> Strip:
        if self._fault == "render":
            self.fail()
        return Strip.blank(self.size.width)

    def on_key(self) -> None:
        if self._fault == "input":
            self.fail()


class FaultyScreen(PandoraScreen):
    fault = ""

    def body(self) -> Iterator[Widget]:
        faulty = Faulty(self.fault)
        faulty.can_focus = True
        yield faulty


class TinyConsole(PandoraApp):
    def get_default_screen(self) -> Screen[Any]:
        return FaultyScreen()


@contextmanager
def open_stuck() -> Iterator[Poll]:
    """A store that never answers."""
    time.sleep(60)
    yield lambda: None


if __name__ == "__main__":
    folder, fault = Path(sys.argv[1]), sys.argv[2]
    FaultyScreen.fault = fault
    app = TinyConsole(folder, open_stuck if fault == "stuck" else None, version="0.0")
    sys.exit(run_console(app))
