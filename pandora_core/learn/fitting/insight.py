"""Owns what is found out about a model by asking it often: which columns it needs, what more rows would bring."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from pandora_core.learn.card import Training
from pandora_core.learn.fitting.models import Model
from pandora_core.learn.fitting.training import Progress, train
from pandora_core.learn.metrics import Judged, roc_auc, tpr_at_rate
from pandora_core.learn.table import BENIGN, Table, divide

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
_JUDGED_SHARE = 0.3
_REPEATS = 3


class Importance(msgspec.Struct, frozen=True):
    """What is lost of the ROC-AUC when a column's values are dealt out anew among the rows."""

    column: str
    lost: float
    deviation: float
    """Over the deals."""


class Point(msgspec.Struct, frozen=True):
    """A model of so many rows, judged on the same rows as the others of its curve."""

    rows: int
    attacks: int
    roc_auc: float | None
    tpr_at_1_fpr: float | None
    fitted_roc_auc: float | None
    """On the rows that it was fitted to: where it lies far above, more rows would help."""


def importance(
    model: Model, table: Table, *, seed: int = 0, most_rows: int = 4000, progress: Progress = lambda *_: None
) -> list[Importance]:
    """Columns by what their loss costs, most first (permutation importance; Breiman, Machine Learning 45, 2001).

    Columns that say the same stand in for each other: each of them then seems to matter less than they do together.
    """
    rng = np.random.default_rng(seed)
    table = _thinned(table, most_rows, rng)
    cells, attack = table.cells(), table.is_attack
    whole = roc_auc(Judged(model.evidence(cells), attack, attack)) or 0.5
    found = []
    for place, name in enumerate(model.columns):
        progress(place, len(model.columns), f"dealing out {name}")
        lost = []
        for _ in range(_REPEATS):
            dealt = cells.copy()
            dealt[:, place] = cells[rng.permutation(len(cells)), place]
            lost.append(whole - (roc_auc(Judged(model.evidence(dealt), attack, attack)) or 0.5))
        found.append(Importance(name, float(np.mean(lost)), float(np.std(lost))))
    return sorted(found, key=lambda each: -each.lost)


def learning_curve(
    table: Table, how: Training, *, shares: Sequence[float] = SHARES, progress: Progress = lambda *_: None
) -> list[Point]:
    """Models of growing parts of what is learned from; the last rows in time, or some of each type, judge."""
    division = divide(table, _JUDGED_SHARE, how.seed)
    learned, judged = table.take(division.train), table.take(division.test)
    how = msgspec.structs.replace(how, rehearsals=2)
    points = []
    for number, share in enumerate(shares):
        part = _thinned(learned, int(share * len(learned)), np.random.default_rng(how.seed))
        progress(number, len(shares), f"learning from {len(part):,} rows")
        model = train(part, how).model
        points.append(_point(model, part, judged))
    return points


def _point(model: Model, part: Table, judged: Table) -> Point:
    here = Judged(model.evidence(judged.cells()), judged.is_attack, judged.is_attack)
    own = Judged(model.evidence(part.cells()), part.is_attack, part.is_attack)
    return Point(len(part), int(part.is_attack.sum()), roc_auc(here), tpr_at_rate(here), roc_auc(own))


def _thinned(table: Table, rows: int, rng: np.random.Generator) -> Table:
    """So many rows, with every type's share in them (and two rows of it at least)."""
    if rows >= len(table):
        return table
    kept = []
    for kind in np.unique(table.kinds):
        places = rng.permutation(np.flatnonzero(table.kinds == kind))
        fewest = 60 if kind == BENIGN else 2
        kept.append(places[: max(fewest, round(len(places) * rows / len(table)))])
    return table.take(np.sort(np.concatenate(kept)))
