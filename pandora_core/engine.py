"""Owns the life of a log line: read, decoded, judged, and written with its checkpoint in one transaction.

The engine is the only writer of events, entities, detections, edges and alerts. It pulls: lines stay in their files
until it takes them, so that a backlog costs no memory and nothing is dropped. A kill at any instant loses nothing and
repeats nothing, because a batch and the marks of the files that it came from are committed together, and because the
detectors' state is a snapshot plus the stored events after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from pandora_core.casebook import Casebook
from pandora_core.detect.pipeline import Pipeline
from pandora_core.detect.watermark import Watermark
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.intake import Intake, Mark, Run
from pandora_core.ingest.tail import Follower, SourceSpec
from pandora_core.model import MINUTE_US, Event
from pandora_core.store.reader import Reader
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple

log = logging.getLogger(__name__)

SNAPSHOT_EVENTS = 200_000
"""A snapshot of the detectors is written after so many events: a restart replays at most these."""

KEPT_BAD_LINES = 1000
"""Bad lines of one file that are kept for a look; further ones are only counted."""

_EXCERPT_CHARS = 400
_RECENT_RUNS = 256


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Plain values that the engine works with; :mod:`pandora_core.bootstrap` takes them from the settings."""

    batch_size: int = 1000
    silent_after_us: int = 15 * MINUTE_US


@dataclass(slots=True)
class Tally:
    """What was read so far; ``by_format`` counts events, ``lines`` are data lines: events and bad lines."""

    events: int = 0
    bad_lines: int = 0
    by_format: dict[str, int] = field(default_factory=dict)
    by_dataset: dict[str, int] = field(default_factory=dict)


class Engine:
    """Reads sources into a store until told to stop. One per data folder: the caller holds the engine lock.

    ``clock`` gives the present in microseconds since the epoch; only states and rates that people see depend on it.
    """

    def __init__(
        self,
        store: Store,
        sources: Sequence[SourceSpec],
        formats: Mapping[str, LogFormat],
        *,
        follow: bool,
        clock: Callable[[], int],
        options: EngineOptions | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        self.tally = Tally()
        self._clock = clock
        self._options = options or EngineOptions()
        self._reader, self._writer = Reader(store), Writer(store)
        self._files = {(row.path, row.member): row for row in self._reader.files()}
        self._marks = {key: msgspec.json.decode(row.checkpoint, type=Mark) for key, row in self._files.items()}
        self._follower = Follower(sources, [mark.checkpoint for mark in self._marks.values()], formats, follow=follow)
        self._intake = Intake(self._skip_of)
        self._pipeline = pipeline or Pipeline()
        self._watermark = Watermark()
        self._actions_seen = 0
        self._casebook = Casebook(self._writer, self._new_actions())
        self._last_event_id = self._writer.last_event_id()
        self._last_snapshot_id = 0
        self._recent: list[tuple[int, int, Run, int]] = []
        self._restore()

    def step(self) -> int:
        """Take one batch from the sources to the store; returns how many lines it held."""
        self._intake.offer(self._follower.pending())
        runs = self._intake.take(self._options.batch_size)
        actions = self._new_actions()
        if not runs and not actions:
            return 0
        batch = Batch(minute_us=self._clock() // MINUTE_US * MINUTE_US)
        for run in runs:
            self._judge(run, batch)
        batch.fired = self._pipeline.changed()
        batch.edges = self._pipeline.edges()
        self._conclude(batch, actions)
        self._keep_raw_lines(batch)
        batch.files = self._progress(runs)
        batch.status = self._status("live")
        if self._last_event_id - self._last_snapshot_id >= SNAPSHOT_EVENTS:
            batch.snapshot = self._snapshot()
        self._writer.commit(batch)
        return sum(run.stop - run.start for run in runs)

    def _judge(self, run: Run, batch: Batch) -> None:
        """The hot path: every line of a run becomes a row, and the detectors see its event."""
        file = self._file_row(run.feed.file)
        decoded, positions, lengths = run.decoded, run.positions, run.lengths
        observe, rows, number = self._pipeline.observe, batch.events, self._last_event_id
        first_number, file_id, advance = run.first_number, file.id, self._watermark.advance
        for place in range(run.start, run.stop):
            item = decoded[place]
            if type(item) is Event:
                number += 1
                observe(number, item)
                advance(item.at_us)
                rows.append(
                    event_tuple(number, file_id, positions[place], lengths[place], first_number + place, item)
                )
            elif item is not None:
                batch.bad_lines.append(self._bad_line(run, place, file, item))
        self._recent.append((self._last_event_id, number, run, file_id))
        self._last_event_id = number
