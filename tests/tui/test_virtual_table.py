"""The table on a screen: what it draws, says and repaints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.geometry import Region
from textual.pilot import Pilot
from textual.scrollbar import ScrollTo
from textual.widget import Widget

from pandora_tui.style import Role
from pandora_tui.themes import DARK, role_styles
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable
from tests.tui.sample import ALERTS, COLUMNS, SampleApp, alert_rows

Show = Callable[..., SampleApp]


def lines(app: App[None]) -> list[str]:
    """The text of the screen's lines."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def settle(pilot: Pilot[None]) -> None:
    """Let the table take up what happened to its rows."""
    await pilot.pause(VirtualTable.REFRESH_S * 1.5)
    await pilot.pause()


def number_table(count: int, **settings: object) -> VirtualTable:
    rows = Rows({"number": Kind.INTEGER}, capacity=1_000)
    rows.extend(range(count))
    return VirtualTable([Column("number", lambda row: f"row {row.number}", 10)], rows, **settings)  # type: ignore[arg-type]


async def test_a_row_is_drawn_with_its_severity_in_words_and_its_hostile_text_made_safe(show: Show) -> None:
    app = show(VirtualTable(COLUMNS, alert_rows()))
    async with app.run_test(size=(120, 12)):
        drawn = lines(app)
    assert drawn[1].split() == ["severity", "risk", "entity", "what", "technique", "age", "state", "trend"]
    assert drawn[2].startswith("▸ ▲ CRIT      97  ws-114")
    assert "2m  new" in drawn[2]
    assert "evil ␛[31mred␛[0m <202e>gnp.exe [bold]name[/]" in drawn[6]


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 24, 12])
async def test_the_severity_word_stays_at_every_width(show: Show, width: int) -> None:
    app = show(VirtualTable(COLUMNS, alert_rows()))
    async with app.run_test(size=(width, 10)):
        drawn = lines(app)
    for line, word in zip(drawn[2:7], ("▲ CRIT", "▲ HIGH", "■ MED", "· LOW", "◦ INFO"), strict=True):
        assert word in line


async def test_columns_stay_aligned_beside_wide_characters(show: Show) -> None:
    rows = Rows({"name": Kind.OBJECT, "n": Kind.INTEGER})
    rows.extend(["ascii", "主机-中文-非常长的名字", "é\u0301"], [1, 22, 333])
    table = VirtualTable(
        [Column("name", lambda row: row.name, 12), Column("n", lambda row: str(row.n), 5, right=True)], rows
    )
    app = show(table)
    async with app.run_test(size=(40, 8)):
        strips = app.screen._compositor.render_strips()
    assert [strip.crop(16, 21).text for strip in strips[2:5]] == ["    1", "   22", "  333"]
    assert {strip.cell_length for strip in strips} == {40}


async def test_the_cursor_moves_with_the_keys_and_says_so(show: Show) -> None:
    table = number_table(100)
    app = show(table)
    async with app.run_test(size=(40, 12)) as pilot:
        for keys, expected in (
            (["j", "j", "down"], 3),
            (["k", "up"], 1),
            (["pagedown"], 9),
            (["ctrl+d"], 17),
            (["pageup", "ctrl+u"], 1),
            (["end"], 99),
            (["home"], 0),
            (["G"], 99),
            (["g"], 0),
            (["up"], 0),
        ):
            await pilot.press(*keys)
            assert table.cursor_key == expected, keys
            assert any(f"▸ row {expected}" in line for line in lines(app))


async def test_highlighted_and_selected_rows_are_announced_by_key(show: Show) -> None:
    table = VirtualTable(COLUMNS, alert_rows())
    said: list[tuple[str, object]] = []

    class Listener(SampleApp):
        def on_virtual_table_highlighted(self, message: VirtualTable.Highlighted) -> None:
            said.append(("highlighted", message.key))

        def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
            said.append(("selected", message.key))

    app = show(table)
    app.__class__ = Listener
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("j", "enter")
        await pilot.click(table, offset=(5, 3))
        await pilot.click(table, offset=(5, 4), times=2)
    assert said[0] == ("highlighted", "alert-0")
    assert ("selected", "alert-1") in said
    assert ("highlighted", "alert-2") in said
    assert said[-1] == ("selected", "alert-3")


async def test_a_click_on_a_title_names_its_column(show: Show) -> None:
    table = VirtualTable(COLUMNS, alert_rows())
    clicked: list[str] = []

    class Listener(SampleApp):
        def on_virtual_table_header_clicked(self, message: VirtualTable.HeaderClicked) -> None:
            clicked.append(message.column.title)

    app = show(table)
    app.__class__ = Listener
    async with app.run_test(size=(120, 12)) as pilot:
        await pilot.click(table, offset=(3, 0))
        await pilot.click(table, offset=(20, 0))
        await pilot.click(table, offset=(5, 8))
    assert clicked == ["severity", "entity"]
    assert table.cursor_key == "alert-0"


async def test_the_wheel_scrolls_and_leaves_the_cursor(show: Show) -> None:
    table = number_table(100)
    app = show(table)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot._post_mouse_events([events.MouseScrollDown], table)
        await pilot.pause()
        assert lines(app)[2].strip() == "row 3"
        assert table.cursor_key == 0


async def test_the_scroll_bar_shows_where_the_window_is_and_can_be_dragged(show: Show) -> None:
    table = number_table(100)
    app = show(table)
    async with app.run_test(size=(40, 12)) as pilot:
        assert [strip.text[-1] for strip in app.screen._compositor.render_strips()[1:11]] == ["┃"] + [" "] * 9
        table.vertical_scrollbar.post_message(ScrollTo(y=91, animate=False))
        await settle(pilot)
        assert [strip.text[-1] for strip in app.screen._compositor.render_strips()[1:11]] == [" "] * 9 + ["┃"]
        assert "row 99" in lines(app)[10]


