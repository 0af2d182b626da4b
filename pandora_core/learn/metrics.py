"""Owns the figures of a scored, labelled table, with their confidence intervals by bootstrap.

``threshold`` always comes from training data. Figures at a false positive rate take their cut from the judged benign
rows, as is usual for comparing scores: they rate the order that a model puts rows in, not its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from pandora_core.learn.table import Flags, Indices, Reals, Words

FALSE_POSITIVE_RATE = 0.01
_BINS = 15


class Figure(msgspec.Struct, frozen=True):
    """A figure with its 95 % bootstrap interval; ``None`` where there is nothing to count."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Figures(msgspec.Struct, frozen=True):
    """What a model is worth on one table. Shares are 0–1."""

    rows: int
    attacks: int
    roc_auc: Figure
    pr_auc: Figure
    precision: Figure
    recall: Figure
    f1: Figure
    false_positive_rate: Figure
    """Of benign rows at the threshold."""
    tpr_at_1_fpr: Figure
    new_recall: Figure
    """Of attacks of types unseen in training, at the threshold."""
    new_recall_at_1_fpr: Figure
    calibration_error: Figure
    """Expected difference between the probability said and the share that is true, over 15 equal bins."""
    threshold: float
    recall_by_type: dict[str, float]
    new_types: tuple[str, ...]


class Judged(NamedTuple):
    """Scores with the truth about them: ``is_new`` marks attacks of a type unseen in training."""

    scores: Reals
    is_attack: Flags
    is_new: Flags

    def take(self, rows: Indices) -> Judged:
        """The rows at these places."""
        return Judged(self.scores[rows], self.is_attack[rows], self.is_new[rows])


Measure = Callable[[Judged], float | None]


def measure(
    scores: Reals, kinds: Words, known: frozenset[str], threshold: float, *, seed: int = 0, rounds: int = 200
) -> Figures:
    """The figures of ``scores`` (probabilities 0–1) on rows of these attack types; ``known`` were trained on."""
    judged = Judged(scores, np.asarray(kinds != ""), np.asarray(~np.isin(kinds, [*sorted(known), ""])))
    found: dict[str, Figure] = {}
    samples = [judged.take(rows) for rows in resample(judged, seed, rounds)]
    for name, figure in _measures(threshold).items():
        found[name] = _with_interval(figure, judged, samples)
    by_type = {
        str(kind): float((scores[kinds == kind] > threshold).mean()) for kind in np.unique(kinds) if kind != ""
    }
    new = tuple(sorted({str(kind) for kind in np.unique(kinds[judged.is_new])}))
    return Figures(
        rows=len(scores), attacks=int(judged.is_attack.sum()), threshold=threshold, recall_by_type=by_type,
        new_types=new, **found,
    )  # fmt: skip


