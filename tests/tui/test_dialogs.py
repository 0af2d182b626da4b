"""Dialogs: what they give back, and that they hold nothing up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Static

from pandora_tui.app import PandoraApp
from pandora_tui.messages import EngineState, Status
from pandora_tui.widgets.chrome import TopLine
from pandora_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, Dialog, Hints, TextDialog

MakeApp = Callable[..., PandoraApp]


async def answer(app: PandoraApp, dialog: Dialog[Any], *keys: str) -> list[Any]:
    """What the dialog gave back after ``keys``."""
    answers: list[Any] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(dialog, answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
    return answers


@pytest.mark.parametrize(("key", "expected"), [("y", True), ("enter", True), ("n", False), ("escape", False)])
async def test_a_question_is_answered_with_one_key(make_app: MakeApp, key: str, expected: bool) -> None:
    assert await answer(make_app(), ConfirmDialog("Close", "Close 3 alerts?", yes="close"), key) == [expected]


async def test_text_is_given_back_on_enter_and_nothing_on_escape(make_app: MakeApp) -> None:
    assert await answer(make_app(), TextDialog("Note", text="seen"), *"!x", "enter") == ["seen!x"]
    assert await answer(make_app(), TextDialog("Note"), *"abc", "escape") == [None]


async def test_text_that_will_not_do_is_complained_about_and_kept(make_app: MakeApp) -> None:
    app = make_app()
    answers: list[str | None] = []
    dialog = TextDialog("Assign", check=lambda text: "" if text.isalpha() else "letters only [please]")
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(dialog, answers.append)
        await pilot.press("4", "enter")
        await pilot.pause()
        assert answers == []
        assert str(dialog.query_one(".dialog-complaint", Static).render()) == "letters only [please]"
        await pilot.press("backspace", "j", "enter")
        await pilot.pause()
    assert answers == ["j"]


async def test_a_secret_is_not_drawn(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(TextDialog("Unlock", is_secret=True))
        await pilot.press(*"hunter2")
        await pilot.pause()
        assert "hunter2" not in app.export_screenshot()


@pytest.mark.parametrize(
    ("keys", "expected"), [(("enter",), 1), (("down", "enter"), 2), (("up", "enter"), 0), (("escape",), None)]
)
async def test_a_choice_is_given_back_by_its_place(
    make_app: MakeApp, keys: tuple[str, ...], expected: int | None
) -> None:
    dialog = ChoiceDialog("Verdict", ["true positive", "false positive", "benign"], chosen=1)
    assert await answer(make_app(), dialog, *keys) == [expected]


async def test_a_choice_can_be_clicked_and_so_can_the_keys(make_app: MakeApp) -> None:
    app = make_app()
    answers: list[Any] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ChoiceDialog("Verdict", ["one", "two"]), answers.append)
        await pilot.pause()
        await pilot.click("OptionList", offset=(1, 1))
        await pilot.pause()
        app.push_screen(ConfirmDialog("Close", "Close?", yes="close"), answers.append)
        await pilot.pause()
        await pilot.click(Hints, offset=(3, 0))
        await pilot.pause()
    assert answers == [1, True]


async def test_hostile_text_in_a_dialog_is_shown_as_it_is(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ConfirmDialog("[red]x[/", "Close [bold]\x1b[31m alert\u202e?"))
        await pilot.pause()
        drawn = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
    assert "[red]x[/" in drawn
    assert "Close [bold]␛[31m alert<202e>?" in drawn


async def test_the_screen_below_goes_on_while_a_dialog_is_open(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ConfirmDialog("Close", "Close?"))
        await pilot.pause()
        app.show_status(Status(EngineState.LIVE, 3.0))
        await pilot.pause()
        assert "lag 3.0s" in app.screen_stack[0].query_one(TopLine).render_line(0).text
        assert "lag 3.0s" in app.screen._compositor.render_strips()[0].text
