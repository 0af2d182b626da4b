"""Owns the kernels: how alike two rows are, by the fidelity of their quantum states and by the classical controls.

A kernel *encodes* rows once (into statevectors, or into nothing at all) and compares encoded rows by matrix products.
All of it is exact simulation in NumPy: no shots and no noise, unless :func:`sample` adds shots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pandora_core.errors import ConfigError
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import Amplitudes, Reals

Encoded = NDArray[Any]

BUDGET_BYTES = 512 << 20
"""What streaming holds at a time, unless told otherwise."""


class Kernel(Protocol):
    """A positive semidefinite likeness with a unit diagonal."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def encode(self, x: Reals) -> Encoded:
        """What :meth:`between` compares, a row a row of ``x``."""

    def between(self, a: Encoded, b: Encoded) -> Reals:
        """The kernel of every encoded row of ``a`` with every one of ``b``: (len(a), len(b))."""

    def within(self, a: Encoded) -> Reals:
        """The same of ``a`` with itself: symmetric to the last bit, and 1 on the diagonal."""

    def row_bytes(self, features: int) -> int:
        """The memory that one encoded row takes."""


@dataclass(frozen=True, slots=True)
class FidelityKernel:
    """``|<a|b>|²`` of the states of a feature map. Simulated. ``single`` precision errs by about 1e-6 an entry."""

    feature_map: FeatureMap
    single: bool = False

    @property
    def name(self) -> str:
        made = self.feature_map
        text = f"fidelity q={made.qubits} reps={made.reps} {made.entanglement} bandwidth={made.bandwidth:g}"
        return text + " complex64" if self.single else text

    def encode(self, x: Reals) -> Amplitudes:
        return self.feature_map.states(x, np.complex64 if self.single else np.complex128)

    def between(self, a: Encoded, b: Encoded) -> Reals:
        # Conjugating either side gives the same square; the smaller one is copied. One event against many landmarks
        # would otherwise copy all of these every time.
        overlaps: Amplitudes = a.conj() @ b.T if len(a) < len(b) else a @ b.conj().T
        out: Reals = np.square(overlaps.real)
        out += np.square(overlaps.imag)
        return out

    def within(self, a: Encoded) -> Reals:
        """In real numbers, as BLAS computes one triangle of ``M @ M.T`` only: half the work of :meth:`between`."""
        parts = np.concatenate([a.real, a.imag], axis=1)
        real: Reals = parts @ parts.T
        crossed = parts[:, : a.shape[1]] @ parts[:, a.shape[1] :].T
        crossed = crossed - crossed.T
        np.square(real, out=real)
        real += np.square(crossed, out=crossed)
        np.fill_diagonal(real, 1.0)
        return real

    def row_bytes(self, features: int) -> int:
        return (8 if self.single else 16) << self.feature_map.qubits


@dataclass(frozen=True, slots=True)
class RbfKernel:
    """``exp(-gamma |a - b|²)``: a classical control."""

    gamma: float

    @property
    def name(self) -> str:
        return f"RBF gamma={self.gamma:g}"

    def encode(self, x: Reals) -> Reals:
        return np.atleast_2d(np.asarray(x, np.float64))

    def between(self, a: Encoded, b: Encoded) -> Reals:
        squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
        out: Reals = np.exp(-self.gamma * np.maximum(squares, 0))
        return out

    def within(self, a: Encoded) -> Reals:
        return _symmetric(self.between(a, a))

    def row_bytes(self, features: int) -> int:
        return 8 * features


