"""Owns the engine's working memory: detections of entities, their alerts and incidents, and what operators said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.alerts import EntityFile
from pandora_core.detect.incidents.assessment import assessments_of, reasons_of
from pandora_core.detect.incidents.joining import MAX_DETECTIONS, Changes, IncidentBook
from pandora_core.detect.incidents.suppress import SUBJECT, Suppression, suppressed, suppressions_of
from pandora_core.detect.incidents.triage import CLOSED, effective, fold
from pandora_core.model import Action, ActionKind, Alert, EntityRef, Verdict
from pandora_core.store.writer import EntityState, Writer

MAX_ENTITIES = 5_000
_RECALLED = MAX_DETECTIONS // 2


@dataclass(slots=True)
class Findings:
    """What changed for entities: written in the same transaction as the events that changed it.

    ``fired`` are the detections as they count: what operators suppressed has no points.
    """

    fired: list[Fired] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    gone_alerts: dict[str, str | None] = field(default_factory=dict)
    entities: list[EntityState] = field(default_factory=list)
    gone_entities: list[EntityRef] = field(default_factory=list)


class Casebook:
    """Keeps recently active entities in memory; the store holds them all."""

    def __init__(self, writer: Writer, actions: Iterable[Action]) -> None:
        self._writer = writer
        self._files: dict[EntityRef, EntityFile] = {}
        self._home: dict[str, EntityRef] = {}
        self._actions: dict[str, list[Action]] = {}
        self._dismissed: set[str] = set()
        self._closed: dict[str, int] = {}
        self._assessed: dict[str, tuple[str, ...]] = {}
        self._suppressions: tuple[Suppression, ...] = ()
        self._note(actions)
        self._incidents = self._recall_incidents()

    def apply(self, fired: Sequence[Fired], actions: Sequence[Action] = ()) -> Findings:
        """Take detections and operators' actions in; returns everything that is different now."""
        judged = self._note(actions)
        findings = Findings(fired=[suppressed(item, self._suppressions) for item in fired])
        dirty = self._route(findings.fired)
        for ref in judged:
            self._open(ref)
            dirty.setdefault(ref, [])
        for ref, items in dirty.items():
            self._conclude(ref, items, findings)
            self._relate(ref, items, is_judged=ref in judged)
        self._name_successors(findings)
        self._forget()
        return findings

    def settle(self) -> Changes:
        """The incidents that are different since the last call. They are a function of the detections alone, so how
        often this is asked changes nothing in the end; while lines wait it need not be asked with every batch."""
        return self._incidents.changes()

    def _relate(self, ref: EntityRef, items: Sequence[Fired], *, is_judged: bool) -> None:
        """Detections to the incidents, but for those that operators refuted."""
        file = self._files[ref]
        refuted = file.dismissed_ids()
        counted = file.fired.values() if is_judged else items
        self._incidents.update(item for item in counted if item.detection.id not in refuted)
        self._incidents.drop(refuted)

    def _recall_incidents(self) -> IncidentBook:
        """The incidents as they were: of the stored detections that are newest, without the refuted ones."""
        book = IncidentBook()
        fired = self._writer.newest_fired(_RECALLED)
        refuted = self._writer.detections_of_alerts(self._dismissed)
        book.recall((i for i in fired if i.detection.id not in refuted), self._writer.newest_incidents(_RECALLED))
        return book

    def _route(self, fired: Sequence[Fired]) -> dict[EntityRef, list[Fired]]:
        """Each detection to its entity; one that turned out to be another entity's leaves the old one."""
        self._learn_homes(fired)
        dirty: dict[EntityRef, list[Fired]] = {}
        for item in fired:
            number, ref = item.detection.id, item.detection.entity
            before = self._home.get(number, ref)
            if before != ref:
                self._open(before).remove([number])
                dirty.setdefault(before, [])
            dirty.setdefault(ref, []).append(item)
            self._home[number] = ref
        return dirty

    def _note(self, actions: Iterable[Action]) -> list[EntityRef]:
        """Takes actions in; returns the entities whose alerts they are about."""
        subjects: dict[str, None] = {}
        for action in actions:
            self._actions.setdefault(action.subject, []).append(action)
            subjects[action.subject] = None
        for subject in subjects:
            self._weigh(subject)
        if SUBJECT in subjects:
            self._suppressions = suppressions_of(self._actions[SUBJECT])
        return self._writer.entities_of_alerts(list(subjects)) if subjects else []

    def _weigh(self, subject: str) -> None:
        """What all actions on one alert mean: whether it counts, takes new detections, and has more reasons."""
        done = self._actions[subject]
        triage = fold(done)
        self._dismissed.discard(subject)
        self._closed.pop(subject, None)
        self._assessed.pop(subject, None)
        ends: list[ActionKind] = []
        if triage.verdict in (Verdict.FALSE_POSITIVE, Verdict.BENIGN):
            self._dismissed.add(subject)
            ends.append(ActionKind.VERDICT)  # it judges what was seen; what fires later counts, in its own alert
        if triage.state == CLOSED:
            ends.append(ActionKind.CLOSE)
        if ends:
            self._closed[subject] = max(act.event_id for act in effective(done) if act.kind in ends)
        if reasons := reasons_of(assessments_of(done)):
            self._assessed[subject] = reasons

    def _learn_homes(self, fired: Sequence[Fired]) -> None:
        unknown = [item.detection.id for item in fired if item.detection.id not in self._home]
        if unknown:
            self._home |= self._writer.entity_of_detection(unknown)

    def _open(self, ref: EntityRef) -> EntityFile:
        """The file of an entity, from the store if need be, beside what was last written of it.

        An action may be on record and its meaning not: the engine was killed between the two.
        """
        file = self._files.pop(ref, None)
        if file is None:
            known = self._writer.fired_of(ref)
            file = EntityFile(ref, known)
            file.judge(self._dismissed, self._closed, self._assessed)
            file.recall(self._writer.alerts_of(ref) if known else ())
            self._home.update(dict.fromkeys(file.fired, ref))
        self._files[ref] = file
        return file

    def _conclude(self, ref: EntityRef, items: Sequence[Fired], findings: Findings) -> None:
        file = self._open(ref)
        file.judge(self._dismissed, self._closed, self._assessed)
        file.update(items)
        changes = file.changes()
        findings.alerts += changes.alerts
        findings.gone_alerts |= dict.fromkeys(changes.gone)
        if not file.fired:
            findings.gone_entities.append(ref)
            return
        detections = [item.detection for item in file.fired.values()]
        last_us = max(detection.last_seen_us for detection in detections)
        first_us = min(detection.first_seen_us for detection in detections)
        findings.entities.append(EntityState(ref, file.score(), last_us, first_us, last_us, len(detections)))

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
            file = self._files.pop(next(iter(self._files)))
            for number in file.fired:
                self._home.pop(number, None)
