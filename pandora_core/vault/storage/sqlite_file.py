"""Owns ``vault.db`` as a file: its lock, schema, pragmas, transactions, and what SQLite's errors mean (format §6).

It goes through the plain DB-API. The file is hostile until its signatures were checked: its first bytes are looked at
before SQLite opens it, its schema must be exactly this one, and no row is larger in memory than the format allows.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

from pandora_core.errors import PandoraError, RefusedError, VaultError, VaultFormatError
from pandora_core.vault.format.rows import DAMAGED, ROW_LIMIT_BYTES
from pandora_core.vault.storage import private_files

APPLICATION_ID = 0x50564C54
USER_VERSION = 1
PAGE_BYTES = 4096
SCHEMA = (
    "CREATE TABLE keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE slots (id BLOB PRIMARY KEY, value BLOB NOT NULL, note BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE entries (id BLOB NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL, name_tag BLOB,"
    " wrapped BLOB NOT NULL, meta BLOB NOT NULL, secret BLOB NOT NULL, PRIMARY KEY (id, version))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE audit (sequence INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, sealed BLOB NOT NULL,"
    " hash BLOB NOT NULL) STRICT",
    "CREATE TABLE checkpoints (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, signature BLOB NOT NULL) STRICT",
    "CREATE TABLE manifests (number INTEGER PRIMARY KEY, body BLOB NOT NULL, signature BLOB NOT NULL) STRICT",
    "CREATE TABLE handovers (number INTEGER PRIMARY KEY, body BLOB NOT NULL, old BLOB NOT NULL,"
    " old_signature BLOB NOT NULL, new_signature BLOB NOT NULL) STRICT",
    "CREATE TABLE deposits (id BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID",
)

_FIRST_BYTES = 100
_BUSY_S = 2.0


class SqliteFile:
    """One connection, which holds the file's exclusive lock from :meth:`open` to :meth:`close`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._closing = contextlib.ExitStack()

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new file of that name with empty tables.

        Raises:
            RefusedError: there is one.
        """
        private_files.check_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.close(os.open(path, flags, private_files.FILE_MODE))
        except FileExistsError:
            raise RefusedError("there is a file of that name already", where=str(path)) from None
        with _explained(path):
            connection = _connect(path)
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            _set_up(connection)
            with _transaction(connection):
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={USER_VERSION}")
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Lock and open a file; what a crash left half written is undone first.

        Raises:
            VaultError: it is not there, not private, or in use by another process.
            VaultFormatError: not a vault, of another version, or damaged so that SQLite cannot read it.
        """
        private_files.check_folder(path.parent)
        with _explained(path), contextlib.ExitStack() as undo:
            undo.callback(_Claim(path).end)
            _check_first_page(path)
            connection = undo.enter_context(contextlib.closing(_connect(path)))
            _set_up(connection)
            _check_schema(connection)
            opened = cls(path, connection)
            opened._closing = undo.pop_all()
        return opened

    def close(self) -> None:
        """Let go of the file. Doing it twice does no harm."""
        self._connection.close()
        self._closing.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is there after a power cut, or none of it."""
        with _explained(self.path), _transaction(self._connection):
            yield

    def check_structure(self) -> None:
        """Let SQLite look at every page, so that no later write lands on a page that is in use.

        Raises:
            VaultFormatError: a page is damaged.
        """
        found = self._rows("PRAGMA quick_check(1)")
        if [row[0] for row in found] != [b"ok"]:
            raise VaultFormatError("the file is damaged", where=str(self.path), hint=DAMAGED)

    def copy_to(self, path: Path) -> None:
        """Write a whole, synced copy to a new file."""
        copy = SqliteFile.create(path)
        try:
            with _explained(self.path):
                self._connection.backup(copy._connection)
        finally:
            copy.close()

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        with _explained(self.path):
            for row in self._connection.execute(query, values):  # noqa: UP028 — `yield from` would close the cursor late
                yield row

    def _run(self, statement: str, *values: object) -> None:
        self._connection.execute(statement, values)


class _Claim:
    """The right of one connection to a file: closing any other descriptor of it would give up its lock (POSIX).

    Kept by who has the connection alone, so that it falls with them, however that ends.
    """

    def __init__(self, path: Path) -> None:
        self._place = path.resolve()
        if _claims.setdefault(self._place, self) is not self:
            raise VaultError("the vault is open in this process already", where=str(path))

    def end(self) -> None:
        if _claims.get(self._place) is self:
            del _claims[self._place]


_claims: WeakValueDictionary[Path, _Claim] = WeakValueDictionary()


def _connect(path: Path) -> sqlite3.Connection:
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{quoted}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_LIMIT_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    """Pragmas first, then the lock, which stays until the connection is closed (locking_mode=EXCLUSIVE)."""
    for pragma in (
        "locking_mode=EXCLUSIVE",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        "mmap_size=0",
        "temp_store=MEMORY",
        "journal_mode=DELETE",
        "synchronous=EXTRA",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_first_page(path: Path) -> None:
    """Look at the fixed bytes of SQLite's header (file format §1.3). This must end before SQLite opens the file:

    closing any descriptor of a file gives up the process's locks on it.
    """
    try:
        private_files.check_file(path)
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb", buffering=0) as file:
            first, size = file.read(_FIRST_BYTES), os.fstat(file.fileno()).st_size
        journal = path.with_name(f"{path.name}-journal")
        interrupted = os.path.lexists(journal)
        if interrupted:
            private_files.check_file(journal)
    except FileNotFoundError:
        raise VaultError("there is no vault", where=str(path), hint="pandora vault init") from None
    except OSError as error:
        raise VaultError(f"it cannot be read ({error.strerror})", where=str(path)) from error
    fixed = {
        "size": interrupted or size == int.from_bytes(first[28:32]) * PAGE_BYTES,
        "magic": first[:16] == b"SQLite format 3\0",
        "page size": first[16:18] == PAGE_BYTES.to_bytes(2),
        "rollback journal": first[18:24] == b"\x01\x01\x00\x40\x20\x20",
        "schema format": first[44:48] == (4).to_bytes(4),
        "encoding": first[56:60] == (1).to_bytes(4),
        "version": first[60:64] == USER_VERSION.to_bytes(4),
        "application": first[68:72] == APPLICATION_ID.to_bytes(4),
    }
    if wrong := [what for what, holds in fixed.items() if not holds]:
        raise VaultFormatError(f"not a vault of a version that is known here ({', '.join(wrong)})", where=str(path))


def _check_schema(connection: sqlite3.Connection) -> None:
    """Exactly the tables of the format: no view, trigger, index or generated column that could act for them."""
    query = "SELECT type, sql FROM sqlite_schema WHERE sql IS NOT NULL LIMIT 32"
    found = sorted(connection.execute(query).fetchall())
    if found != sorted((b"table", statement.encode()) for statement in SCHEMA):
        raise VaultFormatError("the tables are not those of a vault", hint=DAMAGED)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say in the vault's words what SQLite reports."""
    try:
        yield
    except sqlite3.Error as error:
        raise explanation(error, path) from error
    except (OverflowError, UnicodeDecodeError) as error:  # a number, or the text of a message, that is no such thing
        raise VaultFormatError("the file is damaged", where=str(path), hint=DAMAGED) from error


def explanation(error: sqlite3.Error, path: Path) -> PandoraError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    where = str(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return VaultError("another process has the vault open", where=where, hint="pandora vault status")
    if code == sqlite3.SQLITE_FULL:
        return VaultError("the disk is full; nothing was changed", where=where, hint="free some space")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return VaultError(f"it cannot be read or written ({error})", where=where, hint="check the disk")
    if isinstance(error, sqlite3.ProgrammingError):
        return VaultError("the vault is closed", where=where)
    return VaultFormatError("the file is damaged", where=where, hint=DAMAGED)
