"""Owns sealed files: evidence of any size, and deposits into a locked vault (format §9)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hmac import compare_digest
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import hpke, kdf
from pandora_core.vault.crypto.envelope import (
    COMMITMENT_BYTES,
    ENTROPY_BYTES,
    OVERHEAD_BYTES,
    PADDING_STEP_BYTES,
    SALT_BYTES,
    Context,
    Kind,
    aead,
    hedged_salt,
    open_envelope,
    seal,
)
from pandora_core.vault.crypto.profiles import TAG_BYTES, Profile, profile_by_id
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.reader import Reader
from pandora_core.vault.crypto.recipients import FINGERPRINT_BYTES, Identity, Recipient
from pandora_core.vault.crypto.secret import Secret, random_bytes
from pandora_core.vault.crypto.stream import CHUNK_BYTES, ChunkOpener, ChunkSealer, Sink, Source, fill, read_exactly

MAGIC = b"pandora-sealed/1"
STANZAS = range(1, 8 + 1)
NOTE_BYTES = range(OVERHEAD_BYTES + PADDING_STEP_BYTES, OVERHEAD_BYTES + 65_536 + 1)
_HPKE_LABEL = b"pandora-vault/v1 file"
_LABEL_BYTES = 52
_CHUNK_BITS = CHUNK_BYTES.bit_length() - 1
_WRAPPED_DEK_BYTES = kdf.KEY_BYTES + TAG_BYTES


class Content(IntEnum):
    """What is sealed."""

    FILE = 1
    ENTRY = 2


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file when it is sealed; sealed with it."""

    name: str
    sealed_ms: int
    actor: str = ""
    host: str = ""
    media: str = ""


class Stanza(NamedTuple):
    """The file's DEK for one recipient."""

    fingerprint: bytes
    sealed: hpke.Sealed


@dataclass(frozen=True, slots=True)
class Label:
    """The fixed bytes at the start: for which vault, which file, what is in it."""

    profile: Profile
    content: Content
    vault_id: bytes
    file_id: bytes
    stanza_count: int

    def encode(self) -> bytes:
        numbers = bytes((self.profile.id, self.content, _CHUNK_BITS, self.stanza_count))
        return MAGIC + numbers + self.vault_id + self.file_id


@dataclass(frozen=True, slots=True)
class Header:
    """All before the chunks; hostile until the DEK opened the note."""

    label: Label
    stanzas: tuple[Stanza, ...]
    note: bytes
    salt: bytes
    commitment: bytes

    def encode(self) -> bytes:
        """The bytes at the head of the file."""
        return _before_salt(self.label, self.stanzas, self.note) + self.salt + self.commitment


class SealedFile(NamedTuple):
    """What is known after sealing. The vault keeps the DEK of its own files; a depositor wipes it."""

    header: Header
    dek: Secret
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Destination:
    """For which vault a file is sealed, and who opens it.

    Raises:
        VaultFormatError: no recipient, more than eight, or one of another suite than the profile's.
    """

    profile: Profile
    vault_id: bytes
    recipients: tuple[Recipient, ...]

    def __post_init__(self) -> None:
        suite = self.profile.suite
        if len(self.recipients) not in STANZAS or any(each.suite != suite for each in self.recipients):
            raise VaultFormatError(f"a sealed file has 1 to 8 recipients of {suite.name}")


def seal_file(
    provider: Provider,
    to: Destination,
    note: Note,
    source: Source,
    sink: Sink,
    *,
    content: Content = Content.FILE,
) -> SealedFile:
    """Seal a source of any size; needs public keys only.

    Raises:
        VaultFormatError: the note is longer than 64 KiB.
    """
    label = Label(to.profile, content, to.vault_id, random_bytes(16), len(to.recipients))
    dek = Secret.random(kdf.KEY_BYTES)
    info = _hpke_info(label)
    stanzas = tuple(Stanza(each.fingerprint, each.seal(provider, info, dek.view)) for each in to.recipients)
    words = msgspec.json.encode(note)
    sealed_note = seal(dek, _note_context(label, stanzas), words, random_bytes(ENTROPY_BYTES))
    if len(sealed_note) not in NOTE_BYTES:
        raise VaultFormatError("the note of a sealed file is too long")
    salt = hedged_salt(dek, random_bytes(ENTROPY_BYTES), words)
    with _stream_keys(label, dek, _before_salt(label, stanzas, sealed_note), salt) as keys:
        header = Header(label, stanzas, sealed_note, salt, bytes(keys.view[kdf.KEY_BYTES :]))
        sink.write(memoryview(header.encode()))
        with ChunkSealer(aead(to.profile.aead, keys.view[: kdf.KEY_BYTES]), sink) as sealer:
            size = sealer.write_from(source)
    return SealedFile(header, dek, size)


