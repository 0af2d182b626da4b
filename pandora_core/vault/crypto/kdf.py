"""Owns the derivation of keys: HKDF-SHA-384 (RFC 5869) and Argon2id (RFC 9106) within bounds (format §3)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pandora_core.errors import VaultError, VaultFormatError
from pandora_core.vault.crypto.secret import Octets, Secret

KEY_BYTES = 32
ARGON2_SALT_BYTES = 32
PASSPHRASE_LIMIT_BYTES = 1024

MEMORY_KIB = range(65_536, 2_097_152 + 1)
PASSES = range(3, 32 + 1)
LANES = range(1, 16 + 1)
WORK_LIMIT_KIB = 8_388_608
"""Memory times passes: what a hostile header may cost at most, some 25 s on one slow core."""

_SHA384 = hashes.SHA384()


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess at a passphrase costs. Built only within the bounds, so that what exists may be run.

    Raises:
        VaultFormatError: below the floor or above the ceiling of format §3.4.
    """

    memory_kib: int = 262_144
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        within = self.memory_kib in MEMORY_KIB and self.passes in PASSES and self.lanes in LANES
        if not within or self.memory_kib * self.passes > WORK_LIMIT_KIB:
            raise VaultFormatError(
                f"Argon2id with {self.memory_kib} KiB, {self.passes} passes and {self.lanes} lanes is refused",
                hint="the bounds are 64 MiB to 2 GiB, 3 to 32 passes, 1 to 16 lanes, 8 GiB in all",
            )


def stretch_passphrase(passphrase: Secret, salt: bytes, cost: Argon2Cost) -> Secret:
    """Argon2id of a passphrase [32 bytes]; takes ``cost.memory_kib`` of memory and about a second.

    Raises:
        VaultError: the passphrase is empty or too long, or the memory cannot be had.
    """
    if not 1 <= len(passphrase) <= PASSPHRASE_LIMIT_BYTES:
        raise VaultError(f"a passphrase has 1 to {PASSPHRASE_LIMIT_BYTES} bytes")
    if len(salt) != ARGON2_SALT_BYTES:
        raise VaultFormatError("the salt of a passphrase has the wrong length")
    argon2 = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    stretched = Secret(KEY_BYTES)
    try:
        # The stubs say bytes; every buffer is taken, and only a buffer can be wiped afterwards.
        argon2.derive_into(passphrase.view, stretched.view)  # type: ignore[arg-type]
    except MemoryError as error:
        stretched.wipe()
        raise VaultError(
            f"Argon2id needs {cost.memory_kib // 1024} MiB of memory, which cannot be had", hint="close something"
        ) from error
    return stretched


def passphrase_secret(typed: str) -> Secret:
    """A typed passphrase as format §3.4 wants it: UTF-8 of its NFC form. The ``str`` itself cannot be wiped."""
    return Secret.absorb(unicodedata.normalize("NFC", typed).encode())


def derive(parent: Octets, *, salt: bytes, info: bytes, size_bytes: int) -> Secret:
    """HKDF-SHA-384, extract and expand, straight into a secret."""
    derived = Secret(size_bytes)
    derive_into(derived.view, parent, salt=salt, info=info)
    return derived


def derive_into(target: memoryview, parent: Octets, *, salt: bytes, info: bytes) -> None:
    """The same into memory that is at hand; fills all of it."""
    HKDF(_SHA384, len(target), salt, info).derive_into(parent, target)
