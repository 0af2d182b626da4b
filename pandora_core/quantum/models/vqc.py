"""Owns the variational classifier: a feature map, then ``real_amplitudes``, trained by exact gradients in NumPy.

The gates of ``real_amplitudes`` are real, so that real and imaginary parts pass them as separate real columns, and
where there are more columns than amplitudes, the circuit is applied to the basis states instead and every row looks
its expectation up in the one observable that results. Gradients are of the adjoint method (Jones & Gacon,
arXiv:2009.02823): all of them for about the price of one more pass. Simulated; no shots, no noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import states
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import MAX_QUBITS, Indices, Reals

ANSATZ_ENTANGLEMENTS = ("reverse_linear", "linear", "circular", "full")
READOUTS = ("parity", "first")
_FACTOR_QUBITS = 4
_FLOOR = 1e-12
"""Probabilities are kept this far from 0 and 1, so that the loss stays finite."""


@dataclass(frozen=True, slots=True)
class Ansatz:
    """Qiskit's ``real_amplitudes``: ``reps + 1`` layers of RY on every qubit, with CX gates between the layers."""

    qubits: int
    reps: int = 3
    entanglement: str = "reverse_linear"

    def __post_init__(self) -> None:
        fits = 1 <= self.qubits <= MAX_QUBITS and 0 <= self.reps <= 64
        if not fits or self.entanglement not in ANSATZ_ENTANGLEMENTS:
            raise ConfigError(
                f"{self} cannot be built",
                where="ansatz",
                hint=f"1 to {MAX_QUBITS} qubits, 0 to 64 repetitions, one of {', '.join(ANSATZ_ENTANGLEMENTS)}",
            )

    @property
    def parameters(self) -> int:
        return self.qubits * (self.reps + 1)

    def links(self) -> list[tuple[int, int]]:
        """The CX gates between two layers as (control, target), in the order of the circuit."""
        chain = [(qubit, qubit + 1) for qubit in range(self.qubits - 1)]
        if self.entanglement == "full":
            return list(combinations(range(self.qubits), 2))
        if self.entanglement == "circular" and self.qubits > 2:
            return [(self.qubits - 1, 0), *chain]
        return chain[::-1] if self.entanglement == "reverse_linear" else chain


@dataclass(frozen=True, slots=True)
class Vqc:
    """A trained classifier, as plain data. Class 1 is an odd parity of all bits, or a 1 of the first qubit."""

    feature_map: FeatureMap
    ansatz: Ansatz
    weights: tuple[float, ...]
    readout: str = "parity"

    def __post_init__(self) -> None:
        if self.feature_map.qubits != self.ansatz.qubits or len(self.weights) != self.ansatz.parameters:
            raise ConfigError(f"{len(self.weights)} weights do not fit {self.ansatz}", where="vqc")
        if self.readout not in READOUTS:
            raise ConfigError(f"no readout {self.readout!r}", where="vqc", hint=f"known: {', '.join(READOUTS)}")

    def probabilities(self, x: Reals) -> Reals:
        """The chance of class 1 of every row of ``x``, exact: (rows,)."""
        batch = Batch.of(self.feature_map, self.ansatz, self.readout, x)
        return batch.probabilities(np.array(self.weights))

    def to_text(self) -> str:
        """JSON of everything that it takes to predict again."""
        plain = {
            "feature_map": self.feature_map.as_json(),
            "ansatz": asdict(self.ansatz),
            "weights": list(self.weights),
            "readout": self.readout,
        }
        return json.dumps(plain, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Vqc:
        """Reads what :meth:`to_text` wrote; raises :class:`ConfigError` for anything else."""
        try:
            plain = json.loads(text)
            weights = tuple(float(weight) for weight in plain["weights"])
            feature_map = FeatureMap.from_json(plain["feature_map"])
            return cls(feature_map, Ansatz(**plain["ansatz"]), weights, plain["readout"])
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"not a classifier: {error}", where="vqc") from error


