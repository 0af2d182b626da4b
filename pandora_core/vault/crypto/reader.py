"""Owns the reading of fixed binary layouts: every length is checked before it is used."""

from __future__ import annotations

from typing import NamedTuple

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.profiles import Profile, profile_by_id
from pandora_core.vault.crypto.secret import Octets

FORMAT_VERSION = 1


class Head(NamedTuple):
    """What most layouts begin with, after their magic and version."""

    profile: Profile
    vault_id: bytes


def encode_head(magic: bytes, profile: Profile, vault_id: bytes) -> bytes:
    """``magic [4] ‖ version ‖ profile ‖ 0 ‖ 0 ‖ vault id [16]``."""
    return magic + bytes((FORMAT_VERSION, profile.id, 0, 0)) + vault_id


class Reader:
    """A cursor over bytes that somebody else may have written; all its methods raise ``VaultFormatError``."""

    def __init__(self, data: Octets, what: str) -> None:
        self._data = memoryview(data)
        self._what = what
        self._at = 0

    def take(self, size_bytes: int) -> bytes:
        """The next bytes, copied."""
        return bytes(self.view(size_bytes))

    def view(self, size_bytes: int) -> memoryview:
        """The next bytes, in place."""
        start, stop = self._at, self._at + size_bytes
        if stop > len(self._data):
            raise VaultFormatError(f"the {self._what} is cut short")
        self._at = stop
        return self._data[start:stop]

    def expect(self, wanted: bytes) -> None:
        """The next bytes are these."""
        if self.take(len(wanted)) != wanted:
            raise VaultFormatError(f"not a {self._what} of a version that is known here")

    def head(self, magic: bytes) -> Head:
        """What :func:`encode_head` wrote."""
        self.expect(magic)
        self.expect(bytes((FORMAT_VERSION,)))
        profile = profile_by_id(self.u8())
        self.expect(b"\0\0")
        return Head(profile, self.take(16))

    def u8(self) -> int:
        return self.view(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.view(2))

    def u32(self) -> int:
        return int.from_bytes(self.view(4))

    def u64(self) -> int:
        return int.from_bytes(self.view(8))

    @property
    def left_bytes(self) -> int:
        """How much is still to be read."""
        return len(self._data) - self._at

    def end(self) -> None:
        """Nothing follows."""
        if self.left_bytes:
            raise VaultFormatError(f"something follows the {self._what}")
