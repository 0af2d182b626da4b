"""Owns the behaviour that rates alerts whose tool does not: by how rare their rule is on that host and elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Fired, Route
from pandora_core.detect.kinds import kind_of
from pandora_core.detect.names import place_of
from pandora_core.detect.places import PlaceIndex
from pandora_core.detect.rarity import GAP_US, WARM_UP_US, WAVE_HOSTS, Visit, Waves, rarity
from pandora_core.detect.sessions import digest
from pandora_core.detect.words import amount, span_of
from pandora_core.model import Detection, Event

DATASETS = ("ait.alert",)
"""Logs that keep alerts without what their tool thought of them."""

POINTS = 24.0
"""A rule of the usual weight that a host never had before, once its log is watched for a day."""

INSIDE = ("privilege-escalation", "defense-evasion", "persistence", "impact")
"""Tactics of somebody who has the host already. What looks like one on many hosts at once is maintenance, most of the
time; what comes from outside, scans and guesses, is the worse the more hosts it reaches."""

WAVE_SHARE = 0.3
"""What is left of the points of such a rule where a wave of it reaches five hosts."""

MIN_POINTS = 4.0
MAX_VISITS, MAX_KEPT = 24, 36
"""A rule with more visits to a host is routine there; for good, once it has the second number of them. Lines that
come late can make one visit look like two for a while, hence two numbers."""

CAPACITY = 20_000

_EVICTED_SHARE = 0.2
_MAX_RULE_CHARS = 160


class RareKey(NamedTuple):
    """One rule on one place."""

    rule: str
    place: str


class Record(msgspec.Struct, kw_only=True, gc=False):
    """All visits of one rule to one place in the order of their times; none, once it is routine."""

    visits: list[Visit] = []
    is_routine: bool = False
    touched: int = 0


class _State(msgspec.Struct):
    clock: int
    since_us: int
    records: list[tuple[RareKey, Record]]
    waves: list[tuple[str, Waves]]
    parting: list[Fired]


class RareAlerts:
    """Alerts without a rating, rated by rarity: what a host never has, or not at this hour, is worth a look.

    The visits of a rule to a host are told apart by pauses of 15 minutes, whatever the order in which the alerts
    come. Each visit is rated by the *others*, there and elsewhere, earlier and later: what turns out to be routine
    loses its points again. In its first day a log says little, since everything in it is new. Blind spots: an attack
    whose alerts are those of every day, the first hours of a log, and who does at once on five hosts what looks like
    maintenance.
    """

    name = "rare-alert"
    routes = (Route("intrusion_detection", "alert"),)

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._capacity = capacity
        self._records: dict[RareKey, Record] = {}
        self._waves: dict[str, Waves] = {}
        self._at: PlaceIndex[RareKey] = PlaceIndex()
        self._of: PlaceIndex[RareKey] = PlaceIndex()
        self._marked: dict[RareKey, None] = {}
        self._parting: list[Fired] = []
        self._since_us = 1 << 62
        self._clock = 0

    def observe(self, event_id: int, event: Event) -> None:
        if event.dataset not in DATASETS or not event.host:
            return
        rule = str(event.more.get("rule.name") or event.message or event.more.get("rule.id") or "without a name")
        key = RareKey(rule[:_MAX_RULE_CHARS], place_of(event.host))
        self._clock += 1
        if event.at_us < self._since_us:
            self._begin(event_id, event.at_us)
        record = self._records.get(key) or self._start(key)
        record.touched = self._clock
        if not record.is_routine:
            visit = self._visit(key, record, event.at_us)
            visit.count += event.count
            visit.remember(event_id, event.at_us)
            self._decide(key, record, event_id, event.at_us)
            if visit.fired_event_id:
                self._mark(key, visit)
        waves = self._waves.get(key.rule)
        if waves is not None and waves.add(key.place, event.at_us):
            for other in self._of.at(key.rule):
                self._judge_again(other, event_id, event.at_us)

    def changed(self) -> list[Fired]:
        """What fired or has news since the last call."""
        told, self._parting = self._parting, []
        for key in self._marked:
            told += self._told(key, self._records[key])
        self._marked.clear()
        return told

    def renamed(self, place: str) -> None:
        """A place is shown differently from now on: the detections that show it have news."""
        for key in self._at.at(place):
            self._mark_all(key, self._records[key])

    def snapshot(self) -> bytes:
        """The whole state."""
        records, waves = list(self._records.items()), list(self._waves.items())
        return msgspec.msgpack.encode(_State(self._clock, self._since_us, records, waves, self._parting))

    def restore(self, state: bytes) -> None:
        """Inverse of :meth:`snapshot`."""
        found = msgspec.msgpack.decode(state, type=_State)
        self._clock, self._since_us, self._parting = found.clock, found.since_us, found.parting
        self._records, self._waves = dict(found.records), dict(found.waves)
        self._at, self._of = PlaceIndex(), PlaceIndex()
        for key in self._records:
            self._index(key)
        self._marked = {key: None for key, r in self._records.items() if any(v.is_marked for v in r.visits)}

    def _begin(self, event_id: int, at_us: int) -> None:
        """The log begins earlier than was known: what is rated by its age is rated anew."""
        before_us, self._since_us = self._since_us, at_us
        for key, record in self._records.items():
            if any(visit.first_us - before_us < WARM_UP_US for visit in record.visits):
                self._judge_again(key, event_id, at_us)

    def _start(self, key: RareKey) -> Record:
        if len(self._records) >= self._capacity:
            self._evict()
        record = self._records[key] = Record(visits=[])
        if key.rule not in self._waves and kind_of(key.rule).tactic in INSIDE:
            self._waves[key.rule] = Waves(found=[])
        self._index(key)
        return record

    def _index(self, key: RareKey) -> None:
        self._at.add(key.place, key)
        self._of.add(key.rule, key)

    def _visit(self, key: RareKey, record: Record, at_us: int) -> Visit:
        """The visit that holds a time, made or widened or joined of two if need be."""
        near = [v for v in record.visits if v.first_us - GAP_US <= at_us <= v.last_us + GAP_US]
        if len(near) == 1 and near[0].first_us <= at_us:
            near[0].last_us = max(near[0].last_us, at_us)
            return near[0]
        self._mark_all(key, record)
        if not near:
            near = [Visit(first_us=at_us, last_us=at_us)]
            record.visits = sorted([*record.visits, *near], key=lambda visit: visit.first_us)
        visit, *absorbed = near
        visit.first_us, visit.last_us = min(visit.first_us, at_us), max(visit.last_us, at_us, near[-1].last_us)
        for other in absorbed:
            self._absorb(key, record, visit, other)
        return visit

    def _absorb(self, key: RareKey, record: Record, visit: Visit, other: Visit) -> None:
        """An alert between two visits shows that they are one: the first to fire keeps its name, the other goes."""
        record.visits = [v for v in record.visits if v is not other]
        visit.count += other.count
        for at_us, number in (*other.first_events, *other.last_events):
            visit.remember(number, at_us)
        first, second = sorted((visit, other), key=lambda v: (v.fired_event_id or 1 << 62, v.id))
        if second.fired_event_id:
            gone = msgspec.structs.replace(second, is_marked=False)
            self._parting.append(Fired(self._render(key, gone, 0.0), gone.fired_event_id, gone.fired_at_us))
        visit.id, visit.fired_event_id, visit.fired_at_us = first.id, first.fired_event_id, first.fired_at_us

    def _decide(self, key: RareKey, record: Record, event_id: int, at_us: int) -> None:
        """Makes detections of the visits that are rare enough; what has too many visits is routine from now on."""
        if len(record.visits) > MAX_KEPT:
            self._parting += self._told(key, record, is_routine=True)
            self._marked.pop(key, None)
            record.visits, record.is_routine = [], True
            return
        for visit in record.visits:
            if not visit.fired_event_id and self._points(key, record, visit) >= MIN_POINTS:
                visit.fired_event_id, visit.fired_at_us = event_id, at_us
                visit.id = digest(self.name, *key, visit.first_us)
                self._mark(key, visit)

    def _judge_again(self, key: RareKey, event_id: int, at_us: int) -> None:
        """Something else than its own alerts changed what the visits of a rule to a host are worth."""
        record = self._records[key]
        if not record.is_routine:
            self._mark_all(key, record)
            self._decide(key, record, event_id, at_us)

    def _points(self, key: RareKey, record: Record, visit: Visit) -> float:
        if len(record.visits) > MAX_VISITS:
            return 0.0
        waves = self._waves.get(key.rule)
        points = POINTS * kind_of(key.rule).weight * rarity(visit, record.visits, self._since_us, waves)
        if waves is not None and waves.reach(visit.first_us) >= WAVE_HOSTS:
            points *= WAVE_SHARE
        return round(points, 1) if points >= MIN_POINTS else 0.0

    def _mark(self, key: RareKey, visit: Visit) -> None:
        if not visit.is_marked:
            visit.is_marked = True
            self._marked[key] = None

    def _mark_all(self, key: RareKey, record: Record) -> None:
        for visit in record.visits:
            if visit.fired_event_id:
                self._mark(key, visit)

    def _told(self, key: RareKey, record: Record, *, is_routine: bool = False) -> Iterator[Fired]:
        for visit in record.visits:
            if visit.fired_event_id and (visit.is_marked or is_routine):
                visit.is_marked = False
                points = 0.0 if is_routine else self._points(key, record, visit)
                yield Fired(self._render(key, visit, points), visit.fired_event_id, visit.fired_at_us)

    def _render(self, key: RareKey, visit: Visit, points: float) -> Detection:
        entity = self._names.entity_at(key.place, visit.last_us)
        tactic = kind_of(key.rule).tactic
        record = self._records.get(key)
        return Detection(
            id=visit.id,
            detector=self.name,
            entity=entity,
            first_seen_us=visit.first_us,
            last_seen_us=visit.last_us,
            count=visit.count,
            points=points,
            title=key.rule,
            reasons=tuple(_reasons(key, visit, len(record.visits) if record else 0, points)),
            tactics=(tactic,) if tactic else (),
            hosts=(entity.name,),
            event_ids=visit.event_ids,
        )

    def _evict(self) -> None:
        """Forgets a fifth, what was quiet longest first; routine is soon learnt again."""
        ranked = sorted(self._records, key=lambda key: self._records[key].touched)
        for key in ranked[: max(1, int(self._capacity * _EVICTED_SHARE))]:
            if key in self._marked:
                self._parting += self._told(key, self._records[key])
                del self._marked[key]
            del self._records[key]
            self._at.discard(key.place, key)
            self._of.discard(key.rule, key)
            if not self._of.at(key.rule):
                self._waves.pop(key.rule, None)


def _reasons(key: RareKey, visit: Visit, visits: int, points: float) -> Iterable[str]:
    often = f", {amount(visit.count, 'time')} {span_of(visit)}" if visit.count > 1 else ""
    yield f"rule “{key.rule}”{often}"
    if points <= 0:
        yield "it is routine on this host, or the log is watched for too short a time to say"
    elif visits <= 1:
        yield "this host never had it before or after"
    else:
        yield f"this host had it {amount(visits, 'time')} in all, told apart by pauses of 15 minutes"
