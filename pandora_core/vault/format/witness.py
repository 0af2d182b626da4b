"""Owns the witness: what is kept outside of the file to notice that the whole of it was rolled back (format §8.5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from pandora_core.errors import TamperedError, VaultFormatError
from pandora_core.vault.format.manifest import Manifest

VERSION = "pandora-witness/v1"
_LINE = re.compile(
    rf"{VERSION} (?P<vault>[0-9a-f]{{32}}) (?P<number>\d{{1,19}}) (?P<audit>\d{{1,19}})"
    r" (?P<hash>[0-9a-f]{96}) (?P<at>\S{20,35})"
)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("OIL", "011")
_CODE_VERSION = b"\x01"
_CODE_VAULT_BYTES, _CODE_NUMBER_BYTES, _CODE_HASH_BYTES, _CODE_CHECK_BYTES = 4, 5, 20, 3
_CODE_BYTES = 1 + _CODE_VAULT_BYTES + _CODE_NUMBER_BYTES + _CODE_HASH_BYTES + _CODE_CHECK_BYTES
_GROUP = 5


@dataclass(frozen=True, slots=True)
class Witness:
    """What was once seen of a vault: a manifest's number, and as much of its id and hash as was written down."""

    vault_id: bytes
    number: int
    hash: bytes

    def compare(self, manifests: Iterable[Manifest]) -> None:
        """Check that a vault whose chain of manifests was verified is at least as new as this.

        Raises:
            TamperedError: it was rolled back to before, is another history, or another vault.
        """
        for manifest in manifests:
            if not manifest.vault_id.startswith(self.vault_id):
                raise TamperedError("the witness is of another vault")
            if manifest.number == self.number:
                if not manifest.hash.startswith(self.hash):
                    raise TamperedError(f"the vault has another history than the witness since commit {self.number}")
                return
        raise TamperedError(f"the vault was rolled back to before commit {self.number}, or its manifest was dropped")

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        return cls(manifest.vault_id, manifest.number, manifest.hash)


def line(manifest: Manifest) -> str:
    """The witness as a line for a file or syslog."""
    at = datetime.fromtimestamp(manifest.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    words = (manifest.vault_id.hex(), manifest.number, manifest.audit.sequence, manifest.hash.hex(), at)
    return " ".join(map(str, (VERSION, *words)))


def code(manifest: Manifest) -> str:
    """The witness as 53 letters and digits to print or read out; what is left out of id and hash is not needed."""
    body = (
        _CODE_VERSION
        + manifest.vault_id[:_CODE_VAULT_BYTES]
        + manifest.number.to_bytes(_CODE_NUMBER_BYTES)
        + manifest.hash[:_CODE_HASH_BYTES]
    )
    letters = _to_base32(body + hashlib.sha384(body).digest()[:_CODE_CHECK_BYTES])
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def parse(text: str) -> Witness:
    """Read a line (anywhere in the text, as in a syslog) or a code; dashes, case and O/0, I/L/1 do not matter.

    Raises:
        VaultFormatError: neither, or a mistyped code.
    """
    if found := _LINE.search(text):
        return Witness(bytes.fromhex(found["vault"]), int(found["number"]), bytes.fromhex(found["hash"]))
    octets = _from_base32(re.sub(r"[\s-]", "", text).upper().translate(_LOOK_ALIKES))
    body, check = octets[:-_CODE_CHECK_BYTES], octets[-_CODE_CHECK_BYTES:]
    if body[:1] != _CODE_VERSION or hashlib.sha384(body).digest()[:_CODE_CHECK_BYTES] != check:
        raise VaultFormatError("the code of the witness is mistyped")
    vault_end = 1 + _CODE_VAULT_BYTES
    number_end = vault_end + _CODE_NUMBER_BYTES
    return Witness(body[1:vault_end], int.from_bytes(body[vault_end:number_end]), body[number_end:])


def _to_base32(octets: bytes) -> str:
    bits = len(octets) * 8
    number = int.from_bytes(octets) << -bits % 5
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(bits + -bits % 5 - 5, -1, -5))


def _from_base32(letters: str) -> bytes:
    bits = _CODE_BYTES * 8
    if len(letters) != -(-bits // 5) or not set(letters) <= set(_ALPHABET):
        raise VaultFormatError("not a witness", hint=f"a line that begins with {VERSION}, or a code of 53 characters")
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    spare = -bits % 5
    if number & ((1 << spare) - 1):
        raise VaultFormatError("the code of the witness is mistyped")
    return (number >> spare).to_bytes(_CODE_BYTES)
