"""Owns entries: a DEK for each version, what is shown of it (META) apart from what is secret (format §7)."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.envelope import ENTROPY_BYTES, Context, Kind, Scratch, open_envelope, padded_size, seal
from pandora_core.vault.crypto.profiles import Profile
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes

KINDS = ("token", "login", "note", "totp", "key", "file")
NAME_TAG_BYTES = 24
FIELDS_LIMIT = 1024
META_LIMIT_BYTES = 56 * 1024
_COUNT_BYTES, _NAME_LENGTH_BYTES, _VALUE_LENGTH_BYTES = 2, 1, 4
_SHORT_SECRET_BYTES = 4096


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a list shows: no secret, but sealed all the same."""

    name: str
    kind: str
    created_ms: int
    changed_ms: int
    tags: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    note: str = ""


_META = msgspec.json.Decoder(Meta)


class Field(NamedTuple):
    """One value under a name; the value never becomes a string here."""

    name: str
    value: Secret


@dataclass(frozen=True, slots=True)
class Address:
    """Which version of which entry in which vault; ``written_epoch`` is the epoch it was written in."""

    profile: Profile
    vault_id: bytes
    entry_id: bytes
    version: int
    written_epoch: int


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """The sealed columns of a row."""

    wrapped: bytes
    meta: bytes
    secret: bytes


def seal_entry(kek: Secret, epoch: int, address: Address, meta: Meta, fields: Sequence[Field]) -> SealedEntry:
    """Seal a new version under a fresh DEK; ``epoch`` is that of the KEK.

    Raises:
        VaultFormatError: META is over 56 KiB, or the fields are not allowed.
    """
    words = encode_meta(meta)
    with Secret.random(kdf.KEY_BYTES) as dek, encode_fields(fields) as secret:
        return SealedEntry(
            wrap_dek(kek, epoch, address, dek),
            seal(dek, _context(Kind.META, address), words, random_bytes(ENTROPY_BYTES)),
            seal(dek, _context(Kind.SECRET, address), secret.view, random_bytes(ENTROPY_BYTES)),
        )


def wrap_dek(kek: Secret, epoch: int, address: Address, dek: Secret) -> bytes:
    """Wrap a DEK for an epoch."""
    return seal(kek, _dek_context(epoch, address), dek.view, random_bytes(ENTROPY_BYTES))


def unwrap_dek(kek: Secret, epoch: int, address: Address, wrapped: Octets) -> Secret:
    """The DEK of a version.

    Raises:
        OpenFailedError: it is of another entry, version, epoch or vault, or was changed.
    """
    return open_envelope(kek, _dek_context(epoch, address), wrapped)


def open_meta(dek: Secret, address: Address, sealed: Octets) -> Meta:
    """What a list shows of a version.

    Raises:
        OpenFailedError: it belongs elsewhere, or was changed.
        VaultFormatError: it is genuine, and not understood.
    """
    with open_envelope(dek, _context(Kind.META, address), sealed) as words:
        return decode_meta(words.view)


def open_secret(dek: Secret, address: Address, sealed: Octets) -> list[Field]:
    """The values of a version; wipe them after use.

    Raises:
        OpenFailedError: it belongs elsewhere, or was changed.
        VaultFormatError: it is genuine, and not understood.
    """
    with open_envelope(dek, _context(Kind.SECRET, address), sealed) as content:
        return decode_fields(content.view)


