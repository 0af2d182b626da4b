"""Owns the search for parameters: a grid, a random sample of it, or successive halving; judged by rehearsal alone.

A trial's worth is its mean over rehearsals, or over divisions by time, in which training never sees what comes after.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.fitting.training import Progress, train
from pandora_core.learn.metrics import FALSE_POSITIVE_RATE, Judged, cut_at, roc_auc
from pandora_core.learn.table import Table

Way = Literal["grid", "random", "halving"]
Grid = Mapping[str, Sequence[Any]]
"""Values by ``member.parameter``, such as ``forest.min_samples_leaf``."""

_FEWEST_ROWS = 2_000


class Trial(msgspec.Struct, frozen=True):
    """One set of parameters and what it was worth."""

    training: Training
    worth: float
    deviation: float
    rows: int


def search(
    table: Table,
    start: Training,
    grid: Grid,
    *,
    way: Way = "random",
    trials: int = 12,
    by_time: bool = False,
    progress: Progress = lambda *_: None,
) -> list[Trial]:
    """Trials, the best first.

    Raises:
        ConfigError: the grid is empty, or a division by time is asked of a table without times.
    """
    if not grid:
        raise ConfigError("nothing to search", where="--grid", hint="such as forest.min_samples_leaf=1,2,4")
    if by_time and table.at_us is None:
        raise ConfigError("this data has no times", where="--by-time")
    candidates = list(_candidates(start, grid))
    if way != "grid":
        rng = np.random.default_rng(start.seed)
        candidates = [candidates[i] for i in rng.permutation(len(candidates))[:trials]]
    rounds = _halving(len(candidates), len(table)) if way == "halving" else [(len(candidates), len(table))]
    found: list[Trial] = []
    for keep, rows in rounds:
        part = _thinned(table, rows, start.seed)
        found = []
        for number, candidate in enumerate(candidates[:keep]):
            progress(number, keep, f"{_told(candidate.recipe)} on {len(part):,} rows")
            found.append(_tried(part, candidate, by_time))
        found.sort(key=lambda trial: -trial.worth)
        candidates = [trial.training for trial in found]
    return found


def _candidates(start: Training, grid: Grid) -> Iterator[Training]:
    for values in itertools.product(*grid.values()):
        members = {name: dict(parameters) for name, parameters in start.recipe.members.items()}
        for path, value in zip(grid, values, strict=True):
            member, _, parameter = path.partition(".")
            if member not in members or not parameter:
                raise ConfigError(
                    f"{path!r} is no member's parameter", where="--grid", hint=f"members: {', '.join(members)}"
                )
            members[member][parameter] = value
        yield msgspec.structs.replace(start, recipe=Recipe(members, *_rest(start.recipe)))


def _rest(recipe: Recipe) -> tuple[Any, ...]:
    return recipe.preparation, recipe.smote, recipe.adversarial


def _halving(count: int, rows: int) -> list[tuple[int, int]]:
    """How many candidates on how many rows: half as many each time, on twice as many rows."""
    levels = 0
    while levels < 3 and rows >> (levels + 1) >= _FEWEST_ROWS and count >> (levels + 1) >= 1:
        levels += 1
    return [(max(1, count >> level), rows >> (levels - level)) for level in range(levels + 1)]


def _thinned(table: Table, rows: int, seed: int) -> Table:
    if rows >= len(table):
        return table
    return table.take(np.sort(np.random.default_rng(seed).permutation(len(table))[:rows]))


def _tried(table: Table, training: Training, by_time: bool) -> Trial:
    worths = list(_by_time(table, training)) if by_time else _by_type(table, training)
    return Trial(training, float(np.mean(worths)), float(np.std(worths)), len(table))


def _by_type(table: Table, training: Training) -> list[float]:
    """Area under the ROC and attacks of new types found at 1 % of false positives, in equal parts."""
    made = []
    for each in train(table, training).rehearsals:
        parts = [part for part in (each.roc_auc, each.new_recall_at_1_fpr) if part is not None]
        made.append(float(np.mean(parts)) if parts else 0.0)
    return made


def _by_time(table: Table, training: Training) -> Iterator[float]:
    """Trained on the first half, two thirds and three quarters; judged on the next part each time."""
    order = np.argsort(table.at_us, kind="stable") if table.at_us is not None else np.arange(len(table))
    for begin, end in ((0.5, 0.667), (0.667, 0.833), (0.833, 1.0)):
        early, late = (order[: int(begin * len(order))], order[int(begin * len(order)) : int(end * len(order))])
        judged = table.take(late)
        if not judged.is_attack.any() or judged.is_attack.all():
            continue
        scores = train(table.take(early), training).model.evidence(judged.cells())
        found = scores[judged.is_attack] > cut_at(scores[~judged.is_attack], FALSE_POSITIVE_RATE)
        yield 0.5 * (roc_auc(Judged(scores, judged.is_attack, judged.is_attack)) or 0.0) + 0.5 * float(found.mean())


def _told(recipe: Recipe) -> str:
    return " ".join(
        f"{name}({', '.join(f'{k}={v}' for k, v in each.items())})" for name, each in recipe.members.items()
    )
