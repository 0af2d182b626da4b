"""Owns the measurement of the novelty tier: held-out attack types, configuration chosen on training data, many seeds.

Every seed holds out a third of the attack types, at random. The fast tier never sees them; the configuration of every
novelty family is chosen on *inner* divisions of the training side, which hold out types of their own, and other inner
divisions decide whether the tier is on. Thresholds are quantiles of benign rows kept apart for that. Only then is
the test side looked at, once. Scikit-learn is imported here inside functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, Kernel, LaplacianKernel, RbfKernel
from pandora_core.quantum.models.states import Indices, Reals
from pandora_core.quantum.tier.novelty import METHODS, Gate, Projection, Recipe, fit, gate, upper_quantile
from pandora_core.quantum.tier.preparation import Preparation

Flags: TypeAlias = NDArray[np.bool_]

BUDGETS = (0.02, 0.05)
SHARES = (0.25, 0.5, 0.75)
"""Which parts of the budget the novelty tier may get; the fast tier keeps the rest."""
FAST = "fast tier alone"
_FIT_ROWS, _FAST_ROWS_A_TYPE, _JUDGED_A_TYPE, _TUNE_ROWS = 600, 1500, 300, 3000
_CHOOSING, _GATING = 2, 4
"""Inner divisions that choose the configuration, and others that decide on or off."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Labelled rows. ``kinds`` is the attack type, empty where benign; categories are words, or codes for them."""

    name: str
    numbers: Reals
    categories: NDArray[Any]
    kinds: NDArray[np.str_]


class Point(NamedTuple):
    """What one way of alerting does at one budget on one test side, as shares."""

    found_new: float
    """Of attacks of held-out types."""
    found_known: float
    """Of attacks of known types."""
    false: float
    """Of benign rows: the realised false positive rate."""
    by_type: dict[str, float]


class Outcome(NamedTuple):
    """One family at one seed and budget."""

    family: str
    seed: int
    budget: float
    point: Point
    forced: Point
    """The same with the tier on, whatever the gate says."""
    recipe: str
    share: float
    gate: Gate | None


def families() -> dict[str, list[Recipe]]:
    """The grids that configurations are chosen from; about the same in size for every family."""
    quantum: list[tuple[Kernel, int]] = [
        (FidelityKernel(FeatureMap(q, reps, bandwidth=width)), q)
        for q, reps, width in product((4, 6, 8), (1, 2), (0.4, 0.8, 1.6, 3.2))
    ]
    rbf: list[tuple[Kernel, int]] = [
        (RbfKernel(gamma), q) for q, gamma in product((4, 6, 8), (0.3, 1.0, 3.0, 10.0, 30.0, 100.0))
    ]
    laplacian: list[tuple[Kernel, int]] = [
        (LaplacianKernel(gamma), q) for q, gamma in product((4, 6, 8), (0.3, 1.0, 3.0, 10.0, 30.0))
    ]
    grids = {"quantum kernel": quantum, "RBF": rbf, "Laplacian": laplacian}
    return {
        name: [Recipe(kernel, q, method) for kernel, q in grid for method in METHODS] for name, grid in grids.items()
    }


def study(
    rows: Rows,
    seeds: Sequence[int],
    grids: dict[str, list[Recipe]] | None = None,
    budgets: Sequence[float] = BUDGETS,
    trees: int = 100,
) -> Iterator[Outcome]:
    """All outcomes, seed by seed; ``trees`` is the size of the fast tier."""
    for seed in seeds:
        yield from _one_seed(rows, seed, grids or families(), budgets, trees)


class Interval(NamedTuple):
    """A mean over seeds with its 95 % confidence interval (Student's t): mean ± half."""

    mean: float
    half: float


def interval(values: Sequence[float]) -> Interval:
    """Infinitely wide for a single value."""
    from scipy.stats import t

    if len(values) < 2:
        return Interval(float(np.mean(values)), float("inf"))
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return Interval(float(np.mean(values)), float(half))


class Division(NamedTuple):
    """Indices of rows, each in one place only."""

    fit_benign: Indices
    tune_benign: Indices
    judge_benign: Indices
    fit_attacks: Indices
    judge_known: Indices
    judge_new: Indices


