"""The live form of a model: the scores of the long way, whatever the batch, and taken apart without a rest."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.errors import RefusedError
from pandora_core.learn.card import Preparation, Recipe
from pandora_core.learn.data.flows import FLOW, WORDS, FlowBlock
from pandora_core.learn.fitting.models import Model, Tail, fit_members
from pandora_core.learn.scoring.compiled import Compiled
from pandora_core.learn.table import Table
from tests.unit.learn_samples import flow_block, flow_table

RECIPES = {
    "forest": Recipe({"forest": {"n_estimators": 12, "max_leaf_nodes": 16}}),
    "deep forest": Recipe({"forest": {"n_estimators": 5}}),
    "boosting": Recipe({"boosting": {"max_iter": 12, "max_leaf_nodes": 8}}),
    "deep boosting": Recipe({"boosting": {"max_iter": 3, "max_leaf_nodes": 90, "min_samples_leaf": 2}}),
    "logistic": Recipe({"logistic": {}}, Preparation(clip_share=0.01, scaling="standard", correlation=0.95)),
    "surprise": Recipe({"surprise": {"bins": 6}}),
    "two surprises": Recipe({"surprise": {"bins": 4, "largest": 2}}),
    "eliminated": Recipe({"forest": {"n_estimators": 6, "max_leaf_nodes": 8}}, Preparation(keep=6, scaling="none")),
    "mixed": Recipe({"logistic": {}}, Preparation(interactions=3)),
    "isolation": Recipe({"isolation": {"n_estimators": 10}}),
}
ADDS_UP = sorted(RECIPES.keys() - {"mixed", "isolation"})


@functools.cache
def model_of(name: str) -> Model:
    table: Table = flow_table(600)
    members = fit_members(table, RECIPES[name], 0)
    tails = {each: Tail.of(member.scores(table.cells())) for each, member in members.items()}
    return Model(FLOW.name, FLOW.version, FLOW.columns, dict(members), tails, dict.fromkeys(members, 1.0))


@functools.cache
def compiled(name: str) -> Compiled:
    return Compiled(model_of(name))


@pytest.mark.parametrize("name", RECIPES)
def test_it_scores_as_the_model_does(name):
    block = flow_block(200, seed=3)
    expected = model_of(name).member_scores(block.cells())
    for member, scores in compiled(name).member_scores(block).items():
        assert np.allclose(scores, expected[member], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {"mixed", "isolation", "deep boosting"}))
@given(seed=st.integers(0, 99), cut=st.integers(1, 40))
@settings(max_examples=10, deadline=None)
def test_a_row_scores_in_any_batch_as_it_does_alone(name, seed, cut):
    block = flow_block(60, seed=seed)
    for member, scores in compiled(name).member_scores(block).items():
        parts = [
            compiled(name).member_scores(block.take(slice(start, start + cut)))[member] for start in range(0, 60, cut)
        ]
        assert np.array_equal(np.concatenate(parts), scores)


@pytest.mark.parametrize("name", ADDS_UP)
@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_bias_and_parts_sum_to_the_score(name, seed):
    block = flow_block(20, seed=seed)
    scores = compiled(name).member_scores(block)
    for member, apart in compiled(name).taken_apart(block).items():
        summed = apart.bias + apart.parts.sum(axis=1)
        assert np.allclose(summed, apart.totals, rtol=0, atol=1e-12)
        score = 1.0 / (1.0 + np.exp(-summed)) if apart.unit == "log-odds" else summed
        assert np.allclose(score, scores[member], rtol=0, atol=1e-9)


def test_what_does_not_add_up_is_not_taken_apart():
    for name in ("mixed", "isolation"):
        assert compiled(name).taken_apart(flow_block(3)) == {}


def test_a_feature_that_no_test_looks_at_has_no_part():
    table = flow_table(300)
    table.numbers[:, 1:] = 0.0
    table.categories[:] = [words[0] for words in WORDS]
    members = fit_members(table, RECIPES["forest"], 0)
    tails = {"forest": Tail.of(np.arange(5.0))}
    model = Model(FLOW.name, FLOW.version, FLOW.columns, dict(members), tails, {"forest": 1.0})
    apart = Compiled(model).taken_apart(flow_block(50))["forest"]
    assert np.abs(apart.parts[:, 0]).max() > 0
    assert np.abs(apart.parts[:, 1:]).max() == 0


def test_a_model_of_other_features_is_refused_and_not_mis_scored():
    other = Model("flow", 2, FLOW.columns, {}, {}, {})
    with pytest.raises(RefusedError, match="flow/2"):
        Compiled(other)
    renamed = Model("flow", 1, ("a", *FLOW.columns[1:]), {}, {}, {})
    with pytest.raises(RefusedError, match="features"):
        Compiled(renamed)


def test_a_form_that_does_not_give_what_the_model_gives_is_refused():
    model = model_of("forest")
    member = model.members["forest"]
    honest = member.scores

    class Drifted(type(member)):
        def scores(self, cells):
            return honest(cells) + 0.01

    strange = Drifted.__new__(Drifted)
    strange.__dict__.update(member.__dict__)
    with pytest.raises(RefusedError, match="scores differently"):
        Compiled(Model(FLOW.name, FLOW.version, FLOW.columns, {"forest": strange}, model.tails, model.weights))


def test_no_flow_at_all_has_no_score():
    empty = FlowBlock(np.zeros((0, len(FLOW.numbers))), np.zeros((0, 4), np.int16))
    for name in ("forest", "boosting", "surprise", "logistic"):
        for scores in compiled(name).member_scores(empty).values():
            assert scores.shape == (0,)
