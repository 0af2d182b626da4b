"""Owns the console's way to the store: what is new since it last looked, questions, and what an operator does."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pandora_core import process
from pandora_core.errors import ConfigError, StoreError
from pandora_core.model import DAY_US, SECOND_US, Action, ActionKind, Entity
from pandora_core.store.rows import (
    AlertDetail,
    AlertView,
    BadLineRow,
    Changes,
    DriftRow,
    EngineStatus,
    EventRow,
    FileRow,
    IncidentDetail,
    ModelStatus,
    SourceRow,
)
from pandora_tui.desks.engine_starter import EngineStarter
from pandora_tui.messages import EngineState, Status
from pandora_tui.style import duration_text

if TYPE_CHECKING:  # imported on the bridge's thread, after the first paint; sqlalchemy, after the first news
    from pandora_core.detect.incidents.joining import Incident
    from pandora_core.quantum.jobs.work import RunOptions, Work
    from pandora_core.store.changes import ChangeReader
    from pandora_core.store.job_rows import Job
    from pandora_core.store.jobs import Jobs
    from pandora_core.store.operator import Operator
    from pandora_core.store.reader import Reader
    from pandora_core.store.store import Store
    from pandora_core.tier_standing import Standing
    from pandora_tui.stories.job import JobDetail

SLICE = 2_000
"""Alerts in one update at most: a screen takes in so many without a pause that can be felt."""

MOST_EVENTS = 500
"""Events that a search gives at most."""

MOST_INCIDENTS = 500
"""Incidents that the queue shows at most."""

MOST_JOBS = 500
"""Quantum jobs that are listed at most; a filter finds the others."""

MUTE_S = 15.0
"""An engine that holds its lock but has said nothing for this long is shown as a problem."""

_LOOK_S = 1.0
_LOOKS_BEFORE_THE_REST = 2
_DIED = f"the engine died: {process.LOG_NAME} says why; 9 S starts another"
_NEXT_TO_NOTHING_BYTES = 1_000_000
_STORE_NAME = "pandora.db*"  # said here too, for the store's module is not to be imported yet


@dataclass(frozen=True, slots=True)
class News:
    """What a poll found to be new; ``None`` where nothing is. ``is_complete``: no alerts are left for the next."""

    status: Status
    alerts: Mapping[str, AlertView] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    entities: tuple[Entity, ...] | None = None
    files: Mapping[int, FileRow] = field(default_factory=dict)
    sources: tuple[SourceRow, ...] | None = None
    engine: EngineStatus | None = None
    model: ModelStatus | None = None
    throughput: tuple[tuple[int, int, int], ...] | None = None
    is_complete: bool = True

    def merged(self, newer: News) -> News:
        """Both as one: of what is in both, the newer."""
        both = {**self.alerts, **newer.alerts}
        return News(
            status=newer.status,
            alerts={alert_id: view for alert_id, view in both.items() if alert_id not in newer.gone},
            gone=(self.gone - newer.alerts.keys()) | newer.gone,
            entities=self.entities if newer.entities is None else newer.entities,
            files={**self.files, **newer.files},
            sources=self.sources if newer.sources is None else newer.sources,
            engine=newer.engine or self.engine,
            model=newer.model or self.model,
            throughput=self.throughput if newer.throughput is None else newer.throughput,
            is_complete=newer.is_complete,
        )


@dataclass(frozen=True, slots=True)
class RawText:
    """The line of an event as it stands in its log, and where it was read: ``store`` or ``log``; empty if nowhere."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class JobsNow:
    """The jobs that a filter lets through, newest first, their places in the queue, and the newest change to any."""

    jobs: tuple[Job, ...]
    places: Mapping[str, int]
    change: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the System screen says of the installation: versions by name, and the bytes of the store."""

    versions: tuple[tuple[str, str], ...]
    store_path: Path
    store_bytes: int


class Feed:
    """One console on one data folder. Everything but the constructor runs on the bridge's thread."""

    def __init__(
        self,
        data: Path,
        *,
        starter: EngineStarter | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        engine_pid: Callable[[Path], int | None] = process.running_pid,
    ) -> None:
        """``starter`` is told to start an engine at the first look; ``clock`` gives microseconds since the epoch."""
        self.data = data
        self.starter = starter
        self.clock = clock
        self.is_new = _store_bytes(data) < _NEXT_TO_NOTHING_BYTES
        """Whether there is no store yet, or one so small that there is hardly anything in it to wait for."""
        self.actor = ""
        self._engine_pid = engine_pid
        self._opened: contextlib.ExitStack | None = None
        self._questions: tuple[Reader, Operator] | None = None
        self._jobs: Jobs | None = None
        self._store: Store | None = None
        self._has_looked = False
        self._pid: int | None = None
        self._looked_s = float("-inf")

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[], News | None]]:
        """Open the store and give the poll; made for :class:`pandora_tui.desks.bridge.Bridge`."""
        from pandora_core import bootstrap

        with contextlib.ExitStack() as self._opened:
            changes = self._opened.enter_context(bootstrap.looking(self.data))
            self.actor = bootstrap.actor()
            try:
                yield _Poll(self, changes)
            finally:
                self._opened = self._questions = self._jobs = self._store = None

    def alert(self, alert_id: str) -> AlertDetail:
        """One alert in full."""
        return self._reading().alert(alert_id)

    def incidents(self) -> list[Incident]:
        """Incidents, the one to look at next first."""
        return self._reading().incidents(limit=MOST_INCIDENTS)

    def incident(self, incident_id: str) -> IncidentDetail:
        """One incident with its story."""
        return self._reading().incident(incident_id)

    def events(
        self, observable: str, dataset: str, text: str, from_us: int | None = None, to_us: int | None = None
    ) -> list[EventRow]:
        """The newest events with an observable, of a dataset, with a text; what is empty is not asked for."""
        return self._reading().search_events(
            observable=observable or None,
            dataset=dataset or None,
            text=text or None,
            from_us=from_us,
            to_us=to_us,
            limit=MOST_EVENTS,
        )

    def raw_text(self, row: EventRow) -> RawText:
        """The line of an event: kept in the store if the event is in an alert, else read back from its log."""
        from pandora_core.journal import Journal

        reader = self._reading()
        kept = reader.raw_line(row.id)
        if kept is not None:
            return RawText(kept.line.decode("utf-8", "replace"), "store")
        found = Journal(reader.files(), self.clock).read_back(row.file_id, row.position, row.length)
        return RawText("", "") if found is None else RawText(found[1].decode("utf-8", "replace"), "log")

    def evidence(self, alert_id: str) -> bytes:
        """What is to be sealed of an alert: all that is known of it, and the raw lines of its events."""
        from pandora_tui.desks.sealing import written

        return written(self.alert(alert_id), lambda row: self.raw_text(row).text)

    def bad_lines(self) -> list[BadLineRow]:
        """The newest lines that could not be decoded."""
        return self._reading().bad_lines()

    def facts(self) -> Facts:
        """Versions, and how large the store is."""
        from importlib.metadata import version

        from pandora_core import __version__
        from pandora_core.store.sqlite import FILE_NAME, choose

        sqlite = choose()
        path = self.data / FILE_NAME
        used = f"{'.'.join(map(str, sqlite.version))} ({sqlite.name}, {sqlite.journal})"
        return Facts(
            (("pandora", __version__), ("sqlite", used), ("textual", version("textual"))),
            path,
            _store_bytes(self.data),
        )

    def act(self, alert_id: str, kind: ActionKind, value: str, seen_id: int) -> Action:
        """Do something to an alert, having seen everything up to action ``seen_id``.

        Raises:
            StaleActionError: somebody else changed it since.
            RefusedError: it is in that state already.
        """
        return self._operating().act(alert_id, kind, value, at_us=self.clock(), seen_id=seen_id)

    def jobs(self, terms: str, seen_change: int, limit: int = MOST_JOBS) -> JobsNow | None:
        """The quantum jobs that fit, if any job changed since ``seen_change``."""
        from pandora_core.store.job_rows import JobFilter

        jobs = self._job_queue()
        change = jobs.newest_change()
        if change == seen_change:
            return None
        found = jobs.find(JobFilter.parse(terms), now_us=self.clock(), limit=limit)
        places = {job.id: place for job in found if (place := jobs.position(job)) is not None}
        return JobsNow(tuple(found), places, change)

    def job(self, job_id: str) -> JobDetail:
        """One quantum job with what came of it."""
        import msgspec

        from pandora_core.quantum.jobs.work import JobResult
        from pandora_tui.stories.job import JobDetail

        jobs = self._job_queue()
        job, result = jobs.get(job_id), jobs.result(job_id)
        read = None if result is None else msgspec.json.decode(result, type=JobResult)
        return JobDetail(job, jobs.position(job), read, jobs.log(job_id))

    def tier(self) -> Standing:
        """How the quantum tier stands: its model, budget and breakers."""
        from pandora_core import bootstrap
        from pandora_core.tier_standing import standing

        self.prepare()
        assert self._store is not None
        rules = bootstrap.rules_of(bootstrap.settings_of(self.data))
        return standing(self._store, self.data, rules, self.clock())

    def drifts(self, model: int) -> list[DriftRow]:
        """How the flows drifted from what a model is used to, oldest first."""
        return self._reading().drifts(model)

    def submit_job(
        self, file: str, kind: str, backend: str, shots: str, level: str, mitigation: str, mode: str
    ) -> Job:
        """Put a job into the queue, as ``pandora jobs submit`` does; all as a person wrote it.

        Raises:
            ConfigError: the file cannot be read, or nothing can run it.
            RefusedError: it would take more memory than workers may have.
        """
        from pandora_core.quantum.jobs.work import RunOptions, work_of

        path = Path(file).expanduser()
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
        options = RunOptions(shots=int(shots), level=int(level), mitigation=mitigation, mode=mode)
        return self.submit_work(work_of(kind, text), backend, path.stem, options)

    def submit_work(self, work: Work, backend: str, label: str, options: RunOptions | None = None) -> Job:
        """Put work into the queue of jobs; without options with 4,096 shots.

        Raises:
            ConfigError: nothing can run it.
            RefusedError: it would take more memory than workers may have.
        """
        from pandora_core import bootstrap, jobdesk
        from pandora_core.quantum.jobs.work import Payload, RunOptions

        payload = Payload(work, options or RunOptions(shots=4096), backend)
        new = jobdesk.prepared(bootstrap.settings_of(self.data), payload, label=label)
        return jobdesk.submit(self._job_queue(), new)

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job: one that waits at once, one that runs by whoever runs the queue."""
        self._job_queue().cancel([job_id], actor=self.actor, at_us=self.clock())

    def rerun_job(self, job_id: str, backend: str) -> Job:
        """Submit a finished job anew, on the same backend or another."""
        from pandora_core import bootstrap, jobdesk

        return jobdesk.again(bootstrap.settings_of(self.data), self._job_queue(), job_id, backend)

    def suppress(self, entity: str, detector: str, reason: str, days: int) -> Action:
        """Hear no more of what a detector finds of an entity, for some days of the logs' own time.

        Raises:
            RefusedError: without a reason, or of everything.
        """
        from pandora_core.detect.incidents.suppress import Wish

        reader, operator = self._ready()
        engine = reader.engine()
        start_us = engine.watermark_us if engine is not None and engine.watermark_us else self.clock()
        return operator.suppress(Wish(reason, start_us + days * DAY_US, entity, detector), at_us=self.clock())

    def undo(self, alert_id: str) -> Action:
        """Undo this operator's last action on an alert."""
        return self._operating().undo(alert_id, at_us=self.clock())

    def status(self, engine: EngineStatus | None) -> Status:
        """What the top line is to say, given what the engine said last."""
        if time.monotonic() - self._looked_s >= _LOOK_S:
            self._looked_s, self._pid = time.monotonic(), self._engine_pid(self.data)
        starter = self.starter
        if self._pid is None:
            if starter is not None and starter.is_starting:
                return Status(EngineState.STARTING)
            died = _DIED if engine is not None and engine.state != "stopped" else ""
            return Status(EngineState.STOPPED, problem=(starter.problem if starter else "") or died)
        if engine is None or engine.pid != self._pid:
            return Status(EngineState.STARTING)
        mute_s = (self.clock() - engine.heartbeat_us) / SECOND_US
        problem = f"the engine has said nothing for {duration_text(mute_s)}" if mute_s >= MUTE_S else ""
        return Status(EngineState.LIVE, round(engine.lag_s, 1), problem=problem)

    def start_engine_once(self) -> None:
        """Start an engine if none runs: once only, for later somebody may have stopped it on purpose."""
        if not self._has_looked:
            self._has_looked = True
            if self.starter is not None and self._engine_pid(self.data) is None:
                self.starter.start()

    def prepare(self) -> None:
        """Make ready for questions, so that the first one that is put does not wait for it."""
        if self._questions is None:
            if self._opened is None:
                raise StoreError("the store is not open yet", where=str(self.data), hint="try again in a moment")
            from pandora_core import bootstrap
            from pandora_core.store.jobs import Jobs
            from pandora_core.store.reader import Reader

            store = self._opened.enter_context(bootstrap.opened(self.data))
            self._questions, self._jobs = (Reader(store), bootstrap.operator_of(store)), Jobs(store)
            self._store = store

    def _reading(self) -> Reader:
        return self._ready()[0]

    def _operating(self) -> Operator:
        return self._ready()[1]

    def _job_queue(self) -> Jobs:
        self.prepare()
        assert self._jobs is not None
        return self._jobs

    def _ready(self) -> tuple[Reader, Operator]:
        self.prepare()
        assert self._questions is not None
        return self._questions


