"""Circuits: the same numbers on Aer, in Cirq, and back from what is stored."""

from __future__ import annotations

import re

import cirq
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits import forms as circuits
from pandora_core.quantum.circuits.qnn import AerClassifier
from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel
from pandora_core.quantum.models.states import probabilities
from pandora_core.quantum.models.vqc import READOUTS, Ansatz, Batch, Vqc
from pandora_core.quantum.plans.optimise import Qubo, qaoa_state

MODEL = Vqc(FeatureMap(4, 1, bandwidth=0.5), Ansatz(4, 2), tuple(np.linspace(-2, 2, 12)))
ROW = np.array([0.3, -1.2, 0.7, 2.0])


def without_measurement(circuit: QuantumCircuit) -> QuantumCircuit:
    return circuit.remove_final_measurements(inplace=False)


def odd_share(chances: np.ndarray) -> float:
    return float(sum(chance for index, chance in enumerate(chances) if index.bit_count() & 1))


CIRQ_GATES = {
    "h": lambda: cirq.H,
    "x": lambda: cirq.X,
    "cx": lambda: cirq.CNOT,
    "p": lambda angle: cirq.ZPowGate(exponent=angle / np.pi),
    "rx": cirq.rx,
    "ry": cirq.ry,
    "rz": cirq.rz,
}
GATE = re.compile(r"^(\w+)(?:\((.*)\))? (q\[\d+\](?:, q\[\d+\])*);$")
OTHER = re.compile(r"^(OPENQASM 3|include |bit\[|qubit\[|barrier |meas\[|$)")


def cirq_probabilities(qasm: str, qubits: int) -> np.ndarray:
    """An OpenQASM 3 text of gates, read without Qiskit and run by Cirq, in Qiskit's order of bits."""
    wires, made = cirq.LineQubit.range(qubits), cirq.Circuit()
    for text in qasm.splitlines():
        if OTHER.match(text):
            continue
        name, angle, targets = GATE.match(text).groups()
        gate = CIRQ_GATES[name](*([radians(angle)] if angle else []))
        made.append(gate(*(wires[int(at)] for at in re.findall(r"\d+", targets))))
    state = cirq.Simulator(dtype=np.complex128).simulate(made, qubit_order=wires[::-1]).final_state_vector
    return np.abs(state) ** 2


def radians(text: str) -> float:
    """A number, or a fraction of pi as the exporter writes it: ``-3*pi/4``."""
    found = re.fullmatch(r"(-?)(?:(\d+)\*)?pi(?:/(\d+))?", text)
    if not found:
        return float(text)
    return float(found[1] + "1") * float(found[2] or 1) * np.pi / float(found[3] or 1)


def test_cirq_gives_the_same_probabilities_for_an_exported_classifier():
    found = cirq_probabilities(circuits.to_qasm3(circuits.prediction_circuit(MODEL, ROW)), 4)
    assert odd_share(found) == pytest.approx(MODEL.probabilities(ROW)[0], abs=1e-9)


def test_cirq_gives_the_same_probabilities_for_a_circuit_from_qpy():
    circuit = circuits.from_qpy(circuits.to_qpy(circuits.overlap_circuit(MODEL.feature_map, ROW, ROW + 0.1)))
    found = cirq_probabilities(circuits.to_qasm3(circuit), 4)
    expected = kernels.gram(FidelityKernel(MODEL.feature_map), ROW[None], ROW[None] + 0.1)[0, 0]
    assert found[0] == pytest.approx(expected, abs=1e-9)


def test_cirq_gives_the_same_probabilities_for_qaoa():
    found = cirq_probabilities(circuits.to_qasm3(circuits.qaoa_circuit(PROBLEM, [0.3, 0.7], [0.5, 0.2])), 4)
    expected = probabilities(qaoa_state(PROBLEM.costs(), np.array([0.3, 0.7]), np.array([0.5, 0.2])))[0]
    assert np.abs(found - expected).max() < 1e-9


PROBLEM = Qubo(np.random.default_rng(0).normal(size=(4, 4)), 3.0)


def test_the_qaoa_circuit_is_the_state_that_the_solver_computes():
    for gammas, betas in (([0.4], [0.9]), ([0.3, 0.7, 0.2], [0.5, 0.2, 0.1])):
        circuit = without_measurement(circuits.qaoa_circuit(PROBLEM, gammas, betas))
        expected = probabilities(qaoa_state(PROBLEM.costs(), np.array(gammas), np.array(betas)))[0]
        assert np.abs(Statevector(circuit).probabilities() - expected).max() < 1e-10


