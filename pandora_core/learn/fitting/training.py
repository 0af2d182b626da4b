"""Owns the making of a model from a table: rehearsals, the scale of evidence, the threshold, the final fit.

Each rehearsal leaves out a share of all rows *and* all rows of some attack types and of some rare kinds of benign
traffic. The benign rows left out give each member's scale of evidence; the attacks left out, known and new ones, say
where the threshold does best. So scale, threshold and probability come from training rows alone, and from rows that
the members had not seen, a few of them of kinds that they had not seen either: what is new is not always an attack.
"""

from __future__ import annotations

import contextlib
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from pandora_core.errors import ConfigError, RefusedError
from pandora_core.learn.card import NOVELTY, Environment, Rehearsal, Training
from pandora_core.learn.fitting.models import Member, Model, Tail, combine, fit_members
from pandora_core.learn.fitting.pipeline import describe
from pandora_core.learn.metrics import FALSE_POSITIVE_RATE, Judged, cut_at, pr_auc, roc_auc
from pandora_core.learn.table import BENIGN, Flags, Indices, Reals, Table

Progress = Callable[[int, int, str], None]
"""Told of every step: which one of how many, and what it is."""

_RATES = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07)
"""False positive rates that a threshold is chosen from."""

_MOST_RATE_LIVE = 0.05
"""The largest of them for flows as they come: there a false alarm costs somebody's time."""

_NEARLY = 0.02
"""So much less F1 in rehearsal is given for a more lenient threshold."""

_STRANGE = 0.05
"""So many of the benign rows to come are taken to be of kinds that training did not have."""

_RARE = 0.05
"""A kind of benign traffic (its words together) with a smaller share of the benign rows can be left out whole."""

_FEWEST_BENIGN = 50
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops", "imbalanced-learn")


@dataclass(eq=False)
class Trained:
    """A model, how its features came to be, and what rehearsals showed."""

    model: Model
    training: Training
    steps: dict[str, list[str]]
    rehearsals: tuple[Rehearsal, ...]
    false_positive_rate: float
    known: tuple[str, ...]


def train(table: Table, how: Training, progress: Progress = lambda *_: None) -> Trained:
    """Train a model; deterministic.

    Raises:
        RefusedError: too few benign rows, or no attack where the recipe needs some.
        ConfigError: the recipe has an unknown member or parameter.
    """
    _check(table, how)
    total = how.rehearsals + 1
    held = _Held(table, how)
    for number, division in enumerate(_divisions(table, how)):
        progress(number, total, "rehearsing without " + (", ".join(division.new) or "some rows"))
        held.take(division, fit_members(table.take(division.fitted), how.recipe, how.seed + number + 1))
    progress(how.rehearsals, total, "fitting to all rows")
    members = fit_members(table, how.recipe, how.seed)
    usual = held.usual(how.seed)
    tails = {name: Tail.of(scores[usual]) for name, scores in held.scores.items()}
    weights = _voices(members)
    evidence = combine(held.scores, tails, weights)
    rate = how.false_positive_rate or _best_rate(
        evidence, held, usual, _MOST_RATE_LIVE if table.schema.is_live else 1.0
    )
    slope, offset = _fit_probability(evidence, held, usual, float(table.is_attack.mean()))
    schema = table.schema
    model = Model(schema.name, schema.version, schema.columns, dict(members), tails, weights, slope, offset)
    model.threshold = float(model.probability(np.array([cut_at(evidence[usual], rate)]))[0])
    progress(total, total, "done")
    steps = {name: describe(member.pipeline) for name, member in model.members.items() if hasattr(member, "pipeline")}
    return Trained(model, how, steps, held.figures(evidence, usual), rate, tuple(table.attack_types))


def environment() -> Environment:
    """The libraries and the machine at hand."""
    return Environment(platform.python_version(), platform.machine(), {name: version(name) for name in _LIBRARIES})


@contextlib.contextmanager
def workers(count: int = 1, dask: str = "") -> Iterator[None]:
    """Fit on ``count`` cores of this machine, or on the Dask cluster at an address; the model is the same either way.

    Raises:
        ConfigError: a cluster is asked for and the extra ``dask`` is not installed.
    """
    import joblib

    if not dask:
        with joblib.parallel_config(backend="threading", n_jobs=count):
            yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            "Dask is not installed", where="--dask", hint="pip install 'pandora-console[dask]'"
        ) from error
    client = Client(dask)  # type: ignore[no-untyped-call,unused-ignore]
    with client, joblib.parallel_config(backend="dask"):
        yield


