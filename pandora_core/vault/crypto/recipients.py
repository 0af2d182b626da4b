"""Owns recipients (public) and identities (secret): making, writing and reading them, and sealing a key to one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pandora_core.errors import OpenFailedError, ProviderError, VaultFormatError
from pandora_core.vault.crypto import bech32, hpke
from pandora_core.vault.crypto.hybrid import SuiteKem
from pandora_core.vault.crypto.profiles import SUITES, Suite
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import Octets, Secret

FINGERPRINT_BYTES = 32
_FINGERPRINT_LABEL = b"pandora-vault/v1 recipient"
_TRIAL_INFO = b"pandora-vault/v1 trial"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom something is sealed to: a suite and a public key of it.

    Raises:
        VaultFormatError: the key has not the suite's length.
    """

    suite: Suite
    public_key: bytes

    def __post_init__(self) -> None:
        if len(self.public_key) != self.suite.public_key_bytes:
            raise VaultFormatError(f"a public key of {self.suite.name} has {self.suite.public_key_bytes} bytes")

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that name this recipient in a sealed file."""
        named = _FINGERPRINT_LABEL + self.suite.kem_id.to_bytes(2) + self.public_key
        return hashlib.sha384(named).digest()[:FINGERPRINT_BYTES]

    def seal(self, provider: Provider, info: bytes, plaintext: Octets) -> hpke.Sealed:
        """Seal a few bytes (a key) so that only the identity opens them, and only under the same ``info``."""
        return hpke.seal(provider, self.suite, self.public_key, info, plaintext)

    def __str__(self) -> str:
        return bech32.encode(self.suite.recipient_prefix, self.public_key)


@dataclass(frozen=True, slots=True)
class Identity:
    """The seed that opens what is sealed to its recipient.

    Raises:
        VaultFormatError: the seed has not the suite's length.
    """

    suite: Suite
    seed: Secret = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != self.suite.seed_bytes:
            raise VaultFormatError(f"an identity of {self.suite.name} has {self.suite.seed_bytes} bytes")

    def recipient(self, provider: Provider) -> Recipient:
        """The public side; computed, some 0.2 ms."""
        return Recipient(self.suite, SuiteKem.by(provider, self.suite).public_key(self.seed.view))

    def open(self, provider: Provider, info: bytes, sealed: hpke.Sealed) -> Secret:
        """What was sealed to this identity's recipient.

        Raises:
            OpenFailedError: it was not, or not under this ``info``, or it was changed.
        """
        return hpke.open_sealed(provider, self.suite, self.seed.view, info, sealed)

    def export(self) -> bytearray:
        """Its text in ASCII, to be written to a file and wiped. Python strings on the way there stay."""
        return bytearray(bech32.encode(self.suite.identity_prefix, self.seed.view).upper().encode())


class NewIdentity(NamedTuple):
    """An identity that was just made, and its recipient."""

    identity: Identity
    recipient: Recipient


def generate(provider: Provider, suite: Suite) -> NewIdentity:
    """Make an identity and test it by sealing and opening (pairwise test).

    Raises:
        ProviderError: the test failed; the identity was wiped.
    """
    return from_seed(provider, suite, Secret.random(suite.seed_bytes))


def from_seed(provider: Provider, suite: Suite, seed: Secret) -> NewIdentity:
    """The identity of a seed, tested by sealing and opening (pairwise test).

    Raises:
        ProviderError: the test failed; the seed was wiped.
    """
    identity = Identity(suite, seed)
    try:
        return NewIdentity(identity, confirm(provider, identity))
    except BaseException:
        seed.wipe()
        raise


def confirm(provider: Provider, identity: Identity) -> Recipient:
    """Test an identity that was just made by sealing to it and opening (pairwise test); its recipient.

    Raises:
        ProviderError: the test failed.
    """
    recipient = identity.recipient(provider)
    try:
        with (
            Secret.random(32) as trial,
            identity.open(provider, _TRIAL_INFO, recipient.seal(provider, _TRIAL_INFO, trial.view)) as back,
        ):
            agreed = back == trial
    except OpenFailedError:
        agreed = False
    if not agreed:
        raise ProviderError(
            f"{provider.name} made a key of {identity.suite.name} that does not open", hint="pandora vault selftest"
        )
    return recipient


def parse_recipient(text: str) -> Recipient:
    """Read ``age1pq1…`` or ``pandora1…``.

    Raises:
        VaultFormatError: neither of them, mistyped, or of another length.
    """
    suite = _suite_of(text, (suite.recipient_prefix for suite in SUITES))
    return Recipient(suite, bytes(bech32.decode(suite.recipient_prefix, text)))


def parse_identity(text: str) -> Identity:
    """Read ``AGE-SECRET-KEY-PQ-1…`` or ``PANDORA-SECRET-KEY-…``; the text itself cannot be wiped.

    Raises:
        VaultFormatError: neither of them, mistyped, or of another length.
    """
    suite = _suite_of(text, (suite.identity_prefix for suite in SUITES))
    return Identity(suite, Secret.absorb(bech32.decode(suite.identity_prefix, text)))


def _suite_of(text: str, prefixes: Iterable[str]) -> Suite:
    for suite, prefix in zip(SUITES, prefixes, strict=True):
        if text.lower().startswith(f"{prefix}1"):
            return suite
    raise VaultFormatError("not a post-quantum key that is known here", hint="age1pq1… or pandora1…")
