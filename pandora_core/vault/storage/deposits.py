"""Owns deposits: entries sealed to a locked vault, which become entries of it at the next unlock (format §9.2)."""

from __future__ import annotations

import msgspec

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.format import portable
from pandora_core.vault.format.header import Header
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.portable import Parcel
from pandora_core.vault.format.rows import DEPOSIT_BYTES
from pandora_core.vault.format.sealed import Destination, Note
from pandora_core.vault.format.views import Actor, Draft
from pandora_core.vault.storage import contents
from pandora_core.vault.storage.contents import Contents
from pandora_core.vault.storage.ledger import Change

TAG = "deposit"


def seal(provider: Provider, header: Header, draft: Draft, by: Actor, at_ms: int) -> bytes:
    """Seal an entry to the vault's recipient.

    Raises:
        VaultFormatError: it is out of the bounds of an entry.
    """
    note = Note(name=draft.name, sealed_ms=at_ms, actor=by.name, host=by.host)
    to = Destination(header.profile, header.vault_id, (header.public.recipient,))
    sealed = portable.seal_deposit(provider, to, note, Parcel(contents.meta_of(draft, at_ms), draft.fields))
    if len(sealed) not in DEPOSIT_BYTES:
        raise VaultFormatError("a deposit is at most 16 MiB")
    return sealed


def take_in(
    provider: Provider, header: Header, change: Change, shelf: Contents, keys: Keys, id_: bytes, sealed: bytes
) -> str:
    """Make an entry of a deposit; its name.

    Whoever knows the public key can deposit: so the entry says by a tag where it comes from, and replaces nothing.

    Raises:
        OpenFailedError: it is sealed to somebody else, or was changed.
        VaultFormatError: not a deposit of this vault, or no entry.
        RefusedError: its name and the other name that it would get are both taken.
    """
    with portable.open_deposit(provider, header.vault_id, keys.identities(), sealed) as parcel:
        meta = parcel.meta
        taken = shelf.has(keys, meta.name)
        name = f"{meta.name} (deposit {id_.hex()[:8]})" if taken else meta.name
        tags = tuple(dict.fromkeys((*meta.tags, TAG)))
        shelf.insert(change, keys, msgspec.structs.replace(meta, name=name, tags=tags), parcel.fields)
        change.remove_deposit(id_)
        return name
