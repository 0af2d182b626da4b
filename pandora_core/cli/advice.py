"""Owns how commands show what to check next."""

from __future__ import annotations

from pandora_core.cli.output import plain
from pandora_core.detect.incidents.next_steps import NextSteps


def advice(steps: NextSteps) -> list[str]:
    """Lines for a person: the checks, then each search with its question."""
    lines = ["Check next:", *(f"- {check}" for check in steps.checks)]
    for pivot in steps.pivots:
        lines += [f"  {pivot.question}:", f"    {plain(pivot.command)}"]
    return lines
