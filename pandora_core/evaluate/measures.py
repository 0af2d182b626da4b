"""Owns the figures of an evaluation: what was detected, how soon, and how much of what was said was true. Pure.

A detection is *true* of a stage when at least one of the events that it shows belongs to the stage; an alert is true
when one of its detections is. So nobody gets credit for being loud on the right host at the right time. An attack is
*detected* when what is true of it in one alert would alone have opened an alert.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.evaluate.replay import OPENED, Outcry, QueueItem, Run
from pandora_core.evaluate.truth import Stage, Truth
from pandora_core.model import DAY_US, SECOND_US, Alert, Severity


class Rate(NamedTuple):
    """A share with its 95 % confidence interval (Wilson); ``share`` is ``None`` of nothing."""

    hits: int
    total: int
    share: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AttackResult:
    """How one attack fared. Times are event time (µs) and seconds of it since the attack's first line."""

    id: str
    name: str
    begins_us: int
    last_stage_us: int
    detected_us: int | None
    high_us: int | None
    phases: tuple[str, ...]
    phases_seen: tuple[str, ...]
    stages: int
    stages_seen: int
    alerts: tuple[str, ...]

    @property
    def before_last_stage(self) -> bool:
        return self.detected_us is not None and self.detected_us < self.last_stage_us

    @property
    def seconds_to_detect(self) -> float | None:
        return None if self.detected_us is None else (self.detected_us - self.begins_us) / SECOND_US


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """One detector's detections that counted for something, how many were true, and of which stages."""

    detector: str
    detections: int
    true: int
    stages_seen: int


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One tactic's stages, how many were seen in alerts, and by which detectors."""

    phase: str
    stages: int
    seen: int
    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeverityResult:
    """Alerts of one severity: all, those that were not true, and these by day and by day and host."""

    severity: Severity
    alerts: int
    false: int
    false_per_day: float
    false_per_host_day: float


@dataclass(frozen=True, slots=True)
class QueueResult:
    """What somebody sees who opens the first 20 of the queue: a phase counts when a line that is shown is of it."""

    kind: str
    shown: int
    true: int
    lines: int
    lines_true: int
    phases: tuple[str, ...]
    first_true: int | None
    """The place in the whole queue, from 1, of the first thing that is of an attack."""
    waiting: dict[Severity, int]
    """How many things there are in the whole queue, by severity."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that can be said of a run."""

    attacks: tuple[AttackResult, ...]
    detected: Rate
    detected_before_last_stage: Rate
    precision: Rate
    precision_high: Rate
    recall: Rate
    median_seconds_to_detect: float | None
    queue: QueueResult
    all_phases: tuple[str, ...]
    severities: tuple[SeverityResult, ...]
    cried_wolf: tuple[Alert, ...]
    """The alerts of severity high or critical that are not true, worst first."""
    detectors: tuple[DetectorResult, ...]
    phases: tuple[PhaseResult, ...]
    days: float
    hosts: int
    events: int
    bad_lines: int
    seconds: float


def measure(run: Run, truth: Truth, hosts: int | None = None) -> Evaluation:
    """The figures of a run; ``hosts`` is how many the logs are about, where neither truth nor logs say it well."""
    told = [stage for stage in run.stages if stage.begins_us is not None]
    results = tuple(_attacks(run, truth, told))
    seen = _seen_in_alerts(run)
    count = hosts or truth.hosts or max(1, len(run.hosts))
    days = max(((run.last_us or 0) - (run.first_us or 0)) / DAY_US, 1 / 24)
    found = [result.detected_us is not None for result in results]
    times = [r.seconds_to_detect for r in results if r.seconds_to_detect is not None]
    return Evaluation(
        attacks=results,
        detected=rate(found),
        detected_before_last_stage=rate(result.before_last_stage for result in results),
        precision=rate(_is_true(run, outcry) for outcry in run.outcries.values()),
        precision_high=rate(
            _is_true(run, outcry) for outcry in run.outcries.values() if outcry.alert.severity >= Severity.HIGH
        ),
        recall=rate(place in seen for place, stage in enumerate(run.stages) if stage.begins_us is not None),
        median_seconds_to_detect=statistics.median(times) if times else None,
        queue=_queue(run),
        all_phases=_phases(told),
        severities=tuple(_severities(run, days, count)),
        cried_wolf=_cried_wolf(run),
        detectors=tuple(_detectors(run)),
        phases=tuple(_by_phase(run, told, seen)),
        days=days,
        hosts=count,
        events=run.events,
        bad_lines=run.bad_lines,
        seconds=run.seconds,
    )


def rate(outcomes: Iterable[bool]) -> Rate:
    """How often something was so, with its confidence interval."""
    listed = list(outcomes)
    hits, total = sum(listed), len(listed)
    return Rate(hits, total, hits / total if total else None, *wilson(hits, total))


