"""Owns the hybrid policy: which alert also goes to the quantum model, to which backend, and in words why not.

Pure: the present, what was tried before and the rules are passed in. The fast tier's answer is never waited for nor
changed: what is low or medium returns at once, what is high or critical is *escalated*, which means that a job is put
into the queue and that the classical result stands where the job does not come back in time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.model import HOUR_US, SECOND_US, Severity

LOCAL = "aer"
"""Where it is computed when the backend that was asked for may not, or does not, answer."""

HIGH_RISK = 70.0
"""Risk from which an alert is high; the uncertain band is below it."""

GROWN = 2
"""An alert is asked about again when it is worse than it was, or has so many times the detections."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow. ``uncertain_points`` is the width of the band below a high risk; 0 has none."""

    is_on: bool = True
    backend: str = LOCAL
    ibm_consent: bool = False
    air_gapped: bool = False
    deadline_s: float = 300.0
    per_hour: int = 20
    uncertain_points: float = 0.0
    failures: int = 3
    """So many in a row open a backend's breaker."""
    cool_s: float = 600.0
    """After so long an open breaker lets one through."""

    def deadline_us(self, now_us: int) -> int:
        """Until when an answer of an escalation that begins now counts."""
        return now_us + int(self.deadline_s * SECOND_US)


class Case(NamedTuple):
    """What the policy looks at of an alert."""

    severity: Severity
    risk: float
    detections: int


class Before(NamedTuple):
    """The newest escalation of the same alert, or the newest refusal of one."""

    severity: Severity
    detections: int
    is_open: bool


class Attempt(NamedTuple):
    """One escalation that was begun: it took from the budget, and tells of its backend.

    ``is_good`` is ``None`` while it is open, and where it says nothing of the backend (somebody cancelled it).
    """

    backend: str
    begun_at_us: int
    ended_at_us: int | None
    is_good: bool | None


class Answer(enum.StrEnum):
    """What the policy says to an alert."""

    ESCALATE = "escalate"
    OFF = "off"
    FAST = "fast tier"
    """Not serious enough: the fast tier's result is all there is to it."""
    SETTLED = "settled"
    """It was asked about as it is."""
    NO_FLOWS = "no flows"
    BUDGET = "budget"
    BREAKER = "breaker"


class Decision(NamedTuple):
    """An answer, where it goes, and why, in words for an alert; ``why`` may be empty where all is as it was set."""

    answer: Answer
    backend: str = ""
    why: str = ""


class BreakerState(enum.StrEnum):
    """Closed lets everything through, open nothing, half-open one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker(NamedTuple):
    """A backend's circuit breaker."""

    state: BreakerState
    failures: int
    """In a row, up to now."""
    until_us: int = 0
    """When an open one lets one through."""


def is_due(case: Case, before: Before | None, rules: Rules) -> Decision | None:
    """The answer where it is plain from the alert itself; ``None`` where flows, budget and backends decide."""
    if not rules.is_on:
        return Decision(Answer.OFF, why="escalation is off")
    if not is_serious(case, rules):
        return Decision(Answer.FAST)
    if before is not None and (before.is_open or not _is_news(case, before)):
        return Decision(Answer.SETTLED)
    return None


def is_serious(case: Case, rules: Rules) -> bool:
    """Whether an alert is high or critical, or in the uncertain band below."""
    return case.severity >= Severity.HIGH or HIGH_RISK - rules.uncertain_points <= case.risk < HIGH_RISK


def decide(
    case: Case,
    before: Before | None,
    rules: Rules,
    attempts: Sequence[Attempt],
    now_us: int,
    *,
    flows: int,
    token_problem: str = "",
) -> Decision:
    """The answer to an alert with so many flows in its events.

    Args:
        attempts: all that began in the last hour, and the newest of every backend, in any order.
        token_problem: why IBM's token is not at hand; empty where it is. Only looked at with consent.
    """
    plain = is_due(case, before, rules)
    if plain is not None:
        return plain
    if not flows:
        return Decision(Answer.NO_FLOWS, why="none of its events is a flow, which is all that the model knows")
    spent = used(attempts, now_us)
    if spent >= rules.per_hour:
        return Decision(Answer.BUDGET, why=f"the budget of {rules.per_hour} an hour is spent")
    return _where(rules, attempts, now_us, token_problem)


def used(attempts: Iterable[Attempt], now_us: int) -> int:
    """How much of the budget the last hour took; what seems to be of the future counts too."""
    return sum(attempt.begun_at_us > now_us - HOUR_US for attempt in attempts)


def breaker(backend: str, attempts: Iterable[Attempt], rules: Rules, now_us: int) -> Breaker:
    """A backend's breaker, from how its attempts ended."""
    told = [(a.ended_at_us, a.is_good) for a in attempts if a.backend == backend and a.is_good is not None]
    ended = sorted((at_us, is_good) for at_us, is_good in told if at_us is not None)
    failures = 0
    for _, is_good in reversed(ended):
        if is_good:
            break
        failures += 1
    if failures < rules.failures:
        return Breaker(BreakerState.CLOSED, failures)
    until_us = ended[-1][0] + int(rules.cool_s * SECOND_US)
    return Breaker(BreakerState.OPEN if now_us < until_us else BreakerState.HALF_OPEN, failures, until_us)


def is_remote(backend: str) -> bool:
    """Whether a backend is IBM's, which needs consent and a token."""
    return backend.partition(":")[0] == "ibm"


def _is_news(case: Case, before: Before) -> bool:
    return case.severity > before.severity or case.detections >= GROWN * max(before.detections, 1)


def _where(rules: Rules, attempts: Sequence[Attempt], now_us: int, token_problem: str) -> Decision:
    """The backend of the settings, else a simulator here, with the reasons why not the one before."""
    refused: list[str] = []
    for backend in dict.fromkeys((rules.backend, LOCAL)):
        problem = _problem(backend, rules, attempts, now_us, token_problem)
        if not problem:
            return Decision(Answer.ESCALATE, backend, "; ".join(refused))
        refused.append(f"not on {backend}: {problem}")
    return Decision(Answer.BREAKER, why="; ".join(refused))


def _problem(backend: str, rules: Rules, attempts: Sequence[Attempt], now_us: int, token_problem: str) -> str:
    """Why a backend may not be used now; empty where it may."""
    if is_remote(backend):
        if rules.air_gapped:
            return "there is no network here (air_gapped)"
        if not rules.ibm_consent:
            return "nobody consented to send rows to IBM (escalation_ibm_consent)"
        if token_problem:
            return token_problem
    found = breaker(backend, attempts, rules, now_us)
    if found.state is BreakerState.OPEN:
        return f"it failed {found.failures} times in a row"
    is_tried = any(attempt.backend == backend and attempt.ended_at_us is None for attempt in attempts)
    if found.state is BreakerState.HALF_OPEN and is_tried:
        return f"it failed {found.failures} times in a row, and is being tried again"
    return ""
