"""Owns one log file that is being read: where it stands, what decodes it, and whether there is more."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import msgspec

from pandora_core.errors import SourceError
from pandora_core.ingest.container import is_evtx
from pandora_core.ingest.cursor import Cursor, LineCursor, Lines
from pandora_core.ingest.evtx_log import EvtxCursor
from pandora_core.ingest.evtx_worker import EvtxWorker
from pandora_core.ingest.format import Decoder, LogFormat
from pandora_core.ingest.listing import NOWHERE, Stat
from pandora_core.ingest.rotation import Checkpoint, exactly, hashed, head_of, native, portable
from pandora_core.ingest.stream import BEFORE_BYTES, ContentChanged, EndedStream, Stream

RACY_S = 0.1
"""A file may change twice within one tick of its clock: what was written so recently is looked at once more."""


class LogFile:
    """One content being read, under whatever name it has at the moment.

    ``known`` is the checkpoint that it went on from, None for a content that was not read before.
    """

    def __init__(
        self,
        path: str,
        member: str,
        source: str,
        stat: Stat,
        log_format: LogFormat,
        cursor: Cursor,
        known: Checkpoint | None = None,
    ) -> None:
        self.path = path
        self.member = member
        self.source = source
        self.stat = stat
        self.format = log_format
        self.known = known
        self.origin = native(known.origin) if known else path
        self.decoder = self._new_decoder()
        self.cursor = cursor
        self.problem = ""
        """Why it cannot be read at the moment; it is tried again."""
        self.has_changed = False
        """Whether the file no longer holds what was read: the follower will find out where that went."""
        self.is_rotated = False
        self.quiet_since = stat.modified_ns / 1e9
        self._seen_position = -1
        self._looked_at_s = time.time()

    @property
    def name(self) -> str:
        return os.path.basename(self.member or self.path)

    @property
    def has_pending(self) -> bool:
        """Whether a read may give lines."""
        return not (self.cursor.at_end or self.is_done or self.has_changed or self.problem)

    @property
    def is_done(self) -> bool:
        """Whether the content was complete and everything of it was read."""
        return self.cursor.is_done

    @property
    def is_static(self) -> bool:
        """Whether it is of a kind that nobody appends to: a wrapped file or a binary event log."""
        return isinstance(self.cursor, EvtxCursor) or self.cursor.stream.is_wrapped

    def place(self) -> str:
        """A path at which the file itself can be opened: its own, or when it has lost that, its open descriptor's."""
        descriptor = self.cursor.stream.descriptor()
        if descriptor < 0 or self.is_at(self.path):
            return self.path
        return f"/dev/fd/{descriptor}"

    def is_at(self, path: str) -> bool:
        """Whether the file, by its inode, is at a path."""
        return Stat.at(path).is_same_file(self.stat)

    def is_complete(self) -> bool:
        """Whether the content itself says that nothing can follow."""
        try:
            return self.cursor.stream.is_complete()
        except (OSError, SourceError) as error:
            self.problem = str(error)
            return False

    def read(self, max_lines: int) -> Lines:
        """The next complete records: ``max_lines`` where there are so many; none when there is nothing new.

        What keeps a file from being read becomes :attr:`problem` or :attr:`has_changed`; it is never raised.
        """
        try:
            return self.cursor.take(max_lines)
        except ContentChanged:
            self.has_changed = True
        except OSError as error:
            self.problem = error.strerror or str(error)
        except SourceError as error:
            self.problem = error.what
        return Lines([], [], [], self.cursor.line_number + 1)

    def backlog_bytes(self) -> int:
        """How many bytes are not read yet; those of a compressed file are counted compressed."""
        try:
            unread = 0 if self.cursor.at_end else self.cursor.stream.unread_bytes()
        except (OSError, SourceError):
            unread = 0
        return unread + self.cursor.buffered_bytes()

    def checkpoint(self) -> Checkpoint:
        """Where to go on after the lines that were read so far; all of them must have been decoded."""
        cursor = self.cursor
        return Checkpoint(
            path=portable(self.path),
            member=self.member,
            device=self.stat.device,
            inode=self.stat.inode,
            head_hash=hashed(cursor.head),
            head_size=len(cursor.head),
            offset=cursor.offset,
            line_number=cursor.line_number,
            tail_hash=hashed(cursor.tail()),
            format=self.format.name,
            decoder_state=msgspec.json.encode(self.decoder.state()).decode(),
            finished=self.is_done,
            size_bytes=self.stat.size_bytes,
            modified_ns=self.stat.modified_ns,
            source=portable(self.source),
            origin=portable(self.origin),
        )

    def close(self) -> None:
        """Give the file's descriptor back."""
        self.cursor.stream.close()

    def continue_at(self, path: str, member: str, stat: Stat, cursor: Cursor) -> None:
        """Read the same content on from another place, where ``cursor`` stands at the same position."""
        self.path, self.member, self.stat, self.cursor = path, member, stat, cursor
        self.problem, self.has_changed, self.is_rotated = "", False, False
        self.quiet_since = time.time()
        self._seen_position = -1

    def wake(self, stat: Stat) -> None:
        """Look for more if the file changed, or may have, since it was looked at."""
        now = time.time()
        if stat != self.stat or self._looked_at_s - stat.modified_ns / 1e9 < RACY_S or self.problem:
            self.stat = stat
            self.problem = ""
            self.cursor.at_end = False
            self._looked_at_s = now

    def note_growth(self) -> None:
        """Remember when the file was last seen to grow."""
        position = self.cursor.stream.tell()
        if position != self._seen_position:
            if self._seen_position >= 0:
                self.quiet_since = time.time()
            self._seen_position = position

    def move(self, path: str) -> None:
        """The same file has another name."""
        self.path = path
        self.problem = ""
        self.quiet_since = time.time()
        self.cursor.stream.moved(path)

    def seen(self) -> Checkpoint:
        """A checkpoint that proves all that was read of the file, the unfinished line at its end included."""
        offset, tail = self.cursor.seen()
        return replace(self.checkpoint(), offset=offset, tail_hash=hashed(tail))

    def cut_off(self, *, keeps_rest: bool) -> None:
        """What the file held is gone. ``keeps_rest``: the unfinished line that was read of it is its last."""
        if not keeps_rest:
            self.cursor.forget_rest()
        self.cursor.stream.close()
        self.cursor.stream = EndedStream(self.cursor.stream.tell())
        self.stat = NOWHERE
        self.problem, self.has_changed, self.is_rotated = "", False, True
        self.cursor.finish()

    def _new_decoder(self) -> Decoder:
        remembered = self.known.decoder_state if self.known else ""
        state: dict[str, Any] | None = msgspec.json.decode(remembered) if remembered else None
        return self.format.decoder(state, filename=self.name, modified_us=self.stat.modified_ns // 1000)


def cursor_at(stream: Stream, worker: EvtxWorker, delimiter: bytes, offset: int = 0, number: int = 0) -> Cursor:
    """A cursor that goes on at a position of a stream, which stands at its start."""
    if is_evtx(stream):
        return EvtxCursor(stream, worker, offset, number)
    head = head_of(stream)
    first = max(0, offset - BEFORE_BYTES)
    stream.seek(first)
    return LineCursor(stream, delimiter, head, exactly(stream, offset - first), number)
