"""Owns ML-KEM and ML-DSA by ``cryptography``; nothing else imports its classes of them."""

from __future__ import annotations

from importlib.metadata import version as version_of

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

from pandora_core.errors import OpenFailedError, ProviderError, VaultFormatError
from pandora_core.vault.crypto.providers import Encapsulated
from pandora_core.vault.crypto.secret import Octets, Secret

_KemPrivate = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
_KemPublic = mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey
_SignerPrivate = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
_SignerPublic = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
_KEMS: dict[str, tuple[type[_KemPrivate], type[_KemPublic]]] = {
    "ML-KEM-768": (mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey),
    "ML-KEM-1024": (mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey),
}
_SIGNERS: dict[str, tuple[type[_SignerPrivate], type[_SignerPublic]]] = {
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}


def version() -> str:
    """Version of ``cryptography``."""
    return version_of("cryptography")


class PycaKem:
    """A :class:`~pandora_core.vault.crypto.providers.Kem`; a key object lives for one call; no seed stays"""

    def __init__(self, algorithm: str) -> None:
        self._private, self._public = _KEMS[algorithm]

    def public_key(self, seed: Octets) -> bytes:
        return self._load(seed).public_key().public_bytes_raw()

    def encapsulate(self, public_key: bytes) -> Encapsulated:
        try:
            loaded = self._public.from_public_bytes(public_key)
        except ValueError as error:
            raise VaultFormatError("not a public key of ML-KEM") from error
        shared_secret, ciphertext = loaded.encapsulate()
        return Encapsulated(ciphertext, Secret.absorb(shared_secret))

    def decapsulate(self, seed: Octets, ciphertext: bytes) -> Secret:
        return Secret.absorb(self._load(seed).decapsulate(ciphertext))

    def _load(self, seed: Octets) -> _KemPrivate:
        try:
            return self._private.from_seed_bytes(seed)
        except UnsupportedAlgorithm as error:
            raise _unsupported() from error


class PycaSigner:
    """A :class:`~pandora_core.vault.crypto.providers.Signer`.

    OpenSSL keeps one copy of the seed in memory that it freed (measured); it is out of reach from here.
    """

    def __init__(self, algorithm: str) -> None:
        self._private, self._public = _SIGNERS[algorithm]

    def public_key(self, seed: Octets) -> bytes:
        return self._load(seed).public_key().public_bytes_raw()

    def sign(self, seed: Octets, message: bytes, context: bytes) -> bytes:
        return self._load(seed).sign(message, context)

    def verify(self, public_key: bytes, message: bytes, signature: bytes, context: bytes) -> None:
        try:
            self._public.from_public_bytes(public_key).verify(signature, message, context)
        except (InvalidSignature, ValueError):
            raise OpenFailedError from None

    def _load(self, seed: Octets) -> _SignerPrivate:
        try:
            return self._private.from_seed_bytes(seed)
        except UnsupportedAlgorithm as error:
            raise _unsupported() from error


def _unsupported() -> ProviderError:
    return ProviderError(
        "pyca: this build of cryptography has no ML-KEM and ML-DSA", hint="install its wheel, version 50 or later"
    )
