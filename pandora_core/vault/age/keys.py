"""Owns the stanzas of age v1: how each kind of identity finds the file key in them (c2sp.org/age).

Files are written to post-quantum recipients only. X25519 and scrypt are there to read what others made.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pandora_core.errors import OpenFailedError, VaultError, VaultFormatError
from pandora_core.vault.age.error import AgeError, Failure
from pandora_core.vault.crypto import bech32, curves, hpke
from pandora_core.vault.crypto.hybrid import SuiteKem
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, TAG_BYTES, Curve
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.recipients import Identity, Recipient
from pandora_core.vault.crypto.secret import Octets, Secret

FILE_KEY_BYTES = 16
WRAPPED_FILE_KEY_BYTES = FILE_KEY_BYTES + TAG_BYTES
SCRYPT_WORK_LIMIT = 20
"""log2 of scrypt's N that is accepted: 1 GiB of memory. age's own default for writing is 18."""

_PQ_TYPE, _X25519_TYPE, _SCRYPT_TYPE = "mlkem768x25519", "X25519", "scrypt"
_PQ_INFO = b"age-encryption.org/mlkem768x25519"
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SCRYPT_LABEL = b"age-encryption.org/v1/scrypt"
_X25519_PREFIX = "age-secret-key-"
_SCRYPT_SALT_BYTES = 16
_SHA256 = hashes.SHA256()


class Stanza(NamedTuple):
    """One stanza: its type, its other arguments, its body."""

    type: str
    arguments: tuple[str, ...]
    body: bytes


class AgeIdentity(Protocol):
    """Something that may find the file key.

    Raises:
        AgeError: a stanza of its kind is malformed (HEADER).
    """

    def unwrap(self, stanza: Stanza) -> Secret | None:
        """The file key, or ``None`` when the stanza is not for this identity."""


def wrap(provider: Provider, recipient: Recipient, file_key: Secret) -> Stanza:
    """The stanza of a post-quantum recipient.

    Raises:
        VaultFormatError: the recipient is of another suite than MLKEM768-X25519.
    """
    if recipient.suite != BUNDLE_SUITE:
        raise VaultFormatError(f"an age file takes recipients of {BUNDLE_SUITE.name}", hint="give one of age1pq1…")
    sealed = recipient.seal(provider, _PQ_INFO, file_key.view)
    return Stanza(_PQ_TYPE, (encode_base64(sealed.enc),), sealed.ciphertext)


@dataclass(frozen=True, slots=True)
class PostQuantumIdentity:
    """``AGE-SECRET-KEY-PQ-1…``."""

    provider: Provider
    identity: Identity

    def unwrap(self, stanza: Stanza) -> Secret | None:
        if stanza.type != _PQ_TYPE:
            return None
        (enc,) = _decoded(stanza, count=1)
        if len(enc) != BUNDLE_SUITE.enc_bytes:
            raise AgeError(Failure.HEADER)
        kem = SuiteKem.by(self.provider, BUNDLE_SUITE)
        try:
            shared_secret = kem.decapsulate(self.identity.seed.view, enc)
        except OpenFailedError:  # a point of low order, which the format forbids
            raise AgeError(Failure.HEADER) from None
        with shared_secret:
            try:
                return hpke.open_with(BUNDLE_SUITE, shared_secret, _PQ_INFO, stanza.body)
            except OpenFailedError:
                return None


@dataclass(frozen=True, slots=True)
class X25519Identity:
    """``AGE-SECRET-KEY-1…``; falls to a quantum computer, so it is read and never written."""

    secret: Secret = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """Raises ``VaultFormatError`` when it is not one; the text itself cannot be wiped."""
        secret = Secret.absorb(bech32.decode(_X25519_PREFIX, text))
        if len(secret) != 32:
            raise VaultFormatError("an identity of X25519 has 32 bytes")
        return cls(secret)

    def unwrap(self, stanza: Stanza) -> Secret | None:
        if stanza.type != _X25519_TYPE:
            return None
        (share,) = _decoded(stanza, count=1)
        if len(share) != 32:
            raise AgeError(Failure.HEADER)
        key = curves.load(Curve.X25519, self.secret.view)
        try:
            shared_secret = key.exchange(share)
        except ValueError:
            raise AgeError(Failure.HEADER) from None
        with shared_secret, hkdf_sha256(shared_secret, share + key.public_key(), _X25519_INFO) as wrap_key:
            return _open(wrap_key, stanza.body)


@dataclass(frozen=True, slots=True)
class PassphraseIdentity:
    """A passphrase of somebody else's file; the vault's own never have one."""

    passphrase: Secret = field(repr=False)

    def unwrap(self, stanza: Stanza) -> Secret | None:
        if stanza.type != _SCRYPT_TYPE:
            return None
        if len(stanza.arguments) != 2:
            raise AgeError(Failure.HEADER)
        salt, work = decode_base64(stanza.arguments[0]), _work_factor(stanza.arguments[1])
        if len(salt) != _SCRYPT_SALT_BYTES or len(stanza.body) != WRAPPED_FILE_KEY_BYTES:
            raise AgeError(Failure.HEADER)
        with Secret(32) as wrap_key:
            scrypt = Scrypt(_SCRYPT_LABEL + salt, length=32, n=1 << work, r=8, p=1)
            try:
                scrypt.derive_into(self.passphrase.view, wrap_key.view)
            except MemoryError as error:
                raise VaultError(f"scrypt needs {1 << work >> 10} MiB of memory, which cannot be had") from error
            return _open(wrap_key, stanza.body)


def check_together(stanzas: Sequence[Stanza]) -> None:
    """A passphrase stanza stands alone, so that who knows the passphrase also made the file.

    Raises:
        AgeError: it does not (HEADER).
    """
    if len(stanzas) > 1 and any(stanza.type == _SCRYPT_TYPE for stanza in stanzas):
        raise AgeError(Failure.HEADER)


def hkdf_sha256(ikm: Secret, salt: bytes | None, info: bytes) -> Secret:
    """HKDF-SHA-256 [32 bytes], which age uses throughout."""
    derived = Secret(32)
    HKDF(_SHA256, 32, salt, info).derive_into(ikm.view, derived.view)
    return derived


def encode_base64(octets: Octets) -> str:
    """Base64 without padding."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").decode("ascii")


def decode_base64(text: str) -> bytes:
    """Canonical base64 without padding.

    Raises:
        AgeError: it is not (HEADER).
    """
    try:
        octets = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True) if text else b""
    except (binascii.Error, ValueError):
        raise AgeError(Failure.HEADER) from None
    if encode_base64(octets) != text:
        raise AgeError(Failure.HEADER)
    return octets


def _decoded(stanza: Stanza, *, count: int) -> list[bytes]:
    if len(stanza.arguments) != count or len(stanza.body) != WRAPPED_FILE_KEY_BYTES:
        raise AgeError(Failure.HEADER)
    return [decode_base64(argument) for argument in stanza.arguments]


def _work_factor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and not text.startswith("0")):
        raise AgeError(Failure.HEADER)
    if int(text) > SCRYPT_WORK_LIMIT:
        raise AgeError(Failure.HEADER)
    return int(text)


def _open(wrap_key: Secret, body: bytes) -> Secret | None:
    file_key = Secret(FILE_KEY_BYTES)
    try:
        # The nonce is fixed: every wrap key seals one file key only.
        ChaCha20Poly1305(wrap_key.view).decrypt_into(bytes(12), body, None, file_key.view)
    except InvalidTag:
        return None
    return file_key
