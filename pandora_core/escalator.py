"""Owns the escalation of alerts to the quantum model while the engine runs: what is asked, and what came of it.

It has no thread and waits for nothing: :meth:`Escalator.tend` is called between batches, reads which alerts changed
since it last looked, and puts jobs into the queue that other processes run. It sees what is committed and nothing
else, so that a kill between an alert's commit and its escalation loses neither; an answer becomes an action on the
alert, which the engine then takes in like an operator's verdict.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pandora_core.detect.incidents.assessment import ACTOR, Assessment, Figure, Outcome
from pandora_core.detect.incidents.triage import CLOSED, Triage
from pandora_core.errors import ConfigError, NotFoundError, PandoraError
from pandora_core.model import Alert, Severity, Verdict, iso
from pandora_core.quantum.tier.policy import (
    HIGH_RISK,
    Answer,
    Attempt,
    Before,
    Case,
    Decision,
    Rules,
    decide,
    is_due,
    is_remote,
)
from pandora_core.store.escalations import Escalations
from pandora_core.store.job_rows import Job, JobState, NewJob
from pandora_core.store.jobs import Jobs
from pandora_core.store.reader import Reader
from pandora_core.store.rows import WAITING, AlertDetail, Escalation
from pandora_core.store.store import Store

if TYPE_CHECKING:  # NumPy and the kernels are loaded when there is something to escalate
    from pandora_core.quantum.models.states import Reals
    from pandora_core.quantum.tier.model import Member, TierModel

log = logging.getLogger(__name__)

MAX_FLOWS = 5
"""Flows of an alert that are asked about, the newest; one where hardware runs a circuit for each reference row."""

PRIORITY = 8
"""Of its jobs: before what people submit without saying so."""

_MOST_A_PASS = 25
"""Alerts that are decided about before the engine reads on; the others come a pass later."""

_PLACE_EVERY = 1_000
"""Commits after which the place is noted even if nothing was found: the next start then looks at so many again."""

_OUTCOMES = {
    Answer.NO_FLOWS: Outcome.NO_FLOWS,
    Answer.BUDGET: Outcome.BUDGET,
    Answer.BREAKER: Outcome.BREAKER,
}


class Options(NamedTuple):
    """How an escalation's job is run."""

    shots: int = 1024
    seed: int = 0
    memory_limit_bytes: int = 1 << 40


