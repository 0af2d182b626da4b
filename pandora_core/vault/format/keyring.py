"""Owns the keyring: the vault's own long-lived secrets by kind and epoch, sealed under a KEK (format §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, SIGNING_SEED_BYTES, Profile
from pandora_core.vault.crypto.reader import Reader
from pandora_core.vault.crypto.recipients import Identity
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes

_HEAD_BYTES = 7


class ItemType(IntEnum):
    """The kinds of secrets in a keyring."""

    INDEX_KEY = 1
    AUDIT_KEY = 2
    SIGNING_SEED = 3
    RECIPIENT_SEED = 4
    BUNDLE_SEED = 5


@dataclass(frozen=True, slots=True)
class ItemName:
    """A kind and the epoch in which it came to be."""

    type: ItemType
    epoch: int


class Keyring:
    """The secrets of an unlocked vault; ``wipe`` it on lock."""

    def __init__(self, profile: Profile, items: Mapping[ItemName, Secret]) -> None:
        self._profile = profile
        self._items = dict(items)

    @classmethod
    def decode(cls, profile: Profile, content: Octets) -> Self:
        """Raises ``VaultFormatError`` when it is not in order, or an item is unknown or of the wrong length."""
        reader, items, previous = Reader(content, "keyring"), {}, (0, 0)
        while reader.left_bytes:
            number, epoch, size = reader.u8(), reader.u32(), reader.u16()
            if (number, epoch) <= previous or number not in set(ItemType):
                raise VaultFormatError("the keyring has an item that is unknown or out of order")
            name, previous = ItemName(ItemType(number), epoch), (number, epoch)
            if size != item_bytes(profile, name.type):
                raise VaultFormatError("the keyring has an item of the wrong length")
            items[name] = Secret.copy_of(reader.view(size))
        return cls(profile, items)

    def encode(self) -> Secret:
        """Its content, to be sealed."""
        content = Secret(sum(_HEAD_BYTES + len(value) for value in self._items.values()))
        at = 0
        for name in sorted(self._items, key=lambda each: (each.type, each.epoch)):
            value = self._items[name]
            head = bytes((name.type,)) + name.epoch.to_bytes(4) + len(value).to_bytes(2)
            content.view[at : at + _HEAD_BYTES] = head
            at += _HEAD_BYTES
            content.view[at : at + len(value)] = value.view
            at += len(value)
        return content

    @classmethod
    def open(cls, kek: Secret, profile: Profile, vault_id: bytes, epoch: int, sealed: bytes) -> Self:
        """Open the keyring of an epoch.

        Raises:
            OpenFailedError: it is of another vault or epoch, or was changed.
        """
        with open_envelope(kek, Context(Kind.KEYRING, profile, vault_id, epoch=epoch), sealed) as content:
            return cls.decode(profile, content.view)

    def seal(self, kek: Secret, vault_id: bytes, epoch: int) -> bytes:
        """Seal for an epoch."""
        context = Context(Kind.KEYRING, self._profile, vault_id, epoch=epoch)
        with self.encode() as content:
            return seal(kek, context, content.view, random_bytes(ENTROPY_BYTES))

    def add(self, type_: ItemType, epoch: int, value: Secret) -> None:
        """Add what an epoch begins with; the keyring owns it from now on.

        Raises:
            ValueError: it has the wrong length, or there is one already.
        """
        name = ItemName(type_, epoch)
        if len(value) != item_bytes(self._profile, type_) or name in self._items:
            raise ValueError(f"{type_.name} of epoch {epoch} does not fit this keyring")
        self._items[name] = value

    def replace(self, type_: ItemType, epoch: int, value: Secret) -> None:
        """Put a new one in the place of all of its type (index key and signing seed are not kept)."""
        for name in [name for name in self._items if name.type is type_]:
            self._items.pop(name).wipe()
        self.add(type_, epoch, value)

    def current(self, type_: ItemType) -> Secret:
        """The newest of its type.

        Raises:
            VaultFormatError: there is none.
        """
        epochs = [name.epoch for name in self._items if name.type is type_]
        if not epochs:
            raise VaultFormatError(f"the keyring has no {type_.name}")
        return self._items[ItemName(type_, max(epochs))]

    def audit_key(self, epoch: int) -> Secret:
        """The key of the audit records of an epoch.

        Raises:
            VaultFormatError: there is none.
        """
        key = self._items.get(ItemName(ItemType.AUDIT_KEY, epoch))
        if key is None:
            raise VaultFormatError(f"the keyring has no audit key of epoch {epoch}")
        return key

    def identities(self, type_: ItemType) -> list[Identity]:
        """The vault's own identities, newest first: RECIPIENT_SEED for sealed files, BUNDLE_SEED for bundles."""
        suite = BUNDLE_SUITE if type_ is ItemType.BUNDLE_SEED else self._profile.suite
        names = sorted(
            (name for name in self._items if name.type is type_), key=lambda each: each.epoch, reverse=True
        )
        return [Identity(suite, self._items[name]) for name in names]

    def wipe(self) -> None:
        """Forget all of it."""
        for value in self._items.values():
            value.wipe()
        self._items.clear()


def fresh(profile: Profile, epoch: int) -> Keyring:
    """The keyring of a new vault; its signing seed is to be made by ``providers.new_signing_key`` and added."""
    types = (ItemType.INDEX_KEY, ItemType.AUDIT_KEY, ItemType.RECIPIENT_SEED, ItemType.BUNDLE_SEED)
    return Keyring(profile, {ItemName(each, epoch): Secret.random(item_bytes(profile, each)) for each in types})


def item_bytes(profile: Profile, type_: ItemType) -> int:
    """How long an item of a type is."""
    return {
        ItemType.SIGNING_SEED: SIGNING_SEED_BYTES,
        ItemType.RECIPIENT_SEED: profile.suite.seed_bytes,
        ItemType.BUNDLE_SEED: BUNDLE_SUITE.seed_bytes,
    }.get(type_, kdf.KEY_BYTES)
