"""The drawing of the graph in cells: lines where they belong, hosts on top, nothing outside, quick when large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_tui.style import Role
from pandora_tui.widgets.raster import ROOM, Layer, Mark, Marks, View, cells_of, draw, nearest

POINTS = np.array([[0.0, 0.5], [1.0, 0.5], [0.5, 0.0]])
PAIRS = np.array([[0, 1]])


def text(view: View, marks: list[Mark] | None = None, width: int = 20, height: int = 5) -> list[str]:
    lines = draw(POINTS, [Layer(PAIRS, Role.FAINT)], Marks.of(marks or []), view, width, height)
    return ["".join(piece.text for piece in line) for line in lines]


def test_a_line_goes_from_host_to_host() -> None:
    lines = text(View())
    assert [bool(line.strip()) for line in lines] == [False, False, True, False, False]
    assert len(lines[2].strip()) >= 18


def test_a_host_stands_over_its_lines_and_its_label_beside_it() -> None:
    lines = text(View(), [Mark(0, "▲", Role.HIGH, 1, "WS-1"), Mark(1, "·", Role.LOW, 0, "DC-1")])
    assert " WS-1 " in lines[2]
    assert lines[2].strip().startswith("▲")
    assert lines[2].rstrip().endswith("·")
    assert "DC-1 " in lines[2]


def test_a_wide_character_in_a_label_does_not_shift_the_line() -> None:
    assert all(len(line) == 20 for line in text(View(), [Mark(0, "▲", Role.HIGH, 1, "日本-1")]))


def test_of_two_hosts_in_one_cell_the_riskier_is_seen() -> None:
    points = np.array([[0.5, 0.5], [0.5, 0.5]])
    marks = [Mark(0, "▲", Role.HIGH, 9), Mark(1, "·", Role.LOW, 1)]
    lines = draw(points, [], Marks.of(marks), View(), 9, 3)
    assert "▲" in "".join(piece.text for line in lines for piece in line)


def test_of_many_hosts_the_riskiest_stand_out_and_nearer_more_of_them() -> None:
    points = np.random.default_rng(2).random((2_000, 2))
    marks = Marks.of(Mark(number, "▲", Role.HIGH, number) for number in range(2_000))

    def loud(view: View) -> int:
        drawn = draw(points, [], marks, view, 96, 24)
        return sum(piece.text.count("▲") for line in drawn for piece in line)

    assert 0.7 * 96 * 24 / ROOM < loud(View()) <= 96 * 24 / ROOM
    in_view = cells_of(points, View(zoom=8.0), 96, 24)
    there = ((in_view >= 0) & (in_view < [96, 24])).all(axis=1).sum()
    assert 0.8 * there < loud(View(zoom=8.0)) <= there


def test_the_chosen_host_lies_over_all_others_and_is_labelled_once() -> None:
    points = np.array([[0.5, 0.5], [0.5, 0.5]])
    marks = Marks.of([Mark(0, "▲", Role.HIGH, 9, "WS-1"), Mark(1, "·", Role.LOW, 1)])
    marks = marks.and_over_them(Mark(0, "▸", Role.STRONG, 0, "WS-1"))
    drawn = "".join(piece.text for line in draw(points, [], marks, View(), 30, 3) for piece in line)
    assert "▸" in drawn
    assert "▲" not in drawn
    assert drawn.count("WS-1") == 1


def test_what_is_empty_makes_no_pieces_of_its_own() -> None:
    line = draw(POINTS, [], Marks.of([Mark(0, "▲", Role.HIGH), Mark(1, "·", Role.HIGH)]), View(), 60, 5)[2]
    assert [piece.role for piece in line] == [Role.FAINT, Role.HIGH]


def test_quiet_lines_stop_where_their_share_of_the_canvas_is_full() -> None:
    rng = np.random.default_rng(1)
    points, pairs = rng.random((300, 2)), rng.integers(0, 300, (3_000, 2))
    lines = draw(points, [Layer(pairs, Role.FAINT, 0.05)], Marks.of([]), View(), 80, 24)
    filled = sum(character != " " for line in lines for piece in line for character in piece.text)
    assert 0 < filled <= 0.05 * 80 * 24 * 8


def test_the_host_under_the_mouse_is_found_and_far_ones_are_not() -> None:
    column, row = cells_of(POINTS, View(), 60, 20)[2]
    assert nearest(POINTS, View(), 60, 20, int(column), int(row)) == 2
    assert nearest(POINTS, View(), 60, 20, 30, 19) is None


@given(
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
    steps=st.integers(-20, 20),
    width=st.integers(1, 60),
    height=st.integers(1, 30),
)
def test_whatever_is_in_view_the_canvas_is_exactly_filled(
    x: float, y: float, steps: int, width: int, height: int
) -> None:
    view = View().zoomed(1.5**steps).panned(x, y)
    lines = text(view, [Mark(n, "▲", Role.HIGH, n, f"host-{n}") for n in range(3)], width, height)
    assert len(lines) == height
    assert all(len(line) == width for line in lines)


def test_zooming_in_and_out_again_shows_the_same() -> None:
    view = View().panned(0.1, -0.2)
    assert view.zoomed(1.5).zoomed(1 / 1.5).zoom == pytest.approx(view.zoom)
    assert view.panned(9, 9) == View(1.0, 1.0)
