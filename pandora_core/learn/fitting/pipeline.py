"""Owns the preparation of cells for models that need numbers: one scikit-learn pipeline, told step by step.

Everything in it is learned from training rows alone. It is made of scikit-learn's own parts and four of ours, so that
an artefact can be read back by a loader that knows each of its types by name.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import RFE, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, RobustScaler, StandardScaler

from pandora_core.learn.card import Preparation
from pandora_core.learn.table import Cells, Flags, Reals, Schema

_HEAVY_TAIL = 50.0
"""A column without negative values whose largest is this many times its upper quartile is taken as a logarithm."""


def build(schema: Schema, how: Preparation, seed: int) -> Pipeline:
    """An unfitted pipeline from :meth:`Table.cells` to a matrix of numbers."""
    width = len(schema.numbers)
    branches: list[tuple[str, Any, list[int]]] = []
    if schema.numbers:
        branches.append(("numbers", _of_numbers(how), list(range(width))))
    if schema.categories:
        # One-hot with a column for what is rare: a word unseen in training falls there and not on a known one.
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=how.rare_category, sparse_output=False
        )
        branches.append(("categories", encoder, list(range(width, width + len(schema.categories)))))
    steps: list[tuple[str, Any]] = [("columns", ColumnTransformer(branches)), ("constant", VarianceThreshold())]
    if how.correlation:
        steps.append(("correlated", DropCorrelated(how.correlation)))
    if how.keep:
        chooser = ExtraTreesClassifier(n_estimators=50, random_state=seed)
        steps.append(("eliminate", RFE(chooser, n_features_to_select=how.keep, step=0.2)))
    if how.components:
        steps.append(("components", PCA(how.components, random_state=seed)))
    return Pipeline(steps)


def describe(pipeline: Pipeline) -> list[str]:
    """The steps of a fitted pipeline in words, with what each of them learned: the history of the features."""
    columns = pipeline.named_steps["columns"]
    told = [
        f"{name}: {_told(step)}"
        for branch, part, _ in columns.transformers_
        for name, step in (part.steps if isinstance(part, Pipeline) else [(branch, part)])
    ]
    return told + [f"{name}: {_told(step)}" for name, step in pipeline.steps[1:]]


class ToNumbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Objects as numbers; infinite ones count as missing."""

    def fit(self, x: Cells, y: Flags | None = None) -> Self:
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: Cells) -> Reals:
        made = np.asarray(x, np.float64).copy()
        made[~np.isfinite(made)] = np.nan
        return made


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Outliers cut to quantiles of training."""

    def __init__(self, share: float = 0.001) -> None:
        self.share = share

    def fit(self, x: Reals, y: Flags | None = None) -> Self:
        self.low_, self.high_ = np.quantile(x, [self.share, 1.0 - self.share], axis=0)
        return self

    def transform(self, x: Reals) -> Reals:
        return np.clip(x, self.low_, self.high_)


class LogScale(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns with a heavy tail (bytes, counts, times) as log(1 + x)."""

    def fit(self, x: Reals, y: Flags | None = None) -> Self:
        upper, largest = np.quantile(x, 0.75, axis=0), x.max(axis=0)
        self.columns_ = np.flatnonzero((x.min(axis=0) >= 0) & (largest > _HEAVY_TAIL * np.maximum(upper, 0.02)))
        return self

    def transform(self, x: Reals) -> Reals:
        made = x.copy()
        made[:, self.columns_] = np.log1p(np.maximum(made[:, self.columns_], 0.0))
        return made


class Interactions(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Products of pairs of the most varied columns, added after the columns themselves."""

    def __init__(self, count: int = 5) -> None:
        self.count = count

    def fit(self, x: Reals, y: Flags | None = None) -> Self:
        spread = np.std(np.clip(x, -3.0, 3.0), axis=0)
        self.columns_ = np.sort(np.argsort(-spread, kind="stable")[: self.count])
        self.products_ = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit(x[:, self.columns_])
        return self

    def transform(self, x: Reals) -> Reals:
        products = self.products_.transform(x[:, self.columns_])[:, len(self.columns_) :]
        return np.hstack([x, products])


class DropCorrelated(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Leaves out each column that is correlated (Pearson) with an earlier one above a bound."""

    def __init__(self, above: float = 0.98) -> None:
        self.above = above

    def fit(self, x: Reals, y: Flags | None = None) -> Self:
        correlation = np.abs(np.corrcoef(x, rowvar=False)) if x.shape[1] > 1 else np.ones((1, 1))
        kept: list[int] = []
        for column in range(x.shape[1]):
            if not kept or correlation[column, kept].max() <= self.above:
                kept.append(column)
        self.columns_ = np.array(kept)
        return self

    def transform(self, x: Reals) -> Reals:
        return x[:, self.columns_]


def _of_numbers(how: Preparation) -> Pipeline:
    steps: list[tuple[str, Any]] = [
        ("read", ToNumbers()),
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
    ]
    if how.clip_share:
        steps.append(("clip", Clip(how.clip_share)))
    steps.append(("logarithm", LogScale()))
    if how.scaling != "none":
        steps.append(("scale", RobustScaler() if how.scaling == "robust" else StandardScaler()))
    if how.interactions:
        steps.append(("interactions", Interactions(how.interactions)))
    return Pipeline(steps)


def _told(step: Any) -> str:
    """One step in words, with a number of what it learned."""
    if isinstance(step, OneHotEncoder):
        return f"one-hot of {sum(len(each) for each in step.categories_)} words, unseen ones with the rare"
    if isinstance(step, LogScale | DropCorrelated | Interactions):
        return f"{type(step).__name__} on {len(step.columns_)} columns"
    if isinstance(step, PCA):
        return f"{step.n_components_} components, {step.explained_variance_ratio_.sum():.1%} of the variance"
    if isinstance(step, VarianceThreshold | RFE):
        return f"{type(step).__name__} kept {int(step.get_support().sum())} of {len(step.get_support())} columns"
    return " ".join(str(step).split())
