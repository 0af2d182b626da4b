"""Owns the behaviour of what is spread: guessing over many hosts, accounts or sources, and accounts in many places.

Each way to spread is a line of one table: who is watched, what is counted, how many different ones within which time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.behaviours.logons import is_guess
from pandora_core.detect.names import machine_of, place_of, user_name
from pandora_core.detect.paths import Path, path_of, shown
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.signs.command_line import program_of
from pandora_core.detect.words import amount, duration, listed, span_of
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

PAUSE_US = 12 * HOUR_US
CAPACITY = 50_000

_MAX_RECENT = 128
_MAX_WHATS = 64
_INTERACTIVE = (2, 10, 11)
_LOGON_PROGRAMS = frozenset({"winlogon", "consent", "lsass", "services", "taskhostw", "logonui", "w3wp", "mstsc"})
_OF_PLACES = ("hosts", "accounts", "credentials")
_NOT_PEOPLE = ("dwm-", "umfd-", "system", "local service", "network service", "anonymous logon", "-", "")


class Way(NamedTuple):
    """A way to spread: ``many`` different things within ``window_us`` are too many; ``says`` what is counted."""

    name: str
    says: str
    thing: str
    many: int
    window_us: int
    points: float
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]


WAYS = {
    way.name: way
    for way in (
        Way(
            *("hosts", "failed to log on to", "host", 5, 10 * MINUTE_US, 45.0),
            *(("T1110.004", "T1110.003"), ("credential-access", "lateral-movement")),
        ),
        Way(
            *("accounts", "failed to log on as", "account", 20, 6 * HOUR_US, 35.0),
            *(("T1110.003",), ("credential-access",)),
        ),
        Way(
            *("sources", "somebody failed to log on with it from", "place", 5, HOUR_US, 45.0),
            *(("T1110.004",), ("credential-access",)),
        ),
        Way(
            *("credentials", "it used the passwords of", "account", 8, 10 * MINUTE_US, 45.0),
            *(("T1110.003", "T1110.004"), ("credential-access", "lateral-movement")),
        ),
        Way(
            *("presence", "it was at work, in person, at", "place", 4, 15 * MINUTE_US, 40.0),
            *(("T1078", "T1021.001"), ("lateral-movement", "initial-access")),
        ),
    )
}
"""Guessing over hosts; slow sprays over accounts; one account guessed from many places; a host that tries
many accounts elsewhere (4648); an account in many places."""


class SpreadKey(NamedTuple):
    """Who is spread, in which way: a place, or an account."""

    way: str
    who: str


class Spread(Session, kw_only=True, gc=False):
    """What one source or account did with pauses below :data:`PAUSE_US`; ``recent`` has one entry a minute, thing."""

    count: int = 0
    recent: tuple[tuple[int, str], ...] = ()
    whats: dict[str, int] = msgspec.field(default_factory=dict)
    others: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def weight(self) -> int:
        return len(self.whats)


class SpreadLogons(SessionBehaviour):
    """Log-ons that are harmless one by one (T1110.003, T1110.004, T1078).

    Blind spots: many users behind one translator or terminal server look like a slow spray; guessing from more
    sources than hosts, each but once; internet sources are counted by what they do to hosts, not to accounts.
    """

    name = "spread-logons"
    routes = (
        Route("authentication", "logon"),
        Route("authentication", "kerberos-preauth"),
        Route("authentication", "kerberos-tgt"),
        Route("authentication", "ntlm-validate"),
        Route("authentication", "logon-explicit"),
    )

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._spreads = Sessions(
            SpreadKey, Spread, self._render, gap_us=PAUSE_US, capacity=capacity, places=self._places
        )
        self.tables = (self._spreads,)

    def observe(self, event_id: int, event: Event) -> None:
        if event.action == "logon-explicit":
            self._tried(event_id, event)
            return
        path = path_of(event)
        if path is None or (event.user and machine_of(event.user)):
            return
        user = user_name(event.user or "")
        is_failure = event.outcome == "failure" and is_guess(event)
        found = _failed(path, user) if is_failure else _present(path, user, event)
        for key, what, other in found:
            self._note(key, what, other, event_id, event)

    def _tried(self, event_id: int, event: Event) -> None:
        """A program of a person used another account: the parts of Windows that log people on do so all day."""
        program = program_of(str(event.more.get("process.executable") or ""))
        subject = str(event.more.get("winlog.subject.user") or "")
        if event.host and event.user and not machine_of(subject) and program not in _LOGON_PROGRAMS:
            key = SpreadKey("credentials", place_of(event.host))
            self._note(key, user_name(event.user), user_name(subject), event_id, event)

    def _note(self, key: SpreadKey, what: str, other: str, event_id: int, event: Event) -> None:
        spread, way = self._spreads.at(key, event.at_us), WAYS[key.way]
        spread.count += event.count
        for known, name in ((spread.whats, what), (spread.others, other)):
            if name in known or len(known) < _MAX_WHATS:
                known[name] = known.get(name, 0) + event.count
        spread.remember(event_id, event.at_us)
        entry = (event.at_us - event.at_us % MINUTE_US, what)
        if entry not in spread.recent:
            spread.recent = tuple(sorted((*spread.recent, entry)))[-_MAX_RECENT:]
        if spread.fired_event_id:
            self._spreads.mark(key, spread)
        elif len(spread.whats) >= way.many and _is_too_much(spread.recent, event.at_us, way):
            self._spreads.fire(key, spread, event_id, event.at_us, self.name, *key, spread.first_us)

    def _places(self, key: SpreadKey) -> tuple[str, ...]:
        return (key.who,) if key.way in _OF_PLACES else ()

    def _render(self, key: SpreadKey, spread: Spread) -> Detection:
        way, at_us = WAYS[key.way], spread.last_us
        whats = sorted(spread.whats, key=lambda what: (-spread.whats[what], what))
        is_place = key.way in _OF_PLACES
        entity = self._names.entity_at(key.who, at_us) if is_place else EntityRef("user", key.who)
        who = shown(key.who, self._names, at_us) if is_place else f"the account {key.who}"
        many = f"{amount(len(whats), way.thing)}{' or more' if len(whats) >= _MAX_WHATS else ''}"
        others = sorted(spread.others, key=lambda other: (-spread.others[other], other))
        return Detection(
            id=spread.id,
            detector=self.name,
            entity=entity,
            first_seen_us=spread.first_us,
            last_seen_us=spread.last_us,
            count=spread.count,
            points=way.points,
            title=f"{entity.name}: {way.says} {many}",
            reasons=(
                f"{who}: {way.says} {many}, {amount(spread.count, 'time')} {span_of(spread)}",
                f"at least {way.many} of them within {duration(way.window_us)}: {listed(whats, 8)}",
                *([f"with {listed(others, 5)}"] if others and others != [""] else []),
            ),
            techniques=way.techniques,
            tactics=way.tactics,
            hosts=_hosts(key.way, entity.name, whats),
            users=tuple(filter(None, (others if key.way == "hosts" else whats)[:8])) if is_place else (key.who,),
            event_ids=spread.event_ids,
        )


def _hosts(way: str, name: str, whats: list[str]) -> tuple[str, ...]:
    if way not in _OF_PLACES:
        return tuple(whats[:8])
    return (name, *whats[:7]) if way == "hosts" else (name,)


_Found = Iterator[tuple[SpreadKey, str, str]]


def _failed(path: Path, user: str) -> _Found:
    if path.source:
        yield SpreadKey("hosts", path.source), path.target, user
        if user and is_internal(path.source):
            yield SpreadKey("accounts", path.source), user, path.target
            yield SpreadKey("sources", user), path.source, path.target


def _present(path: Path, user: str, event: Event) -> _Found:
    """Where somebody sits: at the host, or at the place that a remote desktop is used from."""
    kind = event.more.get("winlog.logon.type")
    is_person = event.action == "logon" and event.outcome == "success" and kind in _INTERACTIVE
    if is_person and not user.startswith(_NOT_PEOPLE[:2]) and user not in _NOT_PEOPLE:
        yield SpreadKey("presence", user), path.source if kind == 10 and path.source else path.target, path.target


def _is_too_much(recent: tuple[tuple[int, str], ...], at_us: int, way: Way) -> bool:
    """Whether a window that holds a time has too many different things."""
    near = [entry for entry in recent if abs(entry[0] - at_us) <= way.window_us]
    return any(
        len({what for seen_us, what in near if start_us <= seen_us <= start_us + way.window_us}) >= way.many
        for start_us, _ in near
        if start_us <= at_us
    )
