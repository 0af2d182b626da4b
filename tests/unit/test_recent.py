"""The table that forgets what was written longest ago."""

from __future__ import annotations

from pandora_core.detect.recent import Recent


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
