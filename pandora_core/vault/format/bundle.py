"""Owns bundles, which cross the air gap: age files with a signed manifest first, then the data (format §10).

Nothing unsigned leaves the reader: the manifest carries a hash of every MiB, and a block is handed out only after its
hash was compared.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import NamedTuple

import msgspec

from pandora_core.errors import TamperedError, UntrustedSignerError, VaultError, VaultFormatError
from pandora_core.vault.age import file as age
from pandora_core.vault.age.armor import BEGIN
from pandora_core.vault.age.keys import AgeIdentity
from pandora_core.vault.crypto.lines import LineSource
from pandora_core.vault.crypto.profiles import SIGNATURES
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.recipients import Recipient
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.stream import Sink, Source, fill
from pandora_core.vault.format.manifest import signer_digest

VERSION_LINE = b"pandora-bundle/v1"
SIGNATURE_CONTEXT = b"pandora-vault/v1 bundle"
MANIFEST_LIMIT_BYTES = 16 * 1024 * 1024
MEMBERS_LIMIT = 4096
BLOCK_BYTES = 1024 * 1024
_AGE_MARKS = (age.VERSION_LINE + b"\n", BEGIN)
_DIGEST_BYTES = 48
_SIGNATURE_LINE_LIMIT_BYTES = 16 * 1024
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f]{1,255}\Z")


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file in a bundle, as its signer saw it."""

    name: str
    media: str
    size: int
    sha384: str
    blocks: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed."""

    vault: str
    profile: str
    created_ms: int
    actor: str
    host: str
    note: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Who signs."""

    algorithm: str
    public_key: bytes
    seed: Secret = field(repr=False)


class Outgoing(NamedTuple):
    """A file to be bundled; it is opened twice, first to hash it, then to copy it."""

    name: str
    media: str
    open: Callable[[], Source]


def write(
    provider: Provider,
    key: SigningKey,
    about: Manifest,
    outgoing: Sequence[Outgoing],
    recipients: Sequence[Recipient],
    sink: Sink,
    *,
    armored: bool = False,
) -> Manifest:
    """Write a bundle; ``about`` says all but the members. Returns the manifest as signed.

    Raises:
        VaultFormatError: a name is not allowed, there are too many members, or a recipient is not ``age1pq1…``.
        VaultError: a file changed between the two times it was read.
    """
    manifest = msgspec.structs.replace(about, members=tuple(_describe(each) for each in outgoing))
    _check_members(manifest)
    line = msgspec.json.encode(manifest)
    if len(line) > MANIFEST_LIMIT_BYTES:
        raise VaultFormatError("the manifest of the bundle is over 16 MiB")
    signature = provider.signer(key.algorithm).sign(key.seed.view, line, SIGNATURE_CONTEXT)
    last = b" ".join((key.algorithm.encode(), b64encode(key.public_key), b64encode(signature)))
    with age.Writer(provider, recipients, sink, armored=armored) as writer:
        writer.write(b"\n".join((VERSION_LINE, line, last, b"")))
        for each, member in zip(outgoing, manifest.members, strict=True):
            _copy(each, member, writer)
    return manifest


class Reader:
    """A bundle being read: the manifest, who signed it, and the members in their order."""

    def __init__(
        self,
        provider: Provider,
        source: Source,
        identities: Iterable[AgeIdentity],
        is_trusted: Callable[[bytes], bool],
    ) -> None:
        """Read up to the manifest and verify it; ``is_trusted`` is asked about the signer's public key.

        Raises:
            AgeError: it is not encrypted to any of the identities, or was changed.
            OpenFailedError: the signature does not hold.
            UntrustedSignerError: it holds, and its key is not trusted.
            VaultFormatError: not a bundle, as anybody can see, or out of bounds.
        """
        self._sealed = LineSource(source)
        if not any(map(self._sealed.begins_with, _AGE_MARKS)):
            raise VaultFormatError(
                "not a bundle: it does not begin as an age file", hint="pandora vault export writes bundles"
            )
        self._age = age.Reader(self._sealed, identities)
        self._lines = LineSource(self._age)
        if self._lines.next_line(len(VERSION_LINE) + 1) != VERSION_LINE:
            raise VaultFormatError("not a bundle of a version that is known here")
        signed = _whole_line(self._lines, MANIFEST_LIMIT_BYTES)
        self.algorithm, self.signer, signature = _parse_signature(
            _whole_line(self._lines, _SIGNATURE_LINE_LIMIT_BYTES)
        )
        provider.signer(self.algorithm).verify(self.signer, signed, signature, SIGNATURE_CONTEXT)
        if not is_trusted(self.signer):
            raise UntrustedSignerError(
                f"the bundle is signed well, by a key that is not trusted here: {signer_digest(self.signer).hex()}",
                hint="compare this with the sender's fingerprint (pandora vault recipients), then give it as --trust",
            )
        self.manifest = _parse_manifest(signed)

    def members(self) -> Iterator[tuple[Member, MemberSource]]:
        """Every member with a source of its data; what of it was not read is read over, and checked all the same.

        Raises:
            TamperedError: the data is not what was signed, or something follows it.
        """
        for member in self.manifest.members:
            with _opened(self._lines, member) as source:
                yield member, source
        if self._lines.has_more():
            raise TamperedError("something follows the members of the bundle")

    def wipe(self) -> None:
        """Forget the plaintext at hand."""
        self._lines.wipe()
        self._age.wipe()
        self._sealed.wipe()


