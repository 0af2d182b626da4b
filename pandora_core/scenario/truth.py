"""Owns the ground truth of a scenario: which lines of which files belong to the attack, one JSON object a line."""

from __future__ import annotations

import json

from pandora_core.model import iso
from pandora_core.scenario.simulate import Record, Scenario

FILE = "truth.ndjson"
_encode = json.JSONEncoder(separators=(",", ":")).encode


def head(scenario: Scenario) -> str:
    """The first line: what was simulated, the tactics of the attack in order, and the hosts that it is about."""
    plan, attack = scenario.plan, scenario.campaign
    return _encode(
        {
            "scenario": "tidemark",
            "seed": plan.seed,
            "attack": plan.attack,
            "chain": list(attack.phases) if attack else [],
            "hosts": list(attack.hosts) if attack else [],
            "company_hosts": plan.hosts,
            "from": iso(plan.start_us),
            "until": iso(plan.end_us),
        }
    )


def line(record: Record, number: int) -> str:
    """One line of the attack: the ``number``-th of its file, counted from 1 as editors do, headers included.

    ``at`` is the true time, free of the error of the sensor's clock.
    """
    truth = record.truth
    if truth is None:
        raise ValueError("a harmless line has no truth to tell")
    return _encode(
        {
            "file": record.file,
            "line": number,
            "at": iso(record.at_us),
            "phase": truth.phase,
            "technique": truth.technique,
            "entity": truth.entity,
        }
    )
