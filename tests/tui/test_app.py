"""The console as a whole: places, status, commands, themes, news, and errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from pandora_core.errors import StoreError
from pandora_tui.app import PandoraApp
from pandora_tui.commands import PLACES
from pandora_tui.crash import LOG_NAME
from pandora_tui.desks.bridge import Pace
from pandora_tui.messages import EngineState, Status, Update, VaultState
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.screens.command import CommandLine, Palette
from pandora_tui.screens.help import HelpScreen, help_lines
from pandora_tui.style import cell_width
from pandora_tui.themes import ANSI, DARK, LIGHT
from tests.tui.sample import SampleApp
from tests.tui.stored import until

MakeApp = Callable[..., PandoraApp]
FAST = Pace(busy_s=0.01, idle_s=0.01, failed_s=0.01)


@dataclass(frozen=True)
class News:
    status: Status
    numbers: tuple[int, ...] = ()

    def merged(self, newer: News) -> News:
        return News(newer.status, self.numbers + newer.numbers)


def text(app: PandoraApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_every_place_says_where_it_is_what_will_be_there_and_what_to_do_now(
    make_app: MakeApp, place: object
) -> None:
    app = make_app()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press(place.key)  # type: ignore[attr-defined]
        await pilot.pause()
        drawn = text(app)
    assert app.place == place.name  # type: ignore[attr-defined]
    assert place.title in drawn.splitlines()[0]  # type: ignore[attr-defined]
    assert sum(1 for line in drawn.splitlines() if line.strip()) >= 7
    assert "? help" in drawn.splitlines()[-1]


async def test_a_place_keeps_its_screen_between_visits(make_app: MakeApp) -> None:
    app = make_app(place="vault")
    async with app.run_test() as pilot:
        first = app.screen
        await pilot.press("3")
        assert app.place == "jobs"
        await pilot.press("5")
        assert app.screen is first


async def test_the_state_is_shown_in_places_visited_and_yet_to_be_visited(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("2")
        app.show_status(Status(EngineState.LIVE, 4.2, VaultState.OPEN))
        for key in "129":
            await pilot.press(key)
            await pilot.pause()
            assert "● live  lag 4.2s  vault open" in text(app)


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
async def test_every_place_and_dialog_can_be_drawn_in_every_theme(make_app: MakeApp, theme: str) -> None:
    app = make_app(theme=theme)
    async with app.run_test() as pilot:
        for keys in ("2", "colon", "escape", "ctrl+p", "escape", "question_mark"):
            await pilot.press(keys)
            await pilot.pause()
            assert app.export_screenshot()
    assert app.theme == f"pandora-{theme}"


async def test_no_color_draws_without_any_colour(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(theme="", environ={"NO_COLOR": "1", "TERM": "xterm-256color"})
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
    assert app.theme == ANSI
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    assert all(color is None or color.is_default for style in styles for color in (style.color, style.bgcolor))
    assert any(style.reverse for style in styles), "the cursor must be seen all the same"


async def test_a_command_line_goes_places_and_completes(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("colon", *"thr", "enter")
        await pilot.pause()
        assert app.place == "threats"
        await pilot.press("colon", *"them", "tab")
        assert app.screen.query_one(Input).value == "theme "
        await pilot.press("l", "tab", "enter")
        await pilot.pause()
        assert app.theme == LIGHT


async def test_a_command_line_that_makes_no_sense_is_answered_with_a_note(make_app: MakeApp) -> None:
    app = make_app()
    notes: list[str] = []
    async with app.run_test() as pilot:
        for line in ("sell [b]everything", "theme pink"):
            await pilot.press("colon")
            app.screen.query_one(Input).value = line
            await pilot.press("enter")
            await pilot.pause()
        notes = [note.message for note in app._notifications]
    assert notes == ["no command 'sell' here; ? lists them", "theme: 'pink' is not one of dark, light, ansi"]


async def test_escape_leaves_the_command_line_and_the_palette_without_doing_anything(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        for key, screen in (("colon", CommandLine), ("ctrl+p", Palette), ("question_mark", HelpScreen)):
            await pilot.press(key)
            assert isinstance(app.screen, screen)
            await pilot.press("escape")
            await pilot.pause()
            assert isinstance(app.screen, PandoraScreen)
    assert app.place == "overview"


async def test_the_palette_runs_the_command_that_is_marked(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p", *"audit", "enter")
        await pilot.pause()
        assert app.place == "vault"
        await pilot.press("ctrl+p", "down", "down", "enter")
        await pilot.pause()
        assert app.place == "jobs"


async def test_a_command_that_wants_an_argument_asks_for_it_on_the_command_line(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p", *"colours", "enter")
        await pilot.pause()
        assert isinstance(app.screen, CommandLine)
        assert app.screen.query_one(Input).value == "theme "
        options = [str(option.prompt).strip() for option in app.screen.query_one(OptionList).options]
        assert options == ["theme dark", "theme light", "theme ansi"]


async def test_an_entry_of_the_palette_can_be_clicked(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p")
        await pilot.click(OptionList, offset=(4, 3))
        await pilot.pause()
        assert app.place == "network"


async def test_the_theme_can_be_changed_and_changed_back(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        for expected in (LIGHT, ANSI, DARK):
            app.action_use_theme()
            await pilot.pause()
            assert app.theme == expected


@pytest.mark.parametrize("width", [36, 50, 70, 120])
def test_the_help_fits_every_width_and_names_every_key(width: int) -> None:
    lines = help_lines("overview", width)
    assert all(sum(cell_width(piece.text) for piece in line) <= width for line in lines)
    words = " ".join(piece.text for line in lines for piece in line)
    assert all(sign in words for sign in ("ctrl+p", "enter", "esc", "Everywhere", "Lists"))


async def test_news_reach_every_visited_screen_and_the_status(show: Callable[..., SampleApp]) -> None:
    received: list[tuple[str, tuple[int, ...]]] = []

    class Listening(PandoraScreen):
        def body(self) -> Iterator[object]:  # type: ignore[override]
            yield from ()

        def receive(self, update: Update) -> None:
            assert isinstance(update, News)
            received.append((self.PLACE, update.numbers))

    @contextmanager
    def open_poll() -> Iterator[Callable[[], Update | None]]:
        news = iter([News(Status(EngineState.LIVE, 1.0), (1,)), News(Status(EngineState.LIVE, 2.0), (2,))])
        yield lambda: next(news, None)

    app = show(Listening(), open_poll=open_poll, pace=FAST)
    async with app.run_test() as pilot:
        await pilot.pause(0.15)
        await pilot.press("3")
        await pilot.pause()
        assert "● live  lag 2.0s" in text(app)
    assert [number for _, numbers in received for number in numbers] == [1, 2]
    assert app.bridge is not None
    assert app.bridge.stop(), "the thread ends with the app"


async def test_a_store_that_fails_is_said_on_the_top_line_and_the_console_goes_on(make_app: MakeApp) -> None:
    fails = [True]

    @contextmanager
    def open_poll() -> Iterator[Callable[[], Update | None]]:
        if fails[0]:
            raise StoreError("the database is locked", where="pandora.db")
        yield lambda: None

    app = make_app(open_poll=open_poll, pace=FAST)
    async with app.run_test() as pilot:
        await pilot.pause(0.1)
        assert "▲ pandora.db: the database is locked" in text(app)
        await pilot.press("4")
        assert app.place == "network"
        fails[0] = False
        await until(pilot, lambda: "locked" not in text(app).splitlines()[0])


async def test_the_answer_to_a_request_comes_back_on_the_screens_thread(make_app: MakeApp) -> None:
    @contextmanager
    def open_poll() -> Iterator[Callable[[], Update | None]]:
        yield lambda: None

    app = make_app(open_poll=open_poll, pace=FAST)
    async with app.run_test() as pilot:
        assert app.bridge is not None
        assert isinstance(app.screen, PandoraScreen)
        app.bridge.request(lambda: "42 alerts", app.screen.show_note)
        await pilot.pause(0.1)
        assert "42 alerts" in text(app)


class Mistake(Exception):
    """A bug of the console."""


async def run(app: PandoraApp, callback: Callable[..., None], *arguments: object) -> None:
    """Run ``callback`` inside ``app``; what it raises comes out at the end."""
    async with app.run_test() as pilot:
        app.call_later(callback, *arguments)
        await pilot.pause(0.1)


async def test_an_error_ends_the_app_with_code_1_and_leaves_a_log_without_values(
    make_app: MakeApp, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(passphrase: str) -> None:
        assert passphrase
        raise Mistake("something broke")

    app = make_app()
    with pytest.raises(Mistake):
        await run(app, fail, "hunter" + "2")
    assert app.return_code == 1
    notice = capfd.readouterr().err
    log = (tmp_path / LOG_NAME).read_text()
    assert notice.count("Mistake: something broke") == 1
    assert "in fail" in log
    assert "hunter2" not in notice + log


async def test_an_error_that_can_draw_itself_is_not_drawn_by_textual_either(
    make_app: MakeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    class Drawable(Exception):
        def __rich__(self) -> str:
            return "hunter2"

    def fail() -> None:
        raise Drawable("in its own colours")

    app = make_app()
    with pytest.raises(Drawable):
        await run(app, fail)
    notice = capfd.readouterr().err
    assert app.return_code == 1
    assert "Drawable: in its own colours" in notice
    assert "hunter2" not in notice


def test_the_shell_starts_without_the_store_or_anything_heavy() -> None:
    """In a fresh interpreter: what the first paint must not wait for."""
    code = (
        "import sys, pandora_tui.app, pandora_tui.screens.overview\n"
        "heavy = ('sqlalchemy', 'sqlite3', 'pysqlite3', 'numpy', 'scipy', 'sklearn', 'networkx', 'qiskit', 'evtx',"
        " 'click', 'pygments', 'markdown_it', 'tree_sitter', 'textual.widgets._data_table',"
        " 'textual.widgets._markdown',"
        " 'pandora_core.store.store', 'pandora_core.engine', 'pandora_core.ingest', 'pandora_tui.screens.help',"
        " 'pandora_tui.screens.threats', 'pandora_tui.widgets.dialogs', 'pandora_tui.crash')\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
