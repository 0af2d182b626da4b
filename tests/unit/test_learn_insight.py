"""What a model needs and what more rows would bring, and where reports on it are kept."""

from __future__ import annotations

from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.fitting.insight import importance, learning_curve
from pandora_core.learn.fitting.training import train
from pandora_core.learn.versions import reports
from tests.unit.learn_samples import made_table

SMALL = Training(Recipe({"forest": {"n_estimators": 10}}), rehearsals=2)


def test_a_column_that_says_something_matters_and_noise_does_not():
    table = made_table(800)
    model = train(table, SMALL).model
    found = {each.column: each.lost for each in importance(model, made_table(800, seed=1))}
    assert set(found) == set(table.schema.columns)
    assert min(found["size"], found["rate"], found["flag"]) > 0.02
    assert abs(found["noise"]) < 0.02


def test_a_learning_curve_is_judged_on_the_same_rows_and_has_every_type_in_every_part():
    told: list[str] = []
    points = learning_curve(
        made_table(1200), SMALL, shares=(0.2, 1.0), progress=lambda _, __, what: told.append(what)
    )
    assert points[0].rows < points[1].rows <= 0.72 * 1200
    assert points[1].roc_auc >= points[0].roc_auc - 0.02
    assert all(point.fitted_roc_auc >= point.roc_auc - 0.02 for point in points)
    assert told[0].startswith("learning from")


def test_the_same_seed_gives_the_same_importance():
    table = made_table(400)
    model = train(table, SMALL).model
    assert importance(model, table, seed=3) == importance(model, table, seed=3)
    assert importance(model, table, seed=3) != importance(model, table, seed=4)


def test_the_newest_report_of_each_kind_is_kept_and_a_spoilt_one_counts_as_none(tmp_path):
    assert reports.read(tmp_path, 1) == {}
    reports.keep(tmp_path, 1, "evaluate", {"rows": 1})
    reports.keep(tmp_path, 1, "evaluate", {"rows": 2})
    reports.keep(tmp_path, 2, "importance", {"items": []})
    assert reports.read(tmp_path, 1) == {"evaluate": {"rows": 2}}
    (tmp_path / "reports" / "0001-evaluate.json").write_bytes(b'{"rows":')
    assert reports.read(tmp_path, 1) == {}
