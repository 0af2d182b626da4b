"""Owns the order in which incidents are worked on: the first ones show as much of an attack as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pandora_core.detect.incidents.joining import Incident
from pandora_core.detect.incidents.standing import standings

ORDERED = 50
"""So many are chosen for what they add to those before; the rest follow by evidence."""


def queue_of(incidents: Iterable[Incident]) -> list[Incident]:
    """Incidents, the one to look at next first.

    Each place goes to the incident of most evidence, weighted by what nobody looked at yet: tactics and entities that
    none before it has count more, one that only repeats what those before it had on the same entities counts less.
    The evidence is that of an incident beside the others (:mod:`pandora_core.detect.incidents.standing`).
    """
    known = {incident.id: incident for incident in incidents}
    left = standings(known.values())
    left.sort(key=lambda incident: (-incident.evidence, incident.first_seen_us, incident.id))
    queue: list[Incident] = []
    seen = _Seen()
    while left and len(queue) < ORDERED:
        best = max(range(len(left)), key=lambda place: (seen.worth(left[place]), -place))
        incident = left.pop(best)
        seen.add(incident)
        queue.append(incident)
    return [known[incident.id] for incident in queue + left]


class _Seen:
    """How often the incidents chosen so far had each tactic, entity and step."""

    def __init__(self) -> None:
        self._tactics: Counter[str] = Counter()
        self._entities: Counter[str] = Counter()
        self._steps: Counter[tuple[str, str]] = Counter()

    def add(self, incident: Incident) -> None:
        self._tactics.update({step.tactic for step in incident.steps})
        self._entities.update({step.entity for step in incident.steps})
        self._steps.update(incident.steps)

    def worth(self, incident: Incident) -> float:
        tactics = {step.tactic for step in incident.steps if step.tactic}
        entities = {step.entity for step in incident.steps}
        new_tactics = sum(1 / (1 + self._tactics[tactic]) for tactic in tactics)
        new_entities = sum(1 / (1 + self._entities[entity]) for entity in entities) / len(entities)
        repeated = sum(self._steps[step] for step in incident.steps) / len(incident.steps)
        return incident.evidence * (1 + new_tactics / 2) * (1 + new_entities / 2) / (1 + repeated)