@dataclass(frozen=True, slots=True)
class LaplacianKernel:
    """``exp(-gamma |a - b|₁)``: a classical control."""

    gamma: float

    @property
    def name(self) -> str:
        return f"Laplacian gamma={self.gamma:g}"

    def encode(self, x: Reals) -> Reals:
        return np.atleast_2d(np.asarray(x, np.float64))

    def between(self, a: Encoded, b: Encoded) -> Reals:
        total = np.zeros((len(a), len(b)))
        for left, right in zip(a.T, b.T, strict=True):
            difference = left[:, None] - right
            total += np.abs(difference, out=difference)
        return np.exp(np.multiply(total, -self.gamma, out=total), out=total)

    def within(self, a: Encoded) -> Reals:
        return _symmetric(self.between(a, a))

    def row_bytes(self, features: int) -> int:
        return 8 * features


class Block(NamedTuple):
    """Rows ``start`` to ``start + len(values)`` of a Gram matrix."""

    start: int
    values: Reals


def gram(kernel: Kernel, x: Reals, y: Reals | None = None) -> Reals:
    """The whole Gram matrix of ``x``, or of ``x`` against ``y``."""
    encoded = kernel.encode(x)
    return kernel.within(encoded) if y is None else kernel.between(encoded, kernel.encode(y))


