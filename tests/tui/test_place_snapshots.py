"""How Overview and Threats look, as SVG, with a store and without, at 80×24 and wide.

After a wanted change: ``pytest tests/tui/test_place_snapshots.py --snapshot-update``, then look at the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import textual
from textual.pilot import Pilot

from tests.tui import stored
from tests.tui.stored import shown, until

NORMAL, WIDE = (80, 24), (160, 48)
ALL = ("svc_backup", "Security.json:48122")  # the table is drawn by its timer, an alert's events arrive later still

Snap = Callable[..., bool]

pytestmark = pytest.mark.skipif(
    not textual.__version__.startswith("8.2."), reason="the pictures were taken with textual 8.2"
)


def when(words: str | Sequence[str], *keys: str, then: str = "") -> Callable[[Pilot[None]], object]:
    """Wait for words on screen, press keys, wait for other words."""
    first = [words] if isinstance(words, str) else words

    async def settle(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: all(word in shown(pilot.app) for word in first))
        await pilot.press(*keys)
        await until(pilot, lambda: then in shown(pilot.app))
        await pilot.pause()

    return settle


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_the_overview(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    stored.fill(tmp_path)
    assert snap_compare(stored.console(tmp_path), run_before=when("ws-114"), terminal_size=size)


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_the_threats(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path, place="threats")
    assert snap_compare(app, run_before=when(ALL), terminal_size=size)


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_an_open_alert(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path, place="threats")
    settle = when(ALL, "enter", then='"EventID": 5')
    assert snap_compare(app, run_before=settle, terminal_size=size)


def test_a_filter_that_is_wrong(snap_compare: Snap, tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path, place="threats")
    settle = when(ALL, "slash", *"sev:x", then="sev:x is not one of")
    assert snap_compare(app, run_before=settle, terminal_size=NORMAL)


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_the_threats_in_another_theme(snap_compare: Snap, tmp_path: Path, theme: str) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path, place="threats", theme=theme)
    assert snap_compare(app, run_before=when(ALL), terminal_size=NORMAL)


@pytest.mark.usefixtures("ascii_terminal")
def test_the_overview_in_ascii(snap_compare: Snap, tmp_path: Path) -> None:
    stored.fill(tmp_path)
    assert snap_compare(stored.console(tmp_path), run_before=when("ws-114"), terminal_size=NORMAL)


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
@pytest.mark.parametrize(
    ("place", "words"),
    [("overview", "Waiting for the first events"), ("threats", "No alerts")],
    ids=["overview", "threats"],
)
def test_a_place_without_anything(
    snap_compare: Snap, tmp_path: Path, place: str, words: str, size: tuple[int, int]
) -> None:
    assert snap_compare(stored.console(tmp_path, place=place), run_before=when(words), terminal_size=size)


def test_the_overview_without_an_engine(snap_compare: Snap, tmp_path: Path) -> None:
    app = stored.console(tmp_path, pid=None)
    assert snap_compare(app, run_before=when("No engine runs"), terminal_size=NORMAL)
