"""Owns the making of the quantum tier's model from labelled rows, and the verdict on what it is worth.

Configurations are chosen on divisions of the rows that hold out attack types, verdicts are measured on other ones,
in which the fast tier is stood in for by boosted trees that never saw those types. A member is *on* only if the whole
95 % interval of its gain is above zero: where in doubt, off. What is then fitted, to at most 400 benign rows, screens
with a threshold from benign rows that it was not fitted to. Scikit-learn is imported here inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import msgspec
import numpy as np

from pandora_core.errors import RefusedError
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, Kernel, LaplacianKernel, RbfKernel
from pandora_core.quantum.models.states import Indices, Reals
from pandora_core.quantum.tier.card import About, Verdict
from pandora_core.quantum.tier.model import MAX_REFERENCE_ROWS, Member, TierModel
from pandora_core.quantum.tier.novelty import Projection, Recipe, fit, upper_quantile
from pandora_core.quantum.tier.preparation import Preparation
from pandora_core.quantum.tier.study import Rows, Side, choose, divide, interval, kinds_of

QUANTUM, CONTROL = "quantum kernel", "classical control"
CHOOSING, GATING = 2, 8
"""Divisions that choose the configuration, and others that decide on or off."""

_FEWEST_BENIGN, _FEWEST_TYPES = 200, 3
_KEPT_SCORES = 1_000
_UNVALIDATED = Verdict(False, 0.0, 0.0, 0.0, 0, 0.5)

Grid = Sequence[Recipe]


class Options(NamedTuple):
    """How to train; ``trees`` is the size of the fast tier's stand-in."""

    seed: int = 0
    budget: float = 0.02
    divisions: int = GATING
    trees: int = 100
    reference_rows: int = MAX_REFERENCE_ROWS


def grids() -> dict[str, Grid]:
    """What configurations are chosen from, at most 8 qubits; about as many for the control."""
    quantum: list[tuple[Kernel, int]] = [
        (FidelityKernel(FeatureMap(q, reps, bandwidth=width)), q)
        for q, reps, width in product((4, 6, 8), (1, 2), (0.4, 0.8, 1.6))
    ]
    control: list[tuple[Kernel, int]] = [
        (kernel, q)
        for q, gamma in product((4, 6, 8), (0.3, 1.0, 3.0, 10.0))
        for kernel in (RbfKernel(gamma), LaplacianKernel(gamma))
    ]
    return {
        name: [Recipe(kernel, dimensions, "one-class") for kernel, dimensions in found]
        for name, found in ((QUANTUM, quantum), (CONTROL, control))
    }


def train(
    rows: Rows,
    schema: str,
    about: About,
    options: Options,
    *,
    given: dict[str, Grid] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> TierModel:
    """Choose, judge and fit both members; deterministic.

    Raises:
        RefusedError: too few benign rows.
    """
    benign = np.flatnonzero(rows.kinds == "")
    if len(benign) < _FEWEST_BENIGN:
        raise RefusedError(f"{len(benign)} benign rows are too few", hint=f"at least {_FEWEST_BENIGN}")
    rng = np.random.default_rng(options.seed)
    recipes = given or grids()
    judged = _judged(rows, benign, recipes, options, rng, progress)
    mixed = rng.permutation(benign)
    count = min(options.reference_rows, len(mixed) // 2)
    reference, tune = mixed[:count], mixed[count : count + 3 * MAX_REFERENCE_ROWS]
    preparation = Preparation.of(rows.numbers[mixed], rows.categories[mixed])
    fitted, unseen = (preparation.apply(rows.numbers[index], rows.categories[index]) for index in (reference, tune))
    members = {
        name: _member(recipe, verdict, fitted, unseen, options.budget) for name, (recipe, verdict) in judged.items()
    }
    made = msgspec.structs.replace(about, seed=options.seed, budget=options.budget, reference_rows=count)
    return TierModel(schema, preparation, members[QUANTUM], members[CONTROL], made)


def verdict_of(gains: Sequence[float], share: float) -> Verdict:
    """On only if the 95 % interval of the gain is above zero."""
    found = interval(gains)
    low, high = found.mean - found.half, found.mean + found.half
    return Verdict(low > 0, found.mean, low, high, len(gains), share)


def _judged(
    rows: Rows,
    benign: Indices,
    recipes: dict[str, Grid],
    options: Options,
    rng: np.random.Generator,
    progress: Callable[[str], None],
) -> dict[str, tuple[Recipe, Verdict]]:
    """The recipe of every member with its verdict; the first of the grid, unjudged, where types are too few."""
    types = kinds_of(rows.kinds)
    if len(types) < _FEWEST_TYPES:
        return {name: (grid[len(grid) // 2], _UNVALIDATED) for name, grid in recipes.items()}

    def side() -> Side:
        return Side(rows, divide(rows, benign, types, rng), rng, options.trees, options.reference_rows)

    progress("choosing configurations")
    choosing = [side() for _ in range(CHOOSING)]
    chosen = {name: choose(choosing, list(grid), options.budget) for name, grid in recipes.items()}
    gains: dict[str, list[float]] = {name: [] for name in recipes}
    for number in range(options.divisions):
        progress(f"judging, division {number + 1} of {options.divisions}")
        judging = side()
        alone = judging.fast_alone(options.budget).found_new
        for name, (recipe, share) in chosen.items():
            gains[name].append(judging.with_novelty(recipe, options.budget, share).found_new - alone)
    return {name: (recipe, verdict_of(gains[name], share)) for name, (recipe, share) in chosen.items()}


def _member(recipe: Recipe, verdict: Verdict, fitted: Reals, unseen: Reals, budget: float) -> Member:
    projection = Projection.of(fitted, recipe.dimensions)
    reference = projection.apply(fitted)
    encoded = recipe.kernel.encode(reference)
    # Fitted on places instead of encoded rows: what remains are the support vectors' own rows, as plain numbers.
    scorer = fit(recipe.method, recipe.kernel.within(encoded), np.arange(len(reference)))
    draft = Member(recipe.kernel, projection, reference[scorer.encoded], scorer.weights, 0.0, np.zeros(1), verdict)
    scores = np.sort(draft.scores(unseen))
    threshold = upper_quantile(scores, budget * verdict.share)
    places = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), _KEPT_SCORES)).astype(int))
    return Member(recipe.kernel, projection, draft.support, draft.weights, threshold, scores[places], verdict)
