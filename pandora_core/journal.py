"""Owns what is remembered of every log file: how far it was read, what it brought, and what state it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from pandora_core.ingest.intake import Mark, Run
from pandora_core.ingest.rotation import portable
from pandora_core.ingest.tail import Change, ChangeKind, Checkpoint, Follower, LogFile, read_back
from pandora_core.store.rows import FileRow

_decode_mark = msgspec.json.Decoder(Mark).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Entry:
    """One file's row in the making; ``mark`` is where to go on with it."""

    id: int
    path: str
    member: str
    format: str
    mark: Mark
    events: int = 0
    bad_lines: int = 0
    first_event_us: int | None = None
    last_event_us: int | None = None
    last_read_us: int = 0
    backlog_bytes: int = 0
    state: str = "live"
    detail: str = ""

    def count(self, events: int, bad_lines: int, first_us: int, last_us: int) -> None:
        """Takes in what one run of lines brought; the times are those of its events."""
        self.bad_lines += bad_lines
        if events:
            self.events += events
            self.first_event_us = first_us if self.first_event_us is None else min(first_us, self.first_event_us)
            self.last_event_us = last_us if self.last_event_us is None else max(last_us, self.last_event_us)

    def row(self) -> FileRow:
        """The row as it is to be written."""
        return FileRow(
            id=self.id,
            path=self.path,
            member=self.member,
            format=self.format,
            head_hash=self.mark.checkpoint.head_hash,
            checkpoint=_encode(self.mark).decode(),
            events=self.events,
            bad_lines=self.bad_lines,
            first_event_us=self.first_event_us,
            last_event_us=self.last_event_us,
            last_read_us=self.last_read_us,
            backlog_bytes=self.backlog_bytes,
            state=self.state,
            detail=self.detail,
        )


class Journal:
    """The rows of ``files``, kept in memory while the engine runs."""

    def __init__(self, rows: Iterable[FileRow], clock: Callable[[], int]) -> None:
        self._clock = clock
        self._by_id = {row.id: _entry(row) for row in rows}
        self._of_file: dict[int, Entry] = {}
        self._written: dict[int, FileRow] = {}

    def checkpoints(self) -> list[Checkpoint]:
        """Where every file that was ever read goes on: a follower starts from these."""
        return [entry.mark.checkpoint for entry in self._by_id.values()]

    def entry(self, file: LogFile) -> Entry:
        """The entry of a file: that of the content it went on with, else a new one."""
        known = self._of_file.get(id(file))
        if known is None:
            known = self._matching(file.known) or self._new(file)
            self._of_file[id(file)] = known
        return known

    def skip_of(self, file: LogFile) -> int:
        """How many lines after the file's checkpoint were judged before the engine stopped."""
        entry = self.entry(file)
        return entry.mark.skip if file.known is not None else 0

    def progress(self, runs: Sequence[Run]) -> list[FileRow]:
        """The rows of the files that a batch came from, with where to go on with them."""
        now = self._clock()
        rows = []
        for feed in {id(run.feed): run.feed for run in runs}.values():
            entry = self.entry(feed.file)
            self._place(entry, feed.file, feed.mark())
            entry.last_read_us, entry.state, entry.detail = now, "live", ""
            rows.append(self._note(entry))
        return rows

    def states(self, followers: Sequence[Follower], silent_after_us: int) -> list[FileRow]:
        """The rows of followed files whose state is not as it was last written."""
        now = self._clock()
        changed = []
        for file in (file for follower in followers for file in follower.files):
            entry = self.entry(file)
            entry.path = portable(file.path)
            entry.backlog_bytes = file.backlog_bytes()
            entry.state, entry.detail = _state_of(file, entry, now - silent_after_us)
            changed += self._if_news(entry)
        return changed

    def changed(self, changes: Sequence[Change], is_judged: Callable[[LogFile], bool]) -> list[FileRow]:
        """The rows of files that a scan found to be finished; ``is_judged`` tells whether no line of one waits."""
        rows = []
        for change in changes:
            if change.kind is ChangeKind.FINISHED and change.file is not None:
                entry = self.entry(change.file)
                if is_judged(change.file):
                    self._place(entry, change.file, Mark(change.file.checkpoint()))
                entry.state, entry.detail, entry.backlog_bytes = "finished", "", 0
                rows += self._if_news(entry)
        return rows

    def forget(self, files: Iterable[LogFile]) -> None:
        """These files are read no more; their entries stay."""
        for file in files:
            self._of_file.pop(id(file), None)

    def read_back(self, file_id: int, position: int, length: int) -> tuple[str, bytes] | None:
        """The raw line of an old event and the path of its file, if it can still be read."""
        entry = self._by_id.get(file_id)
        if entry is None:
            return None
        line = read_back(entry.mark.checkpoint, position, length)
        return (entry.path, line) if line is not None else None

    def _place(self, entry: Entry, file: LogFile, mark: Mark) -> None:
        """Notes where a file stands and what it is called now."""
        entry.mark = mark
        entry.path, entry.member = portable(file.path), file.member
        entry.backlog_bytes = file.backlog_bytes()

    def _if_news(self, entry: Entry) -> list[FileRow]:
        return [self._note(entry)] if self._written.get(entry.id) != entry.row() else []

    def _note(self, entry: Entry) -> FileRow:
        row = self._written[entry.id] = entry.row()
        return row

    def _matching(self, known: Checkpoint | None) -> Entry | None:
        """The entry of the content that a checkpoint is of, whatever its file is called now."""
        if known is None:
            return None
        content = _content(known)
        return next((entry for entry in self._by_id.values() if _content(entry.mark.checkpoint) == content), None)

    def _new(self, file: LogFile) -> Entry:
        number = max(self._by_id, default=0) + 1
        mark = Mark(file.checkpoint())
        entry = Entry(number, portable(file.path), file.member, file.format.name, mark, last_read_us=self._clock())
        self._by_id[number] = entry
        return entry


def _content(checkpoint: Checkpoint) -> tuple[str, int, int, str]:
    return checkpoint.head_hash, checkpoint.head_size, checkpoint.offset, checkpoint.tail_hash


def _state_of(file: LogFile, entry: Entry, silent_before_us: int) -> tuple[str, str]:
    """(state, detail): unreadable, silent or live."""
    if file.problem:
        return "unreadable", file.problem
    if entry.last_read_us < silent_before_us and not entry.backlog_bytes:
        return "silent", "no new line for a while"
    return "live", ""


def _entry(row: FileRow) -> Entry:
    return Entry(
        id=row.id,
        path=row.path,
        member=row.member,
        format=row.format,
        mark=_decode_mark(row.checkpoint),
        events=row.events,
        bad_lines=row.bad_lines,
        first_event_us=row.first_event_us,
        last_event_us=row.last_event_us,
        last_read_us=row.last_read_us,
        backlog_bytes=row.backlog_bytes,
        state=row.state,
        detail=row.detail,
    )
