"""Owns ensembles of decision trees in a form that scores many rows at once and takes a score apart. NumPy alone.

Small trees are scored by bit masks, after QuickScorer (Lucchese et al., SIGIR 2015): a test that fails strikes out
the leaves of its left branch, and the first leaf that is left is where the row ends. What a column's value strikes
out is looked up for all trees at once, so a row costs one look-up a column and no walk. Leaf values are integers of a
fixed point: their sum is the same in every order, so a row scores in any batch as it does alone, and the parts that a
score is taken apart into sum to it exactly.

The parts follow the path of a row (Saabas, 2014): each test on it is given the difference between the mean of the
training rows before it and after it. That is exact, and tells how *this* model came to *this* score; it does not
share fairly between columns that say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.table import Indices, Reals

MOST_LEAVES = 64
"""Of a tree that is scored by masks: as many as a word has bits."""

_ONE = float(1 << 40)
_CHUNK_WORDS = 1 << 16

Integers = NDArray[np.int64]
Masks = NDArray[np.uint64]


class Tree(NamedTuple):
    """One tree, its root first. A row goes left where its column is at most the threshold; a leaf has no left."""

    column: Indices
    threshold: Reals
    left: Indices
    right: Indices
    value: Reals
    """Of a leaf what it adds to the score, of any other node the mean of the training rows below."""

    @property
    def leaves(self) -> int:
        return int((self.left < 0).sum())


class Inputs(Protocol):
    """The columns that trees test, of many rows: some are numbers, some follow from a code alone."""

    def values(self, column: int) -> Reals:
        """A column's values."""
        ...

    def codes(self, feature: int) -> NDArray[np.int16]:
        """The codes of a feature that is a category."""
        ...

    def matrix(self) -> Reals:
        """All columns side by side."""
        ...


class Source(NamedTuple):
    """Where a column comes from: a feature, and for one made of a category its value for each of the codes."""

    feature: int
    by_code: Reals | None = None


class Parts(NamedTuple):
    """Scores taken apart: ``bias`` plus the sum of a row of ``parts`` (rows, features) is what that row came to."""

    bias: float
    parts: Reals


def of_forest(estimator: Any) -> list[Tree]:
    """The trees of a fitted scikit-learn forest of two classes; their mean is the probability of the second."""
    made = []
    for each in estimator.estimators_:
        tree = each.tree_
        shares = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
        made.append(
            Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, shares / len(estimator))
        )
    return made


def of_boosting(estimator: Any) -> list[Tree]:
    """The trees of a fitted HistGradientBoostingClassifier of two classes; their sum is in log-odds.

    It keeps no means of inner nodes at the scale of the leaves, so these are made of the leaves below.
    """
    made = []
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        left, right = (np.where(is_leaf, -1, nodes[side].astype(np.intp)) for side in ("left", "right"))
        value, count = nodes["value"].astype(np.float64), nodes["count"].astype(np.float64)
        for node in np.flatnonzero(~is_leaf)[::-1]:  # children come after their parents
            pair = [left[node], right[node]]
            value[node] = np.average(value[pair], weights=count[pair])
        made.append(Tree(nodes["feature_idx"].astype(np.intp), nodes["num_threshold"], left, right, value))
    return made


class Ensemble:
    """Trees whose values add up, over columns that come from few features."""

    def __init__(self, trees: Sequence[Tree], sources: Sequence[Source], features: int) -> None:
        self._features = features
        sizes = [len(tree.column) for tree in trees]
        self._roots: Indices = np.cumsum([0, *sizes[:-1]])
        self._all = _joined(trees, self._roots)
        self._feature_of: Indices = np.array([source.feature for source in sources])
        self._values: Integers = np.round(self._all.value * _ONE).astype(np.int64)
        is_small = max(tree.leaves for tree in trees) <= MOST_LEAVES
        self._masked = _Masked.of(trees, sources, self._values, self._roots) if is_small else None

    @property
    def is_fast(self) -> bool:
        """Whether all trees are small enough for masks."""
        return self._masked is not None

    def totals(self, inputs: Inputs) -> Reals:
        """The sum over all trees, of every row."""
        summed = self._walked(inputs.matrix()) if self._masked is None else self._masked.totals(inputs)
        made: Reals = summed / _ONE
        return made

    def parts(self, inputs: Inputs) -> Parts:
        """Every row's total as a bias and what each feature added on the row's paths."""
        matrix = inputs.matrix()
        parts = np.zeros((len(matrix), self._features), np.int64)
        self._walked(matrix, parts)
        return Parts(float(self._values[self._roots].sum()) / _ONE, parts / _ONE)

    def _walked(self, matrix: Reals, parts: Integers | None = None) -> Integers:
        """All rows down all trees, a level at a time."""
        trees = self._all
        at = np.repeat(self._roots[None, :], len(matrix), axis=0)
        while (inner := trees.left[at] >= 0).any():
            row, tree = np.nonzero(inner)
            node = at[row, tree]
            column = trees.column[node]
            goes_left = matrix[row, column] <= trees.threshold[node]
            child = np.where(goes_left, trees.left[node], trees.right[node])
            if parts is not None:
                np.add.at(parts, (row, self._feature_of[column]), self._values[child] - self._values[node])
            at[row, tree] = child
        made: Integers = self._values[at].sum(axis=1)
        return made


