"""Owns the safe of a vault: ``vault.db``, locked or unlocked; its commits, its audit trail, and its checks."""

from __future__ import annotations

import builtins
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from pandora_core.errors import (
    OpenFailedError,
    RefusedError,
    TamperedError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.envelope import open_envelope
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.profiles import HIGH, Profile
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.format import unlocking
from pandora_core.vault.format import witness as witness_forms
from pandora_core.vault.format.audit import Record, follow, open_record
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.manifest import signer_digest
from pandora_core.vault.format.slots import Slot
from pandora_core.vault.format.unlocking import NewWay, Way
from pandora_core.vault.format.views import (
    Actor,
    AuditEntry,
    PublicInfo,
    SlotInfo,
    Status,
    Unlocked,
    Verification,
    WitnessForms,
)
from pandora_core.vault.storage import creation, deposits, rekey
from pandora_core.vault.storage.contents import Contents
from pandora_core.vault.storage.creation import FirstSlot
from pandora_core.vault.storage.database import Database
from pandora_core.vault.storage.ledger import KEYRING, Change, Ledger
from pandora_core.vault.storage.private_files import settle, spare_name
from pandora_core.vault.storage.reads import Reads
from pandora_core.vault.storage.uses import Use
from pandora_core.vault.storage.verification import Inspection

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Safe:
    """A vault that is open in this process; it holds the file's exclusive lock until :meth:`close`.

    Every method may be called from any thread. A method that needs the vault unlocked raises ``VaultLockedError``;
    a secret that is returned is the caller's to wipe; what is passed in stays the caller's.
    """

    def __init__(self, database: Database, ledger: Ledger, provider: Provider, clock: Clock) -> None:
        self._lock = threading.RLock()
        self._stretching = threading.Lock()  # one Argon2id at a time, for its memory; taken before the other
        self._database = database
        self._ledger = ledger
        self._provider = provider
        self._clock = clock
        self._keys: Keys | None = None
        self._contents = Contents(database, ledger)
        self._reads = Reads()
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
                slot = FirstSlot(way, label, cost or Argon2Cost())
                creation.write(database, provider, keys, profile, slot, by, clock())
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
        with self._stretching:
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
                unwritten_reads=len(self._reads),
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

    def slots(self) -> builtins.list[SlotInfo]:
        """The ways in; with their labels while unlocked."""
        with self._lock:
            return [self._describe(slot) for slot, _ in self._ledger.slots.values()]

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
        """Append to the audit trail what the vault itself does not see."""
        self.note_all([Use(kind, subject, by, details)])

    def note_all(self, uses: Sequence[Use]) -> None:
        """Append a record for each use, all of them or none; durable when this returns."""
        with self._lock:
            keys = self._unlocked()
            with self._ledger.trail(keys, self._clock()) as change:
                for use in uses:
                    change.audit(self._record(use.by, use.kind, use.subject, use.details))

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

    def _unlocked(self) -> Keys:
        if self._keys is None:
            raise VaultLockedError("the vault is locked", hint="pandora vault unlock")
        return self._keys

    def _forget(self) -> None:
        keys, self._keys = self._keys, None
        if keys is not None:
            keys.wipe()
        self._contents.forget()

    @contextlib.contextmanager
    def _change(self, kind: str, subject: str, by: Actor, **details: Any) -> Iterator[Change]:
        """One commit with its audit record; reads that wait are written with it."""
        with self._lock:
            with self._ledger.change(self._unlocked(), self._clock()) as change:
                self._audit_reads(change)
                yield change
                change.audit(self._record(by, kind, subject, details))
            self._reads.clear()

    def _record(self, by: Actor, kind: str, subject: str, details: dict[str, Any]) -> Record:
        return Record(at_ms=self._clock(), actor=by.name, host=by.host, kind=kind, subject=subject, details=details)

    def _write_reads(self) -> None:
        if self._reads:
            with self._ledger.trail(self._unlocked(), self._clock()) as change:
                self._audit_reads(change)
            self._reads.clear()

    def _audit_reads(self, change: Change) -> None:
        for record in self._reads.records(change.at_ms):
            change.audit(record)

    def _take_deposits(self, slot: Slot, by: Actor) -> tuple[tuple[str, ...], int]:
        """Make entries of what was deposited; what does not open stays where it is, and is counted."""
        keys, taken_in, refused = self._unlocked(), [], 0
        with self._change("unlock", slot.place.slot_id.hex(), by, way=slot.type.name.lower()) as change:
            for id_, deposit in list(self._database.deposits()):
                try:
                    header = self._ledger.header
                    name = deposits.take_in(self._provider, header, change, self._contents, keys, id_, deposit)
                except (OpenFailedError, VaultFormatError, RefusedError):
                    refused += 1
                else:
                    taken_in.append(name)
                    change.audit(self._record(by, "take-in", name, {"deposit": id_.hex()}))
        return tuple(taken_in), refused

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
