"""Owns the behaviours of Kerberos tickets whose passwords can be guessed off-line: roasting.

A service ticket is encrypted with the key of the service's account, the answer to a log-on without
pre-authentication with the user's (RFC 4120, 3.1 and 3.3). With RC4 (RFC 4757) that key is the plain hash of the
password: whoever has the ticket can guess at leisure. So tickets of that kind are asked for in numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.customs import Customs
from pandora_core.detect.names import machine_of, place_of, user_name
from pandora_core.detect.paths import source_of
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, span_of
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

PAUSE_US = HOUR_US
"""Tickets that one place asks for with shorter pauses are one detection."""

SERVICE_POINTS = {1: 16.0, 2: 30.0, 3: 60.0, 10: 75.0}
"""What tickets for so many services, not customary ones, are worth: one old service is common, ten are a harvest."""

USER_POINTS = {1: 45.0, 3: 65.0}
"""What answers without pre-authentication for so many accounts are worth."""

CUSTOMARY_POINTS = 0.0
"""Tickets for services alone that many hosts ask for, or that were asked for a day before."""

CAPACITY = 20_000

_SERVICES, _USERS = "services", "users"
_WEAK = frozenset({"rc4-hmac", "rc4-hmac-exp", "des-cbc-crc", "des-cbc-md5", "rc4-hmac-old", "rc4-hmac-md5"})
_NO_PREAUTHENTICATION = ("0", 0)
_MAX_NAMES = 64


class TicketKey(NamedTuple):
    """What a place asked for: tickets for services, or for users."""

    source: str
    what: str


class Asked(Session, kw_only=True, gc=False):
    """The accounts whose weak tickets a place got; true for those that it is customary to ask for."""

    count: int = 0
    names: dict[str, bool] = msgspec.field(default_factory=dict)
    users: set[str] = msgspec.field(default_factory=set)

    @property
    def unusual(self) -> list[str]:
        return _by_one_notation(name for name, is_customary in self.names.items() if not is_customary)


class Roasting(SessionBehaviour):
    """Tickets that are weakly encrypted: for services (T1558.003), or without pre-authentication (T1558.004).

    Blind spots: tickets with AES, which can be guessed too if the password is short; services that everybody asks for
    with RC4; answers from controllers that are not watched.
    """

    name = "roasting"
    routes = (Route("authentication", "kerberos-service"), Route("authentication", "kerberos-tgt"))

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._asked = Sessions(
            TicketKey, Asked, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda key: key[:1]
        )
        self._customs = Customs(capacity)
        self.tables = (self._asked,)

    def observe(self, event_id: int, event: Event) -> None:
        source = source_of(event) or (place_of(event.host) if event.host else None)
        if source is None or event.outcome != "success" or event.more.get("kerberos.encryption") not in _WEAK:
            return
        user = user_name(event.user or "")
        if event.action == "kerberos-service":
            service = _service_of(str(event.more.get("service.name") or ""))
            if service and machine_of(service) is None and service.rstrip("/") not in ("krbtgt", user):
                self._note(TicketKey(source, _SERVICES), service, user, event_id, event)
        elif event.more.get("winlog.event_data.PreAuthType") in _NO_PREAUTHENTICATION and not machine_of(user):
            self._note(TicketKey(source, _USERS), user, "", event_id, event)

    def memory(self) -> bytes:
        return self._customs.dump()

    def recall(self, memory: bytes) -> None:
        self._customs.load(memory)

    def _note(self, key: TicketKey, name: str, user: str, event_id: int, event: Event) -> None:
        asked = self._asked.at(key, event.at_us)
        asked.count += event.count
        asked.remember(event_id, event.at_us)
        if user and len(asked.users) < _MAX_NAMES:
            asked.users.add(user)
        noted = self._customs.note(key.source, event.at_us, key.what, name)
        if name in asked.names or len(asked.names) < _MAX_NAMES:
            asked.names[name] = self._customs.is_customary(noted.sort, asked.first_us)
        if asked.fired_event_id:
            self._asked.mark(key, asked)
        else:
            self._asked.fire(key, asked, event_id, event.at_us, self.name, *key, asked.first_us)
        for place in noted.hosts:
            self._grow_customary(TicketKey(place, key.what), name)

    def _grow_customary(self, key: TicketKey, name: str) -> None:
        for asked in self._asked.of(key):
            if name in asked.names:
                asked.names[name] = True
                self._asked.mark(key, asked)

    def _render(self, key: TicketKey, asked: Asked) -> Detection:
        entity = self._names.entity_at(key.source, asked.first_us)
        is_service = key.what == _SERVICES
        unusual = asked.unusual
        names = unusual or _by_one_notation(asked.names)
        many = amount(len(names), "service" if is_service else "account")
        how = "weakly encrypted tickets for" if is_service else "answers without pre-authentication for"
        reasons = [
            f"{entity.name} got {how} {many} {span_of(asked)}: {listed(names, 8)}",
            "whoever has them can guess the passwords of these accounts without being seen",
        ]
        if asked.users:
            reasons.append(f"asked for as {listed(sorted(asked.users), 3)}")
        if not unusual:
            reasons.append("nothing new: many hosts ask for these, or did a day before")
        return Detection(
            id=asked.id,
            detector=self.name,
            entity=entity,
            first_seen_us=asked.first_us,
            last_seen_us=asked.last_us,
            count=asked.count,
            points=_points(SERVICE_POINTS if is_service else USER_POINTS, len(unusual)),
            title=f"{entity.name} got {how} {many}",
            reasons=tuple(reasons),
            techniques=("T1558.003",) if is_service else ("T1558.004",),
            tactics=("credential-access",),
            hosts=(entity.name,),
            users=tuple(sorted(asked.users)[:8]) if is_service else tuple(names[:8]),
            related=tuple(EntityRef("user", name) for name in names[:8]),
            event_ids=asked.event_ids,
        )


def _service_of(name: str) -> str:
    """A service's account as a controller tells it (``svc-sql``), or its kind, as the wire does (``mssqlsvc/``).

    The host in a principal's name is left out: one account often has the same service on many hosts.
    """
    kind, slash, _ = name.partition("/")
    return user_name(kind) + slash


def _by_one_notation(names: Iterable[str]) -> list[str]:
    """The names of the notation that has more: controller and sensor tell of the same tickets, each in its own."""
    known = sorted(names)
    kinds, accounts = [n.rstrip("/") for n in known if n.endswith("/")], [n for n in known if not n.endswith("/")]
    return kinds if len(kinds) > len(accounts) else accounts


def _points(table: dict[int, float], number: int) -> float:
    return max((points for least, points in table.items() if number >= least), default=CUSTOMARY_POINTS)
