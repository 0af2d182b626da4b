"""Owns the ways into a safe and its keys over time: slots that are added and taken away, keys that are renewed."""

from __future__ import annotations

from collections.abc import Sequence

from pandora_core.errors import NotFoundError, RefusedError, TamperedError
from pandora_core.vault.crypto.envelope import ID_BYTES
from pandora_core.vault.crypto.kdf import KEY_BYTES, Argon2Cost
from pandora_core.vault.crypto.secret import Secret, random_bytes
from pandora_core.vault.format import unlocking
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.rows import SLOTS_LIMIT
from pandora_core.vault.format.slots import Credentials, Place, Slot
from pandora_core.vault.format.unlocking import NewWay
from pandora_core.vault.format.views import Actor, NewSlot, Rekeyed, SlotInfo
from pandora_core.vault.storage import rekey
from pandora_core.vault.storage.safe import Safe


class RotatingSafe(Safe):
    """A safe whose slots and keys change; :class:`~pandora_core.vault.storage.safe.Safe` says how it is to be used.

    Argon2id runs outside of the lock, so that nobody waits for it. Entries may change meanwhile, slots may go and the
    epoch may; but no slot comes and no master key, since who makes these holds ``_stretching`` to the end.
    """

    def add_slot(self, way: NewWay, *, by: Actor, label: str = "", cost: Argon2Cost | None = None) -> NewSlot:
        """Another way in. For ``shares.Terms`` the words are returned, this once.

        Raises:
            RefusedError: there are 16 slots already.
            VaultLockedError: it was locked meanwhile.
            VaultFormatError: a recipient of another suite than the profile's.
        """
        with self._stretching:
            with self._lock:
                self._check_room()
                header, master = self._ledger.header, Secret.copy_of(self._unlocked().master.view)
            with master:
                place = Place(header.profile, header.vault_id, random_bytes(ID_BYTES), header.generation)
                made = unlocking.make_slot(self._provider, place, master, way, cost or Argon2Cost())
            with self._lock:
                with self._change("slot-add", place.slot_id.hex(), by, type=made.slot.type.name.lower()) as change:
                    note = rekey.seal_label(self._unlocked(), self._ledger.header, made.slot, label.encode())
                    change.put_slot(made.slot, note)
                return NewSlot(self._describe(made.slot), made.mnemonics)

    def remove_slot(self, slot_id: bytes, *, by: Actor) -> None:
        """Take a way in away. Who kept the master key is shut out only by :meth:`rotate_master`.

        Raises:
            NotFoundError: no such slot.
            RefusedError: it is the last one.
        """
        with self._change("slot-remove", slot_id.hex(), by) as change:
            if slot_id not in self._ledger.slots:
                raise NotFoundError("no such slot", hint="pandora vault slots")
            if len(self._ledger.slots) == 1:
                raise RefusedError("it is the last way in", hint="add another slot first")
            change.remove_slot(slot_id)

    def rotate_epoch(self, *, by: Actor) -> Rekeyed:
        """A new epoch: every DEK and the keyring are wrapped anew, no value is sealed again."""
        with self._lock:
            with self._change("rekey", "epoch", by) as change:
                new = rekey.new_epoch(change, self._ledger, self._contents, self._unlocked())
            return self._go_on_with(new)

    def rotate_master(self, ways: Sequence[Credentials], *, by: Actor) -> Rekeyed:
        """A new master key, and new recipient and bundle seeds: for after a slot was removed from somebody.

        ``ways`` are the passphrases and key files of the slots that are to stay; slots of recipients and shares stay
        without them, other slots are removed.

        Raises:
            RefusedError: no slot would be left, or one of the ways opens none.
            VaultLockedError: it was locked meanwhile.
        """
        with Secret.random(KEY_BYTES) as master, self._stretching:
            with self._lock:
                generation, slots = self._ledger.header.generation, self._slots()
                old = Secret.copy_of(self._unlocked().master.view)
            with old:
                kept = rekey.match(self._provider, slots, old, ways)
            wrapped = rekey.wrap_again(kept, generation + 1, master)
            return self._renew_master(master, wrapped, by)

    def rotate_signing(self, *, by: Actor) -> Rekeyed:
        """A new signing key, with a handover that both keys sign."""
        with self._lock:
            last = self._ledger.manifest
            if last is None:
                raise TamperedError("the vault has no manifest")
            with self._change("rekey", "signing", by) as change:
                new = rekey.new_signing(change, self._ledger, self._provider, self._unlocked(), last)
            return self._go_on_with(new)

    def _renew_master(self, master: Secret, wrapped: Sequence[Slot], by: Actor) -> Rekeyed:
        with self._lock:
            old, labels = self._unlocked(), {each.id: each for each in self.slots()}
            with self._change("rekey", "master", by) as change:
                ledger, shelf = self._ledger, self._contents
                renewed = rekey.new_master(change, ledger, shelf, self._provider, old, master, wrapped)
            return self._go_on_with(renewed.keys, tuple(labels[slot.place.slot_id] for slot in renewed.removed))

    def _go_on_with(self, keys: Keys, removed: tuple[SlotInfo, ...] = ()) -> Rekeyed:
        """Take the keys of a rekey that is committed."""
        old, self._keys = self._keys, keys
        if old is not None:
            old.wipe()
        return Rekeyed(self._ledger.header.epoch, self._ledger.header.generation, removed)

    def _slots(self) -> list[Slot]:
        return [slot for slot, _ in self._ledger.slots.values()]

    def _check_room(self) -> None:
        if len(self._ledger.slots) >= SLOTS_LIMIT:
            raise RefusedError(f"there are {SLOTS_LIMIT} slots already", hint="remove one first")