def divide(rows: Rows, benign: Indices, kinds: Sequence[str], rng: np.random.Generator) -> Division:
    """Half of the benign rows fit, a quarter sets thresholds, a quarter judges; a third of the types is held out."""
    mixed = rng.permutation(benign)
    half, quarter = len(mixed) // 2, len(mixed) // 4
    shuffled = list(rng.permutation(np.array(kinds)))
    held, known = shuffled[: max(1, len(shuffled) // 3)], shuffled[max(1, len(shuffled) // 3) :]
    by_type = {kind: rng.permutation(np.flatnonzero(rows.kinds == kind)) for kind in shuffled}
    fitted = {kind: by_type[kind][len(by_type[kind]) // 5 :] for kind in known}
    return Division(
        mixed[:half],
        mixed[half : half + quarter][:_TUNE_ROWS],
        mixed[half + quarter :][:_TUNE_ROWS],
        _joined([index[:_FAST_ROWS_A_TYPE] for index in fitted.values()]),
        _joined([by_type[kind][: len(by_type[kind]) // 5][:_JUDGED_A_TYPE] for kind in known]),
        _joined([by_type[kind][:_JUDGED_A_TYPE] for kind in held]),
    )


def _one_seed(
    rows: Rows, seed: int, grids: dict[str, list[Recipe]], budgets: Sequence[float], trees: int
) -> Iterator[Outcome]:
    rng = np.random.default_rng(seed)
    outer = divide(rows, np.flatnonzero(rows.kinds == ""), kinds_of(rows.kinds), rng)
    benign, known = np.concatenate([outer.fit_benign, outer.tune_benign]), kinds_of(rows.kinds[outer.fit_attacks])
    inner = [Side(rows, divide(rows, benign, known, rng), rng, trees) for _ in range(_CHOOSING + _GATING)]
    final = Side(rows, outer, rng, trees)
    for budget in budgets:
        plain = final.fast_alone(budget)
        yield Outcome(FAST, seed, budget, plain, plain, "", 0.0, None)
        for family, recipes in grids.items():
            recipe, share = choose(inner[:_CHOOSING], recipes, budget)
            gains = [
                side.with_novelty(recipe, budget, share).found_new - side.fast_alone(budget).found_new
                for side in inner[_CHOOSING:]
            ]
            verdict, forced = gate(gains), final.with_novelty(recipe, budget, share)
            point = forced if verdict.on else plain
            yield Outcome(family, seed, budget, point, forced, recipe.name, share, verdict)


def choose(sides: list[Side], recipes: list[Recipe], budget: float) -> tuple[Recipe, float]:
    """The recipe and share of the budget that find most new attacks on some divisions."""

    def worth(pair: tuple[Recipe, float]) -> float:
        return sum(side.with_novelty(pair[0], budget, pair[1]).found_new for side in sides)

    return max(product(recipes, SHARES), key=worth)


class _Scores(NamedTuple):
    """Of one scorer, on the rows that set thresholds and on those that judge."""

    tune: Reals
    benign: Reals
    known: Reals
    new: Reals


class Side:
    """One division with its fast tier fitted, and novelty scores computed once a recipe."""

    def __init__(
        self, rows: Rows, division: Division, rng: np.random.Generator, trees: int, fit_rows: int = _FIT_ROWS
    ) -> None:
        self._kinds = rows.kinds[division.judge_new]
        parts = (division.tune_benign, division.judge_benign, division.judge_known, division.judge_new)
        self._cuts = np.cumsum([len(part) for part in parts])[:-1]
        fitted = np.concatenate([division.fit_benign[: len(division.fit_attacks) + fit_rows], division.fit_attacks])
        preparation = Preparation.of(rows.numbers[fitted], rows.categories[fitted])
        self._benign, self._judged, taught = (
            preparation.apply(rows.numbers[index], rows.categories[index])
            for index in (division.fit_benign[:fit_rows], np.concatenate(parts), fitted)
        )
        fast = _fast_scores(taught, rows.kinds[fitted] != "", self._judged, rng, trees)
        self._fast = self._split(fast)
        self._novelty: dict[Recipe, _Scores] = {}
        self._grams: dict[tuple[Kernel, int], tuple[Reals, Reals]] = {}

    def fast_alone(self, budget: float) -> Point:
        threshold = upper_quantile(self._fast.tune, budget)
        return self._point(*(part > threshold for part in self._fast[1:]))

    def with_novelty(self, recipe: Recipe, budget: float, share: float) -> Point:
        """The fast tier with its part of the budget, and novelty on what it calls benign with the rest."""
        fast, scores = self._fast, self._scores(recipe)
        bar = upper_quantile(fast.tune, budget * (1.0 - share))
        passed = scores.tune[fast.tune <= bar]
        # The rate among what passed, so that both tiers together spend the budget and no more.
        spent = int(np.sum(fast.tune > bar))
        threshold = upper_quantile(passed, (budget * len(fast.tune) - spent) / len(passed))
        return self._point(*((f > bar) | (s > threshold) for f, s in zip(fast[1:], scores[1:], strict=True)))

    def _point(self, benign: Flags, known: Flags, new: Flags) -> Point:
        by_type = {str(kind): float(new[self._kinds == kind].mean()) for kind in np.unique(self._kinds)}
        return Point(float(new.mean()), float(known.mean()), float(benign.mean()), by_type)

    def _scores(self, recipe: Recipe) -> _Scores:
        if recipe not in self._novelty:
            within, against, encoded = self._similarities(recipe.kernel, recipe.dimensions)
            scorer = fit(recipe.method, within, np.arange(len(encoded)))
            self._novelty[recipe] = self._split(scorer.scores(against[:, scorer.encoded]))
        return self._novelty[recipe]

    def _similarities(self, kernel: Kernel, dimensions: int) -> tuple[Reals, Reals, Reals]:
        projection = Projection.of(self._benign, dimensions)
        key = (kernel, dimensions)
        if key not in self._grams:
            encoded = kernel.encode(projection.apply(self._benign))
            judged = kernel.encode(projection.apply(self._judged))
            # Only the last kernel is kept: the methods of one kernel follow each other.
            self._grams = {key: (kernel.within(encoded), kernel.between(judged, encoded))}
        within, against = self._grams[key]
        return within, against, self._benign

    def _split(self, scores: Reals) -> _Scores:
        return _Scores(*np.split(scores, self._cuts))


def _fast_scores(x: Reals, y: NDArray[np.bool_], judged: Reals, rng: np.random.Generator, trees: int) -> Reals:
    from sklearn.ensemble import HistGradientBoostingClassifier

    seed = int(rng.integers(2**31))
    model = HistGradientBoostingClassifier(random_state=seed, max_iter=trees, class_weight="balanced")
    made: Reals = model.fit(x, y).decision_function(judged)
    # Trees give equal scores to many rows; the last digits are spread so that a quantile can cut between them.
    return made + rng.uniform(0, 1e-9, len(made))


def kinds_of(kinds: NDArray[np.str_]) -> list[str]:
    """The attack types among labels, in order."""
    return sorted({str(kind) for kind in kinds} - {""})


def _joined(parts: list[Indices]) -> Indices:
    return np.concatenate(parts) if parts else np.empty(0, np.intp)
