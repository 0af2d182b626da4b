"""The command ``pandora watch``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from pandora_core import bootstrap, process
from pandora_core.cli.output import json_option, say
from pandora_core.config import Settings
from pandora_core.errors import ConfigError


@click.command()
@click.argument("patterns", nargs=-1, required=True)
@click.option("--format", "format_name", default="auto", help="Format name instead of recognising the content.")
@click.option("--headless", is_flag=True, help="Print alerts as they come instead of opening the console.")
@click.option("--for", "seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave after so long.")
@click.option("--own-engine", is_flag=True, help="Stop the engine on leaving, if it was started here.")
@json_option
@click.pass_obj
def watch(
    data: Path | None,
    patterns: tuple[str, ...],
    format_name: str,
    headless: bool,
    seconds: float | None,
    own_engine: bool,
    as_json: bool,
) -> int:
    """Follow files, folders or globs (quoted) for as long as this runs, and show what they bring.

    They are taken back when you leave. After a hang-up or a kill the engine goes on following them, so that nothing
    is lost: pandora sources remove takes them back then. With --json (one alert a line) there is no screen.
    """
    if "-" in patterns:
        raise ConfigError("standard input cannot be watched", where="-", hint="pandora ingest - reads it to its end")
    bootstrap.check_format(format_name)
    settings = bootstrap.settings_of(data)
    with _followed(settings, [bootstrap.absolute(pattern) for pattern in patterns], format_name) as visit:
        if headless or as_json:
            visit.exit_code = _watch_headless(settings, visit.since, as_json, seconds, own_engine)
        else:
            from pandora_tui.launch import open_console

            visit.exit_code = open_console(settings, own_engine=own_engine, seconds=seconds)
    return visit.exit_code


@dataclass(slots=True)
class _Visit:
    """From which change on it looks, and how it ended: 0 is a person leaving."""

    since: int
    exit_code: int = 1


@contextlib.contextmanager
def _followed(settings: Settings, patterns: list[str], format_name: str) -> Iterator[_Visit]:
    """Sources that are there while a person looks; those that were there before stay."""
    from pandora_core.store.reader import Reader

    with bootstrap.opened(settings.data) as store:
        operator, reader = bootstrap.operator_of(store), Reader(store)
        visit, known = _Visit(reader.newest_change()), {row.id for row in reader.sources()}
        added = {
            operator.add_source(pattern, format_name, temporary=True, at_us=bootstrap.now_us())
            for pattern in patterns
        }
    try:
        yield visit
    finally:
        if visit.exit_code == 0:
            with bootstrap.operating(settings.data) as operator:
                for number in added - known:
                    operator.remove_source(str(number), at_us=bootstrap.now_us())


def _watch_headless(settings: Settings, since: int, as_json: bool, seconds: float | None, own_engine: bool) -> int:
    from pandora_tui.headless import print_alerts, until_stopped

    with until_stopped() as stop:
        started = process.start_engine(settings.data) if process.running_pid(settings.data) is None else None
        say("watching; ctrl+c ends it")
        try:
            print_alerts(settings.data, stop, as_json=as_json, since=since, seconds=seconds)
        finally:
            if own_engine and started is not None:
                process.stop_engine(settings.data)
    return 0
