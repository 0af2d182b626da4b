"""Owns the life of a log line: read, decoded, judged, and written with its checkpoint in one transaction.

The engine is the only writer of events, entities, detections, edges and alerts. It pulls: lines stay in their files
until it takes them, so that a backlog costs no memory and nothing is dropped. A kill at any instant loses nothing and
repeats nothing, because a batch and the marks of the files that it came from are committed together, and because the
detectors' state is a snapshot plus the stored events after it.
"""

from __future__ import annotations

import bisect
import logging
import os
import socket
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from pandora_core import __version__
from pandora_core.casebook import Casebook
from pandora_core.detect.behaviour import Behaviour, Context
from pandora_core.detect.pipeline import Pipeline
from pandora_core.detect.watermark import Watermark
from pandora_core.ingest.format import LogFormat, text_of
from pandora_core.ingest.intake import Intake, Run
from pandora_core.ingest.tail import Change, Follower, SourceSpec
from pandora_core.journal import Journal
from pandora_core.model import DAY_US, MINUTE_US, SECOND_US, Action, BadLine, Event
from pandora_core.store.reader import Reader
from pandora_core.store.rows import BadLineRow, DriftRow, EngineStatus, ModelStatus, RawLine
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Snapshot, Writer, event_tuple

log = logging.getLogger(__name__)

SNAPSHOT_EVENTS = 200_000
"""A snapshot of the detectors is written after so many events: a restart replays at most these."""

BULK = 4
"""After a full batch the next may be this much larger: the same index pages are then written once for more lines."""

SETTLE_BATCHES = 20
"""While lines wait, incidents are told after so many batches: they depend on the detections and not on when."""

KEPT_BAD_LINES = 1000
"""Bad lines of one file that are kept for a look; further ones are only counted."""

_EXCERPT_CHARS = 400
_RECENT_EVENTS = 10_000
_CATCHING_UP_BYTES = 4 << 20
_LINE_BYTES = 200


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Plain values that the engine works with; :mod:`pandora_core.bootstrap` takes them from the settings."""

    batch_size: int = 1000
    silent_after_us: int = 15 * MINUTE_US


@dataclass(slots=True)
class Tally:
    """What this engine read; ``lines`` are data lines, so that lines = events + bad lines."""

    events: int = 0
    bad_lines: int = 0
    by_format: Counter[str] = field(default_factory=Counter)
    by_dataset: Counter[str] = field(default_factory=Counter)

    alerts: set[str] = field(default_factory=set)
    """Ids of the alerts that were opened or got news."""

    @property
    def lines(self) -> int:
        return self.events + self.bad_lines

    def since(self, before: Tally) -> Tally:
        """What was read after an earlier copy was taken."""
        return Tally(
            self.events - before.events,
            self.bad_lines - before.bad_lines,
            self.by_format - before.by_format,
            self.by_dataset - before.by_dataset,
            self.alerts - before.alerts,
        )

    def copy(self) -> Tally:
        """The tally as it is now."""
        return Tally(self.events, self.bad_lines, Counter(self.by_format), Counter(self.by_dataset), set(self.alerts))


class Scorer(Behaviour, Protocol):
    """A behaviour whose judgement is a model that operators exchange while the engine runs."""

    def refresh(self, now_us: int) -> bool:
        """Asked before every batch: whether another version judges from now on."""
        ...

    def replayed(self) -> None:
        """The events that it was shown until now are those of before the engine was stopped: all of it is told."""
        ...

    def conclude(self) -> bool:
        """Asked at the end of the input: whether it has more to say, or says differently how far it is."""
        ...

    def news(self, now_us: int) -> tuple[ModelStatus | None, list[DriftRow]]:
        """What is to be written of the version at work, in the transaction that its detections are written in."""
        ...


class _State(msgspec.Struct, frozen=True):
    """What a snapshot holds: the detectors' state and the watermark at the same event."""

    watermark_us: int
    claimed_us: int | None
    detectors: bytes


class _Judged(NamedTuple):
    """A run whose lines are still in memory: its events got the numbers after ``before`` up to ``after``."""

    before: int
    after: int
    run: Run
    path: str

    def raw_line(self, number: int) -> RawLine:
        """The line that became the event of this number."""
        run = self.run
        places: Sequence[int] = range(run.start, run.stop)
        if len(places) > self.after - self.before:  # some of the lines are no events
            places = [place for place in places if type(run.decoded[place]) is Event]
        place = places[number - self.before - 1]
        text = run.texts[place]
        return RawLine(number, self.path, run.first_number + place, _packed(text) if isinstance(text, bytes) else b"")