async def test_rows_that_arrive_are_followed_until_the_cursor_is_moved(show: Show) -> None:
    table = number_table(50, follow=True)
    app = show(table)
    async with app.run_test(size=(40, 12)) as pilot:
        table.rows.extend(range(50, 80))
        await settle(pilot)
        assert table.cursor_key == 79
        await pilot.press("k")
        table.rows.extend(range(80, 90))
        await settle(pilot)
        assert (table.cursor_key, table.is_following) == (78, False)
        await pilot.press("end")
        assert (table.cursor_key, table.is_following) == (89, True)


async def test_following_survives_a_change_of_size(show: Show) -> None:
    table = number_table(50, follow=True)
    app = show(table)
    async with app.run_test(size=(40, 12)) as pilot:
        for height in (30, 8, 48):
            await pilot.resize_terminal(40, height)
            await settle(pilot)
            assert table.is_following
            assert "row 49" in "".join(lines(app))


async def test_a_row_that_changes_is_drawn_anew_where_it_stands(show: Show) -> None:
    table = VirtualTable(COLUMNS, alert_rows())
    app = show(table)
    async with app.run_test(size=(100, 12)) as pilot:
        await pilot.press("j")
        table.rows.put("alert-3", 91.0, *ALERTS[3][1:])
        await settle(pilot)
        assert "▲ CRIT" in lines(app)[5]
        assert table.cursor_key == "alert-1"


async def test_the_cursor_follows_its_row_through_a_new_order(show: Show) -> None:
    table = VirtualTable(COLUMNS, alert_rows())
    app = show(table)
    async with app.run_test(size=(100, 12)) as pilot:
        await pilot.press("j")
        table.set_order([4, 3, 2, 1, 0], sorted_by="risk")
        await settle(pilot)
        drawn = lines(app)
    assert "▸ ▲ HIGH" in drawn[5]
    assert table.cursor_key == "alert-1"
    assert table.count == 5


async def test_only_lines_that_changed_are_repainted(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    table = VirtualTable(COLUMNS, alert_rows(20))
    app = show(table)
    repainted: list[object] = []

    def record(self: Widget, *regions: Region, **settings: Any) -> Widget:
        repainted.extend([region.y for region in regions] if regions else ["everything"])
        return Widget.refresh(self, *regions, **settings)

    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        with monkeypatch.context() as patch:
            patch.setattr(VirtualTable, "refresh", record)
            await pilot.press("j")
            assert repainted == [1, 2]
            repainted.clear()
            table.rows.update(5, state="closed")
            await settle(pilot)
            assert repainted == [6]
            repainted.clear()
            table.touch()
            await settle(pilot)
            assert repainted == []


async def test_text_is_made_for_rows_in_view_only(show: Show) -> None:
    asked: list[int] = []

    def text(row: object) -> str:
        asked.append(row.number)  # type: ignore[attr-defined]
        return "x"

    rows = Rows({"number": Kind.INTEGER}, capacity=100_000)
    rows.extend(range(100_000))
    app = show(VirtualTable([Column("number", text, 10)], rows))
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.press("end")
        await settle(pilot)
    assert len(set(asked)) < 60


async def test_an_empty_table_says_why(show: Show) -> None:
    rows = Rows({"number": Kind.INTEGER})
    app = show(VirtualTable([Column("number", str, 10)], rows, empty="no alerts match the filter"))
    async with app.run_test(size=(60, 12)) as pilot:
        assert lines(app)[3].strip() == "no alerts match the filter"
        await pilot.press("j", "enter", "end")
        rows.append(1)
        await settle(pilot)
        assert "no alerts" not in "".join(lines(app))


async def test_a_table_that_is_not_told_its_size_finds_it_out(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    # Textual sends no Resize to what comes into view, if somebody asked where widgets are just before the layout.
    monkeypatch.setattr(VirtualTable, "on_resize", lambda self: None)
    app = show(number_table(5))
    async with app.run_test(size=(60, 12)) as pilot:
        await settle(pilot)
        assert "row 0" in lines(app)[2]


async def test_a_table_on_a_screen_that_is_not_shown_does_not_draw(show: Show) -> None:
    table = number_table(5)
    app = show(table)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("3")
        await settle(pilot)
        table.rows.extend(range(100))
        await settle(pilot)
        assert table.count == 105
        assert table.max_scroll_y == 0
        await pilot.press("2")
        await settle(pilot)
        assert table.cursor_key == 0


async def test_the_cursor_is_told_by_its_mark_and_is_paler_without_the_focus(show: Show) -> None:
    table = number_table(5)
    app = show(table)
    styles = role_styles(DARK)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        grounds = []
        for focus in (table, None):
            app.screen.set_focus(focus)
            await settle(pilot)
            first = app.screen._compositor.render_strips()[2]
            assert first.text.startswith("▸ row 0")
            grounds.append(next(iter(first)).style.bgcolor)  # type: ignore[union-attr]
    assert grounds == [styles[Role.CURSOR].bgcolor, styles[Role.CURSOR_BLURRED].bgcolor]


async def test_the_columns_can_be_exchanged(show: Show) -> None:
    table = VirtualTable(COLUMNS, alert_rows())
    app = show(table)
    async with app.run_test(size=(60, 12)) as pilot:
        table.set_columns(COLUMNS[:3])
        await settle(pilot)
        assert lines(app)[1].split() == ["severity", "risk", "entity"]
