"""Owns what is signed of a vault: the root of each table, and the manifest of each commit (format §8.1, §8.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pandora_core.errors import TamperedError
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.reader import Reader, encode_head
from pandora_core.vault.crypto.secret import Octets, Secret

MAGIC = b"PVMF"
DIGEST_BYTES = 48
NO_DIGEST = bytes(DIGEST_BYTES)
SIGNATURE_CONTEXT = b"pandora-vault/v1 manifest"
BUCKETS = 256
_NULL = b"\xff\xff\xff\xff"

Column = bytes | int | None


def leaf(key: bytes, columns: Sequence[Column]) -> bytes:
    """The hash of a row: ``None`` is NULL, an ``int`` an INTEGER, ``bytes`` a BLOB or the UTF-8 of a TEXT."""
    parts = [b"\0", len(key).to_bytes(2), key, bytes((len(columns),))]
    for column in columns:
        if column is None:
            parts.append(_NULL)
            continue
        octets = column.to_bytes(8) if isinstance(column, int) else column
        parts += (len(octets).to_bytes(4), octets)
    return hashlib.sha384(b"".join(parts)).digest()


class Table:
    """The leaves of a table in 256 buckets; a change costs the hash of one bucket and of the root."""

    def __init__(self, leaves: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._buckets: list[dict[bytes, bytes]] = [{} for _ in range(BUCKETS)]
        self._digests: list[bytes | None] = [NO_DIGEST] * BUCKETS
        for key, digest in leaves:
            self.put(key, digest)

    def put(self, key: bytes, digest: bytes) -> None:
        """Add or replace the leaf of a row."""
        self._buckets[key[0]][key] = digest
        self._digests[key[0]] = None

    def remove(self, key: bytes) -> None:
        """Take a row's leaf away; ``KeyError`` when there is none."""
        del self._buckets[key[0]][key]
        self._digests[key[0]] = None

    def find(self, key: bytes) -> bytes | None:
        """The leaf of a row, or ``None`` when there is none."""
        return self._buckets[key[0]].get(key)

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def root(self) -> bytes:
        """The hash over all rows."""
        parts = [b"\x02", len(self).to_bytes(8)]
        for number, known in enumerate(self._digests):
            digest = known if known is not None else _bucket(self._buckets[number])
            self._digests[number] = digest
            parts.append(digest)
        return hashlib.sha384(b"".join(parts)).digest()


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots of the three signed tables."""

    entries: bytes
    slots: bytes
    keys: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest audit record: its number and hash."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state of a vault after a commit; ``previous`` chains it to the one before."""

    profile: Profile
    vault_id: bytes
    number: int
    at_ms: int
    epoch: int
    roots: Roots
    audit: Head
    previous: bytes
    signer: bytes

    def encode(self) -> bytes:
        """The 340 bytes that are signed."""
        return b"".join(
            (
                encode_head(MAGIC, self.profile, self.vault_id),
                self.number.to_bytes(8),
                self.at_ms.to_bytes(8),
                self.epoch.to_bytes(4),
                self.roots.entries,
                self.roots.slots,
                self.roots.keys,
                self.audit.sequence.to_bytes(8),
                self.audit.hash,
                self.previous,
                self.signer,
            )
        )

    @classmethod
    def decode(cls, body: Octets) -> Self:
        """Raises ``VaultFormatError`` when it is not a manifest, of another version, or of the wrong length."""
        reader = Reader(body, "manifest")
        profile, vault_id = reader.head(MAGIC)
        number, at_ms, epoch = reader.u64(), reader.u64(), reader.u32()
        roots = Roots(reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES))
        audit = Head(reader.u64(), reader.take(DIGEST_BYTES))
        previous, signer = reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES)
        reader.end()
        return cls(profile, vault_id, number, at_ms, epoch, roots, audit, previous, signer)

    @property
    def hash(self) -> bytes:
        """What the next manifest and a witness refer to."""
        return hashlib.sha384(self.encode()).digest()

    def sign(self, provider: Provider, seed: Secret) -> bytes:
        """Sign with the vault's signing seed."""
        return provider.signer(self.profile.signature).sign(seed.view, self.encode(), SIGNATURE_CONTEXT)

    def verify(self, provider: Provider, public_key: bytes, signature: bytes) -> None:
        """Check signature and signer.

        Raises:
            OpenFailedError: the signature does not hold.
            TamperedError: the manifest names another signer.
        """
        if self.signer != signer_digest(public_key):
            raise TamperedError("the manifest was signed by another key than the vault's")
        provider.signer(self.profile.signature).verify(public_key, self.encode(), signature, SIGNATURE_CONTEXT)

    def check_follows(self, previous: Manifest | None) -> None:
        """Check the chain.

        Raises:
            TamperedError: this is not the successor of ``previous`` (``None``: of nothing).
        """
        expected = (previous.number + 1, previous.hash) if previous else (1, NO_DIGEST)
        same_vault = previous is None or (previous.vault_id, previous.profile) == (self.vault_id, self.profile)
        if (self.number, self.previous) != expected or not same_vault:
            raise TamperedError(f"the chain of manifests is broken at {self.number}")

    def check_state(self, roots: Roots, audit: Head) -> None:
        """Compare with what is stored; ``audit`` is the record of the signed number, not one after it.

        Raises:
            TamperedError: a table, or the head of the audit trail, is not what was signed; the message says which.
        """
        found = {"entries": roots.entries, "slots": roots.slots, "keys": roots.keys, "audit trail": audit}
        signed = {
            "entries": self.roots.entries,
            "slots": self.roots.slots,
            "keys": self.roots.keys,
            "audit trail": self.audit,
        }
        differing = [what for what, value in signed.items() if found[what] != value]
        if differing:
            raise TamperedError(f"{', '.join(differing)} differ from what was signed", hint="pandora vault verify")


def signer_digest(public_key: bytes) -> bytes:
    """How manifests, checkpoints and handovers name a signing key."""
    return hashlib.sha384(public_key).digest()


def _bucket(leaves: dict[bytes, bytes]) -> bytes:
    if not leaves:
        return NO_DIGEST
    return hashlib.sha384(b"\x01" + b"".join(leaves[key] for key in sorted(leaves))).digest()
