"""The command ``pandora scenario``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core.cli.output import emit, json_option, table
from pandora_core.errors import ConfigError


@click.group()
def scenario() -> None:
    """A simulated company, as real log files with the truth beside them."""


@scenario.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--hosts", type=int, default=40, show_default=True, help="Machines of the company (20–5,000).")
@click.option("--days", type=float, default=1.0, show_default=True, help="Days from a Monday on.")
@click.option("--attack", "attack_name", default="intrusion", show_default=True, help="Name of an attack, or none.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--skew", type=float, default=0.0, help="Clocks are wrong by up to this many seconds.")
@click.option("--loss", type=float, default=0.0, help="Share of lines that get lost (0–0.99).")
@click.option("--zeek-json", is_flag=True, help="Zeek writes JSON instead of tab-separated values.")
@json_option
def generate(
    folder: Path,
    hosts: int,
    days: float,
    attack_name: str,
    seed: int,
    skew: float,
    loss: float,
    zeek_json: bool,
    as_json: bool,
) -> None:
    """Write a company's logs and the truth (truth.ndjson) into a new FOLDER."""
    from pandora_core.scenario import Plan, attacks, generate

    if attack_name != "none" and attack_name not in attacks():
        raise ConfigError(f"no attack {attack_name!r}", where="--attack", hint=f"known: none, {', '.join(attacks())}")
    plan = Plan(
        hosts=hosts,
        days=days,
        seed=seed,
        attack=None if attack_name == "none" else attack_name,
        skew_s=skew,
        loss=loss,
        zeek_json=zeek_json,
    )
    done = generate(plan, folder)
    shape = {
        "folder": str(done.folder),
        "lines": done.lines,
        "attack_lines": done.attack_lines,
        "files": done.files,
        "chain": list(done.chain),
        "hosts": list(done.hosts),
    }
    emit(shape, as_json, lambda: f"{done.lines:,} lines, {done.attack_lines:,} of the attack, in {done.folder}")


@scenario.command()
@json_option
def attacks(as_json: bool) -> None:
    """The attacks there are."""
    from pandora_core.scenario import about, attacks

    rows = [(name, about(name)) for name in attacks()]
    shape = {"items": [{"name": name, "about": text} for name, text in rows], "next": None}
    emit(shape, as_json, lambda: table(("attack", "what happens"), rows))
