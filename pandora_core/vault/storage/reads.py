"""Owns the reads that are not in the audit trail yet: a durable record for each would cost more than the read."""

from __future__ import annotations

from pandora_core.vault.format.audit import Record
from pandora_core.vault.format.views import Actor

NAMES_LIMIT = 128
"""So many names are read before a record is written for all of them."""
WAIT_MS = 2_000
"""A read after this long is written with those before it."""


class Reads:
    """Who read what, how often; at most :data:`NAMES_LIMIT` names. A killed process forgets these.

    Without a next read nothing is due here: the agent writes them every second or so.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[Actor, str], int] = {}
        self._since_ms = 0

    def note(self, by: Actor, name: str, at_ms: int) -> bool:
        """Count a read; whether it is time to write."""
        if not self._counts:
            self._since_ms = at_ms
        self._counts[by, name] = self._counts.get((by, name), 0) + 1
        return len(self._counts) >= NAMES_LIMIT or at_ms - self._since_ms >= WAIT_MS

    def records(self, at_ms: int) -> list[Record]:
        """One record for each actor, with the names in order of their first read and how often each was read."""
        by_actor: dict[Actor, dict[str, int]] = {}
        for (by, name), count in self._counts.items():
            by_actor.setdefault(by, {})[name] = count
        return [
            Record(
                at_ms=at_ms,
                actor=by.name,
                host=by.host,
                kind="get",
                details={"reads": counts, "since_ms": self._since_ms},
            )
            for by, counts in by_actor.items()
        ]

    def clear(self) -> None:
        """They are written."""
        self._counts.clear()

    def __len__(self) -> int:
        return sum(self._counts.values())
