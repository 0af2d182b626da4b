"""Owns reading lines of bounded length from the head of a binary stream, and then the bytes after them."""

from __future__ import annotations

from pandora_core.vault.stream import Source

_BLOCK_BYTES = 4096


class LineSource:
    """A source that can also give lines."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = bytearray()

    def next_line(self, limit_bytes: int) -> bytes | None:
        """The next line without its LF; what is left at the end without one; ``None`` when nothing is left.

        A longer line than the limit is cut there, so that a caller's own check of length refuses it.
        """
        searched = 0
        while (at := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) < limit_bytes:
            searched = len(self._buffer)
            if not self._read_ahead():
                break
        if not self._buffer:
            return None
        stop = min(at if at >= 0 else len(self._buffer), limit_bytes)
        line = bytes(self._buffer[:stop])
        del self._buffer[: stop + (at == stop)]
        return line

    def begins_with(self, mark: bytes) -> bool:
        """Whether the next bytes are these, after any white space; nothing is consumed."""
        while len(self._buffer) < _BLOCK_BYTES and self._read_ahead():
            continue
        return self._buffer.lstrip().startswith(mark)

    def has_more(self) -> bool:
        """Whether anything is left."""
        return bool(self._buffer) or self._read_ahead()

    def rest(self, limit_bytes: int) -> bytes:
        """All that is left, or one byte more than the limit."""
        while len(self._buffer) <= limit_bytes and self._read_ahead():
            continue
        return bytes(self._buffer[: limit_bytes + 1])

    def readinto(self, buffer: memoryview, /) -> int:
        """What was read ahead, then the source itself."""
        if not self._buffer:
            return self._source.readinto(buffer) or 0
        taken = min(len(buffer), len(self._buffer))
        buffer[:taken] = self._buffer[:taken]
        del self._buffer[:taken]
        return taken

    def _read_ahead(self) -> bool:
        block = bytearray(_BLOCK_BYTES)
        count = self._source.readinto(memoryview(block)) or 0
        self._buffer += block[:count]
        return count > 0
