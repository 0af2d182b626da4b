"""The Cases screen: incidents in the order of the queue, their stories, and the way on from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.joining import incidents_of
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer
from pandora_tui.app import PandoraApp
from pandora_tui.screens.alert import AlertScreen
from pandora_tui.screens.events import EventsScreen, Search, parse_search
from tests.tui import stored
from tests.tui.stored import shown, until

NORMAL, WIDE = (80, 24), (160, 48)

Snap = Callable[..., bool]


@pytest.fixture
def app(tmp_path: Path) -> PandoraApp:
    """A console on the company, whose detections also make incidents."""
    stored.fill(tmp_path)
    fired = [Fired(d, 1, d.first_seen_us) for _, found in stored.company() for d in found]
    store = Store(tmp_path / FILE_NAME)
    Writer(store).commit(Batch(incidents=incidents_of(fired), status=stored.status()))
    return stored.console(tmp_path, place="cases")


async def sees(pilot: Pilot[None], *words: str) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))


async def test_the_story_of_the_incident_under_the_cursor_is_told(app: PandoraApp) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "3 incidents", "service updsvc created", "lateral-movement")
        first = shown(app)
        await pilot.press("j")
        await until(pilot, lambda: shown(app).splitlines()[12:] != first.splitlines()[12:])


async def test_an_incident_leads_to_its_alerts_and_to_searches(app: PandoraApp) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "lateral-movement")
        await pilot.press("enter")
        await sees(pilot, "a alerts", "T1021.002")
        await pilot.press("p")
        await sees(pilot, "What do you want to know?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EventsScreen))
        await sees(pilot, "from:2026-03-2")
        await pilot.press("escape", "a")
        await sees(pilot, "Which alert?", "A-3f9c1b2a")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AlertScreen))


async def test_without_incidents_the_place_says_so(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    async with stored.console(tmp_path, place="cases").run_test(size=NORMAL) as pilot:
        await sees(pilot, "No incidents")


def test_a_search_is_written_as_it_is_read() -> None:
    search = Search("ws 114", "zeek.conn", "rare words", 1_774_619_580_000_000, 1_774_619_640_000_000)
    assert parse_search(search.written) == search
    assert search.written.startswith('"ws 114" dataset:zeek.conn from:2026-03-27T13:53:00')


async def test_a_time_that_is_none_is_explained(app: PandoraApp) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "lateral-movement")
        app.push_screen(EventsScreen(Search("ws-114")))
        await until(pilot, lambda: isinstance(app.screen, EventsScreen))
        await pilot.press("slash", *" from:noon", "enter")
        await until(pilot, lambda: any("is no time" in note.message for note in app._notifications))


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_how_cases_look(snap_compare: Snap, app: PandoraApp, size: tuple[int, int]) -> None:
    async def settle(pilot: Pilot[None]) -> None:
        await sees(pilot, "lateral-movement", "scan of 212 hosts")
        await pilot.pause(0.3)

    assert snap_compare(app, run_before=settle, terminal_size=size)
