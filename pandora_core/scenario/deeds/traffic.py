"""Owns the deeds on the network: names looked up, pages fetched, ports tried."""

from __future__ import annotations

from pandora_core.model import SECOND_US
from pandora_core.scenario.company import DOMAIN, Host, Role
from pandora_core.scenario.happenings import (
    Connection,
    DnsQuery,
    Happening,
    HttpRequest,
    SignatureHit,
    TlsHandshake,
)
from pandora_core.scenario.internet import Site
from pandora_core.scenario.signatures import Signature
from pandora_core.scenario.world import Actor

BROWSER = "C:\\Program Files\\Kestrel\\Browser\\kestrel.exe"
BROWSER_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Kestrel/128.0"
UPDATER_AGENT = "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.50"
_HELD_NAMES = 256
"""How many names a host holds before it forgets them all."""
_INSIDE_TTL_S = 3_600
_OUTSIDE_TTLS_S = (60, 300, 300, 600, 3_600)


def connect(
    me: Actor,
    at_us: int,
    ip: str,
    port: int,
    *,
    service: str | None = None,
    transport: str = "tcp",
    sent: int = 0,
    received: int = 0,
    lasts_us: int = 0,
    state: str = "SF",
    image: str | None = None,
) -> Connection:
    """One connection from the actor's host, with the addresses of that moment; unanswered by what is down."""
    dice, world = me.dice, me.world
    lasts_us = lasts_us or dice.span_us(0.01, 0.4)
    outage = world.outage(ip, at_us)
    if outage is not None and state == "SF":
        service, state, sent, received = None, "REJ" if outage.is_refused and transport == "tcp" else "S0", 0, 0
    address = world.leases.at
    return Connection(
        at_us, dice.uid(), address(me.host.ip, at_us), me.port(), address(ip, at_us), port, transport, service,
        lasts_us, sent, received, state, image, me.host,
    )  # fmt: skip


def look_up(
    me: Actor, at_us: int, name: str, answer: str | None, image: str | None = None, kind: str = "A"
) -> list[Happening]:
    """Asks the domain controller for an address, unless the host still knows it; the controller may ask outside.

    ``answer`` ``None`` stands for a name that does not exist. What strangers ask, they ask elsewhere;
    nobody asks for the address of an address.
    """
    if me.host.role is Role.OUTSIDE or name == answer or me.names.get(name, 0) > at_us:
        return []
    is_inside = name.endswith(DOMAIN)
    ttl_s = _INSIDE_TTL_S if is_inside else me.dice.pick(_OUTSIDE_TTLS_S)
    if len(me.names) >= _HELD_NAMES:
        me.names.clear()
    me.names[name] = at_us + ttl_s * SECOND_US
    recursion = [] if is_inside else _recursion(me, at_us + 400, name, answer, ttl_s, kind)
    rtt_us = me.dice.whole(300, 1_500) + (recursion[-1].rtt_us if recursion else 0)
    question = _question(me, at_us, me.controller.ip, name, answer, ttl_s, rtt_us, kind, image)
    return [question.connection, question, *(part for query in recursion for part in (query.connection, query))]


def fetch_tls(
    me: Actor,
    at_us: int,
    site: Site,
    *,
    sent: int = 900,
    received: int | None = None,
    lasts_us: int = 0,
    application: str = "browser",
    image: str | None = None,
    port: int = 443,
    is_resumed: bool = False,
) -> list[Happening]:
    """Looks a site up and talks TLS with it; ``received`` is by default a page of about the site's usual size."""
    dice = me.dice
    found = look_up(me, at_us, site.name, site.ip, image)
    at_us += dice.whole(900, 30_000)
    size = dice.size(site.page_bytes) if received is None else received
    lasts_us = lasts_us or dice.span_us(0.08, 12.0)
    talk = connect(me, at_us, site.ip, port, service="ssl", sent=sent, received=size, lasts_us=lasts_us, image=image)
    shake_us = at_us + dice.whole(8_000, 60_000)
    shake = TlsHandshake(shake_us, talk, site.name, site.certificate, site.version, application, is_resumed)
    return [*found, talk, shake]