class _Masked(NamedTuple):
    """For every feature that is tested: where its values are cut, and what each piece leaves of all trees."""

    features: list[int]
    columns: list[int]
    cuts: list[Reals | None]
    left: list[Masks]
    values: Integers
    """Of leaf l of tree t at 64 t + l."""

    @classmethod
    def of(cls, trees: Sequence[Tree], sources: Sequence[Source], values: Integers, roots: Indices) -> Self:
        made = cls([], [], [], [], np.zeros(MOST_LEAVES * len(trees), np.int64))
        tests = [_struck_out(tree) for tree in trees]
        for number, (tree, root) in enumerate(zip(trees, roots, strict=True)):
            leaves = _in_order(tree)
            made.values[MOST_LEAVES * number : MOST_LEAVES * number + len(leaves)] = values[root + leaves]
        used = np.unique(np.concatenate([tree.column[tree.left >= 0] for tree in trees]))
        for feature in sorted({sources[column].feature for column in used.tolist()}):
            own = [column for column in used.tolist() if sources[column].feature == feature]
            made._add(feature, own, trees, tests, sources)
        return made

    def totals(self, inputs: Inputs) -> Integers:
        places: list[Any] = [
            inputs.codes(feature) if cuts is None else np.searchsorted(cuts, inputs.values(column), side="left")
            for feature, column, cuts in zip(self.features, self.columns, self.cuts, strict=True)
        ]
        rows, trees = len(places[0]), len(self.values) // MOST_LEAVES
        step = max(1, _CHUNK_WORDS // trees)
        made = np.empty(rows, np.int64)
        for start in range(0, rows, step):
            made[start : start + step] = self._totals([place[start : start + step] for place in places])
        return made

    def _totals(self, places: list[Any]) -> Integers:
        alive = self.left[0].take(places[0], axis=0)
        looked_up = np.empty_like(alive)
        for place, left in zip(places[1:], self.left[1:], strict=True):
            alive &= np.take(left, place, axis=0, out=looked_up, mode="clip")
        first = alive & -alive
        # A power of two is exact as a float, and its logarithm stands in the exponent.
        leaf = (first.astype(np.float64).view(np.int64) >> 52) - 1023
        leaf += np.arange(0, len(self.values), MOST_LEAVES)
        made: Integers = self.values[leaf].sum(axis=1)
        return made

    def _add(
        self, feature: int, columns: list[int], trees: Sequence[Tree], tests: list[Masks], sources: Sequence[Source]
    ) -> None:
        by_code = sources[columns[0]].by_code
        cuts = None
        if by_code is None:
            cuts = np.unique(np.concatenate([tree.threshold[_tested(tree, columns)] for tree in trees]))
        pieces = len(cuts) + 1 if cuts is not None else len(by_code if by_code is not None else ())
        left = np.full((pieces, len(trees)), ~np.uint64(0))
        for number, (tree, struck) in enumerate(zip(trees, tests, strict=True)):
            for node in np.flatnonzero(_tested(tree, columns)):
                threshold, values = tree.threshold[node], sources[tree.column[node]].by_code
                if cuts is not None:
                    left[np.searchsorted(cuts, threshold) + 1 :, number] &= ~struck[node]
                elif values is not None:
                    left[values > threshold, number] &= ~struck[node]
        self.features.append(feature)
        self.columns.append(columns[0])
        self.cuts.append(cuts)
        self.left.append(left)


def _tested(tree: Tree, columns: list[int]) -> NDArray[np.bool_]:
    made: NDArray[np.bool_] = (tree.left >= 0) & np.isin(tree.column, columns)
    return made


def _joined(trees: Sequence[Tree], roots: Indices) -> Tree:
    """All trees as one table of nodes."""
    left, right = (
        np.concatenate([np.where(side < 0, -1, side + root) for side, root in zip(each, roots, strict=True)])
        for each in ([tree.left for tree in trees], [tree.right for tree in trees])
    )
    columns, thresholds, values = (
        np.concatenate([getattr(tree, name) for tree in trees]) for name in ("column", "threshold", "value")
    )
    return Tree(columns, thresholds, left, right, values)


def _in_order(tree: Tree) -> Indices:
    """The leaves from left to right."""
    found, open_ = [], [0]
    while open_:
        node = open_.pop()
        if tree.left[node] < 0:
            found.append(node)
        else:
            open_ += (int(tree.right[node]), int(tree.left[node]))
    return np.array(found, np.intp)


def _struck_out(tree: Tree) -> Masks:
    """Of every node the leaves of its left branch, as bits in the order of leaves."""
    below = [0] * len(tree.left)
    for bit, leaf in enumerate(_in_order(tree)):
        below[leaf] = 1 << bit
    order, open_ = [], [0]
    while open_:
        node = open_.pop()
        order.append(node)
        if tree.left[node] >= 0:
            open_ += (int(tree.left[node]), int(tree.right[node]))
    struck = np.zeros(len(tree.left), np.uint64)
    for node in reversed(order):
        if tree.left[node] >= 0:
            below[node] = below[tree.left[node]] | below[tree.right[node]]
            struck[node] = below[tree.left[node]]
    return struck
