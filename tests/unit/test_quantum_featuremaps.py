"""Feature maps: the NumPy path and Qiskit's circuit are the same state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import Statevector

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits.forms import feature_map_circuit
from pandora_core.quantum.models import baseline, states
from pandora_core.quantum.models.featuremaps import ENTANGLEMENTS, FeatureMap


@st.composite
def feature_maps(draw: st.DrawFn, max_qubits: int = 5, letters: str = "XYZ") -> FeatureMap:
    qubits = draw(st.integers(1, max_qubits))
    return FeatureMap(
        qubits,
        reps=draw(st.integers(1, 3)),
        entanglement=draw(st.sampled_from(ENTANGLEMENTS)),
        bandwidth=draw(st.floats(0.05, 4.0)),
        paulis=tuple(draw(st.lists(st.text(letters, min_size=1, max_size=min(3, qubits)), min_size=1, max_size=3))),
        alpha=draw(st.floats(-2.0, 2.0)),
    )


def rows_for(made: FeatureMap, seed: int, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (rows, made.qubits))


@settings(max_examples=40)
@given(made=feature_maps(), seed=st.integers(0, 1000))
def test_every_feature_map_gives_the_amplitudes_of_its_circuit(made, seed):
    x = rows_for(made, seed)
    circuit = feature_map_circuit(made)
    for row, found in zip(x, made.states(x), strict=True):
        expected = Statevector(circuit.assign_parameters(row)).data
        assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("entanglement", ENTANGLEMENTS)
@pytest.mark.parametrize("qubits", [2, 5, 8])
def test_the_default_is_the_zz_feature_map_of_qiskit(qubits, entanglement):
    made = FeatureMap(qubits, entanglement=entanglement)
    circuit = zz_feature_map(qubits, reps=2, entanglement=entanglement)
    x = rows_for(made, 1)
    for row, found in zip(x, made.states(x), strict=True):
        assert np.abs(found - Statevector(circuit.assign_parameters(row)).data).max() < 1e-12


@settings(max_examples=20)
@given(made=feature_maps(4, "Z"), seed=st.integers(0, 1000))
def test_the_baseline_gives_the_same_amplitudes_gate_by_gate(made, seed):
    (row,) = rows_for(made, seed, 1)
    assert np.abs(made.states(row)[0] - baseline.state(made, row)).max() < 1e-12


@settings(max_examples=20)
@given(made=feature_maps(), seed=st.integers(0, 1000))
def test_states_have_length_one_and_do_not_depend_on_their_neighbours_in_the_batch(made, seed):
    x = rows_for(made, seed, 5)
    together = made.states(x)
    assert np.allclose(states.probabilities(together).sum(axis=1), 1.0, atol=1e-12)
    assert np.abs(together[3] - made.states(x[3])[0]).max() < 1e-12


def test_batches_larger_than_a_chunk_are_the_same_as_their_parts():
    made = FeatureMap(11)
    x = rows_for(made, 3, 600)
    assert np.abs(made.states(x)[-1] - made.states(x[-1])[0]).max() < 1e-12


def test_bandwidth_multiplies_the_features():
    x = rows_for(FeatureMap(3), 4)
    assert np.allclose(FeatureMap(3, bandwidth=0.25).states(x), FeatureMap(3).states(0.25 * x), atol=1e-13)


def test_single_precision_stays_within_a_millionth_even_for_large_features():
    made, x = FeatureMap(6), rows_for(FeatureMap(6), 5) * 20
    assert np.abs(made.states(x, np.complex64) - made.states(x)).max() < 2e-6


def test_the_plain_form_reads_back_as_the_same_map():
    made = FeatureMap(4, 3, "full", 0.5, ("Z", "YY"), 1.5)
    assert FeatureMap.from_json(made.as_json()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"qubits": 0},
        {"qubits": 40},
        {"qubits": 3, "reps": 0},
        {"qubits": 3, "entanglement": "sca"},
        {"qubits": 3, "bandwidth": 0.0},
        {"qubits": 3, "bandwidth": float("nan")},
        {"qubits": 3, "paulis": ()},
        {"qubits": 3, "paulis": ("ZW",)},
        {"qubits": 1, "paulis": ("Z", "ZZ")},
    ],
)
def test_a_map_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(ConfigError):
        FeatureMap(**wrong)


def test_a_plain_form_with_something_missing_is_refused():
    with pytest.raises(ConfigError, match="not a feature map"):
        FeatureMap.from_json({"qubits": 3})


def test_rows_of_another_width_are_refused():
    with pytest.raises(ConfigError, match="4 features for 3 qubits"):
        FeatureMap(3).states(np.zeros((2, 4)))
