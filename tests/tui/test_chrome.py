"""The two lines around every screen, and the characters that the whole chrome is drawn with."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType

from pandora_tui.app import PandoraApp
from pandora_tui.commands import COMMANDS, PLACES, command_of
from pandora_tui.messages import EngineState, Status, VaultState
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import AMBIGUOUS_GLYPHS, Role
from pandora_tui.widgets.chrome import KeyLine, TopLine, key_line, top_line
from pandora_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, TextDialog
from pandora_tui.widgets.empty import EmptyState
from pandora_tui.widgets.pieces import width_of
from tests.tui.sample import PanelScreen, SampleApp

LIVE = Status(EngineState.LIVE, 0.3, VaultState.LOCKED)


def text(pieces: object) -> str:
    return "".join(piece.text for piece in pieces)  # type: ignore[attr-defined]


def screen_text(app: App[None]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def test_the_top_line_says_where_i_am_whether_the_engine_lives_how_far_it_is_behind_and_if_the_vault_is_open() -> (
    None
):
    assert text(top_line("threats", "sev>=med  by risk", LIVE, 80)) == (
        " PANDORA › Threats  sev>=med  by risk            ● live  lag 0.3s  vault locked "
    )


def test_wide_terminals_name_all_places_and_narrow_ones_give_their_keys() -> None:
    wide, usual, normal, narrow = (text(top_line("overview", "", LIVE, width)) for width in (160, 120, 80, 60))
    assert all(f"{place.key} {place.title}" in line for place in PLACES for line in (wide, usual))
    assert usual.endswith("vault locked ")
    assert normal.startswith(" PANDORA  1 Overview  2  3  4  5  6  7  8  9 ")
    assert narrow.startswith(" PANDORA › Overview ")
    assert "● live  lag 0.3s" in narrow


def test_a_problem_takes_the_place_of_the_state() -> None:
    status = Status(EngineState.LIVE, 0.3, VaultState.OPEN, "the store is locked by another process")
    line = top_line("overview", "", status, 80)
    assert "▲ the store is locked by another process" in text(line)
    assert next(piece for piece in line if "▲" in piece.text).role is Role.BAD


@pytest.mark.parametrize(
    ("status", "expected", "role"),
    [
        (Status(EngineState.STOPPED), "▲ no engine", Role.WARN),
        (Status(EngineState.STARTING), "◦ starting", Role.MUTED),
        (Status(EngineState.LIVE, 42.0), "lag 42s", Role.WARN),
        (Status(EngineState.LIVE, 0.2), "lag 0.2s", Role.MUTED),
        (Status(EngineState.LIVE, vault=VaultState.OPEN), "vault open", Role.GOOD),
    ],
)
def test_each_state_is_told_in_words_and_colour(status: Status, expected: str, role: Role) -> None:
    line = top_line("overview", "", status, 120)
    assert expected in text(line)
    assert next(piece for piece in line if expected.split()[-1] in piece.text).role is role


@given(
    place=st.sampled_from([place.name for place in PLACES]),
    note=st.text(max_size=30),
    engine=st.sampled_from(EngineState),
    lag_s=st.none() | st.floats(min_value=0, max_value=1e7),
    vault=st.sampled_from(VaultState),
    problem=st.text(max_size=80),
    width=st.integers(min_value=1, max_value=200),
)
def test_the_top_line_fits_every_width(
    place: str,
    note: str,
    engine: EngineState,
    lag_s: float | None,
    vault: VaultState,
    problem: str,
    width: int,
) -> None:
    line = top_line(place, note, Status(engine, lag_s, vault, problem), width)
    assert width_of(line) <= width


@given(st.lists(st.sampled_from([command for command in COMMANDS if command.rank]), unique=True), st.integers(1, 120))
def test_the_key_line_fits_every_width_and_drops_the_least_useful_first(commands: list[object], width: int) -> None:
    pieces = key_line(commands, width)  # type: ignore[arg-type]
    assert width_of(pieces) <= width + 2
    shown = [command for command in commands if f" {command.title}" in text(pieces)]  # type: ignore[attr-defined]
    hidden = [command for command in commands if command not in shown]
    if shown and hidden and len({command.title for command in commands}) == len(commands):  # type: ignore[attr-defined]
        shortest_hidden = min(len(command.title) for command in hidden)  # type: ignore[attr-defined]
        assert (
            min(command.rank for command in shown) <= min(command.rank for command in hidden) or shortest_hidden > 3
        )  # type: ignore[attr-defined]


async def test_the_key_line_shows_only_keys_that_work_here(show: Callable[..., SampleApp]) -> None:
    app = show(PanelScreen())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "enter open" in screen_text(app)
        await pilot.press("4")
        await pilot.pause()
        assert "enter open" not in screen_text(app)
        assert "? help" in screen_text(app)


async def test_the_key_line_is_empty_under_a_dialog(make_app: Callable[..., PandoraApp]) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ConfirmDialog("Close", "Close this alert?"))
        await pilot.pause()
        assert "q quit" not in screen_text(app)
        await pilot.press("n")
        await pilot.pause()
        assert "q quit" in screen_text(app)


async def test_an_action_that_is_off_is_not_on_the_key_line(show: Callable[..., SampleApp]) -> None:
    class Picky(PandoraScreen):
        BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+l", "nothing", id="redraw")]

        def body(self) -> ComposeResult:
            yield EmptyState("Nothing", "nothing")

        def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
            return action != "nothing"

    app = show(Picky())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        redraw = command_of("redraw")
        assert redraw is not None
        assert redraw not in app.screen.query_one(KeyLine)._commands


async def test_a_click_on_a_tab_goes_there_and_one_on_a_key_acts(make_app: Callable[..., PandoraApp]) -> None:
    app = make_app()
    async with app.run_test(size=(160, 24)) as pilot:
        line = text(top_line("overview", "", app.status, 160))
        await pilot.click(TopLine, offset=(line.index("Network"), 0))
        await pilot.pause()
        assert app.place == "network"
        keys = app.screen._compositor.render_strips()[-1].text
        await pilot.click(KeyLine, offset=(keys.index("help"), 0))
        await pilot.pause()
        assert type(app.screen).__name__ == "HelpScreen"


async def every_character(app: SampleApp) -> set[str]:
    """All characters that the places, dialogs, help, palette and notes draw."""
    drawn: set[str] = set()
    async with app.run_test(size=(60, 20)) as pilot:

        async def look() -> None:
            await pilot.pause()
            drawn.update(screen_text(app))

        app.show_status(Status(EngineState.STOPPED, 12, VaultState.OPEN))
        for place in PLACES:
            await pilot.press(place.key)
            await look()
        await pilot.press("1")
        for keys in (["question_mark"], ["ctrl+p"], ["colon", "t"]):
            await pilot.press(*keys)
            await look()
            await pilot.press("escape")
        for dialog in (
            ConfirmDialog("Close", "Really?"),
            TextDialog("Note", placeholder="why"),
            TextDialog("Unlock", text="secret", is_secret=True),
            ChoiceDialog("Verdict", ["true positive", "benign"]),
        ):
            app.push_screen(dialog)
            await look()
            await pilot.press("escape")
        for severity in ("information", "warning", "error"):
            app.notify("noted", severity=severity)
        app.show_status(Status(problem="the store is gone"))
        await look()
    return drawn


async def test_the_chrome_is_drawn_with_narrow_glyphs_and_the_few_ambiguous_ones_listed(
    show: Callable[..., SampleApp],
) -> None:
    drawn = await every_character(show(PanelScreen()))
    strange = {
        character
        for character in drawn - AMBIGUOUS_GLYPHS - {"\n", "±", "␛"}
        if unicodedata.east_asian_width(character) not in ("N", "Na") or cell_len(character) != 1
    }
    assert strange == set()


@pytest.mark.usefixtures("ascii_terminal")
async def test_the_chrome_is_all_ascii_where_asked_for(show: Callable[..., SampleApp]) -> None:
    drawn = await every_character(show(PanelScreen()))
    assert {character for character in drawn if not character.isascii()} == set()
