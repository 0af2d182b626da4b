"""Transpiler levels compared: the figures are those of the circuits, and the best is the best."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Statevector

from pandora_core.quantum.circuits import transpiling
from pandora_core.quantum.circuits.forms import feature_map_circuit
from pandora_core.quantum.models.featuremaps import FeatureMap


@pytest.fixture(scope="module")
def circuit():
    made = feature_map_circuit(FeatureMap(4, entanglement="full")).assign_parameters(np.linspace(0.1, 0.9, 4))
    made.measure_all()
    return made


@pytest.fixture(scope="module")
def backend():
    return GenericBackendV2(5, coupling_map=[[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]], seed=1)


@pytest.fixture(scope="module")
def rows(circuit, backend):
    return transpiling.compare(circuit, backend, seeds=range(3))


def test_every_level_is_there_with_the_figures_of_its_own_circuit(rows):
    assert [row.level for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert row.depth == row.circuit.depth()
        assert row.two_qubit == row.circuit.num_nonlocal_gates() <= row.worst_two_qubit


def test_the_best_has_the_fewest_two_qubit_gates_and_higher_levels_are_no_worse_than_none(rows):
    chosen = transpiling.best(rows)
    assert chosen.two_qubit == min(row.two_qubit for row in rows)
    assert chosen.two_qubit < rows[0].two_qubit


def test_every_circuit_uses_only_what_the_backend_has_and_still_computes_the_same(rows, circuit, backend):
    expected = np.sort(Statevector(circuit.remove_final_measurements(inplace=False)).probabilities())[::-1][:16]
    for row in rows:
        pairs = {
            tuple(row.circuit.find_bit(q).index for q in each.qubits)
            for each in row.circuit.data
            if each.name == "cx"
        }
        assert pairs <= set(backend.coupling_map.get_edges())
        chances = Statevector(row.circuit.remove_final_measurements(inplace=False)).probabilities()
        assert np.allclose(np.sort(chances)[::-1][:16], expected, atol=1e-9)


def test_more_seeds_are_never_worse(circuit, backend, rows):
    (one,) = transpiling.compare(circuit, backend, [1], [0])
    assert rows[1].two_qubit <= one.two_qubit


def test_the_table_marks_the_best(rows):
    lines = transpiling.table(rows).splitlines()
    assert len(lines) == 5
    (marked,) = [line for line in lines if "*" in line]
    assert marked.split()[0] == str(transpiling.best(rows).level)
