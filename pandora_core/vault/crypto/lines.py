"""Owns reading lines of bounded length from the head of a binary stream, and then the bytes after them.

What is read ahead may be plaintext, so it waits in a secret; only the lines that are given out become ``bytes``.
"""

from __future__ import annotations

import re

from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.stream import Source, fill

_BLOCK_BYTES = 4096
_LINE_FEED = re.compile(rb"\n")


class LineSource:
    """A source that can also give lines."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._block = Secret(_BLOCK_BYTES)
        self._start = self._stop = 0

    def next_line(self, limit_bytes: int) -> bytes | None:
        """The next line without its LF; what is left at the end without one; ``None`` when nothing is left.

        A longer line than the limit is cut there, so that a caller's own check of length refuses it.
        """
        if not self.has_more():
            return None
        line = bytearray()
        while len(line) < limit_bytes and self.has_more():
            end = min(self._stop, self._start + limit_bytes - len(line))
            # A pattern looks in place, where a copy to call `find` on could not be wiped.
            found = _LINE_FEED.search(self._block.view, self._start, end)
            stop = found.start() if found else end
            line += self._block.view[self._start : stop]
            self._start = found.end() if found else end
            if found:
                break
        return bytes(line)

    def begins_with(self, mark: bytes) -> bool:
        """Whether the first bytes are these, after any white space; nothing is consumed."""
        self._stop += fill(self._source, self._block.view[self._stop :])
        return re.compile(rb"\s*" + re.escape(mark)).match(self._block.view, self._start, self._stop) is not None

    def has_more(self) -> bool:
        """Whether anything is left."""
        if self._start == self._stop:
            self._start, self._stop = 0, self._source.readinto(self._block.view) or 0
        return self._start < self._stop

    def rest(self, limit_bytes: int) -> bytes:
        """All that is left, or one byte more than the limit."""
        octets = bytearray(limit_bytes + 1)
        return bytes(octets[: fill(self, memoryview(octets))])

    def readinto(self, buffer: memoryview, /) -> int:
        """What was read ahead, then the source itself."""
        if self._start == self._stop:
            return self._source.readinto(buffer) or 0
        taken = self._block.view[self._start : min(self._stop, self._start + len(buffer))]
        buffer[: len(taken)] = taken
        self._start += len(taken)
        return len(taken)

    def wipe(self) -> None:
        """Forget what was read ahead."""
        self._start = self._stop = 0
        self._block.wipe()
