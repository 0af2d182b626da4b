"""Owns what a model is: members that each score a row, put on one scale by benign rows that they were not fitted to.

A *classifier* learns attacks from benign rows, every attack type weighing by the root of its number, so that rare
types count. A *novelty* member learns benign rows alone. A member's score becomes *evidence*, -ln of the share of
benign rows with such a score or a higher one; evidence adds, so members that look at different things combine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import msgspec
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from pandora_core.errors import ConfigError
from pandora_core.learn.card import NOVELTY, Preparation, Recipe
from pandora_core.learn.data.padding import padded_copies
from pandora_core.learn.fitting.pipeline import build
from pandora_core.learn.fitting.surprise import SurpriseTree
from pandora_core.learn.metrics import beyond
from pandora_core.learn.table import Cells, Flags, Reals, Schema, Table

_TAIL_ROWS = 20_000
_STEEPEST = 30.0
"""Largest exponent of a probability: beyond it rows would tie that evidence tells apart."""


class Member(Protocol):
    """One scorer of a model; larger scores are worse."""

    def fit(self, cells: Cells, is_attack: Flags, weights: Reals) -> Self: ...

    def scores(self, cells: Cells) -> Reals: ...


class Classifier:
    """A scikit-learn classifier behind its preparation; the score is the probability of an attack."""

    def __init__(self, schema: Schema, preparation: Preparation, estimator: Any, seed: int, smote: bool) -> None:
        self.pipeline = build(schema, preparation, seed)
        self.estimator = estimator
        self.seed = seed
        self.smote = smote

    def fit(self, cells: Cells, is_attack: Flags, weights: Reals) -> Self:
        x = self.pipeline.fit_transform(cells, is_attack)
        if self.smote:
            x, is_attack, weights = _filled_up(x, is_attack, weights, self.seed)
        _bound_samples(self.estimator, len(x)).fit(x, is_attack.astype(int), sample_weight=weights)
        return self

    def scores(self, cells: Cells) -> Reals:
        made: Reals = self.estimator.predict_proba(self.pipeline.transform(cells))[:, 1]
        return made


class Novelty:
    """A model of prepared benign rows: ``isolation``, ``reconstruction`` or ``neighbours``."""

    def __init__(self, schema: Schema, preparation: Preparation, kind: str, estimator: Any, seed: int) -> None:
        self.pipeline = build(schema, msgspec.structs.replace(preparation, scaling="standard", keep=0), seed)
        self.kind = kind
        self.estimator = estimator
        self.seed = seed

    def fit(self, cells: Cells, is_attack: Flags, weights: Reals) -> Self:
        x = self.pipeline.fit_transform(cells[~is_attack])
        if self.kind == "neighbours":
            x = x[np.random.default_rng(self.seed).permutation(len(x))[:10_000]]
        _bound_samples(self.estimator, len(x)).fit(np.clip(x, -8.0, 8.0))
        return self

    def scores(self, cells: Cells) -> Reals:
        x = np.clip(self.pipeline.transform(cells), -8.0, 8.0)
        if self.kind == "isolation":
            made = -self.estimator.score_samples(x)
        elif self.kind == "neighbours":
            made = self.estimator.kneighbors(x)[0].mean(axis=1)
        else:
            made = np.square(x - self.estimator.inverse_transform(self.estimator.transform(x))).sum(axis=1)
        return np.asarray(made, np.float64)


class Surprise:
    """A :class:`SurpriseTree` of benign rows."""

    def __init__(self, schema: Schema, **parameters: int) -> None:
        self.tree = SurpriseTree(len(schema.numbers), **parameters)

    def fit(self, cells: Cells, is_attack: Flags, weights: Reals) -> Self:
        self.tree.fit(cells[~is_attack])
        return self

    def scores(self, cells: Cells) -> Reals:
        return self.tree.scores(cells)


@dataclass(eq=False)
class Tail:
    """Benign scores of one member, from rows that it was not fitted to, ascending."""

    benign: Reals

    @classmethod
    def of(cls, benign: Reals) -> Self:
        ordered = np.sort(benign)
        if len(ordered) > _TAIL_ROWS:  # the highest whole: there the evidence is
            places = np.unique(np.concatenate([np.linspace(0, len(ordered) - 1, _TAIL_ROWS).astype(int)]))
            ordered = ordered[places]
        return cls(ordered)

    def evidence(self, scores: Reals) -> Reals:
        """-ln of the share of benign rows that score as high; above all of them it grows on slowly: few rows tie."""
        more = beyond(scores, float(np.median(self.benign)), float(self.benign[-1]))
        return np.asarray(more - np.log(self.share(scores)), np.float64)

    def share(self, scores: Reals) -> Reals:
        """Of benign rows that score as high; never quite zero."""
        rows = len(self.benign)
        above = rows - np.searchsorted(self.benign, scores, side="left")
        return np.asarray((above + 1.0) / (rows + 1.0), np.float64)


@dataclass(eq=False)
class Model:
    """A fitted model: members, what they are weighed by, and the threshold, all fixed on training rows."""

    schema_name: str
    schema_version: int
    columns: tuple[str, ...]
    members: dict[str, Any]
    tails: dict[str, Tail]
    weights: dict[str, float]
    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 1.0
    """Of :meth:`scores`."""

    @property
    def schema_id(self) -> str:
        return f"{self.schema_name}/{self.schema_version}"

    @property
    def cut(self) -> float:
        """The threshold as evidence: what lies above it alerts."""
        share = float(np.clip(self.threshold, 1e-13, 1.0 - 1e-13))
        return float((np.log(share / (1.0 - share)) - self.offset) / self.slope)

    def evidence(self, cells: Cells) -> Reals:
        """The weighed sum of the members' evidence, in nats."""
        return combine(self.member_scores(cells), self.tails, self.weights)

    def scores(self, cells: Cells) -> Reals:
        """Probability of an attack, at the share of attacks in training; a row in a batch scores as it does alone."""
        return self.probability(self.evidence(cells))

    def scores_of(self, own: Mapping[str, Reals]) -> Reals:
        """:meth:`scores` from what the members scored already."""
        return self.probability(combine(own, self.tails, self.weights))

    def probability(self, evidence: Reals) -> Reals:
        made: Reals = 1.0 / (1.0 + np.exp(-np.clip(self.slope * evidence + self.offset, -_STEEPEST, _STEEPEST)))
        return made

    def member_scores(self, cells: Cells) -> dict[str, Reals]:
        """Every member's own score."""
        return {name: member.scores(cells) for name, member in self.members.items()}


