"""Owns the order in which lines of many files are judged: merged by event time, each exactly once.

Every file is read and decoded in chunks; the merge takes from the file whose next event is oldest, so that nothing
concluded from a folder depends on the order of its files. A chunk may be cut by the end of a batch: its mark is then
the checkpoint before the chunk plus the number of lines of it that were taken (``skip``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pandora_core.ingest.format import Decoded
from pandora_core.ingest.tail import Checkpoint, LogFile
from pandora_core.model import BadLine, Event

FIRST_CHUNK_LINES = 32
CHUNK_LINES = 1000
_LINES_IN_MEMORY = 64_000
_NEVER_US = 1 << 62


class Mark(msgspec.Struct, frozen=True):
    """Where to go on with a file: a checkpoint, and how many lines after it were taken already."""

    checkpoint: Checkpoint
    skip: int = 0


class Run(NamedTuple):
    """Consecutive lines of one file: the items ``start`` to ``stop`` of its feed's present chunk."""

    feed: Feed
    start: int
    stop: int
    texts: list[bytes | BadLine]
    decoded: list[Decoded]
    positions: list[int]
    lengths: list[int]
    first_number: int


class Feed:
    """One file in the merge: its decoded chunk, and how far it was taken."""

    def __init__(self, file: LogFile, skip: int) -> None:
        self.file = file
        self.head_us = -_NEVER_US
        self._base = file.checkpoint()
        self._skip = skip
        self._run: Run | None = None
        self._cursor = 0
        self._chunk_lines = FIRST_CHUNK_LINES

    @property
    def is_empty(self) -> bool:
        return self._run is None

    def mark(self) -> Mark:
        """Where the lines end that were taken so far."""
        if self._run is None:
            return Mark(self._base, self._skip)
        return Mark(self._base, self._cursor)

    def load(self, most_lines: int) -> bool:
        """Read and decode the next chunk; whether there is one."""
        self._base = self.file.checkpoint()
        lines = self.file.read(max(self._skip, min(self._chunk_lines, most_lines)))
        if not lines.texts:
            return False
        self._chunk_lines = CHUNK_LINES
        decoded = _decoded(self.file, lines.texts)
        self._run = Run(
            self, 0, len(decoded), lines.texts, decoded, lines.positions, lines.lengths, lines.first_number
        )
        self._cursor, self._skip = min(self._skip, len(decoded)), 0
        self._find_head()
        return True

    def take(self, limit: int, until_us: int) -> Run | None:
        """Up to ``limit`` lines, none after the first event later than ``until_us``; at its end the feed is empty."""
        run = self._run
        if run is None:
            return None
        start, stop = self._cursor, min(self._cursor + limit, run.stop)
        decoded = run.decoded
        if until_us < _NEVER_US:
            for place in range(start, stop):
                item = decoded[place]
                if type(item) is Event and item.at_us > until_us:
                    stop = max(place, start + 1)
                    break
        self._cursor = stop
        self._find_head()
        if stop >= run.stop:
            self._run, self._base = None, self.file.checkpoint()
        return run._replace(start=start, stop=stop)

    def _find_head(self) -> None:
        """When the next item is due: an event at its time, anything else with the event before it."""
        assert self._run is not None
        decoded, place = self._run.decoded, self._cursor
        while place >= 0 and (place == len(decoded) or type(decoded[place]) is not Event):
            place -= 1
        if place >= 0:
            self.head_us = decoded[place].at_us  # type: ignore[union-attr]


class Intake:
    """The merge over all files that have something to read.

    ``skips`` tells for a newly opened file how many lines after its checkpoint had been taken.
    """

    def __init__(self, skips: Callable[[LogFile], int]) -> None:
        self._skips = skips
        self._feeds: dict[int, Feed] = {}
        self._heap: list[tuple[int, str, int]] = []
        self._added = 0

    def offer(self, files: list[LogFile]) -> None:
        """Take files into the merge that have something to read and are not in it already."""
        known = {id(feed.file) for feed in self._feeds.values()}
        for file in files:
            if id(file) not in known:
                self._added += 1
                self._feeds[self._added] = Feed(file, self._skips(file))
                self._refill(self._added)

    def holds(self, file: LogFile) -> bool:
        """Whether lines of a file were read that were not taken yet."""
        return any(feed.file is file for feed in self._feeds.values())

    def drop(self, files: list[LogFile]) -> None:
        """Forget what was read ahead of files that are read no more: their marks stand before it."""
        gone = {id(file) for file in files}
        self._feeds = {number: feed for number, feed in self._feeds.items() if id(feed.file) not in gone}
        self._heap = [entry for entry in self._heap if entry[-1] in self._feeds]
        heapq.heapify(self._heap)

    def take(self, limit: int) -> list[Run]:
        """The next lines in the order of event time, ``limit`` of them or as many as there are."""
        runs: list[Run] = []
        while limit > 0 and self._heap:
            _, name, number = heapq.heappop(self._heap)
            feed = self._feeds[number]
            run = feed.take(limit, self._turn_until(name))
            if run is not None:
                runs.append(run)
                limit -= run.stop - run.start
            if feed.is_empty:
                self._refill(number)
            else:
                self._push(number)
        return runs

    def _turn_until(self, name: str) -> int:
        """The time up to which a file may go on before it is another's turn; at equal times names decide."""
        if not self._heap:
            return _NEVER_US
        next_us, next_name, _ = self._heap[0]
        return next_us if name < next_name else next_us - 1

    def _refill(self, number: int) -> None:
        feed = self._feeds[number]
        if feed.load(max(FIRST_CHUNK_LINES, min(CHUNK_LINES, _LINES_IN_MEMORY // len(self._feeds)))):
            self._push(number)
        else:
            del self._feeds[number]

    def _push(self, number: int) -> None:
        """Equal times are taken in the order of names: nothing may depend on the order of sources."""
        feed = self._feeds[number]
        heapq.heappush(self._heap, (feed.head_us, f"{feed.file.path}\0{feed.file.member}", number))


def _decoded(file: LogFile, texts: list[bytes | BadLine]) -> list[Decoded]:
    """One result a line; what the reader found bad already stays so."""
    bad = {place: text for place, text in enumerate(texts) if isinstance(text, BadLine)}
    if not bad:
        return file.decoder.decode(texts)  # type: ignore[arg-type]
    good = iter(file.decoder.decode([text for text in texts if not isinstance(text, BadLine)]))
    return [bad[place] if place in bad else next(good) for place in range(len(texts))]
