"""Owns the kernel machines: support vector and one-class machines, trained on any kernel, kept as plain data.

Scikit-learn's solver does the training and is imported there only; what remains of a machine are its support vectors,
their weights and an offset. Probabilities are calibrated outside of it, on rows it was not trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.kernels import Encoded, Kernel
from pandora_core.quantum.models.states import Reals


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """``sum_j weights[j] K(x, rows[j]) + offset``: positive is class 1, or inside for a one-class machine."""

    kernel: Kernel
    rows: Reals
    weights: Reals
    offset: float
    _encoded: Encoded = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_encoded", self.kernel.encode(self.rows))

    def scores(self, x: Reals) -> Reals:
        """The decision value of every row. One row against 400 support vectors of 8 qubits takes about 0.15 ms."""
        rows = np.atleast_2d(np.asarray(x, np.float64))
        made: Reals = kernels.weighted(self.kernel, rows, self._encoded, self.weights) + self.offset
        return made

    def to_text(self) -> str:
        """JSON of everything that it takes to score again."""
        plain = {
            "kernel": kernels.as_json(self.kernel),
            "rows": self.rows.tolist(),
            "weights": self.weights.tolist(),
            "offset": self.offset,
        }
        return json.dumps(plain, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Machine:
        """Reads what :meth:`to_text` wrote; raises :class:`ConfigError` for anything else."""
        try:
            plain = json.loads(text)
            rows, weights = np.array(plain["rows"], np.float64), np.array(plain["weights"], np.float64)
            if rows.ndim != 2 or weights.shape != (len(rows),):
                raise ValueError(f"{weights.shape} weights for rows of {rows.shape}")
            return cls(kernels.from_json(plain["kernel"]), rows, weights, float(plain["offset"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"not a kernel machine: {error}", where="svm") from error


def train_classifier(kernel: Kernel, x: Reals, y: Reals, *, c: float = 1.0, balanced: bool = True) -> Machine:
    """A support vector classifier of the labels 0 and 1. The whole Gram matrix is held: 800 MB at 10,000 rows."""
    from sklearn.svm import SVC

    solver = SVC(kernel="precomputed", C=c, class_weight="balanced" if balanced else None)
    solver.fit(kernels.gram(kernel, x).astype(np.float64), np.asarray(y, np.int64))
    return Machine(kernel, np.asarray(x)[solver.support_], solver.dual_coef_[0], float(solver.intercept_[0]))


def train_one_class(kernel: Kernel, x: Reals, *, nu: float = 0.02) -> Machine:
    """A one-class machine; about the share ``nu`` of its own rows is outside of it."""
    support, weights, offset = one_class(kernels.gram(kernel, x), nu)
    return Machine(kernel, np.asarray(x)[support], weights[support], offset)


def one_class(gram: Reals, nu: float) -> tuple[Reals, Reals, float]:
    """The indices of the support vectors of a Gram matrix, a weight for every row, and the offset."""
    from sklearn.svm import OneClassSVM

    solver = OneClassSVM(kernel="precomputed", nu=nu).fit(gram.astype(np.float64))
    weights = np.zeros(len(gram))
    weights[solver.support_] = solver.dual_coef_[0]
    return solver.support_, weights, float(solver.intercept_[0])


@dataclass(frozen=True, slots=True)
class Calibration:
    """``1 / (1 + exp(-(slope * score + intercept)))``: scores as probabilities (Platt, 1999)."""

    slope: float
    intercept: float

    def probabilities(self, scores: Reals) -> Reals:
        made: Reals = 1.0 / (1.0 + np.exp(-np.clip(self.slope * scores + self.intercept, -500.0, 500.0)))
        return made


def calibrate(scores: Reals, y: Reals) -> Calibration:
    """Fit a calibration to scores of rows that the machine has not seen, with labels 0 and 1.

    The labels are drawn in a little (Platt's correction), so that separable scores do not give an infinite slope.
    """
    from scipy.optimize import minimize

    positive, negative = float(np.sum(y)), float(len(y) - np.sum(y))
    target = np.where(np.asarray(y) > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    unit = float(np.std(scores)) or 1.0

    def loss(found: Reals) -> tuple[float, Reals]:
        logits = found[0] * scores / unit + found[1]
        error = 1.0 / (1.0 + np.exp(-np.clip(logits, -500, 500))) - target
        value = float(np.mean(np.logaddexp(0.0, logits) - target * logits))
        return value, np.array([np.mean(error * scores / unit), np.mean(error)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return Calibration(float(found[0]) / unit, float(found[1]))