class _Division(NamedTuple):
    fitted: Indices
    judged: Indices
    new: tuple[str, ...]
    strange: Flags
    """Of the judged rows: benign ones of kinds that were left out whole."""


def _check(table: Table, how: Training) -> None:
    benign = int((~table.is_attack).sum())
    if benign < _FEWEST_BENIGN:
        raise RefusedError(f"{benign} benign rows are too few to learn from", hint=f"at least {_FEWEST_BENIGN}")
    if not table.is_attack.any() and set(how.recipe.members) - NOVELTY:
        raise RefusedError("no row is an attack", hint=f"a novelty model needs none: {', '.join(sorted(NOVELTY))}")
    if how.rehearsals < 2:
        raise ConfigError("at least two rehearsals are needed", where="--rehearsals")


def _divisions(table: Table, how: Training) -> Iterator[_Division]:
    """Every row is judged at least once: benign and known ones in one division, a type's in the one without it."""
    rng = np.random.default_rng(how.seed)
    parts = how.rehearsals
    part = np.empty(len(table), int)
    for kind in np.unique(table.kinds):
        rows = rng.permutation(np.flatnonzero(table.kinds == kind))
        part[rows] = np.arange(len(rows)) % parts
    groups, rare = _groups(table, parts, rng), _rare_kinds(table, parts)
    for number in range(parts):
        new, strange = np.isin(table.kinds, groups[number]), rare == number
        judged = new | strange | (part == number)
        yield _Division(np.flatnonzero(~judged), np.flatnonzero(judged), tuple(groups[number]), strange[judged])


def _groups(table: Table, parts: int, rng: np.random.Generator) -> list[list[str]]:
    """Attack types dealt out by falling number of rows, so that common ones are not all left out together.

    With a single type nothing is left out: a classifier would have no attack to learn.
    """
    names, counts = np.unique(table.kinds[table.is_attack], return_counts=True)
    groups: list[list[str]] = [[] for _ in range(parts)]
    if len(names) < 2:
        return groups
    for start in range(0, len(names), parts):
        dealt = names[np.argsort(-counts, kind="stable")][start : start + parts]
        for group, name in zip(rng.permutation(parts), dealt, strict=False):
            groups[group].append(str(name))
    return groups


def _rare_kinds(table: Table, parts: int) -> Indices:
    """In which rehearsal a benign row's kind is left out whole; -1 for common kinds and for attacks."""
    made = np.full(len(table), -1)
    benign = np.flatnonzero(~table.is_attack)
    if not table.schema.categories:
        return made
    _, codes, counts = np.unique(table.categories[benign], axis=0, return_inverse=True, return_counts=True)
    rare = np.flatnonzero(counts < _RARE * len(benign))
    rare = rare[np.argsort(-counts[rare], kind="stable")]
    dealt = np.full(len(counts), -1)
    dealt[rare] = np.arange(len(rare)) % parts
    made[benign] = dealt[codes.reshape(-1)]
    return made


