"""Owns the identity of a log's content: by what proof a file is the one that was read before, under any name.

A content is identified by a hash of its first bytes and, so that files which merely start alike are told apart, by
a hash of the bytes before the position that was reached. Device and inode only say where to look first: they are
reused.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pandora_core.errors import SourceError
from pandora_core.ingest import evtx_log
from pandora_core.ingest.container import HEAD_BYTES, is_evtx, members, open_stream
from pandora_core.ingest.cursor import HEAD_HASH_BYTES
from pandora_core.ingest.evtx_worker import EvtxWorker
from pandora_core.ingest.stream import BEFORE_BYTES, ContentChanged, Descriptors, FileStream, Stream

_SIBLINGS = 512
_MODIFIED_SLACK_NS = 2_000_000_000
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_SUFFIX = r"[-._]\d[-\d.:T_]*"
_ROTATED = re.compile(r"\.\d{1,3}$|(^|[-_.])\d{4}-?\d\d-?\d\d|\.old$")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that is needed to go on with a file; committed together with what came from its lines."""

    path: str
    """As :func:`portable` writes it: any file name as text that can be stored."""
    member: str
    device: int
    inode: int
    head_hash: str
    """SHA-256 of the first ``head_size`` bytes of the plain content (at most 1024; fewer while it is shorter)."""
    head_size: int
    offset: int
    """Position of the next line, in the plain content."""
    line_number: int
    """How many lines were taken."""
    tail_hash: str
    """SHA-256 of the (up to 256) bytes before ``offset``."""
    format: str = ""
    decoder_state: str = ""
    finished: bool = False
    """The content was complete and is read: it is looked at again only when the file changes."""
    size_bytes: int = 0
    """Size of the file on disk when it was last looked at; with ``modified_ns`` it tells whether it changed since."""
    modified_ns: int = 0
    source: str = ""
    """The operator's source that named the file."""
    origin: str = ""
    """The path under which the content was first seen, before any rotation."""


class Proof(NamedTuple):
    """What a content shows of itself at a position."""

    head: bytes
    offset: int
    tail: bytes
    has_more: bool


class Opener:
    """Opens contents; shares the open descriptors and the evtx worker between them."""

    def __init__(self, limit: int | None = None) -> None:
        self.descriptors = Descriptors(limit)
        self.worker = EvtxWorker()

    def open(self, path: str, member: str = "") -> Stream:
        return open_stream(path, member, self.descriptors)

    def close(self) -> None:
        self.worker.close()


def portable(path: str) -> str:
    """A path as text that can be stored anywhere: bytes that are no UTF-8 become NUL and two hex digits."""
    return re.sub("[\udc80-\udcff]", lambda found: f"\0{ord(found[0]) - 0xDC00:02x}", path)


def native(path: str) -> str:
    """The path that :func:`portable` was given."""
    return re.sub("\0([0-9a-f]{2})", lambda found: chr(0xDC00 + int(found[1], 16)), path)


def hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def prove(stream: Stream, offset: int | None = None) -> Proof | None:
    """What a content shows at ``offset`` (None: at its end); None when it is shorter. The stream is moved.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        stream.seek(0)
        return _evtx_proof(stream, offset) if is_evtx(stream) else _text_proof(stream, offset)
    except ContentChanged:
        return None


def holds(proof: Proof | None, checkpoint: Checkpoint) -> bool:
    """Whether a proof at the checkpoint's offset shows the content that the checkpoint was taken of."""
    return (
        proof is not None
        and hashed(proof.head[: checkpoint.head_size]) == checkpoint.head_hash
        and hashed(proof.tail) == checkpoint.tail_hash
    )


def is_rotated_name(path: str) -> bool:
    """Whether a name is that of a rotated log: ``auth.log.1``, ``eve-20240131.json``, ``2024-01-31/conn.…log``."""
    return any(_ROTATED.search(part) for part in (os.path.basename(path), os.path.basename(os.path.dirname(path))))


