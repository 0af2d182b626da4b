"""Owns the behaviour of first log-ons between two hosts, and the edges that log-ons make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from pandora_core.detect.addresses import is_address
from pandora_core.detect.behaviour import Context, Fired, Route
from pandora_core.detect.names import MAX_ALIASES, machine_of, place_of, user_name
from pandora_core.detect.paths import Path, hosts_of, is_persons, logon_id_of, shown, source_of, target_of
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import Recent
from pandora_core.detect.rounds import Rounds
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, duration, listed
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Detection, EntityRef, Event

WARM_UP_US = DAY_US
"""A host's log-ons are watched this long before a new source counts as unusual."""

FIRST_USES_US = HOUR_US
"""How long the first log-on and what follows it are told as one."""

TICKET_WINDOW_US = 5 * MINUTE_US
"""How far a Kerberos ticket and the log-on that it was for are apart at most."""

POINTS = 8.0
HISTORY_POINTS = 24.0
ADMINISTRATOR_POINTS = 14.0
"""In a target's first day: everything is new then, so that this is not even low by itself."""

ADMINISTRATOR_HISTORY_POINTS = 45.0
"""Administrator rights after the first day, by an account that is not at home where it comes from."""

ROUND_POINTS = 5.0
"""One more host on rounds that are customary, or that are as old as the log."""

MANY_VISITORS = 5
"""Hosts that logged on to a server before, from which on one more without administrator rights is no news."""

CAPACITY = 50_000
MAX_PATHS = 200_000

_MAX_PENDING = 20_000
_MAX_USES = 16
_MAX_PER_ACCOUNT = 8
_BY_TICKET = (3, 8, 10)
_NETWORK, _REMOTE_DESKTOP, _SSH = "over the network", "by remote desktop", "by SSH"
_TECHNIQUES = {_REMOTE_DESKTOP: "T1021.001", _SSH: "T1021.004"}
_EVENTS_SHOWN = 6
_ELEVATED = ("%%1842", "Yes")
_AT_HOME = "the account is at home there: it was seen there first, the day before"
_MANY_COME = "many hosts log on there, and this one had no administrator rights"
_TOLD_TWICE = "nothing new: the server's own log tells of it"
_ANOTHER_ADDRESS = "nothing new: the same host had logged on there before, under another address"


V = TypeVar("V")


class Use(msgspec.Struct, order=True, gc=False):
    """One log-on along a path."""

    at_us: int
    user: str
    how: str
    event_id: int
    is_elevated: bool = False
    logon_id: str = ""


class Arrival(Session, kw_only=True, gc=False):
    """The first hour in which a path was used, and since when log-ons to its target are watched."""

    since_us: int = 0
    uses: tuple[Use, ...] = ()
    elevated_us: int | None = None

    @property
    def is_elevated(self) -> bool:
        """Whether somebody had administrator rights within the first hour."""
        return self.elevated_us is not None and self.elevated_us <= self.first_us + FIRST_USES_US

    def elevate(self, at_us: int) -> None:
        """Notes that a log-on at a time had administrator rights."""
        self.elevated_us = at_us if self.elevated_us is None else min(self.elevated_us, at_us)


