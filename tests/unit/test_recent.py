"""The tables that forget what was written longest ago."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.recent import Recent, RiskyLast


def test_what_was_written_longest_ago_is_forgotten_and_given_back() -> None:
    table = Recent(str, int, 2)
    assert table.put("a", 1) is None
    assert table.put("b", 2) is None
    assert table.put("a", 3) is None
    assert table.put("c", 4) == ("b", 2)
    assert (table.get("a"), table.get("b"), table.get("c")) == (3, None, 4)
    assert "c" in table
    assert "b" not in table
    assert len(table) == 2


def test_reading_does_not_make_an_entry_newer() -> None:
    table = Recent(str, int, 2)
    table.put("a", 1)
    table.put("b", 2)
    table.get("a")
    assert table.put("c", 3) == ("a", 1)


def test_a_snapshot_keeps_the_order() -> None:
    table, restored = Recent(str, int, 2), Recent(str, int, 2)
    table.put("a", 1)
    table.put("b", 2)
    table.put("a", 1)
    restored.load(table.dump())
    assert list(restored.keys()) == ["b", "a"]
    assert restored.put("c", 3) == ("b", 2)


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 20))
def test_it_forgets_what_an_ordered_table_would(keys: list[int], capacity: int) -> None:
    table: Recent[int, int] = Recent(int, int, capacity)
    model: OrderedDict[int, int] = OrderedDict()
    for turn, key in enumerate(keys):
        model[key] = turn
        model.move_to_end(key)
        expected = model.popitem(last=False) if len(model) > capacity else None
        assert table.put(key, turn) == expected
    assert list(table.keys()) == list(model)


def test_whoever_is_risky_is_forgotten_last() -> None:
    table: RiskyLast[int] = RiskyLast(int, 10)
    for number in range(10):
        table.add(f"host {number}", number)
    table.guard("host 0")
    table.heard("host 1")
    table.add("host 10", 10)
    assert len(table) == 9
    assert [table.get(f"host {number}") for number in (0, 1, 2, 3)] == [0, 1, None, None]
    for number in range(11, 100):
        table.add(f"host {number}", number)
    assert table.get("host 0") == 0
    assert len(table) <= 10


def test_where_all_are_risky_those_known_longest_go() -> None:
    table: RiskyLast[int] = RiskyLast(int, 5)
    for number in range(6):
        table.add(f"host {number}", number)
        table.guard(f"host {number}")
    assert [table.get(f"host {number}") for number in (0, 1, 5)] == [None, 1, 5]


def test_a_snapshot_keeps_who_is_risky() -> None:
    table, restored = RiskyLast(int, 2), RiskyLast(int, 2)
    table.add("a", 1)
    table.add("b", 2)
    table.guard("a")
    restored.load(table.dump())
    restored.add("c", 3)
    assert (restored.get("a"), restored.get("b"), restored.get("c")) == (1, None, 3)
