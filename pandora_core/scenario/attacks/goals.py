"""Owns what intruders came for: files gathered and carried off, or made unreadable."""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.attacks.chain import Intruder, Scene
from pandora_core.scenario.attacks.entry import WEAK_LOGIN
from pandora_core.scenario.company import Host, Role
from pandora_core.scenario.deeds.access import enter, log_on_at_desk, open_share, touch
from pandora_core.scenario.deeds.endpoint import CMD, SYSTEM32, start
from pandora_core.scenario.deeds.traffic import fetch_tls, look_up, noticed
from pandora_core.scenario.happenings import Happening
from pandora_core.scenario.internet import Site
from pandora_core.scenario.names import DEPARTMENTS, DOCUMENT_SUFFIXES, DOCUMENT_WORDS
from pandora_core.scenario.signatures import Signature
from pandora_core.scenario.world import Actor

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def gather_with_stolen_account(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """From the first server, the stolen account reads the shared files."""
    yield from _gather(hand, hand.at(hand.cast.first, hand.cast.stolen), at_us)


def gather_as_victim(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Somebody of the staff reads far more of the shared files than ever before."""
    yield from _gather(hand, hand.at_victim(), at_us)


def stay_late(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """A log-on at the own desk when everybody has gone."""
    yield at_us, log_on_at_desk(hand.at_victim(), at_us)


def upload_from_first(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The first server sends what was gathered to the intruder's own server."""
    yield from _upload(hand, hand.at(hand.cast.first, hand.cast.stolen), hand.cast.command, at_us)


def upload_from_entry(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The taken host in the DMZ sends what was gathered to the intruder's own server."""
    yield from _upload(hand, hand.at(hand.cast.entry, WEAK_LOGIN), hand.cast.command, at_us)


def upload_to_file_drop(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """What was gathered goes to a file drop on the web that others use too."""
    yield from _upload(hand, hand.at_victim(), hand.world.internet.file_drop, at_us)


def carry_off_by_dns(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Files leave in small pieces, in the labels of DNS queries."""
    me, domain = hand.at_victim(), hand.cast.command.name
    for number in range(hand.many(700, 20_000)):
        label = "".join(hand.dice.pick(_BASE32) for _ in range(56))
        yield at_us, look_up(me, at_us, f"{number:x}.{label}.{domain}", "ok", kind="TXT")
        me.names.clear()
        at_us += hand.pause_us(0.3, 3)


def upload_from_last(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """The last host of the path sends what lay on it to the intruder's own server."""
    yield from _upload(hand, hand.at(hand.cast.path[-1], hand.cast.stolen), hand.cast.command, at_us)


def prevent_recovery(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """Shadow copies and backup catalogues are deleted on the servers."""
    for host in (hand.cast.first, hand.cast.second):
        me = hand.at(host, hand.cast.stolen)
        for program, arguments in (
            ("vssadmin.exe", "delete shadows /all /quiet"),
            ("wbadmin.exe", "delete catalog -quiet"),
        ):
            yield at_us, [start(me, at_us, f"{SYSTEM32}{program}", arguments, parent=CMD, integrity="High")]
            at_us += hand.pause_us(1, 5)


def encrypt_shares(hand: Intruder, at_us: int) -> Iterator[Scene]:
    """File after file on the file server is written back as noise and renamed."""
    cast, server = hand.cast, hand.world.company.one(Role.FILES)
    me = hand.at(cast.first if cast.second is server else cast.second, cast.stolen)
    yield from _encrypt(hand, me, server, at_us)


def _gather(hand: Intruder, me: Actor, at_us: int) -> Iterator[Scene]:
    server = me.company.one(Role.FILES)
    if server is me.host:
        server = hand.cast.controller
    for share in ("Finance", "Projects", "Teams"):
        lasts_us = hand.pause_us(600, 1_500)
        files = hand.many(80)
        visit = enter(me, at_us, server, lasts_us=lasts_us, received=files * 700_000)
        read = [
            touch(
                me, visit.at_us + number * (lasts_us // (files + 1)), visit, server, share, _some_file(hand), "open"
            )
            for number in range(files)
        ]
        yield at_us, [*visit.happenings, open_share(me, visit, server, share), *read]
        at_us += lasts_us + hand.pause_us(20, 300)


def _upload(hand: Intruder, me: Actor, site: Site, at_us: int) -> Iterator[Scene]:
    for number in range(hand.many(12)):
        sent = hand.dice.size(60_000_000, 0.3)
        lasts_us = sent // 3
        part = fetch_tls(me, at_us, site, sent=sent, received=6_000, lasts_us=lasts_us, application="uploader")
        yield at_us, noticed(part, Signature.BIG_UPLOAD) if number == 3 else part
        at_us += int((lasts_us + 5 * SECOND_US) * min(1.0, hand.tempo)) + hand.pause_us(20, 400)


def _encrypt(hand: Intruder, me: Actor, server: Host, at_us: int) -> Iterator[Scene]:
    files = hand.many(400, 20_000)
    pauses = [hand.pause_us(0.05, 0.9) for _ in range(files)]
    visit = enter(me, at_us, server, package="NTLM", lasts_us=sum(pauses) + SECOND_US, sent=files * 200_000)
    yield at_us, [*visit.happenings, open_share(me, visit, server, "Teams")]
    at_us = visit.at_us
    for pause_us in pauses:
        path = _some_file(hand)
        done: list[Happening] = [
            touch(me, at_us, visit, server, "Teams", path, "write"),
            touch(me, at_us + 9_000, visit, server, "Teams", path, "rename", new_path=f"{path}.tidelock"),
        ]
        yield at_us, done
        at_us += pause_us


def _some_file(hand: Intruder) -> str:
    dice = hand.dice
    return (
        f"{dice.pick(DEPARTMENTS)}\\{dice.pick(DOCUMENT_WORDS)}-{dice.whole(1, 900)}.{dice.pick(DOCUMENT_SUFFIXES)}"
    )
