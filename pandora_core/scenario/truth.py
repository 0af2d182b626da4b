"""Owns the ground truth of a scenario: which lines of which files belong to which stage of which attack.

One JSON object a line; docs/cli.md describes them under ``pandora evaluate``.
"""

from __future__ import annotations

import json

from pandora_core.model import iso
from pandora_core.scenario.attacks.chain import Campaign
from pandora_core.scenario.simulate import Record, Scenario

FILE = "truth.ndjson"
_encode = json.JSONEncoder(separators=(",", ":")).encode


def head(scenario: Scenario) -> str:
    """The first line: what was simulated, and the attacks with their stages and their moves from host to host."""
    plan = scenario.plan
    return _encode(
        {
            "scenario": "tidemark",
            "seed": plan.seed,
            "attack": plan.attack,
            "chain": scenario.phases,
            "hosts": scenario.hosts,
            "company_hosts": plan.hosts,
            "from": iso(plan.start_us),
            "until": iso(plan.end_us),
            "attacks": [_attack(campaign) for campaign in scenario.campaigns],
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
            "attack": truth.attack,
            "stage": truth.stage,
            "phase": truth.phase,
            "technique": truth.technique,
            "entity": truth.entity,
        }
    )


def _attack(campaign: Campaign) -> dict[str, object]:
    return {
        "id": campaign.number,
        "name": campaign.chain.name,
        "begins": iso(campaign.begins_us),
        "hosts": campaign.hosts,
        "stages": [
            {
                "stage": number,
                "phase": step.phase,
                "technique": step.technique,
                "entity": str(step.entity(campaign.cast)),
            }
            for number, step in enumerate(campaign.steps, start=1)
        ],
        "moves": [move._asdict() for move in campaign.moves],
    }
