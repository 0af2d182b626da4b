"""Owns how a model is put to the scale of the network that it scores: from flows seen there, without labels. Pure.

A model's evidence is -ln of the share of *training's* benign rows that score as high, and its threshold is a rate
of those. On another network the same scores are usual or unheard of for other reasons: there every flow may alert.
So, before a model alerts, it looks on for a while, and what it saw becomes the scale: scores that are common here are
weak evidence here. Where the model fits poorly one member more stands beside its own, ``home``: a tree of what is
usual here. The threshold is never lower than training's: a calm network is not made to alert.

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

from pandora_core.learn.fitting.surprise import SurpriseTree, TreeState
from pandora_core.learn.metrics import beyond, cut_at
from pandora_core.learn.table import Cells, Flags, Reals

if TYPE_CHECKING:  # a model is what is handed in; what is here needs no scikit-learn
    from pandora_core.learn.fitting.models import Model

EXPECTED_ABOVE = 10
"""So many of the local flows must be expected above the cut for the cut to be more than chance."""

HOME = "home"
"""The member that is learned here."""

_POINTS = 1_000
_PRIOR_FLOWS = 50.0
"""Weight of training's benign rows in the local scale, as so many flows."""
_GROUPS_A_SUSPECT = 20
_FEWEST_GROUPS = 10
_OWN_SHARE = 0.2
"""Of a suspect's flows that lie above the cut which the others give."""
_POOR_FIT = 0.2
_BLOCKS = 10


class Scale(msgspec.Struct, frozen=True):
    """Scores of one member on local flows, ascending, and the share of flows that score as high as each."""

    scores: tuple[float, ...]
    above: tuple[float, ...]


class Calibration(msgspec.Struct, frozen=True):
    """A model's scale and threshold on one network; plain data (``msgspec.json.encode``).

    It belongs to one version of a model and one rate. Its contract with whoever scores live:

    - keep :meth:`Model.member_scores`, cells and sources of the first flows, up to :func:`flows_wanted`; say
      meanwhile that the model is warming up, and do not alert by it;
    - :func:`calibrate` them, keep the result beside the version's number, say :attr:`told`;
    - from then on a flow alerts when ``calibration.scores(model, own) > calibration.threshold(model)``, both on the
      model's own scale of probability. ``own`` is ``model.member_scores(cells)``, and with a :attr:`home` also
      ``own[HOME] = SurpriseTree.of(calibration.home).scores(cells)``.
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
    home: TreeState | None = None
    """What is usual here; only where the model fits poorly, since it makes a model that fits no better."""

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
        return _LocalScale(model, self.scales, self.flows).evidence(own)

    def scores(self, model: Model, own: Mapping[str, Reals]) -> Reals:
        """As :meth:`Model.scores`, on the local scale."""
        return model.probability(self.evidence(model, own))

    def threshold(self, model: Model) -> float:
        """Of :meth:`scores`."""
        return float(model.probability(np.array([self.cut]))[0])


def flows_wanted(rate: float) -> int:
    """How many local flows a threshold for this rate of false positives takes."""
    return int(np.ceil(EXPECTED_ABOVE / rate))


def calibrate(
    model: Model,
    own: Mapping[str, Reals],
    groups: Sequence[Any] | NDArray[Any],
    *,
    rate: float,
    cells: Cells | None = None,
) -> Calibration:
    """The scale of one network, from flows of it that are benign but for a few sources; deterministic.

    It takes about a second for 10,000 flows: not for every batch.

    Args:
        own: every member's scores of the flows, in order of time, as :meth:`Model.member_scores` gives them.
        groups: whose flow each is, such as its source's address.
        rate: the share of local flows that may alert, 0–1.
        cells: features of the flows; where the model fits poorly, the member ``home`` is learned from them.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    kept, out = _Warmup(model, own, codes, rate).without_suspects()
    local = {name: values[kept] for name, values in own.items()}
    above_before = float((model.scores_of(own) > model.threshold).mean())
    usual = cells[kept] if cells is not None and above_before > _POOR_FIT else None
    if usual is not None:
        local[HOME] = _unseen_scores(usual)
    scales = {name: _scale_of(values) for name, values in local.items()}
    cut = cut_at(_LocalScale(model, scales, int(kept.sum())).evidence(local), rate)
    return Calibration(
        scales=scales,
        cut=max(cut, model.cut),
        rate=rate,
        flows=int(kept.sum()),
        groups=len(names),
        left_out=tuple(str(names[code]) for code in out),
        above_before=above_before,
        home=None if usual is None else _tree_of(usual).state(),
    )