def _store_bytes(data: Path) -> int:
    """How large the store is with its journal; files that come and go meanwhile do not matter."""
    size = 0
    for file in data.glob(_STORE_NAME):
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


class _Poll:
    """Looks for changes; hands a first look with many alerts out in slices, the worst first."""

    def __init__(self, feed: Feed, changes: ChangeReader) -> None:
        self._feed = feed
        self._changes = changes
        self._looks = 0
        self._since = 0
        self._engine: EngineStatus | None = None
        self._told: Status | None = None
        self._waiting: deque[AlertView] = deque()

    def __call__(self) -> News | None:
        if self._waiting:
            return self._slice(News(self._feed.status(self._engine)))
        changes = self._changes.changes(self._since)
        self._looks += 1
        if self._looks == _LOOKS_BEFORE_THE_REST:  # what was there at the start is on screen by now
            self._feed.start_engine_once()
            self._feed.prepare()
        if changes.upto > self._since:
            return self._news(changes)
        status = self._feed.status(self._engine)
        if status == self._told:
            return None
        self._told = status
        return News(status)

    def _news(self, changes: Changes) -> News:
        self._since = changes.upto
        self._engine = changes.engine or self._engine
        self._told = self._feed.status(self._engine)
        worst_first = sorted(changes.alerts, key=lambda view: -view.alert.risk)
        self._waiting.extend(worst_first)
        return self._slice(
            News(
                self._told,
                gone=frozenset(changes.gone_alerts) - {view.alert.id for view in changes.alerts},
                entities=changes.entities,
                files={file.id: file for file in changes.files},
                sources=changes.sources,
                engine=changes.engine,
                model=changes.model,
                throughput=changes.throughput,
            )
        )

    def _slice(self, news: News) -> News:
        views = [self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))]
        alerts = {view.alert.id: view for view in views}
        return News(
            status=news.status,
            alerts=alerts,
            gone=news.gone,
            entities=news.entities,
            files=news.files,
            sources=news.sources,
            engine=news.engine,
            model=news.model,
            throughput=news.throughput,
            is_complete=not self._waiting,
        )
