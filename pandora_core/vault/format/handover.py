"""Owns the handover of a vault from one signing key to the next, signed by both (format §12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from pandora_core.errors import TamperedError
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.providers import KeyPair, Provider
from pandora_core.vault.crypto.reader import Reader, encode_head
from pandora_core.vault.crypto.secret import Octets
from pandora_core.vault.format.manifest import DIGEST_BYTES, signer_digest

MAGIC = b"PVHO"
SIGNATURE_CONTEXT = b"pandora-vault/v1 handover"


class Signatures(NamedTuple):
    """Of the old key and of the new one."""

    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Handover:
    """From manifest ``number`` on, the new key signs."""

    profile: Profile
    vault_id: bytes
    number: int
    old: bytes
    new: bytes

    @classmethod
    def between(cls, profile: Profile, vault_id: bytes, number: int, old: bytes, new: bytes) -> Self:
        """A handover between two public keys."""
        return cls(profile, vault_id, number, signer_digest(old), signer_digest(new))

    def encode(self) -> bytes:
        """The 128 bytes that are signed."""
        return encode_head(MAGIC, self.profile, self.vault_id) + self.number.to_bytes(8) + self.old + self.new

    @classmethod
    def decode(cls, body: Octets) -> Self:
        """Raises ``VaultFormatError`` when it is not a handover, of another version, or of the wrong length."""
        reader = Reader(body, "handover")
        profile, vault_id = reader.head(MAGIC)
        number, old, new = reader.u64(), reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES)
        reader.end()
        return cls(profile, vault_id, number, old, new)

    def sign(self, provider: Provider, old: KeyPair, new: KeyPair) -> Signatures:
        """Sign with both keys."""
        signer = provider.signer(self.profile.signature)
        body = self.encode()
        return Signatures(*(signer.sign(key.seed.view, body, SIGNATURE_CONTEXT) for key in (old, new)))

    def verify(self, provider: Provider, old: bytes, new: bytes, signatures: Signatures) -> None:
        """Check both signatures.

        Raises:
            OpenFailedError: one of them does not hold.
            TamperedError: the handover is between other keys.
        """
        if (self.old, self.new) != (signer_digest(old), signer_digest(new)):
            raise TamperedError("the handover is between other keys")
        signer = provider.signer(self.profile.signature)
        for public_key, signature in zip((old, new), signatures, strict=True):
            signer.verify(public_key, self.encode(), signature, SIGNATURE_CONTEXT)
