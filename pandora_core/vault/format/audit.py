"""Owns the audit trail: sealed records in a chain of hashes, and signed checkpoints of it (format §8.3, §8.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import msgspec

from pandora_core.errors import TamperedError, VaultFormatError
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.reader import Reader, encode_head
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes
from pandora_core.vault.format.manifest import DIGEST_BYTES, Head, signer_digest

MAGIC = b"PVCP"
SIGNATURE_CONTEXT = b"pandora-vault/v1 checkpoint"
_CHAIN_LABEL = b"pandora-vault/v1 audit"


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was done, by whom; several reads may share a record and list their subjects in ``details``."""

    at_ms: int
    actor: str
    host: str
    kind: str
    subject: str = ""
    details: dict[str, Any] = {}


class SealedRecord(NamedTuple):
    """A row of the trail; ``hash`` is the chain up to and with it."""

    sequence: int
    epoch: int
    sealed: bytes
    hash: bytes


def start(vault_id: bytes) -> Head:
    """The head of an empty trail."""
    return Head(0, hashlib.sha384(_CHAIN_LABEL + vault_id).digest())


def append(key: Secret, profile: Profile, vault_id: bytes, epoch: int, head: Head, record: Record) -> SealedRecord:
    """Seal a record behind the head; ``key`` is the audit key of ``epoch``."""
    sequence = head.sequence + 1
    context = _context(profile, vault_id, epoch, sequence, head.hash)
    sealed = seal(key, context, msgspec.json.encode(record), random_bytes(ENTROPY_BYTES))
    return SealedRecord(sequence, epoch, sealed, _chain(head.hash, sequence, epoch, sealed))


def open_record(key: Secret, profile: Profile, vault_id: bytes, previous: bytes, record: SealedRecord) -> Record:
    """Read a record; ``previous`` is the hash before it.

    Raises:
        OpenFailedError: it stood elsewhere, or was changed.
        VaultFormatError: it is genuine, and not understood.
    """
    context = _context(profile, vault_id, record.epoch, record.sequence, previous)
    with open_envelope(key, context, record.sealed) as words:
        try:
            return msgspec.json.decode(words.view, type=Record)
        except msgspec.MsgspecError:
            raise VaultFormatError("an audit record is not understood", hint="a newer Pandora may know it") from None


def follow(head: Head, records: Iterable[SealedRecord]) -> Head:
    """Check the chain from a head on, without any key; the head after the last record.

    Raises:
        TamperedError: a record was changed, moved or taken out; the message says which.
    """
    for record in records:
        expected = _chain(head.hash, head.sequence + 1, record.epoch, record.sealed)
        if record.sequence != head.sequence + 1 or record.hash != expected:
            raise TamperedError(f"the audit trail is broken at record {head.sequence + 1}")
        head = Head(record.sequence, record.hash)
    return head


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the trail at a time, to be signed."""

    profile: Profile
    vault_id: bytes
    head: Head
    at_ms: int
    signer: bytes

    def encode(self) -> bytes:
        """The 136 bytes that are signed."""
        return b"".join(
            (
                encode_head(MAGIC, self.profile, self.vault_id),
                self.head.sequence.to_bytes(8),
                self.at_ms.to_bytes(8),
                self.head.hash,
                self.signer,
            )
        )

    @classmethod
    def decode(cls, body: Octets) -> Self:
        """Raises ``VaultFormatError`` when it is not a checkpoint, of another version, or of the wrong length."""
        reader = Reader(body, "checkpoint")
        profile, vault_id = reader.head(MAGIC)
        sequence, at_ms = reader.u64(), reader.u64()
        head, signer = Head(sequence, reader.take(DIGEST_BYTES)), reader.take(DIGEST_BYTES)
        reader.end()
        return cls(profile, vault_id, head, at_ms, signer)

    def sign(self, provider: Provider, seed: Secret) -> bytes:
        """Sign with the vault's signing seed."""
        return provider.signer(self.profile.signature).sign(seed.view, self.encode(), SIGNATURE_CONTEXT)

    def verify(self, provider: Provider, public_key: bytes, signature: bytes) -> None:
        """Check signature and signer.

        Raises:
            OpenFailedError: the signature does not hold.
            TamperedError: the checkpoint names another signer.
        """
        if self.signer != signer_digest(public_key):
            raise TamperedError("the checkpoint was signed by another key than the vault's")
        provider.signer(self.profile.signature).verify(public_key, self.encode(), signature, SIGNATURE_CONTEXT)


def _chain(previous: bytes, sequence: int, epoch: int, sealed: bytes) -> bytes:
    return hashlib.sha384(b"\x03" + previous + sequence.to_bytes(8) + epoch.to_bytes(4) + sealed).digest()


def _context(profile: Profile, vault_id: bytes, epoch: int, sequence: int, previous: bytes) -> Context:
    return Context(Kind.AUDIT, profile, vault_id, epoch=epoch, version=sequence, extra=previous)
