"""Owns agreement between what is stored and what is signed: the leaves of all rows, and the manifest of each commit.

A change writes its rows, its audit records and a new manifest in one transaction (format §6); if it fails, what is
kept here goes back with it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pandora_core.errors import RefusedError, TamperedError
from pandora_core.vault.crypto.envelope import ID_BYTES, KEY_ENVELOPE_BYTES
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.format import audit
from pandora_core.vault.format.audit import Checkpoint, Record
from pandora_core.vault.format.entry import NAME_TAG_BYTES
from pandora_core.vault.format.handover import Handover, Signatures
from pandora_core.vault.format.header import Header
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.manifest import NO_DIGEST, Head, Manifest, Roots, Table, leaf, signer_digest
from pandora_core.vault.format.rows import EntryRow, HandoverRow, SignedRow, SlotRow
from pandora_core.vault.format.slots import Slot
from pandora_core.vault.format.slots import decode as decode_slot
from pandora_core.vault.storage.database import Database

HEADER, KEYRING = "header", "keyring"
CHECKPOINT_EVERY = 1000
_VERSION_BYTES = 8
_ENTRY_HEAD = b"\0" + (ID_BYTES + _VERSION_BYTES).to_bytes(2)
_NO_TAG = b"\xff\xff\xff\xff"
_TAG_HEAD = NAME_TAG_BYTES.to_bytes(4)
_WRAPPED_HEAD = KEY_ENVELOPE_BYTES.to_bytes(4)


class Newest(NamedTuple):
    """Where the newest version of an entry is."""

    id: bytes
    version: int


class Ledger:
    """What a vault is known to hold. Made by :meth:`load`, which checks all that can be checked without a secret."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self.header: Header
        self.manifest: Manifest | None = None
        self.audit = Head(0, NO_DIGEST)
        self.checkpoint = 0
        """Up to which record the trail is signed."""
        self.slots: dict[bytes, tuple[Slot, SlotRow]] = {}
        self.newest: dict[bytes, Newest] = {}
        """By name tag."""
        self._database = database
        self._provider = provider
        self._entries, self._slots, self._keys = Table(), Table(), Table()
        self._undo: list[Callable[[], object]] = []

    @classmethod
    def load(cls, database: Database, provider: Provider) -> Ledger:
        """Read everything once, and compare it with the newest manifest and checkpoint.

        Raises:
            VaultFormatError: something is not of the format, or out of bounds.
            OpenFailedError: a signature does not hold.
            TamperedError: a table or the audit trail is not what was signed.
        """
        ledger = cls(database, provider)
        ledger._read()
        ledger._verify()
        return ledger

    @classmethod
    def begin(cls, database: Database, provider: Provider, header: Header) -> Ledger:
        """The ledger of a database without rows."""
        ledger = cls(database, provider)
        ledger.header = header
        ledger.audit = audit.start(header.vault_id)
        return ledger

    def check_row(self, row: EntryRow) -> None:
        """Raises ``TamperedError`` when the row is not the one that was verified or written here."""
        key = _entry_key(row)
        if self._entries.find(key) != _entry_leaf(key, row):
            raise TamperedError("an entry changed in the file while it was open", hint="pandora vault verify")

    def has(self, place: Newest) -> bool:
        """Whether there is such a version."""
        return self._entries.find(place.id + place.version.to_bytes(_VERSION_BYTES)) is not None

    def trail_head(self, sequence: int) -> Head:
        """The head of the audit trail as it is stored for a record; for none it is that of an empty trail."""
        for record in self._database.audit(sequence - 1, sequence):
            return Head(record.sequence, record.hash)
        return audit.start(self.header.vault_id)

    @contextlib.contextmanager
    def change(self, keys: Keys, at_ms: int) -> Iterator[Change]:
        """Change rows and commit them with a new manifest; everything or nothing."""
        with self._reverting(), self._database.transaction():
            change = Change(self, self._database, keys, at_ms)
            yield change
            self._commit(change.keys, at_ms)

    @contextlib.contextmanager
    def trail(self, keys: Keys, at_ms: int) -> Iterator[Change]:
        """Append audit records only, without a manifest: a signature dearer than the record is saved."""
        with self._reverting(), self._database.transaction():
            yield Change(self, self._database, keys, at_ms)
            if self.audit.sequence - self.checkpoint >= CHECKPOINT_EVERY:
                self._sign_checkpoint(keys, at_ms)

    def sign_checkpoint(self, keys: Keys, at_ms: int) -> None:
        """Sign the head of the audit trail, unless that was done."""
        if self.audit.sequence > self.checkpoint:
            with self._reverting(), self._database.transaction():
                self._sign_checkpoint(keys, at_ms)

    def _roots(self) -> Roots:
        return Roots(self._entries.root(), self._slots.root(), self._keys.root())

    def _read(self) -> None:
        self.header = Header.decode(self._database.key(HEADER))
        if sorted(self._database.key_names()) != sorted((HEADER.encode(), KEYRING.encode())):
            raise TamperedError("the table of keys holds something else")
        for name in (HEADER, KEYRING):
            self._keys.put(*_key_leaf(name, self._database.key(name)))
        for row in self._database.slots():
            self._take_slot(row)
        put, newest, count = self._entries.put, self.newest, 0
        for entry in self._database.entries():
            key = _entry_key(entry)
            put(key, _entry_leaf(key, entry))
            count += 1
            if entry.name_tag is not None:
                newest[entry.name_tag] = Newest(entry.id, entry.version)
        if count != len(self._entries):
            raise TamperedError("a version of an entry is there twice")

    def _take_slot(self, row: SlotRow) -> None:
        slot = decode_slot(row.value)
        place = slot.place
        if (place.slot_id, place.vault_id, place.profile) != (row.id, self.header.vault_id, self.header.profile):
            raise TamperedError("a slot is of another vault")
        self.slots[row.id] = (slot, row)
        self._slots.put(row.id, leaf(row.id, (row.value, row.note)))

    def _verify(self) -> None:
        """Signature, roots, and the audit trail from the newest signed head on."""
        signer = self.header.public.signer
        newest = self._database.newest_manifest()
        manifest = self._decoded(newest)
        manifest.verify(self._provider, signer, newest.signature)
        anchors = [manifest.audit]
        checkpoint = self._database.checkpoint()
        if checkpoint is not None:
            anchors.append(self._verify_checkpoint(checkpoint))
        self.checkpoint = max(anchor.sequence for anchor in anchors)
        for anchor in anchors:
            self._check_anchor(anchor)
        start = max(anchors, key=lambda anchor: anchor.sequence)
        self.audit = audit.follow(start, self._database.audit(start.sequence, (1 << 63) - 1))
        manifest.check_state(self._roots(), manifest.audit)
        if manifest.epoch != self.header.epoch:
            raise TamperedError("the header is of another epoch than was signed")
        self.manifest = manifest

    def _decoded(self, row: SignedRow) -> Manifest:
        manifest = Manifest.decode(row.body)
        if manifest.number != row.number or manifest.vault_id != self.header.vault_id:
            raise TamperedError("a manifest is of another commit or vault")
        return manifest

    def _verify_checkpoint(self, row: SignedRow) -> Head:
        checkpoint = Checkpoint.decode(row.body)
        if checkpoint.head.sequence != row.number or checkpoint.vault_id != self.header.vault_id:
            raise TamperedError("a checkpoint is of another record or vault")
        checkpoint.verify(self._provider, self.header.public.signer, row.signature)
        return checkpoint.head

    def _check_anchor(self, anchor: Head) -> None:
        """The stored record of a signed head has the signed hash."""
        if self.trail_head(anchor.sequence) != anchor:
            raise TamperedError("the audit trail is not the one that was signed", hint="pandora vault verify")

    def _commit(self, keys: Keys, at_ms: int) -> None:
        previous = self.manifest
        manifest = Manifest(
            self.header.profile,
            self.header.vault_id,
            previous.number + 1 if previous else 1,
            at_ms,
            self.header.epoch,
            self._roots(),
            self.audit,
            previous.hash if previous else NO_DIGEST,
            signer_digest(self.header.public.signer),
        )
        signature = manifest.sign(self._provider, keys.signing_seed)
        self._database.append_manifest(SignedRow(manifest.number, manifest.encode(), signature))
        self._set("manifest", manifest)
        self._set("checkpoint", self.audit.sequence)

    def _sign_checkpoint(self, keys: Keys, at_ms: int) -> None:
        header = self.header
        checkpoint = Checkpoint(
            header.profile, header.vault_id, self.audit, at_ms, signer_digest(header.public.signer)
        )
        signature = checkpoint.sign(self._provider, keys.signing_seed)
        self._database.put_checkpoint(SignedRow(self.audit.sequence, checkpoint.encode(), signature))
        self._set("checkpoint", self.audit.sequence)

    @contextlib.contextmanager
    def _reverting(self) -> Iterator[None]:
        self._undo.clear()
        try:
            yield
        except BaseException:
            while self._undo:
                self._undo.pop()()
            raise
        self._undo.clear()

    def _set(self, name: str, value: object) -> None:
        old = getattr(self, name)
        self._undo.append(lambda: setattr(self, name, old))
        setattr(self, name, value)

    def _swap(self, table: Table, key: bytes, digest: bytes | None) -> None:
        """Put or take away a leaf, and remember how to go back."""
        old = table.find(key)
        if old is None:
            self._undo.append(lambda: table.remove(key))
        else:
            self._undo.append(lambda: table.put(key, old))
        if digest is None:
            table.remove(key)
        else:
            table.put(key, digest)


