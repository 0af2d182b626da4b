"""Owns what machines do by themselves: clocks, renewals, updates, monitoring, backup, scanning, deployment, cron."""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pandora_core.scenario.company import DOMAIN, Host, Os, Role, days
from pandora_core.scenario.deeds.access import enter, knock, open_share, shell, sign_in, touch
from pandora_core.scenario.deeds.endpoint import SERVICES, SVCHOST, SYSTEM, SYSTEM32, install_service, start
from pandora_core.scenario.deeds.traffic import (
    UPDATER_AGENT,
    connect,
    fetch_http,
    fetch_tls,
    open_ports,
    probe,
)
from pandora_core.scenario.happenings import (
    Burst,
    CronJob,
    DirectoryCopied,
    Failure,
    Happening,
    LeaseGiven,
    Logon,
    RpcCall,
)
from pandora_core.scenario.internet import own_site
from pandora_core.scenario.plan import LOGONS
from pandora_core.scenario.world import Actor, World

_BACKGROUND_PROGRAMS = (
    (f"{SYSTEM32}taskhostw.exe", "KEYROAMING", SVCHOST),
    (f"{SYSTEM32}wbem\\WmiPrvSE.exe", "-secured -Embedding", SVCHOST),
    (f"{SYSTEM32}backgroundTaskHost.exe", "-ServerName:App", SVCHOST),
    (f"{SYSTEM32}SearchIndexer.exe", "/Embedding", SERVICES),
    ("C:\\Program Files\\Kestrel\\Update\\kestrelupdate.exe", "/scheduled", SVCHOST),
)
_SCANNED_PORTS = (
    21, 22, 23, 25, 53, 80, 88, 110, 111, 135, 139, 143, 161, 389, 443, 445, 464, 587, 593, 636, 873, 993, 995, 1080,
    1433, 1521, 2049, 2222, 3000, 3128, 3268, 3306, 3389, 5000, 5432, 5666, 5900, 5985, 5986, 6379, 8000, 8008, 8080,
    8443, 8530, 8531, 8888, 9000, 9090, 9100, 9200, 9389, 10050, 11211, 27017, 47001, 49152, 49664,
)  # fmt: skip


_LEASE_US = 4 * HOUR_US
"""A workstation asks for its address anew after half of the eight hours that it holds."""


def housekeeping(world: World, host: Host) -> Iterator[Burst]:
    """What one machine does around the clock; a workstation only while its owner is likely to have it on."""
    me = world.actor(host.account, host)
    dice = me.dice
    is_desk = host.role is Role.DESK
    at_us = world.plan.start_us - world.plan.start_us % DAY_US + dice.wait_us(600)
    lease_until_us = 0
    while at_us < world.plan.end_us:
        hour = (at_us + int(host.zone_h * HOUR_US)) % DAY_US // HOUR_US
        if not is_desk or 7 <= hour < 19:
            if is_desk and at_us >= lease_until_us:
                yield Burst(at_us, _lease(me, at_us, is_renewal=at_us < lease_until_us + _LEASE_US))
                lease_until_us = at_us + _LEASE_US
            yield Burst(at_us, _chore(me, at_us))
        at_us += dice.near_us(480 if is_desk else 700, 0.4)


def cron(world: World, host: Host) -> Iterator[Burst]:
    """The jobs of a Linux host: one every hour, one every ten minutes."""
    dice = world.actor("root", host, "cron").dice
    at_us = world.plan.start_us - world.plan.start_us % HOUR_US + 10 * MINUTE_US + SECOND_US
    while at_us < world.plan.end_us:
        user = "root" if at_us % HOUR_US < MINUTE_US else "www-data"
        yield Burst(at_us, [CronJob(at_us + dice.whole(0, 400_000), host, user, dice.span_us(0.1, 4))])
        at_us += 10 * MINUTE_US


def monitoring(world: World) -> Iterator[Burst]:
    """The monitoring host asks the agent of every server how it is, each on its own period."""
    me = world.actor("monitor", world.company.one(Role.MONITOR))
    servers = [host for host in world.company.servers if host is not me.host]
    at_us = world.plan.start_us
    while at_us < world.plan.end_us:
        for server in servers:
            at_us += me.dice.span_us(0.05, 0.6)
            size = me.dice.size(900, 0.1)
            yield Burst(at_us, [connect(me, at_us, server.ip, 10050, sent=180, received=size, lasts_us=40_000)])
        at_us += me.dice.near_us(max(5.0, 120.0 - 0.3 * len(servers)), 0.01)