class _Recent:
    """The lines judged last, by the numbers of their events: some ten thousand, and at least one batch."""

    def __init__(self) -> None:
        self._judged: list[_Judged] = []

    def add(self, judged: _Judged) -> None:
        if judged.after > judged.before:
            self._judged.append(judged)

    def trim(self) -> None:
        """Lets go of lines that are too old."""
        if self._judged:
            oldest = self._judged[-1].after - _RECENT_EVENTS
            del self._judged[: bisect.bisect_right(self._judged, oldest, key=lambda judged: judged.after)]

    def raw_line(self, number: int) -> RawLine | None:
        """The line of an event, if it is still here."""
        place = bisect.bisect_left(self._judged, number, key=lambda judged: judged.after)
        if place == len(self._judged) or number <= self._judged[place].before:
            return None
        return self._judged[place].raw_line(number)


class Engine:
    """Reads sources into a store. One per data folder: the caller holds the engine lock.

    ``clock`` gives the present in microseconds since the epoch; only states and rates that people see depend on it.
    ``watch`` is shown every batch of lines after it was written; ``scorer`` makes the behaviour with the model.
    """

    def __init__(
        self,
        store: Store,
        formats: Mapping[str, LogFormat],
        *,
        clock: Callable[[], int],
        options: EngineOptions | None = None,
        watch: Callable[[Batch], None] | None = None,
        scorer: Callable[[Context], Scorer] | None = None,
    ) -> None:
        self.tally = Tally()
        self._watch = watch
        self._clock = clock
        self._formats = formats
        self._options = options or EngineOptions()
        self._reader, self._writer = Reader(store), Writer(store)
        self._journal = Journal(self._reader.files(), clock)
        self._followers: list[Follower] = []
        self._intake = Intake(self._journal.skip_of)
        self._make_scorer, self._is_model_new = scorer, False
        self._pipeline, self._scorer = self._new_pipeline()
        self._watermark = Watermark()
        self._actions_seen = 0
        self._casebook = Casebook(self._writer, ())  # the first step takes in what was done while no engine ran
        self._last_event_id = self._writer.last_event_id()
        self._snapshot_event_id = 0
        self._recent = _Recent()
        self._started_us = self._told_us = clock()
        self._told_events = 0
        self._rate = 0.0
        self._backlog_bytes = 0
        self._is_behind = False
        self._unsettled = 0
        self._restore()

    def follow(self, sources: Sequence[SourceSpec], *, follow: bool) -> Follower:
        """Read sources from now on: once to their end, or for as long as they grow."""
        beside = list(self._followers)
        follower = Follower(sources, self._journal.checkpoints(), self._formats, follow=follow, beside=beside)
        self._followers.append(follower)
        return follower

    def scan(self, follower: Follower) -> list[Change]:
        """Look for new, rotated and vanished files of a follower; returns what became of them."""
        changes = follower.scan()
        rows = self._journal.changed(changes, lambda file: not self._intake.holds(file))
        if rows:
            self._commit(Batch(files=rows), "live")
        return changes

    def unfollow(self, follower: Follower) -> None:
        """Read a follower's sources no more."""
        self._followers.remove(follower)
        self._intake.drop(follower.files)
        self._journal.forget(follower.files)
        follower.close()

    def step(self) -> int:
        """Take one batch from the sources to the store; returns how many lines it held."""
        for follower in self._followers:
            self._intake.offer(follower.pending())
        runs = self._intake.take(self._options.batch_size * (BULK if self._is_behind else 1))
        actions = self._new_actions()
        self._look_for_model()
        if not runs and not actions and not self._is_model_new:
            return 0
        batch = Batch(minute_us=self._clock() // MINUTE_US * MINUTE_US)
        self._watermark.ceiling_us = self._clock() + DAY_US
        for run in runs:
            self._judge(run, batch)
        batch.fired, batch.edges = self._pipeline.changed(), self._pipeline.edges()
        self._conclude(batch, actions)
        self._keep_raw_lines(batch)
        batch.files = self._journal.progress(runs)
        # What a model said is never asked of another one: a restart goes on after the exchange.
        if self._is_model_new or self._last_event_id - self._snapshot_event_id >= SNAPSHOT_EVENTS:
            batch.snapshot = self._take_snapshot()
        self._commit(batch, "live")
        if self._watch is not None:
            self._watch(batch)
        lines = sum(run.stop - run.start for run in runs)
        self._is_behind = lines >= self._options.batch_size
        return lines

    def finish(self) -> None:
        """Write what can only be said at the end of the input, of flows that the model at work only looked at."""
        if self._scorer is None or not self._scorer.conclude():
            return
        batch = Batch(fired=self._pipeline.changed(), edges=self._pipeline.edges())
        self._conclude(batch, ())
        self._keep_raw_lines(batch)
        batch.snapshot = self._take_snapshot()
        self._commit(batch, "live")

    def tell(self, state: str) -> None:
        """Write what the engine and its files are doing when there is nothing else to write."""
        batch = Batch(files=self._journal.states(self._followers, self._options.silent_after_us))
        self._settle(batch)
        self._commit(batch, state)

    def close(self) -> None:
        """Leave a snapshot, so that the next start has nothing to replay, and say that the engine stopped."""
        files = self._journal.states(self._followers, self._options.silent_after_us)
        batch = Batch(files=files, snapshot=self._take_snapshot())
        self._settle(batch)
        self._commit(batch, "stopped")
        for follower in self._followers:
            follower.close()

    def _judge(self, run: Run, batch: Batch) -> None:
        """The hot path: every line of a run becomes a row, and the detectors see its event."""
        entry = self._journal.entry(run.feed.file)
        decoded, positions, lengths = run.decoded, run.positions, run.lengths
        observe, advance, append = self._pipeline.observe, self._watermark.advance, batch.events.append
        first_number, file_id, number = run.first_number, entry.id, self._last_event_id
        first_us, last_us, bad = 1 << 62, -(1 << 62), 0
        datasets = self.tally.by_dataset
        for place in range(run.start, run.stop):
            item = decoded[place]
            if type(item) is Event:
                number += 1
                observe(number, item)
                at_us = item.at_us
                advance(at_us)
                if at_us < first_us:
                    first_us = at_us
                if at_us > last_us:
                    last_us = at_us
                datasets[item.dataset] += 1
                append(event_tuple(number, file_id, positions[place], lengths[place], first_number + place, item))
            elif type(item) is BadLine:
                bad += 1
                if entry.bad_lines + bad <= KEPT_BAD_LINES:
                    batch.bad_lines.append(_bad_line(run, place, file_id, item))
        self._recent.add(_Judged(self._last_event_id, number, run, entry.path))
        entry.count(number - self._last_event_id, bad, first_us, last_us)
        self._count(entry.format, number - self._last_event_id, bad)
        self._last_event_id = number

    def _count(self, format_name: str, events: int, bad_lines: int) -> None:
        self.tally.events += events
        self.tally.bad_lines += bad_lines
        self.tally.by_format[format_name] += events

    def _conclude(self, batch: Batch, actions: Sequence[Action]) -> None:
        """What the batch's detections and the operators' new actions mean for entities and alerts."""
        findings = self._casebook.apply(batch.fired, actions)
        batch.fired = findings.fired
        batch.alerts, batch.gone_alerts = findings.alerts, findings.gone_alerts
        batch.entities, batch.gone_entities = findings.entities, findings.gone_entities
        self.tally.alerts.update(alert.id for alert in batch.alerts)
        self.tally.alerts.difference_update(batch.gone_alerts)
        self._unsettled += 1
        if not self._is_behind or self._unsettled >= SETTLE_BATCHES:
            self._settle(batch)

    def _settle(self, batch: Batch) -> None:
        """What the detections so far mean for incidents."""
        self._unsettled = 0
        batch.incidents, batch.gone_incidents = self._casebook.settle()

    def _keep_raw_lines(self, batch: Batch) -> None:
        """Logs rotate away: the lines that detections show are copied, from memory or from where they stand."""
        wanted = dict.fromkeys(number for fired in batch.fired for number in fired.detection.event_ids)
        here = {number: self._recent.raw_line(number) for number in wanted}
        self._recent.trim()
        batch.raw_lines = [line for line in here.values() if line is not None]
        elsewhere = [number for number, line in here.items() if line is None]
        for number, file_id, position, length, line_number in (
            self._writer.unkept_events(elsewhere) if elsewhere else ()
        ):
            found = self._journal.read_back(file_id, position, length)
            if found is not None:
                batch.raw_lines.append(RawLine(number, found[0], line_number, _packed(found[1])))

    def _new_actions(self) -> list[Action]:
        actions = self._reader.actions(self._actions_seen)
        if actions:
            self._actions_seen = actions[-1].id
        return actions

    def _restore(self) -> None:
        """The detectors as they were after the last committed event: the snapshot, and the events after it again.

        What these events made the detectors say is written already, so it is not told twice.
        """
        snapshot = self._writer.snapshot()
        if snapshot is not None and snapshot.version == Pipeline.VERSION:
            self._go_on_from(snapshot)
        self._watermark.ceiling_us = self._clock() + DAY_US
        for number, event in self._writer.events_after(self._snapshot_event_id):
            self._pipeline.observe(number, event)
            self._watermark.advance(event.at_us)
        self._pipeline.changed()
        self._pipeline.edges()
        if self._scorer is not None:
            self._scorer.replayed()
        self._look_for_model()

    def _look_for_model(self) -> None:
        """Takes the version that is promoted, if it is another one than before."""
        if self._scorer is not None and self._scorer.refresh(self._clock()):
            self._is_model_new = True

    def _new_pipeline(self) -> tuple[Pipeline, Scorer | None]:
        made: list[Scorer] = []

        def further(context: Context) -> Sequence[Behaviour]:
            made.extend([] if self._make_scorer is None else [self._make_scorer(context)])
            return made

        return Pipeline(further=further), made[0] if made else None

    def _go_on_from(self, snapshot: Snapshot) -> None:
        """Take the detectors' state from a snapshot; if it cannot be read, all stored events are judged again."""
        pipeline, scorer = self._new_pipeline()
        try:
            state = msgspec.msgpack.decode(snapshot.state, type=_State)
            pipeline.restore(state.detectors)
        except ValueError as error:  # msgspec's errors are ValueErrors too
            log.warning("the detectors' snapshot cannot be read, so the stored events are judged again: %s", error)
            return
        self._pipeline, self._scorer = pipeline, scorer
        self._watermark = Watermark(state.watermark_us, state.claimed_us)
        self._snapshot_event_id = snapshot.event_id

    def _take_snapshot(self) -> Snapshot:
        state = _State(self._watermark.now_us, self._watermark.claimed_us, self._pipeline.snapshot())
        self._is_model_new = False
        self._snapshot_event_id = self._last_event_id
        return Snapshot(self._last_event_id, self._clock(), Pipeline.VERSION, msgspec.msgpack.encode(state))

    def _commit(self, batch: Batch, state: str) -> None:
        now = self._clock()
        if now - self._told_us >= SECOND_US or state != "live":
            self._rate = (self.tally.events - self._told_events) * SECOND_US / max(now - self._told_us, 1)
            self._told_us, self._told_events = now, self.tally.events
            self._backlog_bytes = sum(f.backlog_bytes() for follower in self._followers for f in follower.files)
        batch.status = EngineStatus(
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
            state="catching-up" if state == "live" and self._backlog_bytes > _CATCHING_UP_BYTES else state,
            started_at_us=self._started_us,
            heartbeat_us=now,
            watermark_us=self._watermark.now_us,
            last_event_id=self._last_event_id,
            events_per_s=self._rate,
            backlog_bytes=self._backlog_bytes,
            lag_s=self._lag_s(),
        )
        if self._scorer is not None:
            batch.model, batch.drifts = self._scorer.news(now)
        self._writer.commit(batch)

    def _lag_s(self) -> float:
        """How long the backlog will take at the present rate, at some 200 bytes a line."""
        return self._backlog_bytes / (_LINE_BYTES * self._rate) if self._backlog_bytes and self._rate else 0.0


def _packed(line: bytes) -> bytes:
    """Compressed with a window no larger than the line: to clear the usual one costs more than a short line does."""
    bits = min(15, max(9, len(line).bit_length()))
    packer = zlib.compressobj(wbits=bits, memLevel=bits - 7)
    return packer.compress(line) + packer.flush()


def _bad_line(run: Run, place: int, file_id: int, bad: BadLine) -> BadLineRow:
    text = run.texts[place]
    excerpt = text_of(text[: 4 * _EXCERPT_CHARS])[:_EXCERPT_CHARS] if isinstance(text, bytes) else ""
    return BadLineRow(file_id, run.first_number + place, run.positions[place], bad.reason, excerpt)
