"""Owns what people do at their desks: arrive, browse, mail, chat, work on shared files, lock the screen, go home."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from pandora_core.model import HOUR_US, SECOND_US
from pandora_core.scenario.company import DOMAIN, Person, Role, Workday, dates
from pandora_core.scenario.deeds.access import RC4, enter, log_on_at_desk, mistype, open_share, ticket_for, touch
from pandora_core.scenario.deeds.endpoint import EXPLORER, OFFICE, start, usual_pid
from pandora_core.scenario.deeds.traffic import (
    BROWSER,
    connect,
    fetch_http,
    fetch_tls,
    look_up,
    noticed,
)
from pandora_core.scenario.happenings import Burst, Connection, Happening
from pandora_core.scenario.internet import Site
from pandora_core.scenario.names import DOCUMENT_SUFFIXES, DOCUMENT_WORDS
from pandora_core.scenario.plan import LOGONS
from pandora_core.scenario.signatures import Signature
from pandora_core.scenario.world import Actor, World

MAIL_PROGRAM = f"{OFFICE}postbox.exe"
PROGRAMS = {
    "docx": f"{OFFICE}writer.exe", "xlsx": f"{OFFICE}sheets.exe", "csv": f"{OFFICE}sheets.exe",
    "pptx": f"{OFFICE}slides.exe", "pdf": f"{OFFICE}reader.exe", "msg": MAIL_PROGRAM,
}  # fmt: skip
_FAVOURITES = 40
_FAVOURITE_SHARE = 0.75
_LOCKS_SCREEN = 0.7
_CHAT_EVERY_S = 60.0
_SYNCS_FILES = 0.03
"""How often the office suite has files to carry to its maker's cloud."""
_BY_ADDRESS = 0.04
"""How often the file server is called by its address or an old name: NTLM can do that, Kerberos cannot."""


def desk_life(world: World, person: Person) -> Iterator[Burst]:
    """Everything that one person does over the days of the plan."""
    me = world.actor(person.login, person.desk)
    favourites = tuple(me.dice.popular(world.internet.sites) for _ in range(_FAVOURITES))
    for number, day_us in enumerate(dates(world.plan, person.zone_h)):
        day = world.workday(person, day_us) if number >= (person.joins_day or 0) else None
        if day is None:
            continue
        me.names.clear()
        me.tickets.clear()
        doings = [_presence(me, person, day), _shared_files(me, person, day), _reports(me, person, day)]
        if world.plan.only != LOGONS:
            doings += [_browsing(me, person, day, favourites), _mail(me, day), _cloud(me, person, day)]
        yield from heapq.merge(*doings, key=lambda burst: burst.at_us)


def _presence(me: Actor, person: Person, day: Workday) -> Iterator[Burst]:
    dice = me.dice
    at_us = day.arrives_us
    while dice.chance(person.mistypes):
        yield Burst(at_us, mistype(me, at_us))
        at_us += dice.span_us(3, 12)
    yield Burst(at_us, log_on_at_desk(me, at_us, lasts_us=day.leaves_us - at_us))
    at_us += dice.span_us(2, 5)
    yield Burst(at_us, _policies(me, at_us))
    for image in (EXPLORER, MAIL_PROGRAM, BROWSER):
        at_us += dice.span_us(1, 40)
        yield Burst(at_us, [start(me, at_us, image, pid=usual_pid(me.host, image))])
    if dice.chance(_LOCKS_SCREEN) and day.back_us > at_us:
        back_us = day.back_us
        if dice.chance(person.mistypes):
            yield Burst(back_us, mistype(me, back_us))
            back_us += 4 * SECOND_US
        yield Burst(back_us, log_on_at_desk(me, back_us, kind=7))


def _policies(me: Actor, at_us: int) -> list[Happening]:
    """What Windows fetches from the domain controller when somebody logs on."""
    server = me.controller
    directory = connect(
        me, at_us, server.ip, 389, service="ldap_tcp", sent=2_900, received=me.dice.size(11_000), lasts_us=900_000
    )
    visit = enter(me, at_us + 200_000, server, received=me.dice.size(14_000))
    policy = touch(me, visit.at_us + 90_000, visit, server, "SYSVOL", f"{DOMAIN}\\Policies\\gpt.ini", "open")
    return [directory, *visit.happenings, open_share(me, visit, server, "SYSVOL"), policy]


