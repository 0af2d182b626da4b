"""The command ``pandora engine``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap, process, shapes
from pandora_core.cli.output import emit, json_option


@click.group()
def engine() -> None:
    """The process that reads and judges."""


@engine.command()
@click.pass_obj
def run(data: Path | None) -> None:
    """Follow the sources until told to stop (SIGTERM); usually started by the console or systemd."""
    bootstrap.run_engine(bootstrap.settings_of(data))


@engine.command()
@json_option
@click.pass_obj
def status(data: Path | None, as_json: bool) -> None:
    """Whether an engine runs, how far behind it is."""
    settings = bootstrap.settings_of(data)
    with bootstrap.reading(data) as reader:
        said, model = reader.engine(), reader.model()
    shape = shapes.engine(said, process.running_pid(settings.data)) | {"model": shapes.model(model)}
    emit(shape, as_json, lambda: "\n".join(f"{name}: {value}" for name, value in shape.items()))


@engine.command()
@json_option
@click.pass_obj
def stop(data: Path | None, as_json: bool) -> None:
    """Let the engine finish its batch and leave."""
    pid = process.stop_engine(bootstrap.settings_of(data).data)
    emit({"stopped": pid}, as_json, lambda: f"engine {pid} stopped" if pid else "no engine runs")