class Escalator:
    """Escalates what the policy says; one per engine.

    ``clock`` gives microseconds since the epoch; ``token_problem`` says why IBM's token is not at hand, and is asked
    only where the settings name IBM and somebody consented.
    """

    def __init__(
        self,
        store: Store,
        data: Path,
        rules: Rules,
        options: Options,
        *,
        host: str,
        clock: Callable[[], int],
        token_problem: Callable[[], str] = lambda: "",
    ) -> None:
        self._data, self._rules, self._options = data, rules, options
        self._clock, self._token_problem = clock, token_problem
        self._reader, self._jobs, self._escalations = Reader(store), Jobs(store), Escalations(store, host)
        self._model: TierModel | None = None
        self._model_hash = ""
        self._noted = 1
        self._trouble = ""

    def tend(self) -> None:
        """End what came back or is late, then look at the alerts that changed."""
        try:
            for waiting in self._escalations.waiting():
                self._settle(waiting)
            number = self._escalations.model()
            if number and self._rules.is_on:
                self._look(self._opened(number))
            elif self._noted:
                self._escalations.forget()
                self._noted = 0
            self._trouble = ""
        except PandoraError as error:
            if str(error) != self._trouble:  # once, not every second
                self._trouble = str(error)
                log.warning("alerts are not escalated: %s", error)

    def _look(self, model: TierModel) -> None:
        found = self._escalations.candidates(HIGH_RISK - self._rules.uncertain_points)
        decided = 0
        for alert in found.alerts:
            decided += self._consider(alert, model)
            if decided >= _MOST_A_PASS:
                return  # the place stays: what is left is found again
        if found.alerts or not found.has_place or found.upto - self._noted >= _PLACE_EVERY:
            self._escalations.seen(found.upto)
            self._noted = found.upto

    def _consider(self, alert: Alert, model: TierModel) -> bool:
        """Escalate an alert or say why not; whether there was anything to decide."""
        now_us = self._clock()
        case = Case(alert.severity, alert.risk, len(alert.detection_ids))
        newest = self._escalations.newest_of(alert.id)
        before = None
        if newest is not None:
            before = Before(Severity(newest.severity), newest.detections, newest.state == WAITING)
        if is_due(case, before, self._rules) is not None:
            return False
        detail = self._reader.alert(alert.id)
        if _is_done(detail.view.triage):
            return False
        flows = _flows_of(detail)
        decision = decide(
            case,
            before,
            self._rules,
            [attempt_of(each) for each in self._escalations.attempts(now_us)],
            now_us,
            flows=len(flows),
            token_problem=self._problem_of_token(),
        )
        if decision.answer is Answer.ESCALATE:
            self._try(alert, decision, model, flows, now_us)
        else:
            outcome = _OUTCOMES[decision.answer]
            is_news = newest is None or outcome is not Outcome.NO_FLOWS or newest.state != outcome.value
            self._refuse(alert, decision, outcome, now_us, is_told=is_news)
        return True

    def _try(self, alert: Alert, decision: Decision, model: TierModel, flows: Sequence[int], now_us: int) -> None:
        """Begin; what cannot be begun must not keep the next alerts from being looked at."""
        try:
            self._begin(alert, decision, model, flows, now_us)
        except PandoraError as error:
            failed = decision._replace(backend="", why=f"no job could be made: {error.what}")
            self._refuse(alert, failed, Outcome.FAILED, now_us, is_told=True)

    def _refuse(self, alert: Alert, decision: Decision, outcome: Outcome, now_us: int, *, is_told: bool) -> None:
        refused = _escalation(alert, self._model_hash, now_us, decision)
        said = Assessment(refused.key, outcome, decision.why, model=self._model_hash)
        self._escalations.refuse(refused, said, is_told=is_told)

    def _begin(self, alert: Alert, decision: Decision, model: TierModel, flows: Sequence[int], now_us: int) -> None:
        chosen = tuple(flows[-_most_flows(decision.backend, model) :])
        new = self._job_of(alert, decision, model, chosen)
        begun = _escalation(alert, self._model_hash, now_us, decision)
        deadline_us = self._rules.deadline_us(now_us)
        self._escalations.begin(msgspec.structs.replace(begun, events=chosen, deadline_us=deadline_us), new)

    def _job_of(self, alert: Alert, decision: Decision, model: TierModel, flows: Sequence[int]) -> NewJob:
        from pandora_core.quantum.jobs.work import KernelWork, Payload, RunOptions, new_job

        rows = model.quantum.projection.apply(self._prepared(model, flows))
        work = KernelWork(model.feature_map, rows.tolist(), model.quantum.support.tolist())
        run = RunOptions(shots=self._options.shots, seed=self._options.seed)
        return new_job(
            Payload(work, run, decision.backend),
            memory_limit_bytes=self._options.memory_limit_bytes,
            label=f"alert {alert.id}",
            priority=PRIORITY,
            subject=alert.id,
        )

    def _settle(self, waiting: Escalation) -> None:
        """End an escalation if its job is over, or its time."""
        now_us = self._clock()
        try:
            job = self._jobs.get(waiting.job_id or "")
        except NotFoundError:
            self._stand(waiting, Outcome.FAILED, "its job is gone", now_us, is_good=None)
            return
        if is_remote(waiting.backend) and not self._rules.ibm_consent and not job.state.is_final:
            self._stand(waiting, Outcome.FAILED, "consent to use IBM was withdrawn", now_us, is_good=None)
            self._jobs.cancel([job.id], actor=ACTOR, at_us=now_us)
            return
        if job.state is JobState.DONE and (job.finished_at_us or 0) <= waiting.deadline_us:
            self._done(waiting, job, now_us)
        elif now_us >= waiting.deadline_us:
            self._late(waiting, job, now_us)
        elif job.state is JobState.ERROR:
            self._stand(waiting, Outcome.FAILED, f"{job.id} failed: {job.reason}", now_us, is_good=False)
        elif job.state is JobState.CANCELLED:
            self._stand(waiting, Outcome.FAILED, f"{job.id} was {job.reason}", now_us, is_good=None)

    def _late(self, waiting: Escalation, job: Job, now_us: int) -> None:
        """The deadline passed: the alert says so first, then the job is cancelled, which may run into its end."""
        state = job.state.value + (f", {job.reason}" if job.reason else "")
        why = f"no answer by {iso(waiting.deadline_us)[11:19]} UTC, the job was {state}"
        self._stand(waiting, Outcome.LATE, why, now_us, is_good=False)
        if not job.state.is_final:
            self._jobs.cancel([job.id], actor=ACTOR, at_us=now_us)

    def _stand(self, waiting: Escalation, outcome: Outcome, why: str, now_us: int, *, is_good: bool | None) -> None:
        said = Assessment(
            waiting.key,
            outcome,
            why,
            backend=waiting.backend,
            job=waiting.job_id or "",
            model=waiting.model,
            events=waiting.events,
        )
        self._escalations.end(waiting, said, at_us=now_us, is_good=is_good)

    def _done(self, waiting: Escalation, job: Job, now_us: int) -> None:
        try:
            said = self._assessed(waiting, job)
        except PandoraError as error:
            self._stand(waiting, Outcome.FAILED, f"its result cannot be used: {error.what}", now_us, is_good=None)
            return
        self._escalations.end(waiting, said, at_us=now_us, is_good=True)

    def _assessed(self, waiting: Escalation, job: Job) -> Assessment:
        """The quantum figure from the job beside the control's, of the same flows."""
        model = self._opened(waiting.model)
        measured, exact = _kernels_of(self._jobs.result(job.id))
        return Assessment(
            waiting.key,
            Outcome.DONE,
            waiting.why,
            quantum=_figure(model.quantum, model.quantum.scores_of(measured)),
            exact=_figure(model.quantum, model.quantum.scores_of(exact)),
            control=_figure(model.control, model.control.scores(self._prepared(model, waiting.events))),
            backend=waiting.backend,
            label=job.facts.label,
            job=job.id,
            model=waiting.model,
            seed=job.facts.seed or 0,
            shots=job.shots,
            events=waiting.events,
        )

    def _prepared(self, model: TierModel, flows: Sequence[int]) -> Reals:
        """Flows as the model takes them, each with the window that its source had when the engine judged it."""
        import numpy as np

        from pandora_core.learn.data.flows import WINDOW_FLOWS, FlowReader, is_flow

        blocks = [
            FlowReader().block([*filter(is_flow, before), event])
            for event, before in self._escalations.flows(flows, WINDOW_FLOWS)
        ]
        numbers = np.concatenate([block.numbers[-1:] for block in blocks])
        return model.prepared(numbers, np.concatenate([block.words()[-1:] for block in blocks]))

    def _opened(self, number: str) -> TierModel:
        from pandora_core.learn.data.flows import FLOW
        from pandora_core.quantum.tier import model as tier

        if self._model is None or self._model_hash != number:
            self._model, self._model_hash = tier.load(self._data, number), number
        if self._model.schema != FLOW.id:
            raise ConfigError(
                f"the model is of {self._model.schema}, the logs give {FLOW.id}", hint="pandora quantum tier train"
            )
        return self._model

    def _problem_of_token(self) -> str:
        rules = self._rules
        asks = is_remote(rules.backend) and rules.ibm_consent and not rules.air_gapped
        return self._token_problem() if asks else ""


