"""Small made-up things of the vault, and ways to spoil bytes, for its tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from pandora_core.errors import VaultError
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.profiles import PROFILES

VAULT_ID = bytes(range(16))
OTHER_ID = bytes(range(16, 32))
CHEAP = Argon2Cost(memory_kib=65_536, passes=3, lanes=4)
EACH_PROFILE = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def flips(data: bytes, *, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Every ``step``-th byte with one bit flipped; all of them in a long run (PANDORA_SLOW=1)."""
    if os.environ.get("PANDORA_SLOW") == "1":
        step = 1
    for at in range(0, len(data), step):
        yield at, data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]


def cuts(data: bytes, *, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Every ``step``-th truncation, and one byte too many."""
    if os.environ.get("PANDORA_SLOW") == "1":
        step = 1
    for at in range(0, len(data), step):
        yield at, data[:at]
    yield len(data) + 1, data + b"\0"


def assert_none_opens(spoiled: Iterator[tuple[int, bytes]], opens: Callable[[bytes], object]) -> None:
    """Whatever was spoiled ends in an error of the vault's own, and nothing else."""
    count = 0
    for at, data in spoiled:
        count += 1
        try:
            opens(data)
        except VaultError:
            continue
        pytest.fail(f"opened with byte {at} changed or cut")
    assert count > 0


class Dribble:
    """A source that gives a few bytes at a time, as a pipe does."""

    def __init__(self, data: bytes, at_most: int = 7_001) -> None:
        self._data, self._at, self._at_most = data, 0, at_most

    def readinto(self, buffer: memoryview, /) -> int:
        taken = self._data[self._at : self._at + min(len(buffer), self._at_most)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)
