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

from pandora_core.errors import StoreBusyError, StoreError

FILE_NAME = "pandora.db"

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


def address(path: Path, *, read_only: bool = False) -> str:
    """The URI of a store's file; one that is not there is not made."""
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode={'ro' if read_only else 'rw'}"


def open_for_looking(path: Path) -> Any:
    """A plain DB-API connection that cannot write; transactions are explicit, rows can be asked by name.

    Raises:
        StoreError: the file is not there, is not private, or is no store.
    """
    module = choose().module
    try:
        check_private(path)
        # Not mode=ro: to read a WAL whose last writer is gone, SQLite must be able to make its index.
        connection = module.connect(address(path), uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        connection.row_factory = module.Row
        set_up(connection, read_only=True)
        connection.execute("PRAGMA query_only=ON")
    except FileNotFoundError as error:
        raise StoreError("there is no store", where=str(path), hint="pandora doctor") from error
    except module.DatabaseError as error:
        raise explained(error, path) from error
    return connection


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


def create_private(path: Path) -> None:
    """Creates the file before SQLite does, so that it never exists with wider rights than 0600."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    os.close(descriptor)


def set_up(connection: Any, *, read_only: bool) -> None:
    """Set the pragmas that every connection to a store has."""
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


def explained(error: Exception, path: Path) -> StoreError:
    """What an error of the database means, and what to do next."""
    text = str(error)
    if "locked" in text:
        return StoreBusyError("another process holds the store's write lock", where=str(path), hint="try again")
    if "not a database" in text or "malformed" in text:
        return StoreError(text, where=str(path), hint="pandora store check, or restore a backup")
    if "full" in text:
        return StoreError(text, where=str(path), hint="free some disk space; nothing is lost, lines are read again")
    return StoreError(text, where=str(path), hint="pandora doctor")
