"""Owns the form of a model that scores live flows: the same scores, without the preparation of tables in between.

scikit-learn checks and copies its input at every step, which costs more than all that follows for a batch of a
thousand rows. What its steps have learned is therefore taken out of them once, when a model is opened: what becomes
of a number is a few NumPy operations, and what becomes of a category is known for each of its words beforehand.
A member that cannot be taken apart so is asked as it is; it then costs what scikit-learn costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pandora_core.errors import RefusedError
from pandora_core.learn.data.flows import FLOW, WORDS, Codes, FlowBlock
from pandora_core.learn.fitting.models import Classifier, Model, Surprise
from pandora_core.learn.fitting.surprise import SurpriseTree
from pandora_core.learn.scoring import trees
from pandora_core.learn.scoring.trees import Ensemble, Source
from pandora_core.learn.table import Reals

_NUMBERS = len(FLOW.numbers)
_FEATURES = len(FLOW.columns)
_PROBES = 256
_CLOSE = 1e-6
_STEEPEST = 700.0
"""Largest exponent that a float holds."""


class Part(NamedTuple):
    """What one feature added to one member's score of one flow; ``unit`` is what the score is counted in."""

    member: str
    feature: str
    value: float
    unit: str


class Scored(NamedTuple):
    """One member's scores of some flows taken apart: ``bias`` plus a row of ``parts`` is ``totals``, exactly."""

    unit: str
    bias: float
    parts: Reals
    totals: Reals


class LiveMember(Protocol):
    """A member that scores blocks of flows."""

    def scores(self, block: FlowBlock) -> Reals:
        """What :meth:`Member.scores` gives for the same rows."""
        ...

    def taken_apart(self, block: FlowBlock) -> Scored | None:
        """The scores by feature, in the unit that they add up in; ``None`` where they do not add up."""
        ...


class Compiled:
    """A model as it scores blocks of flows.

    Raises:
        RefusedError: its features are not :data:`FLOW`, or this form does not give what the model gives.
    """

    def __init__(self, model: Model) -> None:
        if model.schema_id != FLOW.id or model.columns != FLOW.columns:
            raise RefusedError(
                f"the model was trained on features {model.schema_id}, live flows have {FLOW.id}",
                hint="train one on these: scores would mean nothing",
            )
        self.model = model
        self.members = {name: _member(member) for name, member in model.members.items()}
        self._check()

    def member_scores(self, block: FlowBlock) -> dict[str, Reals]:
        """As :meth:`Model.member_scores`."""
        return {name: member.scores(block) for name, member in self.members.items()}

    def taken_apart(self, block: FlowBlock) -> dict[str, Scored]:
        """Every member's scores by feature, of those members whose scores add up."""
        found = {name: member.taken_apart(block) for name, member in self.members.items()}
        return {name: each for name, each in found.items() if each is not None}

    def _check(self) -> None:
        """Made-up flows must score as they do the long way: a library may have changed what its fitted parts mean."""
        block = _probes()
        expected = self.model.member_scores(block.cells())
        for name, scores in self.member_scores(block).items():
            if not np.allclose(scores, expected[name], rtol=_CLOSE, atol=_CLOSE):
                raise RefusedError(f"the model's member {name} scores differently live", hint="train it again")


def compiled_tree(tree: SurpriseTree) -> LiveMember:
    """A tree of columns that stands by itself, as one that was learned on this network does."""
    return _Surprise(tree)


class _Plain:
    """A member as it is."""

    def __init__(self, member: Any) -> None:
        self._member = member

    def scores(self, block: FlowBlock) -> Reals:
        made: Reals = self._member.scores(block.cells())
        return made

    def taken_apart(self, block: FlowBlock) -> Scored | None:
        return None


class _Trees:
    """A forest or boosted trees behind their preparation; ``walk`` scores a matrix where trees are large."""

    def __init__(
        self, prepared: _Prepared, found: Sequence[trees.Tree], walk: Callable[[Reals], Reals], log_odds: float | None
    ) -> None:
        self._prepared, self._walk = prepared, walk
        self._bias, self._is_log_odds = log_odds or 0.0, log_odds is not None
        self._ensemble = Ensemble(found, prepared.sources, _FEATURES)

    def scores(self, block: FlowBlock) -> Reals:
        inputs = self._prepared.inputs(block)
        if not self._ensemble.is_fast:
            return self._walk(inputs.matrix())
        totals = self._bias + self._ensemble.totals(inputs)
        return _probability(totals) if self._is_log_odds else totals

    def taken_apart(self, block: FlowBlock) -> Scored | None:
        bias, parts = self._ensemble.parts(self._prepared.inputs(block))
        unit = "log-odds" if self._is_log_odds else "probability"
        return Scored(unit, self._bias + bias, parts, self._bias + bias + parts.sum(axis=1))


