"""The command ``pandora entities``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.output import emit, json_option, table
from pandora_core.model import ActionKind, EntityRef, iso


@click.group()
def entities() -> None:
    """Hosts, users and addresses by risk."""


@entities.command("list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_obj
def list_(data: Path | None, limit: int, as_json: bool) -> None:
    """Entities by falling present risk."""
    with bootstrap.reading(data) as reader:
        found = [(entity, reader.tags(str(entity.ref))) for entity in reader.entities(limit)]
    rows = [
        (e.ref, e.severity.word, round(e.risk), e.detections, iso(e.last_seen_us)[:19], " ".join(t)) for e, t in found
    ]
    emit(
        shapes.listing(shapes.entity(e, t) for e, t in found),
        as_json,
        lambda: table(("entity", "severity", "risk", "detections", "last seen (UTC)", "tags"), rows, "no entities"),
    )


@entities.command()
@click.argument("entity")
@json_option
@click.pass_obj
def show(data: Path | None, entity: str, as_json: bool) -> None:
    """One entity (host:NAME, user:NAME or address:IP): its risk taken apart, detections and alerts."""
    ref = EntityRef.parse(entity)
    with bootstrap.reading(data) as reader:
        found, detections, views = reader.entity(ref)
        tags = reader.tags(str(ref))
    shape = {
        **shapes.entity(found, tags),
        "detections": [shapes.detection(item) for item in detections],
        "alerts": [shapes.alert(view) for view in views],
    }
    rows = [(round(d.points), d.title, iso(d.first_seen_us)[:19], d.count) for d in detections]
    heading = f"{ref}  risk {round(found.risk)} ({found.severity.word})  {' '.join(tags)}".rstrip()
    emit(shape, as_json, lambda: heading + "\n" + table(("points", "detection", "first seen (UTC)", "count"), rows))


@entities.command()
@click.argument("entity")
@click.argument("tags", nargs=-1, required=True)
@json_option
@click.pass_obj
def tag(data: Path | None, entity: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Tag an entity (crown-jewel, scanner …); a tag after "--" that starts with "-" is taken away."""
    subject = str(EntityRef.parse(entity))
    with bootstrap.operating(data) as operator:
        done = [operator.act(subject, ActionKind.TAG, name, at_us=bootstrap.now_us()) for name in tags]
    emit(shapes.listing(map(shapes.action, done)), as_json, lambda: f"{subject}: {' '.join(tags)}")