def head_of(stream: Stream) -> bytes:
    """The first bytes of what identifies the content of a stream that stands at its start.

    NUL bytes at their end are left out: a writer may fill them in yet.
    """
    return evtx_log.head_of(stream) if is_evtx(stream) else stream.peek(HEAD_HASH_BYTES).rstrip(b"\0")


@lru_cache(maxsize=16_384)
def names_before(path: str) -> tuple[str, ...]:
    """What a log may have been called before it was rotated to this name; nothing, if no rotation gives such names.

    ``auth.log.2.gz`` was ``auth.log``, ``eve-20240131.json`` was ``eve.json``.
    """
    folder, name = os.path.split(path)
    plain = _unpacked(name)
    names = (re.sub(rf"{_SUFFIX}$", "", plain), re.sub(rf"{_SUFFIX}(?=\.[^.]+$)", "", plain))
    return tuple(os.path.join(folder, each) for each in names if each != plain)


def is_rotation_of(path: str, origin: str) -> bool:
    """Whether one of the :func:`siblings` of a log has a name that its rotation gives."""
    names = [os.path.basename(each) for each in names_before(path)]
    if os.path.dirname(path) != os.path.dirname(origin):
        names.append(_unpacked(os.path.basename(path)))
    return os.path.basename(origin) in names


class Known:
    """Contents that were read and have no open file, found by inode or by their first bytes."""

    def __init__(self, checkpoints: Iterable[Checkpoint]) -> None:
        self._by_inode: defaultdict[tuple[int, int], list[Checkpoint]] = defaultdict(list)
        self._by_head: defaultdict[tuple[int, str], list[Checkpoint]] = defaultdict(list)
        self._sizes: dict[int, int] = {}
        for checkpoint in checkpoints:
            self.add(checkpoint)

    def add(self, checkpoint: Checkpoint) -> None:
        self._by_inode[checkpoint.device, checkpoint.inode].append(checkpoint)
        if checkpoint.head_size:
            self._by_head[checkpoint.head_size, checkpoint.head_hash].append(checkpoint)
            self._sizes[checkpoint.head_size] = self._sizes.get(checkpoint.head_size, 0) + 1

    def remove(self, checkpoint: Checkpoint) -> None:
        self._by_inode[checkpoint.device, checkpoint.inode].remove(checkpoint)
        if checkpoint.head_size:
            self._by_head[checkpoint.head_size, checkpoint.head_hash].remove(checkpoint)
            self._sizes[checkpoint.head_size] -= 1
            if not self._sizes[checkpoint.head_size]:
                del self._sizes[checkpoint.head_size]

    def __iter__(self) -> Iterator[Checkpoint]:
        return (checkpoint for checkpoints in self._by_inode.values() for checkpoint in checkpoints)

    def __contains__(self, checkpoint: Checkpoint) -> bool:
        return checkpoint in self._by_inode.get((checkpoint.device, checkpoint.inode), ())

    def at(self, device: int, inode: int) -> list[Checkpoint]:
        """Those last seen in this inode; the ones that were read furthest come first."""
        return sorted(self._by_inode.get((device, inode), ()), key=lambda checkpoint: -checkpoint.offset)

    def starting(self, head: bytes) -> list[Checkpoint]:
        """Those whose first bytes are those of ``head``; the ones that were read furthest come first."""
        found = [
            checkpoint
            for size in self._sizes
            if size <= len(head)
            for checkpoint in self._by_head.get((size, hashed(head[:size])), ())
        ]
        return sorted(found, key=lambda checkpoint: -checkpoint.offset)

    def unfinished(self) -> list[Checkpoint]:
        return [checkpoint for checkpoint in self if not checkpoint.finished]


