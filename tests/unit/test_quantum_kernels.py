"""Kernels: exact against Qiskit, positive semidefinite, streamed without a difference, honest about shots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit_machine_learning.kernels import FidelityStatevectorKernel
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits.forms import feature_map_circuit
from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, LaplacianKernel, RbfKernel

KERNELS = [
    FidelityKernel(FeatureMap(4)),
    FidelityKernel(FeatureMap(4, 1, "full", 0.3)),
    FidelityKernel(FeatureMap(4), single=True),
    RbfKernel(0.7),
    LaplacianKernel(0.7),
]


def some_rows(rows: int, seed: int = 0, features: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (rows, features))


@pytest.mark.parametrize("entanglement", ["linear", "full"])
def test_the_fidelity_kernel_is_that_of_qiskit_machine_learning(entanglement):
    made = FeatureMap(4, entanglement=entanglement)
    x, y = some_rows(12), some_rows(5, 1)
    theirs = FidelityStatevectorKernel(feature_map=feature_map_circuit(made))
    assert np.abs(kernels.gram(FidelityKernel(made), x) - theirs.evaluate(x)).max() < 1e-12
    assert np.abs(kernels.gram(FidelityKernel(made), x, y) - theirs.evaluate(x, y)).max() < 1e-12


def test_the_classical_controls_are_those_of_scikit_learn():
    x, y = some_rows(9), some_rows(7, 1)
    assert np.allclose(kernels.gram(RbfKernel(0.7), x, y), rbf_kernel(x, y, 0.7))
    assert np.allclose(kernels.gram(LaplacianKernel(0.7), x, y), laplacian_kernel(x, y, 0.7))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 30))
def test_a_gram_matrix_is_symmetric_with_a_unit_diagonal_and_no_negative_eigenvalue(kernel, seed, rows):
    made = kernels.gram(kernel, some_rows(rows, seed))
    assert np.array_equal(made, made.T)
    assert np.array_equal(np.diag(made), np.ones(rows))
    assert np.linalg.eigvalsh(made.astype(float)).min() > (-1e-5 if "complex64" in kernel.name else -1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_streaming_gives_the_same_matrix_whatever_the_budget(kernel):
    x, y = some_rows(150), some_rows(130, 1)
    whole = kernels.gram(kernel, x, y)
    for budget_bytes in (1, 60_000, 1 << 28):
        blocks = list(kernels.gram_blocks(kernel, x, y, budget_bytes))
        assert np.allclose(np.concatenate([block.values for block in blocks]), whole, atol=2e-6)
        assert [block.start for block in blocks] == list(np.cumsum([0, *(len(b.values) for b in blocks[:-1])]))


def test_a_small_budget_cuts_rows_and_columns():
    blocks = list(kernels.gram_blocks(KERNELS[0], some_rows(100), budget_bytes=1))
    assert len(blocks) == 100


def test_weighted_sums_are_those_of_the_whole_matrix():
    kernel, x, y = KERNELS[0], some_rows(50), some_rows(20, 1)
    weights = np.random.default_rng(2).normal(size=20)
    found = kernels.weighted(kernel, x, kernel.encode(y), weights, budget_bytes=10_000)
    assert np.allclose(found, kernels.gram(kernel, x, y) @ weights)


def test_single_precision_says_so_and_is_close():
    x = some_rows(40)
    rough, fine = FidelityKernel(FeatureMap(4), single=True), FidelityKernel(FeatureMap(4))
    assert "complex64" in rough.name
    assert 0 < np.abs(kernels.gram(rough, x) - kernels.gram(fine, x)).max() < 5e-6


def test_shots_are_unbiased_symmetric_and_repeat_with_their_seed():
    exact = kernels.gram(KERNELS[1], some_rows(20))
    draws = [kernels.sample(exact, 200, np.random.default_rng(seed)) for seed in range(300)]
    assert np.array_equal(draws[0], kernels.sample(exact, 200, np.random.default_rng(0)))
    assert all(np.array_equal(draw, draw.T) and (np.diag(draw) == 1).all() for draw in draws)
    deviation = np.sqrt(exact * (1 - exact) / 200 / 300)
    assert (np.abs(np.mean(draws, axis=0) - exact) <= 6 * deviation + 1e-12).all()


def test_the_shot_floor_is_the_rule_of_three_and_its_error_is_what_sampling_shows():
    exact = kernels.gram(FidelityKernel(FeatureMap(4, bandwidth=0.6)), some_rows(60))
    floor = kernels.shot_floor(exact, 1000)
    assert floor.smallest == pytest.approx(3 / 1000, rel=0.01)
    off = ~np.eye(60, dtype=bool)
    seen = (kernels.sample(exact, 1000, np.random.default_rng(0)) - exact)[off]
    assert np.sqrt(np.mean(seen**2)) == pytest.approx(floor.error, rel=0.1)
    assert floor.lost == np.mean(exact[off] < floor.smallest)


def test_more_qubits_lose_more_of_the_kernel_under_the_floor():
    lost = [
        kernels.shot_floor(kernels.gram(FidelityKernel(FeatureMap(q)), some_rows(40, features=q)), 1000).lost
        for q in (2, 6, 10)
    ]
    assert lost[0] < lost[1] < lost[2]


def test_the_nearest_psd_matrix_mends_sampled_ones_and_leaves_good_ones():
    exact = kernels.gram(KERNELS[0], some_rows(40))
    noisy = kernels.sample(exact, 50, np.random.default_rng(0))
    assert np.linalg.eigvalsh(noisy).min() < -1e-3
    assert np.linalg.eigvalsh(kernels.nearest_psd(noisy)).min() > -1e-12
    assert np.allclose(kernels.nearest_psd(exact), exact)


def test_all_rows_as_landmarks_are_exact():
    x = some_rows(30)
    made = kernels.landmarks(KERNELS[1], x, 30, np.random.default_rng(0))
    features = made.features(x)
    assert np.allclose(features @ features.T, kernels.gram(KERNELS[1], x), atol=1e-6)


def test_the_residual_of_landmarks_is_what_they_leave_of_the_diagonal():
    x = some_rows(200)
    kernel = FidelityKernel(FeatureMap(4, bandwidth=0.3))
    few, more = (kernels.landmarks(kernel, x, count, np.random.default_rng(0)) for count in (5, 40))
    assert more.residual < few.residual / 2
    features = few.features(x)
    assert few.residual == pytest.approx(float(np.mean(1 - (features**2).sum(axis=1))), abs=1e-6)


def test_landmarks_of_equal_rows_stop_at_one():
    assert len(kernels.landmarks(KERNELS[0], np.ones((20, 4)), 10, np.random.default_rng(0)).chosen) == 1


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_the_plain_form_reads_back_as_the_same_kernel(kernel):
    assert kernels.from_json(kernels.as_json(kernel)) == kernel


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ConfigError, match="no kernel named 'magic'"):
        kernels.from_json({"kernel": "magic"})