class _Held:
    """Scores of rows by members that had not seen them: ``new`` where they had not seen the type either."""

    def __init__(self, table: Table, how: Training) -> None:
        self._table = table
        self._rows: list[Indices] = []
        self._parts: list[dict[str, Reals]] = []
        self._new: list[Flags] = []
        self._strange: list[Flags] = []
        self._types: list[tuple[str, ...]] = []

    def take(self, division: _Division, members: dict[str, Member]) -> None:
        judged = self._table.take(division.judged)
        cells = judged.cells()
        self._rows.append(division.judged)
        self._parts.append({name: member.scores(cells) for name, member in members.items()})
        self._new.append(np.isin(judged.kinds, division.new))
        self._strange.append(division.strange)
        self._types.append(division.new)

    @property
    def scores(self) -> dict[str, Reals]:
        return {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}

    @property
    def kinds(self) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
        return self._table.kinds[np.concatenate(self._rows)]

    @property
    def benign(self) -> Flags:
        return np.asarray(self.kinds == BENIGN)

    def usual(self, seed: int) -> Indices:
        """Places of benign rows as they will come: ordinary ones, and a few of kinds that were left out whole."""
        strange = np.concatenate(self._strange)
        ordinary, odd = np.flatnonzero(self.benign & ~strange), np.flatnonzero(strange)
        wanted = round(len(ordinary) * _STRANGE / (1.0 - _STRANGE))
        return np.concatenate([ordinary, np.random.default_rng(seed).permutation(odd)[:wanted]])

    @property
    def is_new(self) -> Flags:
        return np.concatenate(self._new)

    def figures(self, evidence: Reals, usual: Indices) -> tuple[Rehearsal, ...]:
        """What each rehearsal showed, benign rows as they will come."""
        counted = ~self.benign
        counted[usual] = True
        cuts = np.cumsum([len(rows) for rows in self._rows])[:-1]
        return tuple(
            _rehearsed(Judged(values[own], np.asarray(self._table.kinds[rows] != BENIGN)[own], new[own]), types)
            for values, rows, new, types, own in zip(
                np.split(evidence, cuts), self._rows, self._new, self._types, np.split(counted, cuts), strict=True
            )
        )


def _rehearsed(judged: Judged, types: tuple[str, ...]) -> Rehearsal:
    above = judged.scores > cut_at(judged.scores[~judged.is_attack], FALSE_POSITIVE_RATE)
    return Rehearsal(
        types,
        roc_auc(judged),
        pr_auc(judged),
        float(above[judged.is_attack].mean()) if judged.is_attack.any() else None,
        float(above[judged.is_new].mean()) if judged.is_new.any() else None,
    )


def _voices(members: Iterable[str]) -> dict[str, float]:
    """Weights of members: those that learn attacks share one voice, those that know benign rows alone another."""
    kinds = Counter(name in NOVELTY for name in members)
    return {name: 1.0 / kinds[name in NOVELTY] for name in members}


def _mixture(held: _Held, usual: Indices) -> Reals:
    """Weights of held rows: half of the attacks' is of new types, each type by the root of its rows; usual ones 1.

    Attacks weigh as much as benign rows in sum, as they would where nothing is known of how common they will be.
    """
    weights = np.zeros(len(held.kinds))
    weights[usual] = 1.0
    for is_new in (True, False):
        rows = ~held.benign & (held.is_new == is_new)
        if rows.any():
            _, codes, counts = np.unique(held.kinds[rows], return_inverse=True, return_counts=True)
            weights[rows] = (1.0 / np.sqrt(counts))[codes]
            weights[rows] *= 0.5 * len(usual) / weights[rows].sum()
    return weights


def _best_rate(evidence: Reals, held: _Held, usual: Indices, most: float) -> float:
    """The largest false positive rate whose F1 over the mixture is nearly the best; 1 % where no attack is known.

    The largest, since attacks to come will be stranger than those that could be rehearsed.
    """
    if held.benign.all():
        return FALSE_POSITIVE_RATE
    weights, attack = _mixture(held, usual), ~held.benign

    def f1(rate: float) -> float:
        called = evidence > cut_at(evidence[usual], rate)
        return float(2.0 * weights[called & attack].sum() / (weights[called].sum() + weights[attack].sum()))

    worth = {rate: f1(rate) for rate in _RATES if rate <= most}
    return max(rate for rate in worth if worth[rate] >= max(worth.values()) - _NEARLY)


def _fit_probability(evidence: Reals, held: _Held, usual: Indices, share: float) -> tuple[float, float]:
    """Slope and offset of the probability (Platt) over the mixture, attacks as common in sum as in training.

    New types are half of it: where only known ones are asked, all that is a little strange is taken to be benign.
    """
    from sklearn.linear_model import LogisticRegression

    weights, attack = _mixture(held, usual), ~held.benign
    if not attack.any():
        return 1.0, -5.0
    weights[attack] *= len(usual) / weights[attack].sum() * share / (1.0 - share)
    rows = weights > 0
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(
        evidence[rows][:, None], attack[rows].astype(int), sample_weight=weights[rows]
    )
    largest = max(1.0, float(evidence.max()))
    slope = float(np.clip(fitted.coef_[0, 0], 0.05, 25.0 / largest))
    return slope, float(fitted.intercept_[0])
