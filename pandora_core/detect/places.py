"""Owns the finding of what shows the name of a place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=tuple[object, ...])


class PlaceIndex(Generic[K]):
    """Keys by the places that they show. Most places have one key, which is kept without a container of its own."""

    def __init__(self) -> None:
        self._one: dict[str, K] = {}
        self._many: dict[str, dict[K, None]] = {}

    def add(self, place: str, key: K) -> None:
        """Notes that a key shows a place; to say it again changes nothing."""
        many = self._many.get(place)
        if many is not None:
            many[key] = None
        elif self._one.setdefault(place, key) != key:
            self._many[place] = {self._one.pop(place): None, key: None}

    def discard(self, place: str, key: K) -> None:
        """Forgets that a key shows a place."""
        if self._one.get(place) == key:
            del self._one[place]
        elif (many := self._many.get(place)) is not None:
            many.pop(key, None)
            if not many:
                del self._many[place]

    def at(self, place: str) -> Iterable[K]:
        """The keys that show a place."""
        key = self._one.get(place)
        return tuple(self._many.get(place, ())) if key is None else (key,)