def _browsing(me: Actor, person: Person, day: Workday, favourites: Sequence[Site]) -> Iterator[Burst]:
    dice, sites = me.dice, me.world.internet.sites
    at_us = day.arrives_us + dice.span_us(60, 900)
    while (at_us := at_us + dice.wait_us(3_600 / person.pages_per_hour)) < day.leaves_us:
        if not dice.chance(day.attention(at_us)):
            continue
        kind = dice.random()
        if kind < 0.12:
            yield Burst(at_us, _intranet(me, at_us))
        elif kind < 0.13:
            yield Burst(at_us, _oddity(me, at_us, dice.pick(sites)))
        else:
            yield Burst(at_us, _page(me, at_us, dice.popular(favourites if kind < _FAVOURITE_SHARE else sites)))


def _page(me: Actor, at_us: int, site: Site) -> list[Happening]:
    """A page: the site itself and what it pulls in from content networks."""
    dice = me.dice
    page = fetch_tls(me, at_us, site, sent=dice.size(1_400, 0.5))
    for _ in range(dice.whole(0, 6)):
        at_us += dice.span_us(0.02, 0.5)
        carrier = dice.popular(me.world.internet.carriers)
        page += fetch_tls(me, at_us, carrier, sent=dice.size(700, 0.3), is_resumed=dice.chance(0.3))
    return page


def _oddity(me: Actor, at_us: int, site: Site) -> list[Happening]:
    """What people do now and then that looks worse than it is."""
    dice = me.dice
    kind = dice.whole(0, 4)
    if kind == 0:
        path = f"/files/setup-{dice.whole(1, 9)}.{dice.whole(0, 9)}.exe"
        size = dice.size(9_000_000)
        return noticed(
            fetch_http(me, at_us, site.name, site.ip, path, received=size, mime="application/x-dosexec"),
            Signature.EXECUTABLE,
        )
    if kind == 1:
        return noticed(fetch_tls(me, at_us, site), Signature.NEW_DOMAIN)
    if kind == 2:
        return look_up(me, at_us, f"www.{site.name.replace('.example', 'n.example')}", None)
    if kind == 3:
        drop = me.world.internet.file_drop
        return noticed(fetch_tls(me, at_us, drop, sent=dice.size(25_000_000), received=9_000), Signature.BIG_UPLOAD)
    return fetch_http(me, at_us, site.name, site.ip, "/", status=301, received=dice.size(400))


def _intranet(me: Actor, at_us: int) -> list[Happening]:
    server = me.company.near(Role.INTRANET, me.host)
    path = f"/{me.dice.pick(DOCUMENT_WORDS)}/{me.dice.whole(1, 400)}"
    status = 404 if me.dice.chance(0.03) else 200
    return fetch_http(me, at_us, server.fqdn, server.ip, path, received=me.dice.size(18_000), status=status)


def _mail(me: Actor, day: Workday) -> Iterator[Burst]:
    """The mail program looks for new mail; now and then the person sends some."""
    dice = me.dice
    server = me.company.near(Role.MAIL, me.host)
    every_s = dice.pick((300, 300, 600, 900))
    at_us = day.arrives_us + dice.span_us(60, 240)
    while (at_us := at_us + dice.near_us(every_s, 0.02)) < day.leaves_us:
        size = dice.size(30_000, 1.2) if dice.chance(0.35) else 900
        happenings: list[Happening] = [*look_up(me, at_us, server.fqdn, server.ip)]
        happenings.append(_mail_session(me, at_us + 2_000, server.ip, 993, 700, size))
        if dice.chance(0.2 * day.attention(at_us)):
            happenings.append(_mail_session(me, at_us + 900_000, server.ip, 587, dice.size(14_000, 1.3), 1_300))
        yield Burst(at_us, happenings)


