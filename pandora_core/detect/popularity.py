"""Owns how many hosts of ours use a destination: what many use is rarely one intruder's."""

from __future__ import annotations

from pandora_core.detect.recent import Recent

MAX_DESTINATIONS = 50_000
POPULAR = 4
"""Hosts that use a destination from which on it is popular. One or two is what an intruder has at first, and the
resolver or proxy that asks on behalf of a host is one more."""

_KEPT = 8

_User = tuple[int, str]


class Popularity:
    """Per destination the first :data:`_KEPT` hosts that used it, and since when.

    The earliest are kept and not those that were told first, so that late lines change nothing.
    """

    def __init__(self, capacity: int = MAX_DESTINATIONS) -> None:
        self._users = Recent(str, tuple[_User, ...], capacity)

    def add(self, destination: str, source: str, at_us: int) -> tuple[str, ...]:
        """Notes that a host used a destination; returns the destinations of which something else is known now.

        These are this one, or none, and the one that was forgotten for it.
        """
        users = self._users.get(destination)
        if users is None:
            forgotten = self._users.put(destination, ((at_us, source),))
            return (destination, forgotten[0]) if forgotten else (destination,)
        if len(users) == _KEPT and at_us > users[-1][0]:
            return ()
        others = users
        for user in users:
            if user[1] == source:
                if user[0] <= at_us:
                    return ()
                others = tuple(other for other in users if other is not user)
        earliest = tuple(sorted((*others, (at_us, source))))[:_KEPT]
        if earliest == users:
            return ()
        self._users.put(destination, earliest)
        return (destination,)

    def users(self, destination: str, before_us: int | None = None) -> int:
        """How many hosts used a destination (before a time); at most 8 are told apart."""
        users = self._users.get(destination) or ()
        return len(users) if before_us is None else sum(since_us < before_us for since_us, _ in users)

    def first_users(self, destination: str) -> tuple[tuple[int, str], ...]:
        """The first users of a destination, at most 8, and since when."""
        return self._users.get(destination) or ()

    def since_us(self, destination: str, users: int) -> int | None:
        """When a destination had so many users (at most 8) for the first time."""
        known = self._users.get(destination) or ()
        return known[users - 1][0] if len(known) >= users else None

    def is_popular(self, destination: str, before_us: int | None = None) -> bool:
        """Whether at least :data:`POPULAR` hosts used a destination (before a time)."""
        return self.users(destination, before_us) >= POPULAR

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return self._users.dump()

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._users.load(state)


def users_sentence(users: int, what: str = "it") -> str:
    """How many of our hosts use a destination, in words."""
    if users <= 1:
        return f"no other host of ours uses {what}"
    return f"{users}{' or more' if users >= _KEPT else ''} hosts of ours use {what}"
