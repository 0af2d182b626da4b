"""Owns the vault: everything that can be done with ``vault.db``, locked or unlocked, by one process at a time."""

from __future__ import annotations

import builtins
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from pandora_core.errors import (
    NotFoundError,
    OpenFailedError,
    RefusedError,
    TamperedError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.vault import bundle, carrying, contents, evidence, portable, providers, rekey, sealed, unlocking
from pandora_core.vault import witness as witness_forms
from pandora_core.vault.age_keys import AgeIdentity, PostQuantumIdentity
from pandora_core.vault.audit import Record, follow, open_record
from pandora_core.vault.bundle import Outgoing
from pandora_core.vault.carrying import Incoming
from pandora_core.vault.contents import Contents, checked_name
from pandora_core.vault.database import DEPOSIT_BYTES, DEPOSITS_LIMIT, SLOTS_LIMIT, Database
from pandora_core.vault.entry import Field, Meta
from pandora_core.vault.envelope import ID_BYTES, open_envelope
from pandora_core.vault.header import Header
from pandora_core.vault.kdf import Argon2Cost
from pandora_core.vault.keys import FIRST_EPOCH, Keys, public_keys
from pandora_core.vault.ledger import KEYRING, Change, Ledger
from pandora_core.vault.manifest import signer_digest
from pandora_core.vault.portable import Parcel
from pandora_core.vault.private_files import settle, spare_name
from pandora_core.vault.profiles import HIGH, Profile
from pandora_core.vault.providers import Provider
from pandora_core.vault.recipients import Identity, Recipient
from pandora_core.vault.sealed import Destination, Note
from pandora_core.vault.secret import Secret, random_bytes
from pandora_core.vault.slots import Credentials, Place, Slot
from pandora_core.vault.stream import Sink, Source
from pandora_core.vault.unlocking import NewWay, Way
from pandora_core.vault.verification import Inspection
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
        self._contents = Contents(database, ledger)
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
            try:
                taken_in, refused = self._take_deposits(found.slot, by)
            except BaseException:
                self._forget()
                raise
            return Unlocked(self._describe(found.slot), taken_in, refused)

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
                self._forget()

    def close(self) -> None:
        """Wipe the keys at once and let go of the file; call :meth:`lock` first for a signed end of the trail."""
        with self._lock:
            self._forget()
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
            opened = self._contents.open(self._unlocked(), name, version)
            try:
                self._note_read(by, opened.entry.name)
            except BaseException:
                opened.wipe()
                raise
            return opened

    def list(self) -> builtins.list[Entry]:
        """Every entry in its newest version, by name; without the values."""
        with self._lock:
            return self._contents.all(self._unlocked())

    def find(self, words: str) -> builtins.list[Entry]:
        """Entries in whose name, kind, tags or note every one of the words occurs, whatever its case."""
        wanted = words.casefold().split()
        return [each for each in self.list() if all(word in _haystack(each.meta) for word in wanted)]

    def history(self, name: str) -> builtins.list[Entry]:
        """Every version of an entry, newest first; without the values."""
        with self._lock:
            return self._contents.history(self._unlocked(), name)

    def edit(self, name: str, changes: Changes, *, by: Actor) -> Entry:
        """A new version of an entry; those before stay in its history.

        Raises:
            NotFoundError: no such entry, or a field to be removed is not there.
            RefusedError: there is another entry of the new name.
        """
        with self._change("edit", name, by) as change:
            return self._contents.edit(change, self._unlocked(), name, changes)

    def remove(self, name: str, *, by: Actor) -> None:
        """Take an entry away with all its versions; SQLite overwrites what it frees (``secure_delete``).

        Raises:
            NotFoundError: no such entry.
        """
        with self._change("remove", name, by) as change:
            self._contents.remove(change, self._unlocked(), name)

    def deposit(self, draft: Draft, *, by: Actor) -> None:
        """Leave an entry that only an unlock can read; works while locked, and is no part of what is signed.

        Raises:
            RefusedError: too many deposits wait already.
        """
        with self._lock:
            header, at_ms = self._ledger.header, self._clock()
            if self._database.deposit_count() >= DEPOSITS_LIMIT:
                raise RefusedError("too many deposits wait already", hint="unlock the vault, which takes them in")
            note = Note(name=draft.name, sealed_ms=at_ms, actor=by.name, host=by.host)
            to = Destination(header.profile, header.vault_id, (header.public.recipient,))
            sealed = portable.seal_deposit(self._provider, to, note, Parcel(_meta_of(draft, at_ms), draft.fields))
            if len(sealed) not in DEPOSIT_BYTES:
                raise VaultFormatError("a deposit is at most 16 MiB")
            with self._database.transaction():
                self._database.put_deposit(random_bytes(ID_BYTES), sealed)

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
        with self._lock:
            keys, header = self._unlocked(), self._ledger.header
            if len(self._ledger.slots) >= SLOTS_LIMIT:
                raise RefusedError(f"there are {SLOTS_LIMIT} slots already", hint="remove one first")
            place = Place(header.profile, header.vault_id, random_bytes(ID_BYTES), header.generation)
            made = unlocking.make_slot(self._provider, place, keys.master, way, cost or Argon2Cost())
            with self._change("slot-add", place.slot_id.hex(), by, type=made.slot.type.name.lower()) as change:
                change.put_slot(made.slot, rekey.seal_label(keys, header, made.slot, label.encode()))
            return NewSlot(self._describe(made.slot), made.mnemonics)

    def remove_slot(self, slot_id: bytes, *, by: Actor) -> None:
        """Take a way in away. Who kept the master key is shut out only by :meth:`rotate_master`.

        Raises:
            NotFoundError: no such slot.
            RefusedError: it is the last one.
        """
        with self._change("slot-remove", slot_id.hex(), by) as change:
            if slot_id not in self._ledger.slots:
                raise NotFoundError("no such slot", hint="pandora vault slots")
            if len(self._ledger.slots) == 1:
                raise RefusedError("it is the last way in", hint="add another slot first")
            change.remove_slot(slot_id)

    def rotate_epoch(self, *, by: Actor) -> Rekeyed:
        """A new epoch: every DEK and the keyring are wrapped anew, no value is sealed again."""
        with self._lock:
            with self._change("rekey", "epoch", by) as change:
                new = rekey.new_epoch(change, self._ledger, self._contents, self._unlocked())
            return self._go_on_with(new)

    def rotate_master(self, ways: Sequence[Credentials], *, by: Actor) -> Rekeyed:
        """A new master key, and new recipient and bundle seeds: for after a slot was removed from somebody.

        ``ways`` are the passphrases and key files of the slots that are to stay; slots of recipients and shares stay
        without them, other slots are removed.

        Raises:
            RefusedError: no slot would be left, or one of the ways opens none.
        """
        with self._lock:
            old = self._unlocked()
            kept = rekey.match(self._provider, self._ledger, old.master, ways)
            labels = {each.id: each for each in self.slots()}
            with self._change("rekey", "master", by) as change:
                new, removed = rekey.new_master(change, self._ledger, self._contents, self._provider, old, kept)
            return self._go_on_with(new, tuple(labels[slot.place.slot_id] for slot in removed))

    def rotate_signing(self, *, by: Actor) -> Rekeyed:
        """A new signing key, with a handover that both keys sign."""
        with self._lock:
            last = self._ledger.manifest
            if last is None:
                raise TamperedError("the vault has no manifest")
            with self._change("rekey", "signing", by) as change:
                new = rekey.new_signing(change, self._ledger, self._provider, self._unlocked(), last)
            return self._go_on_with(new)

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
        header, at_ms = self._ledger.header, self._clock()
        own = header.public.recipient
        to = Destination(header.profile, header.vault_id, (own, *(each for each in recipients if each != own)))
        note = Note(name=checked_name(name), sealed_ms=at_ms, actor=by.name, host=by.host, media=media)
        done = evidence.seal(self._provider, to, note, source, sink)
        custody = Custody(
            name, done.file_id, done.size_bytes, done.sha384, done.sealed_sha384, at_ms, by.name, by.host, media
        )
        with done.dek, Parcel(*_custody_entry(custody, done.dek)) as parcel:
            self._keep_custody(custody, parcel, by)
        return custody

    def open_file(self, source: Source, sink: Sink, *, by: Actor) -> Custody:
        """Open a sealed file. The caller keeps what is written back until this returns.

        Raises:
            VaultFormatError: not a sealed file.
            OpenFailedError: it is not sealed to this vault, or was changed or cut.
        """
        header = sealed.read_header(source)
        with self._lock:
            keys = self._unlocked()
            if header.label.vault_id != self._ledger.header.vault_id:
                raise OpenFailedError
            dek = portable.unwrap_any(self._provider, header, keys.identities())
        file_id = header.label.file_id
        with dek, sealed.OpenedFile(header, dek, source) as file:
            note = file.note
            self.note("open", note.name, by=by, file_id=file_id.hex())  # durable before a byte leaves
            done = evidence.copy_out(file, sink)
        self.note("opened", note.name, by=by, file_id=file_id.hex(), sha384=done.sha384, size_bytes=done.size_bytes)
        return Custody(
            note.name, file_id, done.size_bytes, done.sha384, "", note.sealed_ms, note.actor, note.host, note.media
        )

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
        with contextlib.ExitStack() as wiping:
            with self._lock:
                key, about = self._signing_key(wiping), self._about(by, note)
                members = [self._outgoing(name, wiping) for name in dict.fromkeys(names)]
            to = [str(each) for each in recipients]
            self.note("export", about.note, by=by, entries=list(names), files=[each.name for each in files], to=to)
            bundle.write(self._provider, key, about, [*members, *files], recipients, sink, armored=armored)

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
        own = self.public().signer_fingerprint
        accepted = {own, *trusted}
        with contextlib.ExitStack() as wiping:
            with self._lock:
                mine = [_copied(each, wiping) for each in self._unlocked().bundle_identities()]
            opening = [*(PostQuantumIdentity(self._provider, each) for each in mine), *identities]
            incoming = wiping.enter_context(
                Incoming.read(self._provider, source, opening, accepted.__contains__, folder)
            )
            signer = incoming.signer_fingerprint
            with self._change("import", signer, by, files=incoming.files) as change:
                done = [(self._take_parcel(change, parcel), parcel.meta.name) for parcel in incoming.parcels]
                incoming.keep_files()
        taken = {what: tuple(name for found, name in done if found == what) for what in _Taken}
        return Imported(
            signer, taken[_Taken.ADDED], taken[_Taken.UPDATED], taken[_Taken.SKIPPED], tuple(incoming.files)
        )

    def verify(self, witness: str = "") -> Verification:
        """Read the whole file again: structure, tables, every manifest and audit record, and every entry if unlocked.

        With a witness (its line or code) it also says whether the file was rolled back. Nothing is raised for what is
        wrong with the vault: it is listed.

        Raises:
            VaultFormatError: the witness cannot be read.
        """
        seen = witness_forms.parse(witness) if witness else None
        with self._lock:
            self.write_reads()
            inspection = Inspection(self._database, self._ledger, self._provider)
            problems = inspection.problems(self._keys, self._contents, seen)
            if seen is not None:
                self._freshness = "rolled back, or another vault" if problems else f"at least commit {seen.number}"
            return Verification(
                tuple(problems),
                self.status().commit,
                len(self._ledger.newest),
                self._ledger.audit.sequence,
                self._freshness,
            )

    def audit(self, limit: int = 200) -> builtins.list[AuditEntry]:
        """The newest audit records, newest first; verified down to the oldest of them.

        Raises:
            TamperedError: one was changed, moved or taken out.
        """
        with self._lock:
            self.write_reads()
            keys, header, head = self._unlocked(), self._ledger.header, self._ledger.audit
            before = max(0, head.sequence - limit)
            previous = self._ledger.trail_head(before)
            found = []
            for record in self._database.audit(before, head.sequence):
                previous, last = follow(previous, [record]), previous
                key = keys.keyring.audit_key(record.epoch)
                opened = open_record(key, header.profile, header.vault_id, last.hash, record)
                found.append(AuditEntry(sequence=record.sequence, **msgspec.structs.asdict(opened)))
            if previous != head:
                raise TamperedError("the audit trail is not the one that was verified", hint="pandora vault verify")
            return found[::-1]

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
        with self._change("witness", "", by):
            pass
        with self._lock:
            manifest = self._ledger.manifest
            if manifest is None:
                raise TamperedError("the vault has no manifest")
            return WitnessForms(line=witness_forms.line(manifest), code=witness_forms.code(manifest))

    def backup(self, path: Path, *, by: Actor) -> None:
        """Write a whole copy to a new file in a private folder, and verify it.

        Raises:
            RefusedError: there is a file of that name.
        """
        part = spare_name(path)
        if os.path.lexists(path):
            raise RefusedError("there is a file of that name already", where=str(path))
        with self._lock:
            if self.is_unlocked:
                self.note("backup", path.name, by=by)
            try:
                self._database.copy_to(part)
                Vault.open(part, provider=self._provider).close()
                settle(part, path, replace=False)
            finally:
                part.unlink(missing_ok=True)

    def _unlocked(self) -> Keys:
        if self._keys is None:
            raise VaultLockedError("the vault is locked", hint="pandora vault unlock")
        return self._keys

    def _forget(self) -> None:
        keys, self._keys = self._keys, None
        if keys is not None:
            keys.wipe()
        self._contents.forget()

    def _go_on_with(self, keys: Keys, removed: tuple[SlotInfo, ...] = ()) -> Rekeyed:
        """Take the keys of a rekey that is committed."""
        old, self._keys = self._keys, keys
        if old is not None:
            old.wipe()
        return Rekeyed(self._ledger.header.epoch, self._ledger.header.generation, removed)

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
        return self._contents.insert(change, self._unlocked(), _meta_of(draft, change.at_ms), draft.fields)

    def _take_deposits(self, slot: Slot, by: Actor) -> tuple[tuple[str, ...], int]:
        """Make entries of what was deposited; what does not open stays where it is, and is counted."""
        keys, taken_in, refused = self._unlocked(), [], 0
        with self._change("unlock", slot.place.slot_id.hex(), by, way=slot.type.name.lower()) as change:
            for id_, sealed_bytes in list(self._database.deposits()):
                try:
                    taken_in.append(self._take_deposit(change, keys, id_, sealed_bytes))
                except (OpenFailedError, VaultFormatError):
                    refused += 1
        return tuple(taken_in), refused

    def _take_deposit(self, change: Change, keys: Keys, id_: bytes, sealed_bytes: bytes) -> str:
        """Whoever knows the public key can deposit: so it says where it comes from, and replaces nothing."""
        vault_id = self._ledger.header.vault_id
        with portable.open_deposit(self._provider, vault_id, keys.identities(), sealed_bytes) as parcel:
            meta = parcel.meta
            name = meta.name
            if self._contents.has(keys, name):
                name = f"{name} (deposit {id_.hex()[:8]})"
            tags = tuple(dict.fromkeys((*meta.tags, "deposit")))
            meta = contents.checked(msgspec.structs.replace(meta, name=name, tags=tags))
            self._contents.insert(change, keys, meta, parcel.fields)
            change.remove_deposit(id_)
            change.audit(self._record(Actor("", ""), "deposit", name, {"deposit": id_.hex()}))
        return name

    def _keep_custody(self, custody: Custody, parcel: Parcel, by: Actor) -> None:
        draft = Draft(parcel.meta.name, "file", parcel.meta.tags, "", parcel.fields, parcel.meta.hidden)
        if not self.is_unlocked:
            self.deposit(draft, by=by)
            return
        details = {"file_id": custody.file_id.hex(), "size_bytes": custody.size_bytes, "sha384": custody.sha384}
        with self._change("seal", custody.name, by, sealed_sha384=custody.sealed_sha384, **details) as change:
            self._insert(change, draft)

    def _signing_key(self, wiping: contextlib.ExitStack) -> bundle.SigningKey:
        """A copy, so that a bundle of any size is written while others work and even lock."""
        seed = wiping.enter_context(Secret.copy_of(self._unlocked().signing_seed.view))
        header = self._ledger.header
        return bundle.SigningKey(header.profile.signature, header.public.signer, seed)

    def _about(self, by: Actor, note: str) -> bundle.Manifest:
        header = self._ledger.header
        return bundle.Manifest(
            vault=header.vault_id.hex(),
            profile=header.profile.name,
            created_ms=self._clock(),
            actor=by.name,
            host=by.host,
            note=note,
        )

    def _outgoing(self, name: str, wiping: contextlib.ExitStack) -> Outgoing:
        with self._contents.open(self._unlocked(), name) as opened:
            content = portable.encode(opened.entry.meta, opened.fields)
        return carrying.outgoing(opened.entry.id, wiping.enter_context(content))

    def _take_parcel(self, change: Change, parcel: Parcel) -> _Taken:
        keys, name = self._unlocked(), parcel.meta.name
        contents.checked(parcel.meta)
        if not self._contents.has(keys, name):
            self._contents.insert(change, keys, parcel.meta, parcel.fields)
            return _Taken.ADDED
        with self._contents.open(keys, name) as present:
            if parcel.meta.changed_ms <= present.entry.meta.changed_ms:
                return _Taken.SKIPPED
            self._contents.add_version(change, keys, present.entry, parcel.meta, parcel.fields)
            return _Taken.UPDATED

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
        with open_envelope(self._keys.kek, rekey.label_context(self._ledger.header, slot), found[1].note) as label:
            return bytes(label.view).decode()


def _haystack(meta: Meta) -> str:
    return " ".join((meta.name, meta.kind, *meta.tags, meta.note)).casefold()


class _Taken(Enum):
    """What became of an entry of a bundle."""

    ADDED = auto()
    UPDATED = auto()
    SKIPPED = auto()


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
        change.put_slot(slot, rekey.seal_label(keys, header, slot, label.encode()))
        by = stamp.by
        change.audit(Record(at_ms=stamp.at_ms, actor=by.name, host=by.host, kind="create", subject=vault_id.hex()))


def _meta_of(draft: Draft, at_ms: int) -> Meta:
    names = tuple(each.name for each in draft.fields)
    return contents.checked(
        Meta(
            name=checked_name(draft.name),
            kind=draft.kind,
            created_ms=at_ms,
            changed_ms=at_ms,
            tags=draft.tags,
            fields=names,
            hidden=draft.hidden,
            note=draft.note,
        )
    )


def _custody_entry(custody: Custody, dek: Secret) -> tuple[Meta, tuple[Field, ...]]:
    """What the vault keeps of a file that it sealed: hashes in sight, its DEK hidden."""
    shown = {
        "file_id": custody.file_id.hex(),
        "size_bytes": str(custody.size_bytes),
        "sha384": custody.sha384,
        "sealed_sha384": custody.sealed_sha384,
    }
    fields = (
        *(Field(name, Secret.copy_of(value.encode())) for name, value in shown.items()),
        Field("dek", Secret.copy_of(dek.view)),
    )
    draft = Draft(f"{custody.name[:900]} [{custody.file_id.hex()[:8]}]", "file", ("evidence",), "", fields, ("dek",))
    return _meta_of(draft, custody.at_ms), fields


def _copied(identity: Identity, wiping: contextlib.ExitStack) -> Identity:
    return Identity(identity.suite, wiping.enter_context(Secret.copy_of(identity.seed.view)))
