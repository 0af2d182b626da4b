"""Owns entries: a DEK for each version, what is shown of it (META) apart from what is secret (format §7)."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pandora_core.errors import VaultFormatError
from pandora_core.vault import kdf
from pandora_core.vault.envelope import ENTROPY_BYTES, Context, Kind, Scratch, open_envelope, padded_size, seal
from pandora_core.vault.profiles import Profile
from pandora_core.vault.reader import Reader
from pandora_core.vault.secret import Octets, Secret, random_bytes

KINDS = ("token", "login", "note", "totp", "key", "file")
NAME_TAG_BYTES = 24
FIELDS_LIMIT = 1024
META_LIMIT_BYTES = 56 * 1024
_COUNT_BYTES, _NAME_LENGTH_BYTES, _VALUE_LENGTH_BYTES = 2, 1, 4


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


class Row(NamedTuple):
    """What of a version a list needs."""

    address: Address
    wrapped: bytes
    meta: bytes


def open_metas(kek: Secret, epoch: int, rows: Iterable[Row]) -> Iterator[Meta]:
    """What a list shows of many versions, in their order: a third cheaper than one by one.

    Raises:
        OpenFailedError: a row belongs elsewhere, or was changed.
        VaultFormatError: one is genuine, and not understood.
    """
    with Scratch(kdf.KEY_BYTES) as deks, Scratch(padded_size(META_LIMIT_BYTES)) as metas:
        for address, wrapped, sealed in rows:
            dek = deks.open(kek.view, _dek_context(epoch, address), wrapped)
            yield decode_meta(metas.open(dek, _context(Kind.META, address), sealed))


def open_secret(dek: Secret, address: Address, sealed: Octets) -> list[Field]:
    """The values of a version; wipe them after use.

    Raises:
        OpenFailedError: it belongs elsewhere, or was changed.
        VaultFormatError: it is genuine, and not understood.
    """
    with open_envelope(dek, _context(Kind.SECRET, address), sealed) as content:
        return decode_fields(content.view)


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
        return msgspec.json.decode(words, type=Meta)
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
    reader = Reader(content, "secret part of an entry")
    count = reader.u16()
    if count > FIELDS_LIMIT:
        raise VaultFormatError("an entry has at most 1,024 fields")
    fields = [_read_field(reader) for _ in range(count)]
    reader.end()
    if len({field.name for field in fields}) < count:
        raise VaultFormatError("an entry has two fields of one name")
    return fields


def _read_field(reader: Reader) -> Field:
    try:
        name = reader.take(reader.u8()).decode()
    except UnicodeDecodeError:
        raise VaultFormatError("a field of an entry has no readable name") from None
    if not name:
        raise VaultFormatError("a field of an entry has no name")
    return Field(name, Secret.copy_of(reader.view(reader.u32())))


def _dek_context(epoch: int, address: Address) -> Context:
    return Context(Kind.DEK, address.profile, address.vault_id, address.entry_id, epoch, address.version)


def _context(kind: Kind, address: Address) -> Context:
    return Context(kind, address.profile, address.vault_id, address.entry_id, address.written_epoch, address.version)
