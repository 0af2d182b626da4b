"""Owns the tables of ``vault.db`` (format §6): what is asked of them, and what is written into them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from pandora_core.errors import TamperedError, VaultFormatError
from pandora_core.vault.format import rows
from pandora_core.vault.format.audit import SealedRecord
from pandora_core.vault.format.rows import EntryRow, HandoverRow, ShownRow, SignedRow, SlotRow
from pandora_core.vault.storage.sqlite_file import SqliteFile, explanation

FILE_NAME = "vault.db"


class Database(SqliteFile):
    """The tables of an open vault. What is written belongs into a :meth:`transaction`."""

    def key(self, name: str) -> bytes:
        """``header`` or ``keyring``.

        Raises:
            TamperedError: it was taken out.
        """
        for (value,) in self._rows("SELECT value FROM keys WHERE name = ?", name):
            return rows.blob(value, rows.KEY_BYTES)
        raise TamperedError(f"the vault has no {name}", where=str(self.path), hint=rows.DAMAGED)

    def key_names(self) -> list[bytes]:
        """What is in the table of keys."""
        return [rows.blob(name, rows.KEY_BYTES) for (name,) in self._rows("SELECT name FROM keys LIMIT 16")]

    def put_key(self, name: str, value: bytes) -> None:
        self._run("INSERT OR REPLACE INTO keys VALUES (?, ?)", name, value)

    def slots(self) -> list[SlotRow]:
        """Every slot; no more than the format allows."""
        read = self._rows("SELECT id, value, note FROM slots LIMIT ?", rows.SLOTS_LIMIT + 1)
        found = [
            SlotRow(rows.blob(id_, rows.ID), rows.blob(value, rows.KEY_BYTES), rows.blob(note, rows.META_BYTES))
            for id_, value, note in read
        ]
        if len(found) > rows.SLOTS_LIMIT:
            raise VaultFormatError(f"a vault has at most {rows.SLOTS_LIMIT} slots", where=str(self.path))
        return found

    def put_slot(self, row: SlotRow) -> None:
        self._run("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", *row)

    def remove_slot(self, id_: bytes) -> None:
        self._run("DELETE FROM slots WHERE id = ?", id_)

    def entries(self) -> Iterator[EntryRow]:
        """Every version of every entry."""
        return map(rows.entry, self._rows(_SELECT_ENTRIES))

    def entry(self, id_: bytes, version: int) -> EntryRow:
        """One version.

        Raises:
            TamperedError: it was taken out.
        """
        try:  # spelled out, since a read of some 30 µs is made here
            row = self._connection.execute(_SELECT_ENTRY, (id_, version)).fetchone()
        except sqlite3.Error as error:
            raise explanation(error, self.path) from error
        if row is not None:
            return rows.entry(row)
        raise TamperedError("an entry was taken out of the vault", where=str(self.path), hint=rows.DAMAGED)

    def shown(self) -> Iterator[ShownRow]:
        """What a list needs of the newest versions; long values are not read."""
        query = "SELECT id, version, epoch, wrapped, meta FROM entries WHERE name_tag IS NOT NULL"
        return map(rows.shown, self._rows(query))

    def versions(self, id_: bytes) -> Iterator[EntryRow]:
        """Every version of an entry, oldest first."""
        return map(rows.entry, self._rows(f"{_SELECT_ENTRIES} WHERE id = ? ORDER BY version", id_))

    def places(self) -> list[tuple[bytes, int]]:
        """Id and version of every row, so that they can be changed one after another."""
        read = self._rows("SELECT id, version FROM entries ORDER BY id, version")
        return [(rows.blob(id_, rows.ID), rows.integer(version, rows.NUMBERS)) for id_, version in read]

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
        return map(rows.record, self._rows(query, after, upto))

    def last_record(self) -> int:
        """The number of the newest audit record; 0 when there is none."""
        return self._number("SELECT coalesce(max(sequence), 0) FROM audit")

    def audit_count(self) -> int:
        return self._number("SELECT count(*) FROM audit")

    def append_audit(self, record: SealedRecord) -> None:
        self._run("INSERT INTO audit VALUES (?, ?, ?, ?)", *record)

    def manifests(self) -> Iterator[SignedRow]:
        """Every manifest that was kept, oldest first."""
        return map(rows.signed, self._rows("SELECT number, body, signature FROM manifests ORDER BY number"))

    def newest_manifest(self) -> SignedRow:
        """The manifest of the last commit.

        Raises:
            TamperedError: it was taken out.
        """
        for row in self._rows("SELECT number, body, signature FROM manifests ORDER BY number DESC LIMIT 1"):
            return rows.signed(row)
        raise TamperedError("the vault has no manifest", where=str(self.path), hint=rows.DAMAGED)

    def append_manifest(self, row: SignedRow) -> None:
        """Add the newest; it vouches for those before, whose signatures are let go."""
        self._run("UPDATE manifests SET signature = x'' WHERE number = ?", row.number - 1)
        self._run("INSERT INTO manifests VALUES (?, ?, ?)", *row)

    def checkpoint(self) -> SignedRow | None:
        """The newest checkpoint."""
        for row in self._rows("SELECT sequence, body, signature FROM checkpoints ORDER BY sequence DESC LIMIT 1"):
            return rows.signed(row)
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
        return map(rows.handover, self._rows("SELECT * FROM handovers ORDER BY number"))

    def append_handover(self, row: HandoverRow) -> None:
        self._run("INSERT INTO handovers VALUES (?, ?, ?, ?, ?)", *row)

    def deposits(self) -> Iterator[tuple[bytes, bytes]]:
        """Id and sealed bytes of what waits for an unlock."""
        query = "SELECT id, sealed FROM deposits LIMIT ?"
        for id_, sealed in self._rows(query, rows.DEPOSITS_LIMIT):
            yield rows.blob(id_, rows.ID), rows.blob(sealed, rows.DEPOSIT_BYTES)

    def deposit_count(self) -> int:
        return self._number("SELECT count(*) FROM deposits")

    def put_deposit(self, id_: bytes, sealed: bytes) -> None:
        self._run("INSERT INTO deposits VALUES (?, ?)", id_, sealed)

    def remove_deposit(self, id_: bytes) -> None:
        self._run("DELETE FROM deposits WHERE id = ?", id_)

    def _number(self, query: str) -> int:
        ((number,),) = self._rows(query)
        return rows.integer(number, rows.NUMBERS)


_SELECT_ENTRIES = "SELECT id, version, epoch, name_tag, wrapped, meta, secret FROM entries"
_SELECT_ENTRY = f"{_SELECT_ENTRIES} WHERE id = ? AND version = ?"