class Step(NamedTuple):
    """What one pass over the whole batch gives."""

    loss: float
    gradient: Reals


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows whose feature map has been applied: it has no weights, so training does it once."""

    ansatz: Ansatz
    signs: Reals
    columns: Reals
    """Real parts of the amplitudes, then imaginary parts: (2**qubits, 2 * rows)."""

    @classmethod
    def of(cls, feature_map: FeatureMap, ansatz: Ansatz, readout: str, x: Reals) -> Batch:
        amplitudes = feature_map.states(x).T
        return cls(ansatz, _signs(ansatz.qubits, readout), np.hstack([amplitudes.real, amplitudes.imag]))

    def probabilities(self, weights: Reals) -> Reals:
        """The chance of class 1 of every row."""
        return _chances(self._expectations(self._pass(weights)[-1]))

    def step(self, weights: Reals, y: Reals) -> Step:
        """The mean log loss against the labels 0 and 1, and its gradient."""
        layers = self._pass(weights)
        chances = np.clip(_chances(self._expectations(layers[-1])), _FLOOR, 1.0 - _FLOOR)
        loss = -float(np.mean(y * np.log(chances) + (1.0 - y) * np.log1p(-chances)))
        # d loss / d expectation; a chance is (1 - expectation) / 2.
        slope = (y / chances - (1.0 - y) / (1.0 - chances)) / (2 * len(y))
        return Step(loss, self._gradient(weights, layers, slope))

    @property
    def _folded(self) -> bool:
        return bool(self.columns.shape[1] > self.columns.shape[0])

    def _pass(self, weights: Reals) -> list[Reals]:
        """What every layer of RY leaves of the columns, or of the basis states where those are fewer."""
        columns: Reals = np.eye(len(self.columns)) if self._folded else self.columns
        order = _order(self.ansatz)
        layers: list[Reals] = []
        for number, gates in enumerate(_layers(self.ansatz, weights)):
            columns = _rotate(gates, columns[order] if number else columns)
            layers.append(columns)
        return layers

    def _expectations(self, final: Reals) -> Reals:
        if self._folded:
            # The observable, carried back through the circuit.
            observable = final.T @ (self.signs[:, None] * final)
            terms = np.einsum("ij,ij->j", self.columns, observable @ self.columns)
        else:
            terms = self.signs @ (final * final)
        made: Reals = terms.reshape(2, -1).sum(axis=0)
        return made

    def _gradient(self, weights: Reals, layers: list[Reals], slope: Reals) -> Reals:
        final, each = layers[-1], np.tile(slope, 2)
        adjoint: Reals = final @ ((self.columns * each) @ self.columns.T) if self._folded else final * each
        adjoint = self.signs[:, None] * adjoint
        back = np.argsort(_order(self.ansatz))
        found = np.empty((len(layers), self.ansatz.qubits))
        gates = _layers(self.ansatz, weights)
        for number in range(len(layers) - 1, -1, -1):
            found[number] = _slopes(adjoint, layers[number])
            if number:
                adjoint = _rotate([gate.T for gate in gates[number]], adjoint)[back]
        return found.ravel()


class Trained(NamedTuple):
    """A classifier, and how its training went."""

    model: Vqc
    losses: tuple[float, ...]
    """The loss at every evaluation of the optimiser, in order."""
    converged: bool


def train(
    feature_map: FeatureMap,
    ansatz: Ansatz,
    x: Reals,
    y: Reals,
    rng: np.random.Generator,
    *,
    readout: str = "parity",
    optimiser: str = "L-BFGS-B",
    iterations: int = 100,
) -> Trained:
    """Fit the weights to labels 0 and 1 on the whole batch with a method of ``scipy.optimize.minimize``."""
    batch = Batch.of(feature_map, ansatz, readout, x)
    labels = np.asarray(y, np.float64)
    return fit(
        lambda weights: batch.step(weights, labels),
        lambda weights: Vqc(feature_map, ansatz, tuple(map(float, weights)), readout),
        rng.uniform(-np.pi / 4, np.pi / 4, ansatz.parameters),
        optimiser,
        iterations,
    )


def fit(
    step: Callable[[Reals], Step],
    build: Callable[[Reals], Vqc],
    start: Reals,
    optimiser: str,
    iterations: int,
) -> Trained:
    """Minimise any loss of the weights; the Qiskit path trains through here too."""
    from scipy.optimize import minimize

    losses: list[float] = []

    def evaluate(weights: Reals) -> tuple[float, Reals]:
        made = step(weights)
        losses.append(made.loss)
        return made.loss, made.gradient

    with_slope = optimiser not in ("COBYLA", "COBYQA", "Nelder-Mead", "Powell")
    objective = evaluate if with_slope else lambda weights: evaluate(weights)[0]
    result = minimize(objective, start, jac=with_slope or None, method=optimiser, options={"maxiter": iterations})
    return Trained(build(result.x), tuple(losses), bool(result.success))


def _chances(expectations: Reals) -> Reals:
    made: Reals = np.clip((1.0 - expectations) / 2.0, 0.0, 1.0)
    return made


def _rotate(gates: list[Reals], columns: Reals) -> Reals:
    for number, gate in enumerate(gates):
        low = number * _FACTOR_QUBITS
        rows = columns.reshape(columns.shape[0] // (len(gate) << low), len(gate), columns.shape[1] << low)
        columns = np.matmul(gate, rows).reshape(columns.shape)
    return columns


def _slopes(adjoint: Reals, columns: Reals) -> Reals:
    """``adjoint · dRY_i/dangle · columns`` for every qubit at once: both are contracted to a small matrix first."""
    qubits = states.qubits_of(columns.T)
    found = []
    for low in range(0, qubits, _FACTOR_QUBITS):
        size = min(_FACTOR_QUBITS, qubits - low)
        shape = (columns.shape[0] >> (low + size), 1 << size, columns.shape[1] << low)
        overlap = np.matmul(adjoint.reshape(shape), columns.reshape(shape).transpose(0, 2, 1)).sum(axis=0)
        found.append(np.tensordot(_generators(size), overlap, 2))
    return np.concatenate(found)


def _layers(ansatz: Ansatz, weights: Reals) -> list[list[Reals]]:
    """For every layer the RY gates, multiplied together for a few neighbouring qubits at a time."""
    half = np.asarray(weights, np.float64).reshape(ansatz.reps + 1, ansatz.qubits) / 2
    cosines, sines = np.cos(half), np.sin(half)
    gates = np.stack([cosines, -sines, sines, cosines], axis=-1).reshape(*half.shape, 2, 2)
    return [
        [_product(row[low : low + _FACTOR_QUBITS]) for low in range(0, len(row), _FACTOR_QUBITS)] for row in gates
    ]


def _product(gates: Reals) -> Reals:
    made: Reals = gates[0]
    for gate in gates[1:]:
        size = len(made)
        made = np.multiply(gate[:, None, :, None], made[None, :, None, :]).reshape(2 * size, 2 * size)
    return made


@cache
def _order(ansatz: Ansatz) -> Indices:
    """The CX gates between two layers as one permutation: amplitude ``i`` afterwards is amplitude ``order[i]``."""
    order = np.arange(1 << ansatz.qubits)
    for control, target in ansatz.links():
        index = np.arange(len(order))
        order = order[index ^ (((index >> control) & 1) << target)]
    return order


@cache
def _generators(qubits: int) -> Reals:
    """The derivative of RY on every qubit of a small group, after the gate: ``-iY``, which is real."""
    turn, same = np.array([[0.0, -1.0], [1.0, 0.0]]), np.eye(2)
    return np.stack([_product(np.stack([turn if at == q else same for at in range(qubits)])) for q in range(qubits)])


@cache
def _signs(qubits: int, readout: str) -> Reals:
    index = np.arange(1 << qubits)
    made: Reals = 1.0 - 2.0 * states.parity(index, tuple(range(qubits)) if readout == "parity" else (0,))
    return made
