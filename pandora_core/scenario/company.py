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
_SMALL_HOSTS = 20
"""A company below this size has fewer servers, some of which do the work of several."""
_SMALL = {
    Role.CONTROLLER: (), Role.FILES: (Role.BACKUP,), Role.DATABASE: (Role.DEPLOY,), Role.JUMP: (Role.SCANNER,),
    Role.INTRANET: (Role.MAIL, Role.MONITOR, Role.SOURCE), Role.WEB: (Role.TRANSFER,),
}  # fmt: skip
_HOSTS_PER_SERVER = {Role.CONTROLLER: 300, Role.FILES: 150, Role.INTRANET: 400, Role.DATABASE: 400, Role.MAIL: 1500}


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    ip: str
    os: Os
    role: Role
    also: tuple[Role, ...] = ()
    """What else it does, in a company too small for a server for everything."""
    zone_h: float = 0.0
    """Offset of the clocks around it from UTC."""

    @property
    def roles(self) -> tuple[Role, ...]:
        return (self.role, *self.also)

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

    @property
    def zone_h(self) -> float:
        """Offset of the person's clock from UTC."""
        return self.desk.zone_h


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
        return tuple(dict.fromkeys(host for role in roles for host in self.by_role[role]))

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
    hosts = tuple(_hosts(plan))
    by_role = {role: tuple(host for host in hosts if role in host.roles) for role in Role}
    people = tuple(_people(dice, by_role[Role.DESK], plan))
    return Company(hosts, people, _accounts(by_role), by_role, {host.ip: host for host in hosts})


def workday(seed: int, person: Person, day_us: int) -> Workday | None:
    """How a person's day goes; ``None`` if they do not work that day.

    ``day_us`` is the midnight of that date in UTC; the day itself is that date by the person's own clock.
    """
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
    hours = (arrives_h, lunch_h, back_h, leaves_h)
    return Workday(*(day_us + int((hour - person.zone_h) * HOUR_US) for hour in hours))


def is_weekend(at_us: int) -> bool:
    return (at_us // DAY_US + _EPOCH_WEEKDAY) % 7 >= 5


def days(plan: Plan) -> Iterator[int]:
    """The midnights of a plan, the one before its start included when it starts within a day."""
    first = plan.start_us - plan.start_us % DAY_US
    return iter(range(first, plan.end_us, DAY_US))


def dates(plan: Plan, zone_h: float) -> Iterator[int]:
    """The dates of a plan by a clock that is off by ``zone_h``, each as its midnight in UTC."""
    first, last = (at_us + int(zone_h * HOUR_US) for at_us in (plan.start_us, plan.end_us))
    return iter(range(first - first % DAY_US, last, DAY_US))


def _hosts(plan: Plan) -> Iterator[Host]:
    dice = Dice.of(plan.seed, "offices")
    home_h = plan.zones_h[0]
    servers = list(_small_servers(home_h) if plan.hosts < _SMALL_HOSTS else _servers(plan.hosts, home_h))
    yield from servers
    for index in range(plan.hosts - len(servers)):
        address = f"{INSIDE}{16 + index // 240}.{10 + index % 240}"
        name = f"{Role.DESK}-{index + 1:03d}"
        yield Host(name, address, Os.WINDOWS, Role.DESK, zone_h=dice.popular(plan.zones_h))


def _small_servers(zone_h: float) -> Iterator[Host]:
    for index, (role, also) in enumerate(_SMALL.items()):
        yield _server(role, 1, index, zone_h, also)


def _servers(total: int, zone_h: float) -> Iterator[Host]:
    kinds = [role for role in Role if role not in (Role.DESK, Role.OUTSIDE)]
    roles = [role for role in kinds for _ in range(1 + total // _HOSTS_PER_SERVER.get(role, total + 1))]
    if total >= 35:
        roles.insert(1, Role.CONTROLLER)
    counts: dict[Role, int] = {}
    for index, role in enumerate(roles):
        counts[role] = counts.get(role, 0) + 1
        yield _server(role, counts[role], index, zone_h)


def _server(role: Role, number: int, index: int, zone_h: float, also: tuple[Role, ...] = ()) -> Host:
    """The ``index``-th server; scanners have a network of their own, and so has what the internet may see."""
    network = "192.0.2." if role in _DMZ_ROLES else f"{INSIDE}{3 if role is Role.SCANNER else 1}."
    return Host(f"{role}-{number:02d}", f"{network}{10 + index}", _os(role), role, also, zone_h)


def _os(role: Role) -> Os:
    return Os.LINUX if role in _LINUX_ROLES else Os.WINDOWS


def _people(dice: Dice, desks: tuple[Host, ...], plan: Plan) -> Iterator[Person]:
    logins: dict[str, int] = {}
    administrators = max(2, len(desks) // 60)
    for index, desk in enumerate(desks):
        login = f"{dice.pick(FIRST_NAMES)}.{dice.pick(LAST_NAMES)}"
        logins[login] = logins.get(login, 0) + 1
        login += str(logins[login]) if logins[login] > 1 else ""
        is_admin = index < administrators
        is_new = not is_admin and index % 25 == 10
        joins_day = int(dice.random() * plan.days) if is_new else None
        yield _person(dice, login, desk, is_admin, joins_day)


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
