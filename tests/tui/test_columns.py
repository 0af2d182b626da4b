"""Which columns fit."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pandora_tui.widgets.columns import GUTTER, Column, lay_out


def column(title: str, width: int, least: int = 0, priority: int = 0, grow: int = 0) -> Column:
    return Column(title, str, width, least, priority, grow)


COLUMNS = (
    column("severity", 6),
    column("risk", 4),
    column("entity", 16, 8, grow=1),
    column("what", 40, 12, grow=3),
    column("tactic", 9, priority=1),
    column("age", 4, priority=2),
    column("trend", 10, priority=3),
)


def titles(width: int) -> list[str]:
    return [placed.column.title for placed in lay_out(COLUMNS, width).columns]


def test_everything_is_shown_where_there_is_room() -> None:
    layout = lay_out(COLUMNS, 160)
    assert [placed.column.title for placed in layout.columns] == [column.title for column in COLUMNS]
    assert used(layout) == 160


def test_the_column_of_least_importance_goes_first_and_the_severity_never() -> None:
    gone: list[str] = []
    for width in range(100, 0, -1):
        shown = titles(width)
        assert "severity" in shown
        gone += [column.title for column in COLUMNS if column.title not in shown and column.title not in gone]
    assert gone == ["trend", "age", "tactic"]


def test_room_to_spare_goes_to_the_columns_that_grow() -> None:
    layout = lay_out(
        (column("a", 4), column("b", 10, grow=1), column("c", 10, grow=3)), GUTTER + 4 + 2 + 10 + 2 + 10 + 40
    )
    assert [placed.width for placed in layout.columns] == [4, 20, 40]


def test_wishes_are_met_from_left_to_right() -> None:
    layout = lay_out((column("a", 10, 4), column("b", 10, 4)), GUTTER + 4 + 2 + 4 + 5)
    assert [placed.width for placed in layout.columns] == [9, 4]


@given(
    st.lists(
        st.builds(
            column,
            st.text(max_size=3),
            st.integers(1, 30),
            st.integers(0, 10),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 120),
)
def test_a_layout_never_takes_more_than_its_width(columns: list[Column], width: int) -> None:
    layout = lay_out(columns, width)
    kept = [placed.column for placed in layout.columns]
    assert all(any(mine is kept_one for kept_one in kept) for mine in columns if not mine.priority)
    assert all(placed.width >= 0 for placed in layout.columns)
    gaps = GUTTER + layout.spacing * (len(kept) - 1)
    assert sum(placed.width for placed in layout.columns) <= max(0, width - gaps)


def used(layout: Any) -> int:
    return GUTTER + sum(placed.width for placed in layout.columns) + layout.spacing * (len(layout.columns) - 1)
