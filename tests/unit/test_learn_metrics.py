"""The figures of a model, against values reckoned by hand or by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.learn import metrics
from pandora_core.learn.metrics import Judged


def judged(scores: list[float], attack: list[int]) -> Judged:
    flags = np.array(attack, bool)
    return Judged(np.array(scores, float), flags, flags)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_areas_are_those_of_scikit_learn_ties_included(rows):
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, attack = [score / 9 for score, _ in rows], [int(flag) for _, flag in rows]
    if len(set(attack)) < 2:
        assert metrics.roc_auc(judged(scores, attack)) is None
        return
    assert metrics.roc_auc(judged(scores, attack)) == pytest.approx(roc_auc_score(attack, scores))
    assert metrics.pr_auc(judged(scores, attack)) == pytest.approx(average_precision_score(attack, scores))


def test_at_most_one_benign_row_in_a_hundred_lies_above_the_cut():
    benign = np.linspace(0, 1, 1000)
    assert (benign > metrics.cut_at(benign, 0.01)).mean() <= 0.01
    assert (benign > metrics.cut_at(benign, 0.01)).sum() >= 9


def test_types_unseen_in_training_are_counted_apart_from_known_ones():
    kinds = np.array(["", "", "known", "new", "new"])
    figures = metrics.measure(np.array([0.1, 0.2, 0.9, 0.9, 0.1]), kinds, frozenset({"known"}), 0.5, rounds=20)
    assert figures.new_types == ("new",)
    assert figures.new_recall.value == 0.5
    assert figures.recall_by_type == {"known": 1.0, "new": 0.5}
    assert figures.false_positive_rate.value == 0.0


def test_an_interval_holds_the_value_and_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(1)
    kinds = np.where(rng.random(400) < 0.5, "x", "").astype(str)
    scores = np.clip(rng.random(400) * 0.6 + (kinds == "x") * 0.3, 0, 1)
    first, second = (metrics.measure(scores, kinds, frozenset({"x"}), 0.5, rounds=50) for _ in range(2))
    assert first == second
    assert first.roc_auc.low < first.roc_auc.value < first.roc_auc.high


def test_what_cannot_be_counted_is_none_and_not_zero():
    figures = metrics.measure(np.array([0.1, 0.9]), np.array(["", ""]), frozenset(), 0.5, rounds=5)
    assert figures.roc_auc.value is None
    assert figures.recall.value is None
    assert figures.false_positive_rate.value == 0.5


def test_probabilities_that_come_true_as_often_as_they_say_have_no_calibration_error():
    assert metrics.calibration_error(judged([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0])) == pytest.approx(0.0)
    assert metrics.calibration_error(judged([0.9, 0.9], [0, 0])) == pytest.approx(0.9)


def test_curves_end_where_everything_is_called_an_attack():
    sample = judged([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    roc, pr = metrics.roc_curve(sample), metrics.pr_curve(sample)
    assert (roc.x[-1], roc.y[-1]) == (1.0, 1.0)
    assert roc.y == sorted(roc.y)
    assert pr.y[-1] == pytest.approx(2 / 3)
