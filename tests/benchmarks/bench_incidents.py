"""Measures incidents on labelled alert tables (AIT alert data set): how few, and how much of the attack they show.

Run with ``python -m tests.benchmarks.bench_incidents FOLDER [--stories]``, a folder with files called
``COMPANY_alerts.txt``; ``bench_incidents_unseen`` says how much of it is luck. Labels are read here for scoring and
nowhere else. A phase counts if a line that is shown comes from it (time_label); a line belongs to the attack if it
lies in any phase. ``labelled`` lines are those that the data set also names by event_label, the stricter reading.
``signs`` are phases that need no line of the kind before or after.
"""

from __future__ import annotations

import bisect
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.joining import Incident, IncidentBook, Step, incidents_of
from pandora_core.detect.incidents.queue import queue_of
from pandora_core.detect.incidents.risk import group_of, score
from pandora_core.detect.incidents.standing import beside
from pandora_core.detect.incidents.story import StoryLine, around, tell
from pandora_core.detect.pipeline import Pipeline
from pandora_core.ingest.formats.wazuh import WazuhFormat
from pandora_core.model import DAY_US, MINUTE_US, Detection, Event, Severity

SHOWN = 20
BATCH = 1000
NO_PHASE = "false_positive"


class Score(NamedTuple):
    """What the first items of a queue show of the attack."""

    alerts: int
    incidents: int
    phases: tuple[str, ...]
    all_phases: tuple[str, ...]
    by_signs: tuple[str, ...]
    lines: int
    attack_lines: int
    labelled_lines: int

    @property
    def fewer(self) -> float:
        return self.alerts / max(self.incidents, 1)

    @property
    def attack_share(self) -> float:
        return self.attack_lines / max(self.lines, 1)


class Table:
    """One company's alerts, the events by number, and those by time."""

    def __init__(self, path: Path) -> None:
        decoder = WazuhFormat().decoder(None, filename=path.name, modified_us=0)
        decoded = decoder.decode(path.read_bytes().splitlines(keepends=True))
        self.fill(path.name.partition("_")[0], [item for item in decoded if isinstance(item, Event)])

    def fill(self, name: str, events: list[Event]) -> None:
        """Takes events in, whose numbers are their places from one on."""
        self.name, self.events = name, events
        self._order = sorted(range(len(self.events)), key=lambda place: self.events[place].at_us)
        self._times = [self.events[place].at_us for place in self._order]

    def phase(self, event_id: int) -> str:
        return str(self.events[event_id - 1].more.get("label.time", NO_PHASE))

    def is_labelled(self, event_id: int) -> bool:
        return "label.event" in self.events[event_id - 1].more

    def phases(self) -> tuple[str, ...]:
        found = {str(event.more.get("label.time", NO_PHASE)) for event in self.events}
        return tuple(sorted(found - {NO_PHASE}))

    def beside(self, incident: Incident, detections: Sequence[Detection]) -> list[StoryLine]:
        """The newest alert before an incident and the oldest after it, as the store gives them."""
        wanted, found = around(incident, detections), []
        if wanted.before is not None:
            place = bisect.bisect_right(self._times, wanted.before[1]) - 1
            if place >= 0 and self._times[place] >= wanted.before[0]:
                found.append(self._line(place, "before"))
        if wanted.after is not None:
            place = bisect.bisect_left(self._times, wanted.after[0])
            if place < len(self._times) and self._times[place] <= wanted.after[1]:
                found.append(self._line(place, "after"))
        return found

    def _line(self, place: int, role: str) -> StoryLine:
        event, number = self.events[self._order[place]], self._order[place] + 1
        return StoryLine(event.at_us, event.host or "", str(event.more.get("rule.name")), "", number, role=role)


def detected(events: Iterable[Event], batch: int = BATCH) -> list[Fired]:
    """The last version of every detection, collected batch by batch as the engine does."""
    made, fired = Pipeline(), dict[str, Fired]()
    for number, event in enumerate(events, 1):
        made.observe(number, event)
        if number % batch == 0:
            fired.update((item.detection.id, item) for item in made.changed())
    fired.update((item.detection.id, item) for item in made.changed())
    return list(fired.values())


def scored(table: Table, incidents: Sequence[Incident], fired: Iterable[Fired], count: int | None = None) -> Score:
    """What the first :data:`SHOWN` of incidents in the queue's order show."""
    by_id = {item.detection.id: item.detection for item in fired}
    shown: list[StoryLine] = []
    for incident in queue_of(incidents)[:SHOWN]:
        shown += told(table, beside(incident, incidents), by_id)
    phases = [table.phase(line.event_id) for line in shown]
    own = {phase for line, phase in zip(shown, phases, strict=True) if line.role == "sign"}
    return Score(
        alerts=len(table.events),
        incidents=len(incidents) if count is None else count,
        phases=tuple(sorted(set(phases) - {NO_PHASE})),
        all_phases=table.phases(),
        by_signs=tuple(sorted(own - {NO_PHASE})),
        lines=len(shown),
        attack_lines=sum(phase != NO_PHASE for phase in phases),
        labelled_lines=sum(table.is_labelled(line.event_id) for line in shown),
    )


