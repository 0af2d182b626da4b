"""Alerts are given to the quantum model and what comes back is told once, whatever happens in between."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from escalating import Scene, flow, log_on

from pandora_core import bootstrap
from pandora_core.config import Settings
from pandora_core.detect.incidents.assessment import ACTOR, Outcome
from pandora_core.errors import ConfigError
from pandora_core.escalator import key_of
from pandora_core.model import HOUR_US, ActionKind, Severity
from pandora_core.quantum.jobs.work import KernelWork, payload_of
from pandora_core.quantum.tier.card import FOLDER
from pandora_core.quantum.tier.policy import Rules
from pandora_core.store.job_rows import JobFilter, JobState
from pandora_core.store.operator import Operator
from pandora_core.store.writer import Batch


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()


def test_a_high_alert_becomes_one_job_on_its_flows_and_a_medium_one_none(scene: Scene) -> None:
    medium = scene.alert(flow(1), points=60.0, name="ws-2")
    high = scene.alert(flow(2), flow(3))
    assert (medium.severity, high.severity) == (Severity.MEDIUM, Severity.HIGH)
    scene.escalator().tend()
    job = scene.job()
    assert (job.subject, job.backend, job.kind, job.actor, job.shots) == (high.id, "aer", "kernel", ACTOR, 64)
    payload = payload_of(scene.jobs.payload(job.id))
    assert isinstance(payload.work, KernelWork)
    assert (len(payload.work.rows), len(payload.work.against or ())) == (2, 30)
    assert payload.options.seed == 3
    waiting = scene.reader.alert(high.id).escalation
    assert waiting is not None
    assert (waiting.state, waiting.deadline_us, waiting.events) == ("waiting", scene.now_us + 300_000_000, (2, 3))
    scene.escalator().tend()
    assert len(scene.jobs.open_jobs()) == 1


def test_what_comes_back_stands_beside_the_control_of_the_same_flows_and_lowers_no_risk(scene: Scene) -> None:
    alert = scene.alert(flow(1), flow(2))
    scene.escalator().tend()
    job = scene.job()
    scene.run(job)
    scene.escalator().tend()
    (found,) = scene.assessments(alert.id)
    assert found.outcome is Outcome.DONE
    assert found.quantum is not None
    assert found.control is not None
    assert found.quantum == found.exact
    assert (found.control.kernel, found.job, found.seed, found.shots) == ("RBF gamma=1", job.id, 3, 64)
    assert (found.label, found.model, found.events) == ("simulated: Aer", scene.model, (1, 2))
    scene.take_in()
    after = scene.reader.alert(alert.id).view.alert
    assert (after.risk, after.severity) == (alert.risk, alert.severity)


def test_a_novel_result_is_one_more_reason(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator().tend()
    scene.run(scene.job(), strange=True)
    scene.escalator().tend()
    scene.take_in()
    after = scene.reader.alert(alert.id).view.alert
    assert after.reasons[0] == "because"
    assert "quantum kernel" in after.reasons[1]
    assert "classical control" in after.reasons[1]
    assert after.risk == alert.risk


def test_past_the_deadline_the_classical_result_stands_and_the_job_is_cancelled(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator(deadline_s=60).tend()
    job = scene.job()
    scene.later(59)
    scene.escalator().tend()
    assert scene.assessments(alert.id) == []
    scene.later(2)
    scene.escalator().tend()
    (found,) = scene.assessments(alert.id)
    assert found.outcome is Outcome.LATE
    assert "QUEUED" in found.why
    assert scene.jobs.get(job.id).state is JobState.CANCELLED
    scene.take_in()
    assert scene.reader.alert(alert.id).view.alert.reasons[-1].startswith("The classical result stands: no answer by")


def test_an_answer_that_was_in_time_counts_however_late_it_is_read(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator(deadline_s=60).tend()
    scene.later(50)
    scene.run(scene.job())
    scene.later(3600)
    scene.escalator().tend()
    assert [found.outcome for found in scene.assessments(alert.id)] == [Outcome.DONE]


def test_an_answer_after_the_deadline_does_not_count(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator(deadline_s=60).tend()
    scene.later(61)
    scene.run(scene.job())
    scene.escalator().tend()
    assert [found.outcome for found in scene.assessments(alert.id)] == [Outcome.LATE]


def test_a_failed_job_leaves_the_classical_result_and_says_why(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator().tend()
    scene.fail(scene.job())
    scene.escalator().tend()
    (found,) = scene.assessments(alert.id)
    assert found.outcome is Outcome.FAILED
    assert "no memory" in found.why


def test_a_job_that_somebody_cancelled_says_nothing_of_its_backend(scene: Scene) -> None:
    for number in range(3):
        alert = scene.alert(flow(number), name=f"ws-{number}")
        scene.escalator().tend()
        scene.jobs.cancel([scene.job().id], actor="bob", at_us=scene.now_us)
        scene.escalator().tend()
        assert "cancelled by bob" in scene.assessments(alert.id)[0].why
    scene.alert(flow(9), name="ws-9")
    scene.escalator().tend()
    assert scene.job().backend == "aer"


def test_the_budget_is_kept_over_restarts_and_the_alert_says_when_it_is_spent(scene: Scene) -> None:
    alerts = [scene.alert(flow(number), name=f"ws-{number}", points=80 + number) for number in range(4)]
    scene.escalator(per_hour=2).tend()
    assert {job.subject for job in scene.jobs.open_jobs()} == {alerts[2].id, alerts[3].id}  # the worst first
    for alert in alerts[:2]:
        (found,) = scene.assessments(alert.id)
        assert found.outcome is Outcome.BUDGET
        assert "budget of 2 an hour" in found.why
    scene.later(3600.1)
    scene.alert(flow(9), name="ws-9")
    scene.escalator(per_hour=2).tend()
    assert len({job.subject for job in scene.jobs.open_jobs()} - {each.id for each in alerts}) == 1


def test_failures_open_the_breaker_which_lets_one_through_after_its_rest(scene: Scene) -> None:
    rules = {"failures": 2, "cool_s": 600.0}
    for number in range(2):
        scene.alert(flow(number), name=f"ws-{number}")
        scene.escalator(**rules).tend()
        scene.fail(scene.job())
        scene.escalator(**rules).tend()
    refused = scene.alert(flow(5), name="ws-5")
    scene.escalator(**rules).tend()
    assert scene.jobs.open_jobs() == []
    (found,) = scene.assessments(refused.id)
    assert found.outcome is Outcome.BREAKER
    assert "2 times in a row" in found.why
    scene.later(601)
    first, second = (scene.alert(flow(n), name=f"ws-{n}", points=90 - n) for n in (6, 7))
    scene.escalator(**rules).tend()
    assert scene.job().subject == first.id
    assert scene.assessments(second.id)[0].outcome is Outcome.BREAKER
    scene.run(scene.job())
    scene.escalator(**rules).tend()
    scene.alert(flow(8), name="ws-8")
    scene.escalator(**rules).tend()
    assert scene.job().backend == "aer"


@pytest.mark.parametrize(
    ("rules", "words"),
    [({}, "consented"), ({"ibm_consent": True}, "vault"), ({"ibm_consent": True, "air_gapped": True}, "air_gapped")],
)
def test_without_consent_and_token_nothing_is_ever_given_to_ibm(scene: Scene, rules: dict, words: str) -> None:
    asked: list[str] = []

    def token_problem() -> str:
        asked.append("token")
        return "the vault is locked"

    alert = scene.alert(flow(1))
    scene.escalator(token_problem=token_problem, backend="ibm", **rules).tend()
    assert scene.job().backend == "aer"
    assert bool(asked) is (words == "vault")
    scene.run(scene.job())
    scene.escalator().tend()
    assert words in scene.assessments(alert.id)[0].why


def test_with_consent_and_token_one_flow_goes_to_ibm(scene: Scene) -> None:
    scene.alert(flow(1), flow(2))
    scene.escalator(backend="ibm:ibm_torino", ibm_consent=True).tend()
    job = scene.job()
    assert (job.backend, job.is_remote) == ("ibm:ibm_torino", True)
    work = payload_of(scene.jobs.payload(job.id)).work
    assert isinstance(work, KernelWork)
    assert len(work.rows) == 1


def test_consent_that_is_withdrawn_ends_what_waits_for_ibm(scene: Scene) -> None:
    alert = scene.alert(flow(1))
    scene.escalator(backend="ibm", ibm_consent=True).tend()
    job = scene.job()
    scene.escalator(backend="ibm").tend()
    (found,) = scene.assessments(alert.id)
    assert "withdrawn" in found.why
    assert scene.jobs.get(job.id).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("kind", "value"),
    [(ActionKind.CLOSE, ""), (ActionKind.VERDICT, "false positive"), (ActionKind.VERDICT, "benign")],
)
def test_an_alert_that_a_person_has_settled_is_not_escalated(scene: Scene, kind: ActionKind, value: str) -> None:
    alert = scene.alert(flow(1))
    Operator(scene.store, "ann", "here").act(alert.id, kind, value, at_us=1)
    scene.escalator().tend()
    assert scene.jobs.open_jobs() == []
    assert scene.assessments(alert.id) == []


def test_an_alert_that_is_worse_with_the_same_detections_is_asked_about_again(scene: Scene) -> None:
    alert = scene.alert(flow(1), points=75.0)
    worse = replace(alert, severity=Severity.CRITICAL, risk=95.0)
    assert key_of(worse) != key_of(alert)
    scene.escalator().tend()
    scene.run(scene.job())
    scene.escalator().tend()
    scene.writer.commit(Batch(alerts=[worse]))
    scene.escalator().tend()
    assert scene.job().subject == alert.id


def test_an_alert_without_flows_is_not_escalated_and_says_so_once(scene: Scene) -> None:
    alert = scene.alert(log_on(1))
    scene.escalator().tend()
    assert scene.jobs.open_jobs() == []
    assert [found.outcome for found in scene.assessments(alert.id)] == [Outcome.NO_FLOWS]
    for number in range(2, 5):
        alert = scene.alert(log_on(number), points=30.0)
        scene.escalator().tend()
    assert len(alert.detection_ids) == 4
    assert [found.outcome for found in scene.assessments(alert.id)] == [Outcome.NO_FLOWS]


def test_an_alert_that_has_doubled_is_asked_about_again_and_not_before(scene: Scene) -> None:
    scene.alert(flow(1))
    scene.escalator().tend()
    scene.run(scene.job())
    scene.escalator().tend()
    scene.take_in()
    assert len(scene.jobs.open_jobs()) == 0
    alert = scene.alert(flow(2), points=10.0)
    scene.escalator().tend()
    assert scene.job().subject == alert.id
    scene.run(scene.job())
    scene.escalator().tend()
    assert len(scene.assessments(alert.id)) == 2


class KilledError(BaseException):
    """Like SIGKILL: nothing catches it."""


class Dying:
    """Does so many operations of the store, then none."""

    def __init__(self, real: object, steps: int) -> None:
        self.real, self.steps = real, steps

    def __getattr__(self, name: str) -> Callable[..., object]:
        if not self.steps:
            raise KilledError
        self.steps -= 1
        return getattr(self.real, name)


@pytest.mark.parametrize("steps", range(9))
def test_an_escalator_that_is_killed_after_any_step_leaves_one_job_and_one_action(scene: Scene, steps: int) -> None:
    alert = scene.alert(flow(1))

    def killed_pass() -> None:
        escalator = scene.escalator()
        escalator._escalations = Dying(escalator._escalations, steps)  # type: ignore[assignment]
        with contextlib.suppress(KilledError):
            escalator.tend()

    killed_pass()
    scene.escalator().tend()
    killed_pass()
    job = scene.job()
    assert job.subject == alert.id
    scene.run(job)
    killed_pass()
    for _ in range(2):
        scene.escalator().tend()
    assert len(scene.assessments(alert.id)) == 1
    assert len(scene.jobs.find(JobFilter(), now_us=scene.now_us)) == 1


def test_alerts_of_before_the_model_are_left_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, use=False)
    scene.alert(flow(1))
    scene.escalator().tend()
    scene.escalations.use(scene.model)
    scene.escalator().tend()
    assert scene.jobs.open_jobs() == []
    scene.alert(flow(2), name="ws-2")
    scene.escalator().tend()
    assert len(scene.jobs.open_jobs()) == 1
    scene.store.close()


def test_what_is_switched_off_escalates_nothing_and_ends_what_was_begun(scene: Scene) -> None:
    first = scene.alert(flow(1))
    scene.escalator().tend()
    scene.run(scene.job())
    off = scene.escalator(is_on=False)
    off.tend()
    assert [found.outcome for found in scene.assessments(first.id)] == [Outcome.DONE]
    scene.alert(flow(2), name="ws-2")
    off.tend()
    scene.escalator().tend()
    assert scene.jobs.open_jobs() == []


def test_the_uncertain_band_is_escalated_where_it_is_enabled(scene: Scene) -> None:
    alert = scene.alert(flow(1), points=65.0)
    scene.escalator(uncertain_points=10.0).tend()
    assert scene.job().subject == alert.id


def test_a_model_that_was_tampered_with_escalates_nothing_and_the_engine_goes_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    path = scene.data / FOLDER / f"{scene.model}.json"
    path.write_text(path.read_text().replace("made up", "made down"))
    scene.alert(flow(1))
    escalator = scene.escalator()
    escalator.tend()
    escalator.tend()
    assert scene.jobs.open_jobs() == []
    assert caplog.text.count("not what was saved") == 1


def test_the_features_are_those_of_the_window_that_the_flow_had(scene: Scene) -> None:
    """The same flow after others of its source is another row than alone."""
    scene.alert(*(flow(n, port=1000 + n) for n in range(20)), name="ws-2", points=30.0)
    scene.alert(flow(30))
    scene.escalator().tend()
    crowded = payload_of(scene.jobs.payload(scene.job().id)).work
    scene.jobs.cancel([scene.job().id], actor="x", at_us=scene.now_us)
    scene.alert(flow(30, source="10.9.9.9"), name="ws-3")
    scene.escalator().tend()
    alone = payload_of(scene.jobs.payload(scene.job().id)).work
    assert isinstance(crowded, KernelWork)
    assert isinstance(alone, KernelWork)
    assert crowded.rows != alone.rows


def test_an_hour_of_many_alerts_never_begins_more_than_the_budget(scene: Scene) -> None:
    for number in range(12):
        scene.alert(flow(number), name=f"ws-{number}")
        scene.escalator(per_hour=3).tend()
        for job in scene.jobs.open_jobs():
            scene.run(job)
        scene.later(600)
    begun = [each.begun_at_us for each in scene.escalations.attempts(scene.now_us)]
    assert len(begun) == 6
    assert all(sum(at <= other < at + HOUR_US for other in begun) <= 3 for at in begun)


def test_a_backend_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with bootstrap.opened(tmp_path) as store:
        bootstrap.escalator_of(Settings(data=tmp_path, escalation_backend="aer:FakeManilaV2"), store)
        with pytest.raises(ConfigError, match="statevector"):
            bootstrap.escalator_of(Settings(data=tmp_path, escalation_backend="abacus"), store)


def test_the_settings_reach_the_policy(tmp_path: Path) -> None:
    assert bootstrap.rules_of(Settings(data=tmp_path)) == Rules()
    changed = Settings(
        data=tmp_path, escalation=False, escalation_backend="ibm", escalation_ibm_consent=True, air_gapped=True,
        escalation_deadline_s=7, escalation_per_hour=3, escalation_uncertain_points=9,
    )  # fmt: skip
    assert bootstrap.rules_of(changed) == Rules(
        is_on=False, backend="ibm", ibm_consent=True, air_gapped=True, deadline_s=7, per_hour=3, uncertain_points=9
    )


def test_a_flood_of_alerts_is_decided_about_pass_by_pass_and_none_is_forgotten(scene: Scene) -> None:
    alerts = [scene.alert(flow(number), name=f"ws-{number}") for number in range(60)]
    for _ in range(2):
        scene.escalator(per_hour=2).tend()
    decided = [each for each in alerts if scene.escalations.newest_of(each.id)]
    assert len(decided) == 50
    scene.escalator(per_hour=2).tend()
    assert len(scene.jobs.open_jobs()) == 2
    assert sum(bool(scene.assessments(each.id)) for each in alerts) == 58
