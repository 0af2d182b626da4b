"""Owns the novelty tier: how unlike all benign rows a row is, by a kernel, and whether that is worth an alert.

It screens what the fast tier calls benign, within a share of the alert budget. All thresholds are quantiles of benign
rows that neither the tier nor its judge has seen, and where validation shows harm the tier is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pandora_core.quantum.models import svm
from pandora_core.quantum.models.kernels import Encoded, Kernel
from pandora_core.quantum.models.states import Reals

Method = Literal["one-class", "density", "residual"]
METHODS: tuple[Method, ...] = ("one-class", "density", "residual")
_NU = 0.02
_EXPLAINED = 0.95
"""Share of the Gram matrix's trace that ``residual`` keeps as ordinary."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Many standardised columns as few numbers between 0 and 1, by principal components of benign rows.

    The ends are squashed, not cut: a row far outside stays far, and no angle wraps around.
    """

    mean: Reals
    axes: Reals
    low: Reals
    high: Reals

    @classmethod
    def of(cls, x: Reals, dimensions: int) -> Projection:
        mean = x.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(x - mean, rowvar=False))
        axes = vectors[:, ::-1][:, :dimensions]
        # The sign of an eigenvector is arbitrary; fixing it keeps a model the same on another machine.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        low, high = np.percentile((x - mean) @ axes, [1, 99], axis=0)
        return cls(mean, axes, low, np.maximum(high, low + 1e-9))

    def apply(self, x: Reals) -> Reals:
        scaled = ((x - self.mean) @ self.axes - self.low) / (self.high - self.low)
        made: Reals = 0.5 + 0.5 * np.tanh(2.0 * (scaled - 0.5))
        return made


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a novelty model is made with: the configuration that is chosen on training data."""

    kernel: Kernel
    dimensions: int
    method: Method

    @property
    def name(self) -> str:
        return f"{self.kernel.name}, {self.method}, {self.dimensions} components"


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A fitted novelty model on encoded rows: larger scores are more novel."""

    encoded: Encoded
    weights: Reals
    """(rows,) for a weighted sum, (rows, axes) for a residual."""

    def scores(self, similarities: Reals) -> Reals:
        """From the kernel of every row with the fitted rows, (rows, fitted), to (rows,)."""
        projected = similarities @ self.weights
        return -projected if projected.ndim == 1 else 1.0 - np.square(projected).sum(axis=1)


def fit(method: Method, gram: Reals, encoded: Encoded) -> Scorer:
    """Fit on the Gram matrix of benign rows.

    ``one-class`` is a one-class SVM, ``density`` the mean kernel (a Parzen window), ``residual`` the part of a row's
    feature vector outside the main axes of kernel principal components (Hoffmann, Pattern Recognition 40, 2007),
    without centring.
    """
    if method == "density":
        return Scorer(encoded, np.full(len(gram), 1.0 / len(gram)))
    if method == "one-class":
        support, weights, _ = svm.one_class(gram, _NU)
        return Scorer(encoded[support], weights[support])
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = 1 + int(np.searchsorted(np.cumsum(values), _EXPLAINED * values.sum()))
    return Scorer(encoded, vectors[:, :kept] / np.sqrt(np.maximum(values[:kept], 1e-12)))


class Gate(NamedTuple):
    """Whether the tier is worth its share of the budget, on validation rows."""

    on: bool
    gain: float
    """Mean gain of detected novel attacks over the fast tier alone at the same budget, as a share."""
    error: float
    """Its standard error."""
    reason: str


def gate(gains: list[float]) -> Gate:
    """On only if the mean gain over validation folds is above one standard error: where in doubt, off."""
    mean = float(np.mean(gains))
    error = float(np.std(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    found = f"{mean * 100:+.1f} ± {error * 100:.1f} points on {len(gains)} validation folds"
    if mean > error and mean > 0:
        return Gate(True, mean, error, f"on: {found}")
    return Gate(False, mean, error, f"off: {found}")


def upper_quantile(scores: Reals, rate: float) -> float:
    """The threshold that at most the share ``rate`` of these scores is above; never below what was seen."""
    if not 0.0 < rate < 1.0:
        return float("inf") if rate <= 0.0 else float("-inf")
    return float(np.quantile(scores, 1.0 - rate, method="higher"))