def combine(scores: Mapping[str, Reals], tails: Mapping[str, Tail], weights: Mapping[str, float]) -> Reals:
    """The weighed sum of evidence over members."""
    parts = [weights[name] * tails[name].evidence(values) for name, values in scores.items()]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def make_member(name: str, recipe: Recipe, schema: Schema, seed: int) -> Member:
    """An unfitted member.

    Raises:
        ConfigError: there is none of that name, or a parameter is not one of its own.
    """
    parameters = recipe.members[name]
    try:
        if name == "surprise":
            return Surprise(schema, **parameters)
        if name in _ESTIMATORS:
            estimator = _ESTIMATORS[name](seed, parameters)
            if name in NOVELTY:
                return Novelty(schema, recipe.preparation, name, estimator, seed)
            return Classifier(schema, recipe.preparation, estimator, seed, recipe.smote)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}", where="--set") from error
    raise ConfigError(f"no member named {name!r}", hint=f"known: surprise, {', '.join(sorted(_ESTIMATORS))}")


def fit_members(table: Table, recipe: Recipe, seed: int) -> dict[str, Member]:
    """Every member of a recipe, fitted to a table."""
    if recipe.adversarial:
        table = padded_copies(table, recipe.adversarial, seed)
    cells, weights = table.cells(), row_weights(table)
    return {
        name: make_member(name, recipe, table.schema, seed).fit(cells, table.is_attack, weights)
        for name in recipe.members
    }


def row_weights(table: Table) -> Reals:
    """Benign rows weigh 1; attacks together as much as they, each type by the root of how many rows it has."""
    _, codes, counts = np.unique(table.kinds, return_inverse=True, return_counts=True)
    weights: Reals = (1.0 / np.sqrt(counts))[codes]
    attack = table.is_attack
    weights[~attack] = 1.0
    if attack.any() and not attack.all():
        weights[attack] *= (~attack).sum() / weights[attack].sum()
    return weights


def _filled_up(x: Reals, is_attack: Flags, weights: Reals, seed: int) -> tuple[Reals, Flags, Reals]:
    """Attacks made as many as benign rows (SMOTE); the new rows weigh as attacks do on average."""
    from imblearn.over_sampling import SMOTE

    if is_attack.sum() < 2 or is_attack.sum() >= (~is_attack).sum():
        return x, is_attack, weights
    neighbours = min(5, int(is_attack.sum()) - 1)
    made, labels = SMOTE(random_state=seed, k_neighbors=neighbours).fit_resample(x, is_attack.astype(int))
    extra = np.full(len(made) - len(x), weights[is_attack].mean())
    return made, labels.astype(bool), np.concatenate([weights, extra])


def _bound_samples(estimator: Any, rows: int) -> Any:
    """The estimator with ``max_samples`` (rows that one tree sees) no larger than the rows there are."""
    if isinstance(wanted := estimator.get_params().get("max_samples"), int) and wanted > rows:
        estimator.set_params(max_samples=rows)
    return estimator


def _forest(seed: int, given: dict[str, Any]) -> Any:
    usual = {"n_estimators": 200, "max_samples": 30_000, "min_samples_leaf": 1}
    return RandomForestClassifier(random_state=seed, **(usual | given))


def _boosting(seed: int, given: dict[str, Any]) -> Any:
    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **({"max_iter": 150} | given))


def _logistic(seed: int, given: dict[str, Any]) -> Any:
    return LogisticRegression(random_state=seed, **({"C": 0.1, "max_iter": 1000} | given))


def _isolation(seed: int, given: dict[str, Any]) -> Any:
    return IsolationForest(random_state=seed, **({"n_estimators": 200, "max_samples": 512} | given))


def _reconstruction(seed: int, given: dict[str, Any]) -> Any:
    return PCA(random_state=seed, **({"n_components": 0.95} | given))


def _neighbours(seed: int, given: dict[str, Any]) -> Any:
    return NearestNeighbors(**({"n_neighbors": 5} | given))


_ESTIMATORS = {
    "forest": _forest,
    "boosting": _boosting,
    "logistic": _logistic,
    "isolation": _isolation,
    "reconstruction": _reconstruction,
    "neighbours": _neighbours,
}