def gram_blocks(
    kernel: Kernel, x: Reals, y: Reals | None = None, budget_bytes: int = BUDGET_BYTES
) -> Iterator[Block]:
    """The Gram matrix row block by row block, never more than about ``budget_bytes`` of it at a time.

    Where the states of ``y`` do not fit into half of that, they are made anew, piece by piece, for every block.
    """
    y = x if y is None else y
    each = kernel.row_bytes(y.shape[1])
    columns = max(64, min(len(y), budget_bytes // 2 // each))
    held = [kernel.encode(y)] if columns >= len(y) else None
    # The overlaps, their squares and the copy of the conjugate live beside each other.
    rows = max(1, min(len(x), budget_bytes // 2 // (40 * columns + 8 * len(y) + 2 * each)))
    for start in range(0, len(x), rows):
        encoded = kernel.encode(x[start : start + rows])
        pieces = held or (kernel.encode(y[at : at + columns]) for at in range(0, len(y), columns))
        yield Block(start, np.concatenate([kernel.between(encoded, piece) for piece in pieces], axis=1))


def weighted(kernel: Kernel, x: Reals, support: Encoded, weights: Reals, budget_bytes: int = BUDGET_BYTES) -> Reals:
    """``sum_j weights[j] K(x, support[j])`` for every row of ``x``, streamed: (rows,)."""
    rows = max(1, budget_bytes // (40 * len(support) + 3 * kernel.row_bytes(x.shape[1])))
    parts = [kernel.between(kernel.encode(x[at : at + rows]), support) @ weights for at in range(0, len(x), rows)]
    return np.concatenate(parts)


def sample(exact: Reals, shots: int, rng: np.random.Generator) -> Reals:
    """What compute–uncompute circuits would estimate with this many shots an entry, noise of the hardware aside.

    A square matrix is taken as a Gram matrix: every pair is measured once and the diagonal is known to be 1. The
    result need not be positive semidefinite: see :func:`nearest_psd`.
    """
    counts = rng.binomial(shots, np.clip(exact, 0.0, 1.0))
    estimate: Reals = counts / shots
    if exact.shape[0] == exact.shape[1]:
        upper = np.triu(estimate, 1)
        estimate = upper + upper.T
        np.fill_diagonal(estimate, 1.0)
    return estimate


class ShotFloor(NamedTuple):
    """What a number of shots can tell apart."""

    shots: int
    smallest: float
    """A kernel value below it gives no count at all in 1 of 20 runs or more (the rule of three: about 3 / shots)."""
    error: float
    """Root mean square error of the entries, sqrt(k (1 - k) / shots)."""
    lost: float
    """The share of the entries that are below ``smallest``."""


def shot_floor(exact: Reals, shots: int) -> ShotFloor:
    """How much of a Gram matrix disappears under shot noise; its diagonal, which is not measured, is left out."""
    square = exact.shape[0] == exact.shape[1]
    entries = exact[~np.eye(len(exact), dtype=bool)] if square else exact.ravel()
    smallest = 1.0 - 0.05 ** (1.0 / shots)
    error = float(np.sqrt(np.mean(entries * (1.0 - entries)) / shots)) if entries.size else 0.0
    return ShotFloor(shots, smallest, error, float(np.mean(entries < smallest)) if entries.size else 0.0)


def nearest_psd(matrix: Reals) -> Reals:
    """The symmetric matrix with its negative eigenvalues set to 0: the nearest one in the Frobenius norm."""
    values, vectors = np.linalg.eigh(_symmetric_part(matrix))
    made: Reals = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return _symmetric_part(made)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """A Nyström approximation: every row as a short vector whose dot products are about the kernel's values."""

    kernel: Kernel
    chosen: NDArray[np.intp]
    encoded: Encoded
    whitening: Reals
    residual: float
    """The mean of ``K(x, x)`` that the landmarks leave unexplained in the rows they were chosen from: 0 is exact."""

    def features(self, x: Reals) -> Reals:
        """(rows, landmarks): ``features(a) @ features(b).T`` is about ``K(a, b)``."""
        return self.kernel.between(self.kernel.encode(x), self.encoded) @ self.whitening


def landmarks(kernel: Kernel, x: Reals, count: int, rng: np.random.Generator) -> Landmarks:
    """Choose landmarks by randomly pivoted Cholesky (Chen, Epperly, Tropp & Webber, 2023): in proportion to what is
    yet unexplained, one kernel column each, so that ``count`` columns are computed of all of them.
    """
    encoded = kernel.encode(x)
    left, factor = np.ones(len(x)), np.zeros((len(x), count))
    chosen: list[int] = []
    for step in range(min(count, len(x))):
        if left.sum() < 1e-12 * len(x):
            break
        pivot = int(rng.choice(len(x), p=left / left.sum()))
        column = kernel.between(encoded, encoded[pivot : pivot + 1])[:, 0] - factor[:, :step] @ factor[pivot, :step]
        factor[:, step] = column / np.sqrt(max(left[pivot], 1e-15))
        left = np.maximum(left - factor[:, step] ** 2, 0.0)
        left[pivot] = 0.0
        chosen.append(pivot)
    points = encoded[chosen]
    return Landmarks(kernel, np.array(chosen), points, _inverse_root(kernel.within(points)), float(left.mean()))


def as_json(kernel: Kernel) -> dict[str, Any]:
    """A kernel's definition as plain data."""
    if isinstance(kernel, FidelityKernel):
        return {"kernel": "fidelity", "feature_map": kernel.feature_map.as_json(), "single": kernel.single}
    if isinstance(kernel, RbfKernel | LaplacianKernel):
        return {"kernel": "rbf" if isinstance(kernel, RbfKernel) else "laplacian"} | asdict(kernel)
    raise ConfigError(f"{type(kernel).__name__} has no plain form", where="kernel")


def from_json(data: dict[str, Any]) -> Kernel:
    """Reads what :func:`as_json` made."""
    kind = data.get("kernel")
    if kind == "fidelity":
        return FidelityKernel(FeatureMap.from_json(data["feature_map"]), bool(data["single"]))
    if kind in ("rbf", "laplacian"):
        return (RbfKernel if kind == "rbf" else LaplacianKernel)(float(data["gamma"]))
    raise ConfigError(f"no kernel named {kind!r}", where="kernel", hint="known: fidelity, rbf, laplacian")


def _symmetric(matrix: Reals) -> Reals:
    made = _symmetric_part(matrix)
    np.fill_diagonal(made, 1.0)
    return made


def _symmetric_part(matrix: Reals) -> Reals:
    made: Reals = (matrix + matrix.T) / 2
    return made


def _inverse_root(matrix: Reals) -> Reals:
    """``matrix ** -1/2`` on the eigenvectors that are above rounding."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > values[-1] * len(values) * np.finfo(values.dtype).eps
    made: Reals = vectors[:, kept] / np.sqrt(values[kept])
    return made
