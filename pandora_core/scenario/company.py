"""Owns the simulated company: its hosts, addresses, people, accounts and working hours."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pandora_core.model import DAY_US, HOUR_US
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.names import DEPARTMENTS, FIRST_NAMES, LAST_NAMES
from pandora_core.scenario.plan import Plan

DOMAIN = "corp.tidemark.example"
NETBIOS = "TIDEMARK"
REALM = DOMAIN.upper()
INSIDE = "10.20."
"""What every address of the company's own network begins with."""

_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday, Monday being 0."""


class Os(enum.StrEnum):
    WINDOWS = "windows"
    LINUX = "linux"


class Role(enum.StrEnum):
    """What a host is there for; the text begins its name. ``OUTSIDE`` is a machine that is not the company's."""

    CONTROLLER = "dc"
    FILES = "fs"
    MAIL = "mail"
    INTRANET = "app"
    DATABASE = "db"
    BACKUP = "bk"
    MONITOR = "mon"
    SCANNER = "scan"
    DEPLOY = "deploy"
    JUMP = "jump"
    SOURCE = "git"
    WEB = "www"
    TRANSFER = "sftp"
    DESK = "ws"
    OUTSIDE = "outside"


_LINUX_ROLES = {
    Role.MAIL, Role.INTRANET, Role.MONITOR, Role.SCANNER, Role.JUMP, Role.SOURCE, Role.WEB, Role.TRANSFER
}  # fmt: skip
_DMZ_ROLES = {Role.WEB, Role.TRANSFER}
_HOSTS_PER_SERVER = {Role.CONTROLLER: 300, Role.FILES: 150, Role.INTRANET: 400, Role.DATABASE: 400, Role.MAIL: 1500}


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    ip: str
    os: Os
    role: Role

    @property
    def is_windows(self) -> bool:
        return self.os is Os.WINDOWS

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{DOMAIN}"

    @property
    def account(self) -> str:
        """The machine's own account in the directory."""
        return f"{self.name.upper()}$"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works at a desk, with habits: hours of the day are in hours after midnight."""

    login: str
    department: str
    desk: Host
    arrives_h: float
    lunch_h: float
    leaves_h: float
    pages_per_hour: float
    mistypes: float
    chats: bool
    works_weekends: bool
    joins_day: int | None = None
    """The day of the plan on which somebody new starts; ``None`` for everybody else."""
    admin_login: str | None = None
    """The second, privileged account of an administrator."""


@dataclass(frozen=True, slots=True)
class Workday:
    """One person's day, as it turned out."""

    arrives_us: int
    lunch_us: int
    back_us: int
    leaves_us: int

    def attention(self, at_us: int) -> float:
        """How busy (0–1) the person is at the keyboard: a slow start, a lunch, a tired end."""
        if not self.arrives_us <= at_us < self.leaves_us or self.lunch_us <= at_us < self.back_us:
            return 0.0
        morning = min(1.0, 0.3 + (at_us - self.arrives_us) / HOUR_US)
        evening = min(1.0, 0.25 + (self.leaves_us - at_us) / HOUR_US)
        return morning * evening


@dataclass(frozen=True, slots=True)
class Account:
    """A service account: ``principal`` is what Kerberos knows its service as, where it has one."""

    name: str
    home: Host
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class Company:
    hosts: tuple[Host, ...]
    people: tuple[Person, ...]
    accounts: tuple[Account, ...]
    by_role: dict[Role, tuple[Host, ...]] = field(repr=False)
    by_ip: dict[str, Host] = field(repr=False)

    def one(self, role: Role) -> Host:
        """The first host of a role: every company has at least one of each."""
        return self.by_role[role][0]

    def all(self, *roles: Role) -> tuple[Host, ...]:
        return tuple(host for role in roles for host in self.by_role[role])

    def near(self, role: Role, host: Host) -> Host:
        """The server of a role that ``host`` uses: always the same one."""
        servers = self.by_role[role]
        return servers[zlib.crc32(host.name.encode()) % len(servers)]

    @property
    def servers(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role is not Role.DESK)

    @property
    def administrators(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.admin_login)

    def account(self, name: str) -> Account:
        return next(account for account in self.accounts if account.name == name)


def found(plan: Plan) -> Company:
    """The company of a plan."""
    dice = Dice.of(plan.seed, "company")
    hosts = tuple(_hosts(plan.hosts))
    by_role = {role: tuple(host for host in hosts if host.role is role) for role in Role}
    people = tuple(_people(dice, by_role[Role.DESK], plan.days))
    return Company(hosts, people, _accounts(by_role), by_role, {host.ip: host for host in hosts})


