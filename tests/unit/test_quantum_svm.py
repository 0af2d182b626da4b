"""Kernel machines: the solver's decisions as plain data, and probabilities from outside."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC, OneClassSVM

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, RbfKernel
from pandora_core.quantum.models.svm import Calibration, Machine, calibrate, train_classifier, train_one_class

KERNEL = FidelityKernel(FeatureMap(3, bandwidth=0.5))


def ring(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Class 1 lies around class 0: no straight line parts them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    x = rng.normal(size=(rows, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * (0.3 + 0.7 * y)[:, None], y


@pytest.mark.parametrize("kernel", [KERNEL, RbfKernel(1.0)], ids=lambda kernel: kernel.name)
def test_a_machine_decides_as_the_solver_it_came_from(kernel):
    x, y = ring(80, 0)
    unseen, _ = ring(30, 1)
    solver = SVC(kernel="precomputed", class_weight="balanced").fit(kernels.gram(kernel, x), y)
    expected = solver.decision_function(kernels.gram(kernel, unseen, x))
    assert np.allclose(train_classifier(kernel, x, y).scores(unseen), expected, atol=1e-9)


def test_a_quantum_kernel_machine_learns_what_is_not_linear():
    machine, (unseen, truth) = train_classifier(KERNEL, *ring(150, 0)), ring(200, 1)
    assert np.mean((machine.scores(unseen) > 0) == truth) > 0.95


def test_a_one_class_machine_decides_as_its_solver_and_leaves_about_nu_outside():
    x, _ = ring(200, 0)
    machine = train_one_class(KERNEL, x, nu=0.1)
    solver = OneClassSVM(kernel="precomputed", nu=0.1).fit(kernels.gram(KERNEL, x))
    assert np.allclose(machine.scores(x), solver.decision_function(kernels.gram(KERNEL, x)), atol=1e-9)
    assert 0.03 < np.mean(machine.scores(x) < 0) < 0.17


def test_a_machine_reads_back_from_its_text_with_the_same_scores():
    x, y = ring(60, 0)
    machine = train_classifier(KERNEL, x, y)
    assert np.array_equal(Machine.from_text(machine.to_text()).scores(x), machine.scores(x))


def test_one_row_is_scored_as_in_a_batch():
    x, y = ring(60, 0)
    machine = train_classifier(KERNEL, x, y)
    assert machine.scores(x[5])[0] == pytest.approx(machine.scores(x)[5], abs=1e-12)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [[1]], "weights": [1, 2], "offset": 0}'])
def test_text_that_is_no_machine_is_refused(text):
    with pytest.raises(ConfigError, match="not a kernel machine"):
        Machine.from_text(text)


def test_calibration_finds_the_logistic_that_drew_the_labels():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, 20_000)
    truth = Calibration(1.5, -0.7)
    found = calibrate(scores, rng.random(20_000) < truth.probabilities(scores))
    assert (found.slope, found.intercept) == pytest.approx((1.5, -0.7), rel=0.08)


def test_calibration_of_separable_scores_stays_finite():
    found = calibrate(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 0.1 < found.slope < 50
    assert found.probabilities(np.array([1e300, -1e300])).tolist() == [1.0, pytest.approx(0.0)]
