"""What a model is worth on another network, before and after it is calibrated on flows of it, labels unseen.

    python -m tests.benchmarks.bench_transfer --train UNSW.csv --on a=FOLDER --on b=conn.log.labeled --warm 0.3

The first flows of a network, attacks among them or not, are its warm-up; the rest judges. Labels serve the figures
alone. Figures come with 95 % intervals over resampled *sources*, since flows of one source are alike.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pandora_core.learn.card import RECIPES, Training
from pandora_core.learn.data import datasets
from pandora_core.learn.data.flows import FlowReader, is_flow
from pandora_core.learn.fitting.models import Model
from pandora_core.learn.fitting.surprise import SurpriseTree
from pandora_core.learn.fitting.training import train
from pandora_core.learn.metrics import Judged, roc_auc, tpr_at_rate
from pandora_core.learn.scoring.calibration import HOME, Calibration, calibrate
from pandora_core.learn.table import BENIGN, Flags, Reals, Table, Words
from pandora_core.model import Event

ROUNDS = 200


class Network(NamedTuple):
    """Flows in order of time, and whose each is."""

    table: Table
    sources: Words

    def take(self, rows: np.ndarray) -> Network:
        return Network(self.table.take(rows), self.sources[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, action="append", required=True)
    parser.add_argument("--on", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--carried", action="append", default=[], metavar="NAME=PATH",
                        help="attacks of another log, as if they came to a network after its warm-up")  # fmt: skip
    parser.add_argument("--recipe", default="live")
    parser.add_argument("--warm", type=float, default=0.3, help="share of the flows that is the warm-up")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--most", type=int, default=40_000, help="flows of one network; every so many-th is taken")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    learned = datasets.join([_thinned(read(path), 15_000, given.seed).table for path in given.train])
    model = train(learned, Training(RECIPES[given.recipe], seed=given.seed)).model
    print(f"trained on {len(learned):,} flows, {given.recipe}, seed {given.seed}; promised {given.rate:.1%}")
    carried = {name: read(Path(path)) for name, _, path in (each.partition("=") for each in given.carried)}
    for named in given.on:
        name, _, path = named.partition("=")
        network = read(Path(path))
        network = network.take(np.arange(0, len(network.table), -(-len(network.table) // given.most)))
        compare(name, model, network, carried, given)


def read(path: Path) -> Network:
    """A labelled log, or a folder of the simulator; what is unlabelled counts as benign."""
    pairs = list(_scenario(path) if path.is_dir() else _log(path))
    pairs.sort(key=lambda pair: pair[0].at_us)
    table = FlowReader().table([event for event, _ in pairs], [kind for _, kind in pairs])
    return Network(table, np.array([event.source_ip or "" for event, _ in pairs], np.str_))


def compare(
    name: str, model: Model, network: Network, carried: dict[str, Network], given: argparse.Namespace
) -> None:
    cut = int(given.warm * len(network.table))
    warm, rest = network.take(np.arange(cut)), network.take(np.arange(cut, len(network.table)))
    warm_cells = warm.table.cells()
    made = calibrate(model, model.member_scores(warm_cells), warm.sources, rate=given.rate, cells=warm_cells)
    own = member_scores(model, made, rest.table)
    members = {member: scores for member, scores in own.items() if member != HOME}
    print(f"\n{name}: {cut:,} flows of warm-up ({warm.table.is_attack.mean():.1%} of attacks), {made.told}")
    print(f"{'':10}{'flows':>9}{'false positives':>26}{'attacks found':>26}{'ROC-AUC':>9}{'TPR at 1 % FPR':>16}")
    for what, scores, threshold in (
        ("before", model.scores_of(members), model.threshold),
        ("after", made.scores(model, own), made.threshold(model)),
    ):
        attack = rest.table.is_attack
        judged = Judged(scores, attack, attack)
        area, found = roc_auc(judged), tpr_at_rate(judged)
        print(
            f"{what:10}{len(attack):>9,}{_share(scores > threshold, ~attack, rest.sources, given.seed):>26}"
            f"{_share(scores > threshold, attack, rest.sources, given.seed):>26}"
            f"{_figure(area):>9}{_figure(found):>16}"
        )

    for whose, other in carried.items():
        attacks = other.take(np.flatnonzero(other.table.is_attack))
        scores = made.scores(model, member_scores(model, made, attacks.table))
        print(f"{'':10}attacks of {whose}, as if they came here: {(scores > made.threshold(model)).mean():.3f} found")


def member_scores(model: Model, made: Calibration, table: Table) -> dict[str, Reals]:
    """The members' scores, and those of what was learned at home."""
    cells = table.cells()
    own = model.member_scores(cells)
    return own if made.home is None else own | {HOME: SurpriseTree.of(made.home).scores(cells)}


def _share(called: Flags, among: Flags, sources: Words, seed: int) -> str:
    """A share with its interval over resampled sources."""
    if not among.any():
        return "–"
    _, codes = np.unique(sources[among], return_inverse=True)
    hits, rows = np.bincount(codes, called[among]), np.bincount(codes)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(rows), (ROUNDS, len(rows)))
    shares: Reals = hits[drawn].sum(axis=1) / rows[drawn].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return f"{called[among].mean():.3f} ({low:.3f}–{high:.3f})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _log(path: Path) -> Iterable[tuple[Event, str]]:
    for _, event in datasets.EventsOf(path):
        if is_flow(event):
            yield event, datasets.kind_of(event) or BENIGN


def _scenario(folder: Path) -> Iterable[tuple[Event, str]]:
    truth: dict[tuple[str, int], str] = {}
    for line in (folder / datasets.TRUTH_FILE).read_text("utf-8").splitlines():
        row = json.loads(line)
        if "file" in row:
            truth[row["file"], int(row["line"])] = row["phase"]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != datasets.TRUTH_FILE:
            for line, event in datasets.EventsOf(path):
                if is_flow(event):
                    yield event, truth.get((path.relative_to(folder).as_posix(), line), BENIGN)


def _thinned(network: Network, most: int, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    kept = []
    for kind in np.unique(network.table.kinds):
        rows = rng.permutation(np.flatnonzero(network.table.kinds == kind))
        kept.append(rows[: most if kind == BENIGN else most // 8])
    return network.take(np.sort(np.concatenate(kept)))


if __name__ == "__main__":
    main()
