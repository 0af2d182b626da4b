"""The command ``pandora demo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from pandora_core import config, process
from pandora_core.cli.output import json_option, say
from pandora_tui.stage import Play, staged


@click.command()
@click.option("--headless", is_flag=True, help="Print alerts as they come instead of opening the console.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), default=300.0, show_default=True, metavar="X",
    help="Seconds of the scenario in each that passes.",
)  # fmt: skip
@click.option("--for", "seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave after so long.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number is another company.")
@json_option
def demo(headless: bool, speed: float, seconds: float | None, seed: int, as_json: bool) -> int:
    """Watch an intrusion into a made-up company: a simulated day, its logs read as real ones are.

    Everything happens in a temporary data folder that is gone afterwards. With --json (one alert a line) there is
    no screen.
    """
    show = _headless(as_json, seconds) if headless or as_json else _console(seconds)
    with staged(Play(speed, seed)) as data:
        return show(data)


def _console(seconds: float | None) -> Callable[[Path], int]:
    """Refuses a terminal that will not do before anything is started."""
    import os

    from pandora_tui.launch import open_console
    from pandora_tui.terminal import check_terminal, is_tty

    check_terminal(os.environ, is_tty=is_tty())
    return lambda data: open_console(config.load(data), own_engine=True, seconds=seconds)


def _headless(as_json: bool, seconds: float | None) -> Callable[[Path], int]:
    from pandora_tui.headless import print_alerts, until_stopped

    def show(data: Path) -> int:
        with until_stopped() as stop:
            process.start_engine(data)
            say("a simulated company; ctrl+c ends it")
            print_alerts(data, stop, as_json=as_json, seconds=seconds)
        return 0

    return show
