"""The command ``pandora suppress``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.output import emit, json_option, table
from pandora_core.detect.incidents.suppress import Suppression, Wish
from pandora_core.errors import ConfigError
from pandora_core.model import DAY_US, from_iso, iso


@click.group()
def suppress() -> None:
    """What you do not want to hear of: with a reason, and an end."""


@suppress.command()
@click.option("--entity", default="", help="host:NAME, user:NAME or address:IP; * stands for anything.")
@click.option("--detector", default="", help="A detector's name, e.g. scan.")
@click.option("--title", default="", help="What a detection says, e.g. '*Nessus*'.")
@click.option("--peer", default="", help="The other side, e.g. 203.0.113.*: all that a detection names must fit.")
@click.option("--reason", required=True, help="Why; whoever comes after you reads it.")
@click.option("--days", type=click.IntRange(1, 3650), help="For so many days from the newest event on.")
@click.option("--until", metavar="TIME", help="Until this event time (ISO 8601, UTC unless it says otherwise).")
@json_option
@click.pass_obj
def add(
    data: Path | None,
    entity: str,
    detector: str,
    title: str,
    peer: str,
    reason: str,
    days: int | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Suppress what fits all that is given; detections are kept, but count for nothing."""
    with bootstrap.opened(data) as store:
        wish = Wish(reason, _until_us(data, days, until), entity, detector, title, peer)
        done = bootstrap.operator_of(store).suppress(wish, at_us=bootstrap.now_us())
    emit(
        shapes.action(done), as_json, lambda: f"suppression {done.id}, until {iso(wish.until_us)[:16]} UTC: {reason}"
    )


@suppress.command("list")
@json_option
@click.pass_obj
def list_(data: Path | None, as_json: bool) -> None:
    """Suppressions, the ended ones included until they are removed."""
    with bootstrap.reading(data) as reader:
        found = reader.suppressions()
    emit(shapes.listing(map(shapes.suppression, found)), as_json, lambda: _table(found))


@suppress.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def remove(data: Path | None, number: int, as_json: bool) -> None:
    """Take a suppression back: what comes from now on counts again."""
    with bootstrap.operating(data) as operator:
        done = operator.unsuppress(number, at_us=bootstrap.now_us())
    emit(shapes.action(done), as_json, lambda: f"suppression {number} removed")


def _until_us(data: Path | None, days: int | None, until: str | None) -> int:
    if (days is None) == (until is None):
        raise ConfigError("a suppression needs an end", where="--days or --until", hint="--days 30")
    if until is not None:
        try:
            return from_iso(until)
        except ValueError:
            raise ConfigError(
                f"{until!r} is no time", where="--until", hint="for example 2026-03-27T13:06:56"
            ) from None
    assert days is not None
    with bootstrap.reading(data) as reader:
        status = reader.engine()
    newest_us = status.watermark_us if status is not None else 0
    return (newest_us or bootstrap.now_us()) + days * DAY_US


def _table(found: tuple[Suppression, ...]) -> str:
    rows = [
        (
            one.id,
            " ".join(filter(None, (one.wish.entity, one.wish.detector, one.wish.title, one.wish.peer))),
            iso(one.wish.until_us)[:16],
            one.actor,
            one.wish.reason,
        )
        for one in found
    ]
    return table(("number", "what", "until (UTC)", "who", "why"), rows, "nothing is suppressed")