class _Linear:
    """Logistic regression behind its preparation."""

    def __init__(self, prepared: _Prepared, weights: Reals, bias: float) -> None:
        self._prepared, self._weights, self._bias = prepared, weights, bias

    def scores(self, block: FlowBlock) -> Reals:
        # Column by column: a product of matrices would add in another order for another number of rows.
        inputs = self._prepared.inputs(block)
        total = np.full(len(block), self._bias)
        for column, weight in enumerate(self._weights):
            total += weight * inputs.values(column)
        return _probability(total)

    def taken_apart(self, block: FlowBlock) -> Scored | None:
        weighed = self._prepared.inputs(block).matrix() * self._weights
        parts = np.zeros((len(block), _FEATURES))
        for column, source in enumerate(self._prepared.sources):
            parts[:, source.feature] += weighed[:, column]
        return Scored("log-odds", self._bias, parts, self._bias + parts.sum(axis=1))


class _Surprise:
    """A tree of benign columns; its largest terms are its score."""

    def __init__(self, tree: SurpriseTree) -> None:
        self._largest = tree.largest
        self._edges = tree.edges_
        self._place_of_word = [
            np.array([_place(known, word) for word in words]) for known, words in zip(tree.words_, WORDS, strict=True)
        ]
        self._terms = [
            (int(column), int(parent), table.shape[1], np.ascontiguousarray(table).ravel())
            for column, parent, table in zip(tree.columns_, tree.parents_, tree.tables_, strict=True)
        ]

    def scores(self, block: FlowBlock) -> Reals:
        # A sort of three by hand: the largest stay, column by column, in the same order for any number of rows.
        if self._largest != 3:
            kept: Reals = self._kept(self._all_terms(block)).sum(axis=1)
            return kept
        first, second, third = (np.full(len(block), -np.inf) for _ in range(3))
        for term in self._all_terms(block):
            smaller = np.minimum(first, term)
            np.maximum(first, term, out=first)
            smallest = np.minimum(second, smaller)
            np.maximum(second, smaller, out=second)
            np.maximum(third, smallest, out=third)
        made: Reals = first + second + third
        return made

    def taken_apart(self, block: FlowBlock) -> Scored | None:
        parts = self._kept(self._all_terms(block))
        return Scored("nats", 0.0, parts, parts.sum(axis=1))

    def _all_terms(self, block: FlowBlock) -> Reals:
        """(columns, rows), in the order of the features."""
        places = self._places(block)
        made = np.empty((len(places), len(block)))
        for column, parent, width, table in self._terms:
            np.take(table, places[parent] * width + places[column], out=made[column])
        return made

    def _kept(self, terms: Reals) -> Reals:
        """(rows, columns): the largest terms of every row, and nothing for the others."""
        order = np.argsort(-terms.T, axis=1, kind="stable")[:, : self._largest]
        made = np.zeros(terms.T.shape)
        np.put_along_axis(made, order, np.take_along_axis(terms.T, order, axis=1), axis=1)
        return made

    def _places(self, block: FlowBlock) -> list[NDArray[np.intp]]:
        numbers = block.numbers.T
        made = []
        for column, edges in zip(numbers, self._edges, strict=True):
            place = np.searchsorted(edges, column, side="right")
            place[np.isnan(column)] = len(edges) + 1
            made.append(place)
        made += [places[codes] for places, codes in zip(self._place_of_word, block.codes.T, strict=True)]
        return made


class _Prepared:
    """What a fitted pipeline makes of flows, column by column.

    Raises:
        _MixedError: some of its columns are made of several features.
    """

    def __init__(self, pipeline: Any, *, as_float32: bool) -> None:
        self._as_float32 = as_float32
        first, *others = [step for _, step in pipeline.steps]
        self._steps = _number_steps(first.named_transformers_["numbers"])
        sources = [Source(feature) for feature in range(_NUMBERS)]
        sources += _one_hot(first.named_transformers_["categories"])
        for step in others:
            sources = [sources[place] for place in _chosen(step)]
        self.sources = tuple(sources)

    def inputs(self, block: FlowBlock) -> _Inputs:
        """The columns of a block."""
        return _Inputs(self, block)

    def number(self, feature: int, raw: Reals) -> Reals:
        """One number as the pipeline makes it."""
        made = self._steps.applied(feature, raw)
        return made.astype(np.float32).astype(np.float64) if self._as_float32 else made


class _Inputs:
    """The prepared columns of one block, made as they are asked for."""

    def __init__(self, prepared: _Prepared, block: FlowBlock) -> None:
        self._prepared, self._block = prepared, block

    def values(self, column: int) -> Reals:
        feature, by_code = self._prepared.sources[column]
        if by_code is None:
            return self._prepared.number(feature, self._block.numbers[:, feature])
        return by_code[self._block.codes[:, feature - _NUMBERS]]

    def codes(self, feature: int) -> Codes:
        return self._block.codes[:, feature - _NUMBERS]

    def matrix(self) -> Reals:
        return np.column_stack([self.values(column) for column in range(len(self._prepared.sources))])


