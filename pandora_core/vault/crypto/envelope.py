"""Owns the envelope: one key, one context, one plaintext; committing, and safe after a rollback (format §3.1–3.3).

Pure: entropy comes in as an argument.
"""

from __future__ import annotations

from enum import IntEnum
from hmac import compare_digest
from struct import Struct
from types import TracebackType
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pandora_core.errors import OpenFailedError, VaultError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.profiles import TAG_BYTES, Aead, Profile
from pandora_core.vault.crypto.secret import Octets, Secret

ID_BYTES = 16
ENTROPY_BYTES = 32
SALT_BYTES = 24
COMMITMENT_BYTES = 32
NONCE_BYTES = 12
OVERHEAD_BYTES = SALT_BYTES + COMMITMENT_BYTES + TAG_BYTES
KEY_ENVELOPE_BYTES = OVERHEAD_BYTES + kdf.KEY_BYTES
PLAINTEXT_LIMIT_BYTES = 16 * 1024 * 1024
PADDING_STEP_BYTES = 256
_EVENLY_PADDED_BYTES = 8192  # below, no step of Padmé's is longer than that

_LABEL = b"pandora-vault/v1"
_NO_SUBJECT = bytes(16)
_FIXED = Struct(">16s B B 16s 16s I Q")
_NUMBERS = Struct(">I Q")
_KEY = slice(0, kdf.KEY_BYTES)
_NONCE = slice(kdf.KEY_BYTES, kdf.KEY_BYTES + NONCE_BYTES)
_COMMITMENT = slice(_NONCE.stop, _NONCE.stop + COMMITMENT_BYTES)
_KEYS_BYTES = _COMMITMENT.stop
_HEAD_BYTES = SALT_BYTES + COMMITMENT_BYTES
_ZEROS = memoryview(bytes(1 << 19))  # as long as the longest padding
_NO_KEYS = bytes(_KEYS_BYTES)
_PADDED_LIMIT_BYTES = PLAINTEXT_LIMIT_BYTES + len(_ZEROS)
_SHA384 = hashes.SHA384()


class Kind(IntEnum):
    """What a key is derived for; no two kinds share a key."""

    MASTER = 1
    SLOT_KEY = 2
    SHARES = 3
    COMMITMENT = 4
    EPOCH = 5
    KEYRING = 6
    DEK = 7
    META = 8
    SECRET = 9
    AUDIT = 10
    NOTE = 11
    STREAM = 12
    SLOT_NOTE = 13


_PADDED = frozenset({Kind.KEYRING, Kind.META, Kind.SECRET, Kind.AUDIT, Kind.NOTE, Kind.SLOT_NOTE})
_PADDED_BITS = sum(1 << kind for kind in _PADDED)  # to ask without hashing an enum, for lists of thousands


class Context(NamedTuple):
    """Where an envelope belongs; opened anywhere else it fails. Fields that a kind does not use stay zero."""

    kind: Kind
    profile: Profile
    vault_id: bytes
    subject: bytes = _NO_SUBJECT
    epoch: int = 0
    version: int = 0
    extra: bytes = b""

    def encode(self) -> bytes:
        """The bytes that go into HKDF's ``info``; ``ValueError`` when an id has not 16 bytes."""
        if len(self.vault_id) != ID_BYTES or len(self.subject) != ID_BYTES:
            raise ValueError(f"ids have {ID_BYTES} bytes")
        numbers = (self.kind, self.profile.id, self.vault_id, self.subject, self.epoch, self.version)
        return _FIXED.pack(_LABEL, *numbers) + self.extra


def seal(parent: Secret, context: Context, plaintext: Octets, entropy: bytes) -> bytes:
    """Seal under a key made for this one envelope.

    ``entropy`` [32 bytes] is hedged: should it ever repeat, only an equal plaintext in an equal place gives an equal
    envelope.

    Raises:
        VaultError: the plaintext is over 16 MiB, which is for files.
    """
    if len(plaintext) > PLAINTEXT_LIMIT_BYTES:
        raise VaultError("over 16 MiB is sealed as a file")
    info = context.encode()
    salt = hedged_salt(parent, entropy, info, plaintext)
    with kdf.derive(parent.view, salt=salt, info=info, size_bytes=_KEYS_BYTES) as keys:
        cipher = aead(context.profile.aead, keys.view[_KEY])
        nonce, commitment = keys.view[_NONCE], bytes(keys.view[_COMMITMENT])
        if context.kind not in _PADDED:
            return salt + commitment + cipher.encrypt(nonce, plaintext, None)
        with _padded(plaintext) as padded:
            return salt + commitment + cipher.encrypt(nonce, padded.view, None)


def open_envelope(parent: Secret, context: Context, envelope: Octets) -> Secret:
    """The plaintext of an envelope.

    Raises:
        OpenFailedError: the key is wrong, the envelope belongs elsewhere, or it was changed or cut.
    """
    size = _plaintext_bytes(envelope)
    # Keys and plaintext share one secret, since every allocation counts where a vault has many entries.
    secret = Secret(_KEYS_BYTES + size)
    try:
        start, stop = _open_into(secret.view, parent.view, context, memoryview(envelope))
    except OpenFailedError:
        secret.wipe()
        raise
    secret.view[:_KEYS_BYTES] = _ZEROS[:_KEYS_BYTES]
    secret.narrow(start, stop)
    return secret


