"""Owns HPKE (RFC 9180): base mode, one message to one recipient, for the suites of the profiles.

``cryptography`` has HPKE too, bound to its own ML-KEM, and returns plaintext as ``bytes`` that cannot be wiped. This
one takes any provider and opens into a :class:`Secret`; tests hold the two against each other, both ways.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from pandora_core.errors import OpenFailedError
from pandora_core.vault.crypto.envelope import NONCE_BYTES, aead
from pandora_core.vault.crypto.hybrid import SuiteKem
from pandora_core.vault.crypto.kdf import KEY_BYTES
from pandora_core.vault.crypto.profiles import TAG_BYTES, Hash, Suite
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import Octets, Secret

_HASHES = {Hash.SHA256: hashes.SHA256(), Hash.SHA384: hashes.SHA384()}
_BASE_MODE = b"\x00"
_VERSION = b"HPKE-v1"


class Sealed(NamedTuple):
    """One message to one recipient."""

    enc: bytes
    ciphertext: bytes


class _Schedule(NamedTuple):
    key: Secret
    base_nonce: Secret


def seal(provider: Provider, suite: Suite, public_key: bytes, info: bytes, plaintext: Octets) -> Sealed:
    """Seal to a public key; the first nonce of a fresh context, and no associated data.

    Raises:
        VaultFormatError: not a public key of this suite.
    """
    enc, shared_secret = SuiteKem.by(provider, suite).encapsulate(public_key)
    with shared_secret:
        schedule = _schedule(suite, shared_secret, info)
    with schedule.key, schedule.base_nonce:
        ciphertext = aead(suite.aead, schedule.key.view).encrypt(schedule.base_nonce.view, plaintext, None)
    return Sealed(enc, ciphertext)


def open_sealed(provider: Provider, suite: Suite, seed: Octets, info: bytes, sealed: Sealed) -> Secret:
    """Open with an identity.

    Raises:
        OpenFailedError: not for this identity, or changed.
    """
    with SuiteKem.by(provider, suite).decapsulate(seed, sealed.enc) as shared_secret:
        return open_with(suite, shared_secret, info, sealed.ciphertext)


def open_with(suite: Suite, shared_secret: Secret, info: bytes, ciphertext: bytes) -> Secret:
    """The second half of :func:`open_sealed`, for who tells a bad ``enc`` from a wrong key, as age does.

    Raises:
        OpenFailedError: another shared secret, or changed.
    """
    if len(ciphertext) < TAG_BYTES:
        raise OpenFailedError
    schedule = _schedule(suite, shared_secret, info)
    plaintext = Secret(len(ciphertext) - TAG_BYTES)
    with schedule.key, schedule.base_nonce:
        cipher = aead(suite.aead, schedule.key.view)
        try:
            cipher.decrypt_into(schedule.base_nonce.view, ciphertext, None, plaintext.view)
        except InvalidTag:
            raise OpenFailedError from None
    return plaintext


def _schedule(suite: Suite, shared_secret: Secret, info: bytes) -> _Schedule:
    """RFC 9180 §5.1 without a pre-shared key."""
    suite_id = b"HPKE" + b"".join(number.to_bytes(2) for number in (suite.kem_id, suite.hash, suite.aead))
    with (
        _extract(suite, suite_id, b"", b"psk_id_hash", b"") as psk_id,
        _extract(suite, suite_id, b"", b"info_hash", info) as hashed_info,
    ):
        context = _BASE_MODE + bytes(psk_id.view) + bytes(hashed_info.view)
    with _extract(suite, suite_id, shared_secret.view, b"secret", b"") as secret:
        return _Schedule(
            _expand(suite, suite_id, secret, b"key", context, KEY_BYTES),
            _expand(suite, suite_id, secret, b"base_nonce", context, NONCE_BYTES),
        )


def _extract(suite: Suite, suite_id: bytes, salt: Octets, label: bytes, ikm: bytes) -> Secret:
    mac = hmac.HMAC(salt or bytes(_HASHES[suite.hash].digest_size), _HASHES[suite.hash])
    mac.update(_VERSION + suite_id + label + ikm)
    return Secret.absorb(mac.finalize())


def _expand(suite: Suite, suite_id: bytes, secret: Secret, label: bytes, context: bytes, size_bytes: int) -> Secret:
    info = size_bytes.to_bytes(2) + _VERSION + suite_id + label + context
    expanded = Secret(size_bytes)
    HKDFExpand(_HASHES[suite.hash], size_bytes, info).derive_into(secret.view, expanded.view)
    return expanded
