"""The command ``pandora incidents``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.advice import advice
from pandora_core.cli.output import emit, json_option, plain, table
from pandora_core.cli.pseudonym_option import Naming, pseudonym_options
from pandora_core.detect.incidents.joining import Incident
from pandora_core.detect.incidents.next_steps import next_steps_of
from pandora_core.detect.incidents.risk import whole_points
from pandora_core.model import Severity, iso
from pandora_core.store.rows import IncidentDetail

ROLES = {"sign": " ", "before": "<", "after": ">"}


@click.group()
def incidents() -> None:
    """What belongs together: the stories of the alerts, the one to look at next first."""


@incidents.command("list")
@click.option("--severity", type=click.Choice([severity.word for severity in Severity]), default="informational")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@json_option
@click.pass_obj
@pseudonym_options
def list_(data: Path | None, severity: str, limit: int, as_json: bool, naming: Naming) -> None:
    """Incidents in the order of the queue: each shows something that those above it do not."""
    floor = Severity[severity.upper()]
    with bootstrap.reading(data) as reader:
        found = [incident for incident in reader.incidents() if incident.severity >= floor][:limit]
    shape = naming.apply(shapes.listing(map(shapes.incident, found)), as_json=as_json)
    emit(shape, as_json, lambda: _table(found))


@incidents.command()
@click.argument("incident_id")
@json_option
@click.pass_obj
@pseudonym_options
def show(data: Path | None, incident_id: str, as_json: bool, naming: Naming) -> None:
    """One incident: how it went, why it counts, and what to check next."""
    with bootstrap.reading(data) as reader:
        detail = reader.incident(incident_id)
    shape = naming.apply(shapes.incident_detail(detail), as_json=as_json)
    emit(shape, as_json, lambda: _story(detail))


def _table(found: list[Incident]) -> str:
    rows = [
        (
            incident.id,
            incident.severity.word,
            round(incident.risk),
            len(incident.entities),
            incident.title,
            iso(incident.first_seen_us)[:19],
            iso(incident.last_seen_us)[:19],
        )
        for incident in found
    ]
    headings = ("id", "severity", "risk", "entities", "what", "first seen (UTC)", "last seen (UTC)")
    return table(headings, rows, "no incidents")


def _story(detail: IncidentDetail) -> str:
    incident = detail.incident
    points = whole_points(incident.contributions)
    parts = zip(points, incident.contributions, strict=True)
    lines = [
        plain(f"{incident.severity.word.upper()} {round(incident.risk)}  {incident.title}"),
        f"{iso(incident.first_seen_us)[:19]} to {iso(incident.last_seen_us)[:19]} UTC",
        "",
        *(
            f"{ROLES[line.role]} {iso(line.at_us)[:19]}  {plain(line.host, 24):<24}  {plain(line.words)}"
            + (f"  [{line.tactic}]" if line.tactic else "")
            for line in detail.story
        ),
        "",
        f"{round(incident.risk)} = " + " + ".join(f"{n} {plain(part.title)}" for n, part in parts if n),
        "",
        *(f"{view.alert.id}  {plain(view.alert.title)}  {view.triage.state}" for view in detail.alerts),
        "",
        *advice(next_steps_of(detail.detections)),
    ]
    return "\n".join(lines)