def web_checks(world: World) -> Iterator[Burst]:
    """The monitoring host opens the sign-in page of the source server, which has signed its own certificate."""
    me = world.actor("monitor", world.company.one(Role.MONITOR), "web")
    server = world.company.one(Role.SOURCE)
    page = own_site(server.fqdn, server.ip, world.plan.start_us, 400, is_self_signed=True)
    at_us = world.plan.start_us
    while (at_us := at_us + me.dice.near_us(300, 0.005)) < world.plan.end_us:
        yield Burst(at_us, fetch_tls(me, at_us, page, received=4_300, lasts_us=90_000, application="monitor"))


def database_sessions(world: World) -> Iterator[Burst]:
    """The intranet's servers ask the database, by day more than by night."""
    company = world.company
    actors = [world.actor("www-data", host, "database") for host in company.by_role[Role.INTRANET]]
    at_us = world.plan.start_us
    while at_us < world.plan.end_us:
        for me in actors:
            server = company.near(Role.DATABASE, me.host)
            sent, received = me.dice.size(1_200), me.dice.size(40_000, 1.2)
            yield Burst(at_us, [connect(me, at_us, server.ip, 1433, sent=sent, received=received)])
        hour = at_us % DAY_US // HOUR_US
        at_us += actors[0].dice.wait_us(25 if 7 <= hour < 19 else 240)


def backup(world: World) -> Iterator[Burst]:
    """Every night the backup host logs on to each server and pulls what has changed."""
    me = world.service("svc-backup")
    for day_us in days(world.plan):
        at_us = day_us + HOUR_US + me.dice.span_us(0, 240)
        for server in world.company.servers:
            if server is me.host or server.ip.startswith("192."):
                continue
            size = me.dice.size(900_000_000, 0.7)
            yield Burst(at_us, _pull(me, at_us, server, size))
            at_us += size // 40 + me.dice.span_us(5, 60)


def replication(world: World) -> Iterator[Burst]:
    """Domain controllers keep each other up to date over RPC."""
    first, *others = world.company.by_role[Role.CONTROLLER]
    me = world.actor(first.account, first, "replication")
    at_us = world.plan.start_us
    while others and at_us < world.plan.end_us:
        for other in others:
            at_us += me.dice.span_us(0.5, 5)
            visit = enter(me, at_us, other, port=135, sent=me.dice.size(9_000), received=me.dice.size(20_000))
            call = RpcCall(visit.at_us, visit.connection, "49667", "drsuapi", "DRSGetNCChanges")
            copied = DirectoryCopied(visit.at_us + 90_000, other, me.user)
            yield Burst(at_us, [*visit.happenings, call, copied])
        at_us += me.dice.near_us(900, 0.05)


def vulnerability_scans(world: World) -> Iterator[Burst]:
    """The security team's own scanner: every night a share of the hosts, every port it knows, and some log-ons."""
    me = world.service("svc-scan")
    hosts = [host for host in world.company.hosts if host is not me.host]
    for number, day_us in enumerate(days(world.plan)):
        at_us = day_us + 2 * HOUR_US + me.dice.span_us(0, 900)
        for host in hosts[number % 7 :: 7]:
            answering = open_ports(host)
            ports = () if world.plan.only == LOGONS else _SCANNED_PORTS
            for port in me.dice.sample(ports, len(ports)):
                at_us += me.dice.span_us(0.01, 0.4)
                yield Burst(at_us, [probe(me, at_us, host.ip, port, is_open=port in answering)])
            at_us += SECOND_US
            yield Burst(at_us, _credentialed_check(me, at_us, host))


def deployment(world: World) -> Iterator[Burst]:
    """Every noon the deployment host puts an agent on a quarter of the workstations, as a service, from afar."""
    me = world.service("svc-deploy")
    desks = world.company.by_role[Role.DESK]
    for number, day_us in enumerate(days(world.plan)):
        version = f"{4 + number // 7}.{number}"
        at_us = day_us + 12 * HOUR_US + me.dice.span_us(0, 1_800)
        for desk in desks[number % 4 :: 4]:
            at_us += me.dice.span_us(4, 70)
            if me.dice.chance(0.1):
                yield Burst(at_us, [probe(me, at_us, desk.ip, 445, is_open=False, is_filtered=True)])
                continue
            visit = enter(me, at_us, desk, sent=me.dice.size(4_000_000, 0.1), is_privileged=True)
            path = f"C:\\Windows\\Temp\\inventory-agent-{version}.exe"
            yield Burst(at_us, [*visit.happenings, *install_service(me, visit, desk, "InventoryAgent", path)])


