"""Owns which host had which address when, and how hosts are spelled, learnt from the events themselves.

Inside the detectors a *place* is where something happens: an IP address, or a host's short name in lower case. Places
are what keys are made of; names are what people are shown. A host's own statement about its address (a connection it
logged, a DHCP lease) holds from its time on. A log-on's claim (the machine account or NTLM workstation name that came
from an address) is believed only while all claims about that address agree: a client words it, and many hosts may
share one address behind a translator.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from pandora_core.detect.addresses import is_address, is_group_address, is_local
from pandora_core.detect.recent import Recent
from pandora_core.model import EntityRef, Event

MAX_PLACES = 200_000
"""Addresses, and host names, that are remembered; the ones learnt first are forgotten first."""

MAX_ALIASES = 16
"""Addresses of one host that are remembered as its own, the ones told last."""

_MAX_STATEMENTS = 16
_OUTBOUND, _INBOUND = "%%14593", "%%14592"  # Direction of Windows event 5156
_OWN_CONNECTIONS = ("3", "5156")  # Sysmon's and the filtering platform's: a host tells of its own connections


class Statement(NamedTuple):
    """From ``at_us`` on an address was the host ``name``."""

    at_us: int
    name: str


class Names:
    """What is known of names. Every method that learns returns the places that are now shown differently."""

    def __init__(self, capacity: int = MAX_PLACES) -> None:
        self._capacity = capacity
        self._stated = Recent(str, list[Statement], capacity)
        self._claimed = Recent(str, list[str], capacity)
        self._spelling = Recent(str, str, capacity)
        self._addresses: dict[str, set[str]] = {}
        self._own = Recent(str, list[str], capacity)
        self._hosts_seen: set[str] = set()

    def learn(self, event: Event) -> list[str]:
        """Takes in what an event tells of names."""
        changed: list[str] = []
        host = event.host
        if host is not None and host not in self._hosts_seen:
            changed += self._spell(host)
        client, action = event.source_domain, event.action
        if client is not None and client not in self._hosts_seen and "." not in client and is_name(client):
            changed += self._spell(client)
        if action == "connection":
            if host is not None and event.code in _OWN_CONNECTIONS and (address := _own_address(event)):
                changed += self.state(address, host, event.at_us)
        elif action == "dhcp-lease":
            leased, name = event.more.get("client.assigned_ip"), event.more.get("client.hostname")
            if isinstance(leased, str) and isinstance(name, str) and is_name(name):
                changed += self.state(leased, name, event.at_us)
        elif event.outcome == "success" and event.category == "authentication":
            changed += self._learn_logon(event)
        return changed

    def state(self, address: str, host: str, at_us: int) -> list[str]:
        """A host, or the server that leased it, says that it has an address."""
        changed = self._spell(host) if host not in self._hosts_seen else []
        name = place_of(host)
        statements = self._stated.get(address)
        self._addresses.setdefault(name, set()).add(address)
        changed += self._own_of(name, address)
        if statements is None:
            entry = self._stated.put(address, [Statement(at_us, name)])
            return [*changed, address, *self._unlink(entry, [s.name for s in entry[1]] if entry else [])]
        place = bisect.bisect_right(statements, at_us, key=_time_of)
        before = statements[max(place - 1, 0)]
        if before.name == name:
            if at_us < before.at_us:
                statements[0] = Statement(at_us, name)
            return changed
        if place < len(statements) and statements[place].name == name:
            statements[place] = Statement(at_us, name)
        else:
            statements.insert(place, Statement(at_us, name))
            if len(statements) > _MAX_STATEMENTS:
                dropped = statements.pop(0).name
                self._unlink((address, None), [dropped])
        return [*changed, address]

    def claim(self, address: str, host: str) -> list[str]:
        """A log-on from an address came with the name of a host."""
        name = place_of(host)
        claims = self._claimed.get(address)
        if claims is not None and (name in claims or len(claims) > 1):
            return []
        changed = self._spell(host) if host not in self._hosts_seen else []
        self._addresses.setdefault(name, set()).add(address)
        if claims is not None:
            claims.append(name)
            return [*changed, address]
        entry = self._claimed.put(address, [name])
        return [*changed, address, *self._unlink(entry, entry[1] if entry else [])]

    def host_at(self, address: str, at_us: int) -> str | None:
        """The host that had an address at a time; the earliest known one for times before that."""
        statements = self._stated.get(address)
        if statements:
            place = bisect.bisect_right(statements, at_us, key=_time_of)
            return self.spelled(statements[max(place - 1, 0)].name)
        claims = self._claimed.get(address)
        return self.spelled(claims[0]) if claims and len(claims) == 1 else None

    def aliases(self, address: str) -> set[str]:
        """The other addresses of the hosts that had an address, by their own statements.

        A log-on's claim is no statement: nobody becomes another host by saying so.
        """
        names = {told.name for told in self._stated.get(address) or ()}
        return {other for name in names for other in self._own.get(name) or ()} - {address}

    def addresses_of(self, name: str) -> set[str]:
        """The addresses that a host had or was claimed to have."""
        return self._addresses.get(name) or set()

    def entity_at(self, place: str, at_us: int) -> EntityRef:
        """Whose risk it is what happens at a place: a host where its name is known, else the address."""
        if not is_address(place):
            # A dotted name is what a resolver made of a stranger's address: our hosts' places are short names.
            return EntityRef("address", place) if "." in place else EntityRef("host", self.spelled(place))
        name = self.host_at(place, at_us)
        return EntityRef("host", name) if name else EntityRef("address", place)

    def spelled(self, name: str) -> str:
        """A host's name as the logs write it; of several spellings the first in order, so that capitals win."""
        return self._spelling.get(name) or name

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        return msgspec.msgpack.encode(
            [table.dump() for table in (self._stated, self._claimed, self._spelling, self._own)]
        )

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`."""
        stated, claimed, spelling, own = msgspec.msgpack.decode(state, type=list[bytes])
        self._own.load(own)
        self._stated.load(stated)
        self._claimed.load(claimed)
        self._spelling.load(spelling)
        self._hosts_seen.clear()
        self._addresses = {}
        for address in {*self._stated.keys(), *self._claimed.keys()}:
            for name in self._names_of(address):
                self._addresses.setdefault(name, set()).add(address)

    def _own_of(self, name: str, address: str) -> list[str]:
        """Notes that a host says an address is its own; returns the places at which other aliases are known then."""
        own = self._own.get(name) or []
        if address in own:
            return []
        forgotten = self._own.put(name, [*own, address][-MAX_ALIASES:])
        return [*([own[0]] if len(own) == MAX_ALIASES else []), *(forgotten[1] if forgotten else [])]

    def _learn_logon(self, event: Event) -> list[str]:
        changed: list[str] = []
        address, server = event.source_ip, event.destination_domain
        if server and event.host is None and event.destination_ip and is_name(server):
            changed += self.claim(event.destination_ip, server)
        if address is None or is_local(address):
            return changed
        name = machine_of(event.user or "") or event.source_domain
        if not name or "." in name or not is_name(name):
            return changed
        if event.source_domain == name and event.host and place_of(name) == place_of(event.host):
            return changed  # a remote desktop log-on gives the server's own name for the client's
        return changed + self.claim(address, name)

    def _spell(self, host: str) -> list[str]:
        """Notes a spelling; returns the names that are now shown differently."""
        if len(self._hosts_seen) >= self._capacity:
            self._hosts_seen.clear()  # only a shortcut: to spell again what is known changes nothing
        spelling, name = short_name(host), place_of(host)
        known = self._spelling.get(name)
        changed = self._shown_as(name) if spelling < (known or name) else []
        if known is None or spelling < known:
            forgotten = self._spelling.put(name, spelling)
            if forgotten:
                self._hosts_seen.clear()
                changed += self._shown_as(forgotten[0])
        self._hosts_seen.add(host)
        return changed

    def _shown_as(self, name: str) -> list[str]:
        """The places at which a host's name is shown."""
        return [name, *sorted(self._addresses.get(name, ()))]

    def _unlink(self, entry: tuple[str, Any] | None, names: Iterable[str]) -> list[str]:
        """The address whose names were forgotten, if there is one."""
        if entry is None:
            return []
        for name in {*names}.difference(self._names_of(entry[0])):
            self._addresses[name].discard(entry[0])
            if not self._addresses[name]:
                del self._addresses[name]
        return [entry[0]]

    def _names_of(self, address: str) -> set[str]:
        """All names that an address had or was claimed to have."""
        stated = self._stated.get(address) or []
        return {*(statement.name for statement in stated), *(self._claimed.get(address) or [])}


def short_name(host: str) -> str:
    """A host's name without domain, ``\\\\`` prefix and the ``$`` of a machine account; an address stays whole."""
    name = host.strip("\\").rstrip("$.")
    return name if is_address(name) else name.partition(".")[0] or name


@lru_cache(maxsize=65_536)
def place_of(host: str) -> str:
    """The place that a host name or an address stands for."""
    return short_name(host).casefold()


def is_name(text: str) -> bool:
    """Whether a text can be a host's name: not empty, a dash or the word that null session tools send, no address."""
    return text not in ("", "-", "NULL") and not text.isspace() and not is_address(text)


@lru_cache(maxsize=65_536)
def machine_of(user: str) -> str | None:
    """The host whose machine account a user is (``WS-5$``, ``ws-5$@CORP.LOCAL``); ``None`` for a person's account."""
    account = user.partition("@")[0].rpartition("\\")[2]
    return account[:-1] if account.endswith("$") and len(account) > 1 else None


@lru_cache(maxsize=65_536)
def user_name(user: str) -> str:
    """An account's name without its domain, in lower case: ``CORP\\Alice`` and ``alice@CORP.LOCAL`` are ``alice``."""
    return user.partition("@")[0].rpartition("\\")[2].casefold()


def _own_address(event: Event) -> str | None:
    """Of a connection that a host logged about itself, its own address."""
    more = event.more
    direction = more.get("winlog.event_data.Direction")
    initiated = more.get("winlog.event_data.Initiated")
    if direction == _OUTBOUND or initiated in ("true", "True", True):
        address = event.source_ip
    elif direction == _INBOUND or initiated in ("false", "False", False):
        address = event.destination_ip
    else:
        return None
    return address if address and not is_local(address) and not is_group_address(address) else None


def _time_of(statement: Statement) -> int:
    return statement.at_us
