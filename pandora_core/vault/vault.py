"""Owns the vault: everything that can be done with ``vault.db``, locked or unlocked, by one process at a time."""

from __future__ import annotations

import builtins
import contextlib
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pandora_core.errors import NotFoundError, RefusedError, VaultFormatError, VaultLockedError
from pandora_core.vault import entry, providers, unlocking
from pandora_core.vault.age_keys import AgeIdentity
from pandora_core.vault.audit import Record
from pandora_core.vault.bundle import Outgoing
from pandora_core.vault.database import Database, EntryRow
from pandora_core.vault.entry import KINDS, Address, Field, Meta
from pandora_core.vault.envelope import ENTROPY_BYTES, ID_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.header import Header
from pandora_core.vault.kdf import Argon2Cost
from pandora_core.vault.keys import FIRST_EPOCH, Keys, public_keys
from pandora_core.vault.ledger import KEYRING, Change, Ledger, Newest
from pandora_core.vault.manifest import signer_digest
from pandora_core.vault.private_files import settle, spare_name
from pandora_core.vault.profiles import HIGH, Profile
from pandora_core.vault.providers import Provider
from pandora_core.vault.recipients import Recipient
from pandora_core.vault.secret import random_bytes
from pandora_core.vault.slots import Credentials, Place, Slot
from pandora_core.vault.stream import Sink, Source
from pandora_core.vault.unlocking import NewWay, Way
from pandora_core.vault.views import (
    Actor,
    AuditEntry,
    Changes,
    Custody,
    Draft,
    Entry,
    Imported,
    NewSlot,
    OpenedEntry,
    PublicInfo,
    Rekeyed,
    SlotInfo,
    Status,
    Unlocked,
    Verification,
    WitnessForms,
)

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""

