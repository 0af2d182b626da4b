"""The command ``pandora scenario``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pandora_core.cli.output import emit, json_option, table


@click.group()
def scenario() -> None:
    """A simulated company, as real log files with the truth beside them."""


@scenario.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--hosts", type=int, default=40, show_default=True, help="Machines of the company (10–5,000).")
@click.option("--days", type=float, default=1.0, show_default=True, help="Days from a Monday on.")
@click.option(
    "--attack", "attacks", multiple=True, default=("intrusion",), show_default=True, metavar="NAME[:WORD…]",
    help="An attack, or none; a tempo (fast, usual, slow), a noise (careful, usual, noisy) and a number of hops "
    "(2–5) may follow: ransomware:slow:careful:4. May be given several times.",
)  # fmt: skip
@click.option("--quiet-days", type=float, default=0.0, help="Days before the first attack may begin.")
@click.option(
    "--zone", "zones", type=float, multiple=True, default=(0.0,), help="An office's hours from UTC; several."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--skew", "skew_s", type=float, default=0.0, help="Clocks are wrong by up to this many seconds.")
@click.option("--loss", type=float, default=0.0, help="Share of lines that get lost (0–0.99).")
@click.option("--disorder", type=float, default=0.0, help="Share of lines that are written late (0–1) …")
@click.option("--late", "late_s", type=float, default=600.0, show_default=True, help="… by up to this many seconds.")
@click.option("--zeek-json", is_flag=True, help="Zeek writes JSON instead of tab-separated values.")
@click.option("--flows", is_flag=True, help="A flow collector writes binetflow CSV as well.")
@click.option("--only", type=click.Choice(["logons"]), help="Nothing but log-ons and tickets: for large graphs.")
@json_option
def generate(folder: Path, attacks: tuple[str, ...], zones: tuple[float, ...], as_json: bool, **wanted: Any) -> None:
    """Write a company's logs and the truth (truth.ndjson) into a new FOLDER."""
    from pandora_core.scenario import Plan, generate

    attack = ",".join(name for name in attacks if name != "none") or None
    done = generate(Plan(attack=attack, zones_h=zones, **wanted), folder)
    shape = {
        "folder": str(done.folder),
        "lines": done.lines,
        "attack_lines": done.attack_lines,
        "files": done.files,
        "chain": list(done.chain),
        "hosts": list(done.hosts),
    }
    emit(shape, as_json, lambda: f"{done.lines:,} lines, {done.attack_lines:,} of attacks, in {done.folder}")


@scenario.command()
@json_option
def attacks(as_json: bool) -> None:
    """The attacks there are."""
    from pandora_core.scenario import about, attacks

    rows = [(name, about(name)) for name in attacks()]
    shape = {"items": [{"name": name, "about": text} for name, text in rows], "next": None}
    emit(shape, as_json, lambda: table(("attack", "what happens"), rows))
