"""Makes small binary Windows event logs: a header, and chunks of records of one element with a text in it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

CHUNK_BYTES = 65_536
_FILETIME_2024 = 133_485_408_000_000_000


def evtx(*chunks: Sequence[str], first_id: int = 1) -> bytes:
    """A log whose chunks hold one record for each text."""
    log, number = _header(len(chunks)), first_id
    for texts in chunks:
        log += _chunk(texts, number)
        number += len(texts)
    return log


def _header(chunks: int) -> bytes:
    start = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, max(chunks - 1, 0), 1, 128, 1, 3, 4096, chunks)
    start = start.ljust(120, b"\0")
    return (start + struct.pack("<II", 0, zlib.crc32(start))).ljust(4096, b"\0")


def _chunk(texts: Sequence[str], first_id: int) -> bytes:
    records, last_at = b"", 512
    for place, text in enumerate(texts):
        last_at = 512 + len(records)
        records += _record(text, first_id + place, last_at)
    last_id = first_id + len(texts) - 1
    free_at = 512 + len(records)
    ids = (first_id, last_id, first_id, last_id)
    start = struct.pack("<8sQQQQIIII", b"ElfChnk\0", *ids, 128, last_at, free_at, zlib.crc32(records)).ljust(
        120, b"\0"
    )
    header = start + struct.pack("<II", 0, zlib.crc32(start + bytes(384))) + bytes(384)
    return (header + records).ljust(CHUNK_BYTES, b"\0")


def _record(text: str, number: int, at: int) -> bytes:
    body = _element(text, at + 24)
    size = 24 + len(body) + 4
    return (
        struct.pack("<IIQQ", 0x2A2A, size, number, _FILETIME_2024 + number * 10_000_000)
        + body
        + struct.pack("<I", size)
    )


def _element(text: str, at: int) -> bytes:
    """``<Event>text</Event>`` as binary XML; ``at`` is where it stands in the chunk."""
    name_at = at + 4 + 9
    name = "Event".encode("utf-16-le")
    inside = struct.pack("<IHH", 0, 0x0CBA, 5) + name + b"\0\0"
    inside += b"\x02\x05\x01" + struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\x04"
    return b"\x0f\x01\x01\x00" + struct.pack("<BII", 0x01, len(inside) + 4, name_at) + inside + b"\x00"
