"""Measures whether late lines and wrong clocks change what is looked at first.

Run with ``python -m tests.benchmarks.bench_disorder PATH… [--seeds N]``, folders or files. Each is read three times
more for every seed: with 5 % of its lines up to ten minutes late, with the clock of each sensor (a tool on a host)
wrong by up to ten minutes either way for good, and with both. Compared are the first 20 entities and incidents.

Late lines carry their true times, so that nothing at all may differ. Wrong clocks do not: what two sensors tell of
one minute lies up to twenty minutes apart, so that risks differ by what decays in that time, and stories are told in
the order of the clocks. What is left is the order of all that is not a close call.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import entity_score
from pandora_core.detect.incidents.joining import incidents_of
from pandora_core.detect.incidents.queue import queue_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.ingest.recognise import formats, recognise
from pandora_core.model import MINUTE_US, EntityRef, Event

FIRST = 20
LATE_SHARE = 0.05
WRONG_US = 10 * MINUTE_US
BATCH = 1000

_HEAD_BYTES = 65_536


class Row(NamedTuple):
    """One thing in an order: who it is about, and how it is rated."""

    who: tuple[str, ...]
    risk: float


class Order(NamedTuple):
    """What is looked at first."""

    entities: list[Row]
    incidents: list[Row]


def events_of(place: Path) -> list[Event]:
    """All events of a text log, or of all in a folder, in the order of their times."""
    paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    events = [event for path in paths for event in _decoded(path)]
    return sorted(events, key=lambda event: event.at_us)


def late(events: Sequence[Event], dice: random.Random) -> list[Event]:
    """The same events, some of which come up to ten minutes after the others."""
    moved = [event.at_us + (dice.randrange(WRONG_US) if dice.random() < LATE_SHARE else 0) for event in events]
    return [events[place] for place in sorted(range(len(events)), key=moved.__getitem__)]


def by_wrong_clocks(events: Sequence[Event], dice: random.Random) -> list[Event]:
    """The same events with the times of sensors whose clocks are wrong, in the order of these."""
    errors: defaultdict[str, int] = defaultdict(lambda: dice.randint(-WRONG_US, WRONG_US))
    moved = (msgspec.structs.replace(event, at_us=event.at_us + errors[_sensor(event)]) for event in events)
    return sorted(moved, key=lambda event: event.at_us)


def order_of(events: Sequence[Event]) -> Order:
    """What the detectors make of events, in the order in which it is looked at."""
    made, fired = Pipeline(), dict[str, Fired]()
    for number, event in enumerate(events, 1):
        made.observe(number, event)
        if number % BATCH == 0:
            fired.update((item.detection.id, item) for item in made.changed())
    fired.update((item.detection.id, item) for item in made.changed())
    return Order(_entities(list(fired.values())), _incidents(list(fired.values())))


def compared(before: Sequence[Row], after: Sequence[Row]) -> str:
    """Whether the first ones are the same ones in the same order, and what is not."""
    mine, theirs = [row.who for row in before[:FIRST]], [row.who for row in after[:FIRST]]
    if mine == theirs:
        return f"the same {len(mine)}"
    moved = [place for place, (one, other) in enumerate(zip(mine, theirs, strict=False), 1) if one != other]
    place = moved[0] if moved else min(len(mine), len(theirs)) + 1
    rows = [f"{' '.join(r[place - 1].who)[:60]} {r[place - 1].risk:.1f}" for r in (before, after) if len(r) >= place]
    common = len(set(mine) & set(theirs))
    return f"{common} of {len(mine)} in both, the first difference at {place}: {' | '.join(rows)}"


def _entities(fired: Sequence[Fired]) -> list[Row]:
    by_entity: defaultdict[EntityRef, list[Fired]] = defaultdict(list)
    for item in fired:
        by_entity[item.detection.entity].append(item)
    rows: list[tuple[float, Row]] = []
    for entity, items in by_entity.items():
        score = entity_score(entity, items)
        newest_us = max(item.detection.last_seen_us for item in items)
        rows.append((-risk.rank_of(score.evidence, newest_us), Row((str(entity),), score.risk)))
    return [row for _, row in sorted(rows) if row.risk > 0]


def _incidents(fired: Sequence[Fired]) -> list[Row]:
    return [Row(tuple(sorted(map(str, i.entities))), i.risk) for i in queue_of(incidents_of(fired))]


def _decoded(path: Path) -> Iterator[Event]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    chosen = recognise(data[:_HEAD_BYTES], path.name.removesuffix(".gz"), formats())
    if chosen is not None and chosen.delimiter == b"\n":
        decoder = chosen.decoder(None, filename=path.name, modified_us=int(path.stat().st_mtime * 1e6))
        yield from (item for item in decoder.decode(data.splitlines(keepends=True)) if isinstance(item, Event))


def _sensor(event: Event) -> str:
    return f"{event.dataset.partition('.')[0]} {event.host or ''}"


def main(arguments: Sequence[str]) -> None:
    seeds = int(arguments[arguments.index("--seeds") + 1]) if "--seeds" in arguments else 1
    names = arguments[: arguments.index("--seeds")] if "--seeds" in arguments else arguments
    for place in map(Path, names):
        events = events_of(place)
        plain = order_of(events)
        print(
            f"{place.name}: {len(events):,} events, {len(plain.entities)} entities, {len(plain.incidents)} incidents"
        )
        for seed in range(seeds):
            dice = random.Random(seed)
            wrong = by_wrong_clocks(events, dice)
            ways = {"late lines": late(events, dice), "wrong clocks": wrong, "both": late(wrong, dice)}
            for name, changed in ways.items():
                found = order_of(changed)
                print(f"  {seed} {name:<13} entities: {compared(plain.entities, found.entities)}")
                print(f"  {'':<15} incidents: {compared(plain.incidents, found.incidents)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
