"""Owns evidence in motion: a sealed file written or read while both its hashes are taken in second threads."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import Octets, Secret
from pandora_core.vault.crypto.stream import Sink, Source
from pandora_core.vault.format import sealed
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.sealed import Destination, Note, OpenedFile
from pandora_core.vault.format.views import Custody, Draft

BLOCK_BYTES = 1024 * 1024
"""Large enough that handing a block to a thread costs nothing beside hashing it."""


class SealedEvidence(NamedTuple):
    """What is known after sealing; the DEK is the caller's to keep or wipe."""

    file_id: bytes
    dek: Secret
    size_bytes: int
    sha384: str
    sealed_sha384: str


class OpenedEvidence(NamedTuple):
    """What is known after opening."""

    size_bytes: int
    sha384: str


class Digest:
    """SHA-384 of a stream, taken by a thread of its own from copies in locked memory; leave it as a context."""

    def __init__(self) -> None:
        self._hash = hashlib.sha384()
        self._filling, self._hashing = Secret(BLOCK_BYTES), Secret(BLOCK_BYTES)
        self._filled = 0
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def update(self, octets: Octets) -> None:
        rest = memoryview(octets)
        while rest:
            part = rest[: BLOCK_BYTES - self._filled]
            self._filling.view[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            rest = rest[len(part) :]
            if self._filled == BLOCK_BYTES:
                self._hand_over()

    def hexdigest(self) -> str:
        """The hash of everything so far."""
        self._hand_over()
        self._wait()
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._pool.shutdown()
        self._filling.wipe()
        self._hashing.wipe()

    def _hand_over(self) -> None:
        self._wait()
        self._filling, self._hashing = self._hashing, self._filling
        self._pending = self._pool.submit(self._hash.update, self._hashing.view[: self._filled])
        self._filled = 0

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None


class _WatchedSource:
    """A source whose bytes are hashed on the way."""

    def __init__(self, source: Source, digest: Digest) -> None:
        self._source = source
        self._digest = digest

    def readinto(self, buffer: memoryview, /) -> int:
        count = self._source.readinto(buffer) or 0
        self._digest.update(buffer[:count])
        return count


class _WatchedSink:
    """A sink whose bytes are hashed on the way."""

    def __init__(self, sink: Sink, digest: Digest) -> None:
        self._sink = sink
        self._digest = digest

    def write(self, octets: memoryview, /) -> None:
        self._digest.update(octets)
        self._sink.write(octets)


def seal(provider: Provider, to: Destination, note: Note, source: Source, sink: Sink) -> SealedEvidence:
    """Seal a source of any size in constant memory.

    Raises:
        VaultFormatError: the note is longer than 64 KiB.
    """
    with Digest() as plain, Digest() as written:
        done = sealed.seal_file(provider, to, note, _WatchedSource(source, plain), _WatchedSink(sink, written))
        return SealedEvidence(
            done.header.label.file_id, done.dek, done.size_bytes, plain.hexdigest(), written.hexdigest()
        )


def copy_out(file: OpenedFile, sink: Sink) -> OpenedEvidence:
    """Write the data of an opened file to a sink; the caller keeps it back until this returns.

    Raises:
        OpenFailedError: the file was changed or cut.
    """
    with Digest() as plain:
        size = file.data.copy_to(_WatchedSink(sink, plain))
        return OpenedEvidence(size, plain.hexdigest())


def custody_entry(custody: Custody, dek: Secret) -> Draft:
    """What the vault keeps of a file that it sealed: hashes in sight, the DEK hidden; the values are to be wiped."""
    file_id = custody.file_id.hex()
    shown = {
        "file_id": file_id,
        "size_bytes": str(custody.size_bytes),
        "sha384": custody.sha384,
        "sealed_sha384": custody.sealed_sha384,
    }
    fields = [Field(name, Secret.copy_of(value.encode())) for name, value in shown.items()]
    fields.append(Field("dek", Secret.copy_of(dek.view)))
    # The file's id keeps two files of one name apart.
    return Draft(f"{custody.name} [{file_id[:8]}]", "file", ("evidence",), "", tuple(fields), ("dek",))
