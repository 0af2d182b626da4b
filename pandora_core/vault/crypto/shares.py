"""Owns recovery shares: splitting a secret into lists of words after SLIP-39, and joining them.

The package that does it keeps the secret in ``bytes`` and the words in ``str``: those copies cannot be wiped. Split
and join rarely, and lock afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pandora_core.errors import OpenFailedError, VaultError, VaultFormatError
from pandora_core.vault.crypto.kdf import KEY_BYTES
from pandora_core.vault.crypto.secret import Octets, Secret

if TYPE_CHECKING:
    from shamir_mnemonic import Share  # type: ignore[import-untyped]

SHARES = range(2, 16 + 1)
_ITERATION_EXPONENT = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """How many shares there are, and how many of them are needed.

    Raises:
        VaultFormatError: not 2 ≤ threshold ≤ shares ≤ 16.
    """

    threshold: int
    shares: int

    def __post_init__(self) -> None:
        if self.threshold not in SHARES or self.shares not in SHARES or self.threshold > self.shares:
            raise VaultFormatError(f"{self.threshold} of {self.shares} shares is refused: 2 of 2 up to 16 of 16")


class Split(NamedTuple):
    """The shares of a secret, and the number that all of them begin with."""

    identifier: int
    mnemonics: tuple[str, ...]


def split(secret: Octets, terms: Terms) -> Split:
    """Split a secret [32 bytes] into lists of 33 words each."""
    from shamir_mnemonic import Share, generate_mnemonics

    (mnemonics,) = generate_mnemonics(
        group_threshold=1,
        groups=[(terms.threshold, terms.shares)],
        master_secret=bytes(secret),
        iteration_exponent=_ITERATION_EXPONENT,
    )
    return Split(Share.from_mnemonic(mnemonics[0]).identifier, tuple(mnemonics))


def join(mnemonics: Sequence[str]) -> Secret:
    """The secret of enough shares; more than enough do no harm.

    Raises:
        VaultFormatError: one of them is mistyped (the message says which, never a word of it) or of another kind.
        VaultError: they are too few.
        OpenFailedError: they do not belong together.
    """
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    parsed = [_parse(place, mnemonic) for place, mnemonic in enumerate(mnemonics, start=1)]
    distinct = {share.index: share for share in parsed}
    if len({share.group_parameters() for share in parsed}) > 1:
        raise OpenFailedError("these shares do not belong together")
    threshold = parsed[0].member_threshold if parsed else SHARES.start
    if len(distinct) < threshold:
        missing = threshold - len(distinct)
        raise VaultError("1 more share is needed" if missing == 1 else f"{missing} more shares are needed")
    try:
        enough = [share.mnemonic() for share in distinct.values()][:threshold]
        return Secret.absorb(combine_mnemonics(enough))
    except MnemonicError:
        raise OpenFailedError("these shares do not belong together") from None


def _parse(place: int, mnemonic: str) -> Share:
    from shamir_mnemonic import MnemonicError, Share

    try:
        share = Share.from_mnemonic(mnemonic)
    except MnemonicError:  # its text quotes words of the share
        raise VaultFormatError(f"share {place} is mistyped") from None
    ours = share.group_count == 1 and share.iteration_exponent == _ITERATION_EXPONENT and share.extendable
    if not ours or len(share.value) != KEY_BYTES:
        raise VaultFormatError(f"share {place} is not one of a vault's")
    return share
