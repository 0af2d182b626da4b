"""How the console looks, as SVG: at 80×24 (the jump host), wide, and as small as it gets.

After a wanted change: ``pytest tests/tui/test_snapshots.py --snapshot-update``, then look at the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import textual
from textual.app import ComposeResult
from textual.pilot import Pilot

from pandora_tui.app import PandoraApp
from pandora_tui.messages import EngineState, Status, VaultState
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, TextDialog
from pandora_tui.widgets.virtual_table import VirtualTable
from tests.tui.sample import COLUMNS, PanelScreen, SampleApp, TableScreen, alert_rows

SMALL, NORMAL, WIDE = (60, 20), (80, 24), (160, 48)
LIVE = Status(EngineState.LIVE, 0.3, VaultState.LOCKED)

Snap = Callable[..., bool]
Show = Callable[..., SampleApp]

pytestmark = pytest.mark.skipif(
    not textual.__version__.startswith("8.2."), reason="the pictures were taken with textual 8.2"
)


def alive(app: PandoraApp) -> PandoraApp:
    app.status = LIVE
    return app


@pytest.mark.parametrize("size", [SMALL, NORMAL, WIDE], ids=["small", "normal", "wide"])
def test_a_list(snap_compare: Snap, show: Show, size: tuple[int, int]) -> None:
    class Noted(TableScreen):
        def on_mount(self) -> None:
            self.show_note("sev>=low  by risk")

    app = alive(show(Noted(VirtualTable(COLUMNS, alert_rows(60)))))
    assert snap_compare(app, press=["j"], terminal_size=size)


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_panels_and_pictures(snap_compare: Snap, show: Show, size: tuple[int, int]) -> None:
    assert snap_compare(alive(show(PanelScreen())), terminal_size=size)


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_panels_in_another_theme(snap_compare: Snap, show: Show, theme: str) -> None:
    assert snap_compare(alive(show(PanelScreen(), theme=theme)), terminal_size=NORMAL)


@pytest.mark.usefixtures("ascii_terminal")
def test_panels_in_ascii(snap_compare: Snap, show: Show) -> None:
    assert snap_compare(alive(show(PanelScreen())), terminal_size=NORMAL)


@pytest.mark.parametrize("place", ["jobs", "network", "vault", "posture", "cases", "models"])
def test_a_place_that_is_empty(snap_compare: Snap, make_app: Callable[..., PandoraApp], place: str) -> None:
    assert snap_compare(alive(make_app(place=place)), terminal_size=NORMAL)


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_the_empty_vault(snap_compare: Snap, make_app: Callable[..., PandoraApp], size: tuple[int, int]) -> None:
    assert snap_compare(alive(make_app(place="vault")), terminal_size=size)


def test_a_store_that_cannot_be_read(snap_compare: Snap, make_app: Callable[..., PandoraApp]) -> None:
    app = make_app(place="vault")
    app.status = Status(EngineState.LIVE, 0.3, VaultState.LOCKED, "pandora.db: the database is locked. try again")
    assert snap_compare(app, terminal_size=NORMAL)


@pytest.mark.parametrize(
    "keys", [["ctrl+p"], ["colon", "t"], ["question_mark"]], ids=["palette", "command line", "help"]
)
def test_the_ways_to_a_command(snap_compare: Snap, show: Show, keys: list[str]) -> None:
    app = alive(show(VirtualTable(COLUMNS, alert_rows(60))))
    assert snap_compare(app, press=keys, terminal_size=NORMAL)


class Quiet(PandoraScreen):
    PLACE: ClassVar[str] = "threats"

    def body(self) -> ComposeResult:
        yield VirtualTable(COLUMNS, alert_rows())


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: ConfirmDialog("Close", "Close the alert on ws-114? It comes back if it goes on.", yes="close"),
        lambda: TextDialog("Note", text="seen with the owner", placeholder="what you saw"),
        lambda: ChoiceDialog("Verdict", ["true positive", "false positive", "benign"], chosen=1),
    ],
    ids=["confirm", "text", "choice"],
)
def test_a_dialog(snap_compare: Snap, show: Show, dialog: Callable[[], ConfirmDialog]) -> None:
    async def open_it(pilot: Pilot[None]) -> None:
        pilot.app.push_screen(dialog())
        await pilot.pause()

    assert snap_compare(alive(show(Quiet())), run_before=open_it, terminal_size=NORMAL)


def test_a_note(snap_compare: Snap, show: Show) -> None:
    async def note(pilot: Pilot[None]) -> None:
        pilot.app.notify("anna acknowledged this a moment ago; nothing was changed", severity="warning", timeout=60)
        await pilot.pause()

    assert snap_compare(alive(show(Quiet())), run_before=note, terminal_size=NORMAL)
