"""Owns what an incident is worth beside others: one that leads to another, or came of one, weighs more.

Somebody scans and tries doors, and hours later somebody becomes administrator behind one of them: two incidents,
since hours of nothing lie between, and each is graver for the other. Pure, and a function of the set of incidents.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.joining import Incident
from pandora_core.model import DAY_US, Severity

REACH_US = DAY_US
"""What lies further apart leads nowhere."""

REACHING_IN = frozenset({"reconnaissance", "discovery", "initial-access", "credential-access"})
"""Tactics of who wants to get somewhere; all others are those of who is there."""


def beside(incident: Incident, others: Iterable[Incident]) -> Incident:
    """The incident with the evidence and the risk that it has in view of others.

    Each tactic that it lacks and another incident shows on one of the same entities, begun within a day of it, adds
    what it would add to a risk, if it is a step: somebody wants in, and then somebody is in.
    """
    new = {tactic for other in others if other.id != incident.id for tactic in _added(incident, other)}
    if not new:
        return incident
    evidence = incident.evidence * min(1 + risk.TACTIC_BONUS * len(new), risk.MAX_FACTOR)
    score = risk.risk_of(evidence)
    return replace(incident, evidence=evidence, risk=score, severity=Severity.of_risk(score))


def standings(incidents: Iterable[Incident]) -> list[Incident]:
    """Each incident beside all others, in the order given."""
    listed = list(incidents)
    on: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident in listed:
        for entity in {step.entity for step in incident.steps}:
            on[entity].append(incident)
    for found in on.values():
        found.sort(key=lambda incident: incident.first_seen_us)
    return [beside(incident, _near(incident, on)) for incident in listed]


def _near(incident: Incident, on: Mapping[str, Sequence[Incident]]) -> Iterator[Incident]:
    """Those of the same entities that begin from a day before the beginning to a day after the end."""
    for entity in {step.entity for step in incident.steps}:
        found = on[entity]
        first = bisect.bisect_left(found, incident.first_seen_us - REACH_US, key=_begins_us)
        last = bisect.bisect_right(found, incident.last_seen_us + REACH_US, key=_begins_us)
        yield from found[first:last]


def _added(incident: Incident, other: Incident) -> Iterator[str]:
    """The tactics of another incident on the same entities that are a step to this one, or to which this one was."""
    mine = {step.tactic for step in incident.steps if step.tactic}
    entities = {step.entity for step in incident.steps}
    is_before = 0 <= incident.first_seen_us - other.first_seen_us <= REACH_US and not mine <= REACHING_IN
    is_after = 0 <= other.first_seen_us - incident.first_seen_us <= REACH_US and bool(mine & REACHING_IN)
    for step in other.steps:
        is_step = is_before if step.tactic in REACHING_IN else is_after
        if is_step and step.tactic and step.tactic not in mine and step.entity in entities:
            yield step.tactic


def _begins_us(incident: Incident) -> int:
    return incident.first_seen_us
