"""Owns what intruders do on their way: looking around, taking credentials, making accounts, hiding traces."""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.attacks.cast import Cast
from pandora_core.scenario.attacks.chain import Intruder, Move, Scene
from pandora_core.scenario.attacks.entry import WEAK_LOGIN, implant
from pandora_core.scenario.company import INSIDE, Host, Role
from pandora_core.scenario.deeds.access import RC4, enter, open_share, shell, sign_in, ticket_for
from pandora_core.scenario.deeds.endpoint import (
    CMD,
    SYSTEM32,
    start,
    usual_pid,
)
from pandora_core.scenario.deeds.traffic import connect, open_ports, probe
from pandora_core.scenario.happenings import (
    AccountChanged,
    Connection,
    DirectoryCopied,
    LogCleared,
    ProcessAccessed,
    RpcCall,
)
from pandora_core.scenario.world import Actor

_QUESTIONS = (
    "/c whoami /all", "/c net group \"Domain Admins\" /domain", "/c nltest /dclist:", "/c net view /domain",
    "/c systeminfo", "/c net user /domain", "/c arp -a", "/c quser",
)  # fmt: skip
_LOOKED_FOR_PORTS = (445, 3389, 5985, 22, 135, 1433, 80, 443, 88, 8080)


def ask_around(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Commands that tell who and where one is, and one long question to the directory."""
    me = hand.at_victim()
    for question in hand.dice.sample(_QUESTIONS, min(len(_QUESTIONS), hand.many(5))):
        yield at_us, [start(me, at_us, CMD, question, parent=implant(hand.cast))]
        at_us += hand.pause_us(5, 90)
    size = hand.dice.size(2_500_000, 0.4)
    server = me.controller
    yield (
        at_us,
        [connect(me, at_us, server.ip, 389, service="ldap_tcp", sent=9_000, received=size, lasts_us=9 * SECOND_US)],
    )


def scan_from_victim(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Some ports of many addresses of the server network, in use or not."""
    yield from _scan(hand, hand.at_victim(), at_us)


def scan_from_entry(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The same, from the taken host in the DMZ."""
    yield from _scan(hand, hand.at(hand.cast.entry, WEAK_LOGIN), at_us)


def spray_password(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """One password for many people, asked of the domain controller; then the next password."""
    me, company = hand.at_victim(), hand.world.company
    people = hand.dice.sample(company.people, min(len(company.people), hand.many(30)))
    for _ in range(hand.dice.whole(1, 2)):
        for person in people:
            error = "KDC_ERR_C_PRINCIPAL_UNKNOWN" if hand.dice.chance(0.04) else "KDC_ERR_PREAUTH_FAILED"
            yield at_us, sign_in(me, at_us, error=error, user=person.login)
            at_us += hand.pause_us(0.3, 6)
        at_us += hand.pause_us(400, 1_800)
    yield at_us, sign_in(me, at_us, user=hand.cast.stolen)


def ask_for_weak_tickets(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Tickets for every service account, with the old cipher whose keys can be guessed at leisure."""
    me = hand.at_victim()
    for account in me.company.accounts:
        if account.principal:
            yield at_us, ticket_for(me, at_us, account.principal, account.name, RC4)
            at_us += hand.pause_us(0.2, 20)


def read_logon_secrets(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The intruder's program reads the memory of the process that keeps the passwords."""
    me = hand.at_victim()
    image = implant(hand.cast)
    pid = usual_pid(me.host, image)
    for _ in range(hand.many(2)):
        access = hand.dice.pick(("0x1010", "0x1410", "0x1438"))
        yield at_us, [ProcessAccessed(at_us, me.host, me.user, image, pid, f"{SYSTEM32}lsass.exe", access)]
        at_us += hand.pause_us(1, 20)


def look_for_keys(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Looks for private keys in the folders of the desk."""
    me = hand.at_victim()
    for pattern in ("id_rsa", "id_ed25519", "*.ppk"):
        arguments = f"/c dir /s /b C:\\Users\\{pattern}"
        yield at_us, [start(me, at_us, CMD, arguments, parent=implant(hand.cast))]
        at_us += hand.pause_us(4, 60)


def move_by_ssh(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """From the DMZ host to Linux servers inside, with a key found on its disk; not every server takes it."""
    me = hand.at(hand.cast.entry, WEAK_LOGIN)
    for server in hand.world.company.all(Role.MONITOR, Role.MAIL, Role.SOURCE, Role.INTRANET):
        is_success = bool({Role.SOURCE, Role.INTRANET}.intersection(server.roles))
        lasts_us = hand.pause_us(400, 2_000) if is_success else 0
        yield at_us, shell(me, at_us, server, WEAK_LOGIN, is_success=is_success, lasts_us=lasts_us).happenings
        at_us += hand.pause_us(20, 400)


def copy_moves(cast: Cast) -> tuple[Move, ...]:
    """The log-on that comes with :func:`copy_directory`."""
    return (Move(cast.deploy.name, cast.controller.name, cast.stolen),)


def copy_directory(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Asks the domain controller to replicate its secrets, as only another domain controller should."""
    me = hand.at(hand.cast.deploy, hand.cast.stolen)
    visit = enter(me, at_us, hand.cast.controller, package="NTLM", port=135, received=4_000_000, is_privileged=True)
    operations = ("DRSBind", "DRSCrackNames", "DRSGetNCChanges", "DRSGetNCChanges")
    calls = [
        RpcCall(visit.at_us + 200_000 * number, visit.connection, "49667", "drsuapi", operation)
        for number, operation in enumerate(operations)
    ]
    yield at_us, [*visit.happenings, *calls, DirectoryCopied(visit.at_us + 450_000, hand.cast.controller, me.user)]


def make_account(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """A new account of the domain's administrators, to come back with."""
    controller, by = hand.cast.controller, hand.cast.stolen
    name = hand.cast.made
    changes = (("created", ""), ("password-reset", ""), ("added-to-group", "Domain Admins"))
    for change, group in changes:
        yield at_us, [AccountChanged(at_us, controller, by, name, change, group)]
        at_us += hand.pause_us(1, 6)


def clear_logs(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The Security log of the first server is emptied."""
    me = hand.at(hand.cast.first, hand.cast.stolen)
    tool = start(me, at_us, f"{SYSTEM32}wevtutil.exe", "cl Security", parent=CMD, integrity="High")
    yield at_us, [tool, LogCleared(at_us + 300_000, me.host, me.user)]


def use_colleagues_account(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """From one's own desk into the file server with a colleague's password: guessed at, then right."""
    me = hand.at_victim()
    server = me.company.one(Role.FILES)
    colleague = hand.dice.pick([person for person in me.company.people if person.desk is not me.host]).login
    for _ in range(hand.many(3)):
        yield at_us, sign_in(me, at_us, error="KDC_ERR_PREAUTH_FAILED", user=colleague)
        at_us += hand.pause_us(8, 60)
    visit = enter(me, at_us, server, user=colleague, package="NTLM")
    yield at_us, [*visit.happenings, open_share(me, visit, server, "Finance", colleague)]


def _scan(hand: Intruder, me: Actor, at_us: int) -> Iterator[Scene]:
    company = hand.world.company
    addresses = [f"{INSIDE}1.{last}" for last in range(1, 255)]
    used = [host.ip for host in company.servers if host.ip.startswith(INSIDE)]
    targets = hand.dice.sample(used, len(used)) + hand.dice.sample(addresses, hand.many(40, 250))
    ports = _LOOKED_FOR_PORTS[: hand.many(4, len(_LOOKED_FOR_PORTS))]
    for ip in targets:
        host = company.by_ip.get(ip)
        for port in ports:
            yield at_us, [_try(me, at_us, ip, port, host)]
            at_us += hand.pause_us(0.02, 0.6)


def _try(me: Actor, at_us: int, ip: str, port: int, host: Host | None) -> Connection:
    is_open = host is not None and port in open_ports(host)
    return probe(me, at_us, ip, port, is_open=is_open, is_filtered=host is None)
