"""Owns ``vault.db``: SQLite through the plain DB-API, its schema and pragmas, and rows within bounds (format §6).

The file is hostile until its signatures were checked: its first bytes are looked at before SQLite opens it, its
schema must be exactly this one, and no row is larger in memory than the format allows.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from weakref import WeakValueDictionary

from pandora_core.errors import PandoraError, RefusedError, TamperedError, VaultError, VaultFormatError
from pandora_core.vault import private_files
from pandora_core.vault.audit import SealedRecord
from pandora_core.vault.entry import META_LIMIT_BYTES, NAME_TAG_BYTES
from pandora_core.vault.envelope import (
    ID_BYTES,
    KEY_ENVELOPE_BYTES,
    OVERHEAD_BYTES,
    PLAINTEXT_LIMIT_BYTES,
    padded_size,
)

FILE_NAME = "vault.db"
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
SLOTS_LIMIT = 16
DEPOSITS_LIMIT = 1024
KEY_LIMIT_BYTES = 1024 * 1024
DEPOSIT_BYTES = range(PLAINTEXT_LIMIT_BYTES + 128 * 1024)
META_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(META_LIMIT_BYTES) + 1)
SECRET_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(PLAINTEXT_LIMIT_BYTES) + 1)
RECORD_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(256 * 1024) + 1)

_ROW_LIMIT_BYTES = SECRET_BYTES.stop + META_BYTES.stop + 4096
_FIRST_BYTES = 100
_NUMBERS = range(1 << 63)
_EPOCHS = range(1, 1 << 32)
_BUSY_S = 2.0
_DAMAGED = "take a copy of it, then restore a backup: pandora vault backup writes them"


class EntryRow(NamedTuple):
    """A version of an entry, sealed; ``name_tag`` is on the newest only."""

    id: bytes
    version: int
    epoch: int
    name_tag: bytes | None
    wrapped: bytes
    meta: bytes
    secret: bytes


class ShownRow(NamedTuple):
    """What of a version a list needs."""

    id: bytes
    version: int
    epoch: int
    wrapped: bytes
    meta: bytes


class SlotRow(NamedTuple):
    """A slot and its sealed label."""

    id: bytes
    value: bytes
    note: bytes


class SignedRow(NamedTuple):
    """A manifest or checkpoint; the signature is empty where a newer one stands for it."""

    number: int
    body: bytes
    signature: bytes


class HandoverRow(NamedTuple):
    """A handover, the public key that handed over, and both signatures."""

    number: int
    body: bytes
    old: bytes
    old_signature: bytes
    new_signature: bytes


class Database:
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
            database = cls(path, connection)
            database._closing = undo.pop_all()
        return database

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
            raise VaultFormatError("the file is damaged", where=str(self.path), hint=_DAMAGED)

    def key(self, name: str) -> bytes:
        """``header`` or ``keyring``.

        Raises:
            TamperedError: it was taken out.
        """
        for (value,) in self._rows("SELECT value FROM keys WHERE name = ?", name):
            return _blob(value, range(KEY_LIMIT_BYTES))
        raise TamperedError(f"the vault has no {name}", where=str(self.path), hint=_DAMAGED)

    def key_names(self) -> list[bytes]:
        """What is in the table of keys."""
        return [_blob(name, range(KEY_LIMIT_BYTES)) for (name,) in self._rows("SELECT name FROM keys LIMIT 16")]

    def put_key(self, name: str, value: bytes) -> None:
        self._run("INSERT OR REPLACE INTO keys VALUES (?, ?)", name, value)

    def slots(self) -> list[SlotRow]:
        """Every slot; no more than the format allows."""
        rows = self._rows("SELECT id, value, note FROM slots LIMIT ?", SLOTS_LIMIT + 1)
        found = [
            SlotRow(_blob(id_, ID), _blob(value, range(KEY_LIMIT_BYTES)), _blob(note, META_BYTES))
            for id_, value, note in rows
        ]
        if len(found) > SLOTS_LIMIT:
            raise VaultFormatError(f"a vault has at most {SLOTS_LIMIT} slots", where=str(self.path))
        return found

    def put_slot(self, row: SlotRow) -> None:
        self._run("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", *row)

    def remove_slot(self, id_: bytes) -> None:
        self._run("DELETE FROM slots WHERE id = ?", id_)

    def entries(self) -> Iterator[EntryRow]:
        """Every version of every entry."""
        return map(_entry, self._rows(_SELECT_ENTRIES))

    def entry(self, id_: bytes, version: int) -> EntryRow:
        """One version.

        Raises:
            TamperedError: it was taken out.
        """
        try:  # spelled out, since a read of some 30 µs is made here
            row = self._connection.execute(_SELECT_ENTRY, (id_, version)).fetchone()
        except sqlite3.Error as error:
            raise _explanation(error, self.path) from error
        if row is not None:
            return _entry(row)
        raise TamperedError("an entry was taken out of the vault", where=str(self.path), hint=_DAMAGED)

    def shown(self) -> Iterator[ShownRow]:
        """What a list needs of the newest versions; long values are not read."""
        query = "SELECT id, version, epoch, wrapped, meta FROM entries WHERE name_tag IS NOT NULL"
        return map(_shown, self._rows(query))

    def versions(self, id_: bytes) -> Iterator[EntryRow]:
        """Every version of an entry, oldest first."""
        return map(_entry, self._rows(f"{_SELECT_ENTRIES} WHERE id = ? ORDER BY version", id_))

    def places(self) -> list[tuple[bytes, int]]:
        """Id and version of every row, so that they can be changed one after another."""
        rows = self._rows("SELECT id, version FROM entries ORDER BY id, version")
        return [(_blob(id_, ID), _integer(version, _NUMBERS)) for id_, version in rows]

    def rewrap_entry(self, row: EntryRow) -> None:
        """Change tag and wrapped DEK alone: SQLite overwrites these in place and leaves long values as they lie."""
        self._run(
            "UPDATE entries SET name_tag = ?, wrapped = ? WHERE id = ? AND version = ?",
            row.name_tag,
            row.wrapped,
            row.id,
            row.version,
        )

    def put_entry(self, row: EntryRow) -> None:
        self._run("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", *row)

    def remove_entry(self, id_: bytes, version: int) -> None:
        self._run("DELETE FROM entries WHERE id = ? AND version = ?", id_, version)

    def audit(self, after: int, upto: int) -> Iterator[SealedRecord]:
        """Records ``after < sequence <= upto``, in their order."""
        query = (
            "SELECT sequence, epoch, sealed, hash FROM audit WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
        )
        return map(_record, self._rows(query, after, upto))

    def last_record(self) -> int:
        """The number of the newest audit record; 0 when there is none."""
        return self._number("SELECT coalesce(max(sequence), 0) FROM audit")

    def audit_count(self) -> int:
        return self._number("SELECT count(*) FROM audit")

    def append_audit(self, record: SealedRecord) -> None:
        self._run("INSERT INTO audit VALUES (?, ?, ?, ?)", *record)

    def manifests(self) -> Iterator[SignedRow]:
        """Every manifest that was kept, oldest first."""
        return map(_signed, self._rows("SELECT number, body, signature FROM manifests ORDER BY number"))

    def newest_manifest(self) -> SignedRow:
        """The manifest of the last commit.

        Raises:
            TamperedError: it was taken out.
        """
        for row in self._rows("SELECT number, body, signature FROM manifests ORDER BY number DESC LIMIT 1"):
            return _signed(row)
        raise TamperedError("the vault has no manifest", where=str(self.path), hint=_DAMAGED)

    def append_manifest(self, row: SignedRow) -> None:
        """Add the newest; it vouches for those before, whose signatures are let go."""
        self._run("UPDATE manifests SET signature = x'' WHERE number = ?", row.number - 1)
        self._run("INSERT INTO manifests VALUES (?, ?, ?)", *row)

    def checkpoint(self) -> SignedRow | None:
        """The newest checkpoint."""
        for row in self._rows("SELECT sequence, body, signature FROM checkpoints ORDER BY sequence DESC LIMIT 1"):
            return _signed(row)
        return None

    def put_checkpoint(self, row: SignedRow) -> None:
        """Put the newest in the place of those before, whose records it covers too."""
        self.drop_checkpoint()
        self._run("INSERT INTO checkpoints VALUES (?, ?, ?)", *row)

    def drop_checkpoint(self) -> None:
        """Let a manifest stand for it."""
        self._run("DELETE FROM checkpoints")

    def handovers(self) -> Iterator[HandoverRow]:
        """Every handover, oldest first."""
        return map(_handover, self._rows("SELECT * FROM handovers ORDER BY number"))

    def append_handover(self, row: HandoverRow) -> None:
        self._run("INSERT INTO handovers VALUES (?, ?, ?, ?, ?)", *row)

    def deposits(self) -> Iterator[tuple[bytes, bytes]]:
        """Id and sealed bytes of what waits for an unlock."""
        query = "SELECT id, sealed FROM deposits LIMIT ?"
        for id_, sealed in self._rows(query, DEPOSITS_LIMIT):
            yield _blob(id_, ID), _blob(sealed, DEPOSIT_BYTES)

    def deposit_count(self) -> int:
        return self._number("SELECT count(*) FROM deposits")

    def put_deposit(self, id_: bytes, sealed: bytes) -> None:
        self._run("INSERT INTO deposits VALUES (?, ?)", id_, sealed)

    def remove_deposit(self, id_: bytes) -> None:
        self._run("DELETE FROM deposits WHERE id = ?", id_)

    def copy_to(self, path: Path) -> None:
        """Write a whole, synced copy to a new file."""
        copy = Database.create(path)
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

    def _number(self, query: str) -> int:
        ((number,),) = self._rows(query)
        return _integer(number, _NUMBERS)


ID = range(ID_BYTES, ID_BYTES + 1)
_DIGEST = range(48, 49)
_SIGNATURE = range(8192)
_BODY = range(1024)
_SELECT_ENTRIES = "SELECT id, version, epoch, name_tag, wrapped, meta, secret FROM entries"
_SELECT_ENTRY = f"{_SELECT_ENTRIES} WHERE id = ? AND version = ?"


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
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _ROW_LIMIT_BYTES)
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
        raise VaultFormatError("the tables are not those of a vault", hint=_DAMAGED)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say in the vault's words what SQLite reports."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(error, path) from error
    except (OverflowError, UnicodeDecodeError) as error:  # a number, or the text of a message, that is no such thing
        raise VaultFormatError("the file is damaged", where=str(path), hint=_DAMAGED) from error


def _explanation(error: sqlite3.Error, path: Path) -> PandoraError:
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
    return VaultFormatError("the file is damaged", where=where, hint=_DAMAGED)


def _blob(value: object, bounds: range) -> bytes:
    if type(value) is not bytes or len(value) not in bounds:
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    return value


def _integer(value: object, bounds: range) -> int:
    if type(value) is not int or value not in bounds:
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    return value


def _entry(row: Any) -> EntryRow:
    id_, version, epoch, name_tag, wrapped, meta, secret = row
    octets = type(id_) is type(wrapped) is type(meta) is type(secret) is bytes
    numbers = type(version) is type(epoch) is int
    named = name_tag is None or (type(name_tag) is bytes and len(name_tag) == NAME_TAG_BYTES)
    if not (octets and numbers and named):
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    sized = len(id_) == ID_BYTES and len(wrapped) == KEY_ENVELOPE_BYTES
    if not (sized and len(meta) in META_BYTES and len(secret) in SECRET_BYTES and version > 0 and epoch in _EPOCHS):
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    return EntryRow(id_, version, epoch, name_tag, wrapped, meta, secret)


def _shown(row: Any) -> ShownRow:
    id_, version, epoch, wrapped, meta = row
    typed = type(id_) is type(wrapped) is type(meta) is bytes and type(version) is type(epoch) is int
    if not (typed and len(id_) == ID_BYTES and len(wrapped) == KEY_ENVELOPE_BYTES):
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    if not (len(meta) in META_BYTES and version > 0 and epoch in _EPOCHS):
        raise VaultFormatError("a row of the vault is out of bounds", hint=_DAMAGED)
    return ShownRow(id_, version, epoch, wrapped, meta)


def _record(row: Any) -> SealedRecord:
    sequence, epoch, sealed, hash_ = row
    return SealedRecord(
        _integer(sequence, _NUMBERS), _integer(epoch, _EPOCHS), _blob(sealed, RECORD_BYTES), _blob(hash_, _DIGEST)
    )


def _signed(row: Any) -> SignedRow:
    number, body, signature = row
    return SignedRow(_integer(number, _NUMBERS), _blob(body, _BODY), _blob(signature, _SIGNATURE))


def _handover(row: Any) -> HandoverRow:
    number, body, old, old_signature, new_signature = row
    signatures = _blob(old_signature, _SIGNATURE), _blob(new_signature, _SIGNATURE)
    return HandoverRow(_integer(number, _NUMBERS), _blob(body, _BODY), _blob(old, _SIGNATURE), *signatures)
