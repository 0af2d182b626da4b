"""Owns what was usual on the days before a move: how often a source, a target or an account did something new.

A move is an account's way from one host to another, whatever it was taken by. All questions are asked *before a day*:
what happens on one day is no precedent for the rest of it, so that an intruder's fifth hop looks as new as the first,
and clocks that differ by minutes change nothing but at midnight.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from pandora_core.detect.addresses import is_address
from pandora_core.detect.names import place_of
from pandora_core.graph.moment import GraphEdge, Moment
from pandora_core.graph.reading import (
    ADMIN_SHARE,
    CONTROL,
    EXPLICIT,
    FLOWS,
    LOCAL,
    MACHINE,
    NEW_CREDENTIALS,
    PERSONAL,
    REMOTE_CONTROL,
    WMI_SERVED,
)
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US

ACTION_BEFORE_US = MINUTE_US
"""What is done to a host is taken to come with a first log-on that is written up to a minute later."""

OTHERS_MACHINE = "another machine's account"
"""The kind of a machine account's log-on from a host that is not the machine."""

_HOURS_A_DAY = DAY_US // HOUR_US
_GROUP_TARGETS = 5
_GROUP_USERS = 64


@dataclass(frozen=True, slots=True)
class Move:
    """An account's way from one host to another: first and last seen, in how many hours, and how."""

    source: str
    target: str
    user: str
    kinds: tuple[str, ...]
    first_us: int
    last_us: int
    count: int
    hours: tuple[int, ...]
    is_elevated: bool
    actions: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """The day (since 1970, UTC) of the first use."""
        return self.first_us // DAY_US


class Tally:
    """For each key how many different others it met, and in how many hours it was busy, before any day."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], int] = {}
        self._busy: dict[str, list[int]] = defaultdict(list)
        self._days: dict[str, list[int]] = {}

    def add(self, key: str, other: str, first_day: int, days: Iterable[int] = ()) -> None:
        """Notes that ``key`` met ``other``; ``days`` has an entry for each busy hour."""
        known = self._first.get((key, other))
        self._first[key, other] = first_day if known is None else min(known, first_day)
        self._busy[key].extend(days)

    def close(self) -> Tally:
        """Sorts what was added; questions may be asked from now on."""
        days = defaultdict(list)
        for (key, _), day in self._first.items():
            days[key].append(day)
        self._days = {key: sorted(list_) for key, list_ in days.items()}
        for busy in self._busy.values():
            busy.sort()
        return self

    def met(self, key: str, other: str, day: int) -> bool:
        """Whether ``key`` met ``other`` before a day."""
        return self._first.get((key, other), day) < day

    def others(self, key: str, day: int) -> int:
        """How many others a key met before a day."""
        return bisect_left(self._days.get(key, ()), day)

    def hours(self, key: str, day: int) -> int:
        """In how many hours a key was busy before a day."""
        return bisect_left(self._busy.get(key, ()), day)

    def others_by(self, key: str, day: int) -> int:
        """How many others a key met up to the end of a day."""
        return bisect_right(self._days.get(key, ()), day)


Way = tuple[str, str, str]
"""Source, target and account."""


class History:
    """All moves of a moment, and the tallies from which each is judged; flows are no part of it.

    What was done along the ways in ``suspected`` is no precedent: who came once is not at home the second time.
    """

    def __init__(
        self, moment: Moment, suspected: Collection[Way] = (), moves: tuple[Move, ...] | None = None
    ) -> None:
        self.moment = moment
        self.moves = moves_of(moment) if moves is None else moves
        self.targets_of, self.sources_of, self.users_at = Tally(), Tally(), Tally()
        self.targets_by, self.hosts_by, self.users_to = Tally(), Tally(), Tally()
        self.ways_by, self.rights_by, self.actions_by, self.visits = Tally(), Tally(), Tally(), Tally()
        self._first_day: dict[str, int] = {}
        self._first_days: list[int] = []
        self.first_uses: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        self.credentials: dict[tuple[str, str], int] = {}
        self._rights_on: set[tuple[str, int]] = set()
        for move in self.moves:
            self.first_uses[move.source, move.target].append((move.first_us, move.user))
            if move.is_elevated:
                self._rights_on.update((move.target, hour // _HOURS_A_DAY) for hour in move.hours)
            if way_of(move) not in suspected:
                self._add(move)
        edges = [edge for edge in moment.edges if edge.kind not in FLOWS]
        for edge in edges:
            if way_of(edge) not in suspected:
                self._add_edge(edge)
        first: dict[str, int] = {}
        for edge in edges:
            for host in (edge.source, edge.target):
                first[host] = min(edge.first_us // DAY_US, first.get(host, 1 << 40))
        first.pop("", None)
        self._first_day = first
        self._first_days = sorted(first.values())
        for tally in vars(self).values():
            if isinstance(tally, Tally):
                tally.close()
        self._targets = _grouped((move.user, move.target) for move in self.moves)
        self._users = _grouped((move.target, move.user) for move in self.moves)

    def _add(self, move: Move) -> None:
        days = [hour // _HOURS_A_DAY for hour in move.hours]
        self.targets_of.add(move.source, move.target, move.day, days)
        self.sources_of.add(move.target, move.source, move.day, days)
        self.users_at.add(move.source, move.user, move.day, days)
        self.targets_by.add(move.user, move.target, move.day, days)
        self.hosts_by.add(move.user, move.source, move.day, days)
        self.users_to.add(move.target, move.user, move.day, days)
        path = f"{move.source}\0{move.target}"
        self.ways_by.add(move.user, path, move.day)
        if move.is_elevated:
            self.rights_by.add(move.user, path, move.day)
        if move.actions or is_control(move):
            self.actions_by.add(move.user, path, move.day)

    def _add_edge(self, edge: GraphEdge) -> None:
        day = edge.first_us // DAY_US
        if edge.source:
            self.visits.add(edge.target, edge.source, day)
        elif edge.kind == LOCAL:
            days = [hour // _HOURS_A_DAY for hour in edge.hours]
            self.users_at.add(edge.target, edge.user, day, days)
            self.hosts_by.add(edge.user, edge.target, day, days)
        if edge.kind in (NEW_CREDENTIALS, EXPLICIT, REMOTE_CONTROL):
            key = (edge.target if edge.kind == NEW_CREDENTIALS else edge.source, edge.user)
            self.credentials[key] = min(edge.first_us, self.credentials.get(key, edge.first_us))

    def without(self, suspected: Collection[Way]) -> History:
        """The same moves, with nothing learnt from some of them."""
        return History(self.moment, suspected, self.moves)

    def has_days_before(self, day: int) -> bool:
        """Whether anything was watched before a day."""
        return self.moment.since_us // DAY_US < day

    def has_rights_on(self, target: str, day: int) -> bool:
        """Whether anybody used administrator rights at a host on a day: what takes them was done by who had them."""
        return (target, day) in self._rights_on

    def days_watched(self, host: str, day: int) -> int:
        """For how many days before a day something was known of a host: days on which it could have done more."""
        return max(day - self._first_day.get(host, day), 0)

    def hosts_by_day(self, day: int) -> int:
        """How many hosts there were up to the end of a day."""
        return bisect_right(self._first_days, day)

    def peers(self, user: str, day: int) -> frozenset[str]:
        """Accounts that use what few use besides this one: of its targets the five with the fewest accounts."""
        known = [target for target in self._targets.get(user, ()) if self.targets_by.met(user, target, day)]
        known.sort(key=lambda target: (self.users_to.others(target, day), target))
        near = [other for target in known[:_GROUP_TARGETS] for other in self._users[target][:_GROUP_USERS]]
        return frozenset(
            other for other in near if other != user and any(self.targets_by.met(other, t, day) for t in known)
        )


def way_of(one: Move | GraphEdge) -> Way:
    """What tells a move from others."""
    return one.source, one.target, one.user


def moves_of(moment: Moment) -> tuple[Move, ...]:
    """The moves of persons' accounts, in order of their names."""
    personal = [edge for edge in moment.edges if edge.kind in PERSONAL]
    strange = [replace(edge, kind=OTHERS_MACHINE) for edge in moment.edges if _is_strange(edge)]
    edges = sorted((*personal, *strange), key=lambda e: (e.source, e.target, e.user, e.kind))
    groups = groupby(edges, key=lambda e: (e.source, e.target, e.user))
    return tuple(_move(moment, list(group)) for _, group in groups)


