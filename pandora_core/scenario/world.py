"""Owns what all actors share (the world) and who does a deed (an actor)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pandora_core.scenario.company import Account, Company, Host, Os, Person, Role, Workday, found, workday
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.internet import Internet, internet
from pandora_core.scenario.leases import Leases
from pandora_core.scenario.outages import Outage, outages
from pandora_core.scenario.plan import Plan

_SITES_PER_HOST = 6
_MIN_SITES = 400
_RESOLVER_NAMES = 20_000


@dataclass(slots=True)
class World:
    """The company, the internet around it, and what the company's resolver remembers (name: until when, in µs)."""

    plan: Plan
    company: Company
    internet: Internet
    leases: Leases
    outages: dict[str, tuple[Outage, ...]]
    resolver: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> World:
        outside = internet(plan.seed, plan.start_us, _MIN_SITES + _SITES_PER_HOST * plan.hosts)
        company = found(plan)
        leases = Leases(plan.seed, plan.start_us, company.by_role[Role.DESK])
        return cls(plan, company, outside, leases, outages(plan, company))

    def outage(self, ip: str, at_us: int) -> Outage | None:
        """Why a server does not answer at a time; ``None`` if it does."""
        for outage in self.outages.get(ip, ()):
            if outage.from_us <= at_us < outage.until_us:
                return outage
        return None

    def workday(self, person: Person, day_us: int) -> Workday | None:
        return workday(self.plan.seed, person, day_us)

    def remember(self, name: str, until_us: int) -> None:
        """Keeps a name in the resolver's cache, which starts afresh when it is full."""
        if len(self.resolver) >= _RESOLVER_NAMES:
            self.resolver.clear()
        self.resolver[name] = until_us

    def actor(self, user: str, host: Host, *purpose: object) -> Actor:
        """Somebody at a host, with dice that only ``user``, ``host`` and ``purpose`` decide."""
        return Actor(self, host, user, Dice.of(self.plan.seed, host.name, user, *purpose))

    def stranger(self, ip: str, dice: Dice) -> Actor:
        """Somebody on the internet, at an address that is not the company's."""
        return Actor(self, Host(ip, ip, Os.LINUX, Role.OUTSIDE), "", dice)

    def service(self, account: str) -> Actor:
        """A service account, at the host where its service runs."""
        known: Account = self.company.account(account)
        return self.actor(known.name, known.home)


@dataclass(slots=True)
class Actor:
    """A person or a program at a host: its account, its dice, the names and Kerberos tickets that it still holds."""

    world: World
    host: Host
    user: str
    dice: Dice
    names: dict[str, int] = field(default_factory=dict)
    tickets: dict[str, int] = field(default_factory=dict)

    @property
    def company(self) -> Company:
        return self.world.company

    @property
    def controller(self) -> Host:
        """The domain controller that this actor's host asks, for names and for tickets."""
        return self.company.near(Role.CONTROLLER, self.host)

    def port(self) -> int:
        """A source port of the range that the host's system hands out."""
        return self.dice.whole(49_152, 65_535) if self.host.is_windows else self.dice.whole(32_768, 60_999)

    def pid(self) -> int:
        return self.dice.whole(300, 4_000) * (4 if self.host.is_windows else 8)
