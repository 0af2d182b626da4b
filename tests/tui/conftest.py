"""Fixtures of the console's tests: one known terminal, whichever they run in, and apps with nothing to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from pandora_tui.app import PandoraApp
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import glyphs
from pandora_tui.widgets.virtual_table import VirtualTable
from tests.tui.sample import SampleApp, TableScreen


@pytest.fixture(autouse=True)
def unicode_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A UTF-8 terminal with all colours."""
    for name in ("NO_COLOR", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PANDORA_ASCII", "0")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    glyphs.cache_clear()
    yield
    glyphs.cache_clear()


@pytest.fixture
def ascii_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANDORA_ASCII", "1")
    glyphs.cache_clear()


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., PandoraApp]:
    """Makes a console with its data folder in a temporary one."""

    def make(**settings: Any) -> PandoraApp:
        return PandoraApp(tmp_path, version="0.0", **{"theme": "dark", **settings})

    return make


@pytest.fixture
def show(tmp_path: Path) -> Callable[..., SampleApp]:
    """Makes a console that shows one screen, or one table over the whole screen."""

    def make(shown: Screen[Any] | VirtualTable, **settings: Any) -> SampleApp:
        screen = TableScreen(shown) if isinstance(shown, VirtualTable) else shown
        place = screen.PLACE if isinstance(screen, PandoraScreen) else "overview"
        app = SampleApp(tmp_path, version="0.0", **{"theme": "dark", "place": place, **settings})
        app.first_screen = screen
        return app

    return make
