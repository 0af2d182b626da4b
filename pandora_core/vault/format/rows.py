"""Owns the rows of ``vault.db`` as values, and their bounds: nothing that is longer, or of another kind, gets in.

Who wrote the file may be hostile: a row is looked at here before anything is made of it (format §6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.envelope import (
    ID_BYTES,
    KEY_ENVELOPE_BYTES,
    OVERHEAD_BYTES,
    PLAINTEXT_LIMIT_BYTES,
    padded_size,
)
from pandora_core.vault.format.audit import SealedRecord
from pandora_core.vault.format.entry import META_LIMIT_BYTES, NAME_TAG_BYTES

SLOTS_LIMIT = 16
DEPOSITS_LIMIT = 1024
ID = range(ID_BYTES, ID_BYTES + 1)
KEY_BYTES = range(1024 * 1024)
DEPOSIT_BYTES = range(PLAINTEXT_LIMIT_BYTES + 128 * 1024)
META_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(META_LIMIT_BYTES) + 1)
SECRET_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(PLAINTEXT_LIMIT_BYTES) + 1)
RECORD_BYTES = range(OVERHEAD_BYTES, OVERHEAD_BYTES + padded_size(256 * 1024) + 1)
ROW_LIMIT_BYTES = SECRET_BYTES.stop + META_BYTES.stop + 4096
NUMBERS = range(1 << 63)
DAMAGED = "take a copy of it, then restore a backup: pandora vault backup writes them"

_EPOCHS = range(1, 1 << 32)
_DIGEST = range(48, 49)
_SIGNATURE = range(8192)
_BODY = range(1024)


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


def blob(value: object, bounds: range) -> bytes:
    if type(value) is not bytes or len(value) not in bounds:
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    return value


def integer(value: object, bounds: range) -> int:
    if type(value) is not int or value not in bounds:
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    return value


def entry(row: Any) -> EntryRow:
    id_, version, epoch, name_tag, wrapped, meta, secret = row
    octets = type(id_) is type(wrapped) is type(meta) is type(secret) is bytes
    numbers = type(version) is type(epoch) is int
    named = name_tag is None or (type(name_tag) is bytes and len(name_tag) == NAME_TAG_BYTES)
    if not (octets and numbers and named):
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    sized = len(id_) == ID_BYTES and len(wrapped) == KEY_ENVELOPE_BYTES
    if not (sized and len(meta) in META_BYTES and len(secret) in SECRET_BYTES and version > 0 and epoch in _EPOCHS):
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    return EntryRow(id_, version, epoch, name_tag, wrapped, meta, secret)


def shown(row: Any) -> ShownRow:
    id_, version, epoch, wrapped, meta = row
    typed = type(id_) is type(wrapped) is type(meta) is bytes and type(version) is type(epoch) is int
    if not (typed and len(id_) == ID_BYTES and len(wrapped) == KEY_ENVELOPE_BYTES):
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    if not (len(meta) in META_BYTES and version > 0 and epoch in _EPOCHS):
        raise VaultFormatError("a row of the vault is out of bounds", hint=DAMAGED)
    return ShownRow(id_, version, epoch, wrapped, meta)


def record(row: Any) -> SealedRecord:
    sequence, epoch, sealed, hash_ = row
    return SealedRecord(
        integer(sequence, NUMBERS), integer(epoch, _EPOCHS), blob(sealed, RECORD_BYTES), blob(hash_, _DIGEST)
    )


def signed(row: Any) -> SignedRow:
    number, body, signature = row
    return SignedRow(integer(number, NUMBERS), blob(body, _BODY), blob(signature, _SIGNATURE))


def handover(row: Any) -> HandoverRow:
    number, body, old, old_signature, new_signature = row
    signatures = blob(old_signature, _SIGNATURE), blob(new_signature, _SIGNATURE)
    return HandoverRow(integer(number, NUMBERS), blob(body, _BODY), blob(old, _SIGNATURE), *signatures)
