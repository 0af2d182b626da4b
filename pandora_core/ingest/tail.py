"""Owns the following of log files: which to read, from where, and where they went when they were rotated.

The engine pulls: :meth:`Follower.scan` now and then, :meth:`LogFile.read` when it wants lines. The backlog stays in
the files, so that memory is bounded and nothing is dropped. What must survive a kill is in :class:`Checkpoint`; from
these a new follower goes on exactly, whatever was done to the files meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pandora_core.errors import ConfigError
from pandora_core.ingest.admission import Admission, Recognise
from pandora_core.ingest.books import Books, Change, ChangeKind
from pandora_core.ingest.container import HEAD_BYTES, is_evtx, unwrapped
from pandora_core.ingest.cursor import CHUNK_BYTES, LineCursor, Lines
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.likeness import Judge
from pandora_core.ingest.listing import NOWHERE, STDIN, Listed, SourceSpec, Stat, listed
from pandora_core.ingest.logfile import LogFile
from pandora_core.ingest.pipe import PipeStream
from pandora_core.ingest.recognise import recognise as recognise_format
from pandora_core.ingest.rotation import (
    Checkpoint,
    Known,
    Opener,
    is_rotated_name,
    is_rotation_of,
    native,
    read_back,
    siblings,
)
from pandora_core.ingest.stream import Stream

__all__ = ["Change", "ChangeKind", "Checkpoint", "Follower", "Lines", "LogFile", "SourceSpec", "read_back"]

GRACE_S = 10.0
"""A rotated file is finished when it was quiet for so long: its writer may not have moved on at once."""

STALE_S = 3600.0
"""A file that is only called like a rotated one is finished when it was quiet for so long."""

MEMORY_BYTES = 64 << 20
"""What all files together may hold in chunks."""

_MIN_CHUNK_BYTES = 16 * 1024
_LOOKS = 3
"""How often something that must be somewhere is looked for: files may be renamed between two steps of one look."""


class Follower:
    """Reads what the sources name: once to the end, or with ``follow`` for as long as it grows.

    ``known`` are the checkpoints of all contents read before, one of each. Contents that the followers ``beside`` are
    reading are left to them. A rotated file is finished after ``grace_s`` seconds of quiet.

    Raises:
        ConfigError: a source wants a format that is not there.
    """

    def __init__(
        self,
        patterns: Sequence[SourceSpec],
        known: Sequence[Checkpoint],
        formats: Mapping[str, LogFormat],
        *,
        follow: bool,
        recognise: Recognise = recognise_format,
        grace_s: float = GRACE_S,
        beside: Sequence[Follower] = (),
        stdin: int = 0,
    ) -> None:
        self._specs = [_checked(spec, formats) for spec in patterns]
        self._follow = follow
        self._grace_s = grace_s
        self._opener = Opener()
        self._books = Books(Known(known), lambda: [file for follower in beside for file in follower.files])
        self._judge = Judge(self._opener, formats)
        self._admission = Admission(self._books, self._opener, self._judge, formats, recognise, follow=follow)
        self._missing: dict[Checkpoint, int] | None = None
        self._rotated = self._origins() if follow else {}
        self._stdin = _Stdin(stdin, waits=not follow) if any(spec.path == STDIN for spec in patterns) else None

    @property
    def files(self) -> list[LogFile]:
        """The files that are being read."""
        return self._books.files

    @property
    def is_done(self) -> bool:
        """Whether everything was read to its end, as the last scan found; never so with ``follow``."""
        has_stdin = self._stdin is not None and self._stdin.is_open
        return not (self._follow or self._books.files or self._books.is_waiting() or has_stdin)

    def scan(self) -> list[Change]:
        """Look for new, rotated, truncated and vanished files; what changed since the last look.

        A file that was read to its end is finished and given up by the scan after.
        """
        self._books.changes = []
        self._retire()
        self._books.open_page(listed(self._specs))
        self._look_after()
        self._admission.look_into(self._books.news())
        self._recover()
        self._catch_up()
        if self._stdin is not None and self._stdin.is_open:
            self._open_stdin(self._stdin)
        self._share_memory()
        return self._books.changes

    def pending(self) -> list[LogFile]:
        """The files with unread lines."""
        if self._stdin is not None:
            self._stdin.wake()
        return [file for file in self._books.files if file.has_pending]

    def close(self) -> None:
        """Close all files; what was read is in their checkpoints."""
        for file in self._books.files:
            file.close()
        if self._stdin is not None:
            self._stdin.pipe.close()
        self._opener.close()

    def _retire(self) -> None:
        """Give up the files that were read to their end, and end those that nobody writes to any more."""
        for file in self._books.files:
            file.note_growth()
            if file.is_done:
                self._books.retire(file)
            elif file.problem and not self._follow:
                self._books.detach(file)
                self._books.say(ChangeKind.UNREADABLE, file.path, file.member, file.problem, file)
            elif self._should_end(file):
                file.cursor.finish()

    def _should_end(self, file: LogFile) -> bool:
        if not self._follow or not file.cursor.at_end or file.has_changed:
            return False
        if file.is_complete():
            return True
        quiet_s = time.time() - file.quiet_since
        if file.is_rotated or file.is_static:
            return quiet_s >= self._grace_s
        return is_rotated_name(file.path) and quiet_s >= max(self._grace_s, STALE_S)

    def _look_after(self) -> None:
        """Find out what became of the files that are being read."""
        books = self._books
        for file in books.files:
            if file.problem:
                books.say(ChangeKind.UNREADABLE, file.path, file.member, file.problem, file)
        self._follow_renames()
        for file in books.files:
            if file.has_changed or (file.problem and file in books.loose):
                self._follow_copy(file)
        for file in books.at.values():
            file.wake(books.listing[file.path].stat)
        for file in books.loose:
            if file.path != STDIN:
                file.cursor.at_end = False
                file.is_rotated |= not file.is_at(file.path)
        for file in books.files:
            file.is_rotated |= books.is_rotated(file.path, file.origin)

    def _follow_renames(self) -> None:
        """Files are read on under their new names; one that has none any more, by its descriptor."""
        books = self._books
        renamed = [file for file in books.at.values() if not books.is_listed(file)]
        lost = [file for file in books.loose if file.path != STDIN and not file.is_at(file.path)]
        for file in (*renamed, *lost):
            books.detach(file)
        places = {each.stat[:2]: each.path for each in books.listing.values()} if renamed or lost else {}
        for file in (*renamed, *lost):
            path = places.get(file.stat[:2]) or next((each for each in siblings(file.path) if file.is_at(each)), None)
            if path is None or not self._admission.follow_inode(file, path):
                books.attach(file)
        for file in renamed:
            self._note_rotation(file)

    def _follow_copy(self, file: LogFile) -> None:
        """A file was emptied or overwritten: what was not read of it is read from the copy that was made before."""
        path = file.path
        self._books.detach(file)
        self._books.forget_seen(path)
        self._note_rotation(file)
        place = self._judge.find(file.seen(), siblings(path), self._books.is_taken)
        if place is None:
            file.cut_off(keeps_rest=not self._judge.is_seen_at(file, siblings(path)))
            self._books.attach(file)
            reason = "emptied or overwritten; no copy of what it held was found"
        else:
            self._admission.put(file, place)
            file.is_rotated = True
            reason = f"emptied or overwritten; the rest of what it held is read from {place.path}"
        self._books.say(ChangeKind.TRUNCATED, path, file.member, reason, file)

    def _recover(self) -> None:
        """Find contents that were not read to their end before, and are not where they were: rotated out of sight."""
        books = self._books
        if self._missing is None:
            ours = [known for known in books.known.unfinished() if self._is_ours(known)]
            self._missing = dict.fromkeys(sorted(ours, key=lambda known: -known.offset), 0)
        for known, looks in list(self._missing.items()):
            path = native(known.path)
            here = books.listing.get(path)
            if known in books.known and not self._is_found(known, path):
                self._missing[known] = looks + (here is None or not here.problem)
                if self._missing[known] < (_LOOKS if self._follow else 1):
                    continue
                books.say(ChangeKind.VANISHED, path, known.member, "what was not read of it is not to be found")
            del self._missing[known]

    def _is_found(self, known: Checkpoint, path: str) -> bool:
        """Read a known content on where it is now, if it is anywhere."""
        place = self._judge.find(known, [path, *siblings(path, known.modified_ns)], self._books.is_taken)
        if place is None:
            return False
        file = Listed(place.path, SourceSpec(native(known.source)), Stat.at(place.path))
        self._admission.resume(file, place.member, known, has_more=True)
        return True

    def _is_ours(self, known: Checkpoint) -> bool:
        path = native(known.path)
        is_named = any(native(known.source) == spec.path for spec in self._specs)
        return path in self._books.listing or (is_named and path != STDIN)

    def _origins(self) -> dict[str, _Rotation]:
        """The logs that our sources named before this follower began, and when each was last seen to be written."""
        sources = {spec.path: spec for spec in self._specs}
        origins: dict[str, _Rotation] = {}
        for known in self._books.known:
            spec = sources.get(native(known.source))
            if spec is not None and spec.path != STDIN:
                origin = native(known.origin)
                since_ns = max(known.modified_ns, origins[origin].since_ns if origin in origins else 0)
                origins[origin] = _Rotation(spec, since_ns, 1)
        return origins

    def _note_rotation(self, file: LogFile) -> None:
        """More than one rotation may have happened since the last look."""
        spec = next((spec for spec in self._specs if spec.path == file.source), None)
        if spec is not None and self._follow:
            self._rotated[file.origin] = _Rotation(spec, file.stat.modified_ns, _LOOKS)

    def _catch_up(self) -> None:
        """Read what was rotated out of sight before it was ever seen: while nothing ran, or between two looks."""
        for origin, rotation in list(self._rotated.items()):
            hidden = [
                Listed(path, rotation.spec, Stat.at(path), origin=origin)
                for path in siblings(origin, rotation.since_ns)
                if path not in self._books.listing and is_rotation_of(path, origin)
            ]
            taken = {file.path for file in self._books.loose if file.is_at(file.path)}
            self._admission.look_into([file for file in hidden if file.path not in taken])
            if rotation.looks > 1:
                self._rotated[origin] = rotation._replace(looks=rotation.looks - 1)
            else:
                del self._rotated[origin]

    def _open_stdin(self, stdin: _Stdin) -> None:
        """Begin to read standard input when there is enough of it to know its format."""
        stream, spec = stdin.stream(), next(spec for spec in self._specs if spec.path == STDIN)
        head = stream.peek(HEAD_BYTES) if stream is not None else b""
        if stream is None or not (head or stdin.pipe.has_ended):
            return
        log_format = self._admission.format_of(spec, head, "") if head and not is_evtx(stream) else None
        if log_format is not None:
            cursor = LineCursor(stream, log_format.delimiter, head)
            if not self._follow:
                cursor.finish()
            here = NOWHERE._replace(modified_ns=time.time_ns())
            stdin.file = LogFile(STDIN, "", STDIN, here, log_format, cursor)
            self._books.attach(stdin.file)
            self._books.say(ChangeKind.ADDED, STDIN, "", log_format.name, stdin.file)
        elif stdin.pipe.has_ended or len(head) >= HEAD_BYTES:
            stdin.pipe.close()
            self._books.say(ChangeKind.SKIPPED, STDIN, "", "unknown format" if head else "nothing came")
        else:
            return
        stdin.is_open = False

    def _share_memory(self) -> None:
        cursors = [file.cursor for file in self._books.files if file.has_pending]
        for cursor in cursors:
            cursor.chunk_bytes = max(_MIN_CHUNK_BYTES, min(CHUNK_BYTES, MEMORY_BYTES // len(cursors)))


class _Rotation(NamedTuple):
    """A log that was rotated: what was written after ``since_ns`` under a rotated name may not have been seen yet."""

    spec: SourceSpec
    since_ns: int
    looks: int


class _Stdin:
    """Standard input before and while it is read."""

    def __init__(self, descriptor: int, *, waits: bool) -> None:
        self.pipe = PipeStream(descriptor, waits=waits)
        self.file: LogFile | None = None
        self.is_open = True
        self._stream: Stream | None = None

    def stream(self) -> Stream | None:
        """What comes through the pipe, unwrapped; None while there is too little to tell how it is wrapped."""
        if self._stream is None and (len(self.pipe.peek(10)) == 10 or self.pipe.has_ended):
            self._stream = unwrapped(self.pipe)
        return self._stream

    def wake(self) -> None:
        if self.file is not None and self.pipe.has_news():
            self.file.cursor.at_end = False


def _checked(spec: SourceSpec, formats: Mapping[str, LogFormat]) -> SourceSpec:
    """The source with the format that it forces, if any; ``auto`` and an empty one force none."""
    wanted = None if spec.format in ("", "auto") else spec.format
    if wanted is not None and wanted not in formats:
        raise ConfigError(f"no format named {wanted!r}", where=spec.path, hint=f"known: {', '.join(sorted(formats))}")
    return replace(spec, format=wanted)
