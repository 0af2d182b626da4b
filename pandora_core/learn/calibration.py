"""Owns how a model is put to the scale of the network that it scores: from flows seen there, without labels. Pure.

A model's evidence is -ln of the share of *training's* benign rows that score as high, and its threshold is a rate
of those. On another network the same scores are usual or unheard of for other reasons: there every flow may alert.
So, before a model alerts, it looks on for a while, and what it saw becomes the scale: scores that are common here are
weak evidence here. The threshold is never lower than training's: a calm network is not made to alert.

Flows of an intrusion that is already under way would make it normal. Sources (or any other groups) that by themselves
lie above the cut that all the others give are therefore left out, the most telling first, at most one in twenty; what
that leaves in is bounded by what the sources left are: an intrusion on more than that cannot be told from custom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.metrics import cut_at
from pandora_core.learn.table import Flags, Reals

if TYPE_CHECKING:  # a model is what is handed in; what is here needs no scikit-learn
    from pandora_core.learn.models import Model

EXPECTED_ABOVE = 10
"""So many of the local flows must be expected above the cut for the cut to be more than chance."""

_POINTS = 1_000
_PRIOR_FLOWS = 50.0
"""Weight of training's benign rows in the local scale, as so many flows."""
_GROUPS_A_SUSPECT = 20
_FEWEST_GROUPS = 10
_OWN_SHARE = 0.2
"""Of a suspect's flows that lie above the cut which the others give."""
_POOR_FIT = 0.2


class Scale(msgspec.Struct, frozen=True):
    """Scores of one member on local flows, ascending, and the share of flows that score as high as each."""

    scores: tuple[float, ...]
    above: tuple[float, ...]


class Calibration(msgspec.Struct, frozen=True):
    """A model's scale and threshold on one network; plain data (``msgspec.json.encode``).

    It belongs to one version of a model and one rate. Its contract with whoever scores live:

    - collect :meth:`Model.member_scores` of the first flows, and their sources, until :func:`flows_wanted`;
      say meanwhile that the model is warming up, and do not alert by it;
    - :func:`calibrate` them, keep the result beside the version's number, say :attr:`told`;
    - from then on a flow alerts when ``calibration.scores(model, own) > calibration.threshold(model)``, where
      ``own`` is ``model.member_scores(cells)``. Both are on the model's own scale of probability.
    """

    scales: dict[str, Scale]
    cut: float
    """Of evidence: what lies above it alerts."""
    rate: float
    """The share of local flows that may lie above."""
    flows: int
    groups: int
    left_out: tuple[str, ...]
    """Groups that were taken for suspects: they may alert from now on."""
    above_before: float
    """Share of local flows above the threshold of training."""

    @property
    def is_poor_fit(self) -> bool:
        """Whether the model was so far off here that its findings deserve less trust even now."""
        return self.above_before > _POOR_FIT

    @property
    def told(self) -> str:
        """What an operator is told of it."""
        poor = f"; poor fit: {self.above_before:.0%} were above the model's own threshold" if self.is_poor_fit else ""
        out = f", {len(self.left_out)} of {self.groups} sources left out" if self.left_out else ""
        return f"calibrated on {self.flows:,} local flows{out}{poor}"

    def evidence(self, model: Model, own: Mapping[str, Reals]) -> Reals:
        """The weighed sum of the members' evidence on the local scale, in nats."""
        parts = [model.weights[name] * self._evidence(model, name, values) for name, values in own.items()]
        return np.asarray(np.sum(parts, axis=0), np.float64)

    def scores(self, model: Model, own: Mapping[str, Reals]) -> Reals:
        """As :meth:`Model.scores`, on the local scale."""
        return model.probability(self.evidence(model, own))

    def threshold(self, model: Model) -> float:
        """Of :meth:`scores`."""
        return float(model.probability(np.array([self.cut]))[0])

    def _evidence(self, model: Model, name: str, values: Reals) -> Reals:
        scale, tail = self.scales[name], model.tails[name]
        local = np.append(scale.above, 0.0)[np.searchsorted(np.asarray(scale.scores), values, side="left")]
        share = (self.flows * local + _PRIOR_FLOWS * tail.share(values)) / (self.flows + _PRIOR_FLOWS)
        floor = 1.0 / (self.flows + _PRIOR_FLOWS + 1.0)
        made: Reals = -np.log(np.maximum(share, floor)) + tail.beyond(values)
        return made


def flows_wanted(rate: float) -> int:
    """How many local flows a threshold for this rate of false positives takes."""
    return int(np.ceil(EXPECTED_ABOVE / rate))


def calibrate(
    model: Model, own: Mapping[str, Reals], groups: Sequence[Any] | NDArray[Any], *, rate: float
) -> Calibration:
    """The scale of one network, from flows of it that are benign but for a few sources; deterministic.

    Args:
        own: every member's scores of the flows, as :meth:`Model.member_scores` gives them.
        groups: whose flow each is, such as its source's address.
        rate: the share of local flows that may alert, 0–1.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    local = _Local(model, own, codes, rate)
    kept, out = np.ones(len(codes), bool), list[int]()
    budget = len(names) // _GROUPS_A_SUSPECT if len(names) >= 2 * _GROUPS_A_SUSPECT else 1
    for _ in range(budget if len(names) >= _FEWEST_GROUPS else 0):
        suspect = local.suspect(kept)
        if suspect is None:
            break
        kept, out = kept & (codes != suspect), [*out, suspect]
    raw = model.scores_of(own) > model.threshold
    fitted = local.fitted(kept)
    return msgspec.structs.replace(
        fitted, cut=max(fitted.cut, model.cut), left_out=tuple(str(names[code]) for code in out),
        groups=len(names), above_before=float(raw.mean()),
    )  # fmt: skip


class _Local(NamedTuple):
    """What a network showed: scores and groups of its flows."""

    model: Model
    own: Mapping[str, Reals]
    codes: NDArray[np.intp]
    rate: float

    def fitted(self, kept: Flags) -> Calibration:
        """The scale of the flows kept and the cut on it."""
        scales = {name: _scale(values[kept]) for name, values in self.own.items()}
        made = Calibration(scales, 0.0, self.rate, int(kept.sum()), 0, (), 0.0)
        return msgspec.structs.replace(made, cut=cut_at(self._evidence(made, kept), self.rate))

    def suspect(self, kept: Flags) -> int | None:
        """The group with most flows on top, if it is above what the others give far oftener than is promised."""
        evidence = self._evidence(self.fitted(kept), kept)
        top = self.codes[kept][evidence >= cut_at(evidence, min(0.5, 2.0 * self.rate))]
        code = int(np.bincount(top).argmax())
        own = self.codes == code
        if not (kept & ~own).any():
            return None
        others = self.fitted(kept & ~own)
        above = float((self._evidence(others, own) > others.cut).mean())
        return code if above >= max(_OWN_SHARE, min(0.9, 10.0 * self.rate)) else None

    def _evidence(self, made: Calibration, rows: Flags) -> Reals:
        return made.evidence(self.model, {name: values[rows] for name, values in self.own.items()})


def _scale(values: Reals) -> Scale:
    """At most ``_POINTS`` of the scores, all of the highest: there the evidence is."""
    scores, counts = np.unique(values, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1] / len(values)
    if len(scores) > _POINTS:
        wanted = np.geomspace(1.0, len(scores), _POINTS).round().astype(int)
        places = np.unique(len(scores) - wanted)
        scores, above = scores[places], above[places]
    return Scale(tuple(scores.tolist()), tuple(above.tolist()))
