"""Owns which servers are out of order when: planned restarts in the night of updates, and failures at any time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pandora_core.model import DAY_US, HOUR_US, MINUTE_US
from pandora_core.scenario.company import Company, Host, dates
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.plan import Plan

PATCH_WEEKDAY = 2
"""Wednesday, Monday being 0: the day after the makers of systems bring out their updates."""
_FAILURES_A_DAY = 0.02
_EPOCH_WEEKDAY = 3


class Outage(NamedTuple):
    """From when until when a host does not answer; refused at once where only its service is down."""

    host: Host
    from_us: int
    until_us: int
    is_refused: bool
    is_planned: bool


def weekday(day_us: int) -> int:
    """The day of the week of a midnight, Monday being 0."""
    return (day_us // DAY_US + _EPOCH_WEEKDAY) % 7


def outages(plan: Plan, company: Company) -> dict[str, tuple[Outage, ...]]:
    """All outages of a plan by the address of the server, each server's in order of time."""
    found = {server.ip: tuple(_of(plan, server)) for server in company.servers}
    return {ip: listed for ip, listed in found.items() if listed}


def _of(plan: Plan, server: Host) -> Iterator[Outage]:
    for day_us in dates(plan, server.zone_h):
        dice = Dice.of(plan.seed, "outage", server.name, day_us)
        if weekday(day_us) == PATCH_WEEKDAY:
            at_us = day_us + int((22 - server.zone_h) * HOUR_US) + dice.span_us(0, 3 * 3_600)
            yield Outage(server, at_us, at_us + dice.span_us(120, 600), is_refused=False, is_planned=True)
        elif dice.chance(_FAILURES_A_DAY):
            at_us = day_us + int(20 * dice.random() * HOUR_US)
            lasts_us = int(12 * MINUTE_US * dice.lognormvariate(0.0, 0.8))
            yield Outage(server, at_us, at_us + lasts_us, is_refused=dice.chance(0.7), is_planned=False)
