"""Owns what comes in from the internet: visitors of the web site, mail, and the strangers who try every address."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pandora_core.model import DAY_US
from pandora_core.scenario.company import Host, Os, Role
from pandora_core.scenario.deeds.access import shell
from pandora_core.scenario.deeds.traffic import connect, fetch_http, noticed, open_ports, probe
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.happenings import Burst, Happening, TlsHandshake
from pandora_core.scenario.internet import Site, bot_address, own_site
from pandora_core.scenario.names import BOT_LOGINS
from pandora_core.scenario.signatures import Signature
from pandora_core.scenario.world import Actor, World

WEB_NAME = "www.tidemark.example"
_PROBED_PATHS = (
    "/wp-login.php", "/.env", "/admin/", "/phpmyadmin/", "/cgi-bin/test", "/../../etc/passwd", "/.git/config",
)  # fmt: skip
_PROBED_PORTS = (22, 23, 80, 443, 445, 1433, 2375, 3306, 3389, 5060, 5555, 5900, 6379, 8080, 8443, 9200, 27017)
_BOT_AGENTS = ("curl/8.5.0", "Mozilla/5.0 zgrab/0.x", "python-requests/2.31", "masscan/1.3")
_DMZ = (Role.WEB, Role.TRANSFER)


def visitors(world: World) -> Iterator[Burst]:
    """People all over the world who read the company's web site, more of them by day."""
    server = world.company.one(Role.WEB)
    crowd = _crowd(world, "visitors")
    site = own_site(WEB_NAME, server.ip, world.plan.start_us, 30)
    at_us = world.plan.start_us
    while (at_us := at_us + crowd.wait_us(24)) < world.plan.end_us:
        if not crowd.chance(_daylight(at_us)):
            continue
        guest = world.stranger(bot_address(crowd), crowd)
        page: list[Happening] = []
        for number in range(crowd.whole(1, 5)):
            page += _read(guest, at_us + number * 90_000, site)
        yield Burst(at_us, page)


def mail_flow(world: World) -> Iterator[Burst]:
    """Mail servers of others deliver; ours delivers to them."""
    server = world.company.one(Role.MAIL)
    me = world.actor("postfix", server, "flow")
    at_us = world.plan.start_us
    pause_s = max(1.0, 3_600 / (2 + len(world.company.people)))
    while (at_us := at_us + me.dice.wait_us(pause_s)) < world.plan.end_us:
        if me.dice.chance(_daylight(at_us)):
            peer = me.dice.popular(world.internet.mail_peers)
            sender, target = (world.stranger(peer.ip, me.dice), server.ip) if me.dice.chance(0.6) else (me, peer.ip)
            size = me.dice.size(22_000, 1.3)
            yield Burst(at_us, [connect(sender, at_us, target, 25, service="smtp", sent=size, received=800)])


def background_scans(world: World) -> Iterator[Burst]:
    """Strangers who try ports of whatever answers on the internet."""
    crowd = _crowd(world, "scanners")
    hosts = world.company.all(*_DMZ)
    at_us = world.plan.start_us
    while (at_us := at_us + crowd.wait_us(28)) < world.plan.end_us:
        stranger = world.stranger(bot_address(crowd), crowd)
        host = crowd.pick(hosts)
        yield Burst(at_us, _look_around(stranger, at_us, host))


def ssh_knocking(world: World) -> Iterator[Burst]:
    """Bots that try common log-ins on every ssh server there is, a few at a time, from ever new addresses."""
    crowd = _crowd(world, "knocking")
    hosts = [host for host in world.company.all(*_DMZ) if host.os is Os.LINUX]
    at_us = world.plan.start_us
    while (at_us := at_us + crowd.wait_us(300)) < world.plan.end_us:
        bot = world.stranger(bot_address(crowd), crowd)
        host = crowd.pick(hosts)
        happenings: list[Happening] = []
        when_us = at_us
        for _ in range(crowd.size(3, 0.9)):
            happenings += _knock(bot, when_us, host, crowd.popular(BOT_LOGINS))
            when_us += crowd.span_us(3, 25)
        yield Burst(at_us, noticed(happenings, Signature.SSH_KNOCKING) if crowd.chance(0.1) else happenings)


def web_probing(world: World) -> Iterator[Burst]:
    """Bots that ask the web server for pages which other people's servers should not have."""
    crowd = _crowd(world, "probing")
    server = world.company.one(Role.WEB)
    at_us = world.plan.start_us
    while (at_us := at_us + crowd.wait_us(500)) < world.plan.end_us:
        bot = world.stranger(bot_address(crowd), crowd)
        agent = crowd.pick(_BOT_AGENTS)
        happenings: list[Happening] = []
        when_us = at_us
        for _ in range(crowd.whole(1, 6)):
            path = crowd.pick(_PROBED_PATHS)
            happenings += fetch_http(bot, when_us, server.ip, server.ip, path, agent=agent, status=404, received=180)
            if crowd.chance(0.2):
                happenings = noticed(happenings, Signature.WEB_TRAVERSAL if ".." in path else Signature.WEB_SCANNER)
            when_us += crowd.span_us(0.2, 3)
        yield Burst(at_us, happenings)


def _crowd(world: World, name: str) -> Dice:
    return Dice.of(world.plan.seed, "outside", name)


def _read(guest: Actor, at_us: int, site: Site) -> list[Happening]:
    dice = guest.dice
    talk = connect(
        guest, at_us, site.ip, 443, service="ssl", sent=900, received=dice.size(14_000), lasts_us=dice.span_us(0.1, 9)
    )
    return [talk, TlsHandshake(at_us + 30_000, talk, site.name, site.certificate, "TLSv13", "browser")]


def _daylight(at_us: int) -> float:
    """How awake (0.1–1) the world's readers are: most of them live in the company's part of it."""
    return 0.55 - 0.45 * math.cos(2 * math.pi * (at_us % DAY_US / DAY_US - 0.08))


def _look_around(stranger: Actor, at_us: int, host: Host) -> list[Happening]:
    """One to a few ports of one host; what is not open is filtered by the firewall."""
    dice, answering = stranger.dice, open_ports(host)
    happenings: list[Happening] = []
    for _ in range(dice.whole(1, 3)):
        port = dice.pick(_PROBED_PORTS)
        is_open = port in answering
        happenings.append(probe(stranger, at_us, host.ip, port, is_open=is_open, is_filtered=not is_open))
        at_us += dice.span_us(0.01, 4)
    return noticed(happenings, Signature.STRAY_PROBE) if dice.chance(0.03) else happenings


def _knock(bot: Actor, at_us: int, host: Host, login: str) -> list[Happening]:
    is_known = login in ("root", "backup", "www")
    return shell(
        bot, at_us, host, login, method="password", is_success=False, is_known_user=is_known,
        client=bot.dice.pick(("SSH-2.0-Go", "SSH-2.0-libssh2_1.10.0", "SSH-2.0-paramiko_2.11.0")),
    ).happenings  # fmt: skip
