"""Owns the engine's days: which sources it follows, imports on request, retention, and when it says how it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pandora_core import shapes
from pandora_core.engine import Engine, Tally
from pandora_core.errors import PandoraError
from pandora_core.ingest.rotation import portable
from pandora_core.ingest.tail import Change, Follower, SourceSpec
from pandora_core.store.maintenance import Retention, retain
from pandora_core.store.reader import Reader
from pandora_core.store.rows import ImportRow, SourceRow
from pandora_core.store.store import Store
from pandora_core.store.writer import Writer

log = logging.getLogger(__name__)

TELL_S = 1.0
"""How often an idle engine says that it is alive."""

RETAIN_S = 60.0
SHOWN_BAD_LINES = 100
"""Bad lines that an import's summary lists; the store keeps more."""


_KEEP_ALL = Retention(None, None)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How often to look, in seconds, and what to keep."""

    poll_s: float = 0.2
    scan_s: float = 1.0
    retention: Retention = _KEEP_ALL
    escalate: Callable[[], None] = lambda: None
    """Called every ``scan_s``: gives alerts to the quantum model and takes in what came back. It must not wait."""
    run_queue: Callable[[], None] = lambda: None
    """Called after that: sees to it that somebody runs the quantum jobs that are open. It must not wait."""


def read_once(
    engine: Engine, store: Store, sources: Sequence[SourceSpec], clock: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """Read sources to their end; returns what was read, as ``pandora ingest --json`` prints it (docs/cli.md)."""
    started = clock()
    follower = engine.follow(sources, follow=False)
    skipped = _drain(engine, follower)
    engine.finish()
    seconds = clock() - started
    engine.unfollow(follower)
    return summary(engine.tally, Reader(store), skipped, seconds)


def _drain(engine: Engine, follower: Follower, between: Callable[[], None] = lambda: None) -> list[Change]:
    """Read a follower to its end; returns the files of which nothing was read, each once."""
    skipped: dict[tuple[str, str], Change] = {}
    while True:
        skipped |= {(change.path, change.member): change for change in engine.scan(follower) if change.is_skipped}
        while engine.step():
            between()
        if follower.is_done:
            return list(skipped.values())


def summary(tally: Tally, reader: Reader, skipped: Sequence[Change], seconds: float) -> dict[str, Any]:
    """What was read, in the shape of docs/cli.md."""
    bad = reader.bad_lines(SHOWN_BAD_LINES) if tally.bad_lines else []
    return {
        "lines": tally.lines,
        "events": tally.events,
        "bad_lines": tally.bad_lines,
        "alerts": len(tally.alerts),
        "by_format": dict(tally.by_format.most_common()),
        "by_dataset": dict(tally.by_dataset.most_common()),
        "seconds": round(seconds, 3),
        "events_per_s": round(tally.events / seconds, 1) if seconds > 0 else 0.0,
        "skipped": [{"path": portable(item.path), "member": item.member, "reason": item.reason} for item in skipped],
        "bad": [shapes.bad_line(row) for row in reversed(bad)],
    }


class Service:
    """Runs an engine beside consoles and commands that reach it through the store alone."""

    def __init__(self, engine: Engine, store: Store, options: ServiceOptions) -> None:
        self._engine = engine
        self._store = store
        self._reader, self._writer = Reader(store), Writer(store)
        self._options = options
        self._sources: list[SourceRow] = []
        self._follower: Follower | None = None
        self._due = {"scan": 0.0, "jobs": 0.0, "tell": 0.0, "retain": time.monotonic() + RETAIN_S}

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; the batch in hand is finished first."""
        while not stop.is_set():
            if self._is_due("scan", self._options.scan_s):
                self._look()
                self._see_to_jobs()
            busy = self._engine.step() > 0
            if self._is_due("retain", RETAIN_S):
                self._retain()
            if not busy:
                self._tell()
                stop.wait(self._options.poll_s)
        self._engine.close()

    def _is_due(self, what: str, period_s: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + period_s
        return True

    def _look(self) -> None:
        """New and removed sources, new and rotated files, requested imports."""
        wanted = self._reader.sources()
        if wanted != self._sources or self._follower is None:
            if self._follower is not None:
                self._engine.unfollow(self._follower)
            self._follower = self._engine.follow([SourceSpec(row.pattern, row.format) for row in wanted], follow=True)
            self._sources = wanted
        self._engine.scan(self._follower)
        for request in self._reader.imports(state="requested"):
            self._import(request)

    def _import(self, request: ImportRow) -> None:
        """Read what was asked for, between live batches; whoever asked waits for the row."""
        self._writer.set_import(request.id, "running", "")
        before = self._engine.tally.copy()
        started = time.monotonic()
        try:
            follower = self._engine.follow([SourceSpec(p, request.format) for p in request.patterns], follow=False)
            skipped = _drain(self._engine, follower, self._go_on_meanwhile)
            self._engine.unfollow(follower)
        except PandoraError as error:
            self._writer.set_import(request.id, "failed", str(error))
            return
        done = summary(self._engine.tally.since(before), self._reader, skipped, time.monotonic() - started)
        self._writer.set_import(request.id, "done", msgspec.json.encode(done).decode())

    def _go_on_meanwhile(self) -> None:
        """What must not wait for the end of a long import."""
        if self._is_due("jobs", self._options.scan_s):
            self._see_to_jobs()
        self._tell()

    def _see_to_jobs(self) -> None:
        self._options.escalate()
        self._options.run_queue()

    def _tell(self) -> None:
        if self._is_due("tell", TELL_S):
            self._engine.tell("live")

    def _retain(self) -> None:
        while retain(self._store, self._options.retention):
            self._engine.step()
