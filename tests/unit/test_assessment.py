"""What a second opinion says of an alert, and what it adds."""

from __future__ import annotations

import pytest

from pandora_core.detect.incidents.assessment import (
    ACTOR,
    Assessment,
    Figure,
    Outcome,
    assessments_of,
    reasons_of,
    summary,
    value_of,
)
from pandora_core.detect.incidents.triage import Triage, conflicting, fold, last_undoable
from pandora_core.model import Action, ActionKind

STRANGE = Figure("fidelity q=4", 0.9, 0.5, 0.004)
ORDINARY = Figure("RBF gamma=1", 0.1, 0.5, 0.4)


def done(quantum: Figure = STRANGE, control: Figure = ORDINARY, key: str = "k") -> Assessment:
    return Assessment(key, Outcome.DONE, quantum=quantum, control=control, label="simulated: Aer")


def action(number: int, assessment: Assessment) -> Action:
    return Action(number, ACTOR, "h", 0, "A-1", ActionKind.ASSESSMENT, value_of(assessment))


def test_an_assessment_is_read_back_as_it_was_written():
    given = done()
    assert assessments_of([action(1, given)]) == [given]


def test_a_value_that_cannot_be_read_says_nothing():
    broken = Action(1, ACTOR, "h", 0, "A-1", ActionKind.ASSESSMENT, '{"key": 1')
    assert assessments_of([broken, action(2, done())]) == [done()]


def test_a_novel_result_is_a_reason_with_both_figures_in_it():
    (reason,) = reasons_of([done()])
    assert "0.4 %" in reason
    assert "40 %" in reason
    assert "simulated" in reason
    assert "does not" in reason


def test_an_ordinary_result_takes_nothing_away_and_adds_nothing():
    assert reasons_of([done(quantum=ORDINARY)]) == ()


@pytest.mark.parametrize("outcome", [Outcome.LATE, Outcome.FAILED, Outcome.BUDGET, Outcome.BREAKER])
def test_what_did_not_come_leaves_the_classical_result_and_says_why(outcome):
    assert reasons_of([Assessment("k", outcome, "the deadline passed")]) == (
        "The classical result stands: the deadline passed",
    )


def test_an_alert_without_flows_gets_no_reason_of_it():
    assert reasons_of([Assessment("k", Outcome.NO_FLOWS, "no flow")]) == ()


def test_the_newest_result_counts_and_a_later_failure_does_not_take_it_away():
    late = Assessment("l", Outcome.LATE, "late")
    assert len(reasons_of([done()])) == 1
    assert reasons_of([done(), late])[0] == reasons_of([done()])[0]
    assert reasons_of([done(), late])[1] == "The classical result stands: late"
    assert reasons_of([late, done()]) == reasons_of([done()])
    assert reasons_of([done(), done(quantum=ORDINARY)]) == ()


def test_the_summary_never_has_the_quantum_figure_alone():
    assert summary(done()) == "benign flows as strange: quantum 0.4 %, classical 40 % (simulated: Aer)"


def test_an_assessment_is_in_nobodys_way():
    given = [action(1, done())]
    assert conflicting(given, 0, "ann") is None
    assert fold(given) == Triage(last_action_id=1, last_actor=ACTOR)
    assert last_undoable(given, "ann") is None
