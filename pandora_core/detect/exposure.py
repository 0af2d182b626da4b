"""Owns what strangers try all the time: hosts, ports and log-ons that are open to the internet.

What one stranger does to a host that nobody tries is news; what the ninth of them does within days is the weather.
"""

from __future__ import annotations

from pandora_core.detect.addresses import is_address, is_internal
from pandora_core.detect.popularity import Popularity
from pandora_core.model import DAY_US

EXPOSED_SOURCES = 8
"""Strangers that tried the same thing before, each enough for a detection of its own, from which on it is exposed."""

EXPOSED_SPAN_US = 3 * DAY_US
"""Strangers are counted by spans of this length: those of a time's own span and of the one before count."""

MAX_EXPOSED = 20_000


class Exposure:
    """By what is tried, the strangers that tried it. Times decide, and not the order in which they are told."""

    def __init__(self, capacity: int = MAX_EXPOSED) -> None:
        self._tried = Popularity(capacity)

    def note(self, what: str, stranger: str, at_us: int) -> bool:
        """Notes since when a stranger tries something; whether this changed what is known of it."""
        return bool(self._tried.add(_key(what, at_us), stranger, at_us))

    def is_exposed(self, what: str, before_us: int) -> bool:
        """Whether enough strangers tried something in the days before a time."""
        return any(
            self._tried.users(_key(what, span_us), before_us) >= EXPOSED_SOURCES
            for span_us in (before_us, before_us - EXPOSED_SPAN_US)
        )

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return self._tried.dump()

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._tried.load(state)


def is_stranger(place: str) -> bool:
    """Whether a place is outside: an address that is not ours, or the full name that a resolver made of one."""
    return not is_internal(place) if is_address(place) else "." in place


def _key(what: str, at_us: int) -> str:
    return f"{what} {at_us // EXPOSED_SPAN_US}"
