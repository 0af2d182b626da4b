"""Owns who goes on rounds: accounts that go from one host to many others, day after day or since the log begins.

Backup, deployment, monitoring, scanners and administrators at their desks do; an intruder takes an account to a place
where it never was. A host keeps its rounds when its address changes.
"""

from __future__ import annotations

import msgspec

from pandora_core.detect.names import Names
from pandora_core.detect.paths import Path
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import Recent
from pandora_core.model import DAY_US, HOUR_US, EntityRef

ROUND_HOSTS = 5
"""Hosts that one account reached from one place: whoever goes there goes on rounds."""

HABIT_HOSTS = 3
"""The same from the place where the account was seen first, once that is a day ago."""

ROUND_AGE_US = 18 * HOUR_US
"""Rounds that are at least so old are customary: the next day, give or take some hours."""

START_US = DAY_US
"""In a log's first day everything is new: rounds that begin then count as such at once."""

CUSTOMARY = "the same account goes from there to several hosts since the day before"
FROM_THE_START = "the same account, first seen there, goes to five hosts and more since the log begins"


class _Home(msgspec.Struct, gc=False):
    """Where an account was first seen to come from."""

    at_us: int
    place: str


class Rounds:
    """Which accounts went from which places to how many hosts, and where each account was seen first."""

    def __init__(self, names: Names, capacity: int) -> None:
        self._names = names
        self._reached = Popularity(capacity)
        self._homes = Recent(str, _Home, capacity)
        self._log_since_us: int | None = None

    def watch(self, at_us: int) -> bool:
        """Notes that log-ons are seen at a time; whether the log is now known to begin earlier."""
        known_us = self._log_since_us
        if known_us is not None and known_us <= at_us:
            return False
        self._log_since_us = at_us
        return known_us is not None

    def note(self, path: Path, user: str, at_us: int) -> list[str]:
        """Counts in that an account went from a place to a host; returns the places whose rounds that changes."""
        pair = _pair_of(path.source, user)
        begun = self._begun(pair)
        told = self._reached.add(pair, path.target, at_us)
        places = [_place_of(other) for other in told if other != pair]
        if self._begun(pair) != begun:
            places.append(path.source)
        home = self._homes.get(user)
        if user and (home is None or (at_us, path.source) < (home.at_us, home.place)):
            forgotten = self._homes.put(user, _Home(at_us, path.source))
            places += [forgotten[1].place] if forgotten else []
            places += [path.source, home.place] if home is not None and home.place != path.source else []
        return places

    def custom_of(self, path: Path, users: set[str], at_us: int, host: EntityRef) -> str:
        """Why it is no news that accounts came from a host along a path at a time, in words; empty if it is."""
        homes = [self._homes.get(user) for user in users if user]
        is_home = all(home and self._is_host(home.place, home.at_us, path.source, host) for home in homes)
        rounds_us = self._newest(path.source, host, users, ROUND_HOSTS)
        begun_us = self._newest(path.source, host, users, HABIT_HOSTS) if is_home else rounds_us
        if begun_us is not None and at_us - begun_us >= ROUND_AGE_US:
            return CUSTOMARY
        is_old = rounds_us is not None and rounds_us - (self._log_since_us or 0) < START_US
        return FROM_THE_START if is_home and is_old else ""

    def is_at_home(self, path: Path, users: set[str], at_us: int, host: EntityRef) -> bool:
        """Whether all accounts that came from a host along a path were seen there first, the day before a time."""
        homes = [self._homes.get(user) for user in users]
        return all(
            home and home.at_us <= at_us - ROUND_AGE_US and self._is_host(home.place, home.at_us, path.source, host)
            for home in homes
        )

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode((self._log_since_us, self._reached.dump(), self._homes.dump()))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        self._log_since_us, reached, homes = msgspec.msgpack.decode(state, type=tuple[int | None, bytes, bytes])
        self._reached.load(reached)
        self._homes.load(homes)

    def _begun(self, pair: str) -> tuple[int | None, int | None]:
        return self._reached.since_us(pair, HABIT_HOSTS), self._reached.since_us(pair, ROUND_HOSTS)

    def _newest(self, source: str, host: EntityRef, users: set[str], hosts: int) -> int | None:
        """Since when all of some accounts go from a host to so many others; ``None`` if one does not."""
        places = (source, *self._names.aliases(source))
        newest_us = None
        for user in users:
            begun = [(place, self._reached.since_us(_pair_of(place, user), hosts)) for place in places]
            own = [at_us for place, at_us in begun if at_us is not None and self._is_host(place, at_us, source, host)]
            if not own:
                return None
            newest_us = max(min(own), newest_us or 0)
        return newest_us

    def _is_host(self, place: str, at_us: int, source: str, host: EntityRef) -> bool:
        """Whether a place was, at a time, the host that now is at ``source``."""
        return place == source or self._names.entity_at(place, at_us) == host


def _pair_of(source: str, user: str) -> str:
    return f"{source} {user}"


def _place_of(pair: str) -> str:
    return pair.partition(" ")[0]
