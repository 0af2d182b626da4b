"""Owns what keeps the company's machines alive: updates ring by ring, copies in the cloud, services that fail.

And what goes wrong with it: passwords that were changed in one place and not in the other.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from pandora_core.model import DAY_US, HOUR_US, SECOND_US
from pandora_core.scenario.company import Host, Person, Role, days
from pandora_core.scenario.deeds.access import enter, knock, sign_in
from pandora_core.scenario.deeds.endpoint import SERVICES, SVCHOST, SYSTEM, SYSTEM32, start
from pandora_core.scenario.deeds.traffic import UPDATER_AGENT, connect, fetch_http, fetch_tls
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.happenings import Burst, Happening, ServiceCrashed, ServiceInstalled
from pandora_core.scenario.outages import PATCH_WEEKDAY, weekday
from pandora_core.scenario.world import Actor, World

_RINGS = (0.1, 0.6, 1.0)
"""The share of desks that have the month's updates by the end of each day: pilots, most, the rest."""
_PEER_PORT = 7680
_AGENTS = (
    ("Kestrel Elevation Service", "C:\\Program Files\\Kestrel\\Browser\\elevation_service.exe"),
    ("Common Suite Click To Run", "C:\\Program Files\\Common Suite\\ClickToRun\\c2rsvc.exe"),
    ("Print Driver Host", "C:\\Windows\\System32\\DriverStore\\printhost\\printhost.exe"),
)
_CHANGES_A_DAY = 1 / 60
"""How often people change their password: about every sixty days."""
_FORGETS_A_DEVICE = 0.35


def updates(world: World) -> Iterator[Burst]:
    """Once a week's three days every desk fetches and installs what the makers brought out."""
    for day_us in days(world.plan):
        ring = weekday(day_us) - PATCH_WEEKDAY
        if 0 <= ring < len(_RINGS):
            yield from heapq.merge(
                *(_update(world, desk, day_us) for desk in _ring(world, ring)), key=lambda burst: burst.at_us
            )


def browser_updates(world: World) -> Iterator[Burst]:
    """Browsers look for a new version every few hours, and fetch one from a content network now and then."""
    dice = world.actor("updater", world.company.one(Role.DEPLOY), "browsers").dice
    desks = world.company.by_role[Role.DESK]
    at_us = world.plan.start_us
    while (at_us := at_us + dice.wait_us(4.5 * 3_600 / len(desks))) < world.plan.end_us:
        me = Actor(world, dice.pick(desks), "updater", dice)
        hour = (at_us + int(me.host.zone_h * HOUR_US)) % DAY_US // HOUR_US
        if 7 <= hour < 19:
            carrier = world.internet.carriers[0]
            size = dice.size(95_000_000, 0.1) if dice.chance(0.03) else dice.size(1_800, 0.2)
            yield Burst(at_us, fetch_tls(me, at_us, carrier, received=size, application="browser-update"))


