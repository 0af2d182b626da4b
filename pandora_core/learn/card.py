"""Owns what is said of a model: its recipe, how it was trained, what rehearsals showed, its card. Plain values."""

from __future__ import annotations

from typing import Any

import msgspec

from pandora_core.learn.data.drift import Reference
from pandora_core.learn.metrics import Figures


class Preparation(msgspec.Struct, frozen=True):
    """What is done to columns before a model sees them; the defaults suit trees and linear models alike."""

    clip_share: float = 0.0
    """Values beyond these quantiles of training, at both ends, are cut to them; 0 cuts nothing."""
    scaling: str = "robust"
    """``robust`` (median and quartiles), ``standard`` or ``none``."""
    rare_category: int = 5
    """Categories in fewer rows are one column together, which unseen ones join."""
    interactions: int = 0
    """Products of so many of the most varied numbers, pair by pair."""
    correlation: float = 0.0
    """Of two columns correlated above this only the first is kept; 0 keeps all."""
    keep: int = 0
    """So many columns are kept by recursive elimination (RFE) with extra-trees; 0 keeps all."""
    components: int = 0
    """Principal components instead of columns; 0 for none."""


class Recipe(msgspec.Struct, frozen=True):
    """What a model is made of: parameters by member, and how columns are prepared for those that need numbers."""

    members: dict[str, dict[str, Any]]
    preparation: Preparation = Preparation()
    smote: bool = False
    """Rare attack types are filled up with SMOTE, inside of what is fitted to alone."""
    adversarial: float = 0.0
    """Share of attack rows that are learned from a second time, padded as whoever attacks could pad them."""


RECIPES: dict[str, Recipe] = {
    "hybrid": Recipe({"forest": {}, "surprise": {}, "isolation": {}}),
    "live": Recipe({"boosting": {"max_iter": 60}, "surprise": {}}),
    "forest": Recipe({"forest": {}}),
    "boosting": Recipe({"boosting": {}}),
    "logistic": Recipe({"logistic": {}}),
    "surprise": Recipe({"surprise": {}}),
    "isolation": Recipe({"isolation": {}}),
    "reconstruction": Recipe({"reconstruction": {}}),
    "neighbours": Recipe({"neighbours": {}}),
}
"""By name; ``hybrid`` is the default, chosen on attack types that were held out; ``live`` is nearly as good at a
tenth of the cost, for flows as they come (docs/learning.md)."""

NOVELTY = frozenset({"surprise", "isolation", "reconstruction", "neighbours"})


class Training(msgspec.Struct, frozen=True):
    """How to train; the same values and the same rows give the same model."""

    recipe: Recipe
    seed: int = 0
    rehearsals: int = 4
    false_positive_rate: float | None = None
    """The share of benign training rows that may alert; ``None`` chooses the one of the best F1 in rehearsal."""


class Rehearsal(msgspec.Struct, frozen=True):
    """What was seen in rehearsal: figures of rows left out of training, the types named among them."""

    new_types: tuple[str, ...]
    roc_auc: float | None
    pr_auc: float | None
    tpr_at_1_fpr: float | None
    new_recall_at_1_fpr: float | None


class Environment(msgspec.Struct, frozen=True):
    """What it was trained with."""

    python: str
    machine: str
    libraries: dict[str, str]


class Card(msgspec.Struct, frozen=True):
    """Everything about a version but the artefact itself. Its bytes are what is signed."""

    number: int
    name: str
    made_at_us: int
    made_by: str
    host: str
    schema: str
    columns: tuple[str, ...]
    is_live: bool
    training: Training
    steps: dict[str, list[str]]
    rehearsals: tuple[Rehearsal, ...]
    false_positive_rate: float
    threshold: float
    known_types: tuple[str, ...]
    datasets: tuple[str, ...]
    divided_by: str
    figures: Figures | None
    """Of the part of the training data that was kept for judging, if any was."""
    environment: Environment
    parent: int | None
    artefact_sha384: str
    artefact_bytes: int
    reference: Reference | None = None
    """What benign flows of training look like and score: drift is told against it. Only of models for live use."""
