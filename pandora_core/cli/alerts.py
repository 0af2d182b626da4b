"""The command ``pandora alerts``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.advice import advice
from pandora_core.cli.output import emit, json_option, put, say, table
from pandora_core.cli.pseudonym_option import Naming, pseudonym_options
from pandora_core.detect.incidents.assessment import assessments_of, summary
from pandora_core.detect.incidents.next_steps import next_steps_of
from pandora_core.detect.incidents.risk import whole_points
from pandora_core.model import Action, ActionKind, Severity, Verdict, iso
from pandora_core.store.rows import AlertDetail, AlertView

SEVERITIES = click.Choice([severity.word for severity in Severity])


@click.group()
def alerts() -> None:
    """What a person must look at."""


@alerts.command("list")
@click.option("--severity", type=SEVERITIES, default="informational", help="This severity or worse.")
@click.option("--state", type=click.Choice(["new", "acknowledged", "closed", "open", "all"]), default="all")
@click.option("--limit", type=click.IntRange(1), default=None, help="At most so many.")
@json_option
@click.pass_obj
@pseudonym_options
def list_(data: Path | None, severity: str, state: str, limit: int | None, as_json: bool, naming: Naming) -> None:
    """Alerts by falling risk."""
    floor = Severity[severity.upper()]
    with bootstrap.reading(data) as reader:
        views = [v for v in reader.alerts() if v.alert.severity >= floor and _is_in(v, state)][:limit]
    shape = naming.apply(shapes.listing(map(shapes.alert, views)), as_json=as_json)
    emit(shape, as_json, lambda: _table(views))


@alerts.command()
@click.argument("alert_id")
@json_option
@click.pass_obj
@pseudonym_options
def show(data: Path | None, alert_id: str, as_json: bool, naming: Naming) -> None:
    """One alert: the score taken apart, its reasons, events and raw lines."""
    with bootstrap.reading(data) as reader:
        detail = reader.alert(alert_id)
        raw = {row.id: line.line for row in detail.events if (line := reader.raw_line(row.id)) is not None}
    shape = shapes.alert_detail(detail)
    for item in shape["events"]:
        item["event.original"] = raw[item["id"]].decode("utf-8", "replace") if item["id"] in raw else None
    emit(naming.apply(shape, as_json=as_json), as_json, lambda: _story(detail))


@alerts.command()
@click.argument("alert_id")
@json_option
@click.pass_obj
def ack(data: Path | None, alert_id: str, as_json: bool) -> None:
    """Say that you have seen it and take care of it."""
    _act(data, alert_id, ActionKind.ACKNOWLEDGE, "", as_json)


@alerts.command()
@click.argument("alert_id")
@click.argument("who")
@json_option
@click.pass_obj
def assign(data: Path | None, alert_id: str, who: str, as_json: bool) -> None:
    """Give it to somebody."""
    _act(data, alert_id, ActionKind.ASSIGN, who, as_json)


@alerts.command()
@click.argument("alert_id")
@click.argument("verdict", type=click.Choice([verdict.value.replace(" ", "-") for verdict in Verdict]))
@json_option
@click.pass_obj
def verdict(data: Path | None, alert_id: str, verdict: str, as_json: bool) -> None:
    """Say what it turned out to be; a false positive no longer counts for the entity's risk."""
    _act(data, alert_id, ActionKind.VERDICT, verdict.replace("-", " "), as_json)


@alerts.command()
@click.argument("alert_id")
@click.argument("text")
@json_option
@click.pass_obj
def note(data: Path | None, alert_id: str, text: str, as_json: bool) -> None:
    """Write something down."""
    _act(data, alert_id, ActionKind.NOTE, text, as_json)


@alerts.command()
@click.argument("alert_id")
@click.argument("why", default="")
@json_option
@click.pass_obj
def close(data: Path | None, alert_id: str, why: str, as_json: bool) -> None:
    """Close it; what fires for the entity later makes a new alert."""
    _act(data, alert_id, ActionKind.CLOSE, why, as_json)


@alerts.command()
@click.argument("alert_id")
@json_option
@click.pass_obj
def reopen(data: Path | None, alert_id: str, as_json: bool) -> None:
    """Open a closed one again."""
    _act(data, alert_id, ActionKind.REOPEN, "", as_json)


@alerts.command()
@click.argument("alert_id")
@json_option
@click.pass_obj
def undo(data: Path | None, alert_id: str, as_json: bool) -> None:
    """Undo your own last action on it."""
    with bootstrap.operating(data) as operator:
        done = operator.undo(alert_id, at_us=bootstrap.now_us())
    emit(shapes.action(done), as_json, lambda: f"{alert_id}: {done.value} undone")


@alerts.command()
@click.option("--severity", type=SEVERITIES, default="informational", help="This severity or worse.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File instead of standard output.")
@json_option
@click.pass_obj
@pseudonym_options
def export(data: Path | None, severity: str, output: Path | None, as_json: bool, naming: Naming) -> None:
    """Every alert in full, one JSON object a line (with --json: one JSON list)."""
    floor = Severity[severity.upper()]
    with bootstrap.reading(data) as reader:
        found = [shapes.alert_detail(reader.alert(v.alert.id)) for v in reader.alerts() if v.alert.severity >= floor]
    found = naming.apply(found)
    text = bootstrap.to_json(shapes.listing(found)) if as_json else "\n".join(map(bootstrap.to_json, found))
    if output is None:
        put(text)
        return
    bootstrap.write_private(output, text + "\n")
    say(f"{len(found)} alerts written to {output}")


def _act(data: Path | None, alert_id: str, kind: ActionKind, value: str, as_json: bool) -> None:
    with bootstrap.operating(data) as operator:
        done = operator.act(alert_id, kind, value, at_us=bootstrap.now_us())
    emit(shapes.action(done), as_json, lambda: f"{alert_id}: {kind.value} {value}".rstrip())


def _is_in(view: AlertView, state: str) -> bool:
    return state == "all" or view.triage.state == state or (state == "open" and view.triage.state != "closed")


def _done(action: Action) -> str:
    found = assessments_of([action]) if action.kind is ActionKind.ASSESSMENT else []
    return f"assessment: {summary(found[0])}" if found else f"{action.kind.value} {action.value}"


def _table(views: list[AlertView]) -> str:
    rows = [
        (
            v.alert.id,
            v.alert.severity.word,
            round(v.alert.risk),
            v.alert.entity,
            v.alert.title,
            v.triage.state,
            iso(v.alert.last_seen_us)[:19],
        )
        for v in views
    ]
    return table(("id", "severity", "risk", "entity", "what", "state", "last seen (UTC)"), rows, "no alerts")


def _story(detail: AlertDetail) -> str:
    alert = detail.view.alert
    points = whole_points(alert.contributions)
    lines = [
        f"{alert.severity.word.upper()} {round(alert.risk)}  {alert.entity}  {alert.title}",
        f"{iso(alert.first_seen_us)[:19]} to {iso(alert.last_seen_us)[:19]} UTC, {detail.view.triage.state}",
        "",
        f"{round(alert.risk)} = "
        + " + ".join(f"{n} {part.title}" for n, part in zip(points, alert.contributions, strict=True)),
        "",
        *(f"- {reason}" for reason in alert.reasons),
        "",
        *(
            f"{iso(row.event.at_us)[:19]}  {row.event.dataset:<20} {row.path}:{row.line_number}"
            for row in detail.events
        ),
    ]
    lines += [f"{iso(done.at_us)[:19]}  {done.actor}@{done.host}: {_done(done)}" for done in detail.actions]
    return "\n".join([*lines, "", *advice(next_steps_of(detail.detections))])
