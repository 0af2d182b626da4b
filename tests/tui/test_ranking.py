"""Which rows are listed and in which order, while rows come, change and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pandora_tui.widgets.ranking import Ranking
from pandora_tui.widgets.rows import Kind, Rows


def ranked(rows: Rows) -> Ranking:
    """The rows of 10 or more, the highest first."""
    risk = rows.getter("risk")
    ranking = Ranking(rows)
    ranking.choose(lambda row_id: risk(row_id) >= 10, lambda row_id: (-risk(row_id), row_id))
    return ranking


def filled(*risks: float, capacity: int = 100) -> Rows:
    rows = Rows({"risk": Kind.REAL}, capacity=capacity, keyed=True)
    for number, risk in enumerate(risks):
        rows.put(number, risk)
    return rows


def test_rows_that_match_are_ordered_by_their_key() -> None:
    assert ranked(filled(20, 5, 90, 10)).order == [2, 0, 3]


def test_a_held_row_stays_listed_until_it_is_let_go() -> None:
    rows = filled(20, 90, 30)
    ranking = ranked(rows)
    assert not ranking.hold(1)
    rows.put(1, 1.0)
    ranking.update([1])
    assert ranking.order == [2, 0, 1]
    assert ranking.hold(2)
    assert ranking.order == [2, 0]


def test_letting_go_of_a_row_that_matches_changes_nothing() -> None:
    ranking = ranked(filled(20, 90))
    ranking.hold(0)
    assert not ranking.hold(None)
    assert ranking.order == [1, 0]


def test_an_update_gives_a_new_list_and_leaves_the_old_alone() -> None:
    rows = filled(*range(100))
    ranking = ranked(rows)
    before = ranking.order
    kept = list(before)
    rows.put(50, 99.5)
    ranking.update([50])
    assert before == kept
    assert ranking.order[0] == 50


@given(
    capacity=st.integers(5, 60),
    first=st.lists(st.integers(0, 30), max_size=60),
    rounds=st.lists(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), max_size=4), max_size=8),
)
def test_updates_lead_where_sorting_anew_does(
    capacity: int, first: list[int], rounds: list[list[tuple[int, int]]]
) -> None:
    rows = filled(*map(float, first), capacity=capacity)
    ranking = ranked(rows)
    for changes in rounds:
        ranking.update([rows.put(key, float(risk)) for key, risk in changes])
        assert [row_id for row_id in ranking.order if row_id in rows] == ranked(rows).order
