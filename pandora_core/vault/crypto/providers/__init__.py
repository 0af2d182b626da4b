"""Owns the choice of who computes ML-KEM and ML-DSA, and the tests that a provider passes before it is used.

Two providers speak one format: ``pyca`` (``cryptography`` on OpenSSL) and ``liboqs``. Private keys are FIPS seeds in
both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Protocol

from pandora_core.errors import OpenFailedError, ProviderError
from pandora_core.vault.crypto.profiles import KEM_SEED_BYTES, KEMS, SIGNATURES, SIGNING_SEED_BYTES
from pandora_core.vault.crypto.secret import Octets, Secret

PREFERENCES = ("auto", "pyca", "liboqs")
_TRIAL = b"pandora pairwise test"


class Encapsulated(NamedTuple):
    """Both results of an encapsulation, by name: the libraries return them in opposite orders."""

    ciphertext: bytes
    shared_secret: Secret


class Kem(Protocol):
    """One ML-KEM parameter set (FIPS 203); a private key is its seed ``d ‖ z`` [64 bytes].

    Raises:
        VaultFormatError: a key or seed of the wrong length, or a key that fails the modulus check.
        OpenFailedError: a ciphertext of the wrong length. Of the right length, any ciphertext gives some secret.
    """

    def public_key(self, seed: Octets) -> bytes: ...

    def encapsulate(self, public_key: bytes) -> Encapsulated: ...

    def decapsulate(self, seed: Octets, ciphertext: bytes) -> Secret: ...


class Signer(Protocol):
    """One ML-DSA parameter set (FIPS 204), hedged, with a context [≤ 255 bytes]; a private key is a seed [32 bytes].

    Raises:
        VaultFormatError: a key or seed of the wrong length, or a context that is too long.
        OpenFailedError: the signature does not hold.
    """

    def public_key(self, seed: Octets) -> bytes: ...

    def sign(self, seed: Octets, message: bytes, context: bytes) -> bytes: ...

    def verify(self, public_key: bytes, message: bytes, signature: bytes, context: bytes) -> None: ...


class KeyPair(NamedTuple):
    """A new private key and what belongs to it."""

    seed: Secret
    public_key: bytes


@dataclass(frozen=True)
class Provider:
    """Someone who computes ML-KEM and ML-DSA; each algorithm passes its known-answer test before it is handed out."""

    name: str
    version: str
    _kems: Callable[[str], Kem] = field(repr=False)
    _signers: Callable[[str], Signer] = field(repr=False)

    def kem(self, algorithm: str) -> Kem:
        """``ML-KEM-768`` or ``ML-KEM-1024``.

        Raises:
            ProviderError: it is not offered, or gave a wrong answer.
        """
        return _tested_kem(self, algorithm)

    def signer(self, algorithm: str) -> Signer:
        """``ML-DSA-65`` or ``ML-DSA-87`` (``ML-DSA-44`` for test vectors).

        Raises:
            ProviderError: it is not offered, or gave a wrong answer.
        """
        return _tested_signer(self, algorithm)

    def __hash__(self) -> int:
        return hash(self.name)


def choose(preference: str = "auto") -> Provider:
    """The provider of that name; ``auto`` is liboqs where its library is present, else pyca.

    A liboqs that is present and answers wrong is an error, not a reason to look elsewhere; one that is too old, or
    built without what is needed, counts as absent.

    Raises:
        ProviderError: unknown, absent or failed; the message says which.
    """
    if preference not in PREFERENCES:
        raise ProviderError(f"no provider {preference!r}", hint=f"known: {', '.join(PREFERENCES)}")
    if preference == "auto":
        preference = "liboqs" if is_liboqs_present() else "pyca"
    return _load_liboqs() if preference == "liboqs" else _load_pyca()


def is_liboqs_present() -> bool:
    """Whether a shared library of liboqs is found that can be used; imports nothing of its wrapper."""
    from pandora_core.vault.crypto.providers import liboqs

    return not liboqs.look().problem


def present() -> list[Provider]:
    """Every provider that can be used on this machine, the preferred one first."""
    return [*([_load_liboqs()] if is_liboqs_present() else []), _load_pyca()]


def new_signing_key(provider: Provider, algorithm: str) -> KeyPair:
    """Make a signing key, test it on a message, and let every other provider present confirm it.

    Raises:
        ProviderError: a signature does not hold, or two providers disagree.
    """
    seed = Secret.random(SIGNING_SEED_BYTES)
    signer = provider.signer(algorithm)
    public_key = signer.public_key(seed.view)
    _confirm(provider, signer, seed, public_key, signer)
    for other in present():
        if other.name != provider.name:
            _confirm(provider, signer, seed, public_key, other.signer(algorithm))
            _confirm(other, other.signer(algorithm), seed, public_key, signer)
    return KeyPair(seed, public_key)


def _confirm(maker: Provider, signer: Signer, seed: Secret, public_key: bytes, judge: Signer) -> None:
    signature = signer.sign(seed.view, _TRIAL, b"")
    try:
        judge.verify(public_key, _TRIAL, signature, b"")
        agreed = judge.public_key(seed.view) == public_key
    except OpenFailedError:
        agreed = False
    if not agreed:
        seed.wipe()
        raise ProviderError(f"{maker.name} made a signature that does not hold", hint="pandora vault selftest")


@cache
def _load_pyca() -> Provider:
    from pandora_core.vault.crypto.providers import pyca

    return Provider("pyca", pyca.version(), pyca.PycaKem, pyca.PycaSigner)


@cache
def _load_liboqs() -> Provider:
    from pandora_core.vault.crypto.providers import liboqs

    library = liboqs.load()
    return Provider("liboqs", library.version, library.kem, library.signer)


@cache
def _tested_kem(provider: Provider, algorithm: str) -> Kem:
    from pandora_core.vault.crypto.providers.checked import CheckedKem
    from pandora_core.vault.crypto.providers.known_answers import check_kem

    if algorithm not in KEMS:
        raise ProviderError(f"{algorithm} is not used here")
    kem = CheckedKem(provider._kems(algorithm), KEMS[algorithm], KEM_SEED_BYTES)
    check_kem(provider.name, algorithm, kem)
    return kem


@cache
def _tested_signer(provider: Provider, algorithm: str) -> Signer:
    from pandora_core.vault.crypto.providers.checked import CheckedSigner
    from pandora_core.vault.crypto.providers.known_answers import check_signer

    if algorithm not in SIGNATURES:
        raise ProviderError(f"{algorithm} is not used here")
    signer = CheckedSigner(provider._signers(algorithm), SIGNATURES[algorithm], SIGNING_SEED_BYTES)
    check_signer(provider.name, algorithm, signer)
    return signer