def forgotten_account(world: World) -> Iterator[Burst]:
    """A service account whose password ran out long ago, and a job that still uses it."""
    me = world.service("svc-legacy")
    server = world.company.one(Role.FILES)
    at_us = world.plan.start_us + me.dice.span_us(0, 900)
    while at_us < world.plan.end_us:
        failed = sign_in(me, at_us, error="KDC_ERR_CLIENT_REVOKED")
        yield Burst(at_us, [*failed, *knock(me, at_us + 50_000, server, me.user, Failure.EXPIRED)])
        at_us += me.dice.near_us(1_800, 0.01)


def _chore(me: Actor, at_us: int) -> list[Happening]:
    dice, host = me.dice, me.host
    chore = dice.random()
    if chore < 0.4:
        clock = me.world.internet.clock.ip if host.role is Role.CONTROLLER else me.controller.ip
        return [
            connect(
                me,
                at_us,
                clock,
                123,
                service="ntp",
                transport="udp",
                sent=48,
                received=48,
                lasts_us=dice.whole(300, 40_000),
            )
        ]
    if not host.is_windows:
        mirror = me.world.internet.updates
        return fetch_http(
            me, at_us, mirror.name, mirror.ip, "/debian/dists/stable/InRelease", agent="Debian APT-HTTP/1.3",
            status=304, received=0, mime=None,
        )  # fmt: skip
    if chore < 0.6:
        return _renew(me, at_us)
    if chore < 0.8:
        return _update(me, at_us)
    image, arguments, parent = dice.pick(_BACKGROUND_PROGRAMS)
    logon = Logon(at_us, host, "SYSTEM", 5, "Negotiate", host, me.controller, is_privileged=True)
    return [logon, start(me, at_us + 90_000, image, arguments, parent=parent, user=SYSTEM)]


def _lease(me: Actor, at_us: int, *, is_renewal: bool) -> list[Happening]:
    """An address for the day, from the domain controller; kept by asking again."""
    server = me.controller
    talk = connect(
        me, at_us, server.ip, 67, service="dhcp", transport="udp", sent=310, received=330, lasts_us=900_000
    )
    return [talk, LeaseGiven(at_us, talk, me.host, talk.source_ip, is_renewal)]


def _renew(me: Actor, at_us: int) -> list[Happening]:
    """A machine renews its own tickets and looks for new policies."""
    server = me.controller
    if server is me.host:
        return []
    visit = enter(me, at_us, server, received=me.dice.size(9_000))
    path = f"{DOMAIN}\\Policies\\machine\\registry.pol"
    return [
        *visit.happenings,
        open_share(me, visit, server, "SYSVOL"),
        touch(me, visit.at_us + 60_000, visit, server, "SYSVOL", path, "open"),
    ]


def _update(me: Actor, at_us: int) -> list[Happening]:
    """Asks the company's update server, which asks the maker."""
    server = me.company.one(Role.DEPLOY)
    if server is me.host:
        return fetch_tls(
            me, at_us, me.world.internet.updates, received=me.dice.size(2_000_000), application="updates"
        )
    path = "/ClientWebService/client.asmx"
    size = me.dice.size(12_000)
    return fetch_http(
        me, at_us, server.fqdn, server.ip, path, method="POST", agent=UPDATER_AGENT, sent=2_400, received=size,
        mime="text/xml", port=8530,
    )  # fmt: skip


def _pull(me: Actor, at_us: int, server: Host, size: int) -> list[Happening]:
    lasts_us = size // 40
    if not server.is_windows:
        return shell(me, at_us, server, "backup", lasts_us=lasts_us, bulk=size // 50).happenings
    visit = enter(me, at_us, server, lasts_us=lasts_us, sent=size // 60, received=size, is_privileged=True)
    return [*visit.happenings, open_share(me, visit, server, "C$")]


def _credentialed_check(me: Actor, at_us: int, host: Host) -> list[Happening]:
    """The scanner tries its own account, and on Linux a handful of factory passwords."""
    if host.os is Os.WINDOWS:
        visit = enter(me, at_us, host, package="NTLM", is_privileged=True)
        return [*visit.happenings, open_share(me, visit, host, "ADMIN$")]
    logins = ("admin", "root", "pi", "svc-scan")
    happenings: list[Happening] = []
    for number, login in enumerate(logins):
        is_own = login == me.user
        method = "publickey" if is_own else "password"
        visit = shell(
            me, at_us + number * 4 * SECOND_US, host, login, method=method, is_success=is_own,
            is_known_user=is_own or login == "root", lasts_us=9 * SECOND_US if is_own else 0,
        )  # fmt: skip
        happenings += visit.happenings
    return happenings
