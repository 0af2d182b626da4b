"""Measures how incidents fare on companies that nobody developed with: left out, disturbed, or put together.

Run with ``python -m tests.benchmarks.bench_incidents_unseen FOLDER [--left-out] [--disturbed] [--mixed SEEDS]``, a
folder with AIT tables called ``COMPANY_alerts.txt``; the rules and the columns are those of ``bench_incidents``.
Floods are thinned first: two alerts of a rule and host in five minutes are kept, which changes no visit.

``--left-out`` chooses the constants for each company on the three others, and says what they show of it.
``--disturbed`` loses a tenth of the lines, sets the clock by hours, or gives the hosts other names, ten times each.
``--mixed`` puts the attack of each company into the ordinary days of each other one, at random times: the alerts that
are the attack's own are moved, and the phases with them; what is ordinary stays and is of the phase it falls into.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.behaviours import rare_alerts
from pandora_core.detect.behaviours.rare_alerts import RareAlerts
from pandora_core.detect.incidents import story
from pandora_core.detect.incidents.joining import incidents_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Event
from tests.benchmarks.bench_incidents import NO_PHASE, Score, Table, report, scored

POINTS = (20.0, 24.0, 28.0)
LINES_POWERS = (2, 3, 4)
WHOLE_RISKS = (60.0, 75.0, 88.0)
REPEATS = 10
ENOUGH_SHARE = 0.5
THEFT = ("service_stop", "dnsteal")
"""Phases that lie days from the rest of the attack: moved by themselves."""

SELDOM = 6
"""An alert of a phase is the attack's own if labelled, or if its rule came no oftener to that host in peace."""

_THINNED_US = 5 * MINUTE_US
_ROUTINE = ("Dovecot Authentication", "ClamAV")


class Span(NamedTuple):
    """When a phase lasts."""

    first_us: int
    last_us: int


class Parts(NamedTuple):
    """A company taken apart: its ordinary alerts, the attack's own, and when the phases were."""

    ordinary: list[Event]
    attack: list[Event]
    spans: dict[str, Span]


def seen(table: Table) -> list[Fired]:
    """The detections of a table. Nothing but rare alerts can come of one, so that no other behaviour is asked."""
    pipeline = Pipeline([RareAlerts])
    for number, event in enumerate(table.events, 1):
        pipeline.observe(number, event)
    return pipeline.changed()


def judged(table: Table) -> Score:
    fired = seen(table)
    return scored(table, incidents_of(fired), fired)


def is_enough(score: Score) -> bool:
    """Whether all phases but one are shown, and half of the lines are of the attack."""
    return len(score.all_phases) - len(score.phases) <= 1 and score.attack_share >= ENOUGH_SHARE


def left_out(tables: Sequence[Table]) -> None:
    """The constants that show most of the three others, and what they show of the fourth."""
    found: dict[str, dict[tuple[float, int, float], Score]] = {table.name: {} for table in tables}
    for points in POINTS:
        rare_alerts.POINTS = points
        fired = {table.name: seen(table) for table in tables}
        for power, whole in product(LINES_POWERS, WHOLE_RISKS):
            story.LINES_POWER, story.TOLD_WHOLE_RISK = power, whole
            for table in tables:
                mine = fired[table.name]
                found[table.name][points, power, whole] = scored(table, incidents_of(mine), mine)
    for name, by_choice in found.items():
        others = [scores for other, scores in found.items() if other != name]
        best = max(by_choice, key=lambda c: sum(len(o[c].phases) + o[c].attack_share for o in others))
        spread = [len(score.phases) for score in by_choice.values()]
        print(
            report(f"  without {name}", by_choice[best]), f"  chosen {best}; any choice {min(spread)}–{max(spread)}"
        )


def disturbed(table: Table) -> None:
    ways: dict[str, Callable[[random.Random], list[Event]]] = {
        "a tenth of the lines lost": lambda dice: [event for event in table.events if dice.random() >= 0.1],
        "the clock set by hours": lambda dice: _shifted(table, dice.randrange(-86_400, 86_400)),
        "hosts renamed": lambda dice: _renamed(table, dice),
    }
    for title, way in ways.items():
        dice = [random.Random(f"{table.name} {title} {seed}") for seed in range(REPEATS)]
        scores = [judged(with_events(table.name, way(one))) for one in dice]
        print(summary(f"  {table.name}: {title}", scores), flush=True)


def summary(title: str, scores: Sequence[Score]) -> str:
    """Medians, and the worst."""
    phases, shares = [len(score.phases) for score in scores], [score.attack_share for score in scores]
    missing = Counter(phase for score in scores for phase in set(score.all_phases) - set(score.phases))
    return (
        f"{title:<46} n {len(scores):>3}  phases {statistics.median(phases):.0f} (worst {min(phases)})  "
        f"attack {statistics.median(shares):.0%} (worst {min(shares):.0%})  "
        f"enough {sum(map(is_enough, scores))} of {len(scores)}  missing {dict(missing)}"
    )


def mixed(tables: Sequence[Table], seeds: int) -> None:
    """Every attack in every other company's days."""
    parts = {table.name: taken_apart(table) for table in tables}
    scores: dict[tuple[str, str, int], Score] = {}
    for days, attack in product(parts, parts):
        if days != attack:
            for seed in range(seeds):
                dice = random.Random(f"{days} {attack} {seed}")
                scores[days, attack, seed] = judged(
                    put_together(f"{days}+{attack}", parts[days], parts[attack], dice)
                )
    for name in parts:
        print(summary(f"  in the days of {name}", [s for k, s in scores.items() if k[0] == name]))
        print(summary(f"  the attack on {name}", [s for k, s in scores.items() if k[1] == name]))
    print(summary("  all", list(scores.values())))


