"""A data folder with flows, alerts on them, a small model of the quantum tier, and a clock that is a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pandora_core.casebook import Casebook
from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.assessment import Assessment, assessments_of
from pandora_core.escalator import Escalator, Options
from pandora_core.learn.data.flows import FLOW, FlowReader
from pandora_core.model import SECOND_US, Alert, Detection, EntityRef, Event
from pandora_core.quantum.jobs.work import JobResult, KernelWork, payload_of
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, Kernel, RbfKernel
from pandora_core.quantum.tier import model as tier
from pandora_core.quantum.tier.card import About, Verdict
from pandora_core.quantum.tier.model import Member, TierModel
from pandora_core.quantum.tier.novelty import Projection
from pandora_core.quantum.tier.policy import Rules
from pandora_core.quantum.tier.preparation import Preparation
from pandora_core.store.escalations import Escalations
from pandora_core.store.job_rows import Identity, Job, JobFacts, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.reader import Reader
from pandora_core.store.rows import EngineStatus, FileRow
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple

START_US = 1_790_000_000 * SECOND_US
QUBITS = 3


def flow(second: int, source: str = "10.0.0.1", port: int = 443, *, size: int = 300) -> Event:
    """A connection as any format gives it."""
    said = {"source.bytes": size, "destination.bytes": size * 3, "source.packets": 4, "destination.packets": 5}
    return Event(
        at_us=START_US + second * SECOND_US, dataset="flows.netflow", category="network", action="connection",
        outcome="success", source_ip=source, destination_ip=f"192.0.2.{1 + second % 7}", destination_port=port,
        transport="tcp", more={**said, "event.duration": 500_000_000 + second},
    )  # fmt: skip


def log_on(second: int) -> Event:
    return Event(START_US + second * SECOND_US, "linux.sshd", "authentication", "logon", "failure", host="gate")


def model() -> TierModel:
    """Fitted to thirty ordinary flows; a job for one flow is thirty circuits of three qubits."""
    rng = np.random.default_rng(0)
    events = [flow(n, f"10.0.0.{1 + n % 5}", size=int(rng.integers(100, 2000))) for n in range(90)]
    block = FlowReader().block(events)
    preparation = Preparation.of(block.numbers, block.words())
    x = preparation.apply(block.numbers, block.words())
    verdict = Verdict(False, -0.05, -0.1, 0.0, 8, 0.5)

    def member(kernel: Kernel) -> Member:
        projection = Projection.of(x, QUBITS)
        support = projection.apply(x[:30])
        draft = Member(kernel, projection, support, np.full(30, 1 / 30), 0.0, np.zeros(1), verdict)
        scores = np.sort(draft.scores(x[30:]))
        return Member(kernel, projection, support, draft.weights, float(scores[-1]), scores, verdict)

    about = About("made up", "0" * 64, 0, 0.02, 30, "ann", 0)
    return TierModel(
        FLOW.id, preparation, member(FidelityKernel(FeatureMap(QUBITS, 1))), member(RbfKernel(1.0)), about
    )


class Scene:
    """A store with the events of one file, alerts that show some of them, and who escalates."""

    def __init__(self, data: Path, *, use: bool = True) -> None:
        self.data = data
        self.now_us = START_US
        self.store = Store(data / FILE_NAME)
        self.writer, self.reader, self.jobs = Writer(self.store), Reader(self.store), Jobs(self.store)
        self.escalations = Escalations(self.store)
        self.model = tier.save(data, model())
        self._events = 0
        self._taken = 0
        self._casebook = Casebook(self.writer, ())
        if use:
            self.escalations.use(self.model)
            self.escalator().tend()

    def escalator(self, *, token_problem: Callable[[], str] = lambda: "", **rules: Any) -> Escalator:
        """A new one, as after a restart."""
        return Escalator(
            self.store, self.data, Rules(**rules), Options(shots=64, seed=3), host="soc-1",
            clock=lambda: self.now_us, token_problem=token_problem,
        )  # fmt: skip

    def later(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND_US)

    def alert(self, *events: Event, points: float = 80.0, name: str = "ws-1") -> Alert:
        """Commits events and a detection that shows them, as the engine does; returns the alert they make."""
        first = self._events + 1
        rows = [event_tuple(first + n, 1, n, 1, first + n, event) for n, event in enumerate(events)]
        self._events += len(rows)
        ids = tuple(range(first, self._events + 1))
        at_us = START_US + first
        entity = EntityRef("host", name)
        number = f"{name}-{first}"
        detection = Detection(number, "scan", entity, at_us, at_us, 1, points, "a scan", ("because",), event_ids=ids)
        found = self._commit([Fired(detection, self._events, at_us)], rows)
        return next(alert for alert in found if alert.entity == entity)

    def take_in(self) -> list[Alert]:
        """What the engine does with the actions that are new."""
        return self._commit([], [])

    def assessments(self, alert_id: str) -> list[Assessment]:
        return assessments_of(self.reader.alert(alert_id).actions)

    def job(self) -> Job:
        """The one that is open."""
        (job,) = self.jobs.open_jobs()
        return job

    def run(self, job: Job, *, strange: bool = False) -> None:
        """What a worker does, without a worker: the exact kernel, or one of a flow like no reference row."""
        work = payload_of(self.jobs.payload(job.id)).work
        assert isinstance(work, KernelWork)
        kernel = FidelityKernel(FeatureMap.from_json(work.feature_map))
        x, reference = np.array(work.rows), np.array(work.against)
        exact = kernel.between(kernel.encode(x), kernel.encode(reference))
        measured = exact * 0.0 if strange else exact
        values = {"kernel": measured.tolist()}
        result = JobResult("kernel", values=values, classical={"exact": exact.tolist()})
        self.jobs.claim(job.id, at_us=self.now_us)
        self.jobs.started(job.id, Identity(1, "x"), at_us=self.now_us)
        facts = JobFacts(label="simulated: Aer", simulated=True, seed=3)
        self.jobs.finish(job.id, JobState.DONE, at_us=self.now_us, result=msgspec.json.encode(result), facts=facts)

    def fail(self, job: Job, reason: str = "no memory") -> None:
        self.jobs.finish(job.id, JobState.ERROR, at_us=self.now_us, reason=reason)

    def _commit(self, fired: list[Fired], rows: list[Any]) -> list[Alert]:
        actions = self.reader.actions(self._taken)
        self._taken = actions[-1].id if actions else self._taken
        found = self._casebook.apply(fired, actions)
        file = FileRow(
            id=1, path="/log", member="", format="flows", head_hash="", checkpoint="", events=0, bad_lines=0,
            first_event_us=None, last_event_us=None, last_read_us=0, backlog_bytes=0, state="live",
        )  # fmt: skip
        status = EngineStatus(
            pid=1, host="h", version="0", state="live", started_at_us=0, heartbeat_us=0, watermark_us=0,
            last_event_id=self._events, events_per_s=0.0, backlog_bytes=0, lag_s=0.0,
        )  # fmt: skip
        self.writer.commit(
            Batch(events=rows, files=[file], fired=found.fired, alerts=found.alerts, gone_alerts=found.gone_alerts,
                  entities=found.entities, status=status)
        )  # fmt: skip
        return found.alerts
