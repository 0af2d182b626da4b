"""Measures the novelty tier: a fast tier alone, and with the quantum kernel and its classical controls behind it.

Run with ``python -m tests.benchmarks.bench_novelty [--seeds 10] [--set nsl-kdd|flows] [--json FILE]``. It needs the
shared sets (``PANDORA_SHARED_DATA``). How it is measured, and what it may not look at, is told in
``pandora_core/quantum/tier/study.py``. ``nsl-kdd`` is KDDTrain+; ``flows`` is UNSW-NB15 cut down to what a flow
record of a live sensor has. Ten seeds take about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pandora_core.quantum.tier.study import FAST, Outcome, Rows, interval, study

REPOSITORY = Path(__file__).resolve().parents[2]
FLOW_NUMBERS = ("dur", "sbytes", "dbytes", "spkts", "dpkts", "sport", "dsport")
FLOW_CATEGORIES = ("proto", "state", "service")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--set", choices=("nsl-kdd", "flows"), default="nsl-kdd")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = nsl_kdd(Path(folder)) if given.set == "nsl-kdd" else flows(Path(folder))
    print(f"{rows.name}: {len(rows.kinds):,} rows, {len(set(rows.kinds)) - 1} attack types", flush=True)
    begun, outcomes = time.monotonic(), []
    for outcome in study(rows, range(given.seeds)):
        if outcome.family == FAST:
            print(f"  seed {outcome.seed}, budget {outcome.budget:.0%}: {time.monotonic() - begun:.0f} s", flush=True)
        outcomes.append(outcome)
    table(outcomes)
    types(outcomes)
    choices(outcomes)
    if given.json:
        given.json.write_text(json.dumps([plain(outcome) for outcome in outcomes]))


def plain(value: object) -> object:
    """A named tuple as an object, however deep."""
    return {name: plain(each) for name, each in value._asdict().items()} if hasattr(value, "_asdict") else value


def table(outcomes: Sequence[Outcome]) -> None:
    """Means over seeds, 95 % confidence intervals, and differences from the fast tier paired by seed; in percent."""
    print("\nof held-out types | of known types | false positives | paired difference on held-out types, in points")
    for budget in sorted({outcome.budget for outcome in outcomes}):
        print(f"budget {budget:.0%} of benign rows")
        at_budget = [outcome for outcome in outcomes if outcome.budget == budget]
        fast = [outcome.point.found_new for outcome in at_budget if outcome.family == FAST]
        for family in dict.fromkeys(outcome.family for outcome in at_budget):
            mine = [outcome for outcome in at_budget if outcome.family == family]
            for label, points in (("", [o.forced for o in mine]), (" with its gate", [o.point for o in mine])):
                if family == FAST and label:
                    continue
                name = family if family == FAST else f"+ {family}{label}"
                gains = [point.found_new - base for point, base in zip(points, fast, strict=True)]
                cells = (
                    [point.found_new for point in points],
                    [point.found_known for point in points],
                    [point.false for point in points],
                    gains,
                )
                print(
                    f"  {name:<32}"
                    + " | ".join(percent(cell) for cell in cells)
                    + f" | {sum(g < 0 for g in gains)} worse"
                )
        versus(at_budget)


def versus(outcomes: Sequence[Outcome]) -> None:
    quantum, *others = [family for family in dict.fromkeys(o.family for o in outcomes) if family != FAST]
    mine = [o.forced.found_new for o in outcomes if o.family == quantum]
    for other in others:
        theirs = [o.forced.found_new for o in outcomes if o.family == other]
        print(f"  {quantum} less {other}: {percent([a - b for a, b in zip(mine, theirs, strict=True)])} points")


def types(outcomes: Sequence[Outcome]) -> None:
    """Where it helps and where it hurts: every attack type over the seeds that held it out."""
    print("\nby held-out type: fast tier alone -> with each family, in percent (seeds)")
    families = list(dict.fromkeys(outcome.family for outcome in outcomes))
    kinds = sorted({kind for outcome in outcomes for kind in outcome.forced.by_type})
    for budget in sorted({outcome.budget for outcome in outcomes}):
        print(f"budget {budget:.0%}: " + ", ".join(families))
        for kind in kinds:
            shares = [
                [
                    o.forced.by_type[kind]
                    for o in outcomes
                    if o.family == family and o.budget == budget and kind in o.forced.by_type
                ]
                for family in families
            ]
            print(
                f"  {kind:<18}" + " ".join(f"{np.mean(cell) * 100:6.1f}" for cell in shares) + f"  ({len(shares[0])})"
            )


def choices(outcomes: Sequence[Outcome]) -> None:
    """What was chosen on the training side, and what the gate said."""
    print("\nchosen on the training side")
    for o in outcomes:
        if o.gate is not None:
            print(f"  seed {o.seed} budget {o.budget:.0%} {o.recipe}, {o.share:.0%} of the budget; {o.gate.reason}")


def percent(values: Sequence[float]) -> str:
    mean, half = interval(values)
    return f"{mean * 100:6.1f} ± {half * 100:4.1f}"


def nsl_kdd(folder: Path) -> Rows:
    lines = [line.split(",") for line in (unpack("nsl-kdd-train", folder) / "KDDTrain+.txt").read_text().split()]
    categories = (1, 2, 3)
    numbers = np.array([[float(line[at]) for at in range(41) if at not in categories] for line in lines])
    kinds = np.array(["" if line[41] == "normal" else line[41] for line in lines])
    return Rows("NSL-KDD KDDTrain+", numbers, codes([[line[at] for at in categories] for line in lines]), kinds)


def flows(folder: Path) -> Rows:
    """UNSW-NB15: bytes, packets, duration, ports and protocol; no address, and nothing counted over other rows."""
    data = unpack("unsw-nb15-raw", folder) / "unsw_raw49_sample10000.csv"
    lines = list(csv.DictReader(data.open(encoding="latin-1")))
    numbers = np.array([[number(line[name]) for name in FLOW_NUMBERS] for line in lines])
    # The file gives categories as numbers, 0 for none.
    kinds = np.array([f"category {line['attack_cat']}" if line["label"] == "1" else "" for line in lines])
    return Rows(
        "UNSW-NB15 as flow records", numbers, codes([[line[c] for c in FLOW_CATEGORIES] for line in lines]), kinds
    )


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(int(text, 16)) if text.lower().startswith("0x") else 0.0


def codes(columns: Sequence[Sequence[str]]) -> np.ndarray:
    return np.stack([np.unique(column, return_inverse=True)[1] for column in zip(*columns, strict=True)], axis=1)


def unpack(name: str, folder: Path) -> Path:
    data = Path(os.environ.get("PANDORA_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    with tarfile.open(data / f"{name}.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    (found,) = {path.parent for path in folder.rglob("*") if path.name in ("KDDTrain+.txt", "features.csv")}
    return found


if __name__ == "__main__":
    main()
