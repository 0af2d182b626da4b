"""Owns the behaviour of borrowed accounts: somebody's account is used at a desk that is not theirs."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_address
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.behaviours.logons import is_guess
from pandora_core.detect.exposure import is_stranger
from pandora_core.detect.names import machine_of, place_of, user_name
from pandora_core.detect.paths import is_persons, shown, source_of, target_of
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

HISTORY_US = 12 * HOUR_US
"""How long an account must have been at home elsewhere, and the desk in the hands of others: since the day before. No
working day is so long."""

MAX_HOMES = 4
"""Places that an account has which is at home somewhere: two, each by name where it is logged on in person, and by
address where it comes from over the network."""

MAX_OWNERS = 2
"""Accounts of a desk that is somebody's: a person, perhaps with a second account. Others are shared."""

FAILURES_US = 30 * MINUTE_US
"""How long before the first use failures count as guesses at it."""

FAILURES = 2
"""Failures before the first use that are more than one slip."""

POINTS = 30.0
"""Worth a question, but no more: a colleague may have helped."""

GUESSED_POINTS = 40.0
MAX_PAIRS = 50_000
CAPACITY = 5_000
PAUSE_US = 12 * HOUR_US

_AT_THE_DESK = (2, 7, 11)
_NOT_PEOPLE = ("dwm-", "umfd-")
_MAX_FAILURES = 16
_MAX_TARGETS = 16


class Pair(NamedTuple):
    """An account at a place."""

    place: str
    user: str


class Failure(NamedTuple):
    """A failure, and the log that told it."""

    at_us: int
    dataset: str


class Borrowed(Session, kw_only=True, gc=False):
    """The first use of an account at a place where it is not at home."""

    count: int = 0
    failures: int = 0
    targets: dict[str, None] = msgspec.field(default_factory=dict)
    homes: tuple[tuple[int, str], ...] = ()
    owners: tuple[tuple[int, str], ...] = ()
    host: str = ""
    """Whose owners these are, where the desk is known by name and not only by its address."""


