"""Owns the opening of a store, its transactions, and the commit-ordered change numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from pandora_core.store import sqlite
from pandora_core.store.migrations import migrate


class Store:
    """One ``pandora.db``. Cheap to open; holds no truth of its own; safe to use from several threads.

    Raises:
        StoreVersionError: the file was written by a newer Pandora.
        StoreError: the file is no store, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            sqlite.check_private(path)
        try:
            self.engine: Engine = _connect(path)
            migrate(self.engine)
        except DatabaseError as error:
            raise sqlite.explained(_cause(error), path) from error

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
            raise sqlite.explained(_cause(error), self.path) from error


def next_change(connection: Connection) -> int:
    """The number of this commit. The write lock is held until it commits, so numbers become visible in order."""
    statement = "UPDATE counters SET value = value + 1 WHERE name = 'change' RETURNING value"
    return int(connection.exec_driver_sql(statement).scalar_one())


def _connect(path: Path) -> Engine:
    """Transactions are explicit: ``BEGIN IMMEDIATE`` for the execution option ``write=True``, else ``BEGIN``, so that
    a reader holds a steady snapshot and a writer never fails half-way for want of the lock.
    """
    sqlite.create_private(path)
    engine = create_engine(
        f"sqlite+pysqlite:///{sqlite.address(path)}&uri=true",
        module=sqlite.choose().module,
        poolclass=QueuePool,
        pool_size=4,
        connect_args={"check_same_thread": False, "timeout": sqlite.BUSY_TIMEOUT_MS / 1000},
    )
    event.listen(engine, "connect", lambda connection, _record: sqlite.set_up(connection, read_only=False))
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("write"):
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")


def _cause(error: DatabaseError) -> Exception:
    return error.orig if isinstance(error.orig, Exception) else error