def roc_auc(judged: Judged) -> float | None:
    """Chance that an attack scores above a benign row; ties count half (Mann–Whitney)."""
    positives = int(judged.is_attack.sum())
    negatives = len(judged.scores) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(judged.scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return float((ranks[judged.is_attack].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def pr_auc(judged: Judged) -> float | None:
    """Average precision: the step-wise area under precision against recall, rows of equal score taken together."""
    total = int(judged.is_attack.sum())
    if not total:
        return None
    order = np.argsort(-judged.scores, kind="stable")
    true = np.cumsum(judged.is_attack[order])
    last = np.append(np.flatnonzero(np.diff(judged.scores[order])), len(order) - 1)
    precision = true[last] / (last + 1.0)
    return float(np.sum(np.diff(true[last] / total, prepend=0.0) * precision))


def tpr_at_rate(judged: Judged) -> float | None:
    """Share of attacks above the cut that lets 1 % of the judged benign rows through."""
    above = judged.scores > cut_at(judged.scores[~judged.is_attack], FALSE_POSITIVE_RATE)
    return _share(np.asarray(above), judged.is_attack)


def cut_at(benign: Reals, rate: float) -> float:
    """The smallest seen score that at most the share ``rate`` of benign scores lies above; infinite without any."""
    return float(np.quantile(benign, 1.0 - rate, method="higher")) if len(benign) else float("inf")


def beyond(scores: Reals, median: float, highest: float) -> Reals:
    """Evidence for scores above the highest benign one, which their rank says nothing of: up to 2 nats, few tie."""
    spread = max(1e-9, highest - median)
    return np.asarray(np.minimum(2.0, np.log1p(np.maximum(0.0, scores - highest) / spread)), np.float64)


def resample(judged: Judged, seed: int, rounds: int) -> list[Indices]:
    """Places of resampled rows, within benign rows and attacks apart, so that every resample has both."""
    rng = np.random.default_rng(seed)
    sides = [np.flatnonzero(judged.is_attack), np.flatnonzero(~judged.is_attack)]
    return [np.concatenate([rng.choice(side, len(side)) for side in sides if len(side)]) for _ in range(rounds)]


class Curve(NamedTuple):
    """Points of a curve for a plot, ``x`` ascending."""

    x: list[float]
    y: list[float]


def roc_curve(judged: Judged, points: int = 101) -> Curve:
    """False positive rate against true positive rate, at evenly spread ``x``."""
    benign, attacks = np.sort(judged.scores[~judged.is_attack]), np.sort(judged.scores[judged.is_attack])
    rates = np.linspace(0.0, 1.0, points)
    cuts = np.quantile(benign, 1.0 - rates, method="higher") if len(benign) else np.zeros(points)
    found = 1.0 - np.searchsorted(attacks, cuts, side="right") / max(1, len(attacks))
    return Curve(rates.tolist(), [*found[:-1].tolist(), 1.0])


def pr_curve(judged: Judged, points: int = 101) -> Curve:
    """Recall against precision, at evenly spread ``x``."""
    order = np.argsort(-judged.scores, kind="stable")
    true = np.cumsum(judged.is_attack[order])
    total = max(1, int(true[-1])) if len(true) else 1
    recalls = np.linspace(0.0, 1.0, points)
    places = np.minimum(np.searchsorted(true, np.maximum(1, np.ceil(recalls * total))), max(0, len(true) - 1))
    return Curve(recalls.tolist(), (true[places] / (places + 1.0)).tolist() if len(true) else [0.0] * points)


def calibration_curve(judged: Judged) -> Curve:
    """Mean probability said against the share that is true, of every bin that has rows."""
    places = np.minimum((judged.scores * _BINS).astype(int), _BINS - 1)
    used = [place for place in range(_BINS) if (places == place).any()]
    return Curve(
        [float(judged.scores[places == place].mean()) for place in used],
        [float(judged.is_attack[places == place].mean()) for place in used],
    )


def calibration_error(judged: Judged) -> float | None:
    """Expected calibration error (Guo et al., ICML 2017) over 15 bins of equal width."""
    if not len(judged.scores):
        return None
    places = np.minimum((judged.scores * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(places, minlength=_BINS)
    gaps = np.bincount(places, judged.scores - judged.is_attack, minlength=_BINS)
    return float(np.abs(gaps).sum() / counts.sum())


def _measures(threshold: float) -> dict[str, Measure]:
    def called(judged: Judged) -> Flags:
        return np.asarray(judged.scores > threshold)

    def new_at_rate(judged: Judged) -> float | None:
        cut = cut_at(judged.scores[~judged.is_attack], FALSE_POSITIVE_RATE)
        return _share(np.asarray(judged.scores > cut), judged.is_new)

    return {
        "roc_auc": roc_auc,
        "pr_auc": pr_auc,
        "precision": lambda judged: _share(judged.is_attack, called(judged)),
        "recall": lambda judged: _share(called(judged), judged.is_attack),
        "f1": lambda judged: _f1(called(judged), judged.is_attack),
        "false_positive_rate": lambda judged: _share(called(judged), ~judged.is_attack),
        "tpr_at_1_fpr": tpr_at_rate,
        "new_recall": lambda judged: _share(called(judged), judged.is_new),
        "new_recall_at_1_fpr": new_at_rate,
        "calibration_error": calibration_error,
    }


def _share(what: Flags, among: Flags) -> float | None:
    return float(what[among].mean()) if among.any() else None


def _f1(called: Flags, truth: Flags) -> float | None:
    total = int(called.sum() + truth.sum())
    return 2.0 * int((called & truth).sum()) / total if truth.any() else None


def _with_interval(measure_: Measure, judged: Judged, samples: list[Judged]) -> Figure:
    value = measure_(judged)
    if value is None or not samples:
        return Figure(value)
    values = [found for sample in samples if (found := measure_(sample)) is not None]
    low, high = np.quantile(values, [0.025, 0.975])
    return Figure(value, float(low), float(high))
