"""Owns the first commit of a vault: its keys, its header, its keyring and one slot."""

from __future__ import annotations

from dataclasses import dataclass

from pandora_core.vault.crypto.envelope import ID_BYTES
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import random_bytes
from pandora_core.vault.format import unlocking
from pandora_core.vault.format.audit import Record
from pandora_core.vault.format.header import Header
from pandora_core.vault.format.keys import FIRST_EPOCH, Keys, public_keys
from pandora_core.vault.format.slots import Place
from pandora_core.vault.format.unlocking import NewWay
from pandora_core.vault.format.views import Actor
from pandora_core.vault.storage import rekey
from pandora_core.vault.storage.database import Database
from pandora_core.vault.storage.ledger import Ledger


@dataclass(frozen=True, slots=True)
class FirstSlot:
    """The way in that a vault begins with."""

    way: NewWay
    label: str
    cost: Argon2Cost


def write(
    database: Database, provider: Provider, keys: Keys, profile: Profile, slot: FirstSlot, by: Actor, at_ms: int
) -> None:
    """Commit number 1."""
    vault_id = random_bytes(ID_BYTES)
    header = Header.create(profile, vault_id, keys.master, keys.kek, public_keys(provider, profile, keys.keyring))
    place = Place(profile, vault_id, random_bytes(ID_BYTES), header.generation)
    made = unlocking.make_slot(provider, place, keys.master, slot.way, slot.cost).slot
    with Ledger.begin(database, provider, header).change(keys, at_ms) as change:
        change.put_header(header)
        change.put_keyring(keys.keyring.seal(keys.kek, vault_id, FIRST_EPOCH))
        change.put_slot(made, rekey.seal_label(keys, header, made, slot.label.encode()))
        change.audit(Record(at_ms=at_ms, actor=by.name, host=by.host, kind="create", subject=vault_id.hex()))
