"""What shows the name of a place."""

from __future__ import annotations

from pandora_core.detect.places import PlaceIndex


def test_keys_are_found_by_their_place() -> None:
    index: PlaceIndex[tuple[str]] = PlaceIndex()
    for place, key in (("a", ("1",)), ("a", ("2",)), ("a", ("2",)), ("b", ("1",))):
        index.add(place, key)
    assert list(index.at("a")) == [("1",), ("2",)]
    assert list(index.at("b")) == [("1",)]
    assert list(index.at("c")) == []


def test_a_forgotten_key_is_not_found_and_others_stay() -> None:
    index: PlaceIndex[tuple[str]] = PlaceIndex()
    for key in (("1",), ("2",), ("3",)):
        index.add("a", key)
    index.discard("a", ("1",))
    assert list(index.at("a")) == [("2",), ("3",)]
    index.discard("a", ("2",))
    index.discard("a", ("3",))
    index.discard("a", ("3",))
    assert list(index.at("a")) == []
    index.add("a", ("4",))
    assert list(index.at("a")) == [("4",)]