def siblings(path: str, since_ns: int = 0) -> Iterator[str]:
    """Where a rotated log may be: same stem, beside it, in dated folders (Zeek) or in ``old`` or ``archive``.

    Newest first, and only what was written after ``since_ns``: rotating and compressing keep or renew that time.
    """
    folder, name = os.path.split(path)
    stem = glob.escape(re.split(r"[.\-_]", name.lstrip("."), maxsplit=1)[0])
    above = os.path.dirname(folder)
    dated = [*_folders(folder, _DATED), *_folders(above, _DATED)]
    places = [folder, *dated, *_folders(folder, "old"), *_folders(folder, "archive")]
    found: list[tuple[int, str]] = []
    for place in places:
        for each in glob.iglob(os.path.join(glob.escape(place), f"{stem}*")):
            try:
                modified_ns = os.stat(each).st_mtime_ns
            except OSError:  # gone since
                continue
            if each != path and modified_ns >= since_ns - _MODIFIED_SLACK_NS and os.path.isfile(each):
                found.append((-modified_ns, each))
    for _, each in sorted(found)[:_SIBLINGS]:
        yield each


def read_back(checkpoint: Checkpoint, position: int, length: int) -> bytes | None:
    """The raw line of an old event, wherever its file has gone since; None where it cannot be found any more."""
    opener = Opener()
    path = native(checkpoint.path)
    try:
        for place in (path, *siblings(path)):
            line = _line_in(opener, place, checkpoint, position, length)
            if line is not None:
                return line
        return None
    finally:
        opener.close()


def members_at(path: str) -> list[str]:
    """The members of a file; none where it cannot be read."""
    try:
        return members(path)
    except (OSError, SourceError):
        return []


def _is_at(opener: Opener, path: str, member: str, checkpoint: Checkpoint) -> bool:
    try:
        stream = opener.open(path, member)
    except (OSError, SourceError):
        return False
    try:
        return holds(prove(stream, checkpoint.offset), checkpoint)
    except OSError:
        return False
    finally:
        stream.close()


def _line_in(opener: Opener, path: str, checkpoint: Checkpoint, position: int, length: int) -> bytes | None:
    for member in members_at(path):
        if not _is_at(opener, path, member, checkpoint):
            continue
        stream = opener.open(path, member)
        try:
            return _line(opener, stream, position, length)
        except ContentChanged:
            continue
        finally:
            stream.close()
    return None


def _line(opener: Opener, stream: Stream, position: int, length: int) -> bytes | None:
    if is_evtx(stream):
        lines = evtx_log.EvtxCursor(stream, opener.worker, position).take(1).texts
        return lines[0] if lines and isinstance(lines[0], bytes) else None
    stream.seek(position)
    line = exactly(stream, length)
    return line.removesuffix(b"\r") if len(line) == length else None


def _evtx_proof(stream: Stream, offset: int | None) -> Proof:
    end = evtx_log.end_of(stream)
    at = end if offset is None else offset
    return Proof(evtx_log.head_of(stream), at, evtx_log.tail_at(stream, at), end > at)


def _text_proof(stream: Stream, offset: int | None) -> Proof:
    head = stream.peek(HEAD_HASH_BYTES)
    if offset is None:
        return _text_proof_at_end(stream, head)
    first = max(0, offset - BEFORE_BYTES)
    stream.seek(first)
    tail = exactly(stream, offset - first)
    if len(tail) < offset - first:
        raise ContentChanged(f"the content ends before byte {offset}")
    return Proof(head, offset, tail, bool(stream.read(1)))


def _text_proof_at_end(stream: Stream, head: bytes) -> Proof:
    """A compressed content is read through only once: its last bytes are kept on the way."""
    if isinstance(stream, FileStream):
        stream.seek(max(0, stream.end() - BEFORE_BYTES))
    tail = b""
    while data := stream.read(HEAD_BYTES):
        tail = (tail + data)[-BEFORE_BYTES:]
    return Proof(head, stream.tell(), tail, has_more=False)


def exactly(stream: Stream, size: int) -> bytes:
    """``size`` bytes, or as many as there are."""
    parts = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def _unpacked(name: str) -> str:
    return re.sub(r"\.(gz|bz2|xz)$", "", name)


def _folders(above: str, pattern: str) -> list[str]:
    return [each for each in glob.iglob(os.path.join(glob.escape(above), pattern)) if os.path.isdir(each)]
