"""Owns STREAM: data of any size in chunks of 64 KiB, sealed and opened in constant memory (format §3.5).

age and sealed files share it. No byte of a chunk is handed out before its tag was checked; plaintext lives in
locked buffers that are wiped at the end.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from pandora_core.errors import OpenFailedError, VaultError, VaultFormatError
from pandora_core.vault.crypto.profiles import TAG_BYTES
from pandora_core.vault.crypto.secret import Octets, Secret

CHUNK_BYTES = 65_536
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
CHUNK_LIMIT = 1 << 32

Cipher = AESGCM | ChaCha20Poly1305


class Source(Protocol):
    """Where bytes come from: a file opened unbuffered, ``BytesIO``, a reader of this package. Zero means the end."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Sink(Protocol):
    """Where bytes go; it must take all of them at once, since the buffer is used again."""

    def write(self, octets: memoryview, /) -> object: ...


class ChunkSealer:
    """A sink that seals; ``close`` seals the last chunk, and only then is the stream whole."""

    def __init__(self, cipher: Cipher, sink: Sink) -> None:
        self._cipher = cipher
        self._sink = sink
        self._plain, self._spare = Secret(CHUNK_BYTES), Secret(CHUNK_BYTES)
        self._sealed = memoryview(bytearray(SEALED_CHUNK_BYTES))
        self._filled = 0
        self._counter = 0

    def write(self, octets: Octets) -> int:
        """Take any number of bytes; a full chunk waits for the next byte, since it may be the last."""
        rest = memoryview(octets)
        while rest:
            if self._filled == CHUNK_BYTES:
                self._seal(last=False)
            taken = rest[: CHUNK_BYTES - self._filled]
            self._plain.view[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
        return len(octets)

    def write_from(self, source: Source) -> int:
        """Take all of a source; how many bytes it had."""
        size = 0
        while count := self._fill_from(source):
            size += count
        return size

    def close(self) -> None:
        """Seal the last chunk, and wipe."""
        try:
            self._seal(last=True)
        finally:
            self.wipe()

    def wipe(self) -> None:
        """Forget what was not sealed yet; the stream stays unfinished and will not open."""
        self._plain.wipe()
        self._spare.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.wipe()

    def _fill_from(self, source: Source) -> int:
        if self._filled < CHUNK_BYTES:
            count = fill(source, self._plain.view[self._filled :])
            self._filled += count
            return count
        count = fill(source, self._spare.view)
        if count:
            self._seal(last=False)
            self._plain, self._spare = self._spare, self._plain
            self._filled = count
        return count

    def _seal(self, *, last: bool) -> None:
        size = self._filled + TAG_BYTES
        sealed = self._sealed[:size]
        nonce = _nonce(self._counter, last=last)
        self._cipher.encrypt_into(nonce, self._plain.view[: self._filled], None, sealed)
        self._sink.write(sealed)
        self._counter += 1
        self._filled = 0


class ChunkOpener:
    """A source that opens; every read raises ``OpenFailedError`` once a chunk is not genuine, missing or too much."""

    def __init__(self, cipher: Cipher, source: Source) -> None:
        self._cipher = cipher
        self._source = source
        self._plain = Secret(CHUNK_BYTES)
        self._unread = self._plain.view[:0]
        self._sealed, self._ahead = (
            memoryview(bytearray(SEALED_CHUNK_BYTES)),
            memoryview(bytearray(SEALED_CHUNK_BYTES)),
        )
        self._ahead_bytes = fill(source, self._ahead)
        self._counter = 0
        self._finished = False

    def next_chunk(self) -> memoryview:
        """The rest of the present chunk or else the next one, in place until the next call; empty at the end."""
        if not self._unread and not self._finished:
            self._open()
        chunk, self._unread = self._unread, self._unread[:0]
        return chunk

    def readinto(self, buffer: memoryview, /) -> int:
        """As many bytes as are at hand; zero at the end."""
        if not self._unread and not self._finished:
            self._open()
        taken = self._unread[: len(buffer)]
        buffer[: len(taken)] = taken
        self._unread = self._unread[len(taken) :]
        return len(taken)

    def copy_to(self, sink: Sink) -> int:
        """Write all that is left to a sink; how many bytes it was. The caller keeps them back until this returns."""
        size = 0
        while chunk := self.next_chunk():
            sink.write(chunk)
            size += len(chunk)
        return size

    def wipe(self) -> None:
        """Forget the plaintext at hand."""
        self._unread.release()
        self._plain.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()

    def _open(self) -> None:
        """Open the chunk that was read ahead; it should be the last one if nothing can be read after it."""
        size = self._ahead_bytes
        self._sealed, self._ahead = self._ahead, self._sealed
        full = size == SEALED_CHUNK_BYTES
        self._ahead_bytes = fill(self._source, self._ahead) if full else 0
        last = self._ahead_bytes == 0
        if size < TAG_BYTES or (size == TAG_BYTES and self._counter):  # only an empty stream has an empty chunk
            raise OpenFailedError
        if self._decrypt(size, last=last):
            self._finished = last
        elif full and self._decrypt(size, last=not last):
            self._ahead_bytes = 0  # genuine, yet the stream was cut after it, or goes on: the next read raises
        else:
            self._ahead_bytes = 0  # so that it stays broken for who reads on
            raise OpenFailedError
        self._counter += 1
        self._unread = self._plain.view[: size - TAG_BYTES]

    def _decrypt(self, size: int, *, last: bool) -> bool:
        nonce, plain = _nonce(self._counter, last=last), self._plain.view[: size - TAG_BYTES]
        try:
            self._cipher.decrypt_into(nonce, self._sealed[:size], None, plain)
        except InvalidTag:
            return False
        return True


def fill(source: Source, buffer: memoryview) -> int:
    """Read until the buffer is full or the source ends; how many bytes it was."""
    filled = 0
    while filled < len(buffer) and (count := source.readinto(buffer[filled:])):
        filled += count
    return filled


def read_exactly(source: Source, size_bytes: int, what: str) -> bytes:
    """So many bytes, no fewer.

    Raises:
        VaultFormatError: the source ends before.
    """
    buffer = bytearray(size_bytes)
    if fill(source, memoryview(buffer)) != size_bytes:
        raise VaultFormatError(f"the {what} is cut short")
    return bytes(buffer)


def _nonce(counter: int, *, last: bool) -> bytes:
    if counter >= CHUNK_LIMIT:
        raise VaultError("a stream has at most 2^32 chunks")
    return (counter << 8 | last).to_bytes(12)
