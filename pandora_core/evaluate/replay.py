"""Owns the replay of labelled logs through the real engine, and what is noted of it batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import OPEN_RISK
from pandora_core.detect.incidents.joining import Incident
from pandora_core.engine import Engine, EngineOptions
from pandora_core.evaluate.truth import Stage, Truth
from pandora_core.ingest.recognise import formats
from pandora_core.ingest.tail import SourceSpec
from pandora_core.model import DAY_US, Alert, Detection, Severity
from pandora_core.service import read_once
from pandora_core.store.reader import Reader
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch

OPENED = 20
"""How many things of the queue somebody opens."""

BATCH_LINES = 250
"""Smaller than the engine's usual batch: what is known when is known to so many lines."""


@dataclass(slots=True)
class Sighting:
    """A detection as it was last, when it fired, and when an event of each stage was first among those it shows."""

    detection: Detection
    fired_us: int
    batch: int
    """The number of the batch in which it fired."""
    stages: dict[int, int] = field(default_factory=dict)
    """Event time by the stage's place in :attr:`Run.stages`."""


@dataclass(slots=True)
class Outcry:
    """An alert as it was last, and the event time at which it first had each severity it ever had."""

    alert: Alert
    since_us: dict[Severity, int] = field(default_factory=dict)

    @property
    def opened_us(self) -> int:
        return min(self.since_us.values())


@dataclass(slots=True)
class Evidence:
    """What the true detections of one alert came to at most for one attack, and when each severity was reached.

    It is reckoned as the alert's risk is, from what is true in it alone: a true detection that weighs next to nothing
    in an alert about something else detects no attack.
    """

    risk: float = 0.0
    since_us: dict[Severity, int] = field(default_factory=dict)


class QueueItem(NamedTuple):
    """One thing in the order in which people are to look at things, with the events that it shows them.

    ``events`` is empty for what is too far down for anybody to open it.
    """

    id: str
    kind: str
    title: str
    severity: Severity
    detections: tuple[str, ...]
    events: tuple[int, ...]


@dataclass(slots=True)
class Run:
    """What the engine made of the logs. Times are event time; an event's stage is known by its number."""

    stages: list[Stage]
    sightings: dict[str, Sighting] = field(default_factory=dict)
    outcries: dict[str, Outcry] = field(default_factory=dict)
    queue: list[QueueItem] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """By attack: only what would have opened an alert on its own."""
    stage_of_event: dict[int, int] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    days_of_hosts: set[tuple[str, int]] = field(default_factory=set)
    """Who told something on which day (since the epoch), by the host's name."""
    days_of_addresses: set[tuple[str, int]] = field(default_factory=set)
    """The same by the addresses of our networks that something came from."""
    first_us: int | None = None
    last_us: int | None = None
    events: int = 0
    bad_lines: int = 0
    seconds: float = 0.0

    @property
    def host_days(self) -> set[tuple[str, int]]:
        """Days on which a host was heard of: by name where hosts tell their names, else by address."""
        return self.days_of_hosts or self.days_of_addresses


def replay(folder: Path, truth: Truth, data: Path, clock: Callable[[], int]) -> Run:
    """Reads the logs of ``folder`` into a store in ``data`` (empty, private) as the engine does, to their end.

    Raises:
        SourceError: nothing is there to be read.
    """
    watch = _Watch(folder.resolve(), truth)
    store = Store(data / FILE_NAME)
    try:
        engine = Engine(store, formats(), clock=clock, options=EngineOptions(BATCH_LINES), watch=watch)
        done = read_once(engine, store, [SourceSpec(str(folder.resolve()), "auto")])
        engine.close()
        run = watch.run
        run.queue = queue_of(Reader(store))
    finally:
        store.close()
    run.events, run.bad_lines, run.seconds = done["events"], done["bad_lines"], done["seconds"]
    return run


def queue_of(reader: Reader) -> list[QueueItem]:
    """What people are to look at, in the order in which they are shown it: incidents, or alerts where there are none.

    An incident shows the lines of its story, an alert the events of its detections.
    """
    incidents = reader.incidents()
    if not incidents:
        return [_alert_item(reader, view.alert, place) for place, view in enumerate(reader.alerts())]
    return [_incident_item(reader, incident, place) for place, incident in enumerate(incidents)]


def _incident_item(reader: Reader, incident: Incident, place: int) -> QueueItem:
    lines = reader.incident(incident.id).story if place < OPENED else ()
    events = tuple(line.event_id for line in lines)
    return QueueItem(incident.id, "incident", incident.title, incident.severity, incident.detection_ids, events)


