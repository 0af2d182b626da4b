"""The command ``pandora evaluate``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core.cli.output import emit, json_option, table
from pandora_core.model import Severity, iso

if TYPE_CHECKING:  # imported when the command runs: help needs no store
    from pandora_core.evaluate.measures import AttackResult, Evaluation, Rate

TRUTH = "truth.ndjson"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--truth", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help=f"What is true of the logs: JSON lines or CSV (default: DIR/{TRUTH}).",
)  # fmt: skip
@click.option(
    "--hosts", type=click.IntRange(min=1), help="How many hosts the logs are about, if the truth is silent."
)
@json_option
def evaluate(folder: Path, truth: Path | None, hosts: int | None, as_json: bool) -> None:
    """Replay the labelled logs in DIR through the real engine and say what it found, how soon and how truly.

    The store is a temporary one. A detection is true of an attack when an event that it shows is of that attack.
    """
    from pandora_core import bootstrap
    from pandora_core.evaluate import measure, read_truth, replay

    known = read_truth(truth or folder / TRUTH)
    bootstrap.raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="pandora-evaluate-") as data:
        run = replay(folder, known, Path(data), bootstrap.now_us)
    found = measure(run, known, hosts)
    emit(shape_of(found), as_json, lambda: _text(found))


def shape_of(found: Evaluation) -> dict[str, Any]:
    """The JSON of an evaluation (docs/cli.md)."""
    return {
        "attacks": [_attack(result) for result in found.attacks],
        "detected": _rate(found.detected),
        "detected_before_last_stage": _rate(found.detected_before_last_stage),
        "precision": _rate(found.precision),
        "precision_high": _rate(found.precision_high),
        "recall": _rate(found.recall),
        "median_seconds_to_detect": found.median_seconds_to_detect,
        "queue": {
            "kind": found.queue.kind,
            "shown": found.queue.shown,
            "true": found.queue.true,
            "lines": found.queue.lines,
            "lines_true": found.queue.lines_true,
            "first_true": found.queue.first_true,
            "phases": list(found.queue.phases),
            "of_phases": list(found.all_phases),
            "waiting": {severity.word: found.queue.waiting.get(severity, 0) for severity in reversed(Severity)},
        },
        "severities": [
            {
                "severity": row.severity.word,
                "alerts": row.alerts,
                "false": row.false,
                "false_per_day": round(row.false_per_day, 3),
                "false_per_host_day": round(row.false_per_host_day, 5),
            }
            for row in found.severities
        ],
        "cried_wolf": [
            {
                "id": alert.id,
                "severity": alert.severity.word,
                "risk": round(alert.risk, 2),
                "entity": str(alert.entity),
                "title": alert.title,
                "detectors": [part.detector for part in alert.contributions],
            }
            for alert in found.cried_wolf
        ],
        "detectors": [
            {"detector": row.detector, "detections": row.detections, "true": row.true, "stages": row.stages_seen}
            for row in found.detectors
        ],
        "phases": [
            {"phase": row.phase, "stages": row.stages, "seen": row.seen, "detectors": list(row.detectors)}
            for row in found.phases
        ],
        "days": round(found.days, 4),
        "hosts": found.hosts,
        "events": found.events,
        "bad_lines": found.bad_lines,
        "seconds": found.seconds,
    }


def _attack(result: AttackResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "name": result.name,
        "begins": iso(result.begins_us),
        "last_stage": iso(result.last_stage_us),
        "detected": None if result.detected_us is None else iso(result.detected_us),
        "detected_high": None if result.high_us is None else iso(result.high_us),
        "before_last_stage": result.before_last_stage,
        "seconds_to_detect": result.seconds_to_detect,
        "phases": list(result.phases),
        "phases_seen": list(result.phases_seen),
        "stages": result.stages,
        "stages_seen": result.stages_seen,
        "alerts": list(result.alerts),
    }


def _rate(rate: Rate) -> dict[str, Any]:
    interval = [round(rate.low, 4), round(rate.high, 4)]
    return {"hits": rate.hits, "total": rate.total, "share": rate.share, "interval_95": interval}


def _text(found: Evaluation) -> str:
    tables = _attack_table(found), _severity_table(found), _wolf_table(found), *_part_tables(found)
    return "\n\n".join((_headline(found), *tables))


def _headline(found: Evaluation) -> str:
    rows = [
        ("attacks detected", _share(found.detected)),
        ("before their last stage", _share(found.detected_before_last_stage)),
        ("stages seen (recall)", _share(found.recall)),
        ("alerts that are true", _share(found.precision)),
        ("of high and critical ones", _share(found.precision_high)),
        ("median time to detect", _duration(found.median_seconds_to_detect)),
        (
            "phases in the first 20",
            f"{len(found.queue.phases)} of {len(found.all_phases)}; {found.queue.true} of {found.queue.shown} "
            f"{found.queue.kind}s and {found.queue.lines_true} of their {found.queue.lines} lines are of an attack",
        ),
        (
            "logs",
            f"{found.events:,} events of {found.days:.1f} days and {found.hosts:,} hosts, {found.seconds:.0f} s",
        ),
    ]
    return "\n".join(f"{name:<26}  {value}" for name, value in rows)


def _attack_table(found: Evaluation) -> str:
    rows = [
        (
            f"{result.id} {result.name}",
            _duration(result.seconds_to_detect),
            "yes" if result.before_last_stage else "no",
            f"{len(result.phases_seen)}/{len(result.phases)}",
            ", ".join(phase for phase in result.phases if phase not in result.phases_seen) or "none",
        )
        for result in found.attacks
    ]
    return table(
        ("attack", "detected after", "in time", "phases", "phases missed"), rows, empty="no attack is labelled"
    )


def _severity_table(found: Evaluation) -> str:
    rows = [
        (row.severity.word, row.alerts, row.false, f"{row.false_per_day:.2f}", f"{row.false_per_host_day:.4f}")
        for row in found.severities
    ]
    return table(("severity", "alerts", "false", "false a day", "false a host and day"), rows)


def _wolf_table(found: Evaluation) -> str:
    rows = [(alert.severity.word, round(alert.risk), alert.entity, alert.title) for alert in found.cried_wolf[:20]]
    return table(("false", "risk", "entity", "what"), rows, empty="no false alert of high severity")


def _part_tables(found: Evaluation) -> tuple[str, str]:
    detectors = [(row.detector, row.detections, row.true, row.stages_seen) for row in found.detectors]
    phases = [(row.phase, row.stages, row.seen, ", ".join(row.detectors) or "nobody") for row in found.phases]
    return (
        table(("detector", "detections", "true", "stages"), detectors, empty="nothing was detected"),
        table(("phase", "stages", "seen", "by"), phases, empty="no phase is labelled"),
    )


def _share(rate: Rate) -> str:
    if rate.share is None:
        return "nothing to count"
    return f"{rate.hits} of {rate.total}, {rate.share:.0%} ({rate.low:.0%} to {rate.high:.0%})"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