class Row(Protocol):
    """The columns of a version that a list needs."""

    @property
    def id(self) -> bytes: ...
    @property
    def version(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def wrapped(self) -> bytes: ...
    @property
    def meta(self) -> bytes: ...


class Opener:
    """Opens versions one after another in memory of its own; for one thread at a time.

    What :func:`unwrap_dek`, :func:`open_meta` and :func:`open_secret` do step by step, at half the price. Clear it
    after use, wipe it in the end.
    """

    def __init__(self, profile: Profile, vault_id: bytes) -> None:
        self._deks = Scratch(Kind.DEK, profile, vault_id, kdf.KEY_BYTES)
        self._metas = Scratch(Kind.META, profile, vault_id, padded_size(META_LIMIT_BYTES))
        self._secrets = Scratch(Kind.SECRET, profile, vault_id, _SHORT_SECRET_BYTES)
        self._longer = partial(Scratch, Kind.SECRET, profile, vault_id)

    def unwrap(self, kek: Secret, epoch: int, row: Row) -> memoryview:
        """The DEK, in place until the next one; ``epoch`` is that of the KEK.

        Raises:
            OpenFailedError: it is of another entry, version, epoch or vault, or was changed.
        """
        return self._deks.open(kek.view, row.id, epoch, row.version, row.wrapped)

    def meta(self, dek: memoryview, row: Row) -> Meta:
        """What a list shows.

        Raises:
            OpenFailedError: it belongs elsewhere, or was changed.
            VaultFormatError: it is genuine, and not understood.
        """
        return decode_meta(self._metas.open(dek, row.id, row.epoch, row.version, row.meta))

    def fields(self, dek: memoryview, row: Row, sealed: bytes) -> list[Field]:
        """The values; wipe them after use. Raises as :meth:`meta`."""
        if len(sealed) <= _SHORT_SECRET_BYTES:
            return decode_fields(self._secrets.open(dek, row.id, row.epoch, row.version, sealed))
        with self._longer(len(sealed)) as scratch:
            return decode_fields(scratch.open(dek, row.id, row.epoch, row.version, sealed))

    def clear(self) -> None:
        """Overwrite what was opened last."""
        for scratch in (self._deks, self._metas, self._secrets):
            scratch.clear()

    def wipe(self) -> None:
        """Overwrite everything and give the memory back."""
        for scratch in (self._deks, self._metas, self._secrets):
            scratch.wipe()


def name_tag(index_key: Secret, name: str) -> bytes:
    """What an entry is looked up by: a keyed hash of its name, which without the key says nothing of it."""
    return hmac.digest(index_key.view, unicodedata.normalize("NFC", name).encode(), "sha384")[:NAME_TAG_BYTES]


def encode_meta(meta: Meta) -> bytes:
    """The content of META.

    Raises:
        VaultFormatError: it is over 56 KiB.
    """
    words = msgspec.json.encode(meta)
    if len(words) > META_LIMIT_BYTES:
        raise VaultFormatError(
            "name, tags and note of an entry are too long", hint="keep long text in a hidden field"
        )
    return words


def decode_meta(words: Octets) -> Meta:
    """The reverse.

    Raises:
        VaultFormatError: a member is unknown, missing or of another type.
    """
    try:
        return _META.decode(words)
    except msgspec.MsgspecError:
        raise VaultFormatError("an entry is not understood", hint="a newer Pandora may know it") from None


def encode_fields(fields: Sequence[Field]) -> Secret:
    """The content of SECRET.

    Raises:
        VaultFormatError: a name is empty, too long or there twice, or they are too many.
    """
    names = [field.name.encode() for field in fields]
    if len(set(names)) < len(names) or len(names) > FIELDS_LIMIT or not all(0 < len(name) < 256 for name in names):
        raise VaultFormatError("an entry has at most 1,024 fields, of different names of 1 to 255 bytes")
    heads = [
        bytes((len(name),)) + name + len(field.value).to_bytes(4) for name, field in zip(names, fields, strict=True)
    ]
    content = Secret(_COUNT_BYTES + sum(map(len, heads)) + sum(len(field.value) for field in fields))
    content.view[:_COUNT_BYTES] = len(fields).to_bytes(_COUNT_BYTES)
    at = _COUNT_BYTES
    for head, field in zip(heads, fields, strict=True):
        content.view[at : at + len(head)] = head
        at += len(head)
        content.view[at : at + len(field.value)] = field.value.view
        at += len(field.value)
    return content


def decode_fields(content: Octets) -> list[Field]:
    """The fields of SECRET.

    Raises:
        VaultFormatError: a length or name is not allowed.
    """
    octets, at, fields = memoryview(content), _COUNT_BYTES, {}
    count, size = int.from_bytes(octets[:at]), len(octets)
    if size < at or count > FIELDS_LIMIT:
        raise VaultFormatError("an entry has at most 1,024 fields")
    for _ in range(count):  # spelled out, since a read of some 40 µs is made here
        name_at = at + _NAME_LENGTH_BYTES
        length_at = name_at + (octets[at] if at < size else 0)
        value_at = length_at + _VALUE_LENGTH_BYTES
        at = value_at + int.from_bytes(octets[length_at:value_at])
        if value_at > size or at > size:
            raise VaultFormatError("the secret part of an entry is cut short")
        fields[_field_name(octets[name_at:length_at])] = octets[value_at:at]
    if at != size:
        raise VaultFormatError("something follows the secret part of an entry")
    if len(fields) < count:
        raise VaultFormatError("an entry has two fields of one name")
    return [Field(name, Secret.copy_of(value)) for name, value in fields.items()]


def _field_name(octets: memoryview) -> str:
    try:
        name = str(octets, "utf-8")
    except UnicodeDecodeError:
        raise VaultFormatError("a field of an entry has no readable name") from None
    if not name:
        raise VaultFormatError("a field of an entry has no name")
    return name


def _dek_context(epoch: int, address: Address) -> Context:
    return Context(Kind.DEK, address.profile, address.vault_id, address.entry_id, epoch, address.version)


def _context(kind: Kind, address: Address) -> Context:
    return Context(kind, address.profile, address.vault_id, address.entry_id, address.written_epoch, address.version)