def wilson(hits: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % confidence interval of a share (E. B. Wilson, JASA 22, 1927); (0, 1) where nothing is known."""
    if not total:
        return 0.0, 1.0
    share, square = hits / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def _attacks(run: Run, truth: Truth, told: list[Stage]) -> Iterator[AttackResult]:
    places = {id(stage): place for place, stage in enumerate(run.stages)}
    by_attack: defaultdict[str, list[Stage]] = defaultdict(list)
    for stage in told:
        by_attack[stage.attack].append(stage)
    in_alerts = _seen_in_alerts(run)
    for attack, stages in by_attack.items():
        mine = {places[id(stage)] for stage in stages}
        begun = [stage.begins_us or 0 for stage in stages]
        seen = [stage for stage in stages if places[id(stage)] in in_alerts]
        yield AttackResult(
            id=attack,
            name=truth.names.get(attack, attack),
            begins_us=min(begun),
            last_stage_us=max(begun),
            detected_us=_reached(run, attack, Severity.INFORMATIONAL),
            high_us=_reached(run, attack, Severity.HIGH),
            phases=_phases(stages),
            phases_seen=_phases(seen),
            stages=len(stages),
            stages_seen=len(seen),
            alerts=tuple(
                key for key, outcry in run.outcries.items() if mine & _stages_of(run, outcry.alert.detection_ids)
            ),
        )


def _queue(run: Run) -> QueueResult:
    opened = run.queue[:OPENED]
    stages = [_stages_shown(run, item) for item in opened]
    return QueueResult(
        kind=opened[0].kind if opened else "incident",
        shown=len(opened),
        true=sum(bool(mine) for mine in stages),
        lines=sum(len(item.events) for item in opened),
        lines_true=sum(number in run.stage_of_event for item in opened for number in item.events),
        phases=_phases(run.stages[place] for mine in stages for place in mine),
        first_true=next((place for place, item in enumerate(run.queue, 1) if _stages_of(run, item.detections)), None),
        waiting=Counter(item.severity for item in run.queue),
    )


def _stages_shown(run: Run, item: QueueItem) -> list[int]:
    return sorted({run.stage_of_event[number] for number in item.events if number in run.stage_of_event})


def _reached(run: Run, attack: str, severity: Severity) -> int | None:
    """When what is true of an attack in one alert first came to that severity."""
    evidence = run.evidence.get(attack)
    since = evidence.since_us.items() if evidence else ()
    return min((at_us for reached, at_us in since if reached >= severity), default=None)


def _seen_in_alerts(run: Run) -> set[int]:
    return {place for outcry in run.outcries.values() for place in _stages_of(run, outcry.alert.detection_ids)}


def _stages_of(run: Run, numbers: Iterable[str]) -> set[int]:
    """The stages of which detections show events."""
    return {place for number in numbers if number in run.sightings for place in run.sightings[number].stages}


def _is_true(run: Run, outcry: Outcry) -> bool:
    return bool(_stages_of(run, outcry.alert.detection_ids))


def _phases(stages: Iterable[Stage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stage.phase for stage in stages))


def _severities(run: Run, days: float, hosts: int) -> Iterator[SeverityResult]:
    alerts, false = Counter[Severity](), Counter[Severity]()
    for outcry in run.outcries.values():
        alerts[outcry.alert.severity] += 1
        false[outcry.alert.severity] += not _is_true(run, outcry)
    for severity in sorted(Severity, reverse=True):
        wrong = false[severity]
        yield SeverityResult(severity, alerts[severity], wrong, wrong / days, wrong / days / hosts)


def _cried_wolf(run: Run) -> tuple[Alert, ...]:
    alerts = [outcry.alert for outcry in run.outcries.values() if not _is_true(run, outcry)]
    high = [alert for alert in alerts if alert.severity >= Severity.HIGH]
    return tuple(sorted(high, key=lambda alert: (-alert.risk, alert.id)))


def _detectors(run: Run) -> Iterator[DetectorResult]:
    detections, true = Counter[str](), Counter[str]()
    stages: defaultdict[str, set[int]] = defaultdict(set)
    for sighting in run.sightings.values():
        if sighting.detection.points > 0:
            detector = sighting.detection.detector
            detections[detector] += 1
            true[detector] += bool(sighting.stages)
            stages[detector] |= set(sighting.stages)
    for detector, count in sorted(detections.items()):
        yield DetectorResult(detector, count, true[detector], len(stages[detector]))


def _by_phase(run: Run, told: list[Stage], seen: set[int]) -> Iterator[PhaseResult]:
    saw: defaultdict[int, set[str]] = defaultdict(set)
    for sighting in run.sightings.values():
        for place in sighting.stages:
            saw[place].add(sighting.detection.detector)
    places = {id(stage): place for place, stage in enumerate(run.stages)}
    for phase in _phases(told):
        mine = [places[id(stage)] for stage in told if stage.phase == phase]
        by = sorted({detector for place in mine for detector in saw[place]})
        yield PhaseResult(phase, len(mine), sum(place in seen for place in mine), tuple(by))