def taken_apart(table: Table) -> Parts:
    spans = _spans(table.events)
    visits = Counter((_rule(e), e.host) for e in table.events if _phase(e) == NO_PHASE)
    own = [event for event in table.events if _is_own(event, visits[_rule(event), event.host])]
    mine = set(map(id, own))
    return Parts([event for event in table.events if id(event) not in mine], own, spans)


def put_together(name: str, days: Parts, attack: Parts, dice: random.Random) -> Table:
    """Ordinary days with another company's attack: the theft on one of them, the rest on another."""
    begin_us, end_us = days.ordinary[0].at_us, days.ordinary[-1].at_us
    main = [span for phase, span in attack.spans.items() if phase not in THEFT]
    main_us, length_us = min(span.first_us for span in main), max(span.last_us for span in main)
    length_us -= main_us
    moved_us = dice.randrange(begin_us + 2 * DAY_US, end_us - length_us - 4 * HOUR_US) - main_us
    theft_us = dice.randrange(begin_us + DAY_US, end_us - 3 * HOUR_US) - attack.spans[THEFT[0]].first_us
    by = {phase: theft_us if phase in THEFT else moved_us for phase in attack.spans}
    spans = {p: Span(span.first_us + by[p], span.last_us + by[p]) for p, span in attack.spans.items()}
    desks = sorted({e.host or "" for e in days.ordinary if (e.host or "").endswith("_mail")})
    theirs = sorted({e.host or "" for e in attack.attack if (e.host or "").endswith("_mail")})
    names = {host: desks[place % len(desks)] for place, host in enumerate(theirs)}
    made = [_labelled(event, _phase_at(spans, event.at_us)) for event in days.ordinary]
    for event in attack.attack:
        at_us, host = event.at_us + by[_phase(event)], names.get(event.host or "", event.host)
        made.append(msgspec.structs.replace(event, at_us=at_us, host=host))
    return with_events(name, sorted(made, key=lambda event: event.at_us))


def thinned(table: Table) -> Table:
    """The same without floods, which cost time; in the order of times."""
    often: Counter[tuple[str, str | None, str, int]] = Counter()
    kept: list[Event] = []
    for event in sorted(table.events, key=lambda event: event.at_us):
        key = _rule(event), event.host, _phase(event), event.at_us // _THINNED_US
        often[key] += 1
        if often[key] <= 2:
            kept.append(event)
    return with_events(table.name, kept)


def with_events(name: str, events: list[Event]) -> Table:
    """A table of events that were not read from a file."""
    table = Table.__new__(Table)
    table.fill(name, events)
    return table


def _spans(events: Sequence[Event]) -> dict[str, Span]:
    """When phases last: from first to last alert. Two are known to reach further: scans of networks last until those
    of services begin, and the theft goes on for three quarters of an hour at least."""
    times: dict[str, list[int]] = {}
    for event in events:
        if _phase(event) != NO_PHASE:
            times.setdefault(_phase(event), []).append(event.at_us)
    spans = {phase: Span(min(found), max(found)) for phase, found in times.items()}
    if {"network_scans", "service_scans"} <= spans.keys():
        spans["network_scans"] = Span(spans["network_scans"].first_us, spans["service_scans"].first_us - SECOND_US)
    stopped_us = spans[THEFT[0]].last_us
    last_us = max(spans[THEFT[1]].last_us, stopped_us + 45 * MINUTE_US)
    return spans | {THEFT[1]: Span(stopped_us + SECOND_US, last_us)}


def _is_own(event: Event, often: int) -> bool:
    if _phase(event) == NO_PHASE or any(word in _rule(event) for word in _ROUTINE):
        return False
    return "label.event" in event.more or often <= SELDOM


def _phase_at(spans: dict[str, Span], at_us: int) -> str:
    return next((phase for phase, span in spans.items() if span.first_us <= at_us <= span.last_us), NO_PHASE)


def _labelled(event: Event, phase: str) -> Event:
    more = {key: value for key, value in event.more.items() if key != "label.event"}
    return msgspec.structs.replace(event, more={**more, "label.time": phase})


def _shifted(table: Table, seconds: int) -> list[Event]:
    return [msgspec.structs.replace(event, at_us=event.at_us + seconds * SECOND_US) for event in table.events]


def _renamed(table: Table, dice: random.Random) -> list[Event]:
    hosts = sorted({event.host or "" for event in table.events})
    names = dict(zip(hosts, (f"h{n}" for n in dice.sample(range(1000), len(hosts))), strict=True))
    return [msgspec.structs.replace(event, host=names[event.host or ""]) for event in table.events]


def _rule(event: Event) -> str:
    return str(event.more.get("rule.name"))


def _phase(event: Event) -> str:
    return str(event.more.get("label.time", NO_PHASE))


def main(arguments: Sequence[str]) -> None:
    folder = Path(next(argument for argument in arguments if not argument.startswith("-")))
    tables = [thinned(Table(path)) for path in sorted(folder.rglob("*_alerts.txt"))]
    if "--left-out" in arguments:
        left_out(tables)
    if "--disturbed" in arguments:
        for table in tables:
            disturbed(table)
    if "--mixed" in arguments:
        mixed(tables, int(arguments[arguments.index("--mixed") + 1]))


if __name__ == "__main__":
    main(sys.argv[1:])
