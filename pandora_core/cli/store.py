"""The command ``pandora store``."""

from __future__ import annotations

from pathlib import Path

import click

from pandora_core import bootstrap
from pandora_core.cli.output import emit, json_option
from pandora_core.errors import StoreError
from pandora_core.store import maintenance


@click.group()
def store() -> None:
    """The care of the database."""


@store.command()
@json_option
@click.pass_obj
def check(data: Path | None, as_json: bool) -> None:
    """Look for damage; exit 1 if there is any."""
    with bootstrap.opened(data) as opened:
        report = maintenance.check(opened)
    shape = {**report._asdict(), "path": str(opened.path), "sound": not report.problems}
    emit(
        shape,
        as_json,
        lambda: "\n".join(report.problems) or f"sound: version {report.version}, {report.size_bytes:,} bytes",
    )
    if report.problems:
        raise StoreError(
            f"{len(report.problems)} problems", where=str(opened.path), hint="restore a backup, read logs again"
        )


@store.command()
@click.argument("target", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def backup(data: Path | None, target: Path, as_json: bool) -> None:
    """Copy the store to a new file while it is in use."""
    with bootstrap.opened(data) as opened:
        size = maintenance.backup(opened, target)
    emit({"path": str(target), "size_bytes": size}, as_json, lambda: f"{target}: {size:,} bytes")


@store.command()
@json_option
@click.pass_obj
def compact(data: Path | None, as_json: bool) -> None:
    """Give free space back to the file system."""
    with bootstrap.opened(data) as opened:
        before, after = maintenance.compact(opened)
    emit({"before_bytes": before, "after_bytes": after}, as_json, lambda: f"{before:,} → {after:,} bytes")