class Scratch:
    """Opens one envelope of a kind after another into the same memory: half the price, for reads and long lists.

    For one thread at a time. A plaintext is there until the next one is opened, or :meth:`clear`; leave the context,
    or :meth:`wipe`, for good.
    """

    def __init__(self, kind: Kind, profile: Profile, vault_id: bytes, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._head = _LABEL + bytes((kind, profile.id)) + vault_id
        self._is_padded = kind in _PADDED
        self._cipher = aead_class(profile.aead)
        self._secret = Secret(_KEYS_BYTES + limit_bytes)
        view = self._secret.view
        # Cut once, since cutting them for each envelope would cost as much as the cipher.
        self._keys, self._plain = view[:_KEYS_BYTES], view[_KEYS_BYTES:]
        self._key, self._nonce, self._commitment = view[_KEY], view[_NONCE], view[_COMMITMENT]
        self._used = 0

    def open(self, parent: memoryview, subject: bytes, epoch: int, version: int, envelope: bytes) -> memoryview:
        """The plaintext, in place.

        Raises:
            OpenFailedError: as :func:`open_envelope`, or it is longer than this scratch.
        """
        size = len(envelope) - OVERHEAD_BYTES
        if not 0 <= size <= self.limit_bytes:
            raise OpenFailedError
        self._used, plain = size, self._plain[:size]
        info = self._head + subject + _NUMBERS.pack(epoch, version)
        HKDF(_SHA384, _KEYS_BYTES, envelope[:SALT_BYTES], info).derive_into(parent, self._keys)
        if not compare_digest(self._commitment, envelope[SALT_BYTES:_HEAD_BYTES]):
            raise OpenFailedError
        try:
            self._cipher(self._key).decrypt_into(self._nonce, envelope[_HEAD_BYTES:], None, plain)
        except InvalidTag:
            raise OpenFailedError from None
        if not self._is_padded:
            return plain
        start, stop = _find_content(plain)
        return plain[start:stop]

    def clear(self) -> None:
        """Overwrite the keys and the plaintext of the last envelope."""
        self._keys[:] = _NO_KEYS
        self._plain[: self._used] = _ZEROS[: self._used] if self._used <= len(_ZEROS) else bytes(self._used)

    def wipe(self) -> None:
        """Overwrite everything and give the memory back. Doing it twice does no harm."""
        for part in (self._keys, self._plain, self._key, self._nonce, self._commitment):
            part.release()
        self._secret.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()


def padded_size(size_bytes: int) -> int:
    """What ``size_bytes`` of a padded kind take in an envelope: steps of 256, from 4 KiB on Padmé (12 % at most)."""
    framed = size_bytes + 4
    step = PADDING_STEP_BYTES
    if framed >= _EVENLY_PADDED_BYTES:
        exponent = framed.bit_length() - 1
        step = 1 << (exponent - exponent.bit_length())
    return -(-framed // step) * step


def hedged_salt(parent: Secret, entropy: bytes, *parts: Octets) -> bytes:
    """A salt that is random, and differs for different parts even where ``entropy`` repeats (format §3.2)."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a salt takes {ENTROPY_BYTES} bytes of entropy")
    mac = hmac.HMAC(parent.view, _SHA384)
    for part in (b"salt", entropy, *parts):
        mac.update(part)
    return mac.finalize()[:SALT_BYTES]


def aead(algorithm: Aead, key: Octets) -> AESGCM | ChaCha20Poly1305:
    """The cipher of a suite or profile under one key."""
    return aead_class(algorithm)(key)


def aead_class(algorithm: Aead) -> type[AESGCM | ChaCha20Poly1305]:
    return AESGCM if algorithm is Aead.AES_256_GCM else ChaCha20Poly1305


def _plaintext_bytes(envelope: Octets) -> int:
    size = len(envelope) - OVERHEAD_BYTES
    if not 0 <= size <= _PADDED_LIMIT_BYTES:
        raise OpenFailedError
    return size


def _open_into(target: memoryview, parent: memoryview, context: Context, sealed: memoryview) -> tuple[int, int]:
    """Write the derived keys and behind them the plaintext; where its content lies."""
    keys = target[:_KEYS_BYTES]
    kdf.derive_into(keys, parent, salt=bytes(sealed[:SALT_BYTES]), info=context.encode())
    if not compare_digest(keys[_COMMITMENT], sealed[SALT_BYTES:_HEAD_BYTES]):
        raise OpenFailedError
    cipher = aead(context.profile.aead, keys[_KEY])
    try:
        cipher.decrypt_into(keys[_NONCE], sealed[_HEAD_BYTES:], None, target[_KEYS_BYTES:])
    except InvalidTag:
        raise OpenFailedError from None
    if not _PADDED_BITS >> context.kind & 1:
        return _KEYS_BYTES, len(target)
    start, stop = _find_content(target[_KEYS_BYTES:])
    return _KEYS_BYTES + start, _KEYS_BYTES + stop


def _padded(data: Octets) -> Secret:
    padded = Secret(padded_size(len(data)))
    padded.view[:4] = len(data).to_bytes(4)
    padded.view[4 : 4 + len(data)] = data
    return padded


def _find_content(padded: memoryview) -> tuple[int, int]:
    """Where the content of a padded kind lies. Only one padding is right, so that no bytes can hide in it."""
    stop = 4 + int.from_bytes(padded[:4])
    padding = padded[stop:]
    if len(padded) != padded_size(stop - 4) or not compare_digest(padding, _ZEROS[: len(padding)]):
        raise OpenFailedError
    return 4, stop
