"""Owns what administrators do: shells through the jump host, remote desktops, scripts, accounts of new staff."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from pandora_core.model import HOUR_US, MINUTE_US, SECOND_US
from pandora_core.scenario.company import Host, Person, Role, Workday, dates, days
from pandora_core.scenario.deeds.access import enter, open_share, remote_desktop, shell, sign_in, touch
from pandora_core.scenario.deeds.endpoint import POWERSHELL, SYSTEM32, run_by_wmi, start
from pandora_core.scenario.happenings import AccountChanged, Burst, ExplicitLogon, Happening, ScriptRun, Sudo
from pandora_core.scenario.world import Actor, World

_SUDO = (
    "/usr/bin/systemctl restart nginx", "/usr/bin/systemctl status postfix", "/usr/bin/apt-get update",
    "/usr/bin/apt-get upgrade -y", "/usr/bin/journalctl -u ssh --since today", "/usr/bin/tail -n 200 /var/log/syslog",
    "/usr/sbin/ufw status", "/usr/bin/vim /etc/nginx/sites-enabled/default", "/usr/bin/du -sh /var/lib",
    "/usr/sbin/useradd -m deploy", "/usr/bin/certbot renew", "/usr/bin/ss -tlpn",
)  # fmt: skip
_SCRIPTS = (
    "Get-ADUser -Filter * -Properties LastLogonDate | Export-Csv C:\\Reports\\users.csv",
    "Get-Service | Where-Object Status -eq 'Stopped' | Select-Object Name,DisplayName",
    "Get-EventLog -LogName System -EntryType Error -Newest 50",
    "Invoke-Command -ComputerName $servers -ScriptBlock { Get-HotFix }",
    "Get-ChildItem \\\\fs-01\\Teams -Recurse | Measure-Object -Property Length -Sum",
    "Test-NetConnection db-01 -Port 1433",
)
_ON_MANY = 0.3
"""How often a script runs on many servers at once."""
_WINDOWS_TARGETS = (Role.CONTROLLER, Role.FILES, Role.DATABASE, Role.DEPLOY, Role.BACKUP)
_LINUX_TARGETS = (Role.MAIL, Role.INTRANET, Role.MONITOR, Role.SOURCE, Role.WEB, Role.TRANSFER)


def administration(world: World, person: Person) -> Iterator[Burst]:
    """The days of one administrator, beside what everybody does at a desk."""
    me = world.actor(person.admin_login or person.login, person.desk, "administration")
    for day_us in dates(world.plan, person.zone_h):
        day = world.workday(person, day_us)
        if day is not None:
            me.tickets.clear()
            doings = [_linux(me, day), _windows(me, day), _support(me, day)]
            yield from heapq.merge(*doings, key=lambda burst: burst.at_us)


def new_staff(world: World) -> Iterator[Burst]:
    """Accounts are made for those who start, an hour before they do."""
    person = world.company.administrators[0]
    me = world.actor(person.admin_login or person.login, person.desk, "accounts")
    newcomers = [someone for someone in world.company.people if someone.joins_day is not None]
    for number, day_us in enumerate(days(world.plan)):
        at_us = day_us + int((7 - person.zone_h) * HOUR_US)
        for newcomer in newcomers:
            if newcomer.joins_day == number:
                at_us += me.dice.span_us(20, 400)
                yield Burst(at_us, _create(me, at_us, newcomer))


def _linux(me: Actor, day: Workday) -> Iterator[Burst]:
    """Shells on Linux servers: first to the jump host, from there on."""
    dice, jump = me.dice, me.company.one(Role.JUMP)
    from_jump = Actor(me.world, jump, me.user, dice)
    at_us = day.arrives_us
    while (at_us := at_us + dice.wait_us(4_500)) < day.leaves_us:
        if not dice.chance(day.attention(at_us)):
            continue
        lasts_us = dice.span_us(120, 2_400)
        target = dice.pick(me.company.all(*_LINUX_TARGETS))
        mistyped = dice.chance(0.12)
        tries = dice.whole(2, 3) if mistyped else 1
        hop = shell(
            me, at_us, jump, me.user, method="password" if mistyped else "publickey", tries=tries, lasts_us=lasts_us
        )
        yield Burst(at_us, hop.happenings)
        there_us = hop.at_us + dice.span_us(8, 40)
        visit = shell(from_jump, there_us, target, me.user, lasts_us=max(MINUTE_US, lasts_us - 50 * SECOND_US))
        yield Burst(there_us, [*visit.happenings, *_commands(me, visit.at_us, target)])
        at_us = there_us


def _commands(me: Actor, at_us: int, target: Host) -> list[Happening]:
    commands: list[Happening] = []
    for _ in range(me.dice.whole(0, 5)):
        at_us += me.dice.span_us(4, 50)
        commands.append(Sudo(at_us, target, me.user, me.dice.pick(_SUDO), is_success=me.dice.chance(0.98)))
    return commands


def _windows(me: Actor, day: Workday) -> Iterator[Burst]:
    """Remote desktops on Windows servers, and scripts from the own desk."""
    dice = me.dice
    at_us = day.arrives_us
    while (at_us := at_us + dice.wait_us(5_400)) < day.leaves_us:
        if not dice.chance(day.attention(at_us)):
            continue
        if dice.chance(0.5):
            target = dice.pick(me.company.all(*_WINDOWS_TARGETS))
            yield Burst(at_us, _desktop(me, at_us, target))
        else:
            shell_process = start(me, at_us, POWERSHELL, "-NoLogo")
            script = ScriptRun(at_us + 6 * SECOND_US, me.host, me.user, dice.pick(_SCRIPTS))
            yield Burst(at_us, [shell_process, script])
            if dice.chance(_ON_MANY):
                for number, target in enumerate(_some_servers(me)):
                    when_us = at_us + 9 * SECOND_US + number * 400_000
                    yield Burst(when_us, _on_one(me, when_us, target))
                at_us += 60 * SECOND_US


def _some_servers(me: Actor) -> list[Host]:
    servers = me.company.all(*_WINDOWS_TARGETS)
    return me.dice.sample(servers, me.dice.whole(min(3, len(servers)), len(servers)))


def _on_one(me: Actor, at_us: int, target: Host) -> list[Happening]:
    """One of the servers on which a script runs, by WinRM."""
    visit = enter(me, at_us, target, port=5985, is_privileged=True)
    image = f"{SYSTEM32}wsmprovhost.exe"
    return [*visit.happenings, start(me, visit.at_us + 300_000, image, "-Embedding", host=target, integrity="High")]


def _desktop(me: Actor, at_us: int, target: Host) -> list[Happening]:
    person = me.user.partition(".")[2]
    asked = ExplicitLogon(at_us, me.host, person, me.user, target)
    session = [asked, *remote_desktop(me, at_us, target, me.user, me.dice.span_us(180, 3_000))]
    console = start(me, at_us + 30 * SECOND_US, f"{SYSTEM32}mmc.exe", "services.msc", host=target, integrity="High")
    return [*session, console]


def _support(me: Actor, day: Workday) -> Iterator[Burst]:
    """Helping people: a look at their disk over ``C$``, a command by WMI, a password reset."""
    dice = me.dice
    at_us = day.arrives_us
    while (at_us := at_us + dice.wait_us(7_200)) < day.leaves_us:
        if not dice.chance(day.attention(at_us)):
            continue
        person = dice.pick(me.company.people)
        kind = dice.whole(0, 2)
        if kind == 0 or person.desk is me.host:
            change = AccountChanged(at_us + SECOND_US, me.controller, me.user, person.login, "password-reset")
            yield Burst(at_us, [*sign_in(me, at_us), change])
        elif kind == 1:
            visit = enter(me, at_us, person.desk, is_privileged=True, received=dice.size(200_000))
            path = f"Users\\{person.login}\\AppData\\Local\\Temp\\setup.log"
            look = touch(me, visit.at_us + SECOND_US, visit, person.desk, "C$", path, "open")
            yield Burst(at_us, [*visit.happenings, open_share(me, visit, person.desk, "C$"), look])
        else:
            visit = enter(me, at_us, person.desk, port=135, is_privileged=True)
            arguments = "/c ipconfig /flushdns"
            ran = run_by_wmi(me, visit, person.desk, f"{SYSTEM32}cmd.exe", arguments, me.user)
            yield Burst(at_us, [*visit.happenings, *ran])


def _create(me: Actor, at_us: int, newcomer: Person) -> list[Happening]:
    controller, who = me.controller, newcomer.login
    return [
        *sign_in(me, at_us),
        AccountChanged(at_us + 2 * SECOND_US, controller, me.user, who, "created"),
        AccountChanged(at_us + 3 * SECOND_US, controller, me.user, who, "password-reset"),
        AccountChanged(at_us + 9 * SECOND_US, controller, me.user, who, "added-to-group", "All Staff"),
    ]
