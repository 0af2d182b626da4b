"""Owns the reading of bytes from a file that others append to, rotate and overwrite.

Streams are made of layers: a :class:`FileStream` at the bottom, decompression and transcoding above it
(:mod:`pandora_core.ingest.container`). Every layer reads on when its file has grown, and none holds more than a
chunk. The bottom layer proves with each read that what it read before is still there, so that a file that was
truncated and filled again under the reader is noticed and never misread.
"""

from __future__ import annotations

import os
import resource
import stat
from typing import Protocol

from pandora_core.errors import SourceError

BEFORE_BYTES = 256
"""How many bytes before a position prove that a content is still the one that was read up to there."""

_DISCARD_BYTES = 1 << 20


class ContentChanged(SourceError):
    """A file no longer holds what was read from it: truncated, replaced or overwritten."""


class Stream(Protocol):
    """Plain bytes of one content, in order; ``b""`` from :meth:`read` means no more for now."""

    @property
    def is_wrapped(self) -> bool:
        """Whether it is compressed or part of an archive, to which nobody appends line by line."""
        ...

    def read(self, size: int) -> bytes: ...

    def peek(self, size: int) -> bytes:
        """The next bytes, up to ``size`` of them, without moving on."""
        ...

    def tell(self) -> int: ...

    def seek(self, offset: int) -> None:
        """Go to a byte of the plain content; a compressed one is read again up to it.

        Raises:
            ContentChanged: the content ends before ``offset``.
        """
        ...

    def end(self) -> int:
        """Where the content ends at present; a compressed one is read through to find out, and stays there."""
        ...

    def unread_bytes(self) -> int:
        """How many bytes on disk were not read yet (of a compressed content: compressed bytes)."""
        ...

    def is_complete(self) -> bool:
        """Whether the content itself says that here is its end (a plain file never does)."""
        ...

    def damage(self) -> str:
        """Why the content ends here although it should go on; empty when nothing is wrong."""
        ...

    def moved(self, path: str) -> None:
        """The file has another name now."""
        ...

    def descriptor(self) -> int:
        """The open descriptor of the file below; -1 where there is none."""
        ...

    def close(self) -> None:
        """Give the descriptor back; a file is opened again by the next read."""
        ...


class Descriptors:
    """Keeps no more than ``limit`` files open: the one read longest ago is closed until it is read again."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or max(32, min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
        self._open: dict[FileStream, None] = {}

    def use(self, stream: FileStream) -> None:
        self._open.pop(stream, None)
        self._open[stream] = None
        if len(self._open) > self.limit:
            next(iter(self._open)).close()

    def forget(self, stream: FileStream) -> None:
        self._open.pop(stream, None)


class FileStream:
    """The bytes of a regular file, or of ``length`` bytes of it from ``start``.

    ``close`` only gives the descriptor back: the next read opens the file again and insists on the same inode.
    """

    def __init__(self, path: str, descriptors: Descriptors, start: int = 0, length: int | None = None) -> None:
        self.path = path
        self._descriptors = descriptors
        self._start = start
        self._length = length
        self._offset = 0
        self._before = b""
        self._fd = -1
        opened = os.fstat(self._opened())
        self._identity = (opened.st_dev, opened.st_ino)

    @property
    def is_wrapped(self) -> bool:
        return self._length is not None

    def read(self, size: int) -> bytes:
        before = self._before
        data = self._at(self._offset - len(before), len(before) + size)
        if not data.startswith(before):
            raise ContentChanged("the file no longer holds what was read from it", where=self.path)
        fresh = data[len(before) :]
        if fresh:
            self._offset += len(fresh)
            self._before = data[-BEFORE_BYTES:]
        return fresh

    def peek(self, size: int) -> bytes:
        return self._at(self._offset, size)

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int) -> None:
        first = max(0, offset - BEFORE_BYTES)
        before = self._at(first, offset - first)
        if len(before) < offset - first:
            raise ContentChanged(f"the file ends before byte {offset}", where=self.path)
        self._offset, self._before = offset, before

    def end(self) -> int:
        size = os.fstat(self._opened()).st_size - self._start
        return size if self._length is None else min(size, self._length)

    def unread_bytes(self) -> int:
        return max(0, self.end() - self._offset)

    def is_complete(self) -> bool:
        return False

    def damage(self) -> str:
        return ""

    def moved(self, path: str) -> None:
        self.path = path

    def descriptor(self) -> int:
        return self._fd

    def close(self) -> None:
        self._descriptors.forget(self)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _at(self, offset: int, size: int) -> bytes:
        if self._length is not None:
            size = max(0, min(size, self._length - offset))
        return os.pread(self._opened(), size, self._start + offset)

    def _opened(self) -> int:
        if self._fd < 0:
            # O_NONBLOCK: a pipe that took the place of a log file must not stop the reader for ever.
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
            self._check_reopened()
        self._descriptors.use(self)
        return self._fd

    def _check_reopened(self) -> None:
        now = os.fstat(self._fd)
        if not stat.S_ISREG(now.st_mode):
            self.close()
            raise SourceError("not a regular file", where=self.path)
        if getattr(self, "_identity", None) not in (None, (now.st_dev, now.st_ino)):
            self.close()
            raise ContentChanged("another file has taken the name", where=self.path)


class EndedStream:
    """What is left of a stream whose file was overwritten: a position with nothing behind it."""

    is_wrapped = False

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def read(self, size: int) -> bytes:
        return b""

    peek = read

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int) -> None:
        raise ContentChanged(f"byte {offset} is gone: the file was overwritten")

    end = tell

    def unread_bytes(self) -> int:
        return 0

    def is_complete(self) -> bool:
        return True

    def damage(self) -> str:
        return ""

    def moved(self, path: str) -> None:
        """There is no file any more."""

    def descriptor(self) -> int:
        return -1

    def close(self) -> None:
        """There is nothing to close."""


class Layer:
    """What the layers above the file share: reading ahead, and seeking by reading."""

    def __init__(self, base: Stream) -> None:
        self._base = base
        self._ahead = b""
        self._offset = 0

    @property
    def is_wrapped(self) -> bool:
        return self._base.is_wrapped

    def read(self, size: int) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            data = self._produce(size)
            data, self._ahead = data[:size], data[size:]
        self._offset += len(data)
        return data

    def peek(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := self._produce(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int) -> None:
        if offset < self._offset:
            self._base.seek(0)
            self._ahead, self._offset = b"", 0
            self._restart()
        while self._offset < offset:
            if not self.read(min(_DISCARD_BYTES, offset - self._offset)):
                raise ContentChanged(f"the content ends before byte {offset}")

    def end(self) -> int:
        while self.read(_DISCARD_BYTES):
            continue
        return self._offset

    def unread_bytes(self) -> int:
        return self._base.unread_bytes() + len(self._ahead)

    def is_complete(self) -> bool:
        return not self._ahead and self._base.is_complete()

    def damage(self) -> str:
        return self._base.damage()

    def moved(self, path: str) -> None:
        self._base.moved(path)

    def descriptor(self) -> int:
        return self._base.descriptor()

    def close(self) -> None:
        self._base.close()

    def _produce(self, size: int) -> bytes:
        """About ``size`` more plain bytes; empty when there are none for now."""
        raise NotImplementedError

    def _restart(self) -> None:
        raise NotImplementedError
