"""Owns slots: each wraps the master key for one way in; their bytes are hostile until checked (format §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import hpke, kdf, recipients, shares
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, KEY_ENVELOPE_BYTES, Context, Kind, open_envelope, seal
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.profiles import TAG_BYTES, Profile, profile_by_id
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.reader import FORMAT_VERSION, Reader
from pandora_core.vault.crypto.recipients import Identity, Recipient
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes
from pandora_core.vault.format.keyfile import ID_BYTES, KeyFile

MAGIC = b"PVSL"
WRAPPED_KEY_BYTES = kdf.KEY_BYTES + TAG_BYTES
_HPKE_LABEL = b"pandora-vault/v1 slot"


class SlotType(IntEnum):
    """The ways in."""

    PASSPHRASE = 1
    KEY_FILE = 2
    PASSPHRASE_AND_KEY_FILE = 3
    RECIPIENT = 4
    SHARES = 5


_WITH_PASSPHRASE = frozenset({SlotType.PASSPHRASE, SlotType.PASSPHRASE_AND_KEY_FILE})
_WITH_KEY_FILE = frozenset({SlotType.KEY_FILE, SlotType.PASSPHRASE_AND_KEY_FILE})
_WITH_RECIPIENT = frozenset({SlotType.RECIPIENT, SlotType.SHARES})


class Credentials(NamedTuple):
    """What opens a slot of type 1, 2 or 3."""

    passphrase: Secret | None = None
    key_file: KeyFile | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Which vault, which slot, which master key."""

    profile: Profile
    vault_id: bytes
    slot_id: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """How a passphrase is stretched."""

    cost: Argon2Cost
    salt: bytes


