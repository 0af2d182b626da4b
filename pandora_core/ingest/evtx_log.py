"""Owns the reading of binary Windows event logs (.evtx): each record becomes one line of JSON.

A log is a header of 4 KiB and chunks of 64 KiB, each of which stands for itself ([MS-EVEN6], libyal's description of
the format). The chain of records in a chunk is walked here, which gives the records their positions and the log its
identity (ids, times and checksums); what is in them is decoded by :mod:`pandora_core.ingest.evtx_worker`.
A position is the byte where the chunk starts plus the record's place in the chunk, so it only grows.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from pandora_core.errors import SourceError
from pandora_core.ingest.container import HEAD_BYTES
from pandora_core.ingest.cursor import HEAD_HASH_BYTES, Lines
from pandora_core.ingest.evtx_worker import EvtxWorker
from pandora_core.ingest.stream import BEFORE_BYTES, ContentChanged, FileStream, Stream
from pandora_core.model import BadLine

CHUNK_BYTES = 65_536

_HEADER_BYTES = 4096
_CHUNK_MAGIC = b"ElfChnk\0"
_CHUNK_HEADER_BYTES = 512
_FREE_SPACE_AT = 0x30
_RECORD = struct.Struct("<IIQQ")
"""Magic, size, id and time (100 ns since 1601): what a record starts with."""
_RECORD_MAGIC = 0x2A2A
_HEAD_LINES = 32
_PATIENCE = 3
"""After the parser gave up on so many chunks of a log the others are not tried: each may have cost seconds."""
_START_BYTES = _RECORD.size + 4
"""What stands for a record: its start and a checksum of it all. Exported logs number from 1 and give no times, so
that the starts alone are alike in many of them."""
_HEAD_RECORDS = HEAD_HASH_BYTES // _START_BYTES
_TAIL_RECORDS = BEFORE_BYTES // _START_BYTES


class Chunk(NamedTuple):
    """64 KiB of a log; ``records`` are the starts of its records, which tell it from any other."""

    start: int
    data: bytes
    records: list[bytes]

    @property
    def entries(self) -> int:
        """How many lines come of it: one for each record, one for garbage, none for space that was never used."""
        if self.records or self.data.startswith(_CHUNK_MAGIC):
            return len(self.records)
        return 1 if self.data.strip(b"\0") else 0


class EvtxCursor:
    """Reads the records of one event log in order, a chunk at a time."""

    def __init__(self, stream: Stream, worker: EvtxWorker, offset: int = 0, number: int = 0) -> None:
        self.stream = stream
        self.chunk_bytes = CHUNK_BYTES
        self.head = head_of(stream)
        self.line_number = number
        self.at_end = False
        self._worker = worker
        self._header = _header_for_one_chunk(stream)
        self._patience = _PATIENCE
        self._is_final = False
        self._has_ended = False
        self._offset = offset
        self._tail = tail_at(stream, offset)
        self._chunk: Chunk | None = None
        self._texts: list[bytes | BadLine] = []
        self._positions: list[int] = []
        self._next = 0

    @property
    def is_done(self) -> bool:
        return self._has_ended and self._next == len(self._texts)

    @property
    def offset(self) -> int:
        return self._offset

    def take(self, most: int) -> Lines:
        lines = Lines([], [], [], self.line_number + 1)
        while len(lines.texts) < most:
            if self._next == len(self._texts) and not self._is_loaded(bool(lines.texts)):
                break
            until = min(len(self._texts), self._next + most - len(lines.texts))
            texts = self._texts[self._next : until]
            lines.texts.extend(texts)
            lines.positions.extend(self._positions[self._next : until])
            lines.lengths.extend(0 if isinstance(text, BadLine) else len(text) for text in texts)
            self._next = until
            self._offset = self._positions[until - 1] + 1
        self.line_number += len(lines.texts)
        return lines

    def finish(self) -> None:
        self._is_final = True
        self.at_end = False

    def tail(self) -> bytes:
        return self._tail if self._chunk is None else _tail_of(self._chunk, self._offset)

    def buffered_bytes(self) -> int:
        return sum(len(text) for text in self._texts[self._next :] if isinstance(text, bytes))

    def seen(self) -> tuple[int, bytes]:
        return self._offset, self.tail()

    def forget_rest(self) -> None:
        """Records are complete."""

    def release(self) -> None:
        self._tail, self._chunk = self.tail(), None
        self._texts, self._positions, self._next = [], [], 0

    def _is_loaded(self, has_lines: bool) -> bool:
        """:meth:`_load`, which must not lose lines that were gathered: its error waits for the next call."""
        try:
            return self._load()
        except (OSError, SourceError):
            if has_lines:
                return False
            raise

    def _load(self) -> bool:
        """Decode the next chunk that has records after the present position."""
        start = chunk_start(self._offset)
        if self._chunk is not None:
            start = self._next_look(self._chunk)
        while (chunk := chunk_at(self.stream, start)) is not None:
            taken = max(0, self._offset - chunk.start)
            if len(chunk.data) < CHUNK_BYTES and not self._is_final:
                break
            if chunk.entries > taken:
                self._show(chunk, taken)
                return True
            start += CHUNK_BYTES
        self.at_end = True
        if not self._is_final or self._has_ended:
            return False
        self._has_ended = True
        self._show_damage()
        return bool(self._texts)

    def _next_look(self, read: Chunk) -> int:
        """Where to look for more after a chunk: in a plain file it may itself have got more records since."""
        if not isinstance(self.stream, FileStream):
            return read.start + CHUNK_BYTES
        now = chunk_at(self.stream, read.start)
        if now is None or now.records[: len(read.records)] != read.records:
            raise ContentChanged(f"the event log no longer holds the chunk at byte {read.start}")
        return read.start

    def _show(self, chunk: Chunk, taken: int) -> None:
        texts = self._decoded(chunk)
        self._chunk, self._next, self.at_end = chunk, 0, False
        self._texts = texts[taken:]
        self._positions = list(range(chunk.start + taken, chunk.start + len(texts)))
        if len(self.head) < HEAD_HASH_BYTES - _START_BYTES:
            self.head = head_of(self.stream)

    def _decoded(self, chunk: Chunk) -> list[bytes | BadLine]:
        """One line for each record of the chunk's chain, found by its id."""
        where = f"the chunk at byte {chunk.start}"
        if not chunk.records:
            return [BadLine(f"{where} is not one of an event log")]
        records = self._worker.decode(self._header + chunk.data.ljust(CHUNK_BYTES, b"\0")) if self._patience else None
        if records is None:
            self._patience = max(0, self._patience - 1)
            return [BadLine(f"{where} is damaged: the parser gave up on it")] * chunk.entries
        lines = {record.record_id: record.line for record in records if not record.fault}
        fault = next((record.fault for record in records if record.fault), "the record is damaged")
        bad = BadLine(f"{where}: {fault}")
        return [lines.get(_RECORD.unpack_from(start)[2], bad) for start in chunk.records]

    def _show_damage(self) -> None:
        damage = self.stream.damage()
        self._texts, self._next = [BadLine(damage)] if damage else [], 0
        self._positions = [self._offset - 1] * len(self._texts)


