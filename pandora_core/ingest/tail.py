"""Owns the following of log files: which to read, from where, and where they went when they were rotated.

The engine pulls: :meth:`Follower.scan` now and then, :meth:`LogFile.read` when it wants lines. The backlog stays in
the files, so that memory is bounded and nothing is dropped. What must survive a kill is in :class:`Checkpoint`; from
these a new follower goes on exactly, whatever was done to the files meanwhile.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.errors import ConfigError, SourceError
from pandora_core.ingest.container import HEAD_BYTES, is_evtx, members, unwrapped
from pandora_core.ingest.cursor import CHUNK_BYTES, Cursor, LineCursor, Lines
from pandora_core.ingest.evtx_log import first_lines
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.likeness import Judge, Likeness, Place
from pandora_core.ingest.listing import NOWHERE, STDIN, Listed, SourceSpec, Stat, listed
from pandora_core.ingest.logfile import RACY_S, LogFile, cursor_at
from pandora_core.ingest.pipe import PipeStream
from pandora_core.ingest.recognise import recognise as recognise_format
from pandora_core.ingest.rotation import (
    Checkpoint,
    Known,
    Opener,
    head_of,
    holds,
    is_rotated_name,
    is_rotation_of,
    names_before,
    native,
    prove,
    read_back,
    siblings,
)
from pandora_core.ingest.stream import Stream

__all__ = ["Change", "ChangeKind", "Checkpoint", "Follower", "Lines", "LogFile", "SourceSpec", "read_back"]

Recognise = Callable[[bytes, str, Mapping[str, LogFormat]], LogFormat | None]

GRACE_S = 10.0
"""A rotated file is finished when it was quiet for so long: its writer may not have moved on at once."""

STALE_S = 3600.0
"""A file that is only called like a rotated one is finished when it was quiet for so long."""

MEMORY_BYTES = 64 << 20
"""What all files together may hold in chunks."""

_MIN_CHUNK_BYTES = 16 * 1024
_LOOKS = 3


class ChangeKind(enum.StrEnum):
    """What happened to a file."""

    ADDED = "added"
    RESUMED = "resumed"
    MOVED = "moved"
    TRUNCATED = "truncated"
    FINISHED = "finished"
    VANISHED = "vanished"
    SKIPPED = "skipped"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Change:
    """What a scan found; ``file`` is the file it happened to, where it is one that is read."""

    kind: ChangeKind
    path: str
    member: str
    reason: str
    file: LogFile | None = None

    @property
    def is_skipped(self) -> bool:
        """Whether nothing is read of it."""
        return self.kind in (ChangeKind.SKIPPED, ChangeKind.UNREADABLE)


class Follower:
    """Reads what the sources name: once to the end, or with ``follow`` for as long as it grows.

    ``known`` are the checkpoints of all contents read before. Contents that the followers ``beside`` are reading are
    left to them.

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
        self._formats = formats
        self._follow = follow
        self._recognise = recognise
        self._grace_s = grace_s
        self._beside = beside
        self._opener = Opener()
        self._judge = Judge(self._opener, formats)
        self._known = Known(known)
        self._now: dict[str, Listed] = {}
        self._at: dict[tuple[str, str], LogFile] = {}
        self._loose: list[LogFile] = []
        self._retired: dict[Checkpoint, LogFile] = {}
        self._seen: dict[str, _Seen] = {}
        self._said: dict[tuple[str, str], tuple[ChangeKind, str]] = {}
        self._missing: dict[Checkpoint, int] | None = None
        self._rotated = self._origins() if follow else {}
        self._changes: list[Change] = []
        self._stdin = _Stdin(stdin, waits=not follow) if any(spec.path == STDIN for spec in patterns) else None

    @property
    def files(self) -> list[LogFile]:
        """The files that are being read."""
        return [*self._at.values(), *self._loose]

    @property
    def is_done(self) -> bool:
        """Whether everything was read to its end: never so with ``follow``."""
        is_waiting = any(seen.waits_for is not None for seen in self._seen.values())
        return not (self._follow or self._at or self._loose or is_waiting or (self._stdin and self._stdin.is_open))

    def scan(self) -> list[Change]:
        """Look for new, rotated, truncated and vanished files; what changed since the last look.

        A file that was read to its end is finished and given up by the scan after.
        """
        self._changes = []
        self._retire()
        self._now = listed(self._specs)
        self._look_after()
        self._examine_all()
        self._recover()
        self._catch_up()
        if self._stdin is not None and self._stdin.is_open:
            self._open_stdin(self._stdin)
        self._share_memory()
        return self._changes

    def pending(self) -> list[LogFile]:
        """The files with unread lines. Without ``follow``, files that had to wait for others are looked at again."""
        if self._stdin is not None:
            self._stdin.wake()
        found = [file for file in self.files if file.has_pending]
        if not found and not self._follow and not self.is_done and self._seen:
            self.scan()
            found = [file for file in self.files if file.has_pending]
        return found

    def close(self) -> None:
        """Close all files; what was read is in their checkpoints."""
        for file in self.files:
            file.close()
        if self._stdin is not None:
            self._stdin.pipe.close()
        self._opener.close()

    def _retire(self) -> None:
        """Give up the files that were read to their end, and end those that nobody writes to any more."""
        for file in self.files:
            file.note_growth()
            if file.is_done:
                self._retire_file(file)
            elif file.problem and not self._follow:
                self._detach(file)
                self._say(ChangeKind.UNREADABLE, file.path, file.member, file.problem, file)
            elif self._should_end(file):
                file.cursor.finish()

    def _retire_file(self, file: LogFile) -> None:
        """Nothing more is expected of it: only its checkpoint and the object, should it go on after all, are kept."""
        self._detach(file)
        file.close()
        file.cursor.release()
        checkpoint = file.checkpoint()
        self._known.add(checkpoint)
        self._retired[checkpoint] = file
        self._seen[file.path] = _Seen(file.stat, time.time())
        self._say(ChangeKind.FINISHED, file.path, file.member, "read to its end", file)

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
        for file in self.files:
            if file.problem:
                self._say(ChangeKind.UNREADABLE, file.path, file.member, file.problem, file)
        self._follow_renames()
        for file in [file for file in self.files if file.has_changed or (file.problem and file in self._loose)]:
            self._follow_copy(file)
        for file in self._at.values():
            file.wake(self._now[file.path].stat)
        for file in [file for file in self._loose if file.path != STDIN]:
            file.cursor.at_end = False
            file.is_rotated |= not file.is_at(file.path)
        for file in self.files:
            file.is_rotated |= self._is_rotated(file.path, file.origin)

    def _follow_renames(self) -> None:
        """Files are read on under their new names; one that has none any more, by its descriptor."""
        gone = [file for file in self._at.values() if not self._is_listed(file)]
        for file in gone:
            self._detach(file)
            self._note_rotation(file)
        places = {each.stat[:2]: each for each in self._now.values()} if gone or self._loose else {}
        for file in [*gone, *(file for file in self._loose if file.path != STDIN and not file.is_at(file.path))]:
            here = places.get(file.stat[:2])
            path = here.path if here else next((each for each in siblings(file.path) if file.is_at(each)), "")
            if file in self._loose:
                self._loose.remove(file)
            if not (path and self._is_moved(file, path)):
                self._attach(file)

    def _is_moved(self, file: LogFile, path: str) -> bool:
        """Read a file on under another name. Only while it is open is its inode sure to be its own."""
        if file.cursor.stream.descriptor() >= 0:
            file.move(path)
            self._attach(file)
        elif self._judge.is_still(file, Place(path, file.member)):
            self._put(file, Place(path, file.member))
        else:
            return False
        self._say(ChangeKind.MOVED, path, file.member, f"was {file.origin}", file)
        return True

    def _is_listed(self, file: LogFile) -> bool:
        here = self._now.get(file.path)
        return here is not None and not here.problem and here.stat.is_same_file(file.stat)

    def _follow_copy(self, file: LogFile) -> None:
        """A file was emptied or overwritten: what was not read of it is read from the copy that was made before."""
        self._detach(file)
        self._seen.pop(file.path, None)
        self._note_rotation(file)
        path = file.path
        place = self._judge.find(file.seen(), siblings(path), self._is_taken)
        if place is None:
            file.cut_off(keeps_rest=not self._judge.is_seen_at(file, siblings(path)))
            self._loose.append(file)
            reason = "emptied or overwritten; no copy of what it held was found"
        else:
            self._put(file, place)
            file.is_rotated = True
            reason = f"emptied or overwritten; the rest of what it held is read from {place.path}"
        self._say(ChangeKind.TRUNCATED, path, file.member, reason, file)

    def _put(self, file: LogFile, place: Place) -> None:
        """Read a file on at a place that holds the same content."""
        file.close()
        cursor = self._cursor(place, file.format, file.checkpoint())
        file.continue_at(place.path, place.member, Stat.at(place.path), cursor)
        self._attach(file)

    def _attach(self, file: LogFile) -> None:
        """Count a file among those that are read: by its place if a source names that, else as a loose one."""
        if self._is_listed(file) and (file.path, file.member) not in self._at:
            self._at[file.path, file.member] = file
        else:
            self._loose.append(file)

    def _detach(self, file: LogFile) -> None:
        if self._at.get((file.path, file.member)) is file:
            del self._at[file.path, file.member]
        else:
            self._loose.remove(file)

    def _examine_all(self) -> None:
        """Look into the files that are new or changed; those that are likely known first."""
        self._seen = {path: seen for path, seen in self._seen.items() if path in self._now}
        self._said = {key: said for key, said in self._said.items() if key[0] in self._now}
        taken = {path for path, _ in self._at}
        fresh = [each for each in self._now.values() if each.path not in taken and self._is_news(each)]
        for each in self._likely_known_first(fresh):
            self._examine(each)

    def _likely_known_first(self, files: list[Listed]) -> list[Listed]:
        """A file that has the inode of a known content must get it, before a copy of it is looked at."""
        loose = {file.stat[:2] for file in self._loose}
        return sorted(files, key=lambda each: not (self._known.at(*each.stat[:2]) or each.stat[:2] in loose))

    def _is_news(self, file: Listed) -> bool:
        seen = self._seen.get(file.path)
        if seen is None:
            return True
        if seen.waits_for is not None:
            return seen.waits_for not in self.files or seen.waits_for.cursor.at_end
        return seen.stat != file.stat or seen.at_s - file.stat.modified_ns / 1e9 < RACY_S

    def _examine(self, file: Listed) -> None:
        if file.problem:
            self._say(ChangeKind.UNREADABLE, file.path, "", file.problem)
            return
        self._seen[file.path] = _Seen(file.stat, time.time())
        try:
            for member in members(file.path) if file.stat.size_bytes else ():
                self._identify(file, member)
        except OSError as error:
            del self._seen[file.path]
            self._say(ChangeKind.UNREADABLE, file.path, "", error.strerror or str(error))
        except SourceError as error:
            self._say(ChangeKind.UNREADABLE, file.path, "", error.what)

    def _identify(self, file: Listed, member: str) -> None:
        """Find out whether a content was read before or is being read; if not, begin to read it."""
        here = [known for known in self._known.at(*file.stat[:2]) if known.member == member]
        if any(known.finished and (known.size_bytes, known.modified_ns) == file.stat[2:] for known in here):
            self._say(ChangeKind.SKIPPED, file.path, member, "read already")
            return
        if self._is_twin(file, member):
            return
        with closing(self._opener.open(file.path, member)) as stream:
            head = head_of(stream)
            if not head:
                return
            if self._is_known(file, member, stream, [*here, *self._known.starting(head)]):
                return
            if self._is_read(file, member, stream, head) or self._is_known_header(file, member, stream, here):
                return
            stream.seek(0)
            self._begin(file, member, stream)

    def _is_twin(self, file: Listed, member: str) -> bool:
        """Whether it is a file that is being read, under another of its names."""
        for twin in self._all_read():
            if not twin.stat.is_same_file(file.stat) or twin.member != member or twin.has_changed:
                continue
            if twin not in self._loose:
                self._say(ChangeKind.SKIPPED, file.path, member, f"the same file as {twin.path}")
                return True
            self._loose.remove(twin)
            if self._is_moved(twin, file.path):
                return True
            self._loose.append(twin)
        return False

    def _is_known(self, file: Listed, member: str, stream: Stream, candidates: list[Checkpoint]) -> bool:
        """Whether the content is one of those that were read before, perhaps under another name."""
        for known in candidates:
            proof = self._judge.proof_of(known, stream)
            if proof is not None:
                self._resume(file, member, known, has_more=proof.has_more)
                return True
            if self._judge.is_beginning_of(known, stream):
                self._say(ChangeKind.SKIPPED, file.path, member, f"read already, as a part of {native(known.path)}")
                return True
        return False

    def _is_known_header(self, file: Listed, member: str, stream: Stream, here: list[Checkpoint]) -> bool:
        """Whether it is a file of which no more than the header was read; under another name that is no proof."""
        for known in here:
            if native(known.path) != file.path:
                continue
            proof = prove(stream, known.offset)
            if proof is not None and holds(proof, known):
                self._resume(file, member, known, has_more=proof.has_more)
                return True
        return False

    def _is_read(self, file: Listed, member: str, stream: Stream, head: bytes) -> bool:
        """Whether the content is that of a file being read: it adds nothing, or goes on where that one ends."""
        for other in self._all_read():
            shared = min(len(other.cursor.head), len(head))
            if not shared or other.cursor.head[:shared] != head[:shared] or other.path == STDIN:
                continue
            likeness = self._judge.likeness(other, stream)
            if likeness is Likeness.DIFFERENT:
                continue
            if likeness is Likeness.PART or other not in self.files:
                self._say(ChangeKind.SKIPPED, file.path, member, f"the same content as {other.path}")
            elif other.cursor.at_end:
                self._detach(other)
                self._put(other, Place(file.path, member))
                self._say(ChangeKind.MOVED, file.path, member, "the same content goes on here", other)
            else:
                self._seen[file.path] = _Seen(file.stat, time.time(), waits_for=other)
            return True
        return False

    def _begin(self, file: Listed, member: str, stream: Stream) -> None:
        """Read a new content from its start, if its format is known."""
        is_binary = is_evtx(stream)
        head = first_lines(stream, self._opener.worker) if is_binary else stream.peek(HEAD_BYTES)
        if not head:
            return
        log_format = self._format_of(file.spec, head, os.path.basename(member or file.path))
        if log_format is None:
            self._say(ChangeKind.SKIPPED, file.path, member, "unknown format")
            return
        origin = file.origin or file.path
        is_rotated = self._is_rotated(file.path, origin)
        may_grow = self._follow and not (is_rotated or is_binary or stream.is_wrapped)
        if may_grow and log_format.delimiter not in head and len(head) < HEAD_BYTES:
            return  # what is there may still turn out to be something else
        cursor = self._cursor(Place(file.path, member), log_format)
        log = LogFile(file.path, member, file.spec.path, file.stat, log_format, cursor)
        log.origin, log.is_rotated = origin, is_rotated
        self._attach(log)
        self._say(ChangeKind.ADDED, file.path, member, log_format.name, log)

    def _resume(self, file: Listed, member: str, known: Checkpoint, *, has_more: bool) -> None:
        """Go on with a known content where it was left, in its old file object where there is one."""
        if known.finished and not has_more:
            self._say(ChangeKind.SKIPPED, file.path, member, "read already")
            return
        log_format = self._formats.get(known.format)
        if log_format is None:
            self._say(ChangeKind.SKIPPED, file.path, member, f"the format {known.format!r} is not installed")
            return
        cursor = self._cursor(Place(file.path, member), log_format, known)
        self._known.remove(known)
        log = self._retired.pop(known, None)
        if log is None:
            log = LogFile(file.path, member, file.spec.path, file.stat, log_format, cursor, known)
        else:
            log.continue_at(file.path, member, file.stat, cursor)
        self._attach(log)
        self._say(ChangeKind.RESUMED, file.path, member, f"from byte {known.offset}", log)

    def _cursor(self, place: Place, log_format: LogFormat, known: Checkpoint | None = None) -> Cursor:
        stream = self._opener.open(*place)
        start = (known.offset, known.line_number) if known else (0, 0)
        cursor = cursor_at(stream, self._opener.worker, log_format.delimiter, *start)
        if not self._follow:
            cursor.finish()
        return cursor

    def _recover(self) -> None:
        """Find contents that were not read to their end before, and are not where they were: rotated out of sight."""
        if self._missing is None:
            ours = [known for known in self._known.unfinished() if self._is_ours(known)]
            self._missing = dict.fromkeys(sorted(ours, key=lambda known: -known.offset), 0)
        for known in [known for known in self._missing if known not in self._known]:
            del self._missing[known]
        for known, looks in list(self._missing.items()):
            path = native(known.path)
            place = self._judge.find(known, [path, *siblings(path, known.modified_ns)], self._is_taken)
            if place is not None:
                file = Listed(place.path, SourceSpec(native(known.source)), Stat.at(place.path))
                self._resume(file, place.member, known, has_more=True)
            elif path not in self._now or not self._now[path].problem:
                self._missing[known] = looks + 1
            if self._missing[known] >= (_LOOKS if self._follow else 1):
                del self._missing[known]
                self._say(ChangeKind.VANISHED, path, known.member, "what was not read of it is not to be found")

    def _origins(self) -> dict[str, _Rotation]:
        """The logs that our sources named before this follower began, and when each was last seen to be written."""
        sources = {spec.path: spec for spec in self._specs}
        origins: dict[str, _Rotation] = {}
        for known in self._known:
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
        for origin, (spec, since_ns, looks) in list(self._rotated.items()):
            found = [
                Listed(path, spec, Stat.at(path), origin=origin)
                for path in siblings(origin, since_ns)
                if path not in self._now and is_rotation_of(path, origin)
            ]
            for each in self._likely_known_first(found):
                if not any(file.path == each.path and file.is_at(each.path) for file in self.files):
                    self._examine(each)
            if looks > 1:
                self._rotated[origin] = _Rotation(spec, since_ns, looks - 1)
            else:
                del self._rotated[origin]

    def _is_taken(self, place: Place) -> bool:
        return any((file.path, file.member) == place and file.is_at(place.path) for file in self.files)

    def _is_ours(self, known: Checkpoint) -> bool:
        path = native(known.path)
        return path in self._now or (path != STDIN and any(native(known.source) == spec.path for spec in self._specs))

    def _is_rotated(self, path: str, origin: str) -> bool:
        """Whether another file has taken the name that a log had, or its name says so."""
        return (origin != path and origin in self._now) or any(name in self._now for name in names_before(path))

    def _format_of(self, spec: SourceSpec, head: bytes, name: str) -> LogFormat | None:
        forced = _forced_format(spec)
        return self._formats[forced] if forced else self._recognise(head, name, self._formats)

    def _all_read(self) -> Iterator[LogFile]:
        yield from self.files
        for follower in self._beside:
            yield from follower.files

    def _open_stdin(self, stdin: _Stdin) -> None:
        """Begin to read standard input when there is enough of it to know its format."""
        stream = stdin.stream()
        head = stream.peek(HEAD_BYTES) if stream is not None else b""
        has_ended = stdin.pipe.has_ended
        if stream is None or (not head and not has_ended):
            return
        spec = next(spec for spec in self._specs if spec.path == STDIN)
        log_format = None if is_evtx(stream) else self._format_of(spec, head, "")
        if log_format is None:
            if has_ended or len(head) >= HEAD_BYTES:
                stdin.is_open = False
                stdin.pipe.close()
                if head:
                    self._say(ChangeKind.SKIPPED, STDIN, "", "unknown format")
            return
        cursor = LineCursor(stream, log_format.delimiter, head)
        if not self._follow:
            cursor.finish()
        stdin.is_open = False
        stdin.file = LogFile(STDIN, "", STDIN, NOWHERE._replace(modified_ns=time.time_ns()), log_format, cursor)
        self._loose.append(stdin.file)
        self._say(ChangeKind.ADDED, STDIN, "", log_format.name, stdin.file)

    def _share_memory(self) -> None:
        cursors = [file.cursor for file in self.files if file.has_pending]
        for cursor in cursors:
            cursor.chunk_bytes = max(_MIN_CHUNK_BYTES, min(CHUNK_BYTES, MEMORY_BYTES // len(cursors)))

    def _say(self, kind: ChangeKind, path: str, member: str, reason: str, file: LogFile | None = None) -> None:
        """Tell a change; a state once for as long as it stays so."""
        change = Change(kind, path, member, reason, file)
        if not change.is_skipped or self._said.get((path, member)) != (kind, reason):
            self._changes.append(change)
        self._said[path, member] = (kind, reason)


class _Seen(NamedTuple):
    """How a file that is not being read was when it was looked into."""

    stat: Stat
    at_s: float
    waits_for: LogFile | None = None


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
    if (wanted := _forced_format(spec)) and wanted not in formats:
        raise ConfigError(f"no format named {wanted!r}", where=spec.path, hint=f"known: {', '.join(sorted(formats))}")
    return spec


def _forced_format(spec: SourceSpec) -> str | None:
    return None if spec.format in (None, "", "auto") else spec.format
