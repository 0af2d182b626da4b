"""Owns the checks of lengths around a provider, on the way in and on the way out.

liboqs-python pads short arguments with zeros and reads past none of them, so that truncated keys and ciphertexts
"succeed". Every provider is therefore used through here only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pandora_core.errors import OpenFailedError, ProviderError, VaultFormatError
from pandora_core.vault.crypto.profiles import KemSizes, SignatureSizes
from pandora_core.vault.crypto.providers import Encapsulated, Kem, Signer
from pandora_core.vault.crypto.secret import Octets, Secret

SHARED_SECRET_BYTES = 32
CONTEXT_LIMIT_BYTES = 255
_T = TypeVar("_T", bound=Octets)


@dataclass(frozen=True, slots=True)
class CheckedKem:
    """A KEM whose arguments and results have the lengths of FIPS 203."""

    inner: Kem
    sizes: KemSizes
    seed_bytes: int

    def public_key(self, seed: Octets) -> bytes:
        _expect(seed, self.seed_bytes, "a seed of ML-KEM")
        return _made(self.inner.public_key(seed), self.sizes.public_key)

    def encapsulate(self, public_key: bytes) -> Encapsulated:
        _expect(public_key, self.sizes.public_key, "a public key of ML-KEM")
        made = self.inner.encapsulate(public_key)
        _made(made.ciphertext, self.sizes.ciphertext)
        _made(made.shared_secret.view, SHARED_SECRET_BYTES)
        return made

    def decapsulate(self, seed: Octets, ciphertext: bytes) -> Secret:
        _expect(seed, self.seed_bytes, "a seed of ML-KEM")
        if len(ciphertext) != self.sizes.ciphertext:
            raise OpenFailedError
        shared_secret = self.inner.decapsulate(seed, ciphertext)
        _made(shared_secret.view, SHARED_SECRET_BYTES)
        return shared_secret


@dataclass(frozen=True, slots=True)
class CheckedSigner:
    """A signer whose arguments and results have the lengths of FIPS 204."""

    inner: Signer
    sizes: SignatureSizes
    seed_bytes: int

    def public_key(self, seed: Octets) -> bytes:
        _expect(seed, self.seed_bytes, "a seed of ML-DSA")
        return _made(self.inner.public_key(seed), self.sizes.public_key)

    def sign(self, seed: Octets, message: bytes, context: bytes) -> bytes:
        _expect(seed, self.seed_bytes, "a seed of ML-DSA")
        _expect_context(context)
        return _made(self.inner.sign(seed, message, context), self.sizes.signature)

    def verify(self, public_key: bytes, message: bytes, signature: bytes, context: bytes) -> None:
        _expect(public_key, self.sizes.public_key, "a public key of ML-DSA")
        _expect_context(context)
        if len(signature) != self.sizes.signature:
            raise OpenFailedError
        self.inner.verify(public_key, message, signature, context)


def _expect(octets: Octets, size_bytes: int, what: str) -> None:
    if len(octets) != size_bytes:
        raise VaultFormatError(f"{what} has {size_bytes} bytes, not {len(octets)}")


def _expect_context(context: bytes) -> None:
    if len(context) > CONTEXT_LIMIT_BYTES:
        raise VaultFormatError(f"the context of a signature has at most {CONTEXT_LIMIT_BYTES} bytes")


def _made(octets: _T, size_bytes: int) -> _T:
    if len(octets) != size_bytes:
        raise ProviderError("a provider gave a result of the wrong length")
    return octets
