"""The command ``pandora sources``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.output import emit, json_option, say, table
from pandora_core.store.rows import ModelStatus


@click.group()
def sources() -> None:
    """What the engine follows."""


@sources.command("list")
@json_option
@click.pass_obj
def list_(data: Path | None, as_json: bool) -> None:
    """Sources, and the files that were found for them."""
    with bootstrap.reading(data) as reader:
        found, files, bad, model = reader.sources(), reader.files(), reader.bad_lines(20), reader.model()
    shape = {
        **shapes.listing(map(shapes.source, found)),
        "files": [shapes.file(row) for row in files],
        "bad_lines": [shapes.bad_line(row) for row in bad],
        "model": shapes.model(model),
    }
    rows = [
        (row.path + (f"!{row.member}" if row.member else ""), row.format, row.state, row.events, row.bad_lines)
        for row in files
    ]
    patterns = table(
        ("source", "pattern", "format"), [(row.id, row.pattern, row.format) for row in found], "no sources"
    )
    emit(
        shape,
        as_json,
        lambda: "\n\n".join(
            [patterns, table(("file", "format", "state", "events", "bad lines"), rows, "no files yet"), _told(model)]
        ),
    )


def _told(model: ModelStatus | None) -> str:
    """The model that scores flows, in a line."""
    if model is None or model.state == "none":
        return "no model scores flows: pandora models promote"
    return f"flows are scored by model {model.number} {model.name}: {model.state} {model.detail}".rstrip()


@sources.command()
@click.argument("patterns", nargs=-1, required=True)
@click.option("--format", "format_name", default="auto", help="Format name instead of recognising the content.")
@json_option
@click.pass_obj
def add(data: Path | None, patterns: tuple[str, ...], format_name: str, as_json: bool) -> None:
    """Follow files, folders or globs (quoted), now and whenever the engine runs."""
    bootstrap.check_format(format_name)
    with bootstrap.operating(data) as operator:
        for pattern in patterns:
            operator.add_source(bootstrap.absolute(pattern), format_name, temporary=False, at_us=bootstrap.now_us())
    with bootstrap.reading(data) as reader:
        found = reader.sources()
    emit(
        shapes.listing(map(shapes.source, found)),
        as_json,
        lambda: "\n".join(f"{row.id}  {row.pattern}" for row in found),
    )
    if bootstrap.engine_pid(data) is None:
        say("no engine runs yet: pandora starts one, or pandora engine run")


@sources.command()
@click.argument("source")
@json_option
@click.pass_obj
def remove(data: Path | None, source: str, as_json: bool) -> None:
    """Stop following a source, by its number or pattern; what was read of it stays."""
    with bootstrap.operating(data) as operator:
        name = source if source.isdigit() else bootstrap.absolute(source)
        count = operator.remove_source(name, at_us=bootstrap.now_us())
    emit({"removed": count}, as_json, lambda: f"{count} removed")
