"""What models are worth on attack types that they never saw: NSL-KDD with whole types, or whole families, held out.

    python -m tests.benchmarks.bench_learning KDDTrain+.txt --seeds 4
    python -m tests.benchmarks.bench_learning KDDTrain+.txt --recipes hybrid,forest --families
    python -m tests.benchmarks.bench_learning KDDTrain+.txt --recipes hybrid,live --shift

Every seed deals the attack types into four groups, and each group is held out once. A type counts with at most
300 judged rows, so that one common type does not decide. Thresholds are fixed on the training side alone. Means over
the divisions with 95 % intervals (Student's t). With ``--shift`` a fifth of the pairs of service and flag that benign
rows have is held out as well, and makes up a fifth of the benign rows that judge: the mix of another month.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from pandora_core.learn import metrics
from pandora_core.learn.card import RECIPES, Recipe, Training
from pandora_core.learn.data.datasets import load
from pandora_core.learn.fitting.training import train
from pandora_core.learn.table import Indices, Table

FIGURES = ("roc_auc", "tpr_at_1_fpr", "f1", "recall", "false_positive_rate", "new_recall", "new_recall_at_1_fpr")
FAMILIES = {
    "dos": ("back", "land", "neptune", "pod", "smurf", "teardrop"),
    "probe": ("ipsweep", "nmap", "portsweep", "satan"),
    "r2l": ("ftp_write", "guess_passwd", "imap", "multihop", "phf", "spy", "warezclient", "warezmaster"),
    "u2r": ("buffer_overflow", "loadmodule", "perl", "rootkit"),
}
GROUPS = 4
JUDGED_A_TYPE = 300
JUDGED_BENIGN = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--recipes", default="hybrid,forest,boosting,logistic,surprise,isolation,reconstruction")
    parser.add_argument("--families", action="store_true", help="hold out whole families")
    parser.add_argument("--shift", action="store_true", help="hold out benign services and flags too")
    parser.add_argument("--benign", type=int, default=15_000, help="benign rows to learn from")
    parser.add_argument("--each", type=int, default=3_000, help="most rows of one type to learn from")
    given = parser.parse_args()
    table = load(given.file).table
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for train_side, test_side, seed in divisions(table, given):
        for name in given.recipes.split(","):
            started = time.perf_counter()
            trained = train(train_side, Training(recipe_of(name), seed=seed))
            took = time.perf_counter() - started
            figures = metrics.measure(
                trained.model.scores(test_side.cells()), test_side.kinds, frozenset(trained.known),
                trained.model.threshold, rounds=0,
            )  # fmt: skip
            for figure in FIGURES:
                found[name, figure].append(getattr(figures, figure).value)
            found[name, "seconds"].append(took)
    report(found, [*given.recipes.split(",")])


def recipe_of(name: str) -> Recipe:
    """A named recipe, or members with parameters as JSON: ``{"forest": {}, "surprise": {"bins": 12}}``."""
    return Recipe(json.loads(name.replace(";", ","))) if name.startswith("{") else RECIPES[name]


def divisions(table: Table, given: argparse.Namespace) -> Iterator[tuple[Table, Table, int]]:
    """The sides to learn from and to judge by, and the seed of each."""
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        groups = [set(kinds) for kinds in FAMILIES.values()] if given.families else dealt(rng)
        for held in groups:
            learn, judge = [], []
            for kind in table.attack_types:
                rows = rng.permutation(np.flatnonzero(table.kinds == kind))
                cut = len(rows) if kind in held else max(1, len(rows) // 4)
                judge.append(rows[:cut][:JUDGED_A_TYPE])
                learn.append(rows[cut:][: given.each])
            for side, rows in zip((judge, learn), benign_rows(table, rng, given.shift), strict=True):
                side.append(rows[: JUDGED_BENIGN if side is judge else given.benign])
            yield table.take(np.concatenate(learn)), table.take(np.concatenate(judge)), seed


def benign_rows(table: Table, rng: np.random.Generator, is_shifted: bool) -> tuple[Indices, Indices]:
    """Places of benign rows to judge by and to learn from; shifted, some of their services and flags are new."""
    rows = rng.permutation(np.flatnonzero(table.kinds == ""))
    if not is_shifted:
        return rows[:JUDGED_BENIGN], rows[JUDGED_BENIGN:]
    pairs = np.array([" ".join(words) for words in table.categories[rows][:, 1:]])
    names = rng.permutation(np.unique(pairs))
    is_new = np.isin(pairs, names[: len(names) // 5])
    new, known = rows[is_new][: JUDGED_BENIGN // 5], rows[~is_new]
    ordinary = JUDGED_BENIGN - len(new)
    return np.concatenate([new, known[:ordinary]]), known[ordinary:]


def dealt(rng: np.random.Generator) -> list[set[str]]:
    """The types in four groups, each with some of every family."""
    groups: list[set[str]] = [set() for _ in range(GROUPS)]
    place = 0
    for kinds in FAMILIES.values():
        for kind in rng.permutation(kinds):
            groups[place % GROUPS].add(str(kind))
            place += 1
    return groups


def report(found: dict[tuple[str, str], list[float]], names: list[str]) -> None:
    print(f"{'recipe':<28}" + "".join(f"{figure:>22}" for figure in (*FIGURES, "seconds")))
    for name in names:
        cells = [spread(found[name, figure]) for figure in (*FIGURES, "seconds")]
        print(f"{name:<28}" + "".join(f"{cell:>22}" for cell in cells))


def spread(values: list[float]) -> str:
    if len(values) < 2:
        return f"{np.mean(values):.3f}"
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
