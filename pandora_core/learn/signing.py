"""Owns the signatures of models: ML-DSA-87 by a key that the vault keeps, checked against the key pinned here.

The seed is the vault's entry ``model-signing`` (leased to the engine, it signs unattended). Whoever can write the
registry can also replace the pin: a reader who has the vault at hand compares it with the vault's own key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pandora_core.errors import NotFoundError, OpenFailedError, RefusedError, VaultError
from pandora_core.vault import client, credentials, providers
from pandora_core.vault.answers import Field as VaultField
from pandora_core.vault.protocol import Draft
from pandora_core.vault.secret import Secret, random_bytes

ENTRY = "model-signing"
ALGORITHM = "ML-DSA-87"
CONTEXT = b"pandora model/v1"
PIN = "signer.json"


class PublicKey(msgspec.Struct, frozen=True):
    """Who signs; base64."""

    algorithm: str
    key: str


class Signature(msgspec.Struct, frozen=True):
    """A signature over a card's bytes, with the key it claims to be of; base64."""

    by: PublicKey
    signature: str


def sign(seed: Secret, body: bytes) -> Signature:
    """Sign with a seed of 32 bytes."""
    signer = providers.choose().signer(ALGORITHM)
    made = signer.sign(seed.view, body, CONTEXT)
    return Signature(public_key(seed), b64encode(made).decode())


def verify(signature: Signature, body: bytes, trusted: PublicKey) -> None:
    """Check a signature.

    Raises:
        RefusedError: it is of another key than the trusted one, or does not hold.
    """
    if signature.by != trusted:
        raise RefusedError("the model is signed by a key that is not trusted here", hint="pandora models key --show")
    try:
        signer = providers.choose().signer(trusted.algorithm)
        signer.verify(b64decode(trusted.key), body, b64decode(signature.signature), CONTEXT)
    except (OpenFailedError, ValueError) as error:
        raise RefusedError(
            "the model's signature does not hold: its card was changed", hint="train it again"
        ) from error


def public_key(seed: Secret) -> PublicKey:
    """The public key of a seed."""
    key = providers.choose().signer(ALGORITHM).public_key(seed.view)
    return PublicKey(ALGORITHM, b64encode(key).decode())


def find_seed(data: Path, environment: Mapping[str, str] | None = None) -> Secret | None:
    """The signing seed from a secret file, the environment, a lease or the unlocked vault; ``None`` without any."""
    try:
        found = credentials.find_outside(data, ENTRY, environment)
        with found or client.Client(data).token(ENTRY) as text:
            return Secret.absorb(bytes.fromhex(bytes(text.view).decode("ascii")))
    except (VaultError, NotFoundError, ValueError):
        return None


def make_key(data: Path) -> PublicKey:
    """Make a signing key and put it into the vault.

    Raises:
        RefusedError: there is one already.
        VaultLockedError: the vault is locked.
    """
    seed = Secret.absorb(random_bytes(32))
    with seed, Secret.absorb(bytes(seed.view).hex().encode()) as text:
        made = public_key(seed)
        draft = Draft(name=ENTRY, kind="token", note="signs models (ML-DSA-87)")
        client.Client(data).put(draft, [VaultField("secret", text)])
    return made
