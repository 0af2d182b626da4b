"""The hybrid policy, on a clock that is a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.model import HOUR_US, MINUTE_US, SECOND_US, Severity
from pandora_core.quantum.tier.policy import (
    LOCAL,
    Answer,
    Attempt,
    Before,
    BreakerState,
    Case,
    Decision,
    Rules,
    breaker,
    decide,
    is_due,
    is_remote,
    used,
)

NOW = 100 * HOUR_US
HIGH = Case(Severity.HIGH, 75.0, 3)


def attempt(
    minutes_ago: float, is_good: bool | None = True, backend: str = LOCAL, *, is_open: bool = False
) -> Attempt:
    begun = NOW - round(minutes_ago * MINUTE_US)
    return Attempt(backend, begun, None if is_open else begun + SECOND_US, None if is_open else is_good)


def failed(*minutes_ago: float, backend: str = LOCAL) -> list[Attempt]:
    return [attempt(minutes, False, backend) for minutes in minutes_ago]


def asked(case: Case = HIGH, attempts: list[Attempt] | None = None, before: Before | None = None, **more) -> Decision:
    rules = Rules(**{name: more.pop(name) for name in list(more) if name in Rules.__dataclass_fields__})
    return decide(case, before, rules, attempts or [], NOW, **({"flows": 1} | more))


@pytest.mark.parametrize("severity", [Severity.INFORMATIONAL, Severity.LOW, Severity.MEDIUM])
def test_what_is_not_high_returns_at_once(severity):
    assert asked(Case(severity, 60.0, 1)).answer is Answer.FAST


@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.CRITICAL])
def test_what_is_high_or_critical_is_escalated_to_a_simulator_here(severity):
    assert asked(Case(severity, 80.0, 1)) == Decision(Answer.ESCALATE, LOCAL)


def test_the_uncertain_band_is_escalated_only_where_it_is_enabled():
    just_below, below = Case(Severity.MEDIUM, 65.0, 1), Case(Severity.MEDIUM, 55.0, 1)
    assert asked(just_below).answer is Answer.FAST
    assert asked(just_below, uncertain_points=10.0).answer is Answer.ESCALATE
    assert asked(below, uncertain_points=10.0).answer is Answer.FAST


def test_what_is_switched_off_escalates_nothing():
    assert asked(is_on=False).answer is Answer.OFF


def test_an_alert_is_asked_about_again_only_when_it_is_worse_or_twice_as_large():
    before = Before(Severity.HIGH, 3, is_open=False)
    rules = Rules()
    assert is_due(HIGH, before, rules) == Decision(Answer.SETTLED)
    assert is_due(HIGH._replace(detections=5), before, rules) == Decision(Answer.SETTLED)
    assert is_due(HIGH._replace(detections=6), before, rules) is None
    assert is_due(HIGH._replace(severity=Severity.CRITICAL), before, rules) is None


def test_an_alert_that_is_waited_for_is_not_asked_about_twice():
    before = Before(Severity.HIGH, 3, is_open=True)
    assert is_due(Case(Severity.CRITICAL, 99.0, 50), before, Rules()) == Decision(Answer.SETTLED)


def test_an_alert_without_a_flow_is_not_escalated_and_says_why():
    found = asked(flows=0)
    assert found.answer is Answer.NO_FLOWS
    assert "flow" in found.why


def test_the_budget_is_of_the_last_hour_and_says_when_it_is_spent():
    attempts = [attempt(59), attempt(1), attempt(61)]
    assert used(attempts, NOW) == 2
    assert asked(attempts=attempts, per_hour=3).answer is Answer.ESCALATE
    assert asked(attempts=attempts, per_hour=2) == Decision(Answer.BUDGET, why="the budget of 2 an hour is spent")


def test_a_budget_of_nothing_escalates_nothing():
    assert asked(per_hour=0).answer is Answer.BUDGET


def test_failures_in_a_row_open_a_breaker_and_a_success_closes_it():
    rules = Rules(failures=3, cool_s=600)
    assert breaker(LOCAL, failed(3, 2), rules, NOW).state is BreakerState.CLOSED
    opened = breaker(LOCAL, failed(3, 2, 1), rules, NOW)
    assert (opened.state, opened.failures) == (BreakerState.OPEN, 3)
    assert opened.until_us == NOW - MINUTE_US + SECOND_US + 600 * SECOND_US
    assert breaker(LOCAL, [*failed(5, 4, 3, 2), attempt(1)], rules, NOW).state is BreakerState.CLOSED


def test_an_open_breaker_refuses_and_says_how_often_it_failed():
    found = asked(attempts=failed(3, 2, 1))
    assert found.answer is Answer.BREAKER
    assert found.why == "not on aer: it failed 3 times in a row"


def test_after_its_rest_a_breaker_lets_one_through_and_no_second_one():
    rested = failed(30, 29, 28)
    assert breaker(LOCAL, rested, Rules(), NOW).state is BreakerState.HALF_OPEN
    assert asked(attempts=rested) == Decision(Answer.ESCALATE, LOCAL)
    assert asked(attempts=[*rested, attempt(1, is_open=True)]).answer is Answer.BREAKER
    assert asked(attempts=[*rested, *failed(1)]).answer is Answer.BREAKER
    assert asked(attempts=[*rested, attempt(1)]).answer is Answer.ESCALATE


def test_what_somebody_cancelled_says_nothing_of_a_backend():
    attempts = [*failed(5, 4), attempt(3, None), *failed(2)]
    assert breaker(LOCAL, attempts, Rules(), NOW).failures == 3


def test_breakers_are_apart_and_a_broken_backend_gives_way_to_a_simulator_here():
    attempts = failed(3, 2, 1, backend="local:FakeManilaV2")
    found = asked(attempts=attempts, backend="local:FakeManilaV2")
    assert (found.answer, found.backend) == (Answer.ESCALATE, LOCAL)
    assert found.why == "not on local:FakeManilaV2: it failed 3 times in a row"
    assert asked(attempts=attempts).why == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "consented"),
        ({"ibm_consent": True, "air_gapped": True}, "air_gapped"),
        ({"ibm_consent": True, "token_problem": "the vault is locked"}, "the vault is locked"),
    ],
)
def test_without_consent_network_and_token_it_is_computed_here_and_says_why(more, words):
    found = asked(backend="ibm", **more)
    assert (found.answer, found.backend) == (Answer.ESCALATE, LOCAL)
    assert words in found.why


def test_with_consent_and_a_token_it_goes_to_ibm():
    assert asked(backend="ibm:ibm_torino", ibm_consent=True) == Decision(Answer.ESCALATE, "ibm:ibm_torino")


BACKENDS = st.sampled_from(["aer", "ibm", "local:FakeManilaV2"])
ATTEMPTS = st.lists(
    st.builds(
        lambda backend, ago, took, is_good: Attempt(
            backend,
            NOW - ago,
            None if is_good == "open" else NOW - ago + took,
            {"good": True, "bad": False}.get(is_good),
        ),
        BACKENDS,
        st.integers(0, 3 * HOUR_US),
        st.integers(0, 10 * MINUTE_US),
        st.sampled_from(["good", "bad", "open", "cancelled"]),
    ),
    max_size=12,
)
RULES = st.builds(
    Rules,
    is_on=st.booleans(),
    backend=BACKENDS,
    ibm_consent=st.booleans(),
    air_gapped=st.booleans(),
    per_hour=st.integers(0, 6),
    uncertain_points=st.floats(0, 30),
    failures=st.integers(1, 4),
    cool_s=st.floats(0, 3600),
)
CASES = st.builds(
    lambda risk, detections: Case(Severity.of_risk(risk), risk, detections), st.floats(0, 100), st.integers(1, 9)
)


@given(CASES, RULES, ATTEMPTS, st.integers(0, 3), st.sampled_from(["", "vault locked"]))
def test_whatever_happened_the_rules_are_kept(case, rules, attempts, flows, token_problem):
    found = decide(case, None, rules, attempts, NOW, flows=flows, token_problem=token_problem)
    if found.answer is not Answer.ESCALATE:
        assert found.backend == ""
        assert found.why or found.answer is Answer.FAST
        return
    assert rules.is_on
    assert flows
    assert used(attempts, NOW) < rules.per_hour
    assert case.risk >= 70 - rules.uncertain_points
    assert breaker(found.backend, attempts, rules, NOW).state is not BreakerState.OPEN
    if is_remote(found.backend):
        assert rules.ibm_consent
        assert not rules.air_gapped
        assert not token_problem


@given(RULES.filter(lambda rules: rules.is_on), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60))
def test_over_any_hour_no_more_is_begun_than_the_budget(rules, steps):
    attempts: list[Attempt] = []
    now_us = NOW
    for minutes, is_good in steps:
        now_us += minutes * MINUTE_US
        found = decide(HIGH, None, rules, attempts, now_us, flows=1)
        if found.answer is Answer.ESCALATE:
            attempts.append(Attempt(found.backend, now_us, now_us + 1, is_good))
    for each in attempts:
        within = [other for other in attempts if each.begun_at_us <= other.begun_at_us < each.begun_at_us + HOUR_US]
        assert len(within) <= rules.per_hour
