"""Owns the model of how benign columns depend on each other, and how surprising a row is to it. NumPy alone.

Columns are cut into bins and joined by the Chow–Liu tree: the tree-shaped distribution that is nearest to the data
(Chow and Liu, IEEE Trans. Information Theory 14, 1968). A column's surprise is -ln P(value | value of its parent),
and a row's is the sum of its few largest, since an attack shows in a few columns while the many others are ordinary.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.table import Cells, Reals, Words

_STRUCTURE_ROWS = 20_000
_FEW_A_ROW = 4
"""So many possible codes for each row are counted in one table; for more, only those that there are."""

_SMOOTHING = 2.0
"""Weight of the column's own distribution in each conditional one, as so many rows."""


class Edge(NamedTuple):
    """A column and the one it depends on; the root depends on itself."""

    column: int
    parent: int


class TreeState(msgspec.Struct, frozen=True):
    """A fitted tree as plain data: borders of the bins, known words, edges in order, and a table of each edge."""

    largest: int
    edges: tuple[tuple[float, ...], ...]
    words: tuple[tuple[str, ...], ...]
    pairs: tuple[Edge, ...]
    tables: tuple[tuple[tuple[float, ...], ...], ...]


class SurpriseTree:
    """Fitted on benign rows; larger scores are more surprising. Scores are sums of nats, so they add."""

    def __init__(self, numbers: int, *, bins: int = 24, largest: int = 3) -> None:
        """The first ``numbers`` columns are numbers, the others words."""
        self.numbers = numbers
        self.bins = bins
        self.largest = largest

    def fit(self, cells: Cells) -> Self:
        self._learn_bins(cells)
        codes = self._codes(cells)
        pairs = _tree(_mutual_information(codes[:: max(1, len(codes) // _STRUCTURE_ROWS)], self.sizes_))
        self.columns_ = np.array([edge.column for edge in pairs])
        self.parents_ = np.array([edge.parent for edge in pairs])
        self.tables_ = [_conditional(codes, edge, self.sizes_) for edge in pairs]
        return self

    def scores(self, cells: Cells) -> Reals:
        """The sum of every row's largest surprises."""
        terms = self.terms(cells)
        few = min(self.largest, terms.shape[1])
        made: Reals = np.partition(terms, terms.shape[1] - few, axis=1)[:, -few:].sum(axis=1)
        return made

    def terms(self, cells: Cells) -> Reals:
        """Every column's surprise in every row: what a score can be taken apart into."""
        codes = self._codes(cells)
        made = np.empty(codes.shape)
        for column, parent, table in zip(self.columns_, self.parents_, self.tables_, strict=True):
            made[:, column] = table[codes[:, parent], codes[:, column]]
        return made

    def parent_of(self, column: int) -> int:
        """The column that a column's surprise is conditional on; the root's is itself."""
        return int(self.parents_[int(np.flatnonzero(self.columns_ == column)[0])])

    def state(self) -> TreeState:
        """What a fitted tree learned."""
        return TreeState(
            self.largest,
            tuple(tuple(each.tolist()) for each in self.edges_),
            tuple(tuple(each.tolist()) for each in self.words_),
            tuple(Edge(int(c), int(p)) for c, p in zip(self.columns_, self.parents_, strict=True)),
            tuple(tuple(tuple(row) for row in table.tolist()) for table in self.tables_),
        )

    @classmethod
    def of(cls, state: TreeState) -> Self:
        """The tree that a state was taken of."""
        made = cls(len(state.edges), largest=state.largest)
        made.edges_ = [np.array(each) for each in state.edges]
        made.words_ = [np.array(each, np.str_) for each in state.words]
        made.sizes_ = _sizes(made.edges_, made.words_)
        made.columns_ = np.array([edge.column for edge in state.pairs])
        made.parents_ = np.array([edge.parent for edge in state.pairs])
        made.tables_ = [np.array(table) for table in state.tables]
        return made

    def _learn_bins(self, cells: Cells) -> None:
        values = np.asarray(cells[:, : self.numbers], np.float64)
        self.edges_ = [_edges(column, self.bins) for column in values.T]
        self.words_ = [np.unique(column.astype(np.str_)) for column in cells[:, self.numbers :].T]
        self.sizes_ = _sizes(self.edges_, self.words_)

    def _codes(self, cells: Cells) -> NDArray[np.intp]:
        made = np.empty(cells.shape, np.intp)
        for place, edges in enumerate(self.edges_):
            values = cells[:, place].astype(np.float64)
            made[:, place] = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        for place, known in enumerate(self.words_, start=self.numbers):
            words = cells[:, place].astype(np.str_)
            found = np.minimum(np.searchsorted(known, words), len(known) - 1)
            made[:, place] = np.where(known[found] == words, found, len(known))
        return made


def _sizes(edges: list[Reals], words: list[Words]) -> NDArray[np.int_]:
    """Codes of every column: a bin of its own for what is missing, a code of its own for a word unseen."""
    return np.array([len(each) + 2 for each in edges] + [len(each) + 1 for each in words])


def _edges(values: Reals, bins: int) -> Reals:
    """Borders at quantiles, and one at each end of what was seen: beyond lies what no benign row has."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return np.zeros(0)
    inner = np.quantile(seen, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    margin = 1e-9 * max(1.0, float(np.abs(seen).max()))
    return np.unique([seen.min() - margin, seen.min() + margin, *inner, seen.max() + margin])


def _mutual_information(codes: NDArray[np.intp], sizes: NDArray[np.int_]) -> Reals:
    """Of every pair of columns, in nats: what the entropies of both come to beyond that of the pair."""
    columns = list(np.ascontiguousarray(codes.T))
    alone = [_entropy(column, size) for column, size in zip(columns, sizes.tolist(), strict=True)]
    made = np.diag(alone)
    for first, column in enumerate(columns):
        for second in range(first):
            both = _entropy(column * sizes[second] + columns[second], int(sizes[first] * sizes[second]))
            made[first, second] = made[second, first] = alone[first] + alone[second] - both
    return made


def _entropy(codes: NDArray[np.intp], size: int) -> float:
    """Of codes below ``size``, in nats."""
    counts = np.bincount(codes) if size < _FEW_A_ROW * len(codes) else np.unique(codes, return_counts=True)[1]
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * np.log(shares)).sum())


def _tree(weights: Reals) -> list[Edge]:
    """The spanning tree of greatest weight (Prim), parents before children."""
    root = int(weights.sum(axis=1).argmax())
    best, via = weights[root].copy(), np.full(len(weights), root)
    best[root] = -np.inf
    edges = [Edge(root, root)]
    for _ in range(len(weights) - 1):
        column = int(best.argmax())
        edges.append(Edge(column, int(via[column])))
        best[column] = -np.inf
        done = [edge.column for edge in edges]
        better = weights[column] > best
        better[done] = False
        best[better], via[better] = weights[column][better], column
    return edges


def _conditional(codes: NDArray[np.intp], edge: Edge, sizes: NDArray[np.int_]) -> Reals:
    """-ln P(column | parent), smoothed towards the column's own distribution where the parent's value is rare."""
    own = np.bincount(codes[:, edge.column], minlength=sizes[edge.column]) + 0.5
    share = own / own.sum()
    if edge.column == edge.parent:
        return np.tile(-np.log(share), (sizes[edge.column], 1))
    places = codes[:, edge.parent] * sizes[edge.column] + codes[:, edge.column]
    counts = np.bincount(places, minlength=sizes[edge.parent] * sizes[edge.column])
    joint = counts.reshape(sizes[edge.parent], sizes[edge.column])
    made: Reals = -np.log((joint + _SMOOTHING * share) / (joint.sum(axis=1, keepdims=True) + _SMOOTHING))
    return made
