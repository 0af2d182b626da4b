"""Owns what an adversary could do to a model: labels flipped before training, features padded after it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from pandora_core.learn.card import Training
from pandora_core.learn.data.padding import FACTORS, controlled, followed, grown, padded
from pandora_core.learn.fitting.models import Model
from pandora_core.learn.fitting.training import train
from pandora_core.learn.metrics import FALSE_POSITIVE_RATE, Judged, cut_at, roc_auc
from pandora_core.learn.table import BENIGN, Cells, Flags, Reals, Schema, Table


class Loss(msgspec.Struct, frozen=True):
    """What is left of a model under one kind of attack on it."""

    what: str
    roc_auc: float
    tpr_at_1_fpr: float
    roc_auc_lost: float


def evade(model: Model, table: Table, seed: int = 0, steps: int = 3) -> list[Loss]:
    """Attack rows padded in the columns that an attacker controls: at random, then by the best of a greedy search.

    The search sees the model's own scores, so it is stronger than an attacker who can only probe.
    """
    cells = table.cells()
    plain = model.evidence(cells)
    attack = table.is_attack
    whole = _loss("as it is", plain, attack, None)
    told = [whole]
    rng = np.random.default_rng(seed)
    hidden = plain.copy()
    hidden[attack] = model.evidence(padded(cells[attack], table.schema, rng))
    told.append(_loss("padded at random", hidden, attack, whole))
    searched = plain.copy()
    searched[attack] = _searched(model, cells[attack], table.schema, steps)
    told.append(_loss("padded by search", searched, attack, whole))
    return told


def poison(
    train_side: Table, test_side: Table, how: Training, shares: tuple[float, ...] = (0.01, 0.05, 0.1)
) -> list[Loss]:
    """Models trained on labels of which a share was flipped, each judged on clean rows."""
    whole: Loss | None = None
    told = []
    for share in (0.0, *shares):
        model = train(flipped(train_side, share, how.seed), how).model
        scores = model.evidence(test_side.cells())
        loss = _loss(f"{share:.0%} of the labels flipped", scores, test_side.is_attack, whole)
        whole = whole or loss
        told.append(loss)
    return told


def flipped(table: Table, share: float, seed: int) -> Table:
    """The table with a share of its labels turned round; a benign row becomes some attack type of the table."""
    rng = np.random.default_rng(seed)
    kinds, types = table.kinds.astype(object), table.attack_types
    for row in np.flatnonzero(rng.random(len(table)) < share):
        kinds[row] = BENIGN if kinds[row] != BENIGN else str(rng.choice(types)) if types else BENIGN
    return replace(table, kinds=kinds.astype(np.str_))


def _searched(model: Model, cells: Cells, schema: Schema, steps: int) -> Reals:
    """The lowest evidence that a few greedy steps reach, each the best single padding of every row."""
    best = model.evidence(cells)
    for _ in range(steps):
        start = cells.copy()
        for column in controlled(schema):
            for factor in FACTORS[1:]:
                tried = start.copy()
                tried[:, column] = grown(start[:, column].astype(np.float64), factor)
                tried = followed(tried, schema)
                evidence = model.evidence(tried)
                better = evidence < best
                best[better] = evidence[better]
                cells[better] = tried[better]
    return best


def _loss(what: str, scores: Reals, attack: Flags, whole: Loss | None) -> Loss:
    area = roc_auc(Judged(scores, attack, attack)) or 0.0
    found = float((scores[attack] > cut_at(scores[~attack], FALSE_POSITIVE_RATE)).mean()) if attack.any() else 0.0
    return Loss(what, area, found, (whole.roc_auc - area) if whole else 0.0)
