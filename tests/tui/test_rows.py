"""The ring buffer, against a list that does the same in the simplest way."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pandora_tui.widgets.rows import Kind, Rows

FIELDS = {"risk": Kind.REAL, "at": Kind.INTEGER, "state": Kind.CHOICE, "what": Kind.OBJECT}
REAL = st.floats(allow_nan=False, width=32)
INTEGER = st.integers(min_value=-(2**63), max_value=2**63 - 1)
WORD = st.sampled_from(["", "new", "ack", "closed"])
VALUES = st.tuples(REAL, INTEGER, WORD, st.text(max_size=5))


class AgainstAList(RuleBasedStateMachine):
    """Rows of an unkeyed and of a keyed buffer beside lists of (id, values) and (id, key, values)."""

    @initialize(capacity=st.integers(min_value=1, max_value=9))
    def start(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = Rows(FIELDS, capacity=capacity)
        self.keyed = Rows(FIELDS, capacity=capacity, keyed=True)
        self.expected: list[tuple[int, tuple[Any, ...]]] = []
        self.expected_keyed: list[tuple[int, str, tuple[Any, ...]]] = []
        self.next = self.next_keyed = 0

    @rule(values=VALUES)
    def append(self, values: tuple[Any, ...]) -> None:
        assert self.rows.append(*values) == self.next
        self.expect([values])

    @rule(many=st.lists(VALUES, max_size=25))
    def extend(self, many: list[tuple[Any, ...]]) -> None:
        self.rows.extend(*(list(column) for column in zip(*many, strict=True)) if many else [[]] * len(FIELDS))
        self.expect(many)

    @rule(key=st.sampled_from("abcdefghijkl"), values=VALUES)
    def put(self, key: str, values: tuple[Any, ...]) -> None:
        for index, (row_id, known, _) in enumerate(self.expected_keyed):
            if known == key:
                assert self.keyed.put(key, *values) == row_id
                self.expected_keyed[index] = (row_id, key, values)
                return
        assert self.keyed.put(key, *values) == self.next_keyed
        self.expected_keyed = [*self.expected_keyed, (self.next_keyed, key, values)][-self.capacity :]
        self.next_keyed += 1

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), word=WORD, at=INTEGER)
    def update(self, data: st.DataObject, word: str, at: int) -> None:
        index = data.draw(st.integers(min_value=0, max_value=len(self.expected) - 1))
        row_id, (risk, _, _, what) = self.expected[index]
        before = self.rows.stamp(row_id)
        self.rows.update(row_id, state=word, at=at)
        assert self.rows.stamp(row_id) != before
        self.expected[index] = (row_id, (risk, at, word, what))

    @rule()
    def clear(self) -> None:
        self.rows.clear()
        self.keyed.clear()
        self.expected, self.expected_keyed = [], []

    @invariant()
    def both_hold_the_same(self) -> None:
        assert [(row_id, tuple(self.rows.row(row_id))) for row_id in ids(self.rows)] == self.expected
        held = [(row_id, self.keyed.key(row_id), tuple(self.keyed.row(row_id))) for row_id in ids(self.keyed)]
        assert held == self.expected_keyed
        assert all(self.keyed.id_of(key) == row_id for row_id, key, _ in self.expected_keyed)
        assert len(self.rows) == len(self.expected) <= self.capacity

    def expect(self, many: list[tuple[Any, ...]]) -> None:
        numbered = list(enumerate(many, self.next))
        self.next += len(many)
        self.expected = [*self.expected, *numbered][-self.capacity :]


AgainstAList.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAgainstAList = AgainstAList.TestCase


def ids(rows: Rows) -> range:
    return range(rows.first_id, rows.next_id)


def test_the_oldest_row_makes_room_and_is_gone() -> None:
    rows = Rows(FIELDS, capacity=2, keyed=True)
    rows.put("a", 1, 1, "new", "first")
    rows.put("b", 2, 2, "new", "second")
    rows.put("c", 3, 3, "new", "third")
    assert rows.id_of("a") is None
    assert 0 not in rows
    with pytest.raises(KeyError):
        rows.row(0)
    assert rows.row(2).what == "third"


def test_a_key_that_was_evicted_comes_back_as_a_new_row() -> None:
    rows = Rows(FIELDS, capacity=1, keyed=True)
    first = rows.put("a", 1, 1, "new", "")
    rows.put("b", 1, 1, "new", "")
    assert rows.put("a", 2, 2, "new", "") > first


def test_a_value_of_the_wrong_type_adds_no_row() -> None:
    rows = Rows(FIELDS, capacity=3)
    rows.append(1, 1, "new", "")
    with pytest.raises(TypeError):
        rows.append("high", 1, "new", "")
    assert len(rows) == 1
    assert rows.append(2, 2, "ack", "next") == 1
    assert tuple(rows.row(1)) == (2, 2, "ack", "next")


def test_columns_of_different_length_are_refused() -> None:
    rows = Rows(FIELDS, capacity=3)
    with pytest.raises(ValueError, match="one length"):
        rows.extend([1.0], [1, 2], ["new"], [""])
    assert len(rows) == 0


def test_arrays_are_taken_as_they_are() -> None:
    rows = Rows({"risk": Kind.REAL}, capacity=10)
    rows.extend(array("d", [1.5, 2.5]))
    assert [rows.getter("risk")(row_id) for row_id in ids(rows)] == [1.5, 2.5]


def test_a_keyed_buffer_is_filled_by_key_only_and_the_other_never() -> None:
    with pytest.raises(TypeError, match="put"):
        Rows(FIELDS, keyed=True).append(1, 1, "", "")
    with pytest.raises(TypeError, match="append"):
        Rows(FIELDS).put("a", 1, 1, "", "")


def test_the_version_tells_that_something_changed() -> None:
    rows = Rows(FIELDS, capacity=3)
    seen = [rows.version]
    rows.append(1, 1, "new", "")
    seen.append(rows.version)
    rows.update(0, state="ack")
    seen.append(rows.version)
    rows.clear()
    seen.append(rows.version)
    assert len(set(seen)) == 4
