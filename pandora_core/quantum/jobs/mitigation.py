"""Owns the mending of noisy counts: readout inversion and extrapolation to zero noise, as plain numbers.

The circuits to run are built by ``circuits.readout_circuits`` and ``circuits.folded``; the caller runs them wherever
it likes; :func:`read_back` makes sense of the counts. Mitigation trades bias for variance: what it returns can lie
outside the physical range, and it repairs means, not single shots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import states
from pandora_core.quantum.models.states import MAX_QUBITS, Reals

Counts = Mapping[str, int]
"""How often each bit string was read, the bit of qubit 0 last, as Qiskit gives them."""


def shares(counts: Counts) -> Reals:
    """Counts as shares of their sum, by index: (2**bits,)."""
    if not counts:
        raise ConfigError("no counts", where="mitigation")
    bits = len(next(iter(counts)))
    if bits > MAX_QUBITS or any(len(key) != bits or set(key) - {"0", "1"} for key in counts):
        raise ConfigError(f"not counts of up to {MAX_QUBITS} bits", where="mitigation")
    made = np.zeros(1 << bits)
    for key, count in counts.items():
        made[int(key, 2)] += count
    made /= made.sum()
    return made


def parity_expectation(chances: Reals) -> float:
    """The mean of ``Z`` on all qubits."""
    index = np.arange(len(chances))
    return float(chances @ (1.0 - 2.0 * states.parity(index, tuple(range(states.qubits_of(chances))))))


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """What reading does to every qubit on its own: ``matrices[qubit][read, true]``, columns summing to 1.

    Errors that qubits make together are not in it.
    """

    matrices: Reals

    @classmethod
    def calibrated(cls, zeros: Counts, ones: Counts) -> Readout:
        """From the counts of preparing all 0 and all 1."""
        flips = [_ones_share(shares(counts)) for counts in (zeros, ones)]
        matrices = np.stack([np.array([[1 - a, 1 - b], [a, b]]) for a, b in zip(*flips, strict=True)])
        if (np.abs(np.linalg.det(matrices)) < 0.05).any():
            raise ConfigError("a qubit reads nearly the same for 0 and 1", where="mitigation", hint="leave it out")
        return cls(matrices)

    def inverted(self, chances: Reals) -> Reals:
        """Quasi-probabilities: they sum to 1 and may be negative. Means taken from them are unbiased."""
        qubits = states.qubits_of(chances)
        if qubits != len(self.matrices):
            raise ConfigError(f"{qubits} bits, calibrated for {len(self.matrices)}", where="mitigation")
        for qubit, matrix in enumerate(self.matrices):
            halves = chances.reshape(-1, 2, 1 << qubit)
            chances = np.einsum("ab,ibj->iaj", np.linalg.inv(matrix), halves).reshape(-1)
        return chances

    @property
    def overhead(self) -> float:
        """By how much the inversion may stretch the error of a mean."""
        return float(np.prod(np.abs(np.linalg.inv(self.matrices)).sum(axis=1).max(axis=1)))


def nearest_distribution(quasi: Reals) -> Reals:
    """The closest true probabilities (Smolin, Gambetta & Smith, PRL 108, 070502): for histograms."""
    ordered = np.sort(quasi)[::-1]
    excess = (np.cumsum(ordered) - 1.0) / np.arange(1, len(quasi) + 1)
    shift = excess[np.flatnonzero(ordered > excess)[-1]]
    made: Reals = np.maximum(quasi - shift, 0.0)
    return made


class Extrapolated(NamedTuple):
    """A value at zero noise, and how sure the fit is of it."""

    value: float
    error: float
    """One standard error, from the shot noise of the values that went in."""
    model: str


def extrapolate(
    factors: Sequence[float], values: Sequence[float], errors: Sequence[float], model: str
) -> Extrapolated:
    """Zero-noise extrapolation (Temme, Bravyi & Gambetta, PRL 119, 180509): fit values over noise factors, read at 0.

    ``linear``, ``quadratic``, or ``exponential`` (``a * b ** factor``, where all values have one sign; else linear).
    """
    if len(factors) != len(values) or len(factors) != len(errors) or len(set(factors)) < 2 + (model == "quadratic"):
        raise ConfigError("too few noise factors to extrapolate from", where="mitigation")
    y, sigma = np.array(values, np.float64), np.maximum(np.array(errors, np.float64), 1e-9)
    if model == "exponential" and (np.all(y > 2 * sigma) or np.all(y < -2 * sigma)):
        logarithm = _at_zero(factors, np.log(np.abs(y)), sigma / np.abs(y), 1)
        value = float(np.sign(y[0]) * np.exp(logarithm[0]))
        return Extrapolated(value, abs(value) * logarithm[1], "exponential")
    degree = 2 if model == "quadratic" else 1
    return Extrapolated(*_at_zero(factors, y, sigma, degree), "quadratic" if degree == 2 else "linear")


class Mitigated(NamedTuple):
    """The same mean, as it was read and as it was mended."""

    raw: float
    inverted: float
    extrapolated: Extrapolated
    readout: Readout


def read_back(zeros: Counts, ones: Counts, folded: Mapping[int, Counts], model: str = "exponential") -> Mitigated:
    """The mean parity of a circuit from the counts of its calibration and foldings; ``folded[1]`` is itself."""
    readout = Readout.calibrated(zeros, ones)
    means = {factor: parity_expectation(readout.inverted(shares(counts))) for factor, counts in folded.items()}
    errors = [readout.overhead / np.sqrt(sum(counts.values())) for counts in folded.values()]
    at_zero = extrapolate(list(means), list(means.values()), errors, model)
    return Mitigated(parity_expectation(shares(folded[1])), means[1], at_zero, readout)


def _at_zero(factors: Sequence[float], y: Reals, sigma: Reals, degree: int) -> tuple[float, float]:
    """A weighted polynomial fit's value at 0 and its standard error."""
    powers = np.vander(np.array(factors, np.float64), degree + 1, increasing=True) / sigma[:, None]
    covariance = np.linalg.inv(powers.T @ powers)
    return float((covariance @ powers.T @ (y / sigma))[0]), float(np.sqrt(covariance[0, 0]))


def _ones_share(chances: Reals) -> list[float]:
    index = np.arange(len(chances))
    return [float(chances @ ((index >> qubit) & 1)) for qubit in range(states.qubits_of(chances))]
