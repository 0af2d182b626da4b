"""Owns leases: entries by name that stay readable in the agent's memory while the vault is locked."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pandora_core.vault.agent.answers import EntryView, Field, LeaseView
from pandora_core.vault.crypto.secret import Secret

LEASES_LIMIT = 64


class _Lease(NamedTuple):
    entry: EntryView
    fields: tuple[Field, ...]
    since_ms: int

    def wipe(self) -> None:
        for field in self.fields:
            field.value.wipe()


class Leases:
    """The leases of an agent; safe to use from its threads."""

    def __init__(self) -> None:
        self._held: dict[str, _Lease] = {}
        self._lock = threading.Lock()

    def grant(self, entry: EntryView, fields: Sequence[Field], now_ms: int) -> None:
        """Lease an entry with its values, which are the leases' from now on; a lease of that name is replaced."""
        lease = _Lease(entry, tuple(fields), now_ms)
        with self._lock:
            before = self._held.pop(entry.name, None)
            self._held[entry.name] = lease
        if before is not None:
            before.wipe()

    def copy(self, name: str) -> tuple[EntryView, tuple[Secret, ...]] | None:
        """A leased entry and copies of its values, the caller's to wipe; ``None`` when there is no such lease."""
        with self._lock:
            lease = self._held.get(name)
            if lease is None:
                return None
            return lease.entry, tuple(Secret.copy_of(field.value.view) for field in lease.fields)

    def end(self, names: Iterable[str]) -> None:
        """End these; those that are not there are not missed."""
        for name in names:
            with self._lock:
                lease = self._held.pop(name, None)
            if lease is not None:
                lease.wipe()

    def end_all(self) -> None:
        """End all of them."""
        self.end(tuple(self._held))

    def views(self) -> tuple[LeaseView, ...]:
        """What is leased, by name."""
        with self._lock:
            held = sorted(self._held.items())
        return tuple(LeaseView(name=name, since_ms=lease.since_ms) for name, lease in held)

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def __len__(self) -> int:
        return len(self._held)
