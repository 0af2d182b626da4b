"""Owns what a second opinion says of an alert: the quantum figure beside the classical control, or why there is none.

It is an action like a verdict: appended once, and never changed. It adds reasons to an alert and changes nothing else
of it; above all no risk.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from pandora_core.detect.incidents.triage import effective
from pandora_core.model import Action, ActionKind

ACTOR = "quantum tier"
"""In whose name assessments are appended: no account of an operating system has a space."""


class Outcome(enum.StrEnum):
    """How asking for a second opinion ended. All but ``DONE`` leave the classical result as it stands."""

    DONE = "done"
    LATE = "late"
    FAILED = "failed"
    BUDGET = "budget"
    BREAKER = "breaker"
    NO_FLOWS = "no flows"


class Figure(msgspec.Struct, frozen=True):
    """What one kernel says of an alert's flows, of the strangest of them."""

    kernel: str
    score: float
    """Larger is stranger; of use only beside the threshold of the same kernel."""
    threshold: float
    rarity: float
    """The share of benign flows, unseen when the model was fitted, that are at least as strange."""

    @property
    def is_novel(self) -> bool:
        return self.score > self.threshold


class Assessment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One second opinion. Both figures are of the same flows, columns, reference rows and seed."""

    key: str
    """What was asked about: an alert with certain detections. There is one assessment a key."""
    outcome: Outcome
    why: str = ""
    """Why the classical result stands, or why it was not computed where the settings say."""
    quantum: Figure | None = None
    exact: Figure | None = None
    """The quantum figure without shots and noise, by simulation."""
    control: Figure | None = None
    backend: str = ""
    label: str = ""
    """How the quantum figure came about, *simulated* or *hardware* first."""
    job: str = ""
    model: str = ""
    """The hash of the model, which has the reference rows in it."""
    seed: int = 0
    shots: int = 0
    events: tuple[int, ...] = ()


def value_of(assessment: Assessment) -> str:
    """The value of the action that tells it."""
    return msgspec.json.encode(assessment).decode()


def assessments_of(actions: Iterable[Action]) -> list[Assessment]:
    """The assessments among the actions on an alert, oldest first; what cannot be read says nothing."""
    found = (_read(action.value) for action in effective(actions) if action.kind is ActionKind.ASSESSMENT)
    return [each for each in found if each is not None]


def reasons_of(assessments: Iterable[Assessment]) -> tuple[str, ...]:
    """What the newest result adds to an alert's reasons, and the newest word on why there is no newer one."""
    listed = list(assessments)
    done = [each for each in listed if each.outcome is Outcome.DONE]
    reasons = [text for each in done[-1:] if (text := _novelty(each))]
    if listed and listed[-1].outcome not in (Outcome.DONE, Outcome.NO_FLOWS):
        reasons.append(standing_text(listed[-1]))
    return tuple(reasons)


def standing_text(assessment: Assessment) -> str:
    """That the classical result stands, and why."""
    return f"The classical result stands: {assessment.why}"


def summary(assessment: Assessment) -> str:
    """An assessment in one line."""
    if assessment.outcome is not Outcome.DONE:
        return standing_text(assessment)
    parts = [f"{name} {_percent(figure)}" for name, figure in _sides(assessment)]
    return f"benign flows as strange: {', '.join(parts)} ({assessment.label})"


def _sides(assessment: Assessment) -> list[tuple[str, Figure]]:
    sides = (("quantum", assessment.quantum), ("classical", assessment.control))
    return [(name, figure) for name, figure in sides if figure is not None]


def _novelty(assessment: Assessment) -> str:
    """A reason where the quantum kernel finds the flows novel; the control's figure is in the same sentence."""
    quantum, control = assessment.quantum, assessment.control
    if quantum is None or control is None or not quantum.is_novel:
        return ""
    agrees = "agrees" if control.is_novel else "does not"
    where = assessment.label.partition(":")[0] or "simulated"
    return (
        f"Unlike the benign flows known here by the quantum kernel ({where}): {_percent(quantum)} of them are as "
        f"strange; the classical control {agrees}: {_percent(control)}"
    )


def _percent(figure: Figure) -> str:
    return f"{100 * figure.rarity:.2g} %"


def _read(value: str) -> Assessment | None:
    try:
        return msgspec.json.decode(value, type=Assessment)
    except msgspec.DecodeError:
        return None