def workday(seed: int, person: Person, day_us: int) -> Workday | None:
    """How a person's day goes that begins at ``day_us`` (midnight); ``None`` if they do not work that day."""
    dice = Dice.of(seed, "day", person.login, day_us)
    if is_weekend(day_us):
        if not (person.works_weekends and dice.chance(0.4)):
            return None
    elif dice.chance(0.04):
        return None
    arrives_h = person.arrives_h + dice.gauss(0.0, 0.2)
    lunch_h = person.lunch_h + dice.gauss(0.0, 0.15)
    back_h = lunch_h + 0.4 + 0.4 * dice.random()
    leaves_h = max(back_h + 1.0, person.leaves_h + dice.gauss(0.0, 0.35))
    return Workday(*(day_us + int(hour * HOUR_US) for hour in (arrives_h, lunch_h, back_h, leaves_h)))


def is_weekend(at_us: int) -> bool:
    return (at_us // DAY_US + _EPOCH_WEEKDAY) % 7 >= 5


def days(plan: Plan) -> Iterator[int]:
    """The midnights of a plan, the one before its start included when it starts within a day."""
    first = plan.start_us - plan.start_us % DAY_US
    return iter(range(first, plan.end_us, DAY_US))


def _hosts(total: int) -> Iterator[Host]:
    kinds = [role for role in Role if role not in (Role.DESK, Role.OUTSIDE)]
    roles = [role for role in kinds for _ in range(1 + total // _HOSTS_PER_SERVER.get(role, total + 1))]
    if total >= 35:
        roles.insert(1, Role.CONTROLLER)
    counts: dict[Role, int] = {}
    for index, role in enumerate(roles):
        counts[role] = counts.get(role, 0) + 1
        inside, outside = f"{INSIDE}1.{10 + index}", f"192.0.2.{10 + index}"
        os = Os.LINUX if role in _LINUX_ROLES else Os.WINDOWS
        yield Host(f"{role}-{counts[role]:02d}", outside if role in _DMZ_ROLES else inside, os, role)
    for index in range(total - len(roles)):
        address = f"{INSIDE}{16 + index // 240}.{10 + index % 240}"
        yield Host(f"{Role.DESK}-{index + 1:03d}", address, Os.WINDOWS, Role.DESK)


def _people(dice: Dice, desks: tuple[Host, ...], plan_days: float) -> Iterator[Person]:
    logins: dict[str, int] = {}
    administrators = max(2, len(desks) // 60)
    for index, desk in enumerate(desks):
        login = f"{dice.pick(FIRST_NAMES)}.{dice.pick(LAST_NAMES)}"
        logins[login] = logins.get(login, 0) + 1
        login += str(logins[login]) if logins[login] > 1 else ""
        is_admin = index < administrators
        is_new = not is_admin and index % 25 == 10
        yield _person(dice, login, desk, is_admin, int(dice.random() * min(plan_days, 5)) if is_new else None)


def _person(dice: Dice, login: str, desk: Host, is_admin: bool, joins_day: int | None) -> Person:
    arrives_h = min(11.0, max(6.2, dice.gauss(8.6, 0.7)))
    return Person(
        login=login,
        department="it" if is_admin else dice.pick(DEPARTMENTS),
        desk=desk,
        arrives_h=arrives_h,
        lunch_h=dice.gauss(12.3, 0.4),
        leaves_h=arrives_h + dice.gauss(8.7, 0.6),
        pages_per_hour=min(60.0, 16.0 * dice.lognormvariate(0.0, 0.5)),
        mistypes=0.02 + 0.06 * dice.random(),
        chats=dice.chance(0.6),
        works_weekends=dice.chance(0.06),
        joins_day=joins_day,
        admin_login=f"adm.{login}" if is_admin else None,
    )


def _accounts(by_role: dict[Role, tuple[Host, ...]]) -> tuple[Account, ...]:
    database, web = by_role[Role.DATABASE][0], by_role[Role.INTRANET][0]
    return (
        Account("svc-sql", database, f"MSSQLSvc/{database.fqdn}:1433"),
        Account("svc-intranet", web, f"HTTP/{web.fqdn}"),
        Account("svc-reports", database, f"MSSQLSvc/{database.fqdn}:1434"),
        Account("svc-backup", by_role[Role.BACKUP][0], f"backup/{by_role[Role.BACKUP][0].fqdn}"),
        Account("svc-deploy", by_role[Role.DEPLOY][0]),
        Account("svc-scan", by_role[Role.SCANNER][0]),
        Account("svc-legacy", database),
    )
