"""Owns the known-answer tests that an algorithm of a provider passes before anything is done with it.

The answers in ``known_answers.json`` were computed by both providers, which agree, from seeds that hash a label.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from functools import cache
from importlib.resources import files

import msgspec

from pandora_core.errors import OpenFailedError, ProviderError
from pandora_core.vault.crypto.profiles import KEM_SEED_BYTES, SIGNING_SEED_BYTES
from pandora_core.vault.crypto.providers import Kem, Signer
from pandora_core.vault.crypto.secret import Secret

MESSAGE = b"pandora known-answer test"
CONTEXT = b"pandora-vault/v1"


class KemAnswer(msgspec.Struct, frozen=True):
    """What a seed makes, what a ciphertext decapsulates to, and what a spoiled one does (FIPS 203 §6.3)."""

    public_key_sha384: str
    ciphertext: str
    shared_secret: str
    rejected_secret: str


class SignatureAnswer(msgspec.Struct, frozen=True):
    """What a seed makes, and a signature over :data:`MESSAGE` that holds under :data:`CONTEXT`."""

    public_key_sha384: str
    signature: str


class Answers(msgspec.Struct, frozen=True):
    """The file of known answers, by algorithm."""

    kems: dict[str, KemAnswer]
    signatures: dict[str, SignatureAnswer]


def seed_for(algorithm: str, size_bytes: int) -> bytes:
    """The seed of a known answer."""
    return hashlib.shake_256(f"pandora known answer {algorithm}".encode()).digest(size_bytes)


def spoil(octets: bytes) -> bytes:
    """The same with its last bit flipped."""
    return octets[:-1] + bytes((octets[-1] ^ 1,))


def check_kem(provider: str, algorithm: str, kem: Kem) -> None:
    """Key generation, encapsulation, decapsulation and implicit rejection.

    Raises:
        ProviderError: any of them gave another answer; names provider and algorithm.
    """
    answer = _answers().kems[algorithm]
    seed, ciphertext = seed_for(algorithm, KEM_SEED_BYTES), b64decode(answer.ciphertext)
    public_key = kem.public_key(seed)
    made = kem.encapsulate(public_key)
    found = (
        _digest(public_key),
        _hex(kem.decapsulate(seed, ciphertext)),
        _hex(kem.decapsulate(seed, spoil(ciphertext))),
        kem.decapsulate(seed, made.ciphertext) == made.shared_secret,
    )
    if found != (answer.public_key_sha384, answer.shared_secret, answer.rejected_secret, True):
        raise _wrong(provider, algorithm)


def check_signer(provider: str, algorithm: str, signer: Signer) -> None:
    """Key generation, verification of a known signature, refusal of a spoiled one, and a signature of its own.

    Raises:
        ProviderError: any of them gave another answer; names provider and algorithm.
    """
    answer = _answers().signatures[algorithm]
    seed, signature = seed_for(algorithm, SIGNING_SEED_BYTES), b64decode(answer.signature)
    public_key = signer.public_key(seed)
    found = (
        _digest(public_key),
        _holds(signer, public_key, signature),
        _holds(signer, public_key, spoil(signature)),
        _holds(signer, public_key, signer.sign(seed, MESSAGE, CONTEXT)),
    )
    if found != (answer.public_key_sha384, True, False, True):
        raise _wrong(provider, algorithm)


@cache
def _answers() -> Answers:
    text = files("pandora_core.vault.crypto.providers").joinpath("known_answers.json").read_bytes()
    return msgspec.json.decode(text, type=Answers)


def _hex(secret: Secret) -> str:
    with secret:
        return bytes(secret.view).hex()


def _digest(public_key: bytes) -> str:
    return hashlib.sha384(public_key).hexdigest()


def _holds(signer: Signer, public_key: bytes, signature: bytes) -> bool:
    try:
        signer.verify(public_key, MESSAGE, signature, CONTEXT)
    except OpenFailedError:
        return False
    return True


def _wrong(provider: str, algorithm: str) -> ProviderError:
    return ProviderError(
        f"{provider} gave a wrong answer for {algorithm}", hint="do not use it; replace its library, then try again"
    )