class BorrowedAccounts(SessionBehaviour):
    """An account that has its place elsewhere, used for the first time from a desk that is others' (T1078).

    Blind spots: accounts that are used in many places (administrators'), desks that many share, log-ons whose event
    names no source, addresses that changed hands, the first day. Helping a colleague looks the same.
    """

    name = "borrowed-account"
    routes = (
        Route("authentication", "logon"),
        Route("authentication", "kerberos-preauth"),
        Route("authentication", "kerberos-tgt"),
        Route("authentication", "ntlm-validate"),
    )

    def __init__(self, context: Context, capacity: int = CAPACITY, max_pairs: int = MAX_PAIRS) -> None:
        self._names = context.names
        self._places = Popularity(max_pairs)
        self._accounts = Popularity(max_pairs)
        self._failures = Recent(Pair, tuple[Failure, ...], max_pairs)
        self._borrowed = Sessions(
            Pair, Borrowed, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda pair: (pair.place,)
        )
        self.tables = (self._borrowed,)

    def observe(self, event_id: int, event: Event) -> None:
        pair = _pair_of(event)
        if pair is None:
            return
        if event.outcome == "failure":
            if is_guess(event):
                self._failed(pair, event)
        elif event.outcome == "success" and event.action == "logon":
            self._used(pair, event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([table.dump() for table in (self._places, self._accounts, self._failures)])

    def recall(self, memory: bytes) -> None:
        places, accounts, failures = msgspec.msgpack.decode(memory, type=list[bytes])
        self._places.load(places)
        self._accounts.load(accounts)
        self._failures.load(failures)

    def _failed(self, pair: Pair, event: Event) -> None:
        known = self._failures.get(pair) or ()
        self._failures.put(pair, tuple(sorted((*known, Failure(event.at_us, event.dataset)))[-_MAX_FAILURES:]))
        for session in self._borrowed.of(pair):
            self._count_failures(pair, session)

    def renamed(self, place: str) -> None:
        """The name of a place is known now: whose desk it is may be too."""
        super().renamed(place)
        for _, user in self._accounts.first_users(place):
            pair = Pair(place, user)
            for session in self._borrowed.of(pair):
                if not session.fired_event_id and session.first_events:
                    self._judge(pair, session, session.first_events[0][1])

    def _used(self, pair: Pair, event_id: int, event: Event) -> None:
        self._places.add(pair.user, pair.place, event.at_us)
        self._accounts.add(pair.place, pair.user, event.at_us)
        homes = self._homes(pair, event.at_us)
        if not self._borrowed.of(pair) and not homes:
            return
        session = self._borrowed.at(pair, event.at_us)
        session.homes = session.homes or homes
        session.count += event.count
        session.remember(event_id, event.at_us)
        if target := target_of(event):
            if len(session.targets) < _MAX_TARGETS:
                session.targets[target] = None
            self._borrowed.show(pair, session, target)
        self._count_failures(pair, session)
        if session.fired_event_id:
            self._borrowed.mark(pair, session)
        elif session.homes:
            self._judge(pair, session, event_id)

    def _homes(self, pair: Pair, at_us: int) -> tuple[tuple[int, str], ...]:
        """Where an account was at home the day before; nothing if it was at this place, unless as another host."""
        homes = _others(self._places, pair.user, "", at_us, MAX_HOMES)
        host = self._names.entity_at(pair.place, at_us)
        here = [since_us for since_us, place in homes if place == pair.place]
        return homes if all(self._names.entity_at(pair.place, since_us) != host for since_us in here) else ()

    def _judge(self, pair: Pair, session: Borrowed, event_id: int) -> None:
        """Whether the desk is others': by its name, where that is known, else by its address."""
        host = self._names.entity_at(pair.place, session.first_us)
        name = place_of(host.name) if host.kind == "host" and is_address(pair.place) else ""
        by_name = _others(self._accounts, name, pair.user, session.first_us, MAX_OWNERS) if name else ()
        owners = by_name or _others(self._accounts, pair.place, pair.user, session.first_us, MAX_OWNERS)
        if owners:
            session.owners, session.host = owners, name if by_name else ""
            for _, place in session.homes:
                self._borrowed.show(pair, session, place)
            at_us = session.first_us
            self._borrowed.fire(pair, session, event_id, at_us, self.name, *pair, session.first_us)

    def _count_failures(self, pair: Pair, session: Borrowed) -> None:
        """Failures shortly before the first use, as the log tells that has most of them."""
        told: dict[str, int] = {}
        for at_us, dataset in self._failures.get(pair) or ():
            if session.first_us - FAILURES_US <= at_us <= session.first_us:
                told[dataset] = told.get(dataset, 0) + 1
        failures = max(told.values(), default=0)
        if failures != session.failures:
            session.failures = failures
            self._borrowed.mark(pair, session)

    def _render(self, pair: Pair, session: Borrowed) -> Detection:
        names, at_us = self._names, session.first_us
        entity = names.entity_at(pair.place, at_us)
        homes = list(dict.fromkeys(names.entity_at(place, since_us).name for since_us, place in session.homes))
        owners = [user for _, user in session.owners]
        targets = [names.entity_at(target, at_us).name for target in sorted(session.targets)]
        reasons = [
            f"the account {pair.user}, until now used at {listed(homes)}, was used at "
            f"{shown(pair.place, names, at_us)}, until now the place of {listed(owners)}",
            f"{amount(session.count, 'log-on')}: {listed(targets)}",
        ]
        if session.failures:
            reasons.append(
                f"{amount(session.failures, 'failure')} of that account from there in the half hour before"
            )
        points = GUESSED_POINTS if session.failures >= FAILURES else POINTS
        if self._is_another_address(pair, session):
            points = 0.0
            reasons.append("nothing new: an address changed hands")
        return Detection(
            id=session.id,
            detector=self.name,
            entity=entity,
            first_seen_us=session.first_us,
            last_seen_us=session.last_us,
            count=session.count,
            points=points,
            title=f"{pair.user}'s account used at the desk of {listed(owners, 1)}",
            reasons=tuple(reasons),
            techniques=("T1078", "T1110.001") if session.failures >= FAILURES else ("T1078",),
            tactics=("credential-access", "initial-access"),
            hosts=tuple(dict.fromkeys((entity.name, *targets[:7]))),
            users=(pair.user,),
            related=(EntityRef("user", pair.user),),
            event_ids=session.event_ids,
        )

    def _is_another_address(self, pair: Pair, session: Borrowed) -> bool:
        """Whether the place is the account's own host under a new address, or was another host before."""
        host = self._names.entity_at(pair.place, session.first_us)
        is_own = any(self._names.entity_at(place, since_us) == host for since_us, place in session.homes)
        if session.host:
            return is_own or place_of(host.name) != session.host
        return is_own or all(self._names.entity_at(pair.place, since_us) != host for since_us, _ in session.owners)


def _pair_of(event: Event) -> Pair | None:
    """Who was where; ``None`` for what is no person's, or of a machine or service at the host itself."""
    user = user_name(event.user or "")
    if not user or machine_of(event.user or "") or user.startswith(_NOT_PEOPLE):
        return None
    if event.more.get("winlog.logon.type") in _AT_THE_DESK and event.action == "logon":
        return Pair(place_of(event.host), user) if event.host else None
    source = source_of(event)
    return Pair(source, user) if source is not None and not is_stranger(source) and is_persons(event) else None


def _others(known: Popularity, of: str, but: str, at_us: int, most: int) -> tuple[tuple[int, str], ...]:
    """The places of an account, or the accounts of a place, :data:`HISTORY_US` before a time, and since when.

    Nothing if the account was known at the place by then, or if there are too many.
    """
    before = [(since_us, other) for since_us, other in known.first_users(of) if since_us <= at_us - HISTORY_US]
    is_few = 0 < len(before) <= most
    return tuple(before) if is_few and all(other != but for _, other in before) else ()