NAME_LIMIT_BYTES = 1024
READS_LIMIT = 128
"""So many names are read before an audit record is written for all of them."""
READS_WAIT_MS = 2_000
"""A read after this long writes those before it; an agent calls :meth:`Vault.write_reads` when nobody reads."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Vault:
    """A vault that is open in this process; it holds the file's exclusive lock until :meth:`close`.

    Every method may be called from any thread. A method that needs the vault unlocked raises ``VaultLockedError``;
    a secret that is returned is the caller's to wipe; what is passed in stays the caller's.
    """

    def __init__(self, database: Database, ledger: Ledger, provider: Provider, clock: Clock) -> None:
        self._lock = threading.RLock()
        self._database = database
        self._ledger = ledger
        self._provider = provider
        self._clock = clock
        self._keys: Keys | None = None
        self._metas: dict[Newest, Meta] = {}
        self._reads: dict[tuple[Actor, str], int] = {}
        self._reads_since_ms = 0
        self._freshness = "unknown"

    @classmethod
    def create(
        cls,
        path: Path,
        way: NewWay,
        *,
        by: Actor,
        profile: Profile = HIGH,
        provider: Provider | None = None,
        label: str = "",
        cost: Argon2Cost | None = None,
        clock: Clock = now_ms,
    ) -> Self:
        """A new vault with one slot, unlocked. The file appears whole or not at all.

        Recovery shares are added afterwards, with :meth:`add_slot`, since their words must be shown.

        Raises:
            RefusedError: there is a file of that name.
            VaultError: the folder is not private.
            VaultFormatError: a recipient of another suite than the profile's.
            ProviderError: a provider failed, or two disagree.
        """
        provider = provider or providers.choose()
        if os.path.lexists(path):
            raise RefusedError("there is a file of that name already", where=str(path))
        keys = Keys.generate(provider, profile)
        part = spare_name(path)
        try:
            with contextlib.closing(Database.create(part)) as database:
                _write_first(database, provider, keys, profile, way, label, cost or Argon2Cost(), _Stamp(by, clock()))
            settle(part, path, replace=False)
            vault = cls.open(path, provider=provider, clock=clock)
        except BaseException:
            keys.wipe()
            part.unlink(missing_ok=True)
            raise
        vault._keys = keys
        return vault

    @classmethod
    def open(cls, path: Path, *, provider: Provider | None = None, clock: Clock = now_ms) -> Self:
        """Open a vault, locked, after all was verified that can be without a secret.

        Raises:
            VaultError: it is not there, not private, or in use by another process.
            VaultFormatError: not a vault, damaged, or out of bounds.
            OpenFailedError: a signature does not hold.
            TamperedError: what is stored is not what was signed.
        """
        provider = provider or providers.choose()
        with contextlib.ExitStack() as undo:
            database = Database.open(path)
            undo.callback(database.close)
            database.check_structure()
            vault = cls(database, Ledger.load(database, provider), provider, clock)
            undo.pop_all()
        return vault

    @property
    def is_unlocked(self) -> bool:
        return self._keys is not None

    @property
    def provider(self) -> Provider:
        return self._provider

    @property
    def profile(self) -> Profile:
        return self._ledger.header.profile

    def unlock(self, way: Way, *, by: Actor) -> Unlocked:
        """Open a slot, then take in what was deposited. Argon2id runs outside of the lock, so nobody waits for it.

        Raises:
            OpenFailedError: no slot opens with it, or what is inside was changed.
            TamperedError: the public keys do not belong to the seeds inside.
        """
        with self._lock:
            header, sealed = self._ledger.header, self._database.key(KEYRING)
            slots = [slot for slot, _ in self._ledger.slots.values()]
        found = unlocking.find_master(self._provider, slots, way)
        try:
            keys = Keys.open(self._provider, header, sealed, found.master)
        except BaseException:
            found.master.wipe()
            raise
        with self._lock:
            if header != self._ledger.header:  # a rekey came between
                keys.wipe()
                raise RefusedError("the vault was rekeyed meanwhile", hint="unlock it again")
            if self._keys is not None:
                keys.wipe()
                return Unlocked(self._describe(found.slot))
            self._keys = keys
            with self._change("unlock", found.slot.place.slot_id.hex(), by):
                pass
            return Unlocked(self._describe(found.slot))

    def lock(self, *, by: Actor, why: str = "asked") -> None:
        """Sign the audit trail, then wipe every key; nothing happens when it is locked."""
        with self._lock:
            if self._keys is None:
                return
            try:
                self._write_reads()
                with self._ledger.trail(self._keys, self._clock()) as change:
                    change.audit(self._record(by, "lock", "", {"why": why}))
                self._ledger.sign_checkpoint(self._keys, self._clock())
            finally:
                keys, self._keys = self._keys, None
                keys.wipe()
                self._metas.clear()

    def close(self) -> None:
        """Wipe the keys at once and let go of the file; call :meth:`lock` first for a signed end of the trail."""
        with self._lock:
            if self._keys is not None:
                self._keys.wipe()
                self._keys = None
            self._metas.clear()
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def status(self) -> Status:
        """What is true now; needs no unlocking and reads next to nothing."""
        with self._lock:
            ledger, manifest = self._ledger, self._ledger.manifest
            return Status(
                path=str(self._database.path),
                is_unlocked=self.is_unlocked,
                vault_id=ledger.header.vault_id,
                profile=ledger.header.profile.name,
                provider=self._provider.name,
                generation=ledger.header.generation,
                epoch=ledger.header.epoch,
                entries=len(ledger.newest),
                slots=len(ledger.slots),
                deposits=self._database.deposit_count(),
                commit=manifest.number if manifest else 0,
                committed_ms=manifest.at_ms if manifest else 0,
                audit_records=ledger.audit.sequence,
                unwritten_reads=sum(self._reads.values()),
                freshness=self._freshness,
            )

    def public(self) -> PublicInfo:
        """The public keys, which need no unlocking."""
        header = self._ledger.header
        public = header.public
        return PublicInfo(
            recipient=str(public.recipient),
            bundle_recipient=str(public.bundle),
            signer_algorithm=header.profile.signature,
            signer=public.signer,
            signer_fingerprint=signer_digest(public.signer).hex(),
        )

    def put(self, draft: Draft, *, by: Actor) -> Entry:
        """A new entry, durable when this returns.

        Raises:
            RefusedError: there is an entry of that name.
            VaultFormatError: a name, kind or length is not allowed.
        """
        with self._change("put", draft.name, by) as change:
            return self._insert(change, draft)

    def get(self, name: str, *, by: Actor, version: int | None = None) -> OpenedEntry:
        """An entry with its values; audited together with other reads (:meth:`write_reads`).

        Raises:
            NotFoundError: no such entry or version.
            OpenFailedError: it was changed.
            TamperedError: its row is not the one that was signed.
        """
        with self._lock:
            keys, newest = self._unlocked(), self._find(name)
            place = newest if version is None else Newest(newest.id, version)
            row = self._row(place, name)
            address = self._address(row)
            with entry.unwrap_dek(keys.kek, self._ledger.header.epoch, address, row.wrapped) as dek:
                meta = self._metas.get(place)
                if meta is None:
                    meta = self._metas[place] = entry.open_meta(dek, address, row.meta)
                opened = OpenedEntry(Entry(*place, meta), tuple(entry.open_secret(dek, address, row.secret)))
            self._note_read(by, name)
            return opened

    def list(self) -> builtins.list[Entry]:
        """Every entry in its newest version, by name; without the values."""
        with self._lock:
            self._open_metas()
            found = [Entry(*place, self._metas[place]) for place in self._ledger.newest.values()]
        return sorted(found, key=lambda each: each.name.casefold())

    def find(self, words: str) -> builtins.list[Entry]:
        """Entries in whose name, kind, tags or note every one of the words occurs, whatever its case."""
        wanted = words.casefold().split()
        return [each for each in self.list() if all(word in _haystack(each.meta) for word in wanted)]

    def history(self, name: str) -> builtins.list[Entry]:
        """Every version of an entry, newest first; without the values."""
        raise NotImplementedError

    def edit(self, name: str, changes: Changes, *, by: Actor) -> Entry:
        """A new version of an entry; those before stay in its history.

        Raises:
            NotFoundError: no such entry, or a field to be removed is not there.
            RefusedError: there is another entry of the new name.
        """
        raise NotImplementedError

    def remove(self, name: str, *, by: Actor) -> None:
        """Take an entry away with all its versions; SQLite overwrites what it frees (``secure_delete``).

        Raises:
            NotFoundError: no such entry.
        """
        raise NotImplementedError

    def deposit(self, draft: Draft, *, by: Actor) -> None:
        """Leave an entry that only an unlock can read; works while locked, and is no part of what is signed.

        Raises:
            RefusedError: too many deposits wait already.
        """
        raise NotImplementedError

    def slots(self) -> builtins.list[SlotInfo]:
        """The ways in; with their labels while unlocked."""
        with self._lock:
            return [self._describe(slot) for slot, _ in self._ledger.slots.values()]

    def add_slot(self, way: NewWay, *, by: Actor, label: str = "", cost: Argon2Cost | None = None) -> NewSlot:
        """Another way in. For ``shares.Terms`` the words are returned, this once.

        Raises:
            RefusedError: there are 16 slots already.
            VaultFormatError: a recipient of another suite than the profile's.
        """
        raise NotImplementedError

    def remove_slot(self, slot_id: bytes, *, by: Actor) -> None:
        """Take a way in away. Who kept the master key is shut out only by :meth:`rotate_master`.

        Raises:
            NotFoundError: no such slot.
            RefusedError: it is the last one.
        """
        raise NotImplementedError

    def rotate_epoch(self, *, by: Actor) -> Rekeyed:
        """A new epoch: every DEK and the keyring are wrapped anew, no value is sealed again."""
        raise NotImplementedError

    def rotate_master(self, ways: Sequence[Credentials], *, by: Actor) -> Rekeyed:
        """A new master key, and new recipient and bundle seeds: for after a slot was removed from somebody.

        ``ways`` are the passphrases and key files of the slots that are to stay; slots of recipients and shares stay
        without them, other slots are removed.

        Raises:
            RefusedError: no slot would be left, or one of the ways opens none.
        """
        raise NotImplementedError

    def rotate_signing(self, *, by: Actor) -> Rekeyed:
        """A new signing key, with a handover that both keys sign."""
        raise NotImplementedError

    def seal_file(
        self,
        source: Source,
        sink: Sink,
        *,
        name: str,
        by: Actor,
        media: str = "",
        recipients: Sequence[Recipient] = (),
    ) -> Custody:
        """Seal evidence of any size to this vault, and to others if wanted; works while locked.

        Custody goes to the audit trail, and an entry of kind ``file`` keeps it with the file's DEK; while locked both
        wait as a deposit. The sink's file is to be synced by the caller.
        """
        raise NotImplementedError

    def open_file(self, source: Source, sink: Sink, *, by: Actor) -> Custody:
        """Open a sealed file. The caller keeps what is written back until this returns.

        Raises:
            VaultFormatError: not a sealed file.
            OpenFailedError: it is not sealed to this vault, or was changed or cut.
        """
        raise NotImplementedError

    def export(
        self,
        names: Sequence[str],
        recipients: Sequence[Recipient],
        sink: Sink,
        *,
        by: Actor,
        note: str = "",
        armored: bool = False,
        files: Sequence[Outgoing] = (),
    ) -> None:
        """Write entries, and files beside them, as a signed bundle to age recipients (``age1pq1…``).

        Raises:
            NotFoundError: no such entry.
            VaultFormatError: no recipient, or one of another kind.
        """
        raise NotImplementedError

    def import_bundle(
        self,
        source: Source,
        *,
        by: Actor,
        trusted: Iterable[str] = (),
        identities: Sequence[AgeIdentity] = (),
        folder: Path | None = None,
    ) -> Imported:
        """Take in a bundle that is sealed to this vault's bundle recipient, or to one of ``identities``.

        ``trusted`` holds fingerprints of signers besides this vault itself (:class:`PublicInfo`). An entry of a name
        that is there becomes its newest version when it was changed later, else it is skipped. Files are written into
        ``folder``. Everything is taken in, or nothing.

        Raises:
            AgeError: it is sealed to somebody else, or was changed.
            UntrustedSignerError: signed by a key that is not trusted.
            TamperedError: a member is not what was signed.
        """
        raise NotImplementedError

    def verify(self, witness: str = "") -> Verification:
        """Read the whole file again: structure, tables, every manifest and audit record, and every entry if unlocked.

        With a witness (its line or code) it also says whether the file was rolled back. Nothing is raised for what is
        wrong with the vault: it is listed.

        Raises:
            VaultFormatError: the witness cannot be read.
        """
        raise NotImplementedError

    def audit(self, limit: int = 200) -> builtins.list[AuditEntry]:
        """The newest audit records, newest first; verified down to the oldest of them.

        Raises:
            TamperedError: one was changed, moved or taken out.
        """
        raise NotImplementedError

    def note(self, kind: str, subject: str = "", *, by: Actor, **details: Any) -> None:
        """Append to the audit trail what the vault itself does not see: a lease, a copy to the clipboard."""
        with self._lock:
            keys = self._unlocked()
            with self._ledger.trail(keys, self._clock()) as change:
                change.audit(self._record(by, kind, subject, details))

    def write_reads(self) -> None:
        """Append the reads that are not in the audit trail yet; nothing happens when there are none."""
        with self._lock:
            if self._keys is not None:
                self._write_reads()

    def witness(self, *, by: Actor) -> WitnessForms:
        """Commit a manifest over all there is, and give it in the forms that are kept outside."""
        raise NotImplementedError

    def backup(self, path: Path, *, by: Actor) -> None:
        """Write a whole copy to a new file in a private folder, and verify it.

        Raises:
            RefusedError: there is a file of that name.
        """
        raise NotImplementedError

    def _unlocked(self) -> Keys:
        if self._keys is None:
            raise VaultLockedError("the vault is locked", hint="pandora vault unlock")
        return self._keys

    @contextlib.contextmanager
    def _change(self, kind: str, subject: str, by: Actor, **details: Any) -> Iterator[Change]:
        """One commit with its audit record; reads that wait are written with it."""
        with self._lock:
            keys, at_ms, reads = self._unlocked(), self._clock(), self._reads
            with self._ledger.change(keys, at_ms) as change:
                self._audit_reads(change)
                yield change
                change.audit(self._record(by, kind, subject, details))
            reads.clear()

    def _record(self, by: Actor, kind: str, subject: str, details: dict[str, Any]) -> Record:
        return Record(at_ms=self._clock(), actor=by.name, host=by.host, kind=kind, subject=subject, details=details)

    def _note_read(self, by: Actor, name: str) -> None:
        if not self._reads:
            self._reads_since_ms = self._clock()
        key = (by, name)
        self._reads[key] = self._reads.get(key, 0) + 1
        if len(self._reads) >= READS_LIMIT or self._clock() - self._reads_since_ms >= READS_WAIT_MS:
            self._write_reads()

    def _write_reads(self) -> None:
        if self._reads:
            with self._ledger.trail(self._unlocked(), self._clock()) as change:
                self._audit_reads(change)
            self._reads.clear()

    def _audit_reads(self, change: Change) -> None:
        """One record for each actor, with the names in order of their first read and how often each was read."""
        by_actor: dict[Actor, dict[str, int]] = {}
        for (by, name), count in self._reads.items():
            by_actor.setdefault(by, {})[name] = count
        for by, counts in by_actor.items():
            change.audit(self._record(by, "get", "", {"reads": counts, "since_ms": self._reads_since_ms}))

    def _insert(self, change: Change, draft: Draft) -> Entry:
        at_ms = self._clock()
        name = checked_name(draft.name)
        meta = _checked(
            Meta(
                name=name,
                kind=draft.kind,
                created_ms=at_ms,
                changed_ms=at_ms,
                tags=draft.tags,
                fields=tuple(each.name for each in draft.fields),
                hidden=draft.hidden,
                note=draft.note,
            )
        )
        if self._tag(name) in self._ledger.newest:
            raise RefusedError("there is an entry of that name already", hint="pandora vault edit")
        return self._write(change, Newest(random_bytes(ID_BYTES), 1), meta, draft.fields)

    def _write(self, change: Change, place: Newest, meta: Meta, fields: Sequence[Field]) -> Entry:
        header = self._ledger.header
        address = Address(header.profile, header.vault_id, place.id, place.version, header.epoch)
        sealed = entry.seal_entry(self._unlocked().kek, header.epoch, address, meta, fields)
        change.put_entry(EntryRow(*place, header.epoch, self._tag(meta.name), *astuple(sealed)))
        return Entry(*place, meta)

    def _tag(self, name: str) -> bytes:
        return entry.name_tag(self._unlocked().index_key, name)

    def _find(self, name: str) -> Newest:
        newest = self._ledger.newest.get(self._tag(name))
        if newest is None:
            raise NotFoundError(f"no entry {name!r}", hint="pandora vault list")
        return newest

    def _row(self, place: Newest, name: str) -> EntryRow:
        if not self._ledger.has(place):
            raise NotFoundError(f"{name!r} has no version {place.version}", hint="pandora vault history")
        row = self._database.entry(*place)
        self._ledger.check_row(row)
        return row

    def _address(self, row: EntryRow) -> Address:
        header = self._ledger.header
        return Address(header.profile, header.vault_id, row.id, row.version, row.epoch)

    def _open_metas(self) -> None:
        """Open what is not known yet of the newest versions; in one go, which is cheaper."""
        keys = self._unlocked()
        missing = {place for place in self._ledger.newest.values() if place not in self._metas}
        if not missing:
            return
        rows = [row for row in self._database.entries() if Newest(row.id, row.version) in missing]
        for row in rows:
            self._ledger.check_row(row)
        sealed = (entry.Row(self._address(row), row.wrapped, row.meta) for row in rows)
        for row, meta in zip(rows, entry.open_metas(keys.kek, self._ledger.header.epoch, sealed), strict=True):
            self._metas[Newest(row.id, row.version)] = meta

    def _describe(self, slot: Slot) -> SlotInfo:
        stretch, terms, addressed = slot.stretch, slot.terms, slot.addressed
        return SlotInfo(
            id=slot.place.slot_id,
            type=slot.type,
            label=self._label(slot),
            memory_kib=stretch.cost.memory_kib if stretch else 0,
            passes=stretch.cost.passes if stretch else 0,
            threshold=terms.threshold if terms else 0,
            shares=terms.shares if terms else 0,
            recipient=str(addressed.recipient) if addressed else "",
        )

    def _label(self, slot: Slot) -> str:
        found = self._ledger.slots.get(slot.place.slot_id)
        if self._keys is None or found is None:
            return ""
        with open_envelope(self._keys.kek, note_context(self._ledger.header, slot), found[1].note) as label:
            return bytes(label.view).decode()


class _Stamp(NamedTuple):
    by: Actor
    at_ms: int


def _write_first(
    database: Database,
    provider: Provider,
    keys: Keys,
    profile: Profile,
    way: NewWay,
    label: str,
    cost: Argon2Cost,
    stamp: _Stamp,
) -> None:
    """The first commit of a new vault."""
    vault_id = random_bytes(ID_BYTES)
    header = Header.create(profile, vault_id, keys.master, keys.kek, public_keys(provider, profile, keys.keyring))
    slot = unlocking.make_slot(
        provider, Place(profile, vault_id, random_bytes(ID_BYTES), 1), keys.master, way, cost
    ).slot
    with Ledger.begin(database, provider, header).change(keys, stamp.at_ms) as change:
        change.put_header(header)
        change.put_keyring(keys.keyring.seal(keys.kek, vault_id, FIRST_EPOCH))
        change.put_slot(slot, seal_label(keys, header, slot, label))
        by = stamp.by
        change.audit(Record(at_ms=stamp.at_ms, actor=by.name, host=by.host, kind="create", subject=vault_id.hex()))


def note_context(header: Header, slot: Slot) -> Context:
    return Context(Kind.SLOT_NOTE, header.profile, header.vault_id, slot.place.slot_id, header.epoch)


def seal_label(keys: Keys, header: Header, slot: Slot, label: str) -> bytes:
    return seal(keys.kek, note_context(header, slot), label.encode(), random_bytes(ENTROPY_BYTES))


def checked_name(name: str) -> str:
    """An entry's name in NFC.

    Raises:
        VaultFormatError: it is empty, too long, or has control characters.
    """
    normal = unicodedata.normalize("NFC", name)
    if not 0 < len(normal.encode()) <= NAME_LIMIT_BYTES or any(unicodedata.category(each) == "Cc" for each in normal):
        raise VaultFormatError("the name of an entry has 1 to 1,024 bytes and no control characters")
    return normal


def _checked(meta: Meta) -> Meta:
    if meta.kind not in KINDS:
        raise VaultFormatError(f"no kind {meta.kind!r}", hint=f"known: {', '.join(KINDS)}")
    if not set(meta.hidden) <= set(meta.fields):
        raise VaultFormatError("a field that is to be hidden is not there")
    return meta


def _haystack(meta: Meta) -> str:
    return " ".join((meta.name, meta.kind, *meta.tags, meta.note)).casefold()
