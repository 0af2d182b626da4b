"""Owns the decision whether two contents are one log, and where the content of a checkpoint is to be found."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from pandora_core.errors import SourceError
from pandora_core.ingest.container import HEAD_BYTES, is_evtx
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.listing import Stat
from pandora_core.ingest.logfile import LogFile
from pandora_core.ingest.rotation import Checkpoint, Opener, Proof, exactly, holds, members_at, native, prove
from pandora_core.ingest.stream import Stream
from pandora_core.model import Event


class Likeness(enum.Enum):
    """What a second content is to a first: another, all or the beginning of it, or all of it and more."""

    DIFFERENT = "different"
    PART = "part"
    LONGER = "longer"


class Place(NamedTuple):
    """A file, or a member of a zip file."""

    path: str
    member: str


class Judge:
    """Compares contents. Logs of one kind start with the same header: only an event among what they share counts."""

    def __init__(self, opener: Opener, formats: Mapping[str, LogFormat]) -> None:
        self._opener = opener
        self._formats = formats

    def find(self, known: Checkpoint, places: Iterable[str], is_taken: Callable[[Place], bool]) -> Place | None:
        """The first place that holds a known content, of those that are not taken."""
        if not known.head_size:
            return None
        for path in places:
            for member in members_at(path):
                place = Place(path, member)
                if not is_taken(place) and self._holds(place, known):
                    return place
        return None

    def proof_of(self, known: Checkpoint, stream: Stream) -> Proof | None:
        """The proof that a stream holds a known content and more than its header; None where there is none."""
        proof = prove(stream, known.offset)
        if proof is None or not holds(proof, known):
            return None
        return proof if self._tells(known.format, stream, max(known.offset, known.head_size)) else None

    def is_beginning_of(self, known: Checkpoint, stream: Stream) -> bool:
        """Whether a content is only the beginning of a known one, which still is where it was read."""
        if prove(stream, known.offset) is not None:
            return False
        place = self.find(known, [native(known.path)], lambda _: False)
        return place is not None and self._to_place(place, known.format, stream) is Likeness.PART

    def likeness(self, other: LogFile, stream: Stream) -> Likeness:
        """What a content is to a file that is being read, and if that was deleted, to what was read of it."""
        known = other.seen()
        place = Place(other.place(), other.member)
        if self.is_still(other, place):
            return self._to_place(place, known.format, stream)
        proof = self.proof_of(known, stream)
        if proof is None:
            return Likeness.DIFFERENT
        return Likeness.LONGER if proof.has_more and other.cursor.at_end else Likeness.PART

    def is_still(self, file: LogFile, place: Place) -> bool:
        """Whether a file being read, which by its inode is at a place, is that: inodes are reused."""
        return self._proves(place, file.seen())

    def is_seen_at(self, file: LogFile, places: Iterable[str]) -> bool:
        """Whether one of the places holds all that was seen of a file, the unfinished line at its end included."""
        seen = file.seen()
        return any(self._proves(Place(path, member), seen) for path in places for member in members_at(path))

    def _holds(self, place: Place, known: Checkpoint) -> bool:
        try:
            with closing(self._opener.open(*place)) as stream:
                return self.proof_of(known, stream) is not None
        except (OSError, SourceError):
            return False

    def _proves(self, place: Place, known: Checkpoint) -> bool:
        try:
            with closing(self._opener.open(*place)) as stream:
                return holds(prove(stream, known.offset), known)
        except (OSError, SourceError):
            return False

    def _to_place(self, place: Place, format_name: str, stream: Stream) -> Likeness:
        try:
            with closing(self._opener.open(*place)) as first:
                likeness, shared_bytes = _compared(first, stream)
        except (OSError, SourceError):
            return Likeness.DIFFERENT
        return likeness if self._tells(format_name, stream, shared_bytes) else Likeness.DIFFERENT

    def _tells(self, format_name: str, stream: Stream, shared_bytes: int) -> bool:
        """Whether there is an event among the first ``shared_bytes`` of a content (in its first 64 KiB)."""
        log_format = self._formats.get(format_name)
        stream.seek(0)
        if log_format is None or is_evtx(stream):
            return shared_bytes > 0
        parts = exactly(stream, min(shared_bytes, HEAD_BYTES)).split(log_format.delimiter)
        end = b"" if log_format.delimiter == b"\n" else log_format.delimiter
        decoder = log_format.decoder(None, filename="", modified_us=0)
        return any(isinstance(item, Event) for item in decoder.decode([part + end for part in parts]))


class Index:
    """Finds, among the files that are being read, those with a given inode or with the same first bytes."""

    def __init__(self, files: Iterable[LogFile]) -> None:
        self._by_inode: defaultdict[tuple[int, ...], list[LogFile]] = defaultdict(list)
        self._by_start: defaultdict[bytes, list[LogFile]] = defaultdict(list)
        self._ends: defaultdict[bytes, list[LogFile]] = defaultdict(list)
        for file in files:
            self.add(file)

    def add(self, file: LogFile) -> None:
        self._by_inode[file.stat[:2]].append(file)
        starts = _starts(file.cursor.head)
        for start in starts:
            self._by_start[start].append(file)
        self._ends[starts[-1]].append(file)

    def at(self, stat: Stat) -> list[LogFile]:
        return self._by_inode.get(stat[:2], [])

    def alike(self, head: bytes) -> Iterator[LogFile]:
        """Files whose first bytes are those of ``head``, as far as both go."""
        *shorter, longest = _starts(head)
        found = [*self._by_start.get(longest, ()), *(file for start in shorter for file in self._ends.get(start, ()))]
        for file in found:
            shared = min(len(file.cursor.head), len(head))
            if shared and file.cursor.head[:shared] == head[:shared]:
                yield file


def _starts(head: bytes) -> list[bytes]:
    return [head[:size] for size in (0, 16, 64, 256, 1024) if size <= len(head)]


class _Comparison(NamedTuple):
    likeness: Likeness
    shared_bytes: int


def _compared(first: Stream, second: Stream) -> _Comparison:
    """Look at both where the shorter one ends."""
    end = prove(first)
    there = prove(second, end.offset) if end else None
    if end and there:
        likeness = Likeness.LONGER if there.has_more else Likeness.PART
        return _Comparison(likeness if _are_alike(end, there) else Likeness.DIFFERENT, end.offset)
    end = prove(second)
    there = prove(first, end.offset) if end else None
    if end and there:
        return _Comparison(Likeness.PART if _are_alike(end, there) else Likeness.DIFFERENT, end.offset)
    return _Comparison(Likeness.DIFFERENT, 0)


def _are_alike(one: Proof, other: Proof) -> bool:
    shared = min(len(one.head), len(other.head))
    return one.tail == other.tail and one.head[:shared] == other.head[:shared]
