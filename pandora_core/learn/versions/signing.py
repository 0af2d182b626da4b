"""Owns the signatures of models: ML-DSA-87 by a key that the vault keeps, checked against the key pinned here.

The key is the vault's entry ``model-signing``: the vault agent signs with it, unlocked or leased, and never gives its
seed out. A host without a vault has the seed in a secret file or the environment. Whoever can write the registry can
also replace the pin: a reader who has the vault at hand compares it with the vault's own key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from pandora_core.errors import ConfigError, NotFoundError, OpenFailedError, RefusedError, VaultError
from pandora_core.vault.agent import credentials
from pandora_core.vault.agent.answers import Signed
from pandora_core.vault.agent.client import FILE_NAME, Client
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.secret import Secret

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


class Signer(Protocol):
    """Who signs models."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, body: bytes) -> Signature: ...


class SeedSigner:
    """Signs here, with a seed of 32 bytes that is the caller's to wipe."""

    def __init__(self, seed: Secret) -> None:
        self._seed = seed
        self._signer = providers.choose().signer(ALGORITHM)
        self.public = PublicKey(ALGORITHM, b64encode(self._signer.public_key(seed.view)).decode())

    def sign(self, body: bytes) -> Signature:
        made = self._signer.sign(self._seed.view, body, CONTEXT)
        return Signature(self.public, b64encode(made).decode())


class AgentSigner:
    """Lets the vault agent sign; raises its errors, when it was locked meanwhile among others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.public = _public(client.signer(ENTRY))

    def sign(self, body: bytes) -> Signature:
        made = self._client.sign(ENTRY, body, CONTEXT, "a model's card")
        return Signature(_public(made), b64encode(made.signature).decode())


@contextmanager
def at_hand(data: Path, environment: Mapping[str, str] | None = None) -> Iterator[Signer | None]:
    """Who can sign: the seed of a secret file or the environment, else the vault agent; ``None`` if nobody can.

    Raises:
        ConfigError: a secret file is open to others, or is no seed.
        RefusedError: the vault's entry of that name is no signing key.
    """
    text = credentials.find_outside(data, ENTRY, environment)
    if text is None:
        yield _agent_signer(data)
        return
    with text, _seed(text) as seed:
        yield SeedSigner(seed)


def make_key(data: Path) -> PublicKey:
    """Let the vault agent make the signing key; the seed never leaves it.

    Raises:
        RefusedError: there is one already.
        VaultLockedError: the vault is locked.
    """
    return _public(Client(data).make_signer(ENTRY, ALGORITHM, "signs models"))


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


def _agent_signer(data: Path) -> AgentSigner | None:
    if not (data / FILE_NAME).exists():
        return None
    try:
        return AgentSigner(Client(data))
    except (VaultError, NotFoundError):
        return None


def _public(signed: Signed) -> PublicKey:
    return PublicKey(signed.algorithm, b64encode(signed.public_key).decode())


def _seed(text: Secret) -> Secret:
    try:
        seed = bytearray.fromhex(str(text.view, "ascii"))
    except ValueError:
        seed = bytearray()
    if len(seed) != 32:
        raise ConfigError(f"the secret {ENTRY} is not a seed of 64 hex digits", hint="pandora models key makes one")
    return Secret.absorb(seed)
