"""Owns the work on versions, as commands and screens ask for it: train one, judge one, compare two.

It may take minutes: it is for a process of its own. Nothing is in the registry before it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from pandora_core.errors import NotFoundError, RefusedError
from pandora_core.learn import metrics
from pandora_core.learn.card import NOVELTY, Card, Training
from pandora_core.learn.data.datasets import Columns, Loaded, join, load
from pandora_core.learn.data.drift import FEWEST_FLOWS, Reference, reference_of
from pandora_core.learn.data.flows import FLOW, FlowBlock
from pandora_core.learn.data.profile import About, Profile, profile
from pandora_core.learn.fitting.models import Model
from pandora_core.learn.fitting.training import Progress, Trained, environment, train
from pandora_core.learn.metrics import Curve, Figures, Judged, Measure
from pandora_core.learn.table import Division, Indices, Table, divide
from pandora_core.learn.versions.registry import Evaluated, Registry, Version
from pandora_core.learn.versions.signing import Signer

TEST_SHARE = 0.3
"""Of data with times, the last part that judges; data without is learned from whole, and judged by rehearsals."""

_FLATTERED = 0.05
_REFERENCE_ROWS = 20_000


class Actor(NamedTuple):
    """Who asks, where and when."""

    name: str
    host: str
    at_us: int


class Split(NamedTuple):
    """How data is divided; a ``share`` of ``None`` is :data:`TEST_SHARE` where there are times, else nothing."""

    by: str = "auto"
    share: float | None = None


AS_USUAL = Split()


class Report(msgspec.Struct, frozen=True):
    """A version judged on a data set, with what a plot needs."""

    model: int
    name: str
    dataset: str
    schema: str
    figures: Figures
    confusion: tuple[int, int, int, int]
    """True positives, false positives, true negatives, false negatives at the threshold."""
    roc: Curve
    pr: Curve
    calibration: Curve
    members: dict[str, float | None]
    """ROC-AUC of each member alone."""


def find(registry: Registry, wanted: str, layout: str = "auto", columns: Columns | None = None) -> Loaded:
    """A data set by the path of its file, or by the name or id that it was imported under.

    Raises:
        NotFoundError: neither a file nor a data set is called so.
        RefusedError: its file is not what was imported.
    """
    if Path(wanted).exists():
        return load(Path(wanted), layout, columns)
    known = [row for row in registry.datasets() if wanted in (row.id, row.name, Path(row.source).stem)]
    if not known:
        raise NotFoundError(f"no file and no data set {wanted!r}", hint="pandora datasets list")
    said = columns if columns is not None and columns.label else known[-1].meaning
    loaded = load(Path(known[-1].source), known[-1].layout, said)
    if loaded.sha256 != known[-1].sha256:
        raise RefusedError(f"the file of {wanted} was changed since it was imported", where=known[-1].source)
    return loaded


def take_in(registry: Registry, loaded: Loaded, about: About) -> Profile:
    """Profile a data set and keep the row."""
    made = profile(loaded, about)
    registry.record(made)
    return made


def train_version(
    registry: Registry,
    sets: Sequence[Loaded],
    how: Training,
    actor: Actor,
    *,
    name: str = "",
    split: Split = AS_USUAL,
    signer: Signer | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Version, list[str]]:
    """Train on data sets of the same features and add the version; it comes with what must be said of the split."""
    table = join([each.table for each in sets])
    share = split.share if split.share is not None else (TEST_SHARE if table.at_us is not None else 0.0)
    division = divide(table, share, how.seed, by=split.by)
    trained = train(table.take(division.train), how, progress)
    figures = _judged(trained.model, table.take(division.test), trained.known) if len(division.test) else None
    said = []
    if division.by == "random" and division.repeated > _FLATTERED:
        said.append(
            f"{division.repeated:.0%} of the judged rows are also among those learned from, number for number: "
            "these figures flatter; those of rehearsals on new attack types do not"
        )
    card = _card(registry, table, trained, actor, name or "+".join(how.recipe.members))
    card = msgspec.structs.replace(
        card,
        datasets=tuple(f"D-{each.sha256[:12]}" for each in sets),
        divided_by=division.by,
        figures=figures,
        reference=_reference(trained.model, table, division),
    )
    return registry.add(card, trained.model, signer), said


def evaluate_version(
    registry: Registry, number: int, loaded: Loaded, at_us: int, *, rounds: int = 200, keep: bool = True
) -> Report:
    """Judge a version, signed or not, on a data set of its own features."""
    version, table = registry.version(number), loaded.table
    model = registry.open(number, schema=table.schema.id, unsigned=True)
    cells = table.cells()
    own = model.member_scores(cells)
    scores = model.scores(cells)
    known = frozenset(version.card.known_types)
    figures = metrics.measure(scores, table.kinds, known, model.threshold, rounds=rounds)
    dataset = f"D-{loaded.sha256[:12]}"
    if keep:
        registry.record(Evaluated(number, dataset, at_us, figures))
    judged = Judged(scores, table.is_attack, np.zeros(len(table), bool))
    return Report(
        model=number,
        name=version.card.name,
        dataset=dataset,
        schema=version.card.schema,
        figures=figures,
        confusion=_confusion(judged, model.threshold),
        roc=metrics.roc_curve(judged),
        pr=metrics.pr_curve(judged),
        calibration=metrics.calibration_curve(judged),
        members={name: metrics.roc_auc(Judged(each, table.is_attack, table.is_attack)) for name, each in own.items()},
    )


class Difference(msgspec.Struct, frozen=True):
    """Two versions on the same rows: second minus first, with a paired bootstrap interval of 95 %."""

    figure: str
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None


def compare_versions(
    registry: Registry, first: int, second: int, loaded: Loaded, *, rounds: int = 200
) -> list[Difference]:
    """Two versions judged on the same rows and the same resamples."""
    table = loaded.table
    cells = table.cells()
    models = [registry.open(number, schema=table.schema.id, unsigned=True) for number in (first, second)]
    scores = [model.scores(cells) for model in models]
    known = frozenset(registry.version(first).card.known_types) | set(registry.version(second).card.known_types)
    measures = {"roc_auc": metrics.roc_auc, "pr_auc": metrics.pr_auc, "tpr_at_1_fpr": metrics.tpr_at_rate}
    new = np.asarray(~np.isin(table.kinds, [*sorted(known), ""]))
    sides = [Judged(each, table.is_attack, new) for each in scores]
    resamples = metrics.resample(sides[0], 0, rounds)
    return [_difference(name, figure, sides, resamples) for name, figure in measures.items()]


def _difference(name: str, figure: Measure, sides: Sequence[Judged], resamples: Sequence[Indices]) -> Difference:
    one, two = figure(sides[0]), figure(sides[1])
    if one is None or two is None:
        return Difference(name, one, two, None, None, None)
    pairs = [(figure(sides[0].take(rows)), figure(sides[1].take(rows))) for rows in resamples]
    gaps = [after - before for before, after in pairs if before is not None and after is not None]
    low, high = np.quantile(gaps, [0.025, 0.975]).tolist() if gaps else (None, None)
    return Difference(name, one, two, two - one, low, high)


def _judged(model: Model, table: Table, known: tuple[str, ...]) -> Figures:
    return metrics.measure(model.scores(table.cells()), table.kinds, frozenset(known), model.threshold)


def _reference(model: Model, table: Table, division: Division) -> Reference | None:
    """What benign flows look like and score: those that judged, where there are enough, since others flatter."""
    if table.schema.id != FLOW.id:
        return None
    benign = table.take(np.flatnonzero(~table.is_attack)[:_REFERENCE_ROWS])
    judged = table.take(division.test)
    judged = judged.take(np.flatnonzero(~judged.is_attack)[:_REFERENCE_ROWS])
    scored = judged if len(judged) >= FEWEST_FLOWS else benign
    return reference_of(FlowBlock.of(benign), model.evidence(scored.cells()))


def _confusion(judged: Judged, threshold: float) -> tuple[int, int, int, int]:
    called, attack = judged.scores > threshold, judged.is_attack
    return (
        int((called & attack).sum()),
        int((called & ~attack).sum()),
        int((~called & ~attack).sum()),
        int((~called & attack).sum()),
    )


def _card(registry: Registry, table: Table, trained: Trained, actor: Actor, name: str) -> Card:
    promotions = registry.promotions()
    steps = dict(trained.steps)
    for member in trained.model.members:
        if member in NOVELTY:
            steps[member] = [*steps.get(member, []), "fitted to benign rows alone"]
    return Card(
        number=0,
        name=name,
        made_at_us=actor.at_us,
        made_by=actor.name,
        host=actor.host,
        schema=trained.model.schema_id,
        columns=trained.model.columns,
        is_live=table.schema.is_live,
        training=trained.training,
        steps=steps,
        rehearsals=trained.rehearsals,
        false_positive_rate=trained.false_positive_rate,
        threshold=trained.model.threshold,
        known_types=trained.known,
        datasets=(),
        divided_by="",
        figures=None,
        environment=environment(),
        parent=promotions[-1].number if promotions and table.schema.is_live else None,
        artefact_sha384="",
        artefact_bytes=0,
    )
