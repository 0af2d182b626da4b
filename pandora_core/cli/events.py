"""The command ``pandora events``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.moments import moment_us
from pandora_core.cli.output import emit, json_option, table
from pandora_core.cli.pseudonym_option import Naming, pseudonym_options
from pandora_core.model import Event, iso


@click.group()
def events() -> None:
    """The normalised log lines."""


@events.command()
@click.argument("observable", required=False)
@click.option("--dataset", help="A dataset or the beginning of one: zeek.conn, windows.*")
@click.option("--text", help="A text anywhere in the event.")
@click.option(
    "--from", "from_", metavar="TIME", help="At or after this time (ISO 8601, UTC unless it says otherwise)."
)
@click.option("--to", metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--before", type=int, metavar="ID", help="Go on before this event: the 'next' of the last answer.")
@json_option
@click.pass_obj
@pseudonym_options
def search(
    data: Path | None,
    observable: str | None,
    dataset: str | None,
    text: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    before: int | None,
    as_json: bool,
    naming: Naming,
) -> None:
    """Events, newest first; OBSERVABLE is an address, host or user."""
    with bootstrap.reading(data) as reader:
        rows = reader.search_events(
            observable=observable,
            dataset=dataset,
            text=text,
            from_us=moment_us(from_, "--from"),
            to_us=moment_us(to, "--to"),
            before_id=before,
            limit=limit,
        )
    following = str(rows[-1].id) if len(rows) == limit else None
    lines = [(iso(r.event.at_us)[:19], r.event.dataset, _summary(r.event), f"{r.path}:{r.line_number}") for r in rows]
    emit(
        naming.apply(shapes.listing(map(shapes.event, rows), following), as_json=as_json),
        as_json,
        lambda: table(("time (UTC)", "dataset", "what", "line"), lines, "no such events"),
    )


def _summary(event: Event) -> str:
    ends = " → ".join(
        end for end in (event.source_ip or event.source_domain, event.destination_ip or event.host) if end
    )
    words = (event.action, event.outcome, event.user, ends, event.message)
    return " ".join(word for word in words if word)[:120]
