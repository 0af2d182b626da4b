"""Learning on real flows and on NSL-KDD: types held out are found, and a part of a file is not the whole."""

from __future__ import annotations

import pytest

from pandora_core.learn import metrics
from pandora_core.learn.card import RECIPES, Training
from pandora_core.learn.data.datasets import load
from pandora_core.learn.data.profile import warnings
from pandora_core.learn.fitting.training import train
from pandora_core.learn.table import divide, hold_out

pytestmark = pytest.mark.realdata


def test_attack_types_that_were_held_out_of_nsl_kdd_are_found(shared_data):
    table = load(next(shared_data("nsl-kdd-train").rglob("KDDTrain+_20Percent.txt"))).table
    assert (len(table), len(table.schema.columns)) == (25_192, 41)
    division = hold_out(table, {"ipsweep", "satan", "back", "guess_passwd"}, 0.25, 1)
    trained = train(table.take(division.train), Training(RECIPES["hybrid"], rehearsals=2))
    test = table.take(division.test)
    scores = trained.model.scores(test.cells())
    figures = metrics.measure(scores, test.kinds, frozenset(trained.known), trained.model.threshold, rounds=0)
    assert figures.roc_auc.value > 0.98
    assert figures.f1.value > 0.9
    assert figures.new_recall_at_1_fpr.value > 0.55


def test_raw_unsw_rows_are_flows_in_order_of_time(shared_data):
    table = load(next(shared_data("unsw-nb15-raw").rglob("unsw_raw49_sample10000.csv"))).table
    assert table.schema.id == "flow/1"
    assert (len(table), int(table.is_attack.sum())) == (10_000, 1_326)
    assert divide(table, 0.3, 0).by == "time"


def test_the_labelled_zeek_log_has_719_malicious_flows(shared_data):
    path = next(shared_data("slips-logs").rglob("conn.log.labeled"))
    table = load(path).table
    assert (int(table.is_attack.sum()), int((~table.is_attack).sum())) == (719, 44)
    assert isinstance(warnings(table), list)
