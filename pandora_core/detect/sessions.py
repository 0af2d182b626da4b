"""Owns the bounded memory of behaviours: per key, sessions of events less than a gap of event time apart.

A session becomes a detection when its behaviour fires it, and has news whenever it is marked. Everything is decided
by the events and their order of arrival: an event joins the session whose span, widened by the gap, holds its time,
so that lines which arrive out of order do not split a session whose pauses are shorter than the gap less the
lateness. Which sessions are forgotten when there are too many depends on their own content, never on a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.places import PlaceIndex
from pandora_core.model import Detection

_MAX_PER_KEY = 4
_EVICTED_SHARE = 0.2
_EVENTS_SHOWN = 3


class Session(msgspec.Struct, kw_only=True, gc=False):
    """What every session remembers; behaviours derive theirs. ``fired_event_id`` made it a detection, 0 is none.

    There may be hundreds of thousands, in no cycle: tuples and ``gc=False`` keep them from the garbage collector.
    """

    first_us: int = 0
    last_us: int = 0
    touched: int = 0
    id: str = ""
    fired_event_id: int = 0
    fired_at_us: int = 0
    is_marked: bool = False
    more_places: tuple[str, ...] = ()
    first_events: tuple[tuple[int, int], ...] = ()
    last_events: tuple[tuple[int, int], ...] = ()

    @property
    def weight(self) -> int:
        """How much would be lost with this session: the light ones are forgotten first."""
        return 0

    def remember(self, event_id: int, at_us: int) -> None:
        """Keeps the three earliest and the three latest events as evidence."""
        entry = (at_us, event_id)
        first, last = self.first_events, self.last_events
        if len(first) < _EVENTS_SHOWN:
            self.first_events = (*first, entry) if not first or entry > first[-1] else tuple(sorted((*first, entry)))
            return
        if entry < first[-1]:
            *earliest, entry = sorted((*first, entry))
            self.first_events = tuple(earliest)
        if len(last) < _EVENTS_SHOWN:
            self.last_events = tuple(sorted((*last, entry)))
        elif entry > last[-1]:
            self.last_events = (*last[1:], entry)
        elif entry > last[0]:
            self.last_events = tuple(sorted((*last[1:], entry)))

    @property
    def event_ids(self) -> tuple[int, ...]:
        return tuple(event_id for _, event_id in (*self.first_events, *self.last_events))


K = TypeVar("K", bound=tuple[Any, ...])
S = TypeVar("S", bound=Session)


def digest(*parts: object) -> str:
    """A short, stable name for a combination of values: 12 letters and digits."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class Sessions(Generic[K, S]):
    """Sessions by key, at most ``capacity`` of them, and which of the fired ones have news.

    ``render`` makes the detection of a fired session; ``places`` gives the places of a key whose names it shows. A
    session that is forgotten while it has news is rendered at once: nothing depends on when news is collected.
    """

    def __init__(
        self,
        key_type: type[K],
        session_type: type[S],
        render: Callable[[K, S], Detection],
        *,
        gap_us: int,
        capacity: int,
        places: Callable[[K], Iterable[str]] = lambda key: (),
    ) -> None:
        self.gap_us = gap_us
        self.capacity = capacity
        self._key_type, self._session_type = key_type, session_type
        self._render = render
        self._places = places
        self._by_key: dict[K, tuple[S, ...]] = {}
        self._fired_at: PlaceIndex[K] = PlaceIndex()
        self._count = 0
        self._clock = 0
        self._marked: list[tuple[K, S]] = []
        self._parting: list[Fired] = []

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[K, S]]:
        for key, sessions in self._by_key.items():
            for session in sessions:
                yield key, session

    def at(self, key: K, at_us: int) -> S:
        """The session that an event of this key and time belongs to, made if need be, its span widened to hold it."""
        session = self.at_known(key, at_us)
        return self._start(key, at_us) if session is None else session

    def at_known(self, key: K, at_us: int) -> S | None:
        """The same for a key that has sessions; ``None``, and nothing is made, for one that has none."""
        sessions = self._by_key.get(key)
        if sessions is None:
            return None
        gap_us = self.gap_us
        for session in sessions:
            if session.first_us - gap_us <= at_us <= session.last_us + gap_us:
                if at_us > session.last_us:
                    session.last_us = at_us
                elif at_us < session.first_us:
                    session.first_us = at_us
                self._clock += 1
                session.touched = self._clock
                return session
        return self._start(key, at_us)

    def of(self, key: K) -> tuple[S, ...]:
        """The sessions of a key that are still remembered."""
        return self._by_key.get(key, ())

    def fire(self, key: K, session: S, event_id: int, at_us: int, *identity: object) -> None:
        """Makes a session a detection, whose id is a digest of ``identity``; once."""
        session.fired_event_id, session.fired_at_us = event_id, at_us
        session.id = digest(*identity)
        for place in (*self._places(key), *session.more_places):
            self._fired_at.add(place, key)
        self.mark(key, session)

    def mark(self, key: K, session: S) -> None:
        """Notes that a session has news, if it is a detection."""
        if session.fired_event_id and not session.is_marked:
            session.is_marked = True
            self._marked.append((key, session))

    def fired_at(self, place: str) -> list[tuple[K, S]]:
        """The fired sessions that show the name of a place."""
        return [
            (key, session)
            for key in self._fired_at.at(place)
            for session in self._by_key[key]
            if session.fired_event_id
        ]

    def show(self, key: K, session: S, place: str) -> None:
        """Notes that a session shows the name of a place that is not in its key."""
        if place not in session.more_places:
            session.more_places = (*session.more_places, place)
            if session.fired_event_id:
                self._fired_at.add(place, key)

    def mark_place(self, place: str) -> None:
        """Notes that the name of a place is shown differently from now on."""
        for key, session in self.fired_at(place):
            self.mark(key, session)

    def changed(self) -> list[Fired]:
        """What fired or was marked since the last call, in no particular order."""
        told = self._parting
        self._parting = []
        for key, session in self._marked:
            if session.is_marked:
                told.append(self._told(key, session))
        self._marked.clear()
        return told

    def dump(self) -> bytes:
        """Everything, news included, for a snapshot."""
        return msgspec.msgpack.encode((self._clock, self._by_key, self._parting))

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        sessions_type: Any = tuple[self._session_type, ...]  # type: ignore[name-defined]
        kind: Any = tuple[int, dict[self._key_type, sessions_type], list[Fired]]  # type: ignore[name-defined]
        self._clock, self._by_key, self._parting = msgspec.msgpack.decode(state, type=kind)
        self._count = sum(map(len, self._by_key.values()))
        self._fired_at = PlaceIndex()
        for key, session in self:
            for place in (*self._places(key), *session.more_places) if session.fired_event_id else ():
                self._fired_at.add(place, key)
        self._marked = [(key, session) for key, session in self if session.is_marked]

    def _told(self, key: K, session: S) -> Fired:
        session.is_marked = False
        return Fired(self._render(key, session), session.fired_event_id, session.fired_at_us)

    def _start(self, key: K, at_us: int) -> S:
        if self._count >= self.capacity:
            self._evict()
        self._clock += 1
        session = self._session_type()
        session.first_us = session.last_us = at_us
        session.touched = self._clock
        sessions = self._by_key.get(key, ())
        if len(sessions) >= _MAX_PER_KEY:
            self._forget(key, min(sessions, key=lambda s: s.touched))
        self._by_key[key] = (*self._by_key.get(key, ()), session)
        self._count += 1
        return session

    def _evict(self) -> None:
        """Forgets a fifth: what can no longer grow, then what never fired, then what weighs little, oldest first."""
        newest_us = max(session.last_us for _, session in self)
        alive_us = newest_us - 2 * self.gap_us
        ranked = sorted(
            ((s.last_us >= alive_us, s.fired_event_id != 0, s.weight, s.touched, key, s) for key, s in self),
            key=lambda row: row[:4],
        )
        for *_, key, session in ranked[: max(1, int(self.capacity * _EVICTED_SHARE))]:
            self._forget(key, session)

    def _forget(self, key: K, session: S) -> None:
        if session.is_marked:
            self._parting.append(self._told(key, session))
        left = tuple(other for other in self._by_key[key] if other is not session)
        if left:
            self._by_key[key] = left
        else:
            del self._by_key[key]
        self._count -= 1
        if session.fired_event_id:
            for place in {*self._places(key), *session.more_places}:
                if not any(other.fired_event_id and self._shows(key, other, place) for other in left):
                    self._fired_at.discard(place, key)

    def _shows(self, key: K, session: S, place: str) -> bool:
        return place in session.more_places or place in self._places(key)


class SessionBehaviour:
    """A behaviour whose memory is tables of sessions, and what it says in :meth:`memory`."""

    tables: tuple[Sessions[Any, Any], ...] = ()

    def changed(self) -> list[Fired]:
        """What fired or has news since the last call."""
        return [fired for table in self.tables for fired in table.changed()]

    def renamed(self, place: str) -> None:
        """A place is shown differently from now on: the detections that show it have news."""
        for table in self.tables:
            table.mark_place(place)

    def memory(self) -> bytes:
        """What is remembered outside the tables."""
        return b""

    def recall(self, memory: bytes) -> None:
        """Inverse of :meth:`memory`."""

    def snapshot(self) -> bytes:
        """The whole state."""
        return msgspec.msgpack.encode([self.memory(), *(table.dump() for table in self.tables)])

    def restore(self, state: bytes) -> None:
        """Inverse of :meth:`snapshot`."""
        memory, *dumps = msgspec.msgpack.decode(state, type=list[bytes])
        self.recall(memory)
        for table, dump in zip(self.tables, dumps, strict=True):
            table.load(dump)
