"""The variational classifier: Qiskit's probabilities, the parameter shift's gradients, and learning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import Statevector

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits.forms import ansatz_circuit, feature_map_circuit
from pandora_core.quantum.models import baseline
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.vqc import ANSATZ_ENTANGLEMENTS, READOUTS, Ansatz, Batch, Vqc, train


@st.composite
def models(draw: st.DrawFn, max_qubits: int = 6) -> Vqc:
    qubits = draw(st.integers(1, max_qubits))
    ansatz = Ansatz(qubits, draw(st.integers(0, 3)), draw(st.sampled_from(ANSATZ_ENTANGLEMENTS)))
    weights = np.random.default_rng(draw(st.integers(0, 1000))).uniform(-np.pi, np.pi, ansatz.parameters)
    return Vqc(
        FeatureMap(qubits, paulis=("Z", "ZZ")[:qubits]), ansatz, tuple(weights), draw(st.sampled_from(READOUTS))
    )


def rows_for(model: Vqc, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(7).uniform(-1, 1, (rows, model.feature_map.qubits))


def by_qiskit(model: Vqc, row: np.ndarray) -> float:
    circuit = feature_map_circuit(model.feature_map).assign_parameters(row)
    circuit = circuit.compose(ansatz_circuit(model.ansatz).assign_parameters(model.weights))
    chances = Statevector(circuit).probabilities()
    odd = [i.bit_count() & 1 if model.readout == "parity" else i & 1 for i in range(len(chances))]
    return float(chances @ odd)


@settings(max_examples=30)
@given(model=models())
@pytest.mark.parametrize("rows", [2, 90])
def test_probabilities_are_those_of_qiskit_for_few_rows_and_for_many(rows, model):
    x = rows_for(model, rows)
    found = model.probabilities(x)
    for at in (0, rows - 1):
        assert found[at] == pytest.approx(by_qiskit(model, x[at]), abs=1e-9)


@settings(max_examples=15)
@given(model=models(4))
@pytest.mark.parametrize("rows", [2, 40])
def test_gradients_are_those_of_the_parameter_shift_rule(rows, model):
    """The loss is linear in no row's chance, so the rule's gradients are chained through the loss by hand."""
    x, weights = rows_for(model, rows), np.array(model.weights)
    y = np.arange(rows) % 2
    step = Batch.of(model.feature_map, model.ansatz, model.readout, x).step(weights, y)
    chances = np.array([baseline.probability(model, row) for row in x])
    assume(bool(((chances > 1e-6) & (chances < 1 - 1e-6)).all()))
    slope = (chances - y) / (chances * (1 - chances)) / rows
    expected = sum(each * baseline.gradient(model, row) for each, row in zip(slope, x, strict=True))
    assert np.abs(step.gradient - expected).max() < 1e-6 * max(1.0, np.abs(slope).max())


@settings(max_examples=15)
@given(model=models(5))
def test_the_baseline_gives_the_same_probabilities(model):
    x = rows_for(model, 2)
    assert [baseline.probability(model, row) for row in x] == pytest.approx(list(model.probabilities(x)), abs=1e-9)


@pytest.mark.parametrize("entanglement", ANSATZ_ENTANGLEMENTS)
@pytest.mark.parametrize("qubits", [1, 2, 3, 5])
def test_the_links_of_an_ansatz_are_the_cx_gates_of_real_amplitudes(qubits, entanglement):
    circuit = real_amplitudes(qubits, reps=1, entanglement=entanglement)
    theirs = [
        tuple(circuit.find_bit(qubit).index for qubit in gate.qubits) for gate in circuit.data if gate.name == "cx"
    ]
    # Gates that do not share a qubit may be listed in another order; the unitary decides in the tests above.
    assert sorted(theirs) == sorted(Ansatz(qubits, 1, entanglement).links())


def blobs(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    return rng.normal(0, 0.25, (rows, 3)) + np.where(y[:, None] == 1, 0.9, 0.2), y


def test_training_separates_what_can_be_separated_and_repeats_with_its_seed():
    x, y = blobs(120, 0)
    first, second = (train(FeatureMap(3, 1), Ansatz(3, 3), x, y, np.random.default_rng(1)) for _ in range(2))
    assert first == second
    assert first.losses[-1] < 0.8 * first.losses[0]
    unseen, truth = blobs(200, 1)
    assert np.mean((first.model.probabilities(unseen) > 0.5) == truth) > 0.8


def test_methods_without_gradients_train_too():
    x, y = blobs(30, 0)
    made = train(FeatureMap(3, 1), Ansatz(3, 1), x, y, np.random.default_rng(1), optimiser="COBYLA", iterations=60)
    assert min(made.losses) < made.losses[0]


def test_a_model_reads_back_from_its_text_and_predicts_the_same_bits():
    model = Vqc(FeatureMap(3, bandwidth=0.4), Ansatz(3, 1, "full"), (0.1, 0.2, 0.3, -1 / 3, 1e-17, 2.0), "first")
    back = Vqc.from_text(model.to_text())
    assert back == model
    x = rows_for(model)
    assert np.array_equal(back.probabilities(x), model.probabilities(x))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"weights": ["x"]}'])
def test_text_that_is_no_model_is_refused(text):
    with pytest.raises(ConfigError, match="not a classifier"):
        Vqc.from_text(text)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="do not fit"):
        Vqc(FeatureMap(3), Ansatz(3, 1), (0.0,) * 5)
    with pytest.raises(ConfigError, match="no readout"):
        Vqc(FeatureMap(3), Ansatz(3, 1), (0.0,) * 6, "last")
    with pytest.raises(ConfigError):
        Ansatz(3, 1, "sca")