def is_control(move: Move) -> bool:
    """Whether it came with what only administrators use: administrative shares, pipes that control services."""
    return not CONTROL.isdisjoint(move.kinds)


def _is_strange(edge: GraphEdge) -> bool:
    """Whether a machine account came from another host: from an address without a name it may be the machine's."""
    if edge.kind != MACHINE or is_address(edge.source) or "." in edge.source:
        return False
    return bool(edge.user) and place_of(edge.user) != place_of(edge.source)


def _move(moment: Moment, edges: list[GraphEdge]) -> Move:
    first_us, target = min(edge.first_us for edge in edges), edges[0].target
    return Move(
        source=edges[0].source,
        target=target,
        user=edges[0].user,
        kinds=tuple(edge.kind for edge in edges),
        first_us=first_us,
        last_us=max(edge.last_us for edge in edges),
        count=sum(edge.count for edge in edges),
        hours=tuple(sorted({hour for edge in edges for hour in edge.hours})),
        is_elevated=any(edge.is_elevated or edge.kind == ADMIN_SHARE for edge in edges),
        actions=_actions(moment, target, first_us),
    )


def _actions(moment: Moment, host: str, first_us: int) -> tuple[str, ...]:
    told = moment.told.get(host, ())
    start = bisect_left(told, (first_us - ACTION_BEFORE_US,))
    near = [one.what for one in told[start:] if one.at_us <= first_us + one.within_us]
    silent = {WMI_SERVED} if host in moment.controllers else set()
    return tuple(what for what in dict.fromkeys(near) if what not in silent)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    for key, other in pairs:
        groups[key][other] = None
    return {key: tuple(others) for key, others in groups.items()}
