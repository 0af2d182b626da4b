"""Owns the classifier's way through Qiskit: a SamplerQNN on Aer, with shots, trained by the same optimisers.

It imports qiskit and belongs to the workers. It gives estimates of what ``vqc`` computes exactly; a full pass
runs two circuits a weight and row, so it is thousands of times slower, and it is the form that hardware can run.
"""

from __future__ import annotations

import numpy as np
from qiskit.transpiler import CouplingMap, PassManager, generate_preset_pass_manager
from qiskit_aer.primitives import SamplerV2
from qiskit_machine_learning.neural_networks import SamplerQNN

from pandora_core.quantum.circuits.forms import ansatz_circuit, feature_map_circuit
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import Reals
from pandora_core.quantum.models.vqc import Ansatz, Step, Trained, Vqc, fit

_BASIS = ["h", "p", "ry", "rx", "cx"]
"""Gates that Aer runs as they are: nothing is made slower than it has to be, and the comparison stays fair."""
_FLOOR = 1e-6
"""A chance that no shot showed is taken as this, so that the loss stays finite."""


class AerClassifier:
    """A classifier whose chances are shares of ``shots`` on Aer. Simulated; ``seed`` makes a run repeatable."""

    def __init__(
        self, feature_map: FeatureMap, ansatz: Ansatz, readout: str = "parity", *, shots: int = 1024, seed: int = 0
    ) -> None:
        self.feature_map, self.ansatz, self.readout = feature_map, ansatz, readout
        features, weights = feature_map_circuit(feature_map), ansatz_circuit(ansatz)
        self._network = SamplerQNN(
            circuit=features.compose(weights),
            sampler=SamplerV2(default_shots=shots, seed=seed),
            input_params=list(features.parameters),
            weight_params=list(weights.parameters),
            interpret=_parity if readout == "parity" else _first,
            output_shape=2,
            pass_manager=_pass_manager(feature_map.qubits),
        )

    def probabilities(self, x: Reals, weights: Reals) -> Reals:
        """The estimated chance of class 1 of every row."""
        made: Reals = np.asarray(self._network.forward(x, weights))[:, 1]
        return made

    def step(self, x: Reals, y: Reals, weights: Reals) -> Step:
        """The mean log loss and its gradient by the parameter shift rule, both estimated."""
        chances = np.clip(self.probabilities(x, weights), _FLOOR, 1.0 - _FLOOR)
        _, slopes = self._network.backward(x, weights)
        each = (chances - y) / (chances * (1.0 - chances)) / len(y)
        loss = -float(np.mean(y * np.log(chances) + (1.0 - y) * np.log1p(-chances)))
        return Step(loss, each @ np.asarray(slopes)[:, 1, :])

    def train(
        self, x: Reals, y: Reals, rng: np.random.Generator, *, optimiser: str = "COBYLA", iterations: int = 100
    ) -> Trained:
        """Fit the weights. COBYLA bears the noise of shots; gradients cost two runs a weight and row."""
        start = rng.uniform(-np.pi / 4, np.pi / 4, self.ansatz.parameters)
        steps = self._loss_alone if optimiser == "COBYLA" else self.step
        return fit(lambda weights: steps(x, y, weights), self._model, start, optimiser, iterations)

    def _loss_alone(self, x: Reals, y: Reals, weights: Reals) -> Step:
        chances = np.clip(self.probabilities(x, weights), _FLOOR, 1.0 - _FLOOR)
        return Step(-float(np.mean(y * np.log(chances) + (1.0 - y) * np.log1p(-chances))), np.empty(0))

    def _model(self, weights: Reals) -> Vqc:
        return Vqc(self.feature_map, self.ansatz, tuple(map(float, weights)), self.readout)


def _pass_manager(qubits: int) -> PassManager | None:
    """One with a coupling map: without it the layout stays ``None``, and ``SamplerQNN.backward`` fails on that."""
    if qubits == 1:
        return None
    coupling = CouplingMap.from_full(qubits)
    return generate_preset_pass_manager(1, coupling_map=coupling, basis_gates=_BASIS, seed_transpiler=0)


def _parity(outcome: int) -> int:
    return outcome.bit_count() & 1


def _first(outcome: int) -> int:
    return outcome & 1
