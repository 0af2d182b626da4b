"""Owns the behaviour of unusual hours: a person is at work when neither they nor their colleagues ever are."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.names import machine_of, place_of, user_name
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, duration
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

HISTORY_US = 18 * HOUR_US
"""How long a person must have been known: since the day before."""

EPISODE_US = 6 * HOUR_US
"""What happened so shortly before belongs to the same stay and makes no hour usual."""

POINTS = 10.0
"""Weak on purpose: everybody stays late once. It counts beside what is done then."""

MAX_PEOPLE = 50_000
CAPACITY = 5_000
PAUSE_US = 12 * HOUR_US

_IN_PERSON = (2, 7, 10, 11)
_NOT_PEOPLE = ("dwm-", "umfd-")
_DAY_HOURS = 24


class Person(msgspec.Struct, gc=False):
    """Since when somebody is known to be at work at each hour of the day (UTC)."""

    since_us: int
    hours: dict[int, int] = msgspec.field(default_factory=dict)


class Where(NamedTuple):
    """The key: who is at work, and where."""

    place: str
    user: str


class Stay(Session, kw_only=True, gc=False):
    """Somebody's presence at an unusual hour."""

    count: int = 0
    since_us: int = 0


class UnusualHours(SessionBehaviour):
    """Log-ons in person at an hour of the day that is new for somebody and rare for all (T1078): weak evidence.

    An hour is known to somebody who was at work at it or at those beside it before, and usual where four others were.
    Blind spots: companies that never sleep, hours of the week (a Sunday at noon is noon), people known for less than
    a day; logs without unlocked screens know only when people come.
    """

    name = "unusual-hours"
    routes = (Route("authentication", "logon"), Route("session", "workstation-unlocked"))

    def __init__(self, context: Context, capacity: int = CAPACITY, max_people: int = MAX_PEOPLE) -> None:
        self._names = context.names
        self._people = Recent(str, Person, max_people)
        self._at_work = Popularity(_DAY_HOURS)
        self._stays = Sessions(
            Where, Stay, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda where: (where.place,)
        )
        self.tables = (self._stays,)

    def observe(self, event_id: int, event: Event) -> None:
        if event.action == "logon" and event.more.get("winlog.logon.type") not in _IN_PERSON:
            return
        user = user_name(event.user or "")
        is_person = user and not machine_of(event.user or "") and not user.startswith(_NOT_PEOPLE)
        if not is_person or not event.host or event.outcome == "failure":
            return
        where, at_us, hour = Where(place_of(event.host), user), event.at_us, event.at_us // HOUR_US % _DAY_HOURS
        person = self._people.get(user) or Person(at_us)
        person.since_us = min(person.since_us, at_us)
        person.hours[hour] = min(person.hours.get(hour, at_us), at_us)
        self._people.put(user, person)
        is_usual = self._at_work.is_popular(str(hour), at_us - EPISODE_US)
        self._at_work.add(str(hour), user, at_us)
        if at_us - person.since_us >= HISTORY_US and not is_usual and not _knows(person, hour, at_us - EPISODE_US):
            self._note(where, person, event_id, at_us)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._people.dump(), self._at_work.dump()])

    def recall(self, memory: bytes) -> None:
        people, at_work = msgspec.msgpack.decode(memory, type=list[bytes])
        self._people.load(people)
        self._at_work.load(at_work)

    def _note(self, where: Where, person: Person, event_id: int, at_us: int) -> None:
        stay = self._stays.at(where, at_us)
        stay.count += 1
        stay.since_us = person.since_us
        stay.remember(event_id, at_us)
        if stay.fired_event_id:
            self._stays.mark(where, stay)
        else:
            self._stays.fire(where, stay, event_id, at_us, self.name, *where, stay.first_us)

    def _render(self, where: Where, stay: Stay) -> Detection:
        entity = self._names.entity_at(where.place, stay.first_us)
        hour = stay.first_us // HOUR_US % _DAY_HOURS
        known = duration(stay.first_us - stay.since_us)
        return Detection(
            id=stay.id,
            detector=self.name,
            entity=entity,
            first_seen_us=stay.first_us,
            last_seen_us=stay.last_us,
            count=stay.count,
            points=POINTS,
            title=f"{where.user} at work on {entity.name} at an unusual hour",
            reasons=(
                f"{where.user} was at {entity.name} after {hour:02d}:00 UTC, {amount(stay.count, 'log-on')}; "
                f"in {known} never at that hour or beside it",
                "fewer than four others were ever at work at that hour",
            ),
            techniques=("T1078",),
            tactics=("initial-access",),
            hosts=(entity.name,),
            users=(where.user,),
            related=(EntityRef("user", where.user),),
            event_ids=stay.event_ids,
        )


def _knows(person: Person, hour: int, before_us: int) -> bool:
    """Whether somebody was at work at an hour of the day, or at one beside it, before a time."""
    return any(person.hours.get((hour + beside) % _DAY_HOURS, before_us) < before_us for beside in (-1, 0, 1))
