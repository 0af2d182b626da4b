"""Models: what they find, what they are blind to, and that they are the same every time."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from pandora_core.errors import ConfigError, RefusedError
from pandora_core.learn import metrics
from pandora_core.learn.card import Preparation, Recipe, Training
from pandora_core.learn.data.padding import padded_copies
from pandora_core.learn.fitting import training
from pandora_core.learn.fitting.models import Tail, make_member, row_weights
from pandora_core.learn.fitting.pipeline import build, describe
from pandora_core.learn.fitting.robustness import evade, flipped, poison
from pandora_core.learn.fitting.search import search
from pandora_core.learn.fitting.surprise import SurpriseTree
from pandora_core.learn.fitting.training import train, workers
from pandora_core.learn.metrics import Judged
from pandora_core.learn.table import divide, hold_out
from tests.unit.learn_samples import SCHEMA, made_table

SMALL = Recipe({"forest": {"n_estimators": 20}, "surprise": {"bins": 8}})


def test_a_value_that_is_ordinary_but_for_its_company_is_a_surprise():
    table = made_table(2000)
    tree = SurpriseTree(3, bins=8, largest=2).fit(table.take(~table.is_attack).cells())
    scores = tree.scores(table.cells())
    assert np.median(scores[table.kinds == "theft"]) > np.quantile(scores[table.kinds == ""], 0.99)
    size, service = 0, 3
    assert service in (tree.parent_of(size), service) or tree.parent_of(service) == size


def test_an_unseen_word_and_a_missing_number_have_codes_of_their_own():
    table = made_table(500)
    tree = SurpriseTree(3, bins=8).fit(table.cells())
    cells = table.cells()[:1]
    plain = tree.terms(cells).copy()
    cells[0, 3], cells[0, 2] = "never-seen", float("nan")
    strange = tree.terms(cells)
    assert strange[0].max() > plain[0].max()
    assert np.isfinite(strange).all()


def test_a_row_scores_alone_as_it_does_among_others():
    table = made_table()
    model = train(table, Training(SMALL, rehearsals=2)).model
    cells = table.cells()
    assert np.array_equal(model.scores(cells)[:5], np.concatenate([model.scores(cells[i : i + 1]) for i in range(5)]))


def test_the_combination_finds_a_type_that_the_forest_alone_is_blind_to():
    table = made_table(3000)
    division = hold_out(table, {"theft"}, 0.3, 1)
    test = table.take(division.test)
    found = []
    for recipe in (
        Recipe({"forest": {"n_estimators": 20}}),
        Recipe({"forest": {"n_estimators": 20}, "surprise": {}}),
    ):
        trained = train(table.take(division.train), Training(recipe, rehearsals=2))
        scores = trained.model.scores(test.cells())
        figures = metrics.measure(scores, test.kinds, frozenset(trained.known), trained.model.threshold, rounds=0)
        assert figures.new_types == ("theft",)
        found.append(figures.new_recall_at_1_fpr.value)
    forest, combined = found
    assert combined > 2 * forest > 0


def test_training_twice_with_one_seed_gives_the_same_scores_and_threshold():
    table = made_table()
    first, second = (train(table, Training(SMALL, seed=7, rehearsals=2)).model for _ in range(2))
    assert np.array_equal(first.scores(table.cells()), second.scores(table.cells()))
    assert first.threshold == second.threshold


def test_the_threshold_lets_through_the_share_of_benign_rows_that_was_asked_for():
    trained = train(made_table(4000), Training(SMALL, rehearsals=2, false_positive_rate=0.05))
    fresh = made_table(4000, seed=9)
    called = trained.model.scores(fresh.take(~fresh.is_attack).cells()) > trained.model.threshold
    assert 0.02 < called.mean() < 0.08


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("forest", "flood"), ("boosting", "flood"), ("logistic", "flood"), ("surprise", "flood"),
        ("isolation", "flood"), ("reconstruction", "theft"), ("neighbours", "theft"),
    ],
)  # fmt: skip
def test_every_member_sees_what_it_is_made_for(name, kind):
    table = made_table(800)
    member = make_member(name, Recipe({name: {}}), SCHEMA, 0)
    member.fit(table.cells(), table.is_attack, row_weights(table))
    fresh = made_table(400, seed=3)
    fresh = fresh.take((fresh.kinds == "") | (fresh.kinds == kind))
    assert metrics.roc_auc(Judged(member.scores(fresh.cells()), fresh.is_attack, fresh.is_attack)) > 0.8


def test_evidence_goes_on_growing_above_every_benign_score():
    tail = Tail.of(np.linspace(0, 1, 101))
    evidence = tail.evidence(np.array([0.0, 0.5, 1.0, 1.5, 2.0]))
    assert (np.diff(evidence) > 0).all()
    assert evidence[0] == pytest.approx(0.0, abs=1e-9)


def test_a_type_weighs_by_the_root_of_its_rows_and_attacks_as_much_as_benign_rows():
    table = made_table(1000)
    weights = row_weights(table)
    assert weights[table.is_attack].sum() == pytest.approx(weights[~table.is_attack].sum())
    sums = [weights[table.kinds == kind].sum() for kind in ("flood", "scan")]
    counts = [(table.kinds == kind).sum() for kind in ("flood", "scan")]
    assert sums[0] / sums[1] == pytest.approx((counts[0] / counts[1]) ** 0.5)


def test_the_preparation_tells_every_step_and_takes_words_it_never_saw():
    table = made_table()
    how = Preparation(clip_share=0.01, interactions=2, correlation=0.99, keep=5, components=3)
    pipeline = build(SCHEMA, how, 0)
    assert pipeline.fit_transform(table.cells(), table.is_attack).shape == (600, 3)
    cells = table.cells()
    cells[:, 3] = "unheard"
    cells[:, 0] = float("inf")
    assert np.isfinite(pipeline.transform(cells)).all()
    told = " ".join(describe(pipeline))
    for word in ("impute", "clip", "logarithm", "scale", "interactions", "one-hot", "correlated", "eliminate", "PCA"):
        assert word in told or word == "PCA"


def test_smote_and_adversarial_training_still_give_a_model():
    recipe = Recipe({"forest": {"n_estimators": 10}}, smote=True, adversarial=0.5)
    assert train(made_table(), Training(recipe, rehearsals=2)).model.threshold < 1.0


def test_what_cannot_be_trained_is_refused_with_the_reason():
    table = made_table()
    with pytest.raises(RefusedError, match="no row is an attack"):
        train(table.take(~table.is_attack), Training(SMALL))
    with pytest.raises(RefusedError, match="too few"):
        train(table.take(table.is_attack), Training(SMALL))
    with pytest.raises(ConfigError, match="no member named"):
        train(table, Training(Recipe({"oracle": {}}), rehearsals=2))
    with pytest.raises(ConfigError, match="crystals"):
        train(table, Training(Recipe({"forest": {"crystals": 3}}), rehearsals=2))


def test_a_novelty_model_needs_no_attack():
    table = made_table()
    model = train(table.take(~table.is_attack), Training(Recipe({"surprise": {}}), rehearsals=2)).model
    scores = model.scores(table.cells())
    assert scores[table.kinds == "scan"].mean() > scores[table.kinds == ""].mean()


def test_data_with_times_is_divided_by_time_and_other_data_tells_what_it_repeats():
    timed = made_table(timed=True)
    division = divide(timed, 0.25, 0)
    assert division.by == "time"
    assert timed.at_us[division.train].max() < timed.at_us[division.test].min()
    table = made_table()
    doubled = table.take(np.concatenate([np.arange(600), np.arange(600)]))
    assert divide(doubled, 0.5, 0).repeated > 0.3
    assert divide(table, 0.5, 0).repeated == 0.0
    with pytest.raises(RefusedError, match="no times"):
        divide(table, 0.5, 0, by="time")


def test_padding_changes_what_is_the_attackers_own_and_nothing_else():
    table = made_table()
    more = padded_copies(table, 1.0, 0)
    extra = more.take(np.arange(len(table), len(more)))
    assert len(extra) == table.is_attack.sum()
    assert (extra.numbers[:, 0] >= table.numbers[table.is_attack, 0]).all()
    assert np.array_equal(extra.numbers[:, 1:], table.numbers[table.is_attack, 1:])


def test_a_search_for_evasion_never_does_worse_than_no_padding():
    table = made_table(300)
    model = train(made_table(), Training(SMALL, rehearsals=2)).model
    plain, _, searched = evade(model, table, steps=1)
    assert searched.roc_auc <= plain.roc_auc
    assert searched.roc_auc_lost == pytest.approx(plain.roc_auc - searched.roc_auc)


def test_flipped_labels_cost_and_the_loss_is_reported():
    table = made_table(400)
    assert (flipped(table, 0.5, 0).is_attack != table.is_attack).mean() == pytest.approx(0.5, abs=0.1)
    losses = poison(table, made_table(400, seed=4), Training(SMALL, rehearsals=2), shares=(0.3,))
    assert losses[0].roc_auc_lost == 0.0
    assert losses[1].roc_auc < losses[0].roc_auc


@pytest.mark.parametrize(("way", "count"), [("grid", 4), ("random", 3), ("halving", 3)])
def test_a_search_gives_its_trials_best_first(way, count):
    grid = {"surprise.bins": [4, 8], "surprise.largest": [1, 2]}
    found = search(made_table(300), Training(Recipe({"surprise": {}}), rehearsals=2), grid, way=way, trials=3)
    assert len(found) == count
    assert [trial.worth for trial in found] == sorted((trial.worth for trial in found), reverse=True)


def test_a_search_by_time_judges_by_what_comes_later():
    start, grid = Training(Recipe({"surprise": {}}), rehearsals=2), {"surprise.bins": [4, 8]}
    assert len(search(made_table(300, timed=True), start, grid, way="grid", by_time=True)) == 2
    with pytest.raises(ConfigError, match="no times"):
        search(made_table(), start, grid, by_time=True)
    with pytest.raises(ConfigError, match="no member's parameter"):
        search(made_table(), start, {"forest.bins": [1]})


def test_rows_with_other_labels_but_the_same_features_have_the_same_hash():
    table = made_table()
    other = replace(table, kinds=table.kinds[::-1])
    assert np.array_equal(table.row_hashes(), other.row_hashes())
    assert len(np.unique(table.row_hashes())) == len(table)


def test_two_cores_give_the_model_that_one_gives():
    table = made_table()
    models = []
    for count in (1, 2):
        with workers(count):
            models.append(train(table, Training(SMALL, rehearsals=2)).model)
    assert np.array_equal(models[0].scores(table.cells()), models[1].scores(table.cells()))
    assert models[0].threshold == models[1].threshold


def test_a_cluster_without_dask_installed_is_refused_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="Dask is not installed"), workers(1, "tcp://127.0.0.1:1"):
        pytest.fail("nothing is computed")


def test_benign_traffic_of_kinds_that_were_left_out_whole_is_part_of_the_scale(monkeypatch):
    table = made_table(3000)
    categories = table.categories.astype(object)
    rows = np.flatnonzero(~table.is_attack)[:300]
    categories[rows, 0] = [f"backup-{row % 8}" for row in range(len(rows))]
    table = replace(table, categories=categories.astype(np.str_))
    how = Training(Recipe({"surprise": {"bins": 8}}), rehearsals=2)
    wary = train(table, how).model.tails["surprise"].benign
    monkeypatch.setattr(training, "_RARE", 0.0)
    naive = train(table, how).model.tails["surprise"].benign
    assert np.quantile(wary, 0.97) > np.quantile(naive, 0.97)
    assert np.quantile(wary, 0.5) == pytest.approx(np.quantile(naive, 0.5), rel=0.2)
