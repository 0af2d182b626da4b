"""Owns quantum walks on the network, computed exactly on a classical machine with NumPy and SciPy alone.

Both walks are simulated without a quantum computer and claim no speed-up: they are other measures of closeness than a
random walk, and worth what the comparison on the same graph says (:mod:`pandora_core.quantum.walks.network`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import jv

Floats = NDArray[Any]
"""Real numbers in the precision that was asked for."""

Precision = Literal["float64", "float32"]

TIMES = np.linspace(50 / 64, 50, 64)
"""When the time average is taken: 64 moments up to 50, in units of one over the adjacency's greatest eigenvalue."""

SZEGEDY_STEPS = 64
DAMPING = 0.85

_DROPPED: dict[Precision, tuple[float, float]] = {"float64": (1e-12, 1e-11), "float32": (1e-8, 1e-5)}
"""By precision: Chebyshev coefficients, and singular values of their average, that are too small to matter."""

_COLUMNS = 256
"""Nodes that are averaged at once. A product with so few columns is too small for OpenBLAS to share among threads: on
a busy machine these wait for each other, which took ten times as long as all else together."""


class QuantumWalk:
    """The continuous-time quantum walk exp(−iHt) on a graph (Farhi and Gutmann, Phys. Rev. A 58, 915, 1998).

    H is the normalised adjacency D^−½ A D^−½ of the graph without directions. Its spectrum lies in [−1, 1], so the
    Chebyshev expansion exp(−iHt) = Σ (2 − δ_k0)(−i)^k J_k(t) T_k(H) (Tal-Ezer and Kosloff, J. Chem. Phys. 81, 3967,
    1984) needs about t + 30 real products with H, shared by all times. ``float32`` halves memory and is good to 1e-7.
    """

    def __init__(self, adjacency: sp.csr_array | sp.csr_matrix, precision: Precision = "float64") -> None:
        """``adjacency`` is square with weights ≥ 0; directions are dropped by adding the transpose."""
        self.precision = precision
        self.hamiltonian = normalised(adjacency).astype(precision)

    def average(self, start: ArrayLike | None = None, times: Floats = TIMES) -> Floats:
        """The chance to find the walker at each node, averaged over ``times``.

        ``start`` is a node's number, or the weights ≥ 0 of the nodes over which it is spread in superposition; all
        alike if not given. With K terms and n nodes, K·n numbers are held.

        The average is a quadratic form in the Chebyshev vectors; even ones are real, odd ones imaginary. Its singular
        vectors need about a third of the columns that one per time would.
        """
        terms, mixtures = _mixtures(tuple(float(at) for at in times), self.precision)
        vectors = self._vectors(start, terms)
        average = np.zeros(vectors.shape[1], dtype=self.precision)
        for parity, mix in enumerate(mixtures):
            for column in range(0, vectors.shape[1], _COLUMNS):
                mixed = mix @ vectors[parity::2, column : column + _COLUMNS]
                average[column : column + _COLUMNS] += np.einsum("ij,ij->j", mixed, mixed)
        return average

    def spread(self, start: ArrayLike, times: Floats = TIMES) -> Floats:
        """The chance to find the walker at each node (columns) at each time (rows)."""
        coefficients = _coefficients(times, _DROPPED[self.precision][0])
        vectors = self._vectors(start, len(coefficients))
        parts = (_signed(coefficients[parity::2]).T @ vectors[parity::2] for parity in (0, 1))
        spread: Floats = sum((part**2 for part in parts), np.zeros((len(times), vectors.shape[1])))
        return spread

    def _vectors(self, start: ArrayLike | None, terms: int) -> Floats:
        """T_k(H)·start in rows, by the recurrence T_k = 2 H T_{k−1} − T_{k−2}."""
        hamiltonian = self.hamiltonian
        vectors = np.zeros((max(terms, 2), hamiltonian.shape[0]), dtype=self.precision)
        vectors[0] = _amplitudes(start, hamiltonian.shape[0])
        vectors[1] = hamiltonian @ vectors[0]
        for term in range(2, terms):
            row = hamiltonian @ vectors[term - 1]
            row *= 2
            np.subtract(row, vectors[term - 2], out=vectors[term])
        return vectors[:terms]


