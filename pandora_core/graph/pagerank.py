"""Owns the classical walk: PageRank and its personalised form, by power iteration on sparse matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[Any]

DAMPING = 0.85
_CLOSE = 1e-10
_MAX_STEPS = 500


class RandomWalk:
    """A walker who follows arcs by weight and, with a chance of 1 − ``damping`` a step, begins anew.

    PageRank where it begins anywhere (Page et al., 1999), personalised where it begins at given nodes (Haveliwala,
    2002). From a node without arcs it begins anew.
    """

    def __init__(self, adjacency: sp.csr_array, damping: float = DAMPING) -> None:
        weights = sp.csr_array(adjacency, dtype=np.float64)
        out = np.asarray(weights.sum(axis=1)).ravel()
        self.size = weights.shape[0]
        self._damping = damping
        self._ends = out <= 0
        self._step = sp.csr_array(weights.T @ sp.diags_array(1 / np.where(self._ends, 1, out)))

    def average(self, start: ArrayLike | None = None) -> Floats:
        """Where the walker is in the long run, to 1e-10 in sum.

        ``start`` is a node's number or weights ≥ 0 over the nodes; uniform if not given.
        """
        begin = _chances(np.ones(self.size) if start is None else start, self.size)
        chances: Floats = begin
        for _ in range(_MAX_STEPS):
            following: Floats = self._damping * (self._step @ chances + chances[self._ends].sum() * begin)
            following += (1 - following.sum()) * begin
            if np.abs(following - chances).sum() < _CLOSE:
                return following
            chances = following
        return chances


class UndirectedWalk(RandomWalk):
    """The random walk on the graph that the continuous-time quantum walk sees: without directions and loops."""

    def __init__(self, adjacency: sp.csr_array, damping: float = DAMPING) -> None:
        weights = sp.csr_array(adjacency + adjacency.T, dtype=np.float64)
        weights.setdiag(0)
        weights.eliminate_zeros()
        super().__init__(weights, damping)


def _chances(start: ArrayLike, size: int) -> Floats:
    weights = np.asarray(start, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.bincount([int(weights)], minlength=size).astype(np.float64)
    chances: Floats = weights / weights.sum()
    return chances
