"""The command ``pandora ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.output import emit, json_option, plain, say


@click.command()
@click.argument("patterns", nargs=-1, required=True)
@click.option("--format", "format_name", default="auto", help="Format name instead of recognising the content.")
@json_option
@click.pass_obj
def ingest(data: Path | None, patterns: tuple[str, ...], format_name: str, as_json: bool) -> None:
    """Read files, folders or globs once, to their end ('-' is standard input); reading them again adds nothing."""
    summary = bootstrap.ingest(bootstrap.settings_of(data), list(patterns), format_name)
    with bootstrap.reading(data) as reader:
        summary["model"] = shapes.model(reader.model())
    emit(summary, as_json, lambda: _text(summary))
    for skipped in [] if as_json else summary["skipped"]:
        say(f"skipped {plain(skipped['path'])}: {skipped['reason']}")


def _text(summary: dict[str, Any]) -> str:
    formats = ", ".join(f"{name} {count:,}" for name, count in summary["by_format"].items()) or "none"
    lines = [
        f"{summary['lines']:,} lines: {summary['events']:,} events, {summary['bad_lines']:,} bad lines ({formats})",
        f"{summary['alerts']:,} alerts, {summary['seconds']:.1f} s, {summary['events_per_s']:,.0f} events/s",
    ]
    lines += _model_line(summary["model"])
    lines += [f"bad line {plain(bad['path'])}:{bad['line']}: {plain(bad['reason'])}" for bad in summary["bad"][:10]]
    return "\n".join(lines)


def _model_line(model: dict[str, Any]) -> list[str]:
    """What the promoted model made of the flows; nothing where none is promoted."""
    name, detail = f"model {model['number']} ({plain(model['name'])})", plain(model["detail"])
    if model["state"] == "warming-up":
        return [f"{name} is warming up: {detail}"]
    if model["state"] == "live":
        return [f"{name}, {detail}: {model['fired']:,} of {model['scored']:,} flows above its threshold"]
    return [f"{name if model['number'] else 'the promoted model'} is not in use: {detail}"] if detail else []
