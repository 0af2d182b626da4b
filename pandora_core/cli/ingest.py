"""The command ``pandora ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pandora_core import bootstrap
from pandora_core.cli.output import emit, json_option, plain, say


@click.command()
@click.argument("patterns", nargs=-1, required=True)
@click.option("--format", "format_name", default="auto", help="Format name instead of recognising the content.")
@json_option
@click.pass_obj
def ingest(data: Path | None, patterns: tuple[str, ...], format_name: str, as_json: bool) -> None:
    """Read files, folders or globs once, to their end ('-' is standard input); reading them again adds nothing."""
    summary = bootstrap.ingest(bootstrap.settings_of(data), list(patterns), format_name)
    emit(summary, as_json, lambda: _text(summary))
    for skipped in [] if as_json else summary["skipped"]:
        say(f"skipped {plain(skipped['path'])}: {skipped['reason']}")


def _text(summary: dict[str, Any]) -> str:
    formats = ", ".join(f"{name} {count:,}" for name, count in summary["by_format"].items()) or "none"
    lines = [
        f"{summary['lines']:,} lines: {summary['events']:,} events, {summary['bad_lines']:,} bad lines ({formats})",
        f"{summary['alerts']:,} alerts, {summary['seconds']:.1f} s, {summary['events_per_s']:,.0f} events/s",
    ]
    lines += [f"bad line {plain(bad['path'])}:{bad['line']}: {plain(bad['reason'])}" for bad in summary["bad"][:10]]
    return "\n".join(lines)
