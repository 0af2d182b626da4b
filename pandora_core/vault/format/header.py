"""Owns the vault's header: id, profile, public keys, commitment to the master key, KEK of the epoch (format §4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Self

from pandora_core.errors import OpenFailedError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, KEY_ENVELOPE_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, SIGNATURES, Profile
from pandora_core.vault.crypto.reader import Reader, encode_head
from pandora_core.vault.crypto.recipients import Recipient
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes

MAGIC = b"PVHD"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What a vault shows of itself while it is locked."""

    signer: bytes
    recipient: Recipient
    bundle: Recipient


@dataclass(frozen=True, slots=True)
class Header:
    """The first row to be read; hostile until a slot gave a master key that it commits to."""

    profile: Profile
    vault_id: bytes
    generation: int
    commitment: bytes
    epoch: int
    sealed_kek: bytes
    public: PublicKeys

    @classmethod
    def create(
        cls,
        profile: Profile,
        vault_id: bytes,
        master: Secret,
        kek: Secret,
        public: PublicKeys,
        *,
        generation: int = 1,
        epoch: int = 1,
    ) -> Self:
        """A header for a master key and the KEK of an epoch under it."""
        commitment = _commitment(profile, vault_id, generation, master)
        sealed_kek = seal(master, _kek_context(profile, vault_id, epoch), kek.view, random_bytes(ENTROPY_BYTES))
        return cls(profile, vault_id, generation, commitment, epoch, sealed_kek, public)

    @classmethod
    def decode(cls, data: Octets) -> Self:
        """Raises ``VaultFormatError`` when it is not a header, of another version, or of the wrong length."""
        reader = Reader(data, "vault header")
        profile, vault_id = reader.head(MAGIC)
        generation, commitment = reader.u32(), reader.take(kdf.KEY_BYTES)
        epoch, sealed_kek = reader.u32(), reader.take(KEY_ENVELOPE_BYTES)
        signer = reader.take(SIGNATURES[profile.signature].public_key)
        recipient = Recipient(profile.suite, reader.take(profile.suite.public_key_bytes))
        bundle = Recipient(BUNDLE_SUITE, reader.take(BUNDLE_SUITE.public_key_bytes))
        reader.end()
        return cls(
            profile, vault_id, generation, commitment, epoch, sealed_kek, PublicKeys(signer, recipient, bundle)
        )

    def encode(self) -> bytes:
        """Its bytes, of a length that the profile fixes."""
        return b"".join(
            (
                encode_head(MAGIC, self.profile, self.vault_id),
                self.generation.to_bytes(4),
                self.commitment,
                self.epoch.to_bytes(4),
                self.sealed_kek,
                self.public.signer,
                self.public.recipient.public_key,
                self.public.bundle.public_key,
            )
        )

    def unwrap_kek(self, master: Secret) -> Secret:
        """The KEK of the present epoch, with the master key that a slot gave.

        Raises:
            OpenFailedError: the header does not commit to that master key, or was changed.
        """
        if not compare_digest(_commitment(self.profile, self.vault_id, self.generation, master), self.commitment):
            raise OpenFailedError
        return open_envelope(master, _kek_context(self.profile, self.vault_id, self.epoch), self.sealed_kek)

    def with_epoch(self, master: Secret, epoch: int, kek: Secret) -> Self:
        """The same vault in another epoch, under the same master key."""
        sealed_kek = seal(
            master, _kek_context(self.profile, self.vault_id, epoch), kek.view, random_bytes(ENTROPY_BYTES)
        )
        return replace(self, epoch=epoch, sealed_kek=sealed_kek)


def _commitment(profile: Profile, vault_id: bytes, generation: int, master: Secret) -> bytes:
    info = Context(Kind.COMMITMENT, profile, vault_id, epoch=generation).encode()
    with kdf.derive(master.view, salt=vault_id, info=info, size_bytes=kdf.KEY_BYTES) as derived:
        return derived.reveal()


def _kek_context(profile: Profile, vault_id: bytes, epoch: int) -> Context:
    return Context(Kind.EPOCH, profile, vault_id, epoch=epoch)