def key_of(alert: Alert) -> str:
    """What an escalation is of: an alert with exactly these detections, as severe as it is."""
    words = [alert.severity.word, *sorted(alert.detection_ids)]
    return f"{alert.id}:{hashlib.sha256('|'.join(words).encode()).hexdigest()[:16]}"


def attempt_of(escalation: Escalation) -> Attempt:
    """What the policy counts of an escalation that became a job."""
    return Attempt(escalation.backend, escalation.begun_at_us, escalation.ended_at_us, escalation.is_good)


def _is_done(triage: Triage) -> bool:
    """Whether a person has settled it: nobody waits for another opinion."""
    return triage.state == CLOSED or triage.verdict in (Verdict.FALSE_POSITIVE, Verdict.BENIGN)


def _flows_of(detail: AlertDetail) -> list[int]:
    """The flows among an alert's events, oldest first."""
    from pandora_core.learn.data.flows import is_flow

    return sorted(row.id for row in detail.events if is_flow(row.event))


def _escalation(alert: Alert, model: str, now_us: int, decision: Decision) -> Escalation:
    return Escalation(
        key=key_of(alert),
        alert_id=alert.id,
        backend=decision.backend,
        severity=int(alert.severity),
        detections=len(alert.detection_ids),
        model=model,
        why=decision.why,
        begun_at_us=now_us,
    )


def _most_flows(backend: str, model: TierModel) -> int:
    """Every flow is a circuit for each reference row."""
    from pandora_core.quantum.jobs.work import MAX_CIRCUITS

    most = 1 if is_remote(backend) else MAX_FLOWS
    return max(1, min(most, MAX_CIRCUITS // len(model.quantum.support)))


def _kernels_of(result: bytes | None) -> tuple[Reals, Reals]:
    """The kernel with the reference rows, as it was measured, and exactly: (flows, reference rows) each.

    Raises:
        ConfigError: the job has no such result.
    """
    import numpy as np

    from pandora_core.quantum.jobs.work import JobResult

    try:
        found = msgspec.json.decode(result or b"", type=JobResult)
        return np.array(found.values["kernel"], np.float64), np.array(found.classical["exact"], np.float64)
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise ConfigError(f"no kernel in it: {error}", where="job") from error


def _figure(member: Member, scores: Reals) -> Figure:
    """Of the strangest flow."""
    score = float(scores.max())
    return Figure(member.name, score, member.threshold, float(member.rarities(scores.max(keepdims=True))[0]))