def cloud_backup(world: World) -> Iterator[Burst]:
    """Every night the backup host copies what has changed to a store in the cloud, in large pieces."""
    host = world.company.one(Role.BACKUP)
    me = world.actor("svc-backup", host, "cloud")
    for day_us in days(world.plan):
        at_us = day_us + 3 * HOUR_US + me.dice.span_us(0, 600)
        for _ in range(me.dice.whole(6, 14) + world.plan.hosts // 50):
            sent = me.dice.size(300_000_000, 0.5)
            lasts_us = sent // 25
            part = fetch_tls(
                me, at_us, world.internet.vault, sent=sent, received=sent // 4_000, lasts_us=lasts_us,
                application="cloud-backup",
            )  # fmt: skip
            yield Burst(at_us, part)
            at_us += lasts_us + me.dice.span_us(1, 30)


def failures(world: World) -> Iterator[Burst]:
    """Services that end unexpectedly, as the hosts' own logs say."""
    broken = [outage for listed in world.outages.values() for outage in listed if not outage.is_planned]
    for outage in sorted(broken, key=lambda outage: (outage.from_us, outage.host.name)):
        if outage.host.is_windows:
            name = "MSSQLSERVER" if Role.DATABASE in outage.host.roles else "LanmanServer"
            yield Burst(outage.from_us, [ServiceCrashed(outage.from_us, outage.host, name)])


def changed_password(world: World, person: Person) -> Iterator[Burst]:
    """After a change of password a telephone or a forgotten session goes on with the old one for some hours."""
    me = Actor(world, world.company.near(Role.MAIL, person.desk), person.login, _dice(world, person))
    for day_us in days(world.plan):
        if not (me.dice.chance(_CHANGES_A_DAY) and me.dice.chance(_FORGETS_A_DEVICE)):
            continue
        at_us = day_us + int((10 - person.zone_h + 6 * me.dice.random()) * HOUR_US)
        until_us = at_us + me.dice.span_us(1_200, 4 * 3_600)
        every_s = me.dice.pick((60.0, 300.0, 600.0, 900.0))
        while at_us < until_us:
            yield Burst(at_us, sign_in(me, at_us, error="KDC_ERR_PREAUTH_FAILED"))
            at_us += me.dice.near_us(every_s, 0.05)


def changed_service_password(world: World) -> Iterator[Burst]:
    """Once in the plan's time a service's password is changed, and a job elsewhere fails until somebody sees it."""
    me = world.service("svc-intranet")
    job = Actor(world, world.company.one(Role.DATABASE), me.user, me.dice)
    server = world.company.one(Role.FILES)
    if server is job.host:
        server = world.company.one(Role.CONTROLLER)
    span_us = world.plan.end_us - world.plan.start_us
    at_us = world.plan.start_us + int(me.dice.random() * span_us)
    until_us = at_us + me.dice.span_us(900, 3 * 3_600)
    while at_us < min(until_us, world.plan.end_us):
        failed = sign_in(job, at_us, error="KDC_ERR_PREAUTH_FAILED")
        yield Burst(at_us, [*failed, *knock(job, at_us + 60_000, server, job.user)])
        at_us += job.dice.near_us(300, 0.02)
    if at_us < world.plan.end_us:
        yield Burst(at_us, enter(job, at_us, server).happenings)


def _dice(world: World, person: Person) -> Dice:
    return Dice.of(world.plan.seed, "password", person.login)


def _ring(world: World, ring: int) -> list[Host]:
    desks = world.company.by_role[Role.DESK]
    first = int(len(desks) * _RINGS[ring - 1]) if ring else 0
    return list(desks[first : int(len(desks) * _RINGS[ring])])


def _update(world: World, desk: Host, day_us: int) -> Iterator[Burst]:
    me = world.actor(desk.account, desk, "updates", day_us)
    dice = me.dice
    at_us = day_us + int((9 - desk.zone_h + 7 * dice.random()) * HOUR_US)
    yield Burst(at_us, _fetch(me, at_us))
    at_us += dice.span_us(60, 900)
    installers = [
        start(me, at_us, f"{SYSTEM32}wuauclt.exe", "/RunHandlerComServer", parent=SVCHOST, user=SYSTEM),
        start(me, at_us + 4 * SECOND_US, f"{SYSTEM32}msiexec.exe", "/V", parent=SERVICES, user=SYSTEM),
    ]
    yield Burst(at_us, list(installers))
    if dice.chance(0.3):
        at_us += dice.span_us(20, 200)
        name, path = dice.pick(_AGENTS)
        yield Burst(at_us, [ServiceInstalled(at_us, desk, "SYSTEM", name, path)])


def _fetch(me: Actor, at_us: int) -> list[Happening]:
    """From a colleague's desk where one has it already, else from the company's update server."""
    server, size = me.company.one(Role.DEPLOY), me.dice.size(420_000_000, 0.3)
    if me.dice.chance(0.4):
        peer = me.dice.pick(me.company.by_role[Role.DESK])
        if peer is not me.host:
            return [connect(me, at_us, peer.ip, _PEER_PORT, sent=90_000, received=size, lasts_us=size // 30)]
    return fetch_http(
        me, at_us, server.fqdn, server.ip, "/Content/cumulative.cab", agent=UPDATER_AGENT, received=size,
        mime="application/vnd.ms-cab-compressed", port=8530,
    )  # fmt: skip
