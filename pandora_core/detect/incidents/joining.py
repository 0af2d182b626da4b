"""Owns how detections of several entities become one incident: which belong together, and what it says.

Detections are related where they share a place or a user and are near in time, or are one sweep (see
:mod:`pandora_core.detect.incidents.ties`); what is related, directly or through others, is one incident if its risk
makes a person look. So incidents are a function of the set of detections. :func:`incidents_of` is the definition;
:class:`IncidentBook` gives the same answers while detections come, at the cost of those that changed and of what is
related to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import OPEN_RISK
from pandora_core.detect.incidents.ties import Links, Tie, links, sweep_key, swept, ties_of
from pandora_core.detect.sessions import digest
from pandora_core.model import Contribution, Detection, EntityRef, Severity

MIN_POINTS = 4.0
"""Detections of fewer points belong to no incident."""

MAX_DETECTIONS = 20_000
"""Detections that are kept at hand; incidents that ended longest ago are let go first, as they stand."""

MAX_LISTED = 16
MAX_STEPS = 64

_EVICTED_SHARE = 0.2


class Step(NamedTuple):
    """A tactic on an entity: what the queue tries to show much of."""

    tactic: str
    entity: str


@dataclass(frozen=True, slots=True)
class Incident:
    """Detections that belong together, the undecayed score of them all and its parts."""

    id: str
    severity: Severity
    risk: float
    evidence: float
    title: str
    first_seen_us: int
    last_seen_us: int
    entities: tuple[EntityRef, ...]
    contributions: tuple[Contribution, ...]
    detection_ids: tuple[str, ...]
    steps: tuple[Step, ...]
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()


class Changes(NamedTuple):
    """Incidents that are new or different, and those that are no more with the one that took their place."""

    incidents: list[Incident]
    gone: dict[str, str | None]


def incidents_of(fired: Iterable[Fired]) -> list[Incident]:
    """The incidents that a set of detections makes, oldest first."""
    book = IncidentBook()
    book.update(fired)
    return sorted(book.changes().incidents, key=lambda incident: (incident.first_seen_us, incident.id))


class IncidentBook:
    """Detections at hand, how they are related, and the incidents that they make."""

    def __init__(self, capacity: int = MAX_DETECTIONS) -> None:
        self._capacity = capacity
        self._fired: dict[str, Fired] = {}
        self._alike: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._swept: set[str] = set()
        self._ties: dict[str, tuple[Tie, ...]] = {}
        self._tied: defaultdict[Tie, set[str]] = defaultdict(set)
        self._links: dict[Tie, Links] = {}
        self._home: dict[str, str] = {}
        self._told: dict[str, Incident] = {}
        self._dirty: set[str] = set()
        self._dirty_kinds: set[tuple[str, str]] = set()
        self._dirty_ties: set[Tie] = set()

    def __len__(self) -> int:
        return len(self._fired)

    def update(self, fired: Iterable[Fired]) -> None:
        """Takes detections in: new ones, and new versions of known ones."""
        for item in fired:
            known = self._fired.get(item.detection.id)
            if item.detection.points < MIN_POINTS:
                self._drop(item.detection.id)
            elif known != item:
                self._put(item, known)

    def drop(self, detection_ids: Iterable[str]) -> None:
        """Forgets detections that were refuted or turned out to be nothing."""
        for number in detection_ids:
            self._drop(number)

    def recall(self, fired: Iterable[Fired], told: Iterable[Incident]) -> None:
        """Goes on from what is stored: detections, and the incidents that were told of them.

        Incidents whose detections are not all there were let go long ago: they and their detections stay as they are.
        """
        here = {item.detection.id: item for item in fired}
        for incident in told:
            if all(number in here for number in incident.detection_ids):
                self._told[incident.id] = incident
                self._home.update(dict.fromkeys(incident.detection_ids, incident.id))
            else:
                for number in incident.detection_ids:
                    here.pop(number, None)
        self.update(here.values())

    def changes(self) -> Changes:
        """What is different since the last call."""
        self._settle_sweeps()
        touched = set(self._dirty)
        for tie in self._dirty_ties:
            members = self._tied.get(tie)
            if members:
                self._links[tie] = links(tie, [self._fired[number].detection for number in sorted(members)])
                touched |= members
            else:
                self._links.pop(tie, None)
                self._tied.pop(tie, None)
        self._dirty, self._dirty_ties = set(), set()
        changes = self._regroup(touched)
        if len(self._fired) > self._capacity:
            self._let_go()
        return changes

    def _put(self, item: Fired, known: Fired | None) -> None:
        detection = item.detection
        number, kind = detection.id, sweep_key(detection)
        if known is not None and sweep_key(known.detection) != kind:
            self._alike[sweep_key(known.detection)].discard(number)
            self._dirty_kinds.add(sweep_key(known.detection))
        self._fired[number] = item
        self._alike[kind].add(number)
        self._dirty_kinds.add(kind)
        self._retie(number)
        self._dirty.add(number)

    def _drop(self, number: str) -> None:
        item = self._fired.pop(number, None)
        if item is None:
            return
        kind = sweep_key(item.detection)
        self._alike[kind].discard(number)
        self._dirty_kinds.add(kind)
        self._swept.discard(number)
        self._untie(number)
        self._dirty.add(number)

    def _retie(self, number: str) -> None:
        self._untie(number)
        ties = ties_of(self._fired[number].detection, is_swept=number in self._swept)
        self._ties[number] = ties
        for tie in ties:
            self._tied[tie].add(number)
        self._dirty_ties.update(ties)

    def _untie(self, number: str) -> None:
        for tie in self._ties.pop(number, ()):
            self._tied[tie].discard(number)
            self._dirty_ties.add(tie)

    def _settle_sweeps(self) -> None:
        """Detections that became part of a sweep, or no longer are, have other ties."""
        for kind in self._dirty_kinds:
            members = self._alike[kind]
            now = swept(self._fired[number].detection for number in members)
            for number in members & (now ^ self._swept):
                self._swept ^= {number}
                self._retie(number)
            if not members:
                del self._alike[kind]
        self._dirty_kinds.clear()

    def _regroup(self, touched: set[str]) -> Changes:
        """Finds the incidents of all that was touched and of what is or was related to it."""
        stale = {self._home[number] for number in touched if number in self._home}
        touched |= {number for incident in stale for number in self._told[incident].detection_ids}
        for number in touched:
            self._home.pop(number, None)
        made: dict[str, Incident] = {}
        seen: set[str] = set()
        for number in sorted(touched & self._fired.keys()):
            if number not in seen:
                group = self._related(number)
                seen |= group
                stale |= {self._home[n] for n in group if n in self._home}
                incident = _incident_of([self._fired[n] for n in group])
                if incident is not None:
                    made[incident.id] = incident
                    self._home.update(dict.fromkeys(group, incident.id))
        return self._compare(stale, made)

    def _compare(self, stale: set[str], made: dict[str, Incident]) -> Changes:
        gone: dict[str, str | None] = {}
        for number in sorted(stale - made.keys()):
            before = self._told.pop(number)
            gone[number] = next((self._home[d] for d in before.detection_ids if d in self._home), None)
        news = [incident for number, incident in made.items() if self._told.get(number) != incident]
        self._told.update(made)
        return Changes(news, gone)

    def _related(self, number: str) -> set[str]:
        """Everything that a detection is related to, itself included."""
        found, waiting = {number}, [number]
        while waiting:
            one = waiting.pop()
            for tie in self._ties[one]:
                for other in self._links[tie].get(one, ()):
                    if other not in found:
                        found.add(other)
                        waiting.append(other)
        return found

    def _let_go(self) -> None:
        """Forgets what ended longest ago, whole incidents at a time."""
        ends = {number: self._told[home].last_seen_us for number, home in self._home.items()}
        ranked = sorted(
            self._fired, key=lambda n: (ends.get(n, self._fired[n].detection.last_seen_us), self._home.get(n, ""), n)
        )
        count = int(self._capacity * _EVICTED_SHARE) + len(self._fired) - self._capacity
        last = self._home.get(ranked[count - 1])
        while last is not None and count < len(ranked) and self._home.get(ranked[count]) == last:
            count += 1
        for number in ranked[:count]:
            self._told.pop(self._home.pop(number, ""), None)
            self._drop(number)
            self._dirty.discard(number)


def _incident_of(group: Sequence[Fired]) -> Incident | None:
    """What an incident says; nothing below the risk that makes a person look."""
    ordered = sorted(group, key=lambda item: (item.detection.first_seen_us, item.detection.id))
    detections = [item.detection for item in ordered]
    score = risk.score(detections)
    if score.risk < OPEN_RISK:
        return None
    opened_by = min(group, key=lambda item: (item.event_id, item.detection.id)).detection
    strongest = sorted(detections, key=lambda d: (-d.points, d.first_seen_us, d.id))
    entities = dict.fromkeys(d.entity for d in strongest)
    return Incident(
        id=f"I-{digest(opened_by.id)[:8]}",
        severity=Severity.of_risk(score.risk),
        risk=score.risk,
        evidence=score.evidence,
        title=_title(strongest, len(entities)),
        first_seen_us=detections[0].first_seen_us,
        last_seen_us=max(d.last_seen_us for d in detections),
        entities=tuple(islice(entities, MAX_LISTED)),
        contributions=score.contributions,
        detection_ids=tuple(d.id for d in detections),
        steps=tuple(islice(dict.fromkeys(_step(d) for d in strongest), MAX_STEPS)),
        hosts=_listed(host for d in strongest for host in d.hosts),
        users=_listed(user for d in strongest for user in d.users),
        techniques=_listed(technique for d in strongest for technique in d.techniques),
        tactics=_listed(tactic for d in detections for tactic in d.tactics),
    )


def _step(detection: Detection) -> Step:
    return Step(risk.group_of(detection)[1], str(detection.entity))


def _title(strongest: Sequence[Detection], entities: int) -> str:
    title, more = strongest[0].title.rstrip("."), len(strongest) - 1
    where = f"on {strongest[0].entity.name}" if entities == 1 else f"on {entities:,} entities"
    return f"{title}, and {more:,} more, {where}" if more else title


def _listed(things: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(things), MAX_LISTED))
