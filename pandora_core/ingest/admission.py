"""Owns what becomes of a file that is found: it is read from its start, or from where it was left, or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing

from pandora_core.errors import SourceError
from pandora_core.ingest.books import Books, ChangeKind
from pandora_core.ingest.container import HEAD_BYTES, is_evtx, members
from pandora_core.ingest.cursor import Cursor
from pandora_core.ingest.evtx_log import first_lines
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.likeness import Judge, Likeness, Place
from pandora_core.ingest.listing import STDIN, Listed, SourceSpec, Stat
from pandora_core.ingest.logfile import LogFile, cursor_at
from pandora_core.ingest.rotation import Checkpoint, Opener, head_of, holds, native, prove
from pandora_core.ingest.stream import Stream

Recognise = Callable[[bytes, str, Mapping[str, LogFormat]], LogFormat | None]


class Admission:
    """Looks into files. A content that is known or being read under another name is found out, and not read twice."""

    def __init__(
        self,
        books: Books,
        opener: Opener,
        judge: Judge,
        formats: Mapping[str, LogFormat],
        recognise: Recognise,
        *,
        follow: bool,
    ) -> None:
        self._books = books
        self._opener = opener
        self._judge = judge
        self._formats = formats
        self._recognise = recognise
        self._follow = follow

    def look_into(self, files: Iterable[Listed]) -> None:
        """Decide on files. One with the inode of a known content gets it before a copy of it is looked at."""
        known, loose = self._books.known, {file.stat[:2] for file in self._books.loose}
        for file in sorted(files, key=lambda each: not (known.at(*each.stat[:2]) or each.stat[:2] in loose)):
            self._examine(file)

    def resume(self, file: Listed, member: str, known: Checkpoint, *, has_more: bool) -> None:
        """Go on with a known content where it was left, in its old file object where there is one."""
        say, log_format = self._books.say, self._formats.get(known.format)
        if known.finished and not has_more:
            say(ChangeKind.SKIPPED, file.path, member, "read already")
        elif log_format is None:
            say(ChangeKind.SKIPPED, file.path, member, f"the format {known.format!r} is not installed")
        else:
            cursor = self.cursor(Place(file.path, member), log_format, known)
            log = self._books.call_back(known)
            if log is None:
                log = LogFile(file.path, member, file.spec.path, file.stat, log_format, cursor, known)
            else:
                log.continue_at(file.path, member, file.stat, cursor)
            self._books.attach(log)
            say(ChangeKind.RESUMED, file.path, member, f"from byte {known.offset}", log)

    def put(self, file: LogFile, place: Place) -> None:
        """Read a file on at a place that holds the same content."""
        file.close()
        cursor = self.cursor(place, file.format, file.checkpoint())
        file.continue_at(place.path, place.member, Stat.at(place.path), cursor)
        self._books.attach(file)

    def follow_inode(self, file: LogFile, path: str) -> bool:
        """Read a file on where its inode is now. Only while the file is open is the inode sure to be its own."""
        if file.cursor.stream.descriptor() >= 0:
            file.move(path)
            self._books.attach(file)
        elif self._judge.is_still(file, Place(path, file.member)):
            self.put(file, Place(path, file.member))
        else:
            return False
        self._books.say(ChangeKind.MOVED, path, file.member, f"was {file.origin}", file)
        return True

    def cursor(self, place: Place, log_format: LogFormat, known: Checkpoint | None = None) -> Cursor:
        """A cursor at the start of a content, or where a checkpoint was taken of it."""
        stream = self._opener.open(*place)
        start = (known.offset, known.line_number) if known else (0, 0)
        cursor = cursor_at(stream, self._opener.worker, log_format.delimiter, *start)
        if not self._follow:
            cursor.finish()
        return cursor

    def format_of(self, spec: SourceSpec, head: bytes, name: str) -> LogFormat | None:
        """The format that the operator says a file has, or that its content shows."""
        return self._formats[spec.format] if spec.format else self._recognise(head, name, self._formats)

    def _examine(self, file: Listed) -> None:
        say = self._books.say
        if file.problem:
            say(ChangeKind.UNREADABLE, file.path, "", file.problem)
            return
        self._books.note_seen(file.path, file.stat)
        try:
            for member in members(file.path) if file.stat.size_bytes else ():
                self._identify(file, member)
        except OSError as error:
            self._books.forget_seen(file.path)
            say(ChangeKind.UNREADABLE, file.path, "", error.strerror or str(error))
        except SourceError as error:
            say(ChangeKind.UNREADABLE, file.path, "", error.what)

    def _identify(self, file: Listed, member: str) -> None:
        """Find out whether a content was read before or is being read; if not, begin to read it."""
        here = [known for known in self._books.known.at(*file.stat[:2]) if known.member == member]
        if any(known.finished and (known.size_bytes, known.modified_ns) == file.stat[2:] for known in here):
            self._books.say(ChangeKind.SKIPPED, file.path, member, "read already")
            return
        if self._is_twin(file, member):
            return
        with closing(self._opener.open(file.path, member)) as stream:
            head = head_of(stream)
            candidates = [*here, *self._books.known.starting(head), *self._books.retired_from(head)] if head else []
            is_old = self._is_known(file, member, stream, candidates) or self._is_read(file, member, stream, head)
            if not is_old and not self._is_known_header(file, member, stream, here):
                stream.seek(0)
                self._begin(file, member, stream)

    def _is_twin(self, file: Listed, member: str) -> bool:
        """Whether it is a file that is being read, under another of its names."""
        books = self._books
        for twin in list(books.index.at(file.stat)):
            if not twin.stat.is_same_file(file.stat) or twin.member != member or twin.has_changed:
                continue
            if twin not in books.loose:
                books.say(ChangeKind.SKIPPED, file.path, member, f"the same file as {twin.path}")
                return True
            books.loose.remove(twin)
            if self.follow_inode(twin, file.path):
                return True
            books.loose.append(twin)
        return False

    def _is_known(self, file: Listed, member: str, stream: Stream, candidates: list[Checkpoint]) -> bool:
        """Whether the content is one of those that were read before, perhaps under another name."""
        for known in candidates:
            proof = self._judge.proof_of(known, stream)
            if proof is not None:
                self.resume(file, member, known, has_more=proof.has_more)
                return True
            if self._judge.is_beginning_of(known, stream):
                reason = f"read already, as a part of {native(known.path)}"
                self._books.say(ChangeKind.SKIPPED, file.path, member, reason)
                return True
        return False

    def _is_known_header(self, file: Listed, member: str, stream: Stream, here: list[Checkpoint]) -> bool:
        """Whether it is a file of which no more than the header was read; under another name that is no proof."""
        for known in here:
            proof = prove(stream, known.offset) if native(known.path) == file.path else None
            if proof is not None and holds(proof, known):
                self.resume(file, member, known, has_more=proof.has_more)
                return True
        return False

    def _is_read(self, file: Listed, member: str, stream: Stream, head: bytes) -> bool:
        """Whether the content is that of a file being read: it adds nothing, or goes on where that one ends."""
        books = self._books
        for other in books.index.alike(head):
            likeness = self._judge.likeness(other, stream) if other.path != STDIN else Likeness.DIFFERENT
            if likeness is Likeness.DIFFERENT:
                continue
            if likeness is Likeness.PART or other not in books.files:
                books.say(ChangeKind.SKIPPED, file.path, member, f"the same content as {other.path}")
            elif other.cursor.at_end:
                books.detach(other)
                self.put(other, Place(file.path, member))
                books.say(ChangeKind.MOVED, file.path, member, "the same content goes on here", other)
            else:
                books.note_seen(file.path, file.stat, waits_for=other)
            return True
        return False

    def _begin(self, file: Listed, member: str, stream: Stream) -> None:
        """Read a new content from its start, if its format is known."""
        is_binary = is_evtx(stream)
        head = first_lines(stream, self._opener.worker) if is_binary else stream.peek(HEAD_BYTES)
        log_format = self.format_of(file.spec, head, os.path.basename(member or file.path)) if head else None
        if log_format is None:
            reason = "unknown format" if head else stream.damage()
            if reason:
                self._books.say(ChangeKind.SKIPPED, file.path, member, reason)
            return
        origin = file.origin or file.path
        is_rotated = self._books.is_rotated(file.path, origin)
        may_grow = self._follow and not (is_rotated or is_binary or stream.is_wrapped)
        if may_grow and log_format.delimiter not in head and len(head) < HEAD_BYTES:
            return  # what is there may still turn out to be something else
        cursor = self.cursor(Place(file.path, member), log_format)
        log = LogFile(file.path, member, file.spec.path, file.stat, log_format, cursor)
        log.origin, log.is_rotated = origin, is_rotated
        self._books.attach(log)
        self._books.say(ChangeKind.ADDED, file.path, member, log_format.name, log)