class _LocalScale(NamedTuple):
    """Turns members' scores into evidence by how common such scores are here."""

    model: Model
    scales: Mapping[str, Scale]
    flows: int

    def evidence(self, own: Mapping[str, Reals]) -> Reals:
        parts = [self.model.weights.get(name, 1.0) * self._of(name, values) for name, values in own.items()]
        return np.asarray(np.sum(parts, axis=0), np.float64)

    def _of(self, name: str, values: Reals) -> Reals:
        scale, tail = self.scales[name], self.model.tails.get(name)
        seen, prior = np.asarray(scale.scores), 0.0 if tail is None else _PRIOR_FLOWS
        share = self.flows * np.append(scale.above, 0.0)[np.searchsorted(seen, values, side="left")]
        if tail is not None:
            share += prior * tail.share(values)
        whole = self.flows + prior
        usual = -np.log(np.maximum(share / whole, 1.0 / (whole + 1.0)))
        return np.asarray(usual + beyond(values, float(np.median(seen)), float(seen[-1])), np.float64)


class _Warmup(NamedTuple):
    """What a network showed: scores and groups of its flows."""

    model: Model
    own: Mapping[str, Reals]
    codes: NDArray[np.intp]
    rate: float

    def without_suspects(self) -> tuple[Flags, list[int]]:
        """Flows that are kept, and the groups that are not."""
        kept, out = np.ones(len(self.codes), bool), list[int]()
        groups = int(self.codes.max(initial=-1)) + 1
        most = max(1, groups // _GROUPS_A_SUSPECT) if groups >= _FEWEST_GROUPS else 0
        while len(out) < most and (suspect := self._suspect(kept)) is not None:
            kept, out = kept & (self.codes != suspect), [*out, suspect]
        return kept, out

    def _suspect(self, kept: Flags) -> int | None:
        """The group with most flows on top, if it is above what the others give far oftener than is promised."""
        evidence = self._scale(kept).evidence(self._of(kept))
        top = self.codes[kept][evidence >= cut_at(evidence, min(0.5, 2.0 * self.rate))]
        code = int(np.bincount(top).argmax())
        own, others = self.codes == code, kept & (self.codes != code)
        if not others.any():
            return None
        scale = self._scale(others)
        cut = cut_at(scale.evidence(self._of(others)), self.rate)
        above = float((scale.evidence(self._of(own)) > cut).mean())
        return code if above >= max(_OWN_SHARE, min(0.9, 10.0 * self.rate)) else None

    def _of(self, rows: Flags) -> dict[str, Reals]:
        return {name: values[rows] for name, values in self.own.items()}

    def _scale(self, rows: Flags) -> _LocalScale:
        return _LocalScale(
            self.model, {name: _scale_of(each) for name, each in self._of(rows).items()}, int(rows.sum())
        )


def _unseen_scores(cells: Cells) -> Reals:
    """What trees of the one half of the flows say of the other; halves of long blocks, since neighbours are alike."""
    half = (np.arange(len(cells)) * _BLOCKS // max(1, len(cells))) % 2 == 0
    made = np.zeros(len(cells))
    for side in (half, ~half):
        if side.any() and not side.all():
            made[~side] = _tree_of(cells[side]).scores(cells[~side])
    return made


def _tree_of(cells: Cells) -> SurpriseTree:
    """A tree of flows; columns are numbers up to the first that holds a word."""
    return SurpriseTree(sum(not isinstance(cell, str) for cell in cells[0])).fit(cells)


def _scale_of(values: Reals) -> Scale:
    """At most ``_POINTS`` of the scores, the highest whole: there the evidence is."""
    scores, counts = np.unique(values, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1] / len(values)
    if len(scores) > _POINTS:
        wanted = np.geomspace(1.0, len(scores), _POINTS).round().astype(int)
        places = np.unique(len(scores) - wanted)
        scores, above = scores[places], above[places]
    return Scale(tuple(scores.tolist()), tuple(above.tolist()))
