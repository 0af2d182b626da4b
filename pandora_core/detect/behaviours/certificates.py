"""Owns the behaviour of odd certificates: self-signed, expired or just made, and shown to a host all the time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_outside
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import listed, span_of
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Detection, EntityRef, Event

STRETCHES = 9
"""Different ten minutes with a handshake that make traffic regular: an hour and a half, where a visit is over in one
or two."""

FRESH_US = 7 * DAY_US
"""A certificate made less than a week ago. Ordinary ones are renewed every two or three months, so that at any time
one in ten is that young: a weak sign, and none for itself."""

POINTS = {"self-signed": 35.0, "expired": 25.0, "not valid yet": 25.0, "fresh": 12.0}
POINTS_POPULAR = 5.0
MAX_POINTS = 50.0
MAX_CERTIFICATES = 20_000
CAPACITY = 10_000
PAUSE_US = 12 * HOUR_US

_STRETCH_US = 10 * MINUTE_US
_MAX_WAITING = 16
_MAX_STRETCHES = 300
_LINKS = ("zeek.ssl.cert_chain_fps", "zeek.ssl.cert_chain_fuids")
_OWN_IDS = ("x509.fingerprint", "zeek.x509.id")


class Path(NamedTuple):
    """The key: who was shown the certificate by whom."""

    source: str
    destination: str


class Shown(NamedTuple):
    """One handshake."""

    source: str
    destination: str
    at_us: int
    event_id: int
    name: str


class Fact(NamedTuple):
    """What a certificate says: whether it signed itself, and its time of validity in microseconds."""

    is_self_signed: bool
    from_us: int | None
    until_us: int | None


class Odd(Session, kw_only=True, gc=False):
    """Handshakes along one path with certificates that are odd."""

    count: int = 0
    kinds: set[str] = msgspec.field(default_factory=set)
    stretches: set[int] = msgspec.field(default_factory=set)
    names: set[str] = msgspec.field(default_factory=set)


class Certificates(SessionBehaviour):
    """Encrypted channels with certificates that an intruder made (T1573.002, T1587.003).

    Zeek tells of handshakes and of certificates apart, in any order; they are put together by the certificate's id.
    Blind spots: TLS 1.3, which hides certificates; free certificates of a public authority, older than a week.
    """

    name = "certificate"
    routes = (Route("network", "tls-handshake"), Route("network", "certificate"))

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_certificates: int = MAX_CERTIFICATES,
        stretches: int = STRETCHES,
    ) -> None:
        self._names = context.names
        self._stretches = stretches
        self._popularity = Popularity(capacity)
        self._facts = Recent(str, Fact, max_certificates)
        self._waiting = Recent(str, tuple[Shown, ...], max_certificates)
        self._odd = Sessions(Path, Odd, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._odd,)

    def observe(self, event_id: int, event: Event) -> None:
        if event.action == "certificate":
            self._learn(event)
            return
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None or not is_outside(destination) or is_outside(source):
            return
        more = event.more
        shown = Shown(source, destination, event.at_us, event_id, str(more.get("tls.server_name") or ""))
        kinds = {*_kinds_told(event), *_kinds(_fact_of(event), event.at_us)}
        for link in _LINKS:
            chain = more.get(link)
            if isinstance(chain, list) and chain:
                kinds.update(self._linked(str(chain[0]), shown))
                break
        if kinds:
            self._take(shown, kinds)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._popularity.dump(), self._facts.dump(), self._waiting.dump()])

    def recall(self, memory: bytes) -> None:
        popularity, facts, waiting = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._facts.load(facts)
        self._waiting.load(waiting)

    def _linked(self, certificate: str, shown: Shown) -> Iterator[str]:
        fact = self._facts.get(certificate)
        if fact is not None:
            yield from _kinds(fact, shown.at_us)
        else:
            waiting = self._waiting.get(certificate) or ()
            if len(waiting) < _MAX_WAITING:
                self._waiting.put(certificate, (*waiting, shown))

    def _learn(self, event: Event) -> None:
        fact = _fact_of(event)
        for field in _OWN_IDS:
            certificate = event.more.get(field)
            if isinstance(certificate, str):
                self._facts.put(certificate, fact)
                for shown in self._waiting.get(certificate) or ():
                    kinds = {*_kinds(fact, shown.at_us)}
                    if kinds:
                        self._take(shown, kinds)
                if certificate in self._waiting:
                    self._waiting.put(certificate, ())

    def _take(self, shown: Shown, kinds: set[str]) -> None:
        key = Path(shown.source, shown.destination)
        for told in self._popularity.add(shown.destination, shown.source, shown.at_us):
            self._odd.mark_place(told)
        odd = self._odd.at(key, shown.at_us)
        odd.remember(shown.event_id, shown.at_us)
        stretch = shown.at_us // _STRETCH_US
        if len(odd.stretches) < _MAX_STRETCHES:
            odd.stretches.add(stretch)
        odd.kinds |= kinds
        odd.count = len(odd.stretches)
        if shown.name and len(odd.names) < 8:
            odd.names.add(shown.name)
        if odd.fired_event_id:
            self._odd.mark(key, odd)
        elif odd.count >= self._stretches:
            self._odd.fire(key, odd, shown.event_id, shown.at_us, self.name, *key, odd.first_us)

    def _render(self, key: Path, odd: Odd) -> Detection:
        entity = self._names.entity_at(key.source, odd.last_us)
        kinds = sorted(odd.kinds, key=lambda kind: (-POINTS[kind], kind))
        called = f" (called {listed(sorted(odd.names), 3)})" if odd.names else ""
        return Detection(
            id=odd.id,
            detector=self.name,
            entity=entity,
            first_seen_us=odd.first_us,
            last_seen_us=odd.last_us,
            count=odd.count,
            points=POINTS_POPULAR
            if self._popularity.is_popular(key.destination)
            else min(sum(POINTS[kind] for kind in kinds), MAX_POINTS),
            title=f"regular TLS to {key.destination} with a {' and '.join(kinds)} certificate",
            reasons=(
                f"{key.destination}{called} shows a certificate that is {' and '.join(kinds)}",
                f"handshakes in {odd.count} different stretches of ten minutes {span_of(odd)}",
                users_sentence(self._popularity.users(key.destination), key.destination),
            ),
            techniques=("T1573.002", "T1587.003") if "self-signed" in odd.kinds else ("T1573.002",),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=(EntityRef("address", key.destination),),
            event_ids=odd.event_ids,
        )


def _kinds_told(event: Event) -> Iterator[str]:
    """What the sensor itself found, as OpenSSL words it."""
    told = event.more.get("tls.validation")
    if not isinstance(told, str):
        return
    if told.startswith(("self signed certificate", "self-signed certificate")) and "chain" not in told:
        yield "self-signed"
    elif "expired" in told:
        yield "expired"


def _fact_of(event: Event) -> Fact:
    more = event.more
    side = "x509" if event.action == "certificate" else "tls"
    subject, issuer = more.get(f"{side}.subject"), more.get(f"{side}.issuer")
    return Fact(
        bool(subject) and subject == issuer,
        _time_us(more.get("x509.not_before")),
        _time_us(more.get("x509.not_after")),
    )


def _time_us(seconds: object) -> int | None:
    return round(seconds * SECOND_US) if isinstance(seconds, int | float) and seconds > 0 else None


def _kinds(fact: Fact, at_us: int) -> Iterator[str]:
    """What is odd about a certificate at a moment."""
    if fact.is_self_signed:
        yield "self-signed"
    if fact.until_us is not None and fact.until_us < at_us:
        yield "expired"
    if fact.from_us is not None:
        if fact.from_us > at_us + DAY_US:
            yield "not valid yet"
        elif at_us - fact.from_us < FRESH_US:
            yield "fresh"
