"""Owns the uses of leases that are not in the audit trail yet, since a locked vault cannot write.

They are written at the next unlock, one record each. An agent that is killed before that forgets them.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from pandora_core.vault.format.views import Actor

USES_LIMIT = 1_024
"""So many are kept one by one; of what comes after, the number."""


class Use(NamedTuple):
    """Somebody used an entry, or ended its lease; what becomes a record of the audit trail."""

    kind: str
    subject: str
    by: Actor
    details: dict[str, Any]


class LateUses:
    """What happened while the vault was locked, oldest first; safe to use from any thread."""

    def __init__(self) -> None:
        self._uses: list[Use] = []
        self._more = 0
        self._lock = threading.Lock()

    def keep(self, use: Use, at_ms: int) -> None:
        """Keep a use, with when it was."""
        late = use._replace(details={**use.details, "used_ms": at_ms})
        with self._lock:
            if len(self._uses) < USES_LIMIT:
                self._uses.append(late)
            else:
                self._more += 1

    def take(self) -> list[Use]:
        """All of them, which are the caller's now; the last tells how many more there were, if there were more."""
        with self._lock:
            uses, self._uses = self._uses, []
            more, self._more = self._more, 0
        if more:
            uses.append(Use("use", "", Actor.present(), {"not_kept": more}))
        return uses

    def put_back(self, uses: list[Use]) -> None:
        """They could not be written after all."""
        with self._lock:
            self._uses[:0] = uses

    def __len__(self) -> int:
        return len(self._uses) + self._more
