"""Measures what wrong clocks, late lines, missing names, translators, DHCP and renamed hosts do to the ranking.

Run with ``python -m tests.benchmarks.bench_spoilt [companies] [hosts] [days] [seed]`` (default 3, 120, 10, 7700).
Each company of :mod:`tests.benchmarks.bench_chains` is ranked as it is and spoilt. Reported are, over all companies:
how many of the first 20 moves are the same, in how many pairs of them that are a bit or more apart the order is the
same, how many of the attacks a reported chain holds a move of, and how many chains are false.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_address
from pandora_core.detect.names import Names, short_name
from pandora_core.graph.history import Move
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.ranking import Ranking, rank
from pandora_core.model import DAY_US, MINUTE_US, Event
from pandora_core.quantum.walks.network import STANDINGS, WALKS
from pandora_core.scenario.simulate import Scenario
from tests.benchmarks.bench_chains import events_of, plan_of

USUAL = (3, 120, 10, 7700)
FIRST = 20
APART = 1.0
RENAMED = "-new"

Spoil = Callable[[list[Event], random.Random], list[Event]]
Way = tuple[str, str, str]


class Figures(NamedTuple):
    """Of one company: moves and pairs that are as they were, of how many, and what became of the attacks."""

    same: int
    pairs: int
    of_pairs: int
    found: int
    attacks: int
    false: int


def main(arguments: Sequence[str]) -> None:
    companies, hosts, days, first_seed = [int(text) for text in arguments] + list(USUAL[len(arguments) :])
    found: dict[str, list[Figures]] = {name: [] for name in SPOILS}
    for seed in range(first_seed, first_seed + companies):
        scenario = Scenario(plan_of(seed, hosts, days))
        events = list(events_of(scenario))
        truth = [{(m.source, m.target, m.user) for m in campaign.moves} for campaign in scenario.campaigns]
        straight = ranked(events)
        for name, spoil in SPOILS.items():
            other = straight if spoil is None else ranked(spoil(list(events), random.Random(seed)))
            found[name].append(compared(straight, other, truth))
    for name, figures in found.items():
        same, pairs, of_pairs, hit, attacks, false = (sum(column) for column in zip(*figures, strict=True))
        print(
            f"{name:<44} {same} of {FIRST * companies} moves, {pairs / max(of_pairs, 1):.3f} of pairs in order, "
            f"{hit} of {attacks} attacks, {false} false"
        )


def ranked(events: Sequence[Event]) -> Ranking:
    names = Names()
    graph = NetworkGraph(names)
    for event in events:
        names.learn(event)
        graph.observe(event)
    return rank(graph.at(), WALKS, STANDINGS)


def compared(straight: Ranking, other: Ranking, truth: Sequence[set[Way]]) -> Figures:
    before = [way(one.move) for one in straight.moves[:FIRST]]
    places = {way(one.move): place for place, one in reversed(list(enumerate(other.moves)))}
    same = len(set(before) & {way(one.move) for one in other.moves[:FIRST]})
    bits = {way(one.move): one.bits for one in straight.moves[:FIRST]}
    pairs = [
        (one, two)
        for one, two in combinations(before, 2)
        if one in places and two in places and bits[one] - bits[two] >= APART
    ]
    kept = sum(places[one] < places[two] for one, two in pairs)
    reported = [{key for move in chain.moves for key in keys(move, truth)} for chain in other.chains]
    found = sum(any(moves & chain for chain in reported) for moves in truth)
    false = sum(not any(moves & chain for moves in truth) for chain in reported)
    return Figures(same, kept, len(pairs), found, len(truth), false)


def way(move: Move) -> Way:
    return _bare(move.source), _bare(move.target), move.user


def keys(move: Move, truth: Sequence[set[Way]]) -> Iterator[Way]:
    """The move, and for an address whose host no log names every true move that it can be."""
    source, target, user = way(move)
    yield source, target, user
    if is_address(source):
        yield from (known for moves in truth for known in moves if known[1:] == (target, user))


def _bare(host: str) -> str:
    return short_name(host).casefold().removesuffix(RENAMED)


def clocks(events: list[Event], rng: random.Random) -> list[Event]:
    """Every host's clock is wrong by up to ten minutes."""
    wrong: dict[str | None, int] = {}
    return [
        msgspec.structs.replace(one, at_us=one.at_us + wrong.setdefault(one.host, rng.randint(-10, 10) * MINUTE_US))
        for one in events
    ]


def late(events: list[Event], rng: random.Random) -> list[Event]:
    """5 % of the lines come up to half an hour late."""
    return sorted(events, key=lambda one: one.at_us + (30 * MINUTE_US if rng.random() < 0.05 else 0))


def both(events: list[Event], rng: random.Random) -> list[Event]:
    return late(clocks(events, rng), rng)


def nameless(events: list[Event], rng: random.Random) -> list[Event]:
    """No log-on says the name of its source."""
    return [msgspec.structs.replace(one, source_domain=None) if one.source_ip else one for one in events]


def translated(events: list[Event], rng: random.Random) -> list[Event]:
    """A tenth of the clients are seen as one address."""
    behind = _some({one.source_ip for one in events if one.source_ip and one.source_domain}, 0.1, rng)
    return [
        msgspec.structs.replace(one, source_ip="10.250.0.1") if one.source_ip in behind else one for one in events
    ]


def leased(events: list[Event], rng: random.Random) -> list[Event]:
    """A fifth of the clients swap their addresses every day; no lease is told, but the machines' accounts log on."""
    moving = sorted(_some({one.source_ip for one in events if one.source_ip and one.source_domain}, 0.2, rng))
    by_day: dict[int, dict[str, str]] = {}

    def of(one: Event) -> str:
        day = one.at_us // DAY_US
        if day not in by_day:
            by_day[day] = dict(zip(moving, rng.sample(moving, len(moving)), strict=True))
        return by_day[day].get(one.source_ip or "", one.source_ip or "")

    return [msgspec.structs.replace(one, source_ip=of(one)) if one.source_ip else one for one in events]


def renamed(events: list[Event], rng: random.Random) -> list[Event]:
    """A tenth of the clients have another name from the middle on."""
    chosen = _some({one.source_domain for one in events if one.source_domain}, 0.1, rng)
    since_us = (events[0].at_us + events[-1].at_us) // 2
    new = {name: f"{name}{RENAMED}" for name in chosen}
    new |= {f"{name}$": f"{name}{RENAMED}$" for name in chosen}
    return [
        one
        if one.at_us < since_us
        else msgspec.structs.replace(
            one,
            host=new.get(short_name(one.host or ""), one.host),
            user=new.get(one.user or "", one.user),
            source_domain=new.get(one.source_domain or "", one.source_domain),
        )
        for one in events
    ]


def _some(all_: set[str | None], share: float, rng: random.Random) -> set[str]:
    known = sorted(one for one in all_ if one)
    return set(rng.sample(known, round(share * len(known))))


SPOILS: dict[str, Spoil | None] = {
    "as it is": None,
    "5 % of lines late": late,
    "clocks ±10 min": clocks,
    "clocks ±10 min, 5 % of lines late": both,
    "no names of sources": nameless,
    "a tenth of the clients behind a translator": translated,
    "a fifth of the clients swap addresses daily": leased,
    "a tenth of the clients renamed halfway": renamed,
}


if __name__ == "__main__":
    main(sys.argv[1:])
