"""The scale of a network: what it promises at home, and what an intruder in it can and cannot hide."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pandora_core.learn.fitting.models import Model, Tail
from pandora_core.learn.fitting.surprise import SurpriseTree, TreeState
from pandora_core.learn.scoring.calibration import HOME, Calibration, calibrate, flows_wanted
from tests.unit.learn_samples import made_table

RATE = 0.01


def model_of(*names: str) -> Model:
    """A model whose benign training rows scored 0 to 0.2; nobody asks it for a score of cells."""
    tails = {name: Tail.of(np.linspace(0.0, 0.2, 2000)) for name in names}
    model = Model("made", 1, ("a",), dict.fromkeys(names), tails, dict.fromkeys(names, 1.0), slope=1.0, offset=-4.0)
    model.threshold = float(model.probability(np.array([4.6]))[0])
    return model


def local_scores(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Benign flows of a network on which both members score far higher than in training."""
    rng = np.random.default_rng(seed)
    return {"forest": 0.5 + 0.4 * rng.random(rows), "surprise": 0.6 + 0.3 * rng.random(rows)}


def sources(rows: int, count: int = 50) -> np.ndarray:
    return np.array([f"10.0.0.{row % count}" for row in range(rows)])


def test_a_model_that_would_alert_on_everything_keeps_its_promise_once_it_is_calibrated():
    model, warm, later = model_of("forest", "surprise"), local_scores(5000), local_scores(20_000, seed=1)
    assert (model.scores_of(later) > model.threshold).all()
    calibration = calibrate(model, warm, sources(5000), rate=RATE)
    share = (calibration.scores(model, later) > calibration.threshold(model)).mean()
    assert 0.005 < share < 0.015
    assert calibration.is_poor_fit
    assert calibration.told.startswith("calibrated on 5,000 local flows; poor fit: 100% were above")


def test_scores_above_all_local_ones_still_alert():
    model, calibration = model_of("forest"), None
    calibration = calibrate(model, {"forest": local_scores(5000)["forest"]}, sources(5000), rate=RATE)
    found = calibration.scores(model, {"forest": np.array([0.95, 0.99, 0.4])}) > calibration.threshold(model)
    assert found.tolist() == [True, True, False]


def test_a_calm_network_is_not_made_to_alert():
    model = model_of("forest")
    calm = {"forest": 0.05 * np.random.default_rng(0).random(5000)}
    calibration = calibrate(model, calm, sources(5000), rate=RATE)
    assert calibration.cut == pytest.approx(model.cut)
    assert not calibration.is_poor_fit


def test_a_source_that_attacks_during_the_warm_up_is_left_out_and_found_afterwards():
    model, warm, names = model_of("forest", "surprise"), local_scores(5000), sources(5000)
    own = names == "10.0.0.7"
    for values in warm.values():
        values[own] = 0.97
    clean = calibrate(model, local_scores(5000), names, rate=RATE)
    calibration = calibrate(model, warm, names, rate=RATE)
    assert calibration.left_out == ("10.0.0.7",)
    assert calibration.cut == pytest.approx(clean.cut, abs=0.5)
    attack = {name: np.full(3, 0.97) for name in warm}
    assert (calibration.scores(model, attack) > calibration.threshold(model)).all()


def test_no_more_than_one_source_in_twenty_is_left_out():
    model, warm, names = model_of("forest"), local_scores(6000), sources(6000, 60)
    forest = {"forest": warm["forest"]}
    for number in range(20):
        forest["forest"][names == f"10.0.0.{number}"] = 0.95 + number / 1000
    assert len(calibrate(model, forest, names, rate=RATE).left_out) <= 3


def test_with_few_sources_nothing_is_left_out():
    model, warm = model_of("forest"), {"forest": local_scores(3000)["forest"]}
    warm["forest"][::3] = 0.97
    assert calibrate(model, warm, sources(3000, 3), rate=RATE).left_out == ()


def test_it_is_plain_data_that_reads_back_the_same():
    model, warm, later = model_of("forest", "surprise"), local_scores(5000), local_scores(500, seed=2)
    made = calibrate(model, warm, sources(5000), rate=RATE)
    read = msgspec.json.decode(msgspec.json.encode(made), type=Calibration)
    assert read == made
    assert np.array_equal(read.scores(model, later), made.scores(model, later))
    assert max(len(scale.scores) for scale in made.scales.values()) <= 1000


def test_evidence_never_falls_as_a_score_grows():
    model = model_of("forest")
    calibration = calibrate(model, {"forest": local_scores(3000)["forest"]}, sources(3000), rate=RATE)
    grown = calibration.evidence(model, {"forest": np.linspace(0.0, 2.0, 4001)})
    assert (np.diff(grown) >= 0.0).all()


def test_with_cells_it_also_learns_what_is_usual_here():
    table = made_table(6000)
    cells, strange = table.take(~table.is_attack).cells(), table.take(table.kinds == "scan").cells()
    model, rng = model_of("forest"), np.random.default_rng(0)
    blind = rng.random(len(cells))
    made = calibrate(model, {"forest": blind}, sources(len(cells)), rate=RATE, cells=cells)
    assert made.home is not None
    home = SurpriseTree.of(msgspec.json.decode(msgspec.json.encode(made.home), type=TreeState))

    def called(of: np.ndarray) -> float:
        own = {"forest": rng.random(len(of)), HOME: home.scores(of)}
        return (made.scores(model, own) > made.threshold(model)).mean()

    assert called(strange) > 0.5
    fresh = made_table(6000, seed=5)
    assert called(fresh.take(~fresh.is_attack).cells()) < 0.02


def test_a_lower_rate_wants_more_flows():
    assert flows_wanted(0.01) == 1000
    assert flows_wanted(0.001) == 10_000
