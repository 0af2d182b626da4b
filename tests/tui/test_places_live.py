"""Overview and System on a real store, and what every place says where there is nothing to show."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer
from pandora_tui.app import PandoraApp
from pandora_tui.desks.engine_starter import EngineStarter
from pandora_tui.desks.feed import Feed
from pandora_tui.screens.threats import ThreatsScreen
from pandora_tui.widgets.alert_table import AlertTable
from tests.tui import stored
from tests.tui.stored import shown, until


async def open_place(pilot: Pilot[None], words: str) -> None:
    await until(pilot, lambda: words in shown(pilot.app))


async def test_the_overview_says_who_is_at_risk_and_how_the_hour_went(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "ws-114")
        lines = shown(app).splitlines()
    assert "▲ CRIT ws-114           94" in lines[3]
    assert "events/s    4,812" in lines[2]
    assert "bad lines       2" in lines[3]
    assert "sources       4/5  silent" in lines[4]
    assert "▲ CRIT          1" in lines[6]
    assert "■ MED           2" in lines[8]
    assert "first log-on from ws-114 to" in lines[14]
    assert all(line.isprintable() for line in lines)


async def test_enter_on_an_entity_goes_to_its_alert(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "svc_backup")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreatsScreen) and "A-77ab01c4" in shown(app))
        assert app.screen.query_one(AlertTable).cursor_key == "A-77ab01c4"


async def test_an_alert_that_the_filter_hides_is_shown_when_it_is_asked_for(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "db-02")
        await pilot.press("end", "enter")
        await until(pilot, lambda: "A-0b0b0b0b" in shown(app))
        assert "entity:db-02" in shown(app).splitlines()[0]


async def test_severity_is_always_glyph_and_word_even_where_there_is_no_room(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path)
    async with app.run_test(size=(60, 20)) as pilot:
        await open_place(pilot, "ws-114")
        assert "▲ CRIT ws-114" in shown(app)
        assert "Last hour" not in shown(app)
        await pilot.press("2")
        await open_place(pilot, "94 =")
        assert "94 ▲ CRIT ws-114" in shown(app)


async def test_the_system_screen_lists_files_by_what_is_wrong_and_the_bad_lines(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path, place="system")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "expected 21 fields")
        await open_place(pilot, "sqlite")
        lines = shown(app).splitlines()
        await pilot.press("enter")
        await until(pilot, lambda: any("no new line for a while" in note.message for note in app._notifications))
    assert "● live, heard 1s" in lines[2]
    assert "silent     /var/log/auth.log" in lines[11]
    assert any("/srv/windows/Security.json" in line and "3.2 MiB" in line for line in lines)
    assert any("conn.log:912" in line and "a time stamp that is none" in line for line in lines)


async def test_an_empty_store_is_waited_for(tmp_path: Path) -> None:
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "Waiting for the first events")
        Writer(Store(tmp_path / FILE_NAME)).commit(stored.batch())
        await open_place(pilot, "Risk now")


async def test_threats_without_alerts_say_so(tmp_path: Path) -> None:
    Writer(Store(tmp_path / FILE_NAME)).commit(Batch(files=list(stored.FILES), status=stored.status()))
    app = stored.console(tmp_path, place="threats")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "No alerts")


@pytest.mark.parametrize("place", ["overview", "threats", "system"])
async def test_without_an_engine_an_empty_place_says_how_to_start_one(tmp_path: Path, place: str) -> None:
    app = stored.console(tmp_path, pid=None, place=place)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "No engine runs")
        assert "pandora engine run" in shown(app)
        assert "no engine" in shown(app).splitlines()[0]


async def test_a_store_that_cannot_be_opened_is_said_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is no database, although it is long enough" * 30)
    path.chmod(0o600)
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "The store cannot be read")
        path.unlink()
        await open_place(pilot, "Waiting for the first events")


async def test_the_engine_can_be_started_from_the_system_screen(tmp_path: Path) -> None:
    stored.fill(tmp_path).close()
    started: list[Path] = []

    def start(data: Path) -> int:
        started.append(data)
        return stored.PID

    starter = EngineStarter(tmp_path, start=start)
    pids: list[int | None] = [stored.PID]
    feed = Feed(tmp_path, clock=stored.clock, starter=starter, engine_pid=lambda _: pids[-1])
    app = PandoraApp(tmp_path, feed=feed, place="system", theme="dark", pace=stored.BRISK)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "● live, heard")
        await pilot.press("S")
        await until(pilot, lambda: any("runs already" in note.message for note in app._notifications))
        pids.append(None)
        await open_place(pilot, "no engine runs")
        assert "S starts one" in shown(app)
        await pilot.press("S")
        await until(pilot, lambda: started == [tmp_path])


@pytest.mark.usefixtures("ascii_terminal")
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["normal", "wide"])
async def test_where_only_ascii_can_be_drawn_nothing_else_is(tmp_path: Path, size: tuple[int, int]) -> None:
    stored.fill(tmp_path)
    app = stored.console(tmp_path)
    async with app.run_test(size=size) as pilot:
        asked = ("p", "What do you want to know?"), ("enter", "events")
        places = ("1", "ws-114"), ("2", "94 ="), ("enter", "EventID"), *asked, ("9", "sqlite"), ("7", "No incidents")
        for keys, words in places:
            await pilot.press(keys)
            await open_place(pilot, words)
            assert [line for line in shown(app).splitlines() if not line.isascii()] == []


async def test_no_first_log_on_leaves_calm_words_and_nothing_made_up(tmp_path: Path) -> None:
    quiet = [(number, found) for number, found in stored.company() if number == "A-90d1e2f3"]
    Writer(Store(tmp_path / FILE_NAME)).commit(stored.batch(quiet))
    app = stored.console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_place(pilot, "10.4.2.19")
        text = shown(app)
    for words in ("No first log-on between two", "No quantum jobs", "There is no", "Not measured"):
        assert words in text