def read_header(source: Source) -> Header:
    """Read what is before the chunks; at most 80 KiB.

    Raises:
        VaultFormatError: not a sealed file, of another version, out of bounds, or cut short.
    """
    magic = bytearray(len(MAGIC))
    fill(source, memoryview(magic))
    if magic != MAGIC:
        raise VaultFormatError("not a file that a vault sealed")
    label = _decode_label(read_exactly(source, _LABEL_BYTES - len(MAGIC), "sealed file"))
    suite = label.profile.suite
    size = FINGERPRINT_BYTES + suite.enc_bytes + _WRAPPED_DEK_BYTES
    reader = Reader(read_exactly(source, label.stanza_count * size, "sealed file"), "sealed file")
    stanzas = tuple(
        Stanza(
            reader.take(FINGERPRINT_BYTES), hpke.Sealed(reader.take(suite.enc_bytes), reader.take(_WRAPPED_DEK_BYTES))
        )
        for _ in range(label.stanza_count)
    )
    note_bytes = int.from_bytes(read_exactly(source, 4, "sealed file"))
    if note_bytes not in NOTE_BYTES:
        raise VaultFormatError("the note of a sealed file is out of bounds")
    note = read_exactly(source, note_bytes, "sealed file")
    salt = read_exactly(source, SALT_BYTES, "sealed file")
    return Header(label, stanzas, note, salt, read_exactly(source, COMMITMENT_BYTES, "sealed file"))


def unwrap_dek(provider: Provider, header: Header, identity: Identity) -> Secret:
    """The file's DEK.

    Raises:
        OpenFailedError: the file is not sealed to this identity, or was changed.
    """
    fingerprint = identity.recipient(provider).fingerprint
    for stanza in header.stanzas:
        if stanza.fingerprint == fingerprint and identity.suite == header.label.profile.suite:
            return identity.open(provider, _hpke_info(header.label), stanza.sealed)
    raise OpenFailedError


class OpenedFile:
    """A sealed file being read: its note, and a source of its data that ends in an error if it is not whole."""

    def __init__(self, header: Header, dek: Secret, source: Source) -> None:
        """Check note and commitment; the source stands behind the header.

        Raises:
            OpenFailedError: the DEK is not the file's, or the header was changed.
        """
        label = header.label
        with open_envelope(dek, _note_context(label, header.stanzas), header.note) as words:
            self.note = _decode_note(words.view)
        with _stream_keys(label, dek, _before_salt(label, header.stanzas, header.note), header.salt) as keys:
            if not compare_digest(keys.view[kdf.KEY_BYTES :], header.commitment):
                raise OpenFailedError
            self.data = ChunkOpener(aead(label.profile.aead, keys.view[: kdf.KEY_BYTES]), source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.data.wipe()


def _decode_label(fixed: bytes) -> Label:
    reader = Reader(fixed, "sealed file")
    profile = profile_by_id(reader.u8())
    content, chunk_bits, stanza_count = reader.u8(), reader.u8(), reader.u8()
    if content not in set(Content) or chunk_bits != _CHUNK_BITS or stanza_count not in STANZAS:
        raise VaultFormatError("the sealed file is out of bounds", hint="a newer Pandora may know it")
    return Label(profile, Content(content), reader.take(16), reader.take(16), stanza_count)


def _decode_note(words: memoryview) -> Note:
    try:
        return msgspec.json.decode(words, type=Note)
    except msgspec.MsgspecError:
        raise VaultFormatError("the note of the sealed file is not understood") from None


def _hpke_info(label: Label) -> bytes:
    return _HPKE_LABEL + label.encode()[len(MAGIC) :]


def _before_note(label: Label, stanzas: Sequence[Stanza]) -> bytes:
    return label.encode() + b"".join(part for stanza in stanzas for part in (stanza.fingerprint, *stanza.sealed))


def _before_salt(label: Label, stanzas: Sequence[Stanza], note: bytes) -> bytes:
    return _before_note(label, stanzas) + len(note).to_bytes(4) + note


def _note_context(label: Label, stanzas: Sequence[Stanza]) -> Context:
    bound = hashlib.sha384(_before_note(label, stanzas)).digest()
    return Context(Kind.NOTE, label.profile, label.vault_id, label.file_id, extra=bound)


def _stream_keys(label: Label, dek: Secret, before_salt: bytes, salt: bytes) -> Secret:
    bound = hashlib.sha384(before_salt).digest()
    info = Context(Kind.STREAM, label.profile, label.vault_id, label.file_id, extra=bound).encode()
    return kdf.derive(dek.view, salt=salt, info=info, size_bytes=kdf.KEY_BYTES + COMMITMENT_BYTES)