def test_compute_uncompute_shows_the_fidelity_kernel_as_the_share_of_zeros():
    rows = np.random.default_rng(1).normal(size=(2, 4))
    circuit = circuits.overlap_circuit(MODEL.feature_map, *rows)
    share = Statevector(without_measurement(circuit)).probabilities()[0]
    exact = kernels.gram(FidelityKernel(MODEL.feature_map), rows)[0, 1]
    assert share == pytest.approx(exact, abs=1e-12)
    counts = AerSimulator().run(circuit.decompose(reps=3), shots=20_000, seed_simulator=7).result().get_counts()
    assert counts.get("0000", 0) / 20_000 == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))


def test_the_classifier_has_the_probabilities_of_aers_statevector():
    simulator = AerSimulator(method="statevector")
    for row in np.random.default_rng(2).normal(size=(3, 4)):
        circuit = without_measurement(circuits.prediction_circuit(MODEL, row)).decompose(reps=3)
        circuit.save_probabilities()
        found = simulator.run(circuit).result().data()["probabilities"]
        assert odd_share(found) == pytest.approx(MODEL.probabilities(row)[0], abs=1e-9)


def test_the_unbound_circuit_takes_features_and_weights_in_order():
    circuit = circuits.classifier_circuit(MODEL.feature_map, MODEL.ansatz)
    values = {p: (ROW if p.vector.name == "x" else MODEL.weights)[p.index] for p in circuit.parameters}
    bound = Statevector(circuit.assign_parameters(values)).probabilities()
    assert odd_share(bound) == pytest.approx(MODEL.probabilities(ROW)[0], abs=1e-9)


def test_qpy_keeps_a_circuit_exactly_and_qasm_what_it_computes():
    circuit = circuits.classifier_circuit(MODEL.feature_map, MODEL.ansatz)
    assert circuits.from_qpy(circuits.to_qpy(circuit)) == circuit
    bound = without_measurement(circuits.prediction_circuit(MODEL, ROW))
    back = circuits.from_qasm3(circuits.to_qasm3(bound))
    assert np.abs(Statevector(back).probabilities() - Statevector(bound).probabilities()).max() < 1e-9


@pytest.mark.parametrize("data", [b"", b"nothing", b"QISKIT" + bytes(40)])
def test_bytes_that_are_no_circuit_are_refused(data):
    with pytest.raises(ConfigError, match="not one circuit in QPY"):
        circuits.from_qpy(data)


@pytest.mark.parametrize("text", ["nothing", "OPENQASM 3.0; teleport q[0];", "OPENQASM 3.0; h q[0];"])
def test_text_that_is_no_circuit_is_refused(text):
    with pytest.raises(ConfigError, match="not OpenQASM 3"):
        circuits.from_qasm3(text)


def test_a_drawing_stays_within_its_width():
    drawn = circuits.drawing(circuits.prediction_circuit(MODEL, ROW), 80)
    assert max(map(len, drawn.splitlines())) <= 80
    assert "P(0.3)" in drawn


@pytest.mark.parametrize("readout", READOUTS)
def test_a_sampler_network_on_aer_estimates_the_exact_loss_and_gradient(readout):
    """Seeded: the tolerance is five standard errors of 4,096 shots."""
    feature_map, ansatz = FeatureMap(2, 1), Ansatz(2, 1)
    x, y = np.array([[0.2, 0.9], [1.3, -0.4]]), np.array([0, 1])
    weights = np.array([0.3, -0.8, 1.1, 0.4])
    network = AerClassifier(feature_map, ansatz, readout, shots=4096, seed=3)
    exact = Batch.of(feature_map, ansatz, readout, x)
    assert np.abs(network.probabilities(x, weights) - exact.probabilities(weights)).max() < 5 / (2 * 64)
    found, expected = network.step(x, y, weights), exact.step(weights, y)
    assert found.loss == pytest.approx(expected.loss, abs=0.1)
    assert np.abs(found.gradient - expected.gradient).max() < 0.15


def test_training_through_aer_lowers_the_loss_and_gives_the_plain_model():
    x, y = np.array([[0.1, 0.2], [0.2, 0.1], [1.5, 1.4], [1.4, 1.6]]), np.array([0, 0, 1, 1])
    network = AerClassifier(FeatureMap(2, 1), Ansatz(2, 1), shots=1024, seed=1)
    made = network.train(x, y, np.random.default_rng(0), iterations=25)
    assert min(made.losses) < made.losses[0]
    exact = made.model.probabilities(x)
    assert np.abs(network.probabilities(x, np.array(made.model.weights)) - exact).max() < 0.1
