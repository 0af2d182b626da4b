"""Owns the ways into a vault: which slots a passphrase, key file, identity or set of shares is tried on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.recipients import Identity, Recipient
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.format import slots
from pandora_core.vault.format.slots import Credentials, Place, Slot, SlotType

TOTAL_WORK_LIMIT_KIB = 2 * kdf.WORK_LIMIT_KIB
"""Memory times passes of all slots that one passphrase is tried on: what a hostile file may cost at most."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Recovery shares as they were typed, a list of words each."""

    mnemonics: tuple[str, ...] = field(repr=False)


Way = Credentials | Identity | Shares
"""What somebody has who wants in."""

NewWay = Credentials | Recipient | Terms
"""What a slot is made for."""


class Found(NamedTuple):
    """A slot that opened, and what is in it."""

    slot: Slot
    master: Secret


class Made(NamedTuple):
    """A slot, and the words of its recovery shares when it has any."""

    slot: Slot
    mnemonics: tuple[str, ...] = ()


def find_master(provider: Provider, candidates: Iterable[Slot], way: Way) -> Found:
    """The master key. A passphrase takes about a second for each slot that asks for one.

    Raises:
        OpenFailedError: none of the slots opens.
        VaultFormatError: trying all of them would cost more than is allowed, or a share is mistyped.
        VaultError: the shares are too few, or the memory for Argon2id cannot be had.
    """
    tried_kib = 0
    for slot in _suited(candidates, way):
        if slot.stretch:
            tried_kib += slot.stretch.cost.memory_kib * slot.stretch.cost.passes
            if tried_kib > TOTAL_WORK_LIMIT_KIB:
                raise VaultFormatError("the slots of this vault ask for more work than is allowed")
        try:
            return Found(slot, _unwrap(provider, slot, way))
        except OpenFailedError:
            continue
    raise OpenFailedError


def make_slot(provider: Provider, place: Place, master: Secret, way: NewWay, cost: kdf.Argon2Cost) -> Made:
    """A slot for a new way in.

    Raises:
        VaultFormatError: a recipient of another suite, or neither passphrase nor key file.
    """
    if isinstance(way, Terms):
        made = slots.wrap_for_shares(provider, place, master, way)
        return Made(made.slot, made.mnemonics)
    if isinstance(way, Recipient):
        return Made(slots.wrap_for_recipient(provider, place, master, way))
    return Made(slots.wrap_for_credentials(place, master, way, cost))


def _suited(candidates: Iterable[Slot], way: Way) -> Iterator[Slot]:
    """The slots that could open at all; by what is public of them, so that none is tried in vain."""
    for slot in candidates:
        if isinstance(way, Credentials):
            same_file = way.key_file is None or slot.key_file_id == way.key_file.id
            if slot.type is _type_of(way) and same_file:
                yield slot
        elif slot.type is (SlotType.SHARES if isinstance(way, Shares) else SlotType.RECIPIENT):
            yield slot


def _type_of(way: Credentials) -> SlotType:
    if way.key_file is None:
        return SlotType.PASSPHRASE
    return SlotType.KEY_FILE if way.passphrase is None else SlotType.PASSPHRASE_AND_KEY_FILE


def _unwrap(provider: Provider, slot: Slot, way: Way) -> Secret:
    if isinstance(way, Credentials):
        return slots.unwrap_with_credentials(slot, way)
    if isinstance(way, Shares):
        return slots.unwrap_with_shares(provider, slot, way.mnemonics)
    return slots.unwrap_with_identity(provider, slot, way)
