"""Owns the cast of an attack: who takes part, which hosts are taken in which order, and whose risk each step is."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from pandora_core.model import EntityRef
from pandora_core.scenario.company import INSIDE, Host, Person, Role
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.internet import Site, intruder_address, own_site
from pandora_core.scenario.world import World

_LURE_WORDS = ("portal", "secure", "sync", "cdn", "assets", "status", "login", "metrics", "static", "relay")
_WINDOWS_SERVERS = (Role.FILES, Role.DATABASE, Role.DEPLOY, Role.BACKUP)
_LINUX_SERVERS = (Role.INTRANET, Role.SOURCE, Role.MONITOR, Role.MAIL)
_DESK_SHARE = 0.4


class Ground(enum.Enum):
    """Where an intruder moves: over servers, over desks as well, or from the jump host on over Linux servers."""

    SERVERS = enum.auto()
    ANYWHERE = enum.auto()
    LINUX = enum.auto()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part; the seed decides.

    ``path`` are the hosts that are taken after the victim's desk, in order. ``stolen`` is an administrator's account
    that the intruder gets hold of on the way, ``service`` one of a service, ``made`` one that the intruder makes.
    """

    victim: Person
    path: tuple[Host, ...]
    controller: Host
    entry: Host
    deploy: Host
    stolen: str
    service: str
    made: str
    command: Site
    lure: Site
    outside_ip: str

    @property
    def first(self) -> Host:
        return self.path[0]

    @property
    def second(self) -> Host:
        return self.path[1]

    def before(self, hop: int) -> Host:
        """The host from which the ``hop``-th host of the path is entered."""
        return self.path[hop - 1] if hop else self.victim.desk


def cast_of(world: World, dice: Dice, ground: Ground, hops: int) -> Cast:
    """The cast of one attack, with a path of ``hops`` hosts where the company has so many."""
    company, start_us = world.company, world.plan.start_us
    staff = [person for person in company.people if not person.admin_login and person.joins_day is None]
    victim = dice.pick(staff)
    word, other = dice.sample(_LURE_WORDS, 2)
    is_self_signed = dice.chance(0.3)
    services = [account.name for account in company.accounts if account.principal]
    return Cast(
        victim=victim,
        path=_PATHS[ground](world, dice, victim, hops),
        controller=company.one(Role.CONTROLLER),
        entry=company.one(Role.TRANSFER),
        deploy=company.one(Role.DEPLOY),
        stolen=dice.pick(company.administrators).admin_login or "",
        service=dice.pick(services),
        made=f"svc-{dice.pick(('print', 'health', 'sync', 'audit'))}{dice.whole(2, 9)}",
        command=own_site(
            f"{word}-{other}.example",
            intruder_address(dice),
            start_us,
            dice.whole(1, 20),
            is_self_signed=is_self_signed,
        ),
        lure=own_site(f"tidemark-{other}.example", intruder_address(dice), start_us, dice.whole(0, 3)),
        outside_ip=intruder_address(dice),
    )


def on_victim(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.victim.desk.name)


def on_first(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.first.name)


def on_second(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.second.name)


def on_hop(number: int) -> Callable[[Cast], EntityRef]:
    """The ``number``-th host of the path, counted from 0."""
    return lambda cast: EntityRef("host", cast.path[number].name)


def on_last(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.path[-1].name)


def on_controller(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.controller.name)


def on_entry(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.entry.name)


def on_deploy(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.deploy.name)


def on_outside(cast: Cast) -> EntityRef:
    return EntityRef("address", cast.outside_ip)


def _over_servers(world: World, dice: Dice, victim: Person, hops: int) -> tuple[Host, ...]:
    """Servers, and in the end, on all but the shortest paths, the domain controller."""
    company = world.company
    servers = company.all(*_WINDOWS_SERVERS)
    path = dice.sample(servers, min(len(servers), max(2, hops - 1)))
    desks = _other_desks(world, victim)
    path += dice.sample(desks, min(len(desks), max(0, hops - 1 - len(path))))
    return (*path, company.one(Role.CONTROLLER)) if hops > len(path) else tuple(path)


def _anywhere(world: World, dice: Dice, victim: Person, hops: int) -> tuple[Host, ...]:
    """Desks and servers as they come, and in the end a server that is worth the trouble."""
    company = world.company
    goal = dice.pick(company.all(Role.CONTROLLER, Role.FILES, Role.DATABASE))
    desks = _other_desks(world, victim)
    servers = [host for host in company.all(*_WINDOWS_SERVERS) if host is not goal]
    path: list[Host] = []
    while len(path) < hops - 1 and (desks or servers):
        pool = desks if desks and (dice.chance(_DESK_SHARE) or not servers) else servers
        path.append(pool.pop(int(dice.random() * len(pool))))
    return (*path, goal)


def _over_linux(world: World, dice: Dice, victim: Person, hops: int) -> tuple[Host, ...]:
    """The jump host, and Linux servers from there on."""
    company = world.company
    servers = [host for host in company.all(*_LINUX_SERVERS) if host.ip.startswith(INSIDE)]
    return (company.one(Role.JUMP), *dice.sample(servers, min(len(servers), hops - 1)))


def _other_desks(world: World, victim: Person) -> list[Host]:
    return [desk for desk in world.company.by_role[Role.DESK] if desk is not victim.desk]


_PATHS = {Ground.SERVERS: _over_servers, Ground.ANYWHERE: _anywhere, Ground.LINUX: _over_linux}
