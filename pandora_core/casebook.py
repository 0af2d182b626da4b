"""Owns the engine's working memory of entities: their detections, what alerts these make, and what operators said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pandora_core.detect.alerts import alerts_of, entity_score
from pandora_core.detect.behaviour import Fired
from pandora_core.detect.triage import CLOSED, effective, fold
from pandora_core.model import Action, ActionKind, Alert, EntityRef, Verdict
from pandora_core.store.writer import EntityState, Writer

MAX_ENTITIES = 5_000


@dataclass(slots=True)
class Findings:
    """What changed for entities: written in the same transaction as the events that changed it."""

    alerts: list[Alert] = field(default_factory=list)
    gone_alerts: dict[str, str | None] = field(default_factory=dict)
    entities: list[EntityState] = field(default_factory=list)
    gone_entities: list[EntityRef] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    fired: dict[str, Fired]
    alerts: dict[str, Alert]


class Casebook:
    """Keeps recently active entities in memory; the store holds them all."""

    def __init__(self, writer: Writer, actions: Iterable[Action]) -> None:
        self._writer = writer
        self._files: dict[EntityRef, _File] = {}
        self._home: dict[str, EntityRef] = {}
        self._actions: dict[str, list[Action]] = {}
        self._dismissed: set[str] = set()
        self._closed: dict[str, int] = {}
        self._note(actions)

    def apply(self, fired: Sequence[Fired], actions: Sequence[Action] = ()) -> Findings:
        """Take detections and operators' actions in; returns everything that is different now."""
        dirty = dict.fromkeys(self._note(actions))
        self._learn_homes(fired)
        for item in fired:
            ref = item.detection.entity
            before = self._home.get(item.detection.id)
            if before is not None and before != ref:
                self._open(before).fired.pop(item.detection.id, None)
                dirty[before] = None
            self._open(ref).fired[item.detection.id] = item
            self._home[item.detection.id] = ref
            dirty[ref] = None
        findings = Findings()
        for ref in dirty:
            self._conclude(ref, findings)
        self._name_successors(findings)
        self._forget()
        return findings

    def _note(self, actions: Iterable[Action]) -> list[EntityRef]:
        """Takes actions in; returns the entities whose alerts they are about."""
        subjects = dict.fromkeys(
            action.subject for action in actions if not self._actions.setdefault(action.subject, []).append(action)
        )
        for subject in subjects:
            done = self._actions[subject]
            triage = fold(done)
            refuted = triage.verdict in (Verdict.FALSE_POSITIVE, Verdict.BENIGN)
            self._dismissed.add(subject) if refuted else self._dismissed.discard(subject)
            self._closed.pop(subject, None)
            if triage.state == CLOSED:
                self._closed[subject] = max(a.event_id for a in effective(done) if a.kind is ActionKind.CLOSE)
        return self._writer.entities_of_alerts(list(subjects))

    def _learn_homes(self, fired: Sequence[Fired]) -> None:
        unknown = [item.detection.id for item in fired if item.detection.id not in self._home]
        if unknown:
            self._home |= self._writer.entity_of_detection(unknown)

    def _open(self, ref: EntityRef) -> _File:
        file = self._files.pop(ref, None)
        if file is None:
            fired = {item.detection.id: item for item in self._writer.fired_of(ref)}
            alerts = {alert.id: alert for alert in self._alerts(ref, fired)}
            file = _File(fired, alerts)
        self._files[ref] = file
        return file

    def _conclude(self, ref: EntityRef, findings: Findings) -> None:
        file = self._open(ref)
        alerts = {alert.id: alert for alert in self._alerts(ref, file.fired)}
        findings.alerts += [alert for alert in alerts.values() if file.alerts.get(alert.id) != alert]
        findings.gone_alerts |= dict.fromkeys(alert_id for alert_id in file.alerts if alert_id not in alerts)
        file.alerts = alerts
        if not file.fired:
            findings.gone_entities.append(ref)
            return
        detections = [item.detection for item in file.fired.values()]
        findings.entities.append(
            EntityState(
                ref=ref,
                score=entity_score(ref, _ordered(file.fired), self._dismissed),
                as_of_us=max(detection.last_seen_us for detection in detections),
                first_seen_us=min(detection.first_seen_us for detection in detections),
                last_seen_us=max(detection.last_seen_us for detection in detections),
                detections=len(detections),
            )
        )

    def _alerts(self, ref: EntityRef, fired: dict[str, Fired]) -> list[Alert]:
        return alerts_of(ref, _ordered(fired), self._dismissed, self._closed)

    def _name_successors(self, findings: Findings) -> None:
        """An alert goes when its detections turn out to be another entity's: say under which id they are now."""
        if not findings.gone_alerts:
            return
        alert_of = {number: alert.id for alert in findings.alerts for number in alert.detection_ids}
        for gone in findings.gone_alerts:
            first = self._writer.first_detection_of(gone)
            findings.gone_alerts[gone] = alert_of.get(first) if first else None

    def _forget(self) -> None:
        while len(self._files) > MAX_ENTITIES:
            ref = next(iter(self._files))
            for number in self._files.pop(ref).fired:
                self._home.pop(number, None)


def _ordered(fired: dict[str, Fired]) -> list[Fired]:
    return sorted(fired.values(), key=lambda item: (item.event_id, item.detection.id))
