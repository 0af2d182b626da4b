"""Owns rekeying: new keys for an epoch, a master or signatures, in a commit that seals no value again (§12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from pandora_core.errors import OpenFailedError, RefusedError
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.crypto.kdf import KEY_BYTES, Argon2Cost
from pandora_core.vault.crypto.providers import Provider, new_signing_key
from pandora_core.vault.crypto.secret import Secret, random_bytes
from pandora_core.vault.format import slots, unlocking
from pandora_core.vault.format.handover import Handover
from pandora_core.vault.format.header import Header
from pandora_core.vault.format.keyring import ItemType, Keyring, item_bytes
from pandora_core.vault.format.keys import Keys, confirm_identities, public_keys
from pandora_core.vault.format.manifest import Manifest
from pandora_core.vault.format.slots import Credentials, Slot
from pandora_core.vault.storage.contents import Contents
from pandora_core.vault.storage.ledger import Change, Ledger


def new_epoch(change: Change, ledger: Ledger, contents: Contents, old: Keys) -> Keys:
    """A new KEK under the same master key, and a new audit key; the keys to go on with."""
    header, epoch = ledger.header, ledger.header.epoch + 1
    with _wiped_on_error(_copy(old, Secret.copy_of(old.master.view), Secret.random(KEY_BYTES), ledger)) as new:
        new.keyring.add(ItemType.AUDIT_KEY, epoch, Secret.random(KEY_BYTES))
        change.put_header(header.with_epoch(new.master, epoch, new.kek))
        _rewrap(change, ledger, contents, old, header, new)
        for slot, row in list(ledger.slots.values()):
            change.put_slot(slot, _moved_label(old, header, new, ledger.header, slot, row.note))
    return new


class Renewed(NamedTuple):
    """The keys to go on with, and the slots that were removed."""

    keys: Keys
    removed: list[Slot]


def new_master(
    change: Change,
    ledger: Ledger,
    contents: Contents,
    provider: Provider,
    old: Keys,
    master: Secret,
    wrapped: Sequence[Slot],
) -> Renewed:
    """New KEK, audit and index keys, recipient and bundle seeds under a new master key, which stays the caller's.

    ``wrapped`` are the slots of passphrases and key files that stay, see :func:`wrap_again`.

    Raises:
        RefusedError: no slot would be left.
    """
    header, epoch = ledger.header, ledger.header.epoch + 1
    with _wiped_on_error(_copy(old, Secret.copy_of(master.view), Secret.random(KEY_BYTES), ledger)) as new:
        _renew(new.keyring, header, epoch)
        confirm_identities(provider, new.keyring)
        public = public_keys(provider, header.profile, new.keyring)
        change.put_header(
            Header.create(
                header.profile,
                header.vault_id,
                new.master,
                new.kek,
                public,
                generation=header.generation + 1,
                epoch=epoch,
            )
        )
        _rewrap(change, ledger, contents, old, header, new)
        removed = _rewrap_slots(change, ledger, provider, old, header, new, wrapped)
    return Renewed(new, removed)


def new_signing(change: Change, ledger: Ledger, provider: Provider, old: Keys, last: Manifest) -> Keys:
    """A new signing key, and a handover that both keys sign; the keys to go on with."""
    header = ledger.header
    with _wiped_on_error(_copy(old, Secret.copy_of(old.master.view), Secret.copy_of(old.kek.view), ledger)) as new:
        pair, signer = new_signing_key(provider, header.profile.signature), header.public.signer
        new.keyring.replace(ItemType.SIGNING_SEED, header.epoch, pair.seed)
        handover = Handover.between(header.profile, header.vault_id, last.number + 1, signer, pair.public_key)
        change.put_handover(handover, signer, handover.sign(provider, old.signing_pair(signer), pair))
        change.put_header(replace(header, public=replace(header.public, signer=pair.public_key)))
        change.put_keyring(new.keyring.seal(new.kek, header.vault_id, header.epoch))
        change.take_keys(new)
    return new


def match(
    provider: Provider, candidates: Sequence[Slot], master: Secret, ways: Sequence[Credentials]
) -> list[tuple[Slot, Credentials]]:
    """Which slots the passphrases and key files open; about a second for each try of a passphrase.

    Raises:
        RefusedError: one of them opens none.
    """
    left, matched = list(candidates), []
    for way in ways:
        try:
            found = unlocking.find_master(provider, left, way)
        except OpenFailedError:
            raise RefusedError(
                "a passphrase or key file opens none of the slots", hint="nothing was changed"
            ) from None
        with found.master:
            if found.master != master:
                raise OpenFailedError
        left.remove(found.slot)
        matched.append((found.slot, way))
    return matched


def wrap_again(kept: Sequence[tuple[Slot, Credentials]], generation: int, master: Secret) -> list[Slot]:
    """The same slots around a new master key; about a second for each passphrase."""
    return [_wrap(slot, generation, master, way) for slot, way in kept]


def label_context(header: Header, slot: Slot) -> Context:
    """What the label of a slot is sealed for."""
    return Context(Kind.SLOT_NOTE, header.profile, header.vault_id, slot.place.slot_id, header.epoch)


def seal_label(keys: Keys, header: Header, slot: Slot, label: bytes | memoryview) -> bytes:
    """The label of a slot, under the KEK of the header's epoch."""
    return seal(keys.kek, label_context(header, slot), label, random_bytes(ENTROPY_BYTES))


