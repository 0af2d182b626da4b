"""Owns entries that sign: an ML-DSA seed that is made in the agent and signs there, and its public key beside it.

Such an entry has the kind ``key`` and the fields ``algorithm`` and ``public_key`` (base64), which are shown, and the
hidden ``seed``. It is not the vault's own signing key, whose contexts it cannot use.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pandora_core.errors import OpenFailedError, RefusedError, TamperedError, VaultFormatError
from pandora_core.vault.crypto.profiles import SIGNATURES
from pandora_core.vault.crypto.providers import Provider, new_signing_key
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.views import Draft

KIND = "key"
FIELDS = ("algorithm", "public_key", "seed")
CONTEXT_BYTES = range(1, 256)
MESSAGE_LIMIT_BYTES = 512 * 1024
_OWN_CONTEXTS = b"pandora-vault/"


class SigningEntry(NamedTuple):
    """An entry's signing key, open; the seed stays with whoever opened the entry."""

    algorithm: str
    public_key: bytes
    seed: Secret


@contextmanager
def draft(provider: Provider, name: str, algorithm: str, note: str) -> Iterator[Draft]:
    """A new key, confirmed by every provider present, as an entry to be written.

    Raises:
        VaultFormatError: not an algorithm that signs.
        ProviderError: the providers do not agree on it.
    """
    if algorithm not in SIGNATURES:
        raise VaultFormatError(f"no signature is called {algorithm!r}", hint=f"known: {', '.join(SIGNATURES)}")
    seed, public_key = new_signing_key(provider, algorithm)
    shown = (algorithm.encode(), b64encode(public_key))
    with seed, Secret.copy_of(shown[0]) as first, Secret.copy_of(shown[1]) as second:
        fields = tuple(map(Field, FIELDS, (first, second, seed)))
        yield Draft(name, KIND, note=note, fields=fields, hidden=("seed",))


def is_signing(kind: str, fields: tuple[str, ...]) -> bool:
    """Whether an entry of that kind, with fields of these names, holds a signing key."""
    return kind == KIND and set(FIELDS) <= set(fields)


def read(name: str, kind: str, fields: tuple[Field, ...]) -> SigningEntry:
    """The signing key of an open entry.

    Raises:
        RefusedError: it holds none.
    """
    values = {field.name: field.value for field in fields}
    if not is_signing(kind, tuple(values)):
        raise RefusedError(f"{name!r} does not hold a signing key", hint="pandora vault list")
    try:
        algorithm, public_key = values["algorithm"].reveal().decode(), b64decode(values["public_key"].reveal())
    except (UnicodeDecodeError, binascii.Error):
        algorithm, public_key = "", b""
    if algorithm not in SIGNATURES or len(public_key) != SIGNATURES[algorithm].public_key:
        raise RefusedError(f"{name!r} does not hold a signing key", hint="pandora vault history")
    return SigningEntry(algorithm, public_key, values["seed"])


def check(message: bytes, context: bytes) -> None:
    """What may be signed for others.

    Raises:
        VaultFormatError: the context is missing, too long, or one of the vault's own; or the message is too long.
    """
    if len(context) not in CONTEXT_BYTES or context.startswith(_OWN_CONTEXTS):
        raise VaultFormatError("a signature needs a context of 1 to 255 bytes that is not the vault's own")
    if len(message) > MESSAGE_LIMIT_BYTES:
        raise VaultFormatError(f"at most {MESSAGE_LIMIT_BYTES} bytes are signed", hint="sign a hash of it")


def sign(provider: Provider, key: SigningEntry, message: bytes, context: bytes) -> bytes:
    """A signature that was checked against the entry's public key before it is given out.

    Raises:
        TamperedError: seed and public key do not belong together.
    """
    signer = provider.signer(key.algorithm)
    try:
        made = signer.sign(key.seed.view, message, context)
        signer.verify(key.public_key, message, made, context)
    except (OpenFailedError, VaultFormatError):
        raise TamperedError(
            "seed and public key of the signing key do not belong together", hint="pandora vault history"
        ) from None
    return made
