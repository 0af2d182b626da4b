"""What stays in view and where the cursor stands while rows arrive, leave and are re-ordered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.viewport import Viewport

FIELDS = {"risk": Kind.REAL}


def filled(count: int, capacity: int = 1_000) -> Rows:
    rows = Rows(FIELDS, capacity=capacity)
    add(rows, count)
    return rows


def add(rows: Rows, count: int) -> None:
    for _ in range(count):
        rows.append(float(rows.next_id))


def viewport(rows: Rows, height: int = 5, *, newest_first: bool = False, follow: bool = False) -> Viewport:
    view = Viewport(rows, newest_first=newest_first, follow=follow)
    view.resize(height)
    view.sync()
    return view


def shown(view: Viewport) -> list[int | None]:
    return [view.id_at(view.top + line) for line in range(view.height)]


def test_following_keeps_the_newest_row_at_the_bottom() -> None:
    rows = filled(3)
    view = viewport(rows, follow=True)
    add(rows, 10)
    view.sync()
    assert shown(view) == [8, 9, 10, 11, 12]
    assert view.cursor_id == 12


def test_following_newest_first_keeps_it_at_the_top() -> None:
    rows = filled(3)
    view = viewport(rows, newest_first=True, follow=True)
    add(rows, 10)
    view.sync()
    assert shown(view) == [12, 11, 10, 9, 8]
    assert (view.cursor, view.cursor_id) == (0, 12)


def test_moving_the_cursor_ends_following_and_going_to_the_end_begins_it_again() -> None:
    rows = filled(20)
    view = viewport(rows, follow=True)
    view.move(-1)
    assert not view.follow
    view.go_last()
    assert view.follow


def test_going_to_the_far_end_does_not_follow() -> None:
    view = viewport(filled(20), newest_first=True)
    view.go_last()
    assert not view.follow
    view.go_first()
    assert view.follow


def test_rows_that_arrive_move_neither_the_window_nor_the_cursor() -> None:
    rows = filled(20)
    view = viewport(rows)
    view.go_to(7)
    before = shown(view)
    add(rows, 50)
    view.sync()
    assert (shown(view), view.cursor_id) == (before, 7)


def test_rows_that_are_evicted_do_not_move_the_window() -> None:
    rows = filled(20, capacity=20)
    view = viewport(rows)
    view.go_to(15)
    before = shown(view)
    add(rows, 8)
    view.sync()
    assert (shown(view), view.cursor_id, view.cursor) == (before, 15, 7)


def test_a_cursor_whose_row_is_evicted_goes_to_the_oldest() -> None:
    rows = filled(20, capacity=20)
    view = viewport(rows)
    view.go_to(3)
    add(rows, 10)
    view.sync()
    assert view.cursor_id == 10 + view.cursor
    assert view.cursor_id in rows
    assert view.cursor_id in shown(view)


def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    rows = filled(6)
    view = viewport(rows, height=3)
    view.set_order([5, 4, 3, 2, 1, 0])
    view.go_to(1)
    view.set_order([0, 1, 2, 3, 4, 5])
    assert view.cursor_id == 4
    assert 4 in shown(view)


def test_a_ranking_stays_at_its_top_when_something_worse_arrives() -> None:
    rows = filled(3)
    view = viewport(rows)
    view.set_order([0, 1, 2])
    add(rows, 1)
    view.set_order([3, 0, 1, 2])
    assert (view.top, view.cursor_id, view.cursor) == (0, 0, 1)


def test_a_row_that_is_filtered_out_leaves_the_cursor_on_the_next() -> None:
    view = viewport(filled(5))
    view.set_order([0, 1, 2, 3, 4])
    view.go_to(2)
    view.set_order([0, 1, 3, 4])
    assert (view.cursor, view.cursor_id) == (2, 3)


def test_rows_evicted_from_an_order_vanish_once_they_would_be_seen() -> None:
    rows = filled(5, capacity=5)
    view = viewport(rows, height=3)
    view.set_order([0, 1, 2, 3, 4])
    add(rows, 2)
    view.sync()
    assert [row_id for row_id in shown(view) if row_id is not None] == [2, 3, 4]
    assert len(view) == 3


def test_an_empty_list_has_no_cursor() -> None:
    rows = filled(0)
    view = viewport(rows)
    view.move(1)
    view.go_last()
    assert (view.cursor_id, view.cursor_key, view.top) == (None, None, 0)
    add(rows, 1)
    view.sync()
    assert view.cursor_id == 0


def test_a_page_keeps_one_row_in_sight() -> None:
    view = viewport(filled(50))
    view.page(1)
    assert view.cursor == 4
    view.page(1)
    assert (view.cursor, view.top) == (8, 4)


def test_scrolling_leaves_the_cursor_on_its_row() -> None:
    view = viewport(filled(50))
    view.scroll(30)
    assert (view.top, view.cursor) == (30, 0)
    view.scroll(999)
    assert view.top == 45
    view.scroll(-4)
    assert view.top == 0


def test_a_row_is_found_by_its_key() -> None:
    rows = Rows(FIELDS, keyed=True)
    for number in range(30):
        rows.put(f"alert-{number}", 1.0)
    view = viewport(rows)
    assert view.go_to_key("alert-22")
    assert view.cursor_key == "alert-22"
    assert 22 in shown(view)
    assert not view.go_to_key("no such alert")


@pytest.mark.parametrize("height", [0, 1, 3, 200])
def test_the_cursor_stays_in_view_when_the_window_changes_its_height(height: int) -> None:
    view = viewport(filled(100), height=20)
    view.go_to(50)
    view.resize(height)
    assert height == 0 or 50 in shown(view)


@given(
    capacity=st.integers(min_value=1, max_value=30),
    height=st.integers(min_value=1, max_value=12),
    newest_first=st.booleans(),
    follow=st.booleans(),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["add", "move", "page", "first", "last", "scroll", "order", "natural", "resize"]),
            st.integers(-40, 40),
        ),
        max_size=30,
    ),
)
def test_whatever_happens_the_window_is_full_and_the_cursor_on_a_row(
    capacity: int, height: int, newest_first: bool, follow: bool, steps: list[tuple[str, int]]
) -> None:
    rows = Rows(FIELDS, capacity=capacity)
    view = viewport(rows, height, newest_first=newest_first, follow=follow)
    for step, number in steps:
        match step:
            case "add":
                add(rows, abs(number))
            case "move":
                view.move(number)
            case "page":
                view.page(number)
            case "first":
                view.go_first()
            case "last":
                view.go_last()
            case "scroll":
                view.scroll(number)
            case "order":
                view.set_order(list(range(rows.next_id - 1, rows.first_id - 1, -1))[abs(number) % 3 :])
            case "natural":
                view.set_order(None)
            case "resize":
                view.resize(abs(number))
        view.sync()
        assert 0 <= view.top <= max(0, len(view) - view.height)
        assert len([row_id for row_id in shown(view) if row_id is not None]) == min(view.height, len(view))
        assert (view.cursor_id is None) == (len(view) == 0)
        assert view.cursor_id is None or view.id_at(view.cursor) == view.cursor_id
        if view.follow and not view.has_order and view.height and len(view):
            assert view.cursor_id == rows.next_id - 1
            assert view.cursor_id in shown(view)