class MemberSource:
    """A source of one member; it gives blocks only after comparing their hashes, and so ends whole or in an error."""

    def __init__(self, source: Source, member: Member) -> None:
        self._source = source
        self._name = member.name
        self._left = member.size
        self._blocks = memoryview(b64decode(member.blocks))
        self._whole = hashlib.sha384()
        self._sha384 = member.sha384
        self._block = Secret(BLOCK_BYTES)
        self._unread = self._block.view[:0]

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._unread and self._left:
            self._next_block()
        taken = self._unread[: len(buffer)]
        buffer[: len(taken)] = taken
        self._unread = self._unread[len(taken) :]
        return len(taken)

    def drain(self) -> None:
        """Check all that was not read."""
        while self._left:
            self._next_block()

    def wipe(self) -> None:
        self._unread.release()
        self._block.wipe()

    def _next_block(self) -> None:
        block = self._block.view[: min(self._left, BLOCK_BYTES)]
        expected, self._blocks = self._blocks[:_DIGEST_BYTES], self._blocks[_DIGEST_BYTES:]
        read = fill(self._source, block)
        if read != len(block) or not compare_digest(hashlib.sha384(block).digest(), expected):
            raise TamperedError(f"{self._name!r} is not what was signed")
        self._whole.update(block)
        self._left -= read
        if not self._left and self._whole.hexdigest() != self._sha384:
            raise TamperedError(f"{self._name!r} is not what was signed")
        self._unread = block


def _describe(outgoing: Outgoing) -> Member:
    """First reading: hash a file and each of its blocks."""
    whole, blocks, size = hashlib.sha384(), bytearray(), 0
    source = outgoing.open()
    with Secret(BLOCK_BYTES) as buffer:
        while count := fill(source, buffer.view):
            block = buffer.view[:count]
            whole.update(block)
            blocks += hashlib.sha384(block).digest()
            size += count
    return Member(outgoing.name, outgoing.media, size, whole.hexdigest(), b64encode(blocks).decode())


def _copy(outgoing: Outgoing, member: Member, writer: age.Writer) -> None:
    """Second reading: what is written is what was hashed."""
    source = outgoing.open()
    checked = MemberSource(source, member)
    try:
        writer.write_from(checked)
        changed = fill(source, memoryview(bytearray(1))) > 0
    except TamperedError:
        changed = True
    finally:
        checked.wipe()
    if changed:
        raise VaultError(f"{member.name!r} changed while it was bundled", hint="bundle a copy of it")


@contextmanager
def _opened(source: Source, member: Member) -> Iterator[MemberSource]:
    opened = MemberSource(source, member)
    try:
        yield opened
        opened.drain()
    finally:
        opened.wipe()


def _whole_line(lines: LineSource, limit_bytes: int) -> bytes:
    line = lines.next_line(limit_bytes + 1)
    if line is None or len(line) > limit_bytes:
        raise VaultFormatError("the head of the bundle is out of bounds")
    return line


def _parse_signature(line: bytes) -> tuple[str, bytes, bytes]:
    algorithm, *encoded = line.split(b" ")
    name = algorithm.decode("ascii", "replace")
    if name not in SIGNATURES or name == "ML-DSA-44" or len(encoded) != 2:
        raise VaultFormatError("the bundle's signature is of a kind that is not known here")
    public_key, signature = (_canonical(part) for part in encoded)
    return name, public_key, signature


def _canonical(encoded: bytes) -> bytes:
    try:
        octets = b64decode(encoded, validate=True)
    except Base64Error:
        raise VaultFormatError("the bundle's signature is not base64") from None
    if b64encode(octets) != encoded:  # bits left over
        raise VaultFormatError("the bundle's signature is not base64")
    return octets


def _parse_manifest(line: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(line, type=Manifest)
    except msgspec.MsgspecError:
        raise VaultFormatError(
            "the bundle's manifest is not understood", hint="a newer Pandora may know it"
        ) from None
    _check_members(manifest)
    return manifest


def _check_members(manifest: Manifest) -> None:
    """Names that are safe as file names, and as many hashes as blocks."""
    if len(manifest.members) > MEMBERS_LIMIT or len({each.name for each in manifest.members}) < len(manifest.members):
        raise VaultFormatError("a bundle has at most 4,096 members, of different names")
    for member in manifest.members:
        if not _NAME.match(member.name) or len(member.name.encode()) > 255:
            raise VaultFormatError(f"{member.name!r} cannot be the name of a member", hint="give a plain file name")
        blocks = -(-member.size // BLOCK_BYTES)
        try:
            hashed = len(b64decode(member.blocks, validate=True))
        except Base64Error:
            hashed = -1
        if member.size < 0 or hashed != blocks * _DIGEST_BYTES:
            raise VaultFormatError(f"{member.name!r} is not described whole")
