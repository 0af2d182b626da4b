"""The command ``pandora quantum patterns``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pandora_core import bootstrap
from pandora_core.cli.output import emit, json_option, plain, table
from pandora_core.errors import ConfigError, NotFoundError
from pandora_core.model import Detection

if TYPE_CHECKING:
    from pandora_core.quantum.plans.patterns import Pattern, Proposal, Selection
    from pandora_core.store.reader import Reader

_TOP = 5


class _Subject(NamedTuple):
    words: str
    detections: tuple[Detection, ...]


@click.command()
@click.argument("subject", metavar="[INCIDENT|ALERT]", required=False)
@click.option("--top", type=click.IntRange(1, 100), help=f"The alerts at the top, so many ({_TOP} unless told).")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@click.pass_obj
def patterns(data: Path | None, subject: str | None, top: int | None, seed: int, as_json: bool) -> None:
    """The fewest threat patterns that tell every fact of an incident, of an alert, or of the alerts at the top.

    Exact, greedy, annealing and QAOA (simulated) side by side; a quantum answer is served only where it is better.
    """
    import numpy as np

    from pandora_core.quantum.plans.patterns import select

    if subject is not None and top is not None:
        raise ConfigError("either an incident or alert, or --top", where="quantum patterns")
    with bootstrap.reading(data) as reader:
        about = _top(reader, top or _TOP) if subject is None else _named(reader, subject)
    if not about.detections:
        raise NotFoundError("there are no alerts to choose from", hint="pandora ingest FILE")
    found = select(about.detections, np.random.default_rng(seed))
    emit(_shape(about, found, seed), as_json, lambda: _text(about, found))


def _named(reader: Reader, subject: str) -> _Subject:
    """An incident, else an alert.

    Raises:
        NotFoundError: neither is called so.
    """
    if subject.startswith("I-"):
        incident = reader.incident(subject)
        return _Subject(f"incident {incident.incident.id}", incident.detections)
    alert = reader.alert(subject)
    return _Subject(f"alert {alert.view.alert.id}", alert.detections)


def _top(reader: Reader, count: int) -> _Subject:
    views = reader.alerts(limit=count)
    found = {each.id: each for view in views for each in reader.alert(view.alert.id).detections}
    return _Subject(f"the {len(views)} alerts at the top", tuple(found.values()))


def _shape(about: _Subject, found: Selection, seed: int) -> dict[str, Any]:
    return {
        "subject": about.words,
        "seed": seed,
        "detections": len(about.detections),
        "facts": list(found.facts),
        "patterns": len(found.patterns),
        "needed": len(found.needed),
        "core": {"patterns": len(found.core.patterns), "facts": len(found.core.telling)},
        "proposals": [_proposal(each) for each in found.proposals],
        "served": {
            "solver": found.solver or None,
            "reason": found.reason,
            "patterns": [_pattern(each, each in found.needed) for each in found.served],
        },
    }


def _proposal(each: Proposal) -> dict[str, Any]:
    return {
        "solver": each.solver,
        "simulated": each.is_simulated,
        "feasible": each.is_feasible,
        "patterns": [pattern.title for pattern in each.chosen],
        "cost": round(each.cost, 3) if each.chosen else None,
        "overlap": each.overlap,
        "optimum_chance": each.optimum_chance,
        "words": each.words,
    }


def _pattern(each: Pattern, is_needed: bool) -> dict[str, Any]:
    return {
        "detector": each.detector,
        "title": each.title,
        "detections": each.detections,
        "points": round(each.points, 1),
        "needed": is_needed,
        "facts": sorted(each.facts),
    }


def _text(about: _Subject, found: Selection) -> str:
    told = f"{len(about.detections):,} detections of {len(found.patterns)} patterns tell {len(found.facts)} facts"
    left = f"{len(found.needed)} patterns are needed, {len(found.core.patterns)} are left to choose from"
    lines = [f"{about.words}: {told}; {left}", ""]
    if found.proposals:
        rows = [_row(each) for each in found.proposals]
        headings = ("solver", "patterns", "told twice", "cost", "best in a shot", "what")
        lines += [table(headings, rows), ""]
    lines += [f"served: {found.reason}", ""]
    shown = [
        (
            "needed" if each in found.needed else "chosen",
            f"{each.points:.0f}",
            plain(each.title),
            str(each.detections),
        )
        for each in found.served
    ]
    return "\n".join([*lines, table(("", "points", "pattern", "detections"), shown)])


def _row(each: Proposal) -> tuple[str, ...]:
    chance = "" if each.optimum_chance is None else f"{each.optimum_chance:.1%}"
    if not each.chosen:
        return each.solver, "", "", "", chance, each.words
    return each.solver, str(len(each.chosen)), str(each.overlap), f"{each.cost:.1f}", chance, each.words
