"""Owns the secrets of an unlocked vault: master key, KEK and keyring, checked against its public keys."""

from __future__ import annotations

from functools import cached_property
from hmac import compare_digest

from pandora_core.errors import TamperedError
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.providers import KeyPair, Provider, new_signing_key
from pandora_core.vault.crypto.recipients import Identity, confirm
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import keyring
from pandora_core.vault.format.header import Header, PublicKeys
from pandora_core.vault.format.keyring import ItemType, Keyring

FIRST_EPOCH = 1


class Keys:
    """What is wiped when the vault is locked; hold it for as long as one of its secrets is used."""

    def __init__(self, master: Secret, kek: Secret, keyring: Keyring) -> None:
        self.master = master
        self.kek = kek
        self.keyring = keyring

    @classmethod
    def generate(cls, provider: Provider, profile: Profile) -> Keys:
        """The keys of a new vault.

        Raises:
            ProviderError: a pairwise test failed, or the providers present do not agree on the signing key.
        """
        made = cls(Secret.random(32), Secret.random(32), keyring.fresh(profile, FIRST_EPOCH))
        try:
            confirm_identities(provider, made.keyring)
            pair = new_signing_key(provider, profile.signature)
        except BaseException:
            made.wipe()
            raise
        made.keyring.add(ItemType.SIGNING_SEED, FIRST_EPOCH, pair.seed)
        return made

    @classmethod
    def open(cls, provider: Provider, header: Header, sealed: bytes, master: Secret) -> Keys:
        """Open the keyring with a master key that a slot gave; the keys own it from now on.

        Raises:
            OpenFailedError: the header does not commit to that master key, or header or keyring were changed.
            TamperedError: the public keys that are shown do not belong to the seeds inside.
        """
        kek = header.unwrap_kek(master)
        try:
            opened = Keyring.open(kek, header.profile, header.vault_id, header.epoch, sealed)
        except BaseException:
            kek.wipe()
            raise
        keys = cls(master, kek, opened)
        if not _agree(public_keys(provider, header.profile, opened), header.public):
            keys.wipe()
            raise TamperedError(
                "the vault's public keys were replaced", hint="restore a backup, and ask who wrote it"
            )
        return keys

    @property
    def signing_seed(self) -> Secret:
        return self.keyring.current(ItemType.SIGNING_SEED)

    @cached_property
    def index_key(self) -> Secret:
        return self.keyring.current(ItemType.INDEX_KEY)

    def signing_pair(self, public_key: bytes) -> KeyPair:
        return KeyPair(self.signing_seed, public_key)

    def identities(self) -> list[Identity]:
        """What opens sealed files and deposits, newest first."""
        return self.keyring.identities(ItemType.RECIPIENT_SEED)

    def bundle_identities(self) -> list[Identity]:
        """What opens bundles, newest first."""
        return self.keyring.identities(ItemType.BUNDLE_SEED)

    def wipe(self) -> None:
        """Forget all of it."""
        self.master.wipe()
        self.kek.wipe()
        self.keyring.wipe()


def confirm_identities(provider: Provider, ring: Keyring) -> None:
    """Test the newest identities of a keyring, when they were just made (pairwise test).

    Raises:
        ProviderError: what was sealed to one of them does not open with it.
    """
    for type_ in (ItemType.RECIPIENT_SEED, ItemType.BUNDLE_SEED):
        confirm(provider, ring.identities(type_)[0])


def public_keys(provider: Provider, profile: Profile, ring: Keyring) -> PublicKeys:
    """The public side of a keyring's current seeds; computed, some milliseconds."""
    signer = provider.signer(profile.signature).public_key(ring.current(ItemType.SIGNING_SEED).view)
    recipient = ring.identities(ItemType.RECIPIENT_SEED)[0].recipient(provider)
    return PublicKeys(signer, recipient, ring.identities(ItemType.BUNDLE_SEED)[0].recipient(provider))


def _agree(computed: PublicKeys, shown: PublicKeys) -> bool:
    pairs = (
        (computed.signer, shown.signer),
        (computed.recipient.public_key, shown.recipient.public_key),
        (computed.bundle.public_key, shown.bundle.public_key),
    )
    return all(compare_digest(ours, theirs) for ours, theirs in pairs)
