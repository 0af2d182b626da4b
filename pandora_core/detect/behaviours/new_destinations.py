"""Owns the behaviour of new destinations: a host that talks to few networks outside talks to a new one."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import RiskyLast
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, duration, listed
from pandora_core.model import DAY_US, HOUR_US, Detection, EntityRef, Event

LEARNING_US = 2 * DAY_US
"""How long a host must have been heard of before a destination can be new for it."""

FEW_NETWORKS = 24
"""Networks outside that a host with habits has: servers, appliances. Who browses passes this within an hour, and then
a new destination means nothing."""

POINTS = 12.0
POINTS_POPULAR = 2.0
MAX_HOSTS = 20_000
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_MAX_SHOWN = 32


class _Source(NamedTuple):
    """The key: who talks."""

    address: str


class Circle(msgspec.Struct, gc=False):
    """The networks outside that a host talks to, by when it first did; none is added once there are too many."""

    since_us: int
    networks: dict[str, int] = msgspec.field(default_factory=dict)


class Contact(NamedTuple):
    """The first contact of a host with a network: with whom, when, and how many of our hosts knew it then."""

    address: str
    at_us: int
    users: int


class Newcomers(Session, kw_only=True, gc=False):
    """First contacts of a host by network."""

    contacts: dict[str, Contact] = msgspec.field(default_factory=dict)
    since_us: int = 0
    known: int = 0


class NewDestinations(SessionBehaviour):
    """First contact of a host with a network outside (/24, or /48 of IPv6) when it has few (T1071): weak evidence.

    Blind spots: hosts that talk to many networks, hosts heard of for less than two days, services that all use.
    """

    name = "new-destination"
    routes = (Route("network", "connection", is_outward=True),)

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_hosts: int = MAX_HOSTS,
        learning_us: int = LEARNING_US,
    ) -> None:
        self._names = context.names
        self._learning_us = learning_us
        self._popularity = Popularity(max_hosts)
        self._circles = RiskyLast(Circle, max_hosts)
        self._new: Sessions[_Source, Newcomers] = Sessions(
            _Source, Newcomers, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple
        )
        self.tables = (self._new,)

    def observe(self, event_id: int, event: Event) -> None:
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None or event.outcome == "failure":
            return
        circle = self._circles.get(source)
        if circle is not None and len(circle.networks) > FEW_NETWORKS:
            return
        if not is_internal(source):
            return
        at_us, network = event.at_us, _network_of(destination)
        if circle is None:
            circle = self._circles.add(source, Circle(at_us))
        elif at_us < circle.since_us:
            circle.since_us = at_us
        first_us = circle.networks.get(network)
        if first_us is None or at_us < first_us:
            circle.networks[network] = at_us
            self._circles.heard(source)
            self._popularity.add(network, source, at_us)
            if at_us - circle.since_us >= self._learning_us:
                self._take(source, circle, destination, event_id, at_us)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._popularity.dump(), self._circles.dump()])

    def recall(self, memory: bytes) -> None:
        popularity, circles = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._circles.load(circles)

    def _take(self, source: str, circle: Circle, destination: str, event_id: int, at_us: int) -> None:
        key = _Source(source)
        self._circles.guard(source)
        new = self._new.at(key, at_us)
        network = _network_of(destination)
        if network in new.contacts or len(new.contacts) < _MAX_SHOWN:
            new.contacts[network] = Contact(destination, at_us, self._popularity.users(network, at_us + 1))
        new.since_us, new.known = circle.since_us, len(circle.networks)
        new.remember(event_id, at_us)
        if new.fired_event_id:
            self._new.mark(key, new)
        else:
            self._new.fire(key, new, event_id, at_us, self.name, *key, new.first_us)

    def _render(self, key: _Source, new: Newcomers) -> Detection:
        entity = self._names.entity_at(key[0], new.last_us)
        contacts = sorted(new.contacts.values(), key=lambda contact: (contact.users, contact.address))
        destinations = [contact.address for contact in contacts]
        is_alone = contacts[0].users <= 1
        # The session also spans what a line that came late showed to be no first contact.
        last_us = max(contact.at_us for contact in contacts)
        others = "no other host of ours talked to them" if is_alone else "other hosts of ours knew them already"
        return Detection(
            id=new.id,
            detector=self.name,
            entity=entity,
            first_seen_us=new.first_us,
            last_seen_us=last_us,
            count=len(contacts),
            points=POINTS if is_alone else POINTS_POPULAR,
            title=f"first contact with {listed(destinations, 2)}",
            reasons=(
                f"first contact with {listed(destinations)}",
                f"in {duration(last_us - new.since_us)} it talked to {amount(new.known, 'network')} outside",
                others,
            ),
            techniques=("T1071",),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=tuple(EntityRef("address", address) for address in destinations[:8]),
            event_ids=new.event_ids,
        )


@lru_cache(maxsize=16_384)
def _network_of(address: str) -> str:
    return ":".join(address.split(":")[:3]) if ":" in address else address.rpartition(".")[0]