def fetch_http(
    me: Actor,
    at_us: int,
    name: str,
    ip: str,
    path: str,
    *,
    method: str = "GET",
    agent: str = BROWSER_AGENT,
    status: int = 200,
    sent: int = 0,
    received: int = 8_000,
    mime: str | None = "text/html",
    port: int = 80,
    image: str | None = None,
) -> list[Happening]:
    """Looks a host up and makes one plain http request."""
    found = look_up(me, at_us, name, ip, image)
    at_us += me.dice.whole(900, 30_000)
    overhead = 350 + len(path)
    talk = connect(me, at_us, ip, port, service="http", sent=sent + overhead, received=received + 300, image=image)
    request_us = at_us + me.dice.whole(1_000, 20_000)
    return [*found, talk, HttpRequest(request_us, talk, method, name, path, agent, status, sent, received, mime)]


def probe(me: Actor, at_us: int, ip: str, port: int, *, is_open: bool, is_filtered: bool = False) -> Connection:
    """Tries a port: opened and dropped, refused, or left without an answer."""
    if is_open:
        return connect(me, at_us, ip, port, state="RSTO", lasts_us=me.dice.whole(400, 9_000))
    state = "S0" if is_filtered else "REJ"
    return connect(me, at_us, ip, port, state=state, lasts_us=me.dice.whole(200, 3_000))


def noticed(happenings: list[Happening], signature: Signature) -> list[Happening]:
    """The same happenings, the last connection of which Suricata takes for something that it knows."""
    talk = next(part for part in reversed(happenings) if isinstance(part, Connection))
    at_us = talk.at_us + min(talk.duration_us, 50_000)
    return [*happenings, SignatureHit(at_us, talk, signature)]


def open_ports(host: Host) -> frozenset[int]:
    """The TCP ports on which a host of the company answers."""
    own = frozenset[int]().union(*(_OPEN_PORTS[role] for role in host.roles))
    return own | (frozenset({135, 445, 3389, 5985}) if host.is_windows else frozenset({22}))


_OPEN_PORTS: dict[Role, frozenset[int]] = {role: frozenset() for role in Role} | {
    Role.CONTROLLER: frozenset({53, 88, 389, 636, 3268}),
    Role.MAIL: frozenset({25, 143, 587, 993}),
    Role.INTRANET: frozenset({80, 443}),
    Role.DATABASE: frozenset({1433}),
    Role.SOURCE: frozenset({443}),
    Role.MONITOR: frozenset({443, 3000}),
    Role.DEPLOY: frozenset({8530, 8531}),
    Role.WEB: frozenset({80, 443}),
}


def _recursion(me: Actor, at_us: int, name: str, answer: str | None, ttl_s: int, kind: str) -> list[DnsQuery]:
    if me.world.resolver.get(name, 0) > at_us:
        return []
    me.world.remember(name, at_us + ttl_s * SECOND_US)
    controller = Actor(me.world, me.controller, me.controller.account, me.dice)
    outside = me.world.internet.resolver.ip
    rtt_us = me.dice.whole(6_000, 60_000)
    return [_question(controller, at_us, outside, name, answer, ttl_s, rtt_us, kind, None)]


def _question(
    me: Actor,
    at_us: int,
    server_ip: str,
    name: str,
    answer: str | None,
    ttl_s: int,
    rtt_us: int,
    kind: str,
    image: str | None,
) -> DnsQuery:
    sent, received = 32 + len(name), 48 + len(name) + len(answer or "")
    talk = connect(
        me, at_us, server_ip, 53, service="dns", transport="udp", sent=sent, received=received, lasts_us=rtt_us
    )
    answers = () if answer is None else (me.world.leases.at(answer, at_us),)
    return DnsQuery(at_us, talk, name, answers, ttl_s, kind, rtt_us, answer is not None, image)
