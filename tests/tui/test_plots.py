"""Numbers as pictures: sparklines, plots, bars and meters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import ComposeResult

from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import Role
from pandora_tui.widgets.braille import bar, line_plot, sparkline
from pandora_tui.widgets.plots import Bar, Bars, LinePlot, Meter, Sparkline
from tests.tui.sample import SampleApp

VALUES = st.lists(st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308]), max_size=60)


def test_a_sparkline_has_four_levels_and_two_values_a_cell() -> None:
    assert sparkline([0, 1, 2, 3, 4], 3) == sparkline([0, 0, 1, 2, 3, 4], 3) == " ⣠⣾"
    assert sparkline([1, 2, 3, 4], 2) == "⣠⣾"
    assert sparkline([4, 4, 4, 4], 2) == "⣿⣿"


def test_a_sparkline_ends_with_the_newest_value_and_is_empty_before_the_first() -> None:
    assert sparkline([4], 3) == "  ⢸"
    assert sparkline([9, 9, 0, 0, 4, 4], 1) == "⣿"
    assert sparkline([], 3) == "   "


def test_a_small_value_is_seen_and_a_missing_one_is_not() -> None:
    assert sparkline([1_000_000, 1], 1) == "⣇"
    assert sparkline([math.nan, 0, math.inf, 0], 2) == "  "


def test_the_scale_can_be_fixed() -> None:
    assert sparkline([5, 5], 1, high=10) == "⣤"
    assert sparkline([50, 50], 1, high=10) == "⣿"
    assert sparkline([5, 5], 1, low=5, high=10) == " "


@pytest.mark.usefixtures("ascii_terminal")
def test_pictures_have_an_ascii_form() -> None:
    assert sparkline([0, 1, 2, 3], 4) == " .:|"
    assert line_plot([0, 1, 2], 3, 3) == ["  *", " * ", "*  "]
    assert bar(0.5, 8) == "===="


def test_a_line_plot_joins_its_points() -> None:
    assert line_plot([0, 7], 1, 2) == ["⢸", "⣸"]
    assert line_plot([0, 0, 0, 0], 2, 1) == ["⣀⣀"]
    assert line_plot([0, math.nan, 0, 0], 2, 1) == ["⡀⣀"]


@given(VALUES, st.integers(0, 30), st.integers(0, 8))
def test_a_picture_has_exactly_the_size_it_was_given(values: list[float], cells: int, rows: int) -> None:
    assert len(sparkline(values, cells)) == cells
    assert [len(line) for line in line_plot(values, cells, rows)] == [cells] * rows


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.0, ""), (0.01, "╸"), (0.5, "━━"), (0.625, "━━╸"), (1.0, "━━━━"), (7.0, "━━━━"), (-1.0, ""), (math.nan, "")],
)
def test_a_bar_is_as_long_as_its_fraction(fraction: float, expected: str) -> None:
    assert bar(fraction, 4) == expected


class Pictures(PandoraScreen):
    PLACE: ClassVar[str] = "system"

    def body(self) -> ComposeResult:
        yield Meter("posture", 0.5, "50%")
        yield Bars([Bar("ssh", 80, "80"), Bar("a very long label that must be cut", 40, "40", Role.HIGH)])
        yield Sparkline([1, 2, 3, 4])
        yield LinePlot([0, 50, 100])


async def test_the_widgets_draw_labels_bars_and_figures(show: Callable[..., SampleApp]) -> None:
    app = show(Pictures())
    async with app.run_test(size=(40, 12)):
        drawn = [strip.text for strip in app.screen._compositor.render_strips()]
    assert drawn[1].startswith("posture ━━━")
    assert drawn[1].endswith(" 50%")
    assert "─" in drawn[1]
    assert drawn[2].startswith("ssh                 ━━━━━━━━━━━━━━━━━ 80")
    assert "a very long label …" in drawn[3]
    assert drawn[4].endswith("⣠⣾")
    assert drawn[5].startswith("100 ")
    assert drawn[10].startswith("  0 ")
    assert {len(line) for line in drawn} == {40}


async def test_a_picture_is_drawn_anew_only_when_its_numbers_change(
    show: Callable[..., SampleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = show(Pictures())
    refreshed: list[str] = []
    async with app.run_test(size=(40, 12)) as pilot:
        spark, meter, plot = (app.screen.query_one(kind) for kind in (Sparkline, Meter, LinePlot))
        for kind in (Sparkline, Bars, LinePlot):
            monkeypatch.setattr(kind, "refresh", lambda self, **_: refreshed.append(type(self).__name__))
        spark.show([1, 2, 3, 4])
        meter.show_fraction(0.5, "50%")
        plot.show([0, 50, 100])
        assert refreshed == []
        spark.show([1, 2, 3, 5])
        meter.show_fraction(0.7, "70%", Role.WARN)
        plot.show([0, 50])
        assert refreshed == ["Sparkline", "Meter", "LinePlot"]
        monkeypatch.undo()
        await pilot.pause()
