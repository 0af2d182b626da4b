"""Owns which SQLite Pandora runs on, and how a connection to it is set up."""

from __future__ import annotations

import importlib
import os
import sqlite3
import stat
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import QueuePool

WAL_SAFE = (3, 51, 3)
"""First SQLite release without the WAL-reset corruption that 3.7.0–3.51.2 have (sqlite.org, release 3.51.3)."""

BUSY_TIMEOUT_MS = 10_000
_PAGE_BYTES = 8192
_WAL_BYTES = 64 << 20


class SqliteChoice(NamedTuple):
    """The DB-API module in use, the SQLite version in it, and the journal mode that is safe with it."""

    module: ModuleType
    name: str
    version: tuple[int, ...]
    journal: str


@cache
def choose() -> SqliteChoice:
    """``pysqlite3`` where its wheel exists; else the standard library, with WAL only if its version is safe."""
    module: ModuleType = sqlite3
    name = "sqlite3"
    if os.environ.get("PANDORA_SQLITE") != "stdlib":
        try:
            module, name = importlib.import_module("pysqlite3.dbapi2"), "pysqlite3"
        except ImportError:
            name = "sqlite3"
    version = tuple(int(part) for part in str(module.sqlite_version).split("."))
    return SqliteChoice(module, name, version, "WAL" if version >= WAL_SAFE else "DELETE")


def connect(path: Path, *, read_only: bool = False) -> Engine:
    """A SQLAlchemy engine on one SQLite file; the file is created 0600 unless ``read_only``.

    Transactions are explicit: ``BEGIN IMMEDIATE`` for the execution option ``write=True``, else ``BEGIN``, so that a
    reader holds a steady snapshot and a writer never fails half-way for want of the lock.
    """
    choice = choose()
    if not read_only:
        _create_private(path)
    mode = "ro" if read_only else "rw"
    engine = create_engine(
        f"sqlite+pysqlite:///file:{_quoted(path)}?mode={mode}&uri=true",
        module=choice.module,
        poolclass=QueuePool,
        pool_size=4,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection, read_only))
    event.listen(engine, "begin", _begin)
    return engine


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _create_private(path: Path) -> None:
    """Creates the file before SQLite does, so that it never exists with wider rights than 0600."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    os.close(descriptor)


def _prepare(connection: Any, read_only: bool) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        if not read_only:
            # Large pages, rare checkpoints: the same index pages are written back once, not with every few batches.
            cursor.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            cursor.execute(f"PRAGMA journal_mode={choose().journal}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={_WAL_BYTES // _PAGE_BYTES}")
            cursor.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "temp_store=MEMORY",
            "cache_size=-32768",
            "mmap_size=268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Any) -> None:
    options = connection.get_execution_options()
    if options.get("write"):
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")
