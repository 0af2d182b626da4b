"""Owns Bech32 (BIP 173) without its limit of length, as age writes recipients and identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.secret import Octets

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LETTERS = 6


def encode(prefix: str, data: Octets) -> str:
    """Lower case; ``prefix`` is lower case already."""
    values = list(_regroup(data, 8, 5))
    if len(data) * 8 % 5:
        tail = int.from_bytes(data[-1:]) << (-len(data) * 8 % 5)
        values.append(tail & 31)
    return f"{prefix}1{_letters([*values, *_checksum(prefix, values)])}"


def decode(prefix: str, text: str) -> bytearray:
    """The data of a text in all lower or all upper case; wipe it if it is secret.

    Raises:
        VaultFormatError: another prefix, mixed case, a wrong letter or checksum, bits left over.
    """
    lowered = text.lower()
    if text not in (lowered, text.upper()) or not lowered.startswith(f"{prefix}1"):
        raise VaultFormatError(f"it does not begin with {prefix}1")
    letters = lowered[len(prefix) + 1 :]
    if len(letters) < _CHECKSUM_LETTERS or not _VALUES.keys() >= set(letters):
        raise VaultFormatError("it has a wrong letter, or was cut short")
    values = [_VALUES[letter] for letter in letters]
    payload, checksum = values[:-_CHECKSUM_LETTERS], values[-_CHECKSUM_LETTERS:]
    if checksum != _checksum(prefix, payload):
        raise VaultFormatError("its checksum does not match: it was mistyped")
    spare_bits = len(payload) * 5 % 8
    if spare_bits >= 5 or (spare_bits and payload[-1] & ((1 << spare_bits) - 1)):
        raise VaultFormatError("it has bits left over")
    return bytearray(_regroup(payload, 5, 8))


def _regroup(values: Iterable[int], width: int, to_width: int) -> Iterator[int]:
    """Regroup bits, most significant first; what does not fill the last group is left out."""
    pool = bits = 0
    for value in values:
        pool = (pool << width | value) & 0xFFF
        bits += width
        while bits >= to_width:
            bits -= to_width
            yield pool >> bits & ((1 << to_width) - 1)


def _checksum(prefix: str, values: list[int]) -> list[int]:
    head = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    state = _polymod([*head, *values, *bytes(_CHECKSUM_LETTERS)]) ^ 1
    return [state >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_LETTERS)]


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                state ^= generator
    return state


def _letters(values: Iterable[int]) -> str:
    return "".join(_ALPHABET[value] for value in values)