class FirstLogons(SessionBehaviour):
    """The first log-on from one host to another (T1021): how an intruder's moves begin.

    Machine accounts, services and log-ons at the host itself are left out. A log-on whose event names no source
    (Kerberos through WinRM) is placed by the service ticket that the account got for that host minutes before or
    after. Blind spots: moves along paths that are used every day, and tickets older than five minutes.
    """

    name = "first-logon"
    routes = (
        Route("authentication", "logon"),
        Route("authentication", "privileges-assigned"),
        Route("authentication", "kerberos-service"),
    )

    def __init__(self, context: Context, capacity: int = CAPACITY, max_paths: int = MAX_PATHS) -> None:
        self._names, self._edges = context.names, context.edges
        self._arrivals = Sessions(Path, Arrival, self._render, gap_us=FIRST_USES_US, capacity=capacity, places=tuple)
        self.tables = (self._arrivals,)
        self._max_paths = max_paths
        self._first_us = Recent(Path, int, max_paths)
        self._since_us = Recent(str, int, max_paths)
        self._rounds = Rounds(context.names, max_paths)
        self._visitors = Popularity(max_paths)
        self._is_older = False
        self._privileged = Recent(_AtHost, bool, _MAX_PENDING)
        self._paths = Recent(_AtHost, list[Path], _MAX_PENDING)
        self._tickets = Recent(_AtHost, list[tuple[int, str]], _MAX_PENDING)
        self._unplaced = Recent(_AtHost, list[_Unplaced], _MAX_PENDING)

    def observe(self, event_id: int, event: Event) -> None:
        if event.action == "privileges-assigned":
            self._assigned(event)
        elif event.outcome != "success":
            return
        elif event.action == "kerberos-service":
            self._ticketed(event_id, event)
        elif (target := target_of(event)) is not None:
            self._watch(target, event.at_us)
            if is_persons(event):
                self._logged_on(target, event_id, event)

    def changed(self) -> list[Fired]:
        """What fired or has news; everything, if the log turned out to begin earlier: its first day is another."""
        for path, arrival in self._arrivals if self._is_older else ():
            self._arrivals.mark(path, arrival)
        self._is_older = False
        return super().changed()

    def renamed(self, place: str) -> None:
        """What is known of a place matters to detections that show it, or another address of the same host."""
        for alias in (place, *self._names.aliases(place)):
            self._arrivals.mark_place(alias)

    def memory(self) -> bytes:
        tables = [self._rounds.dump(), self._visitors.dump(), *(table.dump() for table in self._memory_tables())]
        return msgspec.msgpack.encode((self._is_older, tables))

    def recall(self, memory: bytes) -> None:
        self._is_older, (rounds, visitors, *tables) = msgspec.msgpack.decode(memory, type=tuple[bool, list[bytes]])
        self._rounds.load(rounds)
        self._visitors.load(visitors)
        for table, dump in zip(self._memory_tables(), tables, strict=True):
            table.load(dump)

    def _memory_tables(self) -> tuple[Recent[Any, Any], ...]:
        tickets = (self._paths, self._tickets, self._unplaced)
        return (self._first_us, self._since_us, self._privileged, *tickets)

    def _watch(self, target: str, at_us: int) -> None:
        """Notes since when log-ons to a host are seen; a line that arrives late may move that back."""
        self._is_older |= self._rounds.watch(at_us)
        since_us = self._since_us.get(target)
        if since_us is not None and since_us <= at_us:
            return
        self._since_us.put(target, at_us)
        for path, arrival in self._arrivals.fired_at(target) if since_us is not None else ():
            if path.target == target and at_us < arrival.since_us:
                arrival.since_us = at_us
                self._arrivals.mark(path, arrival)

    def _logged_on(self, target: str, event_id: int, event: Event) -> None:
        source, logon_id = source_of(event), logon_id_of(event, "TargetLogonId")
        use = Use(event.at_us, user_name(event.user or ""), _how(event), event_id)
        use.logon_id = logon_id
        elevated = event.more.get("winlog.event_data.ElevatedToken")
        use.is_elevated = elevated in _ELEVATED or _AtHost(target, logon_id) in self._privileged
        if source is not None:
            self._use(Path(source, target), use, event_id, event.at_us, event.count)
        elif event.more.get("winlog.logon.type") in _BY_TICKET and not event.source_ip and not event.source_domain:
            self._place(target, use)

    def _place(self, target: str, use: Use) -> None:
        """A log-on over the network from nowhere: who got a ticket for it?"""
        unplaced = _Unplaced(use)
        for at_us, source in self._tickets.get(_AtHost(target, use.user)) or ():
            self._match(Path(source, target), unplaced, at_us, use.event_id, use.at_us)
        _append(self._unplaced, _AtHost(target, use.user), unplaced)

    def _ticketed(self, event_id: int, event: Event) -> None:
        target, source = service_host(event), source_of(event)
        if target is None or source is None or not is_persons(event):
            return
        account = _AtHost(target, user_name(event.user or ""))
        for unplaced in self._unplaced.get(account) or ():
            self._match(Path(source, target), unplaced, event.at_us, event_id, event.at_us)
        _append(self._tickets, account, (event.at_us, source))

    def _match(self, path: Path, unplaced: _Unplaced, ticket_us: int, event_id: int, at_us: int) -> None:
        if abs(ticket_us - unplaced.use.at_us) <= TICKET_WINDOW_US and path.source not in unplaced.sources:
            unplaced.sources.append(path.source)
            self._use(path, msgspec.structs.replace(unplaced.use), event_id, at_us)

    def _use(self, path: Path, use: Use, event_id: int, at_us: int, count: int = 1) -> None:
        self._edges.add("logon", path.source, path.target, use.user, use.at_us, count)
        places = self._rounds.note(path, use.user, use.at_us)
        places += self._visitors.add(path.target, path.source, use.at_us)
        first_us = self._first_us.get(path)
        forgotten = self._first_us.put(path, use.at_us if first_us is None else min(first_us, use.at_us))
        if first_us is None or use.at_us < first_us:
            self._mark_aliases(path)
        if forgotten is not None:
            self._mark_aliases(forgotten[0])
        known = self._arrivals.of(path)
        if first_us is None or (known and use.at_us <= first_us + FIRST_USES_US):
            self._arrive(path, known[0] if known else self._arrivals.at(path, use.at_us), use, event_id, at_us)
        for place in places:
            self.renamed(place)

    def _mark_aliases(self, path: Path) -> None:
        """A path is no news for the same host under another address, nor where a sensor tells of it as well."""
        for source in (path.source, *self._names.aliases(path.source)):
            self._mark_path(Path(source, path.target))
            for address in self._addresses_from(source, path.target):
                self._mark_path(Path(source, address))

    def _addresses_from(self, source: str, target: str) -> Iterable[str]:
        """The addresses of a host to which log-ons from a place may be known."""
        addresses = self._names.addresses_of(target)
        if len(addresses) <= MAX_ALIASES:
            return addresses
        return [path.target for path, _ in self._arrivals.fired_at(source) if path.target in addresses]

    def _mark_path(self, path: Path) -> None:
        for arrival in self._arrivals.of(path):
            self._arrivals.mark(path, arrival)

    def _is_known(self, path: Path, arrival: Arrival, host: EntityRef) -> bool:
        """Whether the same host logged on there before, under another address."""
        return any(
            first_us < arrival.first_us and self._names.entity_at(source, first_us) == host
            for source, first_us in self._told_from(path.target, self._names.aliases(path.source))
        )

    def _is_told_twice(self, path: Path, arrival: Arrival, host: EntityRef, server: EntityRef) -> bool:
        """Whether the server's own log tells of it, or told before, and a sensor only knows its address."""
        if not is_address(path.target) or server.kind != "host":
            return False
        sources = (path.source, *self._names.aliases(path.source))
        return any(
            first_us <= arrival.first_us + FIRST_USES_US and self._names.entity_at(source, first_us) == host
            for source, first_us in self._told_from(place_of(server.name), sources)
        )

    def _told_from(self, target: str, sources: Iterable[str]) -> Iterator[tuple[str, int]]:
        """The places from which log-ons to a target are known, and since when."""
        for source in sources:
            first_us = self._first_us.get(Path(source, target))
            if first_us is not None:
                yield source, first_us

    def _arrive(self, path: Path, arrival: Arrival, use: Use, event_id: int, at_us: int) -> None:
        uses = sorted((*arrival.uses, use))
        end_us = uses[0].at_us + FIRST_USES_US
        arrival.uses = tuple(known for known in uses[:_MAX_USES] if known.at_us <= end_us)
        arrival.first_us, arrival.last_us = arrival.uses[0].at_us, arrival.uses[-1].at_us
        if use.is_elevated:
            arrival.elevate(use.at_us)
        elif use.logon_id:
            _append(self._paths, _AtHost(path.target, use.logon_id), path)
        if arrival.fired_event_id:
            self._arrivals.mark(path, arrival)
        else:
            arrival.since_us = self._since_us.get(path.target) or use.at_us
            self._arrivals.fire(path, arrival, event_id, at_us, self.name, *path)

    def _assigned(self, event: Event) -> None:
        """Privileges are assigned (4672) beside the log-on (4624) of the same log-on id, just before or after it."""
        logon_id, target = logon_id_of(event, "SubjectLogonId"), target_of(event)
        if not logon_id or target is None or not is_persons(event):
            return
        self._privileged.put(_AtHost(target, logon_id), True)
        for path in self._paths.get(_AtHost(target, logon_id)) or ():
            for arrival in self._arrivals.of(path):
                arrival.elevate(event.at_us)
                self._arrivals.mark(path, arrival)
        for unplaced in self._unplaced.get(_AtHost(target, user_name(event.user or ""))) or ():
            unplaced.use.is_elevated |= unplaced.use.logon_id == logon_id

    def _judged(self, path: Path, arrival: Arrival, host: EntityRef, server: EntityRef) -> tuple[float, str]:
        """What an arrival is worth, and why it is no great news, if so."""
        users, at_us = {use.user for use in arrival.uses}, arrival.first_us
        if self._is_known(path, arrival, host):
            return 0.0, _ANOTHER_ADDRESS
        if self._is_told_twice(path, arrival, host, server):
            return 0.0, _TOLD_TWICE
        if custom := self._rounds.custom_of(path, users, at_us, host):
            return ROUND_POINTS, custom
        if not arrival.is_elevated and self._visitors.users(path.target, at_us) >= MANY_VISITORS:
            return ROUND_POINTS, _MANY_COME
        points = _points(arrival)
        if points > HISTORY_POINTS and self._rounds.is_at_home(path, users, at_us, host):
            return HISTORY_POINTS, _AT_HOME
        return points, ""

    def _render(self, path: Path, arrival: Arrival) -> Detection:
        names, at_us = self._names, arrival.first_us
        entity, server = names.entity_at(path.source, at_us), names.entity_at(path.target, at_us)
        users = tuple(dict.fromkeys(use.user for use in arrival.uses if use.user))
        source, who = shown(path.source, names, at_us), f" as {listed(users, 3)}" if users else ""
        watched_us = arrival.first_us - arrival.since_us
        ways = listed(sorted({use.how for use in arrival.uses}))
        reasons = [_novelty(source, server.name, watched_us)]
        many = " or more" if len(arrival.uses) == _MAX_USES else ""
        reasons.append(f"{amount(len(arrival.uses), 'log-on')}{many}{who} in the first hour: {ways}")
        if arrival.is_elevated:
            reasons.append(f"with administrator rights on {server.name}")
        points, custom = self._judged(path, arrival, entity, server)
        reasons += [custom] if custom else []
        return Detection(
            id=arrival.id,
            detector=self.name,
            entity=entity,
            first_seen_us=arrival.first_us,
            last_seen_us=arrival.last_us,
            count=len(arrival.uses),
            points=0.0 if entity == server else points,
            title=f"first log-on from {entity.name} to {server.name}{who}"
            + (" with administrator rights" if arrival.is_elevated else ""),
            reasons=tuple(reasons),
            techniques=tuple(sorted({_TECHNIQUES.get(use.how.partition(",")[0], "T1021") for use in arrival.uses})),
            tactics=("lateral-movement",),
            hosts=hosts_of(entity, path.target, names, at_us),
            users=users[:8],
            related=(server, *(EntityRef("user", user) for user in users[:8])),
            event_ids=tuple(use.event_id for use in arrival.uses[:_EVENTS_SHOWN]),
        )


