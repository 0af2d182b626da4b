"""Owns the reading of standard input: a thread fills a short queue, so that a slow reader slows the writer down."""

from __future__ import annotations

import os
import queue
import select
import threading

from pandora_core.ingest.stream import ContentChanged

CHUNK_BYTES = 64 * 1024
QUEUE_CHUNKS = 64
"""A full queue (4 MiB) makes the writer of the pipe wait; nothing is dropped."""

_LOOK_S = 0.2


class PipeStream:
    """A pipe as a stream that cannot be read twice. ``waits`` makes a read wait for bytes instead of giving none."""

    is_wrapped = False

    def __init__(self, descriptor: int, *, waits: bool) -> None:
        self._descriptor = descriptor
        self._waits = waits
        self._queue: queue.Queue[bytes] = queue.Queue(QUEUE_CHUNKS)
        self._ahead = b""
        self._offset = 0
        self.has_ended = False
        self._damage = ""
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="pandora-stdin", daemon=True)
        self._thread.start()

    def read(self, size: int) -> bytes:
        if not self._ahead:
            self._ahead = self._next()
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        self._offset += len(data)
        return data

    def peek(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := self._next()):
            self._ahead += more
        return self._ahead[:size]

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int) -> None:
        if offset != self._offset:
            raise ContentChanged("a pipe cannot be read again", where="standard input")

    def end(self) -> int:
        return self._offset + self.unread_bytes()

    def unread_bytes(self) -> int:
        return len(self._ahead) + self._queue.qsize() * CHUNK_BYTES

    def is_complete(self) -> bool:
        return not self.peek(1) and self.has_ended

    def has_news(self) -> bool:
        """Whether a read would give something, or has to wait for it."""
        return bool(self._ahead) or not self._queue.empty() or (self._waits and not self.has_ended)

    def damage(self) -> str:
        return self._damage

    def moved(self, path: str) -> None:
        """A pipe has no name."""

    def descriptor(self) -> int:
        return self._descriptor

    def close(self) -> None:
        self._is_closed.set()

    def _next(self) -> bytes:
        if self.has_ended:
            return b""
        try:
            data = self._queue.get(block=self._waits)
        except queue.Empty:
            return b""
        self.has_ended = not data
        return data

    def _fill(self) -> None:
        """The thread: read until the end, which is an empty chunk in the queue."""
        data = b"-"
        while data and not self._is_closed.is_set():
            if select.select([self._descriptor], [], [], _LOOK_S)[0]:
                data = self._read()
                self._put(data)

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, CHUNK_BYTES)
        except OSError as error:
            self._damage = f"standard input cannot be read: {error.strerror}"
            return b""

    def _put(self, data: bytes) -> None:
        while not self._is_closed.is_set():
            try:
                self._queue.put(data, timeout=_LOOK_S)
            except queue.Full:
                continue
            return
