"""Owns the script ``pandora``: the core's commands, those that open the console, and the console itself."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from pandora_core.cli.main import COMMANDS, Root, data_option, run

CONSOLE_COMMANDS = {
    "demo": ("pandora_tui.demo:demo", "Watch an intrusion into a made-up company."),
    "watch": ("pandora_tui.watch:watch", "Follow logs for a while and show what they bring."),
}

_GARBAGE = 50_000
"""New objects before the garbage is looked through: what a start makes stays, and looking costs a tenth of it."""


@click.command(
    cls=Root,
    commands_by_name={**COMMANDS, **CONSOLE_COMMANDS},
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@data_option
@click.option("--own-engine", is_flag=True, help="Stop the engine on leaving, if it was started here.")
@click.pass_context
def pandora(context: click.Context, data: Path | None, own_engine: bool) -> int | None:
    """Pandora: reads a defender's logs, scores threats as they arrive, and explains them.

    Without a command it opens the console, and starts the engine if none runs. The engine outlives the console.
    """
    context.obj = data
    if context.invoked_subcommand is not None:
        return None
    gc.set_threshold(_GARBAGE)
    from pandora_core import config
    from pandora_tui.launch import open_console

    settings = config.load(data)
    config.prepare_data_dir(settings.data)
    return open_console(settings, own_engine=own_engine)


def main() -> None:
    """Run the command line; the console is what comes of an empty one."""
    run(pandora)


if __name__ == "__main__":
    main()
