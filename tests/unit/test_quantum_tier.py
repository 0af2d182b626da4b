"""The quantum tier's model: two members of the same rows, kept as plain data, off where validation shows harm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pandora_core.errors import ConfigError, NotFoundError, RefusedError, TamperedError
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, RbfKernel
from pandora_core.quantum.tier import model as tier
from pandora_core.quantum.tier.card import FOLDER, About, card
from pandora_core.quantum.tier.model import TierModel
from pandora_core.quantum.tier.novelty import Recipe
from pandora_core.quantum.tier.preparation import Preparation
from pandora_core.quantum.tier.study import Rows
from pandora_core.quantum.tier.training import CONTROL, QUANTUM, Options, grids, train, verdict_of

ABOUT = About("made up", "0" * 64, 0, 0.0, 0, "ann", 0)
SMALL = {
    QUANTUM: [Recipe(FidelityKernel(FeatureMap(3, 1)), 3, "one-class")],
    CONTROL: [Recipe(RbfKernel(1.0), 3, "one-class")],
}
QUICK = Options(divisions=3, trees=10, reference_rows=60)


def company(types: int = 6, benign: int = 600, seed: int = 0) -> Rows:
    """Benign rows of two sorts; each attack type has its own large number."""
    rng = np.random.default_rng(seed)
    kinds = np.array([""] * benign + [f"type {at}" for at in range(types) for _ in range(40)])
    numbers = np.exp(rng.normal(size=(len(kinds), 5)))
    for at in range(types):
        numbers[kinds == f"type {at}", at % 5] *= 30
    numbers[rng.random(numbers.shape) < 0.02] = np.nan
    words = np.array(["tcp", "udp"])[rng.integers(0, 2, (len(kinds), 1))]
    return Rows("made up", numbers, words, kinds)


@pytest.fixture(scope="module")
def model() -> TierModel:
    return train(company(), "flow/1", ABOUT, QUICK, given=SMALL)


def test_both_members_are_of_the_same_rows_and_say_what_they_are_worth(model):
    assert (model.quantum.kernel, model.control.kernel) == (SMALL[QUANTUM][0].kernel, SMALL[CONTROL][0].kernel)
    assert model.about.reference_rows == 60
    for member in (model.quantum, model.control):
        assert 1 <= len(member.support) <= 60
        assert member.verdict.divisions == 3
        assert member.verdict.low <= member.verdict.gain <= member.verdict.high
        assert member.verdict.on is (member.verdict.low > 0)
        assert ((member.support >= 0) & (member.support <= 1)).all()


def test_what_is_strange_scores_higher_and_rarer_than_what_is_ordinary(model):
    given = company(seed=1)
    prepared = model.prepared(given.numbers, given.categories)
    for member in (model.quantum, model.control):
        scores = member.scores(prepared)
        benign, strange = scores[given.kinds == ""], scores[given.kinds == "type 0"]
        assert np.median(strange) > np.median(benign)
        assert np.median(member.rarities(strange)) < np.median(member.rarities(benign))
        assert 0.3 < np.median(member.rarities(benign)) < 0.7


def test_a_threshold_spends_its_share_of_the_budget_on_benign_rows_it_has_not_seen(model):
    given = company(types=1, benign=3000, seed=2)
    benign = model.prepared(given.numbers, given.categories)[given.kinds == ""]
    for member in (model.quantum, model.control):
        assert np.mean(member.scores(benign) > member.threshold) < 0.05


def test_a_model_is_the_same_after_it_was_kept(model, tmp_path: Path):
    number = tier.save(tmp_path, model)
    again = tier.load(tmp_path, number)
    assert again.to_text() == model.to_text()
    assert again.hash == number == tier.save(tmp_path, model)
    given = company(seed=3)
    prepared = model.prepared(given.numbers, given.categories)
    assert np.array_equal(
        again.quantum.scores(again.prepared(given.numbers, given.categories)), model.quantum.scores(prepared)
    )
    path = tmp_path / FOLDER / f"{number}.json"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_changed_file_is_refused_and_a_missing_one_says_what_to_do(model, tmp_path: Path):
    number = tier.save(tmp_path, model)
    path = tmp_path / FOLDER / f"{number}.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(TamperedError):
        tier.load(tmp_path, number)
    with pytest.raises(NotFoundError, match="tier train"):
        tier.load(tmp_path, "0" * 16)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"quantum": {}},
        {"about": {"dataset": "x"}},
        {"preparation": {"words": [], "mean": 1, "deviation": []}},
    ],
)
def test_what_is_no_model_is_refused(model, change):
    with pytest.raises(ConfigError, match="not a model"):
        TierModel.from_text(json.dumps(json.loads(model.to_text()) | change))


def test_a_classical_kernel_does_not_pass_for_a_quantum_one(model):
    plain = json.loads(model.to_text())
    with pytest.raises(ConfigError, match="no quantum kernel"):
        TierModel.from_text(json.dumps(plain | {"quantum": plain["control"]}))


def test_training_repeats_with_its_seed(model):
    assert train(company(), "flow/1", ABOUT, QUICK, given=SMALL).hash == model.hash
    assert train(company(), "flow/1", ABOUT, QUICK._replace(seed=1), given=SMALL).hash != model.hash


def test_too_few_types_leave_the_tier_off_and_unvalidated():
    made = train(company(types=2), "flow/1", ABOUT, QUICK, given=SMALL)
    assert not made.quantum.verdict.on
    assert made.served is None
    assert "not validated" in made.quantum.verdict.text


def test_too_few_benign_rows_are_refused():
    with pytest.raises(RefusedError, match="too few"):
        train(company(benign=50), "flow/1", ABOUT, QUICK, given=SMALL)


@pytest.mark.parametrize(
    ("gains", "on"),
    [([0.1, 0.12, 0.11], True), ([-0.1, -0.12, -0.11], False), ([0.3, -0.1, 0.1], False), ([0.0, 0.0, 0.0], False)],
)
def test_a_member_is_on_only_where_the_whole_interval_is_above_zero(gains, on):
    found = verdict_of(gains, 0.5)
    assert found.on is on
    assert found.text.startswith("on: " if on else "off: ")


def test_of_two_that_are_on_the_larger_gain_screens_and_the_classical_one_if_equal(model):
    def with_gains(quantum: float, control: float) -> str | None:
        verdicts = [verdict_of([gain, gain + 0.001, gain - 0.001], 0.5) for gain in (quantum, control)]
        data = json.loads(model.to_text())
        data["quantum"]["verdict"], data["control"]["verdict"] = map(list, verdicts)
        served = TierModel.from_text(json.dumps(data)).served
        return served and served.name

    assert with_gains(0.2, 0.1) == model.quantum.name
    assert with_gains(0.1, 0.2) == model.control.name
    assert with_gains(0.1, 0.1) == model.control.name
    assert with_gains(-0.1, 0.1) == model.control.name
    assert with_gains(-0.1, -0.1) is None


def test_the_grids_stay_within_eight_qubits_and_are_one_class_machines():
    found = grids()
    assert max(recipe.dimensions for grid in found.values() for recipe in grid) == 8
    assert {recipe.method for grid in found.values() for recipe in grid} == {"one-class"}
    assert len(found[CONTROL]) >= len(found[QUANTUM])


def test_preparation_takes_what_is_not_known_for_the_mean():
    numbers = np.array([[1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]])
    words = np.array([["tcp"], ["udp"], ["tcp"]])
    made = Preparation.of(numbers, words)
    assert made.apply(numbers, words).shape == (3, 3)  # the second number does not vary
    assert made.apply(np.array([np.nan, 1.0]), np.array(["icmp"]))[0, 0] == 0.0
    again = Preparation.from_json(json.loads(json.dumps(made.as_json())))
    assert np.array_equal(again.apply(numbers, words), made.apply(numbers, words))


def test_a_card_says_of_a_model_what_the_model_says_of_itself(model, tmp_path: Path):
    found = card(tmp_path, tier.save(tmp_path, model))
    assert (found.schema, found.about) == (model.schema, model.about)
    assert (found.quantum.name, found.control.name) == (model.quantum.name, model.control.name)
    assert (found.quantum.verdict, found.control.verdict) == (model.quantum.verdict, model.control.verdict)
    assert (found.served and found.served.name) == (model.served and model.served.name)
