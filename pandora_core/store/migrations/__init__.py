"""Owns how a store gets from any earlier version to the present one: numbered SQL files, only ever added to."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from pandora_core.errors import StoreVersionError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class Migration(NamedTuple):
    """One step: ``version`` is the store's version after it."""

    version: int
    name: str
    sql: str


def newest() -> int:
    """The version that a store of this Pandora has."""
    return max(int(entry.name[:4]) for entry in files(__package__).iterdir() if entry.name.endswith(".sql"))


def migrations() -> list[Migration]:
    """All steps in order; versions are 1, 2, 3 … without gaps."""
    found = sorted(entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name[:4]), name[5:-4], files(__package__).joinpath(name).read_text("utf-8")) for name in found
    ]


def migrate(engine: Engine) -> tuple[int, int]:
    """Bring a store to the newest version, each step in a transaction of its own; returns (version before, after).

    Raises:
        StoreVersionError: the file is newer than this Pandora.
    """
    steps = migrations()
    with engine.connect() as connection:
        before = version_of(connection)
    newest = steps[-1].version
    if before > newest:
        raise StoreVersionError(
            f"the store has version {before}, this Pandora knows up to {newest}",
            where=str(engine.url.database),
            hint="use the Pandora that wrote it, or a newer one",
        )
    for step in steps[before:]:
        _apply(engine, step)
    return before, newest


def version_of(connection: Connection) -> int:
    """The version of a store: SQLite's ``user_version``, 0 for an empty file."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _apply(engine: Engine, step: Migration) -> None:
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        if version_of(connection) >= step.version:  # another process was faster
            return
        for statement in step.sql.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version={step.version}")
