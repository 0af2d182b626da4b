"""Owns what a log is wrapped in: gz, bz2, xz, zip, UTF-16 or nothing; all of them read as one stream of plain bytes.

A damaged wrapping gives what can be read of it and then says why and where it ends. Nothing is extracted to disk and
no more than a chunk is held, whatever a file claims to expand to.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pandora_core.errors import SourceError
from pandora_core.ingest.stream import Descriptors, FileStream, Layer, Stream

HEAD_BYTES = 64 * 1024
"""How much of a content its format is recognised by."""

MAX_MEMBERS = 10_000
"""More members of one zip file are not read."""

_MAX_LAYERS = 3
_INPUT_BYTES = 64 * 1024
_ZIP_MAGIC = b"PK\x03\x04"
_EVTX_MAGIC = b"ElfFile\0"


def open_stream(path: str, member: str = "", descriptors: Descriptors | None = None) -> Stream:
    """The plain content of a file, or of a member of a zip file.

    Raises:
        OSError: the file cannot be opened.
        SourceError: it is no regular file, the member is missing or wrapped in a way that cannot be read.
    """
    opened = descriptors or Descriptors()
    return unwrapped(_member_stream(path, member, opened) if member else FileStream(path, opened))


def unwrapped(stream: Stream) -> Stream:
    """Put the layers upon a stream that its first bytes ask for."""
    for _ in range(_MAX_LAYERS):
        start = stream.peek(10)
        wrapping = next((each for each in _WRAPPINGS if each.recognises(start)), None)
        if wrapping is None:
            break
        stream = CompressedStream(stream, wrapping)
    return Utf16Stream(stream) if stream.peek(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else stream


def is_evtx(stream: Stream) -> bool:
    """Whether the content is a binary Windows event log."""
    return stream.peek(len(_EVTX_MAGIC)) == _EVTX_MAGIC


def members(path: str) -> list[str]:
    """Names of the files inside a zip file, ``[""]`` for any other file. Nothing is ever extracted to disk.

    Raises:
        OSError: the file cannot be opened.
        SourceError: the zip file is incomplete or damaged.
    """
    with open(path, "rb") as file:
        if file.read(len(_ZIP_MAGIC)) != _ZIP_MAGIC:
            return [""]
    with _zip(path) as archive:
        return [info.filename for info in archive.infolist() if info.file_size and not info.is_dir()][:MAX_MEMBERS]


class Codec(Protocol):
    """One compressed member being decompressed."""

    def has_ended(self) -> bool: ...

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        """At most ``size`` plain bytes, and the compressed bytes that were not needed for them."""
        ...


class Wrapping(NamedTuple):
    """A kind of compression: how it is called, how it starts and what undoes it."""

    name: str
    recognises: Callable[[bytes], bool]
    codec: Callable[[], Codec]
    many: bool = True
    """Whether members may follow each other."""


class CompressedStream(Layer):
    """Decompresses what another stream holds, member after member."""

    def __init__(self, base: Stream, wrapping: Wrapping, checksum: int | None = None) -> None:
        super().__init__(base)
        self._wrapping = wrapping
        self._checksum = checksum
        self._restart()

    @property
    def is_wrapped(self) -> bool:
        return True

    def is_complete(self) -> bool:
        return self._codec.has_ended() and not (self._fault or self._ahead or self._input or self._base.peek(1))

    def damage(self) -> str:
        if self._fault:
            return self._fault
        return "" if self._codec.has_ended() and not self._input else self._said("the data ends early")

    def _restart(self) -> None:
        self._codec = self._wrapping.codec()
        self._input = b""
        self._fault = ""
        self._sum = 0

    def _produce(self, size: int) -> bytes:
        while not self._fault:
            if data := self._fed(size):
                return data
            if not (self._next_member() if self._codec.has_ended() else self._fill()):
                break
        return b""

    def _fed(self, size: int) -> bytes:
        if self._codec.has_ended():
            return b""
        try:
            data, self._input = self._codec.feed(self._input, size)
        except _Broken as broken:
            self._fault = self._said(str(broken))
            return broken.salvaged
        if self._checksum is not None:
            self._sum = zlib.crc32(data, self._sum)
            if self._codec.has_ended() and self._sum != self._checksum:
                self._fault = self._said("the checksum is wrong")
        return data

    def _next_member(self) -> bool:
        if not self._wrapping.many:
            self._input = b""
            return False
        self._input = self._input.lstrip(b"\0")
        while len(self._input) < 10 and self._fill():
            self._input = self._input.lstrip(b"\0")
        if self._wrapping.recognises(self._input):
            self._codec = self._wrapping.codec()
            return True
        if len(self._input) >= 10:
            self._fault = self._said("what follows the end of the data is something else")
        return False

    def _fill(self) -> bool:
        raw = self._base.read(_INPUT_BYTES)
        self._input += raw
        return bool(raw)

    def _said(self, what: str) -> str:
        return f"{self._wrapping.name}: {what}, at compressed byte {self._base.tell() - len(self._input)}"


class Utf16Stream(Layer):
    """UTF-16 text (by its byte order mark) as UTF-8; positions are those of the UTF-8 bytes."""

    def __init__(self, base: Stream) -> None:
        super().__init__(base)
        self._restart()

    def _restart(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def _produce(self, size: int) -> bytes:
        while raw := self._base.read(size):
            if text := self._decoder.decode(raw):
                return text.encode("utf-8", "replace")
        return b""


class _Broken(Exception):
    """Compressed data cannot be decompressed further; ``salvaged`` is what came before the fault."""

    def __init__(self, what: str, salvaged: bytes = b"") -> None:
        super().__init__(what)
        self.salvaged = salvaged


class _Inflate:
    """Deflate data in a gzip frame (``wbits`` 31) or bare, as zip has it (-15)."""

    def __init__(self, wbits: int) -> None:
        self._inflater = zlib.decompressobj(wbits)

    def has_ended(self) -> bool:
        return self._inflater.eof

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        before = self._inflater.copy()
        try:
            plain = self._inflater.decompress(data, size)
        except zlib.error as error:
            self._inflater = before
            raise _Broken(f"the data is damaged ({error})", self._salvage(data)) from error
        return plain, self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail

    def _salvage(self, data: bytes) -> bytes:
        """A failed call gives nothing of what it had decompressed: feed again in ever smaller bites."""
        plain, bite = b"", 64
        while data and bite:
            before = self._inflater.copy()
            try:
                plain += self._inflater.decompress(data[:bite])
            except zlib.error:
                self._inflater, bite = before, bite // 8
            else:
                data = data[bite:]
        return plain


class _Blocks:
    """bz2 or xz data; the decompressor keeps input that it had no room for."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decompressor = decompressor

    def has_ended(self) -> bool:
        return self._decompressor.eof

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        try:
            plain = self._decompressor.decompress(data, size)
        except (OSError, lzma.LZMAError) as error:
            raise _Broken(f"the data is damaged ({error})") from error
        return plain, self._decompressor.unused_data


