"""The novelty tier: its scores, its thresholds, its gate, and a study that never looks at its test side."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import OneClassSVM

from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, RbfKernel
from pandora_core.quantum.tier.novelty import METHODS, Projection, Recipe, fit, gate, upper_quantile
from pandora_core.quantum.tier.study import FAST, Rows, divide, interval, study

KERNELS = [FidelityKernel(FeatureMap(3, bandwidth=0.7)), RbfKernel(2.0)]


def benign(rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(rows, 6))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_lies_far_outside(kernel, method):
    projection = Projection.of(benign(300), 3)
    encoded = kernel.encode(projection.apply(benign(300)))
    scorer = fit(method, kernel.within(encoded), encoded)

    def scores(x):
        return scorer.scores(kernel.between(kernel.encode(projection.apply(np.atleast_2d(x))), scorer.encoded))

    strange = projection.mean + 3 * (projection.high * projection.axes).sum(axis=1)
    assert scores(strange)[0] > np.quantile(scores(benign(300)), 0.95)


def test_a_residual_is_what_the_main_axes_leave_of_a_feature_vector():
    x = benign(60)[:, :3]
    gram = kernels.gram(KERNELS[1], x)
    scores = fit("residual", gram, x).scores(gram)
    assert (scores > -1e-9).all()
    assert (scores < 1).all()
    assert scores.mean() == pytest.approx(0.05, abs=0.03)


def test_one_class_scores_are_those_of_the_solver_up_to_a_constant():
    x = benign(100)[:, :3]
    gram = kernels.gram(KERNELS[0], x)
    made = fit("one-class", gram, np.arange(100))
    expected = -OneClassSVM(kernel="precomputed", nu=0.02).fit(gram).decision_function(gram)
    assert np.ptp(made.scores(gram[:, made.encoded]) - expected) < 1e-9


def test_a_projection_stays_between_0_and_1_and_keeps_the_order_of_what_is_far_out():
    x = benign(500)
    made = Projection.of(x, 2)
    steps = made.mean + np.arange(0, 3)[:, None] * made.axes[:, 0] * made.high[0]
    first = made.apply(steps)[:, 0]
    assert (np.diff(first) > 0).all()
    assert ((made.apply(x) > 0) & (made.apply(x) < 1)).all()


def test_a_projection_does_not_depend_on_the_sign_of_an_eigenvector():
    made = Projection.of(benign(500), 3)
    strongest = np.abs(made.axes).argmax(axis=0)
    assert (made.axes[strongest, np.arange(3)] > 0).all()


@pytest.mark.parametrize(
    ("gains", "on"),
    [([0.1, 0.1], True), ([0.1, -0.09], False), ([-0.1, -0.1], False), ([0.0, 0.0], False), ([0.5], False)],
)
def test_the_gate_is_open_only_where_the_gain_is_beyond_its_own_error(gains, on):
    assert gate(gains).on is on


def test_a_quantile_never_lets_more_through_than_its_rate():
    scores = np.random.default_rng(0).normal(size=997)
    for rate in (0.01, 0.02, 0.05, 0.5):
        assert np.mean(scores > upper_quantile(scores, rate)) <= rate
    assert upper_quantile(scores, 0.0) == float("inf")
    assert upper_quantile(scores, 1.0) == float("-inf")


def test_the_interval_is_students():
    made = interval([1.0, 2.0, 3.0])
    assert made.mean == 2.0
    assert made.half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert interval([1.0]).half == float("inf")


def company(seed: int = 0) -> Rows:
    """Benign rows on a plane; each of six attack types has its own place and category."""
    rng = np.random.default_rng(seed)
    kinds = np.array([""] * 1000 + [f"type {at}" for at in range(6) for _ in range(60)])
    numbers = np.exp(rng.normal(size=(len(kinds), 5)))
    for at in range(6):
        numbers[kinds == f"type {at}", at % 5] *= 20
    return Rows("made up", numbers, rng.integers(0, 3, (len(kinds), 1)), kinds)


def test_a_division_holds_out_types_and_shares_no_row():
    rows = company()
    made = divide(rows, np.flatnonzero(rows.kinds == ""), sorted(set(rows.kinds) - {""}), np.random.default_rng(0))
    together = np.concatenate(list(made))
    assert len(np.unique(together)) == len(together)
    held, known = set(rows.kinds[made.judge_new]), set(rows.kinds[made.fit_attacks])
    assert len(held) == 2
    assert not held & known
    assert set(rows.kinds[made.judge_known]) <= known


GRIDS = {
    "quantum kernel": [Recipe(FidelityKernel(FeatureMap(3, 1)), 3, "density")],
    "RBF": [Recipe(RbfKernel(1.0), 3, method) for method in ("density", "residual")],
}


@pytest.fixture(scope="module")
def outcomes():
    return list(study(company(), [0], GRIDS, trees=10))


def test_a_study_has_every_family_at_every_budget(outcomes):
    assert [(o.family, o.budget) for o in outcomes] == [
        (family, budget) for budget in (0.02, 0.05) for family in (FAST, "quantum kernel", "RBF")
    ]


def test_a_family_whose_gate_is_off_is_the_fast_tier_alone(outcomes):
    alone = {o.budget: o.point for o in outcomes if o.family == FAST}
    gated = [o for o in outcomes if o.gate]
    assert all(o.point == (o.forced if o.gate.on else alone[o.budget]) for o in gated)


def test_the_alerts_of_a_study_stay_near_their_budget(outcomes):
    assert all(outcome.forced.false < outcome.budget + 0.03 for outcome in outcomes)


def test_a_study_repeats_with_its_seed(outcomes):
    assert list(study(company(), [0], GRIDS, trees=10)) == outcomes


def test_choices_do_not_change_with_the_rows_that_judge(outcomes):
    """Attack rows of held-out types are replaced by others: what was chosen and the gate must not move."""
    rows = company()
    outer = divide(rows, np.flatnonzero(rows.kinds == ""), sorted(set(rows.kinds) - {""}), np.random.default_rng(0))
    numbers = rows.numbers.copy()
    numbers[np.concatenate([outer.judge_new, outer.judge_benign])] *= 1000.0
    changed = list(study(Rows("changed", numbers, rows.categories, rows.kinds), [0], GRIDS, trees=10))
    assert [(o.recipe, o.share, o.gate) for o in changed] == [(o.recipe, o.share, o.gate) for o in outcomes]
    assert [o.point for o in changed] != [o.point for o in outcomes]
