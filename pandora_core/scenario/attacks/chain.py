"""Owns what an attack is: a timeline of steps, a cast, and where in a plan it takes place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pandora_core.model import HOUR_US, EntityRef
from pandora_core.scenario.company import Host, Person, Role, days
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.happenings import Burst, Happening, Truth
from pandora_core.scenario.internet import Site, intruder_address, own_site
from pandora_core.scenario.world import Actor, World

_LURE_WORDS = ("portal", "secure", "sync", "cdn", "assets", "status", "login", "metrics", "static", "relay")
_EARLY_SHARE = 0.4
"""An attack begins in this first part of the days of a long plan."""
_FITTED_SHARE = 0.2
"""Where in a plan an attack begins that would not fit at its usual hour."""
_TAIL_H = 0.8
"""How long the last step of a chain may take, in hours at pace 1."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part; the seed decides. ``stolen`` is the account the intruder gets hold of on the way."""

    victim: Person
    first: Host
    second: Host
    controller: Host
    entry: Host
    deploy: Host
    stolen: str
    command: Site
    lure: Site
    outside_ip: str


@dataclass(slots=True)
class Intruder:
    """The hand at the keyboard during one step: ``tempo`` stretches its pauses, ``noise`` multiplies its attempts."""

    world: World
    cast: Cast
    dice: Dice
    tempo: float
    noise: float
    until_us: int

    def at(self, host: Host, user: str) -> Actor:
        """The intruder at work on a host of the company, under an account."""
        return Actor(self.world, host, user, self.dice)

    def at_victim(self) -> Actor:
        return self.at(self.cast.victim.desk, self.cast.victim.login)

    def pause_us(self, low_s: float, high_s: float) -> int:
        return 1 + int(self.dice.span_us(low_s, high_s) * self.tempo)

    def many(self, usual: int, at_most: int = 1_000_000) -> int:
        """How often something is tried that is usually tried ``usual`` times."""
        return max(1, min(at_most, round(usual * self.noise * (0.7 + 0.6 * self.dice.random()))))


Scene = tuple[int, list[Happening]]
"""What happens from a time on (µs); the scenes of a deed come in order of their times."""

Deed = Callable[[Intruder, int], Iterator[Scene]]
"""What the intruder does from a time on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline. ``entity`` says whose risk it is, out of the cast."""

    after_h: float
    phase: str
    technique: str
    entity: Callable[[Cast], EntityRef]
    deed: Deed


@dataclass(frozen=True, slots=True)
class Chain:
    """An attack: its steps in order, and the hour of the day at which somebody would start it."""

    name: str
    about: str
    begins_h: float
    steps: Callable[[Dice], tuple[Step, ...]]
    needs_victim_at_work: bool = True


@dataclass(frozen=True, slots=True)
class Campaign:
    """A chain set into a plan: who, from when, how fast."""

    world: World
    chain: Chain
    cast: Cast
    steps: tuple[Step, ...]
    begins_us: int
    tempo: float

    @classmethod
    def of(cls, world: World, chain: Chain) -> Campaign:
        dice = Dice.of(world.plan.seed, "attack", chain.name)
        cast = _cast(world, dice)
        steps = chain.steps(dice)
        begins_us, tempo = _place(world, chain, cast, steps, dice)
        return cls(world, chain, cast, steps, begins_us, tempo)

    @property
    def phases(self) -> tuple[str, ...]:
        """The tactics in the order in which they begin."""
        return tuple(dict.fromkeys(step.phase for step in self.steps))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the steps are about, in order."""
        entities = [step.entity(self.cast) for step in self.steps]
        return tuple(dict.fromkeys(entity.name for entity in entities if entity.kind == "host"))

    def bursts(self) -> list[Iterator[Burst]]:
        """One stream for each step, since some (a beacon) go on while others begin."""
        return [self._play(number, step) for number, step in enumerate(self.steps)]

    def _play(self, number: int, step: Step) -> Iterator[Burst]:
        plan = self.world.plan
        dice = Dice.of(plan.seed, "attack", self.chain.name, number)
        hand = Intruder(self.world, self.cast, dice, self.tempo, plan.noise, plan.end_us)
        truth = Truth(step.phase, step.technique, str(step.entity(self.cast)))
        at_us = self.begins_us + int(step.after_h * HOUR_US * self.tempo) + hand.pause_us(0, 120)
        for scene_us, happenings in step.deed(hand, at_us):
            if scene_us >= plan.end_us:
                return
            yield Burst(scene_us, happenings, truth)


def on_victim(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.victim.desk.name)


def on_first(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.first.name)


def on_second(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.second.name)


def on_controller(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.controller.name)


def on_entry(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.entry.name)


def on_deploy(cast: Cast) -> EntityRef:
    return EntityRef("host", cast.deploy.name)


def on_outside(cast: Cast) -> EntityRef:
    return EntityRef("address", cast.outside_ip)


def _cast(world: World, dice: Dice) -> Cast:
    company, start_us = world.company, world.plan.start_us
    staff = [person for person in company.people if not person.admin_login and person.joins_day is None]
    windows = list(company.all(Role.FILES, Role.DATABASE, Role.DEPLOY, Role.BACKUP))
    first, second = dice.sample(windows, 2)
    word, other = dice.sample(_LURE_WORDS, 2)
    is_self_signed = dice.chance(0.3)
    return Cast(
        victim=dice.pick(staff),
        first=first,
        second=second,
        controller=company.one(Role.CONTROLLER),
        entry=company.one(Role.TRANSFER),
        deploy=company.one(Role.DEPLOY),
        stolen=dice.pick(company.administrators).admin_login or "",
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


def _place(world: World, chain: Chain, cast: Cast, steps: tuple[Step, ...], dice: Dice) -> tuple[int, float]:
    """When the chain begins and at which tempo: as the plan asks, unless the plan is too short for it."""
    plan = world.plan
    span_us = (max(step.after_h for step in steps) + _TAIL_H) * HOUR_US
    begins_us = _usual_hour(world, chain, cast, dice)
    if begins_us < plan.start_us or begins_us + span_us * min(1.0, plan.pace) > plan.end_us:
        begins_us = plan.start_us + int(_FITTED_SHARE * (plan.end_us - plan.start_us))
    room_us = 0.97 * (plan.end_us - begins_us)
    return begins_us, min(plan.pace, room_us / span_us)


def _usual_hour(world: World, chain: Chain, cast: Cast, dice: Dice) -> int:
    """The chain's hour on one of the plan's first days on which the victim works."""
    first_us, *_ = midnights = list(days(world.plan))
    early = midnights[: 1 + int(_EARLY_SHARE * (len(midnights) - 1))]
    at_work = [day_us for day_us in early if world.workday(cast.victim, day_us)]
    candidates = (at_work if chain.needs_victim_at_work else early) or [first_us]
    return dice.pick(candidates) + int((chain.begins_h + 0.8 * dice.random()) * HOUR_US)
