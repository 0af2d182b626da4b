"""Owns bounded tables that forget what was written longest ago."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

_LEAVING_SHARE = 1 / 16
_EVICTED_SHARE = 0.2


class Recent(Generic[K, V]):
    """At most ``capacity`` values by key; writing one makes it the newest, reading does not.

    A plain dictionary remembers the order of writing and is half as large and twice as fast as an ordered one, but to
    look for its first key again and again walks over all that was taken away before it. So the next ones to leave are
    looked for many at a time.
    """

    def __init__(self, key_type: type[K], value_type: type[V], capacity: int) -> None:
        self._kind: Any = list[tuple[key_type, value_type]]  # type: ignore[valid-type]
        self._capacity = capacity
        self._values: dict[K, V] = {}
        self._leaving: dict[K, None] = {}
        self.get: Callable[[K], V | None] = self._values.get
        """The value of a key, if it is remembered. Asked several times an event, so without a step in between."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def keys(self) -> Iterable[K]:
        """All keys, the one written longest ago first."""
        return self._values.keys()

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """Sets a value, and returns the entry that was forgotten for it."""
        values = self._values
        if key in values:
            del values[key]
            self._leaving.pop(key, None)
        values[key] = value
        return self._forget() if len(values) > self._capacity else None

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode(list(self._values.items()))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._values.clear()
        self._leaving.clear()
        self._values.update(msgspec.msgpack.decode(state, type=self._kind))

    def _forget(self) -> tuple[K, V]:
        leaving = self._leaving
        if not leaving:
            oldest = list(islice(self._values, max(1, int(self._capacity * _LEAVING_SHARE))))
            leaving.update(dict.fromkeys(reversed(oldest)))
        key, _ = leaving.popitem()
        return key, self._values.pop(key)


class RiskyLast(Generic[V]):
    """At most ``capacity`` values by name; a fifth is forgotten when there are more.

    Those heard of longest ago go first, and of those who are guarded none while there are others, so that a flood of
    new addresses does not make an intruder's past forgotten. The two stand in separate rows: nothing is sorted.
    """

    def __init__(self, value_type: type[V], capacity: int) -> None:
        self._kind: Any = tuple[list[tuple[str, value_type]], list[str]]  # type: ignore[valid-type]
        self._capacity = capacity
        self._values: dict[str, V] = {}
        self._calm: dict[str, None] = {}
        self.get: Callable[[str], V | None] = self._values.get
        """The value of a name, if it is remembered."""

    def __len__(self) -> int:
        return len(self._values)

    def add(self, name: str, value: V) -> V:
        """Remembers somebody new; gives the value back."""
        if len(self._values) >= self._capacity:
            self._forget()
        self._values[name] = value
        self._calm[name] = None
        return value

    def heard(self, name: str) -> None:
        """Somebody who is remembered was heard of again."""
        if name in self._calm:
            del self._calm[name]
            self._calm[name] = None

    def guard(self, name: str) -> None:
        """Somebody is risky from now on."""
        self._calm.pop(name, None)

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode((list(self._values.items()), list(self._calm)))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        values, calm = msgspec.msgpack.decode(state, type=self._kind)
        self._values.clear()
        self._values.update(values)
        self._calm = dict.fromkeys(calm)

    def _forget(self) -> None:
        count = max(1, int(self._capacity * _EVICTED_SHARE))
        for name in list(islice(self._calm or self._values, count)):
            self._calm.pop(name, None)
            del self._values[name]