class _NumberSteps(NamedTuple):
    """What is done to each number, in this order."""

    missing: Reals
    low: Reals
    high: Reals
    is_logarithm: NDArray[np.bool_]
    centre: Reals
    scale: Reals

    def applied(self, feature: int, raw: Reals) -> Reals:
        made: Reals = np.where(np.isfinite(raw), raw, self.missing[feature])
        if np.isfinite(self.low[feature]):
            made = np.clip(made, self.low[feature], self.high[feature])
        if self.is_logarithm[feature]:
            made = np.log1p(np.maximum(made, 0.0))
        return np.asarray((made - self.centre[feature]) / self.scale[feature], np.float64)


class _MixedError(Exception):
    """A column is made of several features: such a pipeline is used as it is."""


def _member(member: Any) -> LiveMember:
    if isinstance(member, Surprise):
        return _Surprise(member.tree)
    if not isinstance(member, Classifier):
        return _Plain(member)
    estimator = member.estimator
    kind = type(estimator).__name__
    try:
        prepared = _Prepared(member.pipeline, as_float32=kind == "RandomForestClassifier")
    except _MixedError:
        return _Plain(member)
    if kind == "RandomForestClassifier":
        return _forest(prepared, estimator)
    if kind == "HistGradientBoostingClassifier":
        return _boosting(prepared, estimator)
    if kind == "LogisticRegression":
        return _Linear(prepared, estimator.coef_[0], float(estimator.intercept_[0]))
    return _Plain(member)


def _forest(prepared: _Prepared, estimator: Any) -> LiveMember:
    def walk(matrix: Reals) -> Reals:
        narrow = matrix.astype(np.float32)
        total = np.zeros(len(matrix))
        for each in estimator.estimators_:
            total += each.tree_.predict(narrow)[:, 1]
        return total / len(estimator)

    return _Trees(prepared, trees.of_forest(estimator), walk, None)


def _boosting(prepared: _Prepared, estimator: Any) -> LiveMember:
    def walk(matrix: Reals) -> Reals:
        return np.asarray(estimator.predict_proba(matrix)[:, 1], np.float64)

    bias = float(np.ravel(estimator._baseline_prediction)[0])
    return _Trees(prepared, trees.of_boosting(estimator), walk, bias)


def _number_steps(pipeline: Any) -> _NumberSteps:
    steps = dict(pipeline.steps)
    if "interactions" in steps:
        raise _MixedError
    low, high = np.full(_NUMBERS, -np.inf), np.full(_NUMBERS, np.inf)
    if "clip" in steps:
        low, high = steps["clip"].low_, steps["clip"].high_
    is_logarithm = np.zeros(_NUMBERS, bool)
    is_logarithm[steps["logarithm"].columns_] = True
    centre, scale = np.zeros(_NUMBERS), np.ones(_NUMBERS)
    if "scale" in steps:
        scaler = steps["scale"]
        centre, scale = scaler.center_ if hasattr(scaler, "center_") else scaler.mean_, scaler.scale_
    return _NumberSteps(steps["impute"].statistics_, low, high, is_logarithm, centre, scale)


def _one_hot(encoder: Any) -> list[Source]:
    """The columns of one category follow from its code alone: what becomes of each word is tried out."""
    usual = [words[0] for words in WORDS]
    made: dict[int, Source] = {}
    width = 0
    for place, words in enumerate(WORDS):
        rows = np.array([[*usual[:place], word, *usual[place + 1 :]] for word in words], dtype=object)
        found = encoder.transform(rows)
        width = found.shape[1]
        for varied in np.flatnonzero(np.ptp(found, axis=0)):
            made[int(varied)] = Source(_NUMBERS + place, found[:, varied])
    # A column that no word changes is the same for all flows, whichever feature it is put down to.
    constant = encoder.transform(np.array([usual], dtype=object))[0]
    return [made.get(column) or Source(_NUMBERS, np.full(len(WORDS[0]), constant[column])) for column in range(width)]


def _chosen(step: Any) -> list[int]:
    """The places of the columns that a step keeps."""
    if hasattr(step, "get_support"):
        return [int(place) for place in step.get_support(indices=True)]
    if type(step).__name__ == "DropCorrelated":
        return [int(place) for place in step.columns_]
    raise _MixedError


def _place(known: NDArray[np.str_], word: str) -> int:
    found = np.flatnonzero(known == word)
    return int(found[0]) if len(found) else len(known)


def _probability(log_odds: Reals) -> Reals:
    made: Reals = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -_STEEPEST, _STEEPEST)))
    return made


def _probes() -> FlowBlock:
    rng = np.random.default_rng(0)
    numbers = np.exp(rng.normal(3.0, 4.0, (_PROBES, _NUMBERS)))
    numbers[:, FLOW.numbers.index("recent_failed") :] = rng.random((_PROBES, 5))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    codes = np.column_stack([rng.integers(0, len(words), _PROBES) for words in WORDS])
    return FlowBlock(numbers, codes.astype(np.int16))
