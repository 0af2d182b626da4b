"""A process that uses every kind of key, wipes, and waits to be searched: run by ``test_vault_memory.py``.

It writes masked patterns only, so that its own copy of a pattern is never found.
"""

from __future__ import annotations

import gc
import io
import json
import sys
from collections.abc import Iterator

from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.profiles import profile_by_name
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import Secret, fill_random
from pandora_core.vault.format import entry, header, keyring, sealed, slots
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.keyring import ItemType

MASK = 0x5A
VAULT_ID = bytes(range(16))


class Patterns:
    """What to search for, masked."""

    def __init__(self) -> None:
        self._masked: dict[str, str] = {}

    def note(self, name: str, secret: Secret) -> None:
        # One byte at a time, so that no unmasked copy comes to be.
        self._masked[name] = bytes(octet ^ MASK for octet in secret.view).hex()

    def show(self) -> None:
        gc.collect()
        print(json.dumps(self._masked), flush=True)
        sys.stdin.readline()


def use_everything(provider: Provider, profile_name: str, patterns: Patterns) -> Iterator[None]:
    """Yields once while unlocked; afterwards everything is wiped."""
    profile = profile_by_name(profile_name)
    place = slots.Place(profile, VAULT_ID, bytes(16), 1)
    with Secret.random(32) as master, Secret.random(32) as kek, Secret.copy_of(bytearray(b"hunter2")) as passphrase:
        patterns.note("master key", master)
        patterns.note("KEK", kek)
        ring = keyring.fresh(profile, 1)
        signing = providers.new_signing_key(provider, profile.signature)
        patterns.note("signing seed", signing.seed)
        ring.add(ItemType.SIGNING_SEED, 1, signing.seed)
        for name, type_ in (("recipient seed", ItemType.RECIPIENT_SEED), ("bundle seed", ItemType.BUNDLE_SEED)):
            patterns.note(name, ring.current(type_))
        (identity,) = ring.identities(ItemType.RECIPIENT_SEED)
        recipient = recipients.from_seed(provider, profile.suite, identity.seed).recipient
        (bundle_identity,) = ring.identities(ItemType.BUNDLE_SEED)
        public = header.PublicKeys(signing.public_key, recipient, bundle_identity.recipient(provider))
        head = header.Header.create(profile, VAULT_ID, master, kek, public)
        key_file = KeyFile.generate()
        patterns.note("key file", key_file.key)
        credentials = slots.Credentials(passphrase, key_file)
        slot = slots.wrap_for_credentials(place, master, credentials, Argon2Cost(memory_kib=65_536))
        addressed = slots.wrap_for_recipient(provider, place, master, recipient)
        sealed_ring = ring.seal(kek, VAULT_ID, 1)
        address = entry.Address(profile, VAULT_ID, bytes(16), 1, 1)
        with Secret(40) as value, Secret.random(32) as dek:
            fill_random(value.view)
            patterns.note("value", value)
            patterns.note("DEK", dek)
            wrapped = entry.wrap_dek(kek, 1, address, dek)
            row = entry.seal_entry(
                kek,
                1,
                address,
                entry.Meta(name="n", kind="token", created_ms=1, changed_ms=1),
                [entry.Field("v", value)],
            )
        target = io.BytesIO()
        to = sealed.Destination(profile, VAULT_ID, (recipient,))
        with Secret.random(200_000) as evidence:
            evidence_head = Secret.copy_of(evidence.view[100_000:100_064])
            patterns.note("evidence", evidence_head)
            evidence_head.wipe()
            made = sealed.seal_file(provider, to, sealed.Note(name="e", sealed_ms=1), _Reading(evidence), target)
        patterns.note("file DEK", made.dek)
        made.dek.wipe()
        for opened in (
            slots.unwrap_with_credentials(slot, credentials),
            slots.unwrap_with_identity(provider, addressed, identity),
        ):
            with opened, head.unwrap_kek(opened) as again:
                keyring.Keyring.open(again, profile, VAULT_ID, 1, sealed_ring).wipe()
        entry.unwrap_dek(kek, 1, address, wrapped).wipe()
        with entry.unwrap_dek(kek, 1, address, row.wrapped) as dek:
            for field in entry.open_secret(dek, address, row.secret):
                field.value.wipe()
        target.seek(0)
        file_header = sealed.read_header(target)
        file_dek = sealed.unwrap_dek(provider, file_header, identity)
        with file_dek, sealed.OpenedFile(file_header, file_dek, target) as file:
            assert file.data.copy_to(_Nowhere()) == 200_000
        yield
        ring.wipe()
        key_file.key.wipe()


class _Reading:
    def __init__(self, secret: Secret) -> None:
        self._secret, self._at = secret, 0

    def readinto(self, buffer: memoryview, /) -> int:
        taken = self._secret.view[self._at : self._at + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)


class _Nowhere:
    def write(self, octets: memoryview, /) -> int:
        return len(octets)


if __name__ == "__main__":
    found = Patterns()
    steps = use_everything(providers.choose(sys.argv[1]), sys.argv[2], found)
    next(steps)
    found.show()
    next(steps, None)
    del steps
    found.show()
