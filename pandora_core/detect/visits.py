"""Owns who was logged on to a host from elsewhere when something was done there, as far as a log can tell."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from pandora_core.detect.names import user_name
from pandora_core.detect.paths import is_persons, logon_id_of, source_of
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session
from pandora_core.detect.words import duration
from pandora_core.model import MINUTE_US, Event

LOGON_BEFORE_US = 10 * MINUTE_US
"""How long before something is done the one who did it may have logged on, where no log-on id tells."""

LOGON_AFTER_US = MINUTE_US
"""Logs of one host are not in step: the log-on may be written a little later than what was done."""

EXACT, SAME_USER, NEAR = 3, 2, 1
"""How sure it is that a log-on did something: the same session, the same account, or the same time alone."""

TICKET_WINDOW_US = 5 * MINUTE_US
"""How far a Kerberos ticket and the log-on that it was for are apart at most."""

_BY_TICKET = (3, 8, 10)
_MAX_PER_ACCOUNT = 8
_MAX_HOSTS = 20_000
_MAX_LOGONS = 32
_SID_OF_A_DOMAIN = "S-1-5-21-"  # the System log names accounts by their security identifier


class RemoteLogon(msgspec.Struct, gc=False):
    """A log-on to a host from another place."""

    at_us: int
    source: str
    user: str
    logon_id: str


class Visited(Session, kw_only=True, gc=False):
    """Something done on a host: by which accounts and log-on sessions, and the log-on that it most likely came of."""

    users: set[str] = msgspec.field(default_factory=set)
    logon_ids: set[str] = msgspec.field(default_factory=set)
    logon: RemoteLogon | None = None

    def done_by(self, user: str | None, logon_id: str) -> None:
        """Notes an account and a log-on session that did it, where the log says them."""
        if user and not user.startswith(_SID_OF_A_DOMAIN):
            self.users.add(user_name(user))
        if logon_id:
            self.logon_ids.add(logon_id)


class _Account(NamedTuple):
    """An account on a host."""

    host: str
    user: str


class Visits:
    """The latest log-ons from elsewhere of each host.

    A log-on over the network whose event names no source (Kerberos through WinRM) is placed by the service ticket for
    that host that the account got within :data:`TICKET_WINDOW_US`, as for first log-ons.
    """

    def __init__(self) -> None:
        self._logons = Recent(str, list[RemoteLogon], _MAX_HOSTS)
        self._unplaced = Recent(_Account, list[RemoteLogon], _MAX_HOSTS)
        self._tickets = Recent(_Account, list[RemoteLogon], _MAX_HOSTS)

    def note(self, host: str, event: Event) -> list[RemoteLogon]:
        """Takes a log-on in; gives back what is now known to have come from elsewhere and may be a person's."""
        if event.outcome != "success" or not is_persons(event):
            return []
        source, user = source_of(event), user_name(event.user or "")
        logon = RemoteLogon(event.at_us, source or "", user, logon_id_of(event, "TargetLogonId"))
        if source is not None:
            self._add(host, logon)
            return [logon]
        if event.source_ip or event.source_domain or event.more.get("winlog.logon.type") not in _BY_TICKET:
            return []
        account = _Account(host, user)
        _append(self._unplaced, account, logon)
        return [
            self._place(host, logon, ticket) for ticket in self._tickets.get(account) or () if _fits(logon, ticket)
        ]

    def note_ticket(self, host: str, event: Event) -> list[RemoteLogon]:
        """Takes a ticket for a host in; gives back the log-ons that it tells the source of."""
        source = source_of(event)
        if source is None or event.outcome != "success" or not is_persons(event):
            return []
        account = _Account(host, user_name(event.user or ""))
        ticket = RemoteLogon(event.at_us, source, account.user, "")
        _append(self._tickets, account, ticket)
        return [
            self._place(host, logon, ticket) for logon in self._unplaced.get(account) or () if _fits(logon, ticket)
        ]

    def at(self, host: str) -> list[RemoteLogon]:
        """The log-ons of a host, in the order of their times."""
        return self._logons.get(host) or []

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode([table.dump() for table in (self._logons, self._unplaced, self._tickets)])

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        logons, unplaced, tickets = msgspec.msgpack.decode(state, type=list[bytes])
        self._logons.load(logons)
        self._unplaced.load(unplaced)
        self._tickets.load(tickets)

    def _place(self, host: str, logon: RemoteLogon, ticket: RemoteLogon) -> RemoteLogon:
        placed = RemoteLogon(logon.at_us, ticket.source, logon.user, logon.logon_id)
        if placed not in self.at(host):
            self._add(host, placed)
        return placed

    def _add(self, host: str, logon: RemoteLogon) -> None:
        logons = self._logons.get(host) or []
        bisect.insort(logons, logon, key=lambda known: known.at_us)
        del logons[:-_MAX_LOGONS]
        self._logons.put(host, logons)


def _fits(logon: RemoteLogon, ticket: RemoteLogon) -> bool:
    return abs(logon.at_us - ticket.at_us) <= TICKET_WINDOW_US


def _append(table: Recent[_Account, list[RemoteLogon]], account: _Account, entry: RemoteLogon) -> None:
    entries = table.get(account) or []
    entries.append(entry)
    del entries[:-_MAX_PER_ACCOUNT]
    table.put(account, entries)


def best_logon(session: Visited, logons: Iterable[RemoteLogon], *, least: int = NEAR) -> RemoteLogon | None:
    """The log-on that most likely did something, whatever came first; ``None`` if none is at least that sure."""
    known = [session.logon] if session.logon else []
    possible = [logon for logon in (*logons, *known) if closeness(session, logon) >= least]
    return max(possible, key=lambda logon: _rank(session, logon), default=None) if possible else None


def closeness(session: Visited, logon: RemoteLogon) -> int:
    """How sure it is that a log-on did something; 0 if it did not."""
    if logon.logon_id and logon.logon_id in session.logon_ids:
        return EXACT
    if not session.first_us - LOGON_BEFORE_US <= logon.at_us <= session.last_us + LOGON_AFTER_US:
        return 0
    if logon.user in session.users:
        return SAME_USER
    return 0 if session.users else NEAR


def how_long_before(session: Visited, logon: RemoteLogon) -> str:
    """``2 minutes before``, ``5 seconds after``, ``at the same moment``."""
    apart_us = session.first_us - logon.at_us
    return f"{duration(abs(apart_us))} {'before' if apart_us >= 0 else 'after'}" if apart_us else "at the same moment"


def _rank(session: Visited, logon: RemoteLogon) -> tuple[int, int, int, str, str]:
    apart_us = abs(logon.at_us - session.first_us)
    return closeness(session, logon), -apart_us, -logon.at_us, logon.source, logon.user