def told(table: Table, incident: Incident, by_id: Mapping[str, Detection]) -> list[StoryLine]:
    """The lines that an incident shows."""
    detections = [by_id[number] for number in incident.detection_ids]
    return tell(incident, detections, table.beside(incident, detections))


def grouped(fired: Iterable[Fired], kind: str) -> list[Incident]:
    """The trivial groupings: one incident a calendar day, or one a host, of the same detections."""
    groups: defaultdict[object, list[Detection]] = defaultdict(list)
    for item in fired:
        detection = item.detection
        if detection.points > 0:
            groups[detection.first_seen_us // DAY_US if kind == "day" else detection.entity].append(detection)
    (one, *_) = incidents_of(fired)
    return [_as_incident(one, f"{kind}-{place}", group) for place, group in enumerate(groups.values())]


def _as_incident(like: Incident, number: str, group: Sequence[Detection]) -> Incident:
    total = score(group)
    return replace(
        like,
        id=number,
        risk=total.risk,
        severity=Severity.of_risk(total.risk),
        evidence=total.evidence,
        first_seen_us=min(d.first_seen_us for d in group),
        last_seen_us=max(d.last_seen_us for d in group),
        detection_ids=tuple(d.id for d in sorted(group, key=lambda d: (d.first_seen_us, d.id))),
        steps=tuple(dict.fromkeys(Step(group_of(d)[1], str(d.entity)) for d in group)),
    )


def late(events: Sequence[Event], seed: int, share: float = 0.05, skew_us: int = 10 * MINUTE_US) -> list[Event]:
    """The same events, a share of which arrives up to ten minutes early or late."""
    dice = random.Random(seed)
    ordered = sorted(events, key=lambda event: event.at_us)
    moved = [e.at_us + (dice.randint(-skew_us, skew_us) if dice.random() < share else 0) for e in ordered]
    return [ordered[place] for place in sorted(range(len(ordered)), key=moved.__getitem__)]


def ranking(fired: Iterable[Fired]) -> list[tuple[float, int, int, tuple[str, ...]]]:
    """The queue without ids: what a change of order must not change."""
    return [
        (round(i.risk, 6), i.first_seen_us, i.last_seen_us, tuple(sorted(map(str, i.entities))))
        for i in queue_of(incidents_of(fired))
    ]


def report(name: str, found: Score) -> str:
    missing = " ".join(sorted(set(found.all_phases) - set(found.phases)))
    return (
        f"{name:<28}{found.alerts:>9,}{found.incidents:>10,}{found.fewer:>9,.0f}×"
        f"{len(found.phases):>6}/{len(found.all_phases)}{len(found.by_signs):>7}{found.lines:>7}"
        f"{found.attack_share:>8.0%}{found.labelled_lines:>9}  {missing}"
    )


def stories(table: Table, fired: Sequence[Fired]) -> None:
    by_id = {item.detection.id: item.detection for item in fired}
    incidents = incidents_of(fired)
    for place, incident in enumerate(queue_of(incidents)[:SHOWN], 1):
        standing = beside(incident, incidents)
        print(f"  {place}. risk {incident.risk:.0f} ({standing.risk:.0f} beside others) {incident.title}")
        for line in told(table, standing, by_id):
            print(f"      {line.role:<6} {line.host:<16} {line.words}  [{table.phase(line.event_id)}]")


def main(arguments: Sequence[str]) -> None:
    folder = Path(next(argument for argument in arguments if not argument.startswith("-")))
    print(
        f"{'':<28}{'alerts':>9}{'incidents':>10}{'fewer':>10}{'phases':>9}{'signs':>7}{'lines':>7}{'attack':>8}"
        f"{'labelled':>9}  missing"
    )
    tables = [Table(path) for path in sorted(folder.rglob("*_alerts.txt"))]
    for table in tables:
        fired = detected(table.events)
        book = IncidentBook()
        book.update(fired)
        print(report(table.name, scored(table, book.changes().incidents, fired)), flush=True)
        for kind in ("day", "host"):
            print(report(f"  by {kind}", scored(table, grouped(fired, kind), fired)), flush=True)
        same = ranking(detected(late(table.events, 7))) == ranking(fired)
        print(
            f"  5 % out of order by up to 10 minutes: {'the same ranking' if same else 'ANOTHER RANKING'}", flush=True
        )
        if "--stories" in arguments:
            stories(table, fired)


if __name__ == "__main__":
    main(sys.argv[1:])
