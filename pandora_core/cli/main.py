"""Owns the root command ``pandora``, its sub-commands by name, and the exit codes.

Sub-commands are imported when they are called, so that ``--help`` and ``--version`` answer at once. Exit codes:
0 done, 1 failed, 2 wrong usage or setting, 3 refused.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from pandora_core import __version__
from pandora_core.errors import PandoraError

COMMANDS = {
    "alerts": ("pandora_core.cli.alerts:alerts", "What a person must look at: list, show, triage, export."),
    "datasets": ("pandora_core.cli.datasets:datasets", "Labelled data: import, list, and what to beware of."),
    "doctor": ("pandora_core.cli.doctor:doctor", "What is installed, what is wrong, and how to mend it."),
    "engine": ("pandora_core.cli.engine:engine", "Run, ask after or stop the engine."),
    "entities": ("pandora_core.cli.entities:entities", "Hosts, users and addresses by risk."),
    "evaluate": ("pandora_core.cli.evaluate:evaluate", "Replay labelled logs: what is found, how soon, how truly."),
    "events": ("pandora_core.cli.events:events", "Search the normalised log lines."),
    "graph": ("pandora_core.cli.graph:graph", "Log-ons as a graph: unusual moves, routes, and what to cut."),
    "incidents": ("pandora_core.cli.incidents:incidents", "What belongs together, and how it went: list, show."),
    "ingest": ("pandora_core.cli.ingest:ingest", "Read log files once, to their end."),
    "jobs": ("pandora_core.cli.jobs:jobs", "Quantum jobs: list, show, submit, cancel, retry, rerun, log."),
    "models": ("pandora_core.cli.models:models", "Models: train, judge, compare, promote, roll back."),
    "quantum": ("pandora_core.cli.quantum:quantum", "Backends, circuits, transpiler and comparisons."),
    "scenario": ("pandora_core.cli.scenario:scenario", "Simulate a company and an attack as real log files."),
    "sources": ("pandora_core.cli.sources:sources", "What is followed: list, add, remove."),
    "store": ("pandora_core.cli.store:store", "Check, back up or compact the store."),
    "suppress": ("pandora_core.cli.suppress:suppress", "What not to hear of, why and until when: add, list, remove."),
    "vault": ("pandora_core.cli.vault:vault", "Tokens, credentials and evidence under post-quantum keys."),
}
"""Name → (where it is, one line of help): the help page needs no import."""


class Root(click.Group):
    """The root command: knows its sub-commands by name and imports one only to run it."""

    commands_by_name: dict[str, tuple[str, str]]

    def __init__(
        self, *args: Any, commands_by_name: dict[str, tuple[str, str]] | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.commands_by_name = COMMANDS if commands_by_name is None else commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_by_name:
            return None
        module, _, attribute = self.commands_by_name[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands_by_name[name][1]) for name in self.list_commands(ctx)])


def data_option(command: Any) -> Any:
    """``--data DIR`` before the command."""
    option = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of the store (default: PANDORA_DATA, else the user's data folder).",
    )
    return click.version_option(__version__, prog_name="pandora")(option(command))


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@data_option
@click.pass_context
def root(context: click.Context, data: Path | None) -> None:
    """Pandora: reads a defender's logs, scores threats as they arrive, and explains them."""
    context.obj = data


def run(command: click.Command = root, arguments: list[str] | None = None) -> None:
    """Run a command line; a user's mistake is one line on standard error, never a traceback."""
    try:
        code = command.main(args=arguments, prog_name="pandora", standalone_mode=False)
    except PandoraError as error:
        click.echo(f"pandora: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("pandora: stopped", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