class _AtHost(NamedTuple):
    """A target and an account, or the id of a log-on, there."""

    target: str
    what: str


class _Unplaced(msgspec.Struct, gc=False):
    """A log-on whose source the log did not say, and the sources that tickets gave for it so far."""

    use: Use
    sources: list[str] = msgspec.field(default_factory=list)


def _how(event: Event) -> str:
    kind, method = event.more.get("winlog.logon.type"), event.more.get("authentication.method")
    way = _REMOTE_DESKTOP if kind == 10 else _SSH if event.protocol == "ssh" else _NETWORK
    return f"{way}, {method}" if isinstance(method, str) else way


def service_host(event: Event) -> str | None:
    """The host that a service ticket is for: ``WS-5$`` or ``cifs/ws-5.corp.local@REALM``."""
    service = event.more.get("service.name")
    if not isinstance(service, str):
        return None
    kind, has_host, host = service.partition("@")[0].partition("/")
    if has_host:
        return None if kind.casefold() == "krbtgt" else place_of(host.partition("/")[0].partition(":")[0])
    machine = machine_of(service)
    return place_of(machine) if machine else None


def _append(table: Recent[_AtHost, list[V]], key: _AtHost, value: V) -> None:
    values = table.get(key) or []
    values.append(value)
    del values[:-_MAX_PER_ACCOUNT]
    table.put(key, values)


def _novelty(source: str, target: str, watched_us: int) -> str:
    if watched_us < WARM_UP_US:
        return f"first log-on seen from {source} to {target}; watched for less than a day, others will be new too"
    return f"{source} had not logged on to {target} in the {duration(watched_us)} that its log-ons are watched"


def _points(arrival: Arrival) -> float:
    if arrival.first_us - arrival.since_us >= WARM_UP_US:
        return ADMINISTRATOR_HISTORY_POINTS if arrival.is_elevated else HISTORY_POINTS
    return ADMINISTRATOR_POINTS if arrival.is_elevated else POINTS