_XZ_MEMORY_BYTES = 256 << 20

_GZ = Wrapping("gz", lambda start: start[:3] == b"\x1f\x8b\x08", lambda: _Inflate(31))
_BZ2 = Wrapping(
    "bz2",
    lambda start: start[:3] == b"BZh" and start[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
    lambda: _Blocks(bz2.BZ2Decompressor()),
)
_XZ = Wrapping(
    "xz",
    lambda start: start[:6] == b"\xfd7zXZ\0",
    lambda: _Blocks(lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY_BYTES)),
)
_DEFLATED = Wrapping("zip", lambda _: False, lambda: _Inflate(-15), many=False)
_WRAPPINGS = (_GZ, _BZ2, _XZ)


def _zip(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(f"the zip file cannot be read: {error}", where=path, hint="it may be incomplete") from error


def _member_stream(path: str, member: str, descriptors: Descriptors) -> Stream:
    with _zip(path) as archive:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise SourceError(f"the zip file holds no {member!r}", where=path) from None
    if info.flag_bits & 1:
        raise SourceError(f"{member!r} is encrypted", where=path, hint="unpack it first")
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
    skip = 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    stream = FileStream(path, descriptors, info.header_offset + skip, info.compress_size)
    if info.compress_type == zipfile.ZIP_STORED:
        return stream
    wrapping = {zipfile.ZIP_DEFLATED: _DEFLATED, zipfile.ZIP_BZIP2: _BZ2}.get(info.compress_type)
    if wrapping is None:
        stream.close()
        raise SourceError(f"{member!r} is compressed in a way ({info.compress_type}) that is not read", where=path)
    return CompressedStream(stream, wrapping, info.CRC)