def _alert_item(reader: Reader, alert: Alert, place: int) -> QueueItem:
    detections = reader.alert(alert.id).detections if place < OPENED else ()
    events = tuple(number for detection in detections for number in detection.event_ids)
    return QueueItem(alert.id, "alert", alert.title, alert.severity, alert.detection_ids, events)


class _Watch:
    """Takes the engine's batches in, in memory that grows with what is labelled and found, not with the logs."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self.run = Run(truth.stages)
        self._folder = folder
        self._truth = truth
        self._place = {id(stage): place for place, stage in enumerate(truth.stages)}
        self._paths: dict[int, str] = {}
        self._batch = 0

    def __call__(self, batch: Batch) -> None:
        self._batch += 1
        for row in batch.files:
            self._paths[row.id] = self._relative(row.path)
        now_us = self._take_events(batch)
        for fired in batch.fired:
            self._take_detection(fired.detection, fired.at_us, now_us)
        for alert in batch.alerts:
            self._take_alert(alert, now_us)
            self._take_evidence(alert, now_us)
        for gone, successor in batch.gone_alerts.items():
            self._move_alert(gone, successor)

    def _relative(self, path: str) -> str:
        known = Path(path)
        return str(known.relative_to(self._folder)) if known.is_relative_to(self._folder) else path

    def _take_events(self, batch: Batch) -> int:
        """Labels the events; returns the newest event time so far."""
        run, stage_of = self.run, self._truth.stage_of
        for number, at_us, file_id, _, _, line, _, source, destination, host, user, _ in batch.events:
            stage = stage_of(self._paths[file_id], line, at_us, (host, source, destination, user))
            if stage is not None:
                run.stage_of_event[number] = self._place[id(stage)]
            if host is not None:
                run.hosts.add(host)
                run.days_of_hosts.add((host, at_us // DAY_US))
            elif source is not None and is_internal(source):
                run.days_of_addresses.add((source, at_us // DAY_US))
            run.first_us = at_us if run.first_us is None or at_us < run.first_us else run.first_us
            run.last_us = at_us if run.last_us is None or at_us > run.last_us else run.last_us
        return run.last_us or 0

    def _take_detection(self, detection: Detection, fired_us: int, now_us: int) -> None:
        run = self.run
        sighting = run.sightings.get(detection.id)
        since_us = fired_us if sighting is None else now_us
        sighting = run.sightings.setdefault(detection.id, Sighting(detection, fired_us, self._batch))
        sighting.detection = detection
        for number in detection.event_ids:
            place = run.stage_of_event.get(number)
            if place is not None:
                sighting.stages.setdefault(place, since_us)

    def _take_alert(self, alert: Alert, now_us: int) -> None:
        outcry = self.run.outcries.setdefault(alert.id, Outcry(alert))
        newest_us = max((self._fired_us(number) for number in alert.detection_ids), default=now_us)
        outcry.alert = alert
        outcry.since_us.setdefault(alert.severity, newest_us if not outcry.since_us else now_us)

    def _take_evidence(self, alert: Alert, now_us: int) -> None:
        """For each attack: does what is true of it in this alert carry an alert by itself?"""
        true: defaultdict[str, list[Sighting]] = defaultdict(list)
        for number in alert.detection_ids:
            if (sighting := self.run.sightings.get(number)) is not None:
                for attack in {self.run.stages[place].attack for place in sighting.stages}:
                    true[attack].append(sighting)
        for attack, sightings in true.items():
            score = risk.score([sighting.detection for sighting in sightings])
            if score.risk >= OPEN_RISK:
                new = [sighting.fired_us for sighting in sightings if sighting.batch == self._batch]
                evidence = self.run.evidence.setdefault(attack, Evidence())
                evidence.risk = max(evidence.risk, score.risk)
                evidence.since_us.setdefault(Severity.of_risk(score.risk), max(new, default=now_us))

    def _fired_us(self, detection: str) -> int:
        sighting = self.run.sightings.get(detection)
        return sighting.fired_us if sighting else 0

    def _move_alert(self, gone: str, successor: str | None) -> None:
        """An alert went since its detections turned out to be another entity's: it keeps the time it was opened."""
        old = self.run.outcries.pop(gone, None)
        new = self.run.outcries.get(successor or "")
        if old is not None and new is not None:
            for severity, at_us in old.since_us.items():
                new.since_us[severity] = min(at_us, new.since_us.get(severity, at_us))
