"""Owns a follower's books: what the sources name, which contents are or were read, and what was told of them."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.ingest.likeness import Index, Place
from pandora_core.ingest.listing import Listed, Stat
from pandora_core.ingest.logfile import RACY_S, LogFile
from pandora_core.ingest.rotation import Checkpoint, Known, names_before

_FINISHED = "read to its end"


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


class Books:
    """The state of a follower. ``beside`` gives the files that other followers read."""

    def __init__(self, known: Known, beside: Callable[[], list[LogFile]]) -> None:
        self.known = known
        self.listing: dict[str, Listed] = {}
        """What the sources name at the moment, by path."""
        self.at: dict[Place, LogFile] = {}
        """Files that are being read at a place that the sources name."""
        self.loose: list[LogFile] = []
        """Files that are being read and have no such place: rotated out of sight, deleted, standard input."""
        self.changes: list[Change] = []
        self._beside = beside
        self._retired: dict[Checkpoint, LogFile] = {}
        self._seen: dict[str, _Seen] = {}
        self._said: dict[tuple[str, str], tuple[ChangeKind, str]] = {}
        self._index: Index | None = None

    @property
    def files(self) -> list[LogFile]:
        """All files that are being read."""
        return [*self.at.values(), *self.loose]

    def open_page(self, listing: dict[str, Listed]) -> None:
        """Begin a look: forget what was seen and told of files that are not named any more."""
        self.listing = listing
        self._seen = {path: seen for path, seen in self._seen.items() if path in listing}
        self._said = {key: said for key, said in self._said.items() if key[0] in listing}
        self._index = None

    @property
    def index(self) -> Index:
        """Finds the files that are being read, here and beside, by inode and by their first bytes."""
        if self._index is None:
            self._index = Index([*self.files, *self._beside()])
        return self._index

    def attach(self, file: LogFile) -> None:
        """Count a file among those that are being read."""
        place = Place(file.path, file.member)
        if self.is_listed(file) and place not in self.at:
            self.at[place] = file
        else:
            self.loose.append(file)
        if self._index is not None:
            self._index.add(file)

    def detach(self, file: LogFile) -> None:
        """The file is not read at its place, or not at all, any more."""
        place = Place(file.path, file.member)
        if self.at.get(place) is file:
            del self.at[place]
        else:
            self.loose.remove(file)

    def retire(self, file: LogFile) -> None:
        """Nothing more is expected of a file: its checkpoint is kept, and the object, should it go on after all."""
        self.detach(file)
        file.close()
        file.cursor.release()
        checkpoint = file.checkpoint()
        self.known.add(checkpoint)
        self._retired[checkpoint] = file
        self.note_seen(file.path, file.stat)
        self.say(ChangeKind.FINISHED, file.path, file.member, _FINISHED, file)

    def call_back(self, known: Checkpoint) -> LogFile | None:
        """A known content goes on: the object that read it before, if it was read by this follower."""
        self.known.remove(known)
        return self._retired.pop(known, None)

    def retired_from(self, head: bytes) -> list[Checkpoint]:
        """Contents that this follower has read and that start with ``head``."""
        return [known for known, file in self._retired.items() if file.cursor.head.startswith(head)]

    def is_listed(self, file: LogFile) -> bool:
        """Whether the sources name the place of a file and the file is still there."""
        here = self.listing.get(file.path)
        return here is not None and not here.problem and here.stat.is_same_file(file.stat)

    def is_taken(self, place: Place) -> bool:
        """Whether a file is being read at a place."""
        return any(Place(file.path, file.member) == place and file.is_at(place.path) for file in self.files)

    def is_rotated(self, path: str, origin: str) -> bool:
        """Whether another file has taken the name that a log had, or its name says that it is a rotated one."""
        has_successor = origin != path and origin in self.listing
        return has_successor or any(name in self.listing for name in names_before(path))

    def news(self) -> Iterator[Listed]:
        """The files that are not being read and are new, or were changed since they were looked into."""
        taken = {place.path for place in self.at}
        for file in list(self.listing.values()):
            seen = self._seen.get(file.path)
            if file.path not in taken and (seen is None or seen.is_outdated(file, self.files)):
                yield file

    def note_seen(self, path: str, stat: Stat, waits_for: LogFile | None = None) -> None:
        """A file was looked into. It need not be again until it changes, or the other one is read to its end."""
        self._seen[path] = _Seen(stat, time.time(), waits_for)

    def forget_seen(self, path: str) -> None:
        """Look into a file again, whether it changed or not."""
        self._seen.pop(path, None)

    def is_waiting(self) -> bool:
        """Whether a file waits for another one to be read to its end."""
        return any(seen.waits_for is not None for seen in self._seen.values())

    def say(self, kind: ChangeKind, path: str, member: str, reason: str, file: LogFile | None = None) -> None:
        """Tell a change; that a file is skipped, once for as long as it stays so, not of one that was just read."""
        change = Change(kind, path, member, reason, file)
        before = self._said.get((path, member))
        if change.is_skipped and before in ((kind, reason), (ChangeKind.FINISHED, _FINISHED)):
            return
        self.changes.append(change)
        self._said[path, member] = (kind, reason)


class _Seen(NamedTuple):
    """How a file was when it was looked into."""

    stat: Stat
    at_s: float
    waits_for: LogFile | None

    def is_outdated(self, file: Listed, files: list[LogFile]) -> bool:
        if self.waits_for is not None:
            return self.waits_for.cursor.at_end or self.waits_for not in files
        return self.stat != file.stat or self.at_s - file.stat.modified_ns / 1e9 < RACY_S