class SzegedyWalk:
    """Szegedy's walk of a Google matrix: quantum PageRank (Paparo and Martin-Delgado, Sci. Rep. 2, 444, 2012).

    The Google matrix G = d·P + (1 − d)/n has every arc, the walk's space n² dimensions. But away from the arcs of P
    all amplitudes have the form u_j + w_k through all steps: they begin so, and reflection and swap keep it. So a
    step costs O(arcs + n) and is exact.
    """

    def __init__(self, adjacency: sp.csr_array | sp.csr_matrix, damping: float = DAMPING) -> None:
        """``adjacency[j, k]`` ≥ 0 is the weight of the arc from j to k; a node without arcs leads everywhere."""
        weights = sp.csr_array(adjacency, dtype=np.float64)
        self.size = size = weights.shape[0]
        both = sp.coo_array(sp.csr_array(weights + weights.T))
        kept = both.coords[0] != both.coords[1]
        self._from = np.concatenate([both.coords[0][kept], np.arange(size)])
        self._to = np.concatenate([both.coords[1][kept], np.arange(size)])
        order = np.lexsort((self._to, self._from))
        self._from, self._to = self._from[order], self._to[order]
        self._back = np.lexsort((self._from, self._to))
        out = np.asarray(weights.sum(axis=1)).ravel()
        chance = np.asarray(weights[self._from, self._to]).ravel() / np.where(out > 0, out, 1)[self._from]
        chance[(out == 0)[self._from]] = 1 / size
        self._elsewhere = np.sqrt(np.where(out > 0, 1 - damping, 1) / size)
        self._root = np.sqrt(damping * chance + (1 - damping) / size)
        self._arcs = np.bincount(self._from, minlength=size)

    def average(self, start: ArrayLike | None = None, steps: int = SZEGEDY_STEPS) -> Floats:
        """The chance of each node in the second register, averaged over 0, 2, … 2·(steps − 1) steps of the walk.

        ``start`` is a node's number or weights over the nodes; uniform if not given, as for quantum PageRank.
        """
        states = self._states(_amplitudes(start, self.size))
        average: Floats = np.mean([self._chances(*next(states)) for _ in range(steps)], axis=0)
        return average

    def _states(self, start: Floats) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Amplitudes on the arcs, and u and w elsewhere, after each double step."""
        arcs, along, across = self._root * start[self._from], self._elsewhere * start, np.zeros(self.size)
        while True:
            yield arcs, along, across
            for _ in range(2):
                arcs, along, across = self._step(arcs, along, across)

    def _step(self, arcs: Floats, along: Floats, across: Floats) -> tuple[Floats, Floats, Floats]:
        """Swap ∘ (2Π − 1). Elsewhere √G_jk is a c_j: reflected it is 2·c_j·a_j − u_j − w_k, and the swap turns it."""
        size = self.size
        on_arcs = np.bincount(self._from, self._root * arcs, size)
        near = np.bincount(self._from, across[self._to], size)
        overlap = on_arcs + self._elsewhere * ((size - self._arcs) * along + across.sum() - near)
        reflected = 2 * self._root * overlap[self._from] - arcs
        return reflected[self._back], -across, 2 * self._elsewhere * overlap - along

    def _chances(self, arcs: Floats, along: Floats, across: Floats) -> Floats:
        size = self.size
        near, near_squared = (np.bincount(self._from, power[self._to], size) for power in (along, along**2))
        away, away_squared = along.sum() - near, (along**2).sum() - near_squared
        elsewhere = away_squared + 2 * across * away + (size - self._arcs) * across**2
        chances: Floats = np.bincount(self._to, arcs**2, size) + elsewhere
        return chances


def neighbourhood(adjacency: sp.csr_array | sp.csr_matrix, centre: int, limit: int = 16) -> NDArray[np.int64]:
    """The numbers of at most ``limit`` nodes to which the walk from ``centre`` comes most, itself first."""
    chances = QuantumWalk(adjacency).average(centre)
    order = np.argsort(-chances, kind="stable")
    near: NDArray[np.int64] = np.concatenate([[centre], order[(order != centre) & (chances[order] > 0)]])[:limit]
    return near


def normalised(adjacency: sp.csr_array | sp.csr_matrix) -> sp.csr_array:
    """D^−½ (A + Aᵀ) D^−½ without loops, spectrum in [−1, 1]; rows of nodes without neighbours are empty."""
    weights = sp.csr_array(adjacency, dtype=np.float64)
    weights = sp.csr_array(weights + weights.T)
    if np.any(weights.diagonal()):
        weights.setdiag(0)
        weights.eliminate_zeros()
    degree = np.asarray(weights.sum(axis=1)).ravel()
    scale = 1 / np.sqrt(np.where(degree > 0, degree, 1))
    weights.data *= np.repeat(scale, np.diff(weights.indptr)) * scale[weights.indices]
    return weights


def _amplitudes(start: ArrayLike | None, size: int) -> Floats:
    weights = np.ones(size) if start is None else np.asarray(start, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.bincount([int(weights)], minlength=size).astype(np.float64)
    amplitudes: Floats = np.sqrt(weights / weights.sum())
    return amplitudes


def _coefficients(times: Floats, small: float) -> Floats:
    """2·J_k(t) for k in rows and t in columns (J_0 once), down to the last row that matters."""
    latest = float(np.max(times, initial=0.0))
    orders = np.arange(int(latest + 10 * np.cbrt(latest) + 32))
    coefficients = 2 * jv(orders[:, None], np.asarray(times)[None, :])
    coefficients[0] /= 2
    kept: Floats = coefficients[: int(np.flatnonzero(np.abs(coefficients).max(axis=1) > small)[-1]) + 1]
    return kept


def _signed(coefficients: Floats) -> Floats:
    """With the signs of (−i)^k within one parity: alternating."""
    signed: Floats = coefficients * np.where(np.arange(len(coefficients)) % 2, -1, 1)[:, None]
    return signed


@lru_cache(maxsize=8)
def _mixtures(times: tuple[float, ...], precision: Precision) -> tuple[int, tuple[Floats, Floats]]:
    """How many Chebyshev terms the time average needs, and what to multiply the even and the odd ones with."""
    small_coefficient, small_singular = _DROPPED[precision]
    coefficients = _coefficients(np.array(times), small_coefficient)
    even, odd = (_mixture(coefficients[parity::2], small_singular).astype(precision) for parity in (0, 1))
    return len(coefficients), (even, odd)


def _mixture(coefficients: Floats, small: float) -> Floats:
    """Rows whose products with the Chebyshev vectors, squared and summed, are the time average."""
    if not len(coefficients):
        return np.zeros((0, 0))
    left, singular, _ = np.linalg.svd(_signed(coefficients) / np.sqrt(coefficients.shape[1]), full_matrices=False)
    kept = singular > small
    return np.ascontiguousarray((left[:, kept] * singular[kept]).T)