class Change:
    """What one commit writes."""

    def __init__(self, ledger: Ledger, database: Database, keys: Keys, at_ms: int) -> None:
        self._ledger = ledger
        self._database = database
        self.keys = keys
        self.at_ms = at_ms

    def put_header(self, header: Header) -> None:
        """The header; the ledger goes on with it."""
        self._put_key(HEADER, header.encode())
        self._ledger._set("header", header)

    def put_keyring(self, sealed: bytes) -> None:
        self._put_key(KEYRING, sealed)

    def put_slot(self, slot: Slot, note: bytes) -> None:
        """A slot, new or wrapped anew."""
        ledger, row = self._ledger, SlotRow(slot.place.slot_id, slot.encode(), note)
        self._database.put_slot(row)
        ledger._swap(ledger._slots, row.id, leaf(row.id, (row.value, row.note)))
        ledger._set("slots", {**ledger.slots, row.id: (slot, row)})

    def remove_slot(self, id_: bytes) -> None:
        ledger = self._ledger
        self._database.remove_slot(id_)
        ledger._swap(ledger._slots, id_, None)
        ledger._set("slots", {key: value for key, value in ledger.slots.items() if key != id_})

    def put_entry(self, row: EntryRow) -> None:
        """A version, new or changed."""
        ledger, key = self._ledger, _entry_key(row)
        self._database.put_entry(row)
        ledger._swap(ledger._entries, key, _entry_leaf(key, row))
        if row.name_tag is not None:
            self._name(row.name_tag, Newest(row.id, row.version))

    def remove_entry(self, row: EntryRow) -> None:
        ledger = self._ledger
        self._database.remove_entry(row.id, row.version)
        ledger._swap(ledger._entries, _entry_key(row), None)
        if row.name_tag is not None:
            self._name(row.name_tag, None)

    def retire(self, row: EntryRow) -> None:
        """Take the name tag from a version that is no longer the newest."""
        if row.name_tag is not None:
            self._name(row.name_tag, None)
        self.put_entry(row._replace(name_tag=None))

    def rewrap_entry(self, row: EntryRow, name_tag: bytes | None, wrapped: bytes) -> None:
        """The same version under another epoch, perhaps under another name tag."""
        ledger, key = self._ledger, _entry_key(row)
        changed = row._replace(name_tag=name_tag, wrapped=wrapped)
        self._database.rewrap_entry(changed)
        ledger._swap(ledger._entries, key, _entry_leaf(key, changed))
        if row.name_tag is not None and name_tag is not None and name_tag != row.name_tag:
            self._name(row.name_tag, None)
            self._name(name_tag, Newest(row.id, row.version))

    def take_keys(self, keys: Keys) -> None:
        """Seal the audit records that follow, and sign the commit, with these."""
        self.keys = keys

    def remove_deposit(self, id_: bytes) -> None:
        self._database.remove_deposit(id_)

    def put_handover(self, handover: Handover, old: bytes, signatures: Signatures) -> None:
        row = HandoverRow(handover.number, handover.encode(), old, signatures.old, signatures.new)
        self._database.append_handover(row)
        self._database.drop_checkpoint()  # the old key signed it; the manifest of this commit covers more

    def audit(self, record: Record) -> None:
        """Append to the audit trail, under the audit key of the keyring's newest epoch."""
        ledger, header = self._ledger, self._ledger.header
        key = self.keys.keyring.audit_key(header.epoch)
        sealed = audit.append(key, header.profile, header.vault_id, header.epoch, ledger.audit, record)
        self._database.append_audit(sealed)
        ledger._set("audit", Head(sealed.sequence, sealed.hash))

    def _put_key(self, name: str, value: bytes) -> None:
        self._database.put_key(name, value)
        key, digest = _key_leaf(name, value)
        self._ledger._swap(self._ledger._keys, key, digest)

    def _name(self, tag: bytes, place: Newest | None) -> None:
        newest = self._ledger.newest
        old = newest.get(tag)
        if place is None:
            newest.pop(tag, None)
        elif old is not None and old.id != place.id:
            raise RefusedError("there is an entry of that name already", hint="pandora vault edit")
        else:
            newest[tag] = place
        if old is None:
            self._ledger._undo.append(lambda: newest.pop(tag, None))
        else:
            self._ledger._undo.append(lambda: newest.__setitem__(tag, old))


def _key_leaf(name: str, value: bytes) -> tuple[bytes, bytes]:
    key = hashlib.sha384(name.encode()).digest()[:16]
    return key, leaf(key, (name.encode(), value))


def _entry_key(row: EntryRow) -> bytes:
    return row.id + row.version.to_bytes(_VERSION_BYTES)


def _entry_leaf(key: bytes, row: EntryRow) -> bytes:
    """``leaf(key, row[2:])``, spelled out: it is taken of every row when a vault is opened."""
    tag = row.name_tag
    parts = (
        _ENTRY_HEAD,
        key,
        b"\x05\x00\x00\x00\x08",
        row.epoch.to_bytes(8),
        _NO_TAG if tag is None else _TAG_HEAD + tag,
        _WRAPPED_HEAD,
        row.wrapped,
        len(row.meta).to_bytes(4),
        row.meta,
        len(row.secret).to_bytes(4),
        row.secret,
    )
    return hashlib.sha384(b"".join(parts)).digest()