@dataclass(frozen=True, slots=True)
class Addressed:
    """A slot key under a public key."""

    recipient: Recipient
    sealed: hpke.Sealed


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot, decoded; what its type has no use for is ``None``."""

    place: Place
    type: SlotType
    envelope: bytes
    stretch: Stretch | None = None
    key_file_id: bytes | None = None
    terms: shares.Terms | None = None
    identifier: int | None = None
    addressed: Addressed | None = None

    def encode(self) -> bytes:
        """Its bytes, of a length that type and profile fix."""
        return self._before_envelope() + self.envelope

    def _before_envelope(self) -> bytes:
        sealed = self.addressed.sealed if self.addressed else hpke.Sealed(b"", b"")
        return self._before_enc() + sealed.enc + sealed.ciphertext

    def _before_enc(self) -> bytes:
        place = self.place
        head = MAGIC + bytes((FORMAT_VERSION, self.type, place.profile.id, 0))
        parts = [head, place.vault_id, place.slot_id, place.generation.to_bytes(4)]
        if self.stretch:
            cost = self.stretch.cost
            parts += [number.to_bytes(4) for number in (cost.memory_kib, cost.passes, cost.lanes)]
            parts.append(self.stretch.salt)
        if self.key_file_id is not None:
            parts.append(self.key_file_id)
        if self.terms and self.identifier is not None:
            parts += [bytes((self.terms.threshold, self.terms.shares)), self.identifier.to_bytes(2)]
        if self.addressed:
            parts.append(self.addressed.recipient.public_key)
        return b"".join(parts)


def decode(data: Octets) -> Slot:
    """Read a slot; nothing is derived or allocated from its numbers before they are within bounds.

    Raises:
        VaultFormatError: not a slot, of another version, out of bounds, or of the wrong length.
    """
    reader = Reader(data, "slot")
    reader.expect(MAGIC)
    reader.expect(bytes((FORMAT_VERSION,)))
    type_ = _read_type(reader)
    profile = profile_by_id(reader.u8())
    reader.expect(b"\0")
    place = Place(profile, reader.take(16), reader.take(16), reader.u32())
    stretch = _read_stretch(reader) if type_ in _WITH_PASSPHRASE else None
    key_file_id = reader.take(ID_BYTES) if type_ in _WITH_KEY_FILE else None
    terms = shares.Terms(reader.u8(), reader.u8()) if type_ is SlotType.SHARES else None
    identifier = reader.u16() if type_ is SlotType.SHARES else None
    addressed = _read_addressed(reader, profile) if type_ in _WITH_RECIPIENT else None
    envelope = reader.take(KEY_ENVELOPE_BYTES)
    reader.end()
    return Slot(place, type_, envelope, stretch, key_file_id, terms, identifier, addressed)


def wrap_for_credentials(place: Place, master: Secret, credentials: Credentials, cost: Argon2Cost) -> Slot:
    """A slot for a passphrase, a key file, or both together; the type follows from what is given."""
    stretch = Stretch(cost, random_bytes(kdf.ARGON2_SALT_BYTES)) if credentials.passphrase else None
    key_file_id = credentials.key_file.id if credentials.key_file else None
    slot = Slot(place, _type_of(credentials), b"", stretch, key_file_id)
    with _credential_key(slot, credentials) as slot_key:
        return _with_envelope(slot, slot_key, master)


def wrap_for_recipient(provider: Provider, place: Place, master: Secret, recipient: Recipient) -> Slot:
    """A slot for somebody's public key.

    Raises:
        VaultFormatError: the key is of another suite than the profile's.
    """
    if recipient.suite != place.profile.suite:
        raise VaultFormatError(
            f"a recipient of {recipient.suite.name} does not fit a vault of profile {place.profile.name}",
            hint=f"give one of {place.profile.suite.name}",
        )
    return _address(provider, Slot(place, SlotType.RECIPIENT, b""), recipient, master)


class WithShares(NamedTuple):
    """A slot and the shares that open it; the words are to be written down, then forgotten."""

    slot: Slot
    mnemonics: tuple[str, ...]


def wrap_for_shares(provider: Provider, place: Place, master: Secret, terms: shares.Terms) -> WithShares:
    """A slot for recovery shares."""
    with Secret.random(kdf.KEY_BYTES) as shared:
        split = shares.split(shared.view, terms)
        made = _identity_of_shares(provider, place, shared)
    with made.identity.seed:
        slot = Slot(place, SlotType.SHARES, b"", terms=terms, identifier=split.identifier)
        return WithShares(_address(provider, slot, made.recipient, master), split.mnemonics)


def rewrap(provider: Provider, slot: Slot, generation: int, master: Secret) -> Slot:
    """The same slot around a new master key. Only slots with a public key can do without their secret.

    Raises:
        VaultFormatError: it is a slot of another type.
    """
    if slot.addressed is None:
        raise VaultFormatError("a slot for a passphrase or key file is wrapped anew with these only")
    place = replace(slot.place, generation=generation)
    return _address(provider, replace(slot, place=place, addressed=None), slot.addressed.recipient, master)


def unwrap_with_credentials(slot: Slot, credentials: Credentials) -> Secret:
    """The master key, with passphrase, key file or both.

    Raises:
        OpenFailedError: they are not the slot's.
    """
    with _credential_key(slot, credentials) as slot_key:
        return _open(slot, slot_key)


def unwrap_with_identity(provider: Provider, slot: Slot, identity: Identity) -> Secret:
    """The master key, with a recipient's identity.

    Raises:
        OpenFailedError: it is not the slot's.
    """
    if slot.addressed is None or identity.suite != slot.place.profile.suite:
        raise OpenFailedError
    with identity.open(provider, _hpke_info(slot), slot.addressed.sealed) as slot_key:
        return _open(slot, slot_key)


def unwrap_with_shares(provider: Provider, slot: Slot, mnemonics: Sequence[str]) -> Secret:
    """The master key, with enough recovery shares.

    Raises:
        VaultFormatError: a share is mistyped.
        VaultError: they are too few.
        OpenFailedError: they are not the slot's.
    """
    if slot.type is not SlotType.SHARES:
        raise OpenFailedError
    with shares.join(mnemonics) as shared:
        made = _identity_of_shares(provider, slot.place, shared)
    with made.identity.seed:
        return unwrap_with_identity(provider, slot, made.identity)


def _type_of(credentials: Credentials) -> SlotType:
    if credentials.passphrase and credentials.key_file:
        return SlotType.PASSPHRASE_AND_KEY_FILE
    if credentials.key_file:
        return SlotType.KEY_FILE
    if credentials.passphrase:
        return SlotType.PASSPHRASE
    raise VaultFormatError("a slot needs a passphrase or a key file")


def _read_type(reader: Reader) -> SlotType:
    number = reader.u8()
    try:
        return SlotType(number)
    except ValueError:
        raise VaultFormatError(
            f"slots of type {number} are not known", hint="a newer Pandora may know them"
        ) from None


def _read_stretch(reader: Reader) -> Stretch:
    return Stretch(Argon2Cost(reader.u32(), reader.u32(), reader.u32()), reader.take(kdf.ARGON2_SALT_BYTES))


def _read_addressed(reader: Reader, profile: Profile) -> Addressed:
    recipient = Recipient(profile.suite, reader.take(profile.suite.public_key_bytes))
    return Addressed(recipient, hpke.Sealed(reader.take(profile.suite.enc_bytes), reader.take(WRAPPED_KEY_BYTES)))


def _credential_key(slot: Slot, credentials: Credentials) -> Secret:
    """The key of a slot of type 1, 2 or 3. What is missing, too much, or another key file fails like a wrong one."""
    if slot.addressed or _type_of(credentials) is not slot.type:
        raise OpenFailedError
    stretched_bytes = kdf.KEY_BYTES if slot.stretch else 0
    key_file_bytes = kdf.KEY_BYTES if credentials.key_file else 0
    with Secret(stretched_bytes + key_file_bytes) as ikm:
        if credentials.key_file:
            ikm.view[stretched_bytes:] = credentials.key_file.key.view
        if slot.stretch and credentials.passphrase:
            with kdf.stretch_passphrase(credentials.passphrase, slot.stretch.salt, slot.stretch.cost) as stretched:
                ikm.view[:stretched_bytes] = stretched.view
        place = slot.place
        info = Context(Kind.SLOT_KEY, place.profile, place.vault_id, place.slot_id).encode()
        return kdf.derive(ikm.view, salt=place.slot_id, info=info, size_bytes=kdf.KEY_BYTES)


def _identity_of_shares(provider: Provider, place: Place, shared: Secret) -> recipients.NewIdentity:
    suite = place.profile.suite
    info = Context(Kind.SHARES, place.profile, place.vault_id, place.slot_id).encode()
    seed = kdf.derive(shared.view, salt=place.slot_id, info=info, size_bytes=suite.seed_bytes)
    return recipients.from_seed(provider, suite, seed)


def _address(provider: Provider, slot: Slot, recipient: Recipient, master: Secret) -> Slot:
    """Seal a fresh slot key to a recipient, and the master key under it."""
    unsealed = replace(slot, addressed=Addressed(recipient, hpke.Sealed(b"", b"")))
    with Secret.random(kdf.KEY_BYTES) as slot_key:
        sealed = recipient.seal(provider, _hpke_info(unsealed), slot_key.view)
        return _with_envelope(replace(slot, addressed=Addressed(recipient, sealed)), slot_key, master)


def _with_envelope(slot: Slot, slot_key: Secret, master: Secret) -> Slot:
    if len(master) != kdf.KEY_BYTES:
        raise ValueError(f"a master key has {kdf.KEY_BYTES} bytes")
    return replace(slot, envelope=seal(slot_key, _context(slot), master.view, random_bytes(ENTROPY_BYTES)))


def _open(slot: Slot, slot_key: Secret) -> Secret:
    return open_envelope(slot_key, _context(slot), slot.envelope)


def _context(slot: Slot) -> Context:
    place = slot.place
    return Context(
        Kind.MASTER, place.profile, place.vault_id, place.slot_id, place.generation, extra=slot._before_envelope()
    )


def _hpke_info(slot: Slot) -> bytes:
    return _HPKE_LABEL + slot._before_enc()
