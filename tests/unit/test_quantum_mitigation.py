"""Mitigation: exact on exact counts, better on noisy ones, and sure of no more than it can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits import forms as circuits
from pandora_core.quantum.jobs import mitigation
from pandora_core.quantum.jobs.mitigation import (
    Readout,
    extrapolate,
    nearest_distribution,
    parity_expectation,
    shares,
)

FLIPS = [(0.02, 0.08), (0.05, 0.01), (0.1, 0.12)]


def read_with_errors(chances: np.ndarray) -> np.ndarray:
    whole = np.eye(1)
    for zero_as_one, one_as_zero in FLIPS:
        whole = np.kron([[1 - zero_as_one, one_as_zero], [zero_as_one, 1 - one_as_zero]], whole)
    return whole @ chances


def as_counts(chances: np.ndarray, shots: int = 10**9) -> dict[str, int]:
    bits = len(chances).bit_length() - 1
    return {format(index, f"0{bits}b"): round(chance * shots) for index, chance in enumerate(chances)}


def calibrated() -> Readout:
    zeros, ones = np.eye(8)[0], np.eye(8)[7]
    return Readout.calibrated(as_counts(read_with_errors(zeros)), as_counts(read_with_errors(ones)))


@given(weights=st.lists(st.floats(0.01, 1.0), min_size=8, max_size=8))
def test_inversion_undoes_the_errors_of_every_qubit(weights):
    chances = np.array(weights) / sum(weights)
    assert np.abs(calibrated().inverted(read_with_errors(chances)) - chances).max() < 1e-6


def test_the_overhead_of_a_perfect_readout_is_one_and_grows_with_errors():
    perfect = Readout.calibrated({"00": 100}, {"11": 100})
    assert perfect.overhead == pytest.approx(1.0)
    assert calibrated().overhead > 1.3


@given(values=st.lists(st.floats(-0.2, 1.0), min_size=2, max_size=16))
def test_the_nearest_distribution_is_one_and_none_is_nearer(values):
    quasi = np.array(values) + (1 - sum(values)) / len(values)
    found = nearest_distribution(quasi)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1.0)
    for corner in np.eye(len(quasi)):
        moved = found + 0.01 * (corner - found)
        assert np.linalg.norm(found - quasi) <= np.linalg.norm(moved - quasi) + 1e-12


def test_the_parity_of_counts_is_their_signed_mean():
    assert parity_expectation(shares({"00": 3, "01": 1, "11": 4})) == pytest.approx((3 - 1 + 4) / 8)


@pytest.mark.parametrize("counts", [{}, {"01": 1, "1": 1}, {"0a": 1}, {"0" * 17: 1}])
def test_what_is_not_counts_is_refused(counts):
    with pytest.raises(ConfigError):
        shares(counts)


def test_a_dead_qubit_is_refused_and_so_is_another_width():
    with pytest.raises(ConfigError, match="nearly the same"):
        Readout.calibrated({"0": 50, "1": 50}, {"0": 52, "1": 48})
    with pytest.raises(ConfigError, match="calibrated for 3"):
        calibrated().inverted(np.array([0.5, 0.5]))


@given(start=st.floats(-1, 1), slope=st.floats(-0.2, 0.2), bend=st.floats(-0.05, 0.05))
def test_polynomials_are_extrapolated_exactly(start, slope, bend):
    factors = [1, 3, 5]
    line = [start + slope * f for f in factors]
    curve = [start + slope * f + bend * f * f for f in factors]
    assert extrapolate(factors, line, [0.01] * 3, "linear").value == pytest.approx(start, abs=1e-9)
    assert extrapolate(factors, curve, [0.01] * 3, "quadratic").value == pytest.approx(start, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_decay_is_extrapolated_exactly_and_near_zero_falls_back_to_a_line(sign):
    found = extrapolate([1, 3, 5], [sign * 0.8 * 0.7**f for f in (1, 3, 5)], [0.001] * 3, "exponential")
    assert found.value == pytest.approx(sign * 0.8)
    assert found.model == "exponential"
    assert extrapolate([1, 3, 5], [0.01, -0.01, 0.0], [0.01] * 3, "exponential").model == "linear"


def test_the_error_of_an_extrapolation_is_what_repeating_it_shows():
    rng = np.random.default_rng(0)
    truth = np.array([0.8 - 0.1 * f for f in (1, 3, 5)])
    values = [extrapolate([1, 3, 5], truth + rng.normal(0, 0.02, 3), [0.02] * 3, "linear") for _ in range(2000)]
    assert np.std([found.value for found in values]) == pytest.approx(values[0].error, rel=0.1)


def test_too_few_factors_are_refused():
    with pytest.raises(ConfigError, match="too few"):
        extrapolate([1, 3], [0.5, 0.4], [0.1, 0.1], "quadratic")


def noisy(depolarizing: float) -> AerSimulator:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(depolarizing, 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.06, 0.94]]))
    return AerSimulator(noise_model=model)


def chain() -> QuantumCircuit:
    made = QuantumCircuit(3)
    made.ry(0.4, 0)
    for _ in range(4):
        made.cx(0, 1)
        made.rz(0.3, 1)
        made.cx(1, 2)
        made.ry(0.2, 2)
    return made


def test_inversion_and_extrapolation_bring_a_noisy_mean_closer_to_the_exact_one():
    exact = parity_expectation(Statevector(chain()).probabilities())
    measured = chain()
    measured.measure_all()
    runs = [*circuits.readout_circuits(measured), *(circuits.folded(measured, factor) for factor in (1, 3, 5))]
    backend = noisy(0.02)
    isa = transpile(runs, basis_gates=["rz", "ry", "x", "cx"], optimization_level=0)
    zeros, ones, *folds = backend.run(isa, shots=20_000, seed_simulator=11).result().get_counts()
    found = mitigation.read_back(zeros, ones, dict(zip((1, 3, 5), folds, strict=True)))
    errors = [abs(value - exact) for value in (found.raw, found.inverted, found.extrapolated.value)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.3 * errors[0]
    assert errors[2] < 4 * found.extrapolated.error


def test_folding_changes_nothing_without_noise_and_multiplies_the_gates():
    measured = chain()
    measured.measure_all()
    plain, thrice = (circuits.folded(measured, factor) for factor in (1, 3))
    assert thrice.num_nonlocal_gates() == 3 * plain.num_nonlocal_gates()
    states = [Statevector(circuit.remove_final_measurements(inplace=False)) for circuit in (plain, thrice)]
    assert states[0].equiv(states[1])
    with pytest.raises(ConfigError, match="only odd"):
        circuits.folded(measured, 2)


def test_the_calibration_measures_the_same_qubits_into_the_same_bits():
    measured = QuantumCircuit(4, 2)
    measured.cx(1, 3)
    measured.measure([3, 1], [0, 1])
    zeros, ones = circuits.readout_circuits(measured)
    result = AerSimulator().run([zeros, ones], shots=10).result()
    assert result.get_counts() == [{"00": 10}, {"11": 10}]
    assert [ones.find_bit(each.qubits[0]).index for each in ones.data if each.operation.name == "x"] == [3, 1]