def _mail_session(me: Actor, at_us: int, ip: str, port: int, sent: int, received: int) -> Connection:
    return connect(me, at_us, ip, port, service="ssl", sent=sent, received=received, lasts_us=me.dice.span_us(0.2, 5))


def _shared_files(me: Actor, person: Person, day: Workday) -> Iterator[Burst]:
    dice = me.dice
    share = dice.pick(("Teams", "Projects", "Finance", "Public"))
    at_us = day.arrives_us + dice.span_us(200, 2_000)
    while (at_us := at_us + dice.wait_us(900)) < day.leaves_us:
        if dice.chance(day.attention(at_us)):
            yield Burst(at_us, _work_on_files(me, at_us, share, person.department))


def _work_on_files(me: Actor, at_us: int, share: str, folder: str) -> list[Happening]:
    """A session on the file server: a few documents opened, some written back."""
    dice, server = me.dice, me.company.near(Role.FILES, me.host)
    lasts_us = dice.span_us(15, 900)
    package = "NTLM" if dice.chance(_BY_ADDRESS) else "Kerberos"
    sent, received = dice.size(60_000, 1.5), dice.size(300_000, 1.5)
    visit = enter(me, at_us, server, package=package, lasts_us=lasts_us, sent=sent, received=received)
    happenings = [*visit.happenings, open_share(me, visit, server, share)]
    for number in range(dice.whole(1, 5)):
        when_us = visit.at_us + number * lasts_us // 6 + dice.whole(0, 800_000)
        suffix = dice.pick(DOCUMENT_SUFFIXES)
        path = f"{folder}\\{dice.pick(DOCUMENT_WORDS)}-{dice.whole(1, 90)}.{suffix}"
        happenings.append(touch(me, when_us, visit, server, share, path, "write" if dice.chance(0.3) else "open"))
        if number == 0 and dice.chance(0.5):
            happenings.append(start(me, when_us + 700_000, PROGRAMS[suffix], f'"{path}"'))
    return happenings


def _reports(me: Actor, person: Person, day: Workday) -> Iterator[Burst]:
    """Some departments ask the reports database, an old service whose tickets still use the old cipher."""
    if person.department not in ("finance", "operations"):
        return
    account = me.company.account("svc-reports")
    at_us = day.arrives_us
    while (at_us := at_us + me.dice.wait_us(4_000)) < day.leaves_us:
        happenings = look_up(me, at_us, account.home.fqdn, account.home.ip)
        happenings += ticket_for(me, at_us + 3_000, account.principal or "", account.name, RC4)
        size = me.dice.size(90_000, 1.0)
        happenings.append(connect(me, at_us + 40_000, account.home.ip, 1434, sent=4_000, received=size))
        yield Burst(at_us, happenings)


def _cloud(me: Actor, person: Person, day: Workday) -> Iterator[Burst]:
    """Programs that call home by themselves, as regular as clockwork: a chat client and the office suite."""
    doings = [
        _calls_home(
            me,
            day,
            me.world.internet.office,
            me.dice.pick((300.0, 600.0, 1_200.0)),
            900,
            2_400,
            OFFICE + "cloudsync.exe",
        )
    ]
    if person.chats:
        doings.append(_calls_home(me, day, me.world.internet.chat, _CHAT_EVERY_S, 420, 350, None))
    yield from heapq.merge(*doings, key=lambda burst: burst.at_us)


def _calls_home(
    me: Actor, day: Workday, site: Site, every_s: float, sent: int, received: int, image: str | None
) -> Iterator[Burst]:
    dice = me.dice
    at_us = day.arrives_us + dice.span_us(30, 300)
    while (at_us := at_us + dice.near_us(every_s, 0.03)) < day.leaves_us + HOUR_US // 4:
        bulk = dice.size(15_000_000, 1.2) if image and dice.chance(_SYNCS_FILES) else 0
        call = fetch_tls(
            me, at_us, site, sent=dice.size(sent, 0.1) + bulk, received=dice.size(received, 0.2),
            application=site.name, image=image, is_resumed=dice.chance(0.9),
        )  # fmt: skip
        yield Burst(at_us, call)
