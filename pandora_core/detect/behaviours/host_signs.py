"""Owns the behaviour of signs on hosts: what was done there that intruders do, by whom, and from which other host.

A sign alone says little of who did it. The log-on that it came with is found as for services
(:mod:`pandora_core.detect.visits`); then it is the risk of the place that the log-on came from, and names both hosts.
What administrators do too (a sign of few points) counts for little where it is customary: the same thing, numbers
aside, was seen a day before, or on many hosts.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.behaviours.first_logons import service_host
from pandora_core.detect.customs import CUSTOM_HOSTS, MAX_CUSTOMS, Customs, customary_points
from pandora_core.detect.names import machine_of, place_of, user_name
from pandora_core.detect.paths import hosts_of, logon_id_of, shown, source_of
from pandora_core.detect.sessions import SessionBehaviour, Sessions
from pandora_core.detect.signs.book import BOOK
from pandora_core.detect.signs.sign import Sign, SignBook, Trace
from pandora_core.detect.signs.traces import ROUTES, example_of, is_the_system, traces_of
from pandora_core.detect.visits import (
    EXACT,
    NEAR,
    SAME_USER,
    RemoteLogon,
    Visited,
    Visits,
    best_logon,
    closeness,
    how_long_before,
)
from pandora_core.detect.words import amount, span_of
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

PAUSE_US = 6 * HOUR_US
"""A sign that one account leaves on one host with shorter pauses is one detection."""

ORDINARY_POINTS = 50.0
"""A sign below this may be an administrator's or a product's work too: it counts for little where it is customary."""

REMOTE_POINTS = 40.0
"""A sign from here on counts for more when it came from another host; a weaker one says nothing new then."""

REMOTE_SHARE = 0.8
"""What is left of the doubt (100 less the points) about a sign whose doer came from another host."""

CAPACITY = 50_000

_MAX_SORTS = 4
_MAX_EXAMPLES = 2
_MOVEMENT = "lateral-movement"
_LOGONS = ("logon", "kerberos-service")
_SESSIONS = ("LogonId", "SubjectLogonId", "TargetLogonId")


class SignKey(NamedTuple):
    """A sign on a host, by one account; ``source`` where the event itself says from which place it was done."""

    host: str
    sign: str
    user: str
    source: str


class Shown(Visited, kw_only=True, gc=False):
    """What one account did on one host with pauses below :data:`PAUSE_US`."""

    count: int = 0
    examples: tuple[tuple[int, str], ...] = ()
    sorts: tuple[str, ...] = ()
    is_customary: bool = False

    def has_room_for(self, at_us: int) -> bool:
        """Whether an example of this time could be one of the earliest."""
        return len(self.examples) < _MAX_EXAMPLES or at_us <= self.examples[-1][0]

    def add_example(self, at_us: int, text: str) -> None:
        """Keeps the earliest different examples."""
        if text and all(text != known for _, known in self.examples):
            self.examples = tuple(sorted((*self.examples, (at_us, text)))[:_MAX_EXAMPLES])


class HostSigns(SessionBehaviour):
    """Signs of intruders' work on hosts (docs/detection.md lists them); each tactic is a detector of its own.

    Blind spots: what no sign describes, programs that are renamed and quiet, logs that record neither processes nor
    accesses; whose work it was where nobody logged on from elsewhere at the time.
    """

    name = "host-signs"
    routes = tuple(dict.fromkeys((*ROUTES, *(Route("authentication", action) for action in _LOGONS))))

    def __init__(
        self, context: Context, capacity: int = CAPACITY, max_customs: int = MAX_CUSTOMS, book: SignBook = BOOK
    ) -> None:
        self._names = context.names
        self._book = book
        self._shown = Sessions(SignKey, Shown, self._render, gap_us=PAUSE_US, capacity=capacity, places=_places)
        self._customs = Customs(max_customs)
        self._visits = Visits()
        self.tables = (self._shown,)

    def observe(self, event_id: int, event: Event) -> None:
        if event.action == "kerberos-service":
            target = service_host(event)
            if target is not None:
                self._rematch(target, self._visits.note_ticket(target, event))
            return
        if event.host is None:
            return
        host = place_of(event.host)
        for trace in traces_of(event):
            for sign in self._book.shown_by(trace):
                self._shows(host, sign, trace, event_id, event)
        if event.action == "logon":
            self._logged_on(host, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._customs.dump(), self._visits.dump()])

    def recall(self, memory: bytes) -> None:
        customs, visits = msgspec.msgpack.decode(memory, type=list[bytes])
        self._customs.load(customs)
        self._visits.load(visits)

    def _logged_on(self, host: str, event: Event) -> None:
        self._rematch(host, self._visits.note(host, event))

    def _rematch(self, host: str, logons: list[RemoteLogon]) -> None:
        for key, shows in self._shown.fired_at(host) if logons else ():
            if key.host == host and any(closeness(shows, logon) for logon in logons):
                self._match(key, shows)

    def _shows(self, host: str, sign: Sign, trace: Trace, event_id: int, event: Event) -> None:
        account = _account_of(event)
        user = user_name(account or "")
        key = SignKey(host, sign.name, user, source_of(event) or "")
        shows = self._shown.at(key, event.at_us)
        shows.count += event.count
        if shows.has_room_for(event.at_us):
            shows.add_example(event.at_us, example_of(event))
        shows.remember(event_id, event.at_us)
        for field in _SESSIONS:
            shows.done_by(account, logon_id_of(event, field))
        if not shows.fired_event_id:
            self._shown.fire(key, shows, event_id, event.at_us, self.name, *key, shows.first_us)
        if sign.points < ORDINARY_POINTS:
            self._note_custom(key, shows, trace, event.at_us)
        self._shown.mark(key, shows)
        self._match(key, shows)

    def _match(self, key: SignKey, shows: Shown) -> None:
        """Finds the log-on from elsewhere that it came with; time alone tells only for ways to move."""
        if key.source:
            return
        least = NEAR if _MOVEMENT in self._book.by_name[key.sign].tactics else SAME_USER
        best = best_logon(shows, self._visits.at(key.host), least=least)
        if best != shows.logon:
            shows.logon = best
            self._shown.mark(key, shows)
            if best is not None:
                self._shown.show(key, shows, best.source)

    def _note_custom(self, key: SignKey, shows: Shown, trace: Trace, at_us: int) -> None:
        noted = self._customs.note(key.host, at_us, key.sign, trace.program, trace.other, trace.text)
        if noted.sort not in shows.sorts and len(shows.sorts) <= _MAX_SORTS:
            shows.sorts = (*shows.sorts, noted.sort)
        self._judge_custom(key, shows)
        for host in noted.hosts:
            for other_key, other in self._shown.fired_at(host):
                if other_key.sign == key.sign and noted.sort in other.sorts:
                    self._judge_custom(other_key, other)

    def _judge_custom(self, key: SignKey, shows: Shown) -> None:
        is_customary = len(shows.sorts) <= _MAX_SORTS and all(
            self._customs.is_customary(sort, shows.first_us) for sort in shows.sorts
        )
        if is_customary != shows.is_customary:
            shows.is_customary = is_customary
            self._shown.mark(key, shows)

    def _render(self, key: SignKey, shows: Shown) -> Detection:
        names, sign, at_us = self._names, self._book.by_name[key.sign], shows.first_us
        host = names.entity_at(key.host, at_us)
        source, source_us = key.source, at_us
        if shows.logon is not None:
            source, source_us = shows.logon.source, shows.logon.at_us
        entity = names.entity_at(source, source_us) if source else host
        is_remote = entity != host
        users = sorted({key.user, *([shows.logon.user] if shows.logon and is_remote else [])} - {""})
        title = f"{sign.says}: {host.name}"
        return Detection(
            id=shows.id,
            detector=self.name,
            entity=entity,
            first_seen_us=shows.first_us,
            last_seen_us=shows.last_us,
            count=shows.count,
            points=_points(sign, shows, is_remote=is_remote),
            title=f"{title}, from {entity.name}" if is_remote else title,
            reasons=self._reasons(key, sign, shows, host.name, is_remote=is_remote),
            techniques=sign.techniques,
            tactics=sign.tactics,
            hosts=hosts_of(entity, key.host, names, at_us),
            users=tuple(users),
            related=(host, *(EntityRef("user", user) for user in users)),
            event_ids=shows.event_ids,
        )

    def _reasons(self, key: SignKey, sign: Sign, shows: Shown, host: str, *, is_remote: bool) -> tuple[str, ...]:
        who = f" by {key.user}" if key.user else ""
        often = f", {amount(shows.count, 'time')} {span_of(shows)}" if shows.count > 1 else ""
        reasons = [f"on {host}{who}: {sign.says}{often}"]
        if is_remote and shows.logon is not None:
            source = shown(shows.logon.source, self._names, shows.logon.at_us)
            reasons.append(_how_sure(shows, source, host))
        elif is_remote:
            reasons.append(f"it came from {shown(key.source, self._names, shows.first_us)}")
        reasons += [f"for example: {text}" for _, text in shows.examples]
        if shows.is_customary:
            reasons.append(f"nothing new: the same was seen a day before, or on {CUSTOM_HOSTS} hosts or more")
        return tuple(reasons)


def _account_of(event: Event) -> str | None:
    """Whose work it was; ``None`` for the machine's own."""
    effective = event.more.get("user.effective.name")
    account = effective if isinstance(effective, str) and effective != "-" else event.user
    return None if is_the_system(account) or machine_of(account or "") is not None else account


def _places(key: SignKey) -> tuple[str, ...]:
    return (key.host, key.source) if key.source else (key.host,)


def _how_sure(shows: Shown, source: str, host: str) -> str:
    assert shows.logon is not None
    who, sure = shows.logon.user or "somebody", closeness(shows, shows.logon)
    if sure == EXACT:
        return f"it was done in {who}'s session, which came from {source}"
    doubt = "" if sure == SAME_USER else "; the log does not say whose work it was"
    return f"{who} had logged on to {host} from {source} {how_long_before(shows, shows.logon)}{doubt}"


def _points(sign: Sign, shows: Shown, *, is_remote: bool) -> float:
    if shows.is_customary:
        return customary_points(sign.points)
    if is_remote and sign.points >= REMOTE_POINTS:
        return round(100 - (100 - sign.points) * REMOTE_SHARE, 1)
    return sign.points