def _copy(old: Keys, master: Secret, kek: Secret, ledger: Ledger) -> Keys:
    with old.keyring.encode() as content:
        return Keys(master, kek, Keyring.decode(ledger.header.profile, content.view))


def _renew(ring: Keyring, header: Header, epoch: int) -> None:
    ring.add(ItemType.AUDIT_KEY, epoch, Secret.random(KEY_BYTES))
    ring.replace(ItemType.INDEX_KEY, epoch, Secret.random(KEY_BYTES))
    for type_ in (ItemType.RECIPIENT_SEED, ItemType.BUNDLE_SEED):
        ring.add(type_, epoch, Secret.random(item_bytes(header.profile, type_)))


def _rewrap(change: Change, ledger: Ledger, contents: Contents, old: Keys, before: Header, new: Keys) -> None:
    after = ledger.header
    change.put_keyring(new.keyring.seal(new.kek, after.vault_id, after.epoch))
    contents.rewrap(change, old, before.epoch, new)
    change.take_keys(new)


def _rewrap_slots(
    change: Change,
    ledger: Ledger,
    provider: Provider,
    old: Keys,
    before: Header,
    new: Keys,
    wrapped: Sequence[Slot],
) -> list[Slot]:
    """Keep the slots that are wrapped, wrap those of public keys, and remove the others; these are returned."""
    staying, removed = {slot.place.slot_id: slot for slot in wrapped}, []
    for slot, row in list(ledger.slots.values()):
        again = staying.get(slot.place.slot_id)
        if slot.addressed is not None:
            again = slots.rewrap(provider, slot, ledger.header.generation, new.master)
        if again is None:
            change.remove_slot(slot.place.slot_id)
            removed.append(slot)
        else:
            change.put_slot(again, _moved_label(old, before, new, ledger.header, slot, row.note))
    if not ledger.slots:
        raise RefusedError("no slot would be left", hint="give the passphrase or key file of one that is to stay")
    return removed


def _wrap(slot: Slot, generation: int, master: Secret, way: Credentials) -> Slot:
    cost = slot.stretch.cost if slot.stretch else Argon2Cost()
    return slots.wrap_for_credentials(replace(slot.place, generation=generation), master, way, cost)


def _moved_label(old: Keys, before: Header, new: Keys, after: Header, slot: Slot, note: bytes) -> bytes:
    with open_envelope(old.kek, label_context(before, slot), note) as label:
        return seal_label(new, after, slot, label.view)


@contextmanager
def _wiped_on_error(keys: Keys) -> Iterator[Keys]:
    try:
        yield keys
    except BaseException:
        keys.wipe()
        raise
