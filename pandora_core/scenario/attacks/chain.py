"""Owns what an attack is: a timeline of steps, and where in a plan it takes place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.model import DAY_US, HOUR_US, EntityRef
from pandora_core.scenario.attacks.cast import Cast, Ground, cast_of
from pandora_core.scenario.company import Host, dates
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.happenings import Burst, Happening, Truth
from pandora_core.scenario.plan import AttackPlan
from pandora_core.scenario.world import Actor, World

_EARLY_SHARE, _EARLY_SHARE_OF_MANY = 0.4, 0.85
"""An attack begins in this first part of the days of a long plan."""
_FITTED_SHARE = 0.2
"""Where in a plan an attack begins that would not fit at its usual hour."""
_TAIL_H = 0.8
"""How long the last step of a chain may take, in hours at pace 1."""


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


class Move(NamedTuple):
    """A log-on by which an intruder got from one host (or address outside) to another."""

    source: str
    target: str
    user: str


def _no_moves(cast: Cast) -> tuple[Move, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline. ``entity`` says whose risk it is, out of the cast."""

    after_h: float
    phase: str
    technique: str
    entity: Callable[[Cast], EntityRef]
    deed: Deed
    moves: Callable[[Cast], tuple[Move, ...]] = _no_moves


@dataclass(frozen=True, slots=True)
class Chain:
    """An attack: its steps in order, and the hour of the day at which somebody would start it."""

    name: str
    about: str
    begins_h: float
    steps: Callable[[Dice, int], tuple[Step, ...]]
    """Out of the dice and the number of hosts that are taken one after the other."""
    needs_victim_at_work: bool = True
    ground: Ground = Ground.SERVERS


@dataclass(frozen=True, slots=True)
class Campaign:
    """A chain set into a plan: the ``number``-th of the plan's attacks, who, from when, how fast, how loud."""

    world: World
    chain: Chain
    number: int
    cast: Cast
    steps: tuple[Step, ...]
    begins_us: int
    tempo: float
    noise: float

    @classmethod
    def of(cls, world: World, chain: Chain, wanted: AttackPlan, number: int) -> Campaign:
        dice = Dice.of(world.plan.seed, "attack", chain.name, number)
        cast = cast_of(world, dice, chain.ground, wanted.hops)
        steps = chain.steps(dice, len(cast.path))
        begins_us, tempo = _place(world, chain, cast, steps, wanted.pace, dice)
        return cls(world, chain, number, cast, steps, begins_us, tempo, wanted.noise)

    @property
    def phases(self) -> tuple[str, ...]:
        """The tactics in the order in which they begin."""
        return tuple(dict.fromkeys(step.phase for step in self.steps))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the steps are about, in order."""
        entities = [step.entity(self.cast) for step in self.steps]
        return tuple(dict.fromkeys(entity.name for entity in entities if entity.kind == "host"))

    @property
    def moves(self) -> tuple[Move, ...]:
        """How the intruder gets from host to host, in order."""
        return tuple(move for step in self.steps for move in step.moves(self.cast))

    def bursts(self) -> list[Iterator[Burst]]:
        """One stream for each step, since some (a beacon) go on while others begin."""
        return [self._play(number, step) for number, step in enumerate(self.steps)]

    def _play(self, number: int, step: Step) -> Iterator[Burst]:
        plan = self.world.plan
        dice = Dice.of(plan.seed, "attack", self.chain.name, self.number, number)
        hand = Intruder(self.world, self.cast, dice, self.tempo, self.noise, plan.end_us)
        truth = Truth(self.number, number + 1, step.phase, step.technique, str(step.entity(self.cast)))
        at_us = self.begins_us + int(step.after_h * HOUR_US * self.tempo) + hand.pause_us(0, 120)
        for scene_us, happenings in step.deed(hand, at_us):
            if scene_us >= plan.end_us:
                return
            yield Burst(scene_us, happenings, truth)


def _place(
    world: World, chain: Chain, cast: Cast, steps: tuple[Step, ...], pace: float, dice: Dice
) -> tuple[int, float]:
    """When the chain begins and at which tempo: as the plan asks, unless the plan is too short for it."""
    plan = world.plan
    span_us = (max(step.after_h for step in steps) + _TAIL_H) * HOUR_US
    quiet_until_us = plan.start_us + int(plan.quiet_days * DAY_US)
    begins_us = _usual_hour(world, chain, cast, dice, quiet_until_us)
    if begins_us < quiet_until_us or begins_us + span_us * min(1.0, pace) > plan.end_us:
        begins_us = quiet_until_us + int(_FITTED_SHARE * (plan.end_us - quiet_until_us))
    room_us = 0.97 * (plan.end_us - begins_us)
    return begins_us, min(pace, room_us / span_us)


def _usual_hour(world: World, chain: Chain, cast: Cast, dice: Dice, quiet_until_us: int) -> int:
    """The chain's hour, by the victim's clock, on one of the plan's first days on which the victim works."""
    zone_h = cast.victim.zone_h
    midnights = list(dates(world.plan, zone_h))
    calm = [day_us for day_us in midnights if day_us + chain.begins_h * HOUR_US >= quiet_until_us] or midnights
    share = _EARLY_SHARE if len(world.plan.attacks) == 1 else _EARLY_SHARE_OF_MANY
    early = calm[: 1 + int(share * (len(calm) - 1))]
    at_work = [day_us for day_us in early if world.workday(cast.victim, day_us)]
    candidates = (at_work if chain.needs_victim_at_work else early) or early
    return dice.pick(candidates) + int((chain.begins_h - zone_h + 0.8 * dice.random()) * HOUR_US)