def head_of(stream: Stream) -> bytes:
    """What identifies a log: the starts of its first records."""
    chunk = chunk_at(stream, _HEADER_BYTES)
    return b"".join(chunk.records[:_HEAD_RECORDS]) if chunk else b""


def tail_at(stream: Stream, offset: int) -> bytes:
    """What proves that the records before ``offset`` are unchanged: the starts of the last ones.

    Raises:
        ContentChanged: the log ends before ``offset``.
    """
    chunk = chunk_at(stream, offset)
    if offset and (chunk is None or chunk.entries < offset - chunk.start):
        raise ContentChanged(f"the event log ends before position {offset}")
    return _tail_of(chunk, offset)


def end_of(stream: Stream) -> int:
    """The position behind the last record at present."""
    end, start = 0, _HEADER_BYTES
    while (chunk := chunk_at(stream, start)) is not None:
        if chunk.entries:
            end = chunk.start + chunk.entries
        start += CHUNK_BYTES
    return end


def first_lines(stream: Stream, worker: EvtxWorker) -> bytes:
    """The first records as lines of JSON, as much of them as a format is recognised by."""
    cursor = EvtxCursor(stream, worker)
    cursor.finish()
    lines = cursor.take(_HEAD_LINES).texts
    return b"".join(line + b"\n" for line in lines if isinstance(line, bytes))[:HEAD_BYTES]


def chunk_start(offset: int) -> int:
    return max(_HEADER_BYTES, offset - (offset - _HEADER_BYTES) % CHUNK_BYTES)


def chunk_at(stream: Stream, offset: int) -> Chunk | None:
    """The chunk that holds a position; None behind the last one."""
    start = chunk_start(offset)
    try:
        stream.seek(start)
    except ContentChanged:
        return None
    data = _exactly(stream, CHUNK_BYTES)
    return Chunk(start, data, _record_starts(data)) if data else None


def _record_starts(data: bytes) -> list[bytes]:
    if not data.startswith(_CHUNK_MAGIC) or len(data) < _CHUNK_HEADER_BYTES:
        return []
    until = min(len(data), int.from_bytes(data[_FREE_SPACE_AT : _FREE_SPACE_AT + 4], "little"))
    starts: list[bytes] = []
    place = _CHUNK_HEADER_BYTES
    while place + _RECORD.size <= until:
        magic, size, _, _ = _RECORD.unpack_from(data, place)
        if magic != _RECORD_MAGIC or size < _RECORD.size:
            break
        checksum = zlib.crc32(data[place : place + size]).to_bytes(4, "little")
        starts.append(data[place : place + _RECORD.size] + checksum)
        place += size
    return starts


def _tail_of(chunk: Chunk | None, offset: int) -> bytes:
    if chunk is None or offset <= chunk.start:
        return b""
    return b"".join(chunk.records[: offset - chunk.start][-_TAIL_RECORDS:])


def _header_for_one_chunk(stream: Stream) -> bytes:
    stream.seek(0)
    header = bytearray(_exactly(stream, _HEADER_BYTES))
    header[42:44] = b"\1\0"
    return bytes(header)


def _exactly(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
