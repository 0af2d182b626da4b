"""Owns the entries of an unlocked vault: finding, opening, writing new versions, and wrapping their DEKs anew."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import astuple

import msgspec

from pandora_core.errors import NotFoundError, RefusedError, TamperedError, VaultFormatError
from pandora_core.vault.crypto.envelope import ID_BYTES
from pandora_core.vault.crypto.secret import Secret, random_bytes
from pandora_core.vault.format import entry
from pandora_core.vault.format.entry import KINDS, Address, Field, Meta, Opener
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.rows import EntryRow
from pandora_core.vault.format.views import Changes, Draft, Entry, OpenedEntry
from pandora_core.vault.storage.database import Database
from pandora_core.vault.storage.ledger import Change, Ledger, Newest

NAME_LIMIT_BYTES = 1024


class Contents:
    """Entries in the database, each checked against its signed leaf before it is opened.

    What was shown once (META) is kept until :meth:`forget`; values never are.
    """

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._metas: dict[Newest, Meta] = {}
        self._opener: Opener | None = None

    def forget(self) -> None:
        """Let go of what was shown, and of the memory that it was opened in."""
        self._metas.clear()
        opener, self._opener = self._opener, None
        if opener is not None:
            opener.wipe()

    def open(self, keys: Keys, name: str, version: int | None = None) -> OpenedEntry:
        """A version with its values; the newest by default.

        Raises:
            NotFoundError: there is none.
            OpenFailedError: it was changed.
            TamperedError: its row is not the one that was signed.
        """
        place = self.find(keys, name)
        if version is not None:
            place = Newest(place.id, version)
            if not self._ledger.has(place):
                raise NotFoundError(f"{name!r} has no version {version}", hint="pandora vault history")
        row = self._row(place)
        opener = self._opener or self._new_opener()
        try:
            dek = opener.unwrap(keys.kek, self._ledger.header.epoch, row)
            meta = self._metas.get(place)
            if meta is None:
                meta = self._metas[place] = opener.meta(dek, row)
            return OpenedEntry(Entry(*place, meta), tuple(opener.fields(dek, row, row.secret)))
        finally:
            opener.clear()

    def all(self, keys: Keys) -> list[Entry]:
        """The newest version of every entry, by name."""
        self._open_missing(keys)
        found = [Entry(*place, self._metas[place]) for place in self._ledger.newest.values()]
        return sorted(found, key=lambda each: each.meta.name.casefold())

    def history(self, keys: Keys, name: str) -> list[Entry]:
        """Every version, newest first.

        Raises:
            NotFoundError: no such entry.
        """
        rows = self._versions(self.find(keys, name).id)
        return [Entry(row.id, row.version, self._meta(keys, row)) for row in reversed(rows)]

    def insert(self, change: Change, keys: Keys, meta: Meta, fields: Sequence[Field]) -> Entry:
        """A new entry.

        Raises:
            RefusedError: there is one of that name.
            VaultFormatError: a name, kind or length is not allowed.
        """
        if self.has(keys, meta.name):
            raise RefusedError("there is an entry of that name already", hint="pandora vault edit")
        return self._write(change, keys, Newest(random_bytes(ID_BYTES), 1), meta, fields)

    def edit(self, change: Change, keys: Keys, name: str, changes: Changes) -> Entry:
        """A new version.

        Raises:
            NotFoundError: no such entry, or a field to be removed is not there.
            RefusedError: another entry has the new name.
        """
        with self.open(keys, name) as old:
            meta, fields = _changed(old, changes, change.at_ms)
            return self.add_version(change, keys, old.entry, meta, fields)

    def add_version(self, change: Change, keys: Keys, old: Entry, meta: Meta, fields: Sequence[Field]) -> Entry:
        """A version behind the newest one, ``old``."""
        row = self._row(Newest(old.id, old.version))
        holder = self._ledger.newest.get(self._tag(keys, meta.name))
        if holder is not None and holder.id != old.id:
            raise RefusedError("there is an entry of that name already", hint="choose another name")
        change.retire(row)
        return self._write(change, keys, Newest(old.id, old.version + 1), meta, fields)

    def remove(self, change: Change, keys: Keys, name: str) -> int:
        """Take all versions away; how many there were.

        Raises:
            NotFoundError: no such entry.
        """
        rows = self._versions(self.find(keys, name).id)
        for row in rows:
            change.remove_entry(row)
            self._metas.pop(Newest(row.id, row.version), None)
        return len(rows)

    def rewrap(self, change: Change, old: Keys, old_epoch: int, new: Keys) -> None:
        """Wrap every DEK for the epoch that the ledger is in now, and tag every name by the new index key."""
        epoch, retagged = self._ledger.header.epoch, new.index_key != old.index_key
        for place in self._database.places():
            row = self._row(Newest(*place))
            address = self._address(row)
            with entry.unwrap_dek(old.kek, old_epoch, address, row.wrapped) as dek:
                tag = row.name_tag
                if retagged and tag is not None:
                    tag = entry.name_tag(new.index_key, entry.open_meta(dek, address, row.meta).name)
                wrapped = entry.wrap_dek(new.kek, epoch, address, dek)
            change.rewrap_entry(row, tag, wrapped)

    def check(self, keys: Keys) -> None:
        """Open every version of every entry.

        Raises:
            OpenFailedError: one does not open.
            TamperedError: a row is not the one that was signed, or is found under another name.
        """
        for place in self._database.places():
            row = self._row(Newest(*place))
            address = self._address(row)
            with entry.unwrap_dek(keys.kek, self._ledger.header.epoch, address, row.wrapped) as dek:
                name = entry.open_meta(dek, address, row.meta).name
                for each in entry.open_secret(dek, address, row.secret):
                    each.value.wipe()
            if row.name_tag not in (None, self._tag(keys, name)):
                raise TamperedError("an entry is filed under another name than its own")

    def has(self, keys: Keys, name: str) -> bool:
        return self._tag(keys, name) in self._ledger.newest

    def find(self, keys: Keys, name: str) -> Newest:
        """Where the newest version is.

        Raises:
            NotFoundError: no such entry.
        """
        newest = self._ledger.newest.get(self._tag(keys, name))
        if newest is None:
            raise NotFoundError(f"no entry {name!r}", hint="pandora vault list")
        return newest

    def _tag(self, keys: Keys, name: str) -> bytes:
        return entry.name_tag(keys.index_key, name)

    def _row(self, place: Newest) -> EntryRow:
        row = self._database.entry(*place)
        self._ledger.check_row(row)
        return row

    def _versions(self, id_: bytes) -> list[EntryRow]:
        rows = list(self._database.versions(id_))
        for row in rows:
            self._ledger.check_row(row)
        return rows

    def _address(self, row: EntryRow) -> Address:
        header = self._ledger.header
        return Address(header.profile, header.vault_id, row.id, row.version, row.epoch)

    def _meta(self, keys: Keys, row: EntryRow) -> Meta:
        address = self._address(row)
        with entry.unwrap_dek(keys.kek, self._ledger.header.epoch, address, row.wrapped) as dek:
            return entry.open_meta(dek, address, row.meta)

    def _write(self, change: Change, keys: Keys, place: Newest, meta: Meta, fields: Sequence[Field]) -> Entry:
        header = self._ledger.header
        address = Address(header.profile, header.vault_id, place.id, place.version, header.epoch)
        sealed = entry.seal_entry(keys.kek, header.epoch, address, checked(meta), fields)
        change.put_entry(EntryRow(*place, header.epoch, self._tag(keys, meta.name), *astuple(sealed)))
        return Entry(*place, meta)

    def _new_opener(self) -> Opener:
        """Memory to open entries in, until :meth:`forget`; cleared after each use."""
        header = self._ledger.header
        self._opener = Opener(header.profile, header.vault_id)
        return self._opener

    def _open_missing(self, keys: Keys) -> None:
        """Open what is not known yet of the newest versions; in one go, which is cheaper."""
        newest = set(self._ledger.newest.values())
        if newest <= self._metas.keys():
            return
        kek, epoch, metas = keys.kek, self._ledger.header.epoch, self._metas
        # Their leaves were compared when the file was opened. To open at all they must be genuine: a DEK and what is
        # under it belong to one version, of which only one was ever written.
        opener = self._opener or self._new_opener()
        try:
            for row in self._database.shown():
                metas[Newest(row.id, row.version)] = opener.meta(opener.unwrap(kek, epoch, row), row)
        finally:
            opener.clear()
        if not newest <= self._metas.keys():
            raise TamperedError("an entry was taken out of the file while it was open", hint="pandora vault verify")


def meta_of(draft: Draft, at_ms: int) -> Meta:
    """What a new entry shows of itself.

    Raises:
        VaultFormatError: its name, kind or hidden fields are not allowed.
    """
    return checked(
        Meta(
            name=checked_name(draft.name),
            kind=draft.kind,
            created_ms=at_ms,
            changed_ms=at_ms,
            tags=draft.tags,
            fields=tuple(each.name for each in draft.fields),
            hidden=draft.hidden,
            note=draft.note,
        )
    )


def has_words(meta: Meta, words: Sequence[str]) -> bool:
    """Whether each of these case-folded words occurs in what is shown."""
    shown = " ".join((meta.name, meta.kind, *meta.tags, meta.note)).casefold()
    return all(word in shown for word in words)


def checked(meta: Meta) -> Meta:
    """The same, when it may be stored.

    Raises:
        VaultFormatError: its name, kind or hidden fields are not allowed.
    """
    if meta.name != checked_name(meta.name):
        raise VaultFormatError("the name of an entry is not in its normal form (NFC)")
    if meta.kind not in KINDS:
        raise VaultFormatError(f"no kind {meta.kind!r}", hint=f"known: {', '.join(KINDS)}")
    if not set(meta.hidden) <= set(meta.fields):
        raise VaultFormatError("a field that is to be hidden is not there")
    return meta


def checked_name(name: str) -> str:
    """An entry's name in NFC.

    Raises:
        VaultFormatError: it is empty, too long, or has control characters.
    """
    normal = unicodedata.normalize("NFC", name)
    size = len(normal.encode(errors="replace"))
    if not 0 < size <= NAME_LIMIT_BYTES or any(unicodedata.category(each) in ("Cc", "Cs") for each in normal):
        raise VaultFormatError("the name of an entry has 1 to 1,024 bytes and no control characters")
    return normal


def _changed(old: OpenedEntry, changes: Changes, at_ms: int) -> tuple[Meta, list[Field]]:
    """The next version's META, and its fields: the old order, then what is new."""
    meta = old.entry.meta
    if unknown := set(changes.removed) - set(meta.fields):
        raise NotFoundError(f"{meta.name!r} has no field {min(unknown)!r}")
    values: dict[str, Secret] = {each.name: each.value for each in old.fields if each.name not in changes.removed}
    values |= {each.name: each.value for each in changes.set}
    shown = set(meta.fields) - set(meta.hidden) - set(changes.removed) | set(changes.shown)
    changed = msgspec.structs.replace(
        meta,
        name=meta.name if changes.name is None else checked_name(changes.name),
        tags=meta.tags if changes.tags is None else changes.tags,
        note=meta.note if changes.note is None else changes.note,
        changed_ms=at_ms,
        fields=tuple(values),
        hidden=tuple(name for name in values if name not in shown),
    )
    return changed, [Field(name, value) for name, value in values.items()]
