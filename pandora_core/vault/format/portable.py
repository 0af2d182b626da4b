"""Owns an entry as it travels outside of the database: in deposits and in bundles (format §9.2)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto.envelope import PLAINTEXT_LIMIT_BYTES
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.reader import Reader
from pandora_core.vault.crypto.recipients import Identity
from pandora_core.vault.crypto.secret import Octets, Secret
from pandora_core.vault.crypto.stream import Source, fill
from pandora_core.vault.format import entry, sealed
from pandora_core.vault.format.entry import META_LIMIT_BYTES, Field, Meta
from pandora_core.vault.format.sealed import Content, Destination

MEDIA = "application/vnd.pandora.entry"
LIMIT_BYTES = 4 + META_LIMIT_BYTES + PLAINTEXT_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Parcel:
    """An entry on its way; leave it as a context to wipe its values."""

    meta: Meta
    fields: tuple[Field, ...] = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for each in self.fields:
            each.value.wipe()


class SecretSource:
    """A source over a secret, which stays the caller's."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._secret) - self._at)
        buffer[:count] = self._secret.view[self._at : self._at + count]
        self._at += count
        return count


def encode(meta: Meta, fields: Sequence[Field]) -> Secret:
    """``length u32 ‖ META ‖ SECRET``.

    Raises:
        VaultFormatError: it is out of the bounds of an entry.
    """
    words = entry.encode_meta(meta)
    with entry.encode_fields(fields) as values:
        content = Secret(4 + len(words) + len(values))
        content.view[:4] = len(words).to_bytes(4)
        content.view[4 : 4 + len(words)] = words
        content.view[4 + len(words) :] = values.view
    return content


def decode(content: Octets) -> Parcel:
    """The reverse.

    Raises:
        VaultFormatError: it is not an entry, or out of its bounds.
    """
    reader = Reader(content, "entry")
    size = reader.u32()
    if size > META_LIMIT_BYTES:
        raise VaultFormatError("an entry is out of bounds")
    meta = entry.decode_meta(reader.view(size))
    fields = tuple(entry.decode_fields(reader.view(reader.left_bytes)))
    if tuple(each.name for each in fields) != meta.fields:
        for each in fields:
            each.value.wipe()
        raise VaultFormatError("the fields of an entry are not those that it names")
    return Parcel(meta, fields)


def read(source: Source, size_bytes: int) -> Parcel:
    """An entry of a known size from a source.

    Raises:
        VaultFormatError: as :func:`decode`, or it is too long.
    """
    if size_bytes > LIMIT_BYTES:
        raise VaultFormatError("an entry is out of bounds")
    with Secret(max(size_bytes, 1)) as content:
        if fill(source, content.view[:size_bytes]) != size_bytes:
            raise VaultFormatError("an entry is cut short")
        return decode(content.view[:size_bytes])


def seal_deposit(provider: Provider, to: Destination, note: sealed.Note, parcel: Parcel) -> bytes:
    """A deposit: an entry that only the vault's identity opens."""
    sink = io.BytesIO()
    with encode(parcel.meta, parcel.fields) as content:
        sealed.seal_file(provider, to, note, SecretSource(content), sink, content=Content.ENTRY).dek.wipe()
    return sink.getvalue()


def open_deposit(provider: Provider, vault_id: bytes, identities: Sequence[Identity], deposit: bytes) -> Parcel:
    """What was deposited, and by whom it says it was in its note.

    Raises:
        VaultFormatError: not a deposit of this vault.
        OpenFailedError: sealed to somebody else, or changed.
    """
    source = io.BytesIO(deposit)
    header = sealed.read_header(source)
    if header.label.content is not Content.ENTRY or header.label.vault_id != vault_id:
        raise VaultFormatError("not a deposit of this vault")
    with (
        unwrap_any(provider, header, identities) as dek,
        sealed.OpenedFile(header, dek, source) as file,
        Secret(len(deposit)) as content,  # what is sealed is longer than what is inside
    ):
        size = fill(file.data, content.view)
        return decode(content.view[:size])


def unwrap_any(provider: Provider, header: sealed.Header, identities: Sequence[Identity]) -> Secret:
    """A file's DEK with whichever identity it is sealed to.

    Raises:
        OpenFailedError: with none of them.
    """
    for identity in identities:
        try:
            return sealed.unwrap_dek(provider, header, identity)
        except OpenFailedError:
            continue
    raise OpenFailedError
