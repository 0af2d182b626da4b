"""Owns the key file: 64 bytes that open a slot alone or beside a passphrase (format §11)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Self

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.kdf import KEY_BYTES
from pandora_core.vault.crypto.secret import Octets, Secret

MAGIC = b"PANDORA-KEYFILE1"
FILE_BYTES = 64
ID_BYTES = 16
_ID_LABEL = b"pandora-vault/v1 key file"
_CHECKED = slice(0, len(MAGIC) + KEY_BYTES)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The key of a key file."""

    key: Secret = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(Secret.random(KEY_BYTES))

    @classmethod
    def parse(cls, content: Octets) -> Self:
        """Read a file that was read into a buffer; wipe that buffer afterwards.

        Raises:
            VaultFormatError: not a key file, or damaged: every byte counts.
        """
        octets = memoryview(content)
        if len(octets) != FILE_BYTES or octets[: len(MAGIC)] != MAGIC:
            raise VaultFormatError("not a key file")
        if not compare_digest(_checksum(octets[_CHECKED]), octets[_CHECKED.stop :]):
            raise VaultFormatError("the key file is damaged", hint="take another copy of it")
        return cls(Secret.copy_of(octets[len(MAGIC) : _CHECKED.stop]))

    @property
    def id(self) -> bytes:
        """16 bytes by which a slot says which key file it wants; tells nothing of the key."""
        named = hashlib.sha384(_ID_LABEL)
        named.update(self.key.view)
        return named.digest()[:ID_BYTES]

    def encode(self) -> Secret:
        """The file's content."""
        content = Secret(FILE_BYTES)
        content.view[: len(MAGIC)] = MAGIC
        content.view[len(MAGIC) : _CHECKED.stop] = self.key.view
        content.view[_CHECKED.stop :] = _checksum(content.view[_CHECKED])
        return content


def _checksum(checked: memoryview) -> bytes:
    return hashlib.sha384(checked).digest()[: FILE_BYTES - _CHECKED.stop]
