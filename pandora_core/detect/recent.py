"""Owns a bounded table that forgets what was written longest ago."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most ``capacity`` values by key; writing one makes it the newest, reading does not."""

    def __init__(self, key_type: type[K], value_type: type[V], capacity: int) -> None:
        self._kind: Any = list[tuple[key_type, value_type]]  # type: ignore[valid-type]
        self._capacity = capacity
        self._values: OrderedDict[K, V] = OrderedDict()
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
            values.move_to_end(key)
            values[key] = value
            return None
        values[key] = value
        return values.popitem(last=False) if len(values) > self._capacity else None

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode(list(self._values.items()))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._values.clear()
        self._values.update(msgspec.msgpack.decode(state, type=self._kind))
