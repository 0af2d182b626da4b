"""Owns the opening of a store, its transactions, and the commit-ordered change numbers."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from pandora_core.errors import StoreBusyError, StoreError
from pandora_core.store import sqlite
from pandora_core.store.migrations import migrate

FILE_NAME = "pandora.db"


class Store:
    """One ``pandora.db``. Cheap to open; holds no truth of its own; safe to use from several threads.

    Raises:
        StoreVersionError: the file was written by a newer Pandora.
        StoreError: the file is no store, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            check_private(path)
        try:
            self.engine: Engine = sqlite.connect(path)
            migrate(self.engine)
        except DatabaseError as error:
            raise _explained(error, path) from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside one read transaction: everything read in it is of the same moment."""
        with self._explaining(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[Connection]:
        """A connection inside one write transaction.

        With ``durable`` the commit has reached the disk when this returns (an operator's action is not in any log);
        without, a power cut may take back the last commits whole, and their lines are read again.
        """
        options = {"write": True, "durable": durable}
        with self._explaining(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise _explained(error, self.path) from error


def next_change(connection: Connection) -> int:
    """The number of this commit. The write lock is held until it commits, so numbers become visible in order."""
    statement = "UPDATE counters SET value = value + 1 WHERE name = 'change' RETURNING value"
    return int(connection.exec_driver_sql(statement).scalar_one())


def check_private(path: Path) -> None:
    """Refuse a file that others can read or write, or that is somebody else's link.

    Raises:
        StoreError: with the command that mends it.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("the store is not a regular file", where=str(path), hint="remove the link or device")
    if status.st_mode & 0o007:
        raise StoreError(
            f"the store can be read by everybody (mode {stat.S_IMODE(status.st_mode):o})",
            where=str(path),
            hint=f"chmod 600 {path}",
        )


def _explained(error: DatabaseError, path: Path) -> StoreError:
    text = str(error.orig)
    if isinstance(error, OperationalError) and "locked" in text:
        return StoreBusyError("another process holds the store's write lock", where=str(path), hint="try again")
    if "not a database" in text or "malformed" in text:
        return StoreError(text, where=str(path), hint="pandora store check, or restore a backup")
    if "full" in text:
        return StoreError(text, where=str(path), hint="free some disk space; nothing is lost, lines are read again")
    return StoreError(text, where=str(path), hint="pandora doctor")
