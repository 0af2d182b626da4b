"""Owns the smallest Textual app that answers a key with a frame: what keys of the console are measured against.

With ``whole`` a key changes every cell of the screen, else one line.
"""

from __future__ import annotations

import sys

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class KeyApp(App[None]):
    def __init__(self, is_whole: bool) -> None:
        super().__init__()
        self._is_whole, self._keys = is_whole, 0

    def compose(self) -> ComposeResult:
        yield Static("a bare Textual app")

    def on_key(self, event: events.Key) -> None:
        if event.character == "q":
            self.exit()
            return
        self._keys += 1
        width, height = self.size if self._is_whole else (self.size.width, 1)
        letter = chr(ord("a") + self._keys % 26)
        self.query_one(Static).update("\n".join([letter * width] * height))


if __name__ == "__main__":
    KeyApp("whole" in sys.argv[1:]).run()
