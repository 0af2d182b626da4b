"""Owns the run of a scenario: all behaviours merged into happenings, and those into lines, in order of event time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Set
from typing import NamedTuple

from pandora_core.scenario.attacks import campaigns
from pandora_core.scenario.behaviour.everything import ordinary_life
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.happenings import Burst, Happening, Truth
from pandora_core.scenario.plan import Plan
from pandora_core.scenario.world import World
from pandora_core.scenario.writers.sensors import Sensors


class Record(NamedTuple):
    """One line of the scenario: when it is written (true time, µs), to which file, and what it is part of."""

    at_us: int
    file: str
    line: str
    truth: Truth | None


class _Happened(NamedTuple):
    """A happening on its way to the sensors; ``number`` keeps those of one moment in order."""

    at_us: int
    number: int
    happening: Happening
    truth: Truth | None


class Scenario:
    """A plan come to life: its world, its attacks, and every line that the sensors write.

    Raises:
        ConfigError: there is no attack of the plan's name.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.world = World.of(plan)
        self.campaigns = campaigns(self.world)

    def records(self) -> Iterator[Record]:
        """Every line in order of time, once; memory grows with the number of hosts, not of days."""
        steps = [bursts for campaign in self.campaigns for bursts in campaign.bursts()]
        bursts = heapq.merge(*ordinary_life(self.world), *steps, key=lambda burst: burst.at_us)
        sensors = Sensors(self.world)
        records = _seen(_in_order(bursts, self.plan, sensors.kinds), sensors, self.plan.end_us)
        records = _with_losses(records, self.plan) if self.plan.loss else records
        return _in_disorder(records, self.plan) if self.plan.disorder else records

    @property
    def phases(self) -> tuple[str, ...]:
        """The tactics of all attacks, in the order in which they are first used."""
        return tuple(dict.fromkeys(phase for campaign in self.campaigns for phase in campaign.phases))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the attacks are about."""
        return tuple(dict.fromkeys(host for campaign in self.campaigns for host in campaign.hosts))


def stream(plan: Plan) -> Iterator[Record]:
    """Every line of a plan, in order of time.

    Raises:
        ConfigError: there is no attack of that name.
    """
    return Scenario(plan).records()


def _in_order(bursts: Iterator[Burst], plan: Plan, kinds: Set[type]) -> Iterator[_Happened]:
    """The happenings of the plan's time that anybody sees, in order; a session's end waits until it is its turn."""
    waiting: list[_Happened] = []
    number, start_us, end_us = 0, plan.start_us, plan.end_us
    for burst in bursts:
        if burst.at_us >= end_us:
            break
        while waiting and waiting[0].at_us < burst.at_us:
            yield heapq.heappop(waiting)
        for happening in burst.happenings:
            if start_us <= happening.at_us < end_us and type(happening) in kinds:
                number += 1
                heapq.heappush(waiting, _Happened(happening.at_us, number, happening, burst.truth))
    while waiting:
        yield heapq.heappop(waiting)


def _seen(happened: Iterator[_Happened], sensors: Sensors, end_us: int) -> Iterator[Record]:
    """What the sensors write; the lines of what is still going on wait until it is their turn."""
    waiting: list[tuple[int, int, Record]] = []
    number = 0
    for at_us, _, happening, truth in happened:
        while waiting and waiting[0][0] <= at_us:
            yield heapq.heappop(waiting)[2]
        for line in sensors.lines(happening):
            number += 1
            heapq.heappush(waiting, (line.at_us, number, Record(*line, truth)))
    while waiting and waiting[0][0] < end_us:
        yield heapq.heappop(waiting)[2]


def _with_losses(records: Iterator[Record], plan: Plan) -> Iterator[Record]:
    dice = Dice.of(plan.seed, "loss")
    return (record for record in records if not dice.chance(plan.loss))


def _in_disorder(records: Iterator[Record], plan: Plan) -> Iterator[Record]:
    """Some lines reach their file late; their own times, and what is true of them, stay as they are."""
    dice = Dice.of(plan.seed, "disorder")
    late: list[tuple[int, int, Record]] = []
    for number, record in enumerate(records):
        while late and late[0][0] <= record.at_us:
            yield heapq.heappop(late)[2]
        if dice.chance(plan.disorder):
            heapq.heappush(late, (record.at_us + dice.span_us(1, max(1.0, plan.late_s)), number, record))
        else:
            yield record
    while late:
        yield heapq.heappop(late)[2]
