"""Owns what is known of a data set: where it is from, what is in it, and what to beware of when learning from it."""

from __future__ import annotations

import msgspec
import numpy as np

from pandora_core.learn.data.datasets import Loaded
from pandora_core.learn.data.tabular import Columns
from pandora_core.learn.metrics import Judged, roc_auc
from pandora_core.learn.table import Reals, Table
from pandora_core.model import iso

_LEAK = 0.995
"""A column that alone orders attacks and benign rows this well (ROC-AUC) may be the label in disguise."""

_REPEATED = 0.05
_CONFLICT_ROWS = 1
_ID_BYTES = 12


class Column(msgspec.Struct, frozen=True):
    """Statistics of one column; ``None`` where it holds words."""

    name: str
    distinct: int
    missing: float
    low: float | None = None
    median: float | None = None
    high: float | None = None


class Profile(msgspec.Struct, frozen=True):
    """One import of labelled data: a row of the registry."""

    id: str
    """``D-`` and the start of the hash: the same bytes have the same id."""
    name: str
    source: str
    licence: str
    is_sensitive: bool
    """Whether it may name people or hosts; it then stays on this machine."""
    imported_at_us: int
    layout: str
    schema: str
    sha256: str
    rows: int
    left_out: int
    attacks: int
    types: dict[str, int]
    columns: tuple[Column, ...]
    first_at: str | None
    last_at: str | None
    warnings: tuple[str, ...]
    meaning: Columns = Columns()
    """What was said of its columns: it is read so again when it is asked for by name."""


class About(msgspec.Struct, frozen=True):
    """What whoever imports a data set says of it."""

    name: str
    source: str
    licence: str = "not stated"
    is_sensitive: bool = False
    at_us: int = 0
    meaning: Columns = Columns()


def profile(loaded: Loaded, about: About) -> Profile:
    """The row of an import."""
    table = loaded.table
    names, counts = np.unique(table.kinds, return_counts=True)
    times = table.at_us
    return Profile(
        id=f"D-{loaded.sha256[:_ID_BYTES]}",
        name=about.name,
        source=about.source,
        licence=about.licence,
        is_sensitive=about.is_sensitive,
        imported_at_us=about.at_us,
        layout=loaded.layout,
        schema=table.schema.id,
        sha256=loaded.sha256,
        rows=len(table),
        left_out=loaded.left_out,
        attacks=int(table.is_attack.sum()),
        types={str(name) or "benign": int(count) for name, count in zip(names, counts, strict=True)},
        columns=_columns(table),
        first_at=None if times is None else iso(int(times.min())),
        last_at=None if times is None else iso(int(times.max())),
        warnings=tuple(warnings(table)),
        meaning=about.meaning,
    )


def warnings(table: Table) -> list[str]:
    """What to beware of, in sentences."""
    return [*_constant(table), *_repeated(table), *_leaking(table), *_lopsided(table), *_split_in_time(table)]


def overlap(train: Table, test: Table) -> float:
    """Share of ``test``'s rows whose features are, number for number, those of a row of ``train``."""
    return float(np.isin(test.row_hashes(), train.row_hashes()).mean()) if len(test) else 0.0


def _columns(table: Table) -> tuple[Column, ...]:
    made = []
    for name, values in zip(table.schema.numbers, table.numbers.T, strict=True):
        seen = values[np.isfinite(values)]
        spread = [float(x) for x in np.quantile(seen, [0.0, 0.5, 1.0])] if len(seen) else [None] * 3
        made.append(Column(name, len(np.unique(seen)), round(1.0 - len(seen) / len(values), 6), *spread))
    for name, words in zip(table.schema.categories, table.categories.T, strict=True):
        made.append(Column(name, len(np.unique(words)), 0.0))
    return tuple(made)


def _constant(table: Table) -> list[str]:
    every = [*zip(table.schema.numbers, table.numbers.T, strict=True)]
    found = [name for name, values in every if len(np.unique(values[np.isfinite(values)])) <= 1]
    found += [
        name
        for name, words in zip(table.schema.categories, table.categories.T, strict=True)
        if len(np.unique(words)) == 1
    ]
    return [f"the same in every row: {', '.join(found)}"] if found else []


def _repeated(table: Table) -> list[str]:
    hashes = table.row_hashes()
    _, first, codes, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    share = 1.0 - len(first) / len(hashes)
    told = []
    if share > _REPEATED:
        told.append(
            f"{share:.0%} of the rows repeat another one: a random split would flatter, divide by time or type"
        )
    attacks = np.bincount(codes, table.is_attack)
    both = int(counts[(attacks > 0) & (attacks < counts)].sum())
    if both > _CONFLICT_ROWS:
        told.append(f"{both} rows are benign and attack with the very same features")
    return told


def _leaking(table: Table) -> list[str]:
    attack = table.is_attack
    if attack.all() or not attack.any():
        return []
    found = [
        f"{name} ({worth:.3f})"
        for name, values in zip(table.schema.numbers, table.numbers.T, strict=True)
        if (worth := _alone(values, attack)) > _LEAK
    ]
    return [f"may give the label away (ROC-AUC of the column alone): {', '.join(found)}"] if found else []


def _alone(values: Reals, attack: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    area = roc_auc(Judged(np.nan_to_num(values, nan=-1.0), attack, attack)) or 0.5
    return max(area, 1.0 - area)


def _lopsided(table: Table) -> list[str]:
    attacks = int(table.is_attack.sum())
    told = []
    if attacks in (0, len(table)):
        told.append("no row is an attack" if not attacks else "every row is an attack")
    names, counts = np.unique(table.kinds, return_counts=True)
    few = [str(name) for name, count in zip(names, counts, strict=True) if name and count < 20]
    if few:
        told.append(f"fewer than 20 rows of: {', '.join(few)}")
    return told


def _split_in_time(table: Table) -> list[str]:
    """Attacks and benign rows that do not overlap in time: a model could learn the date instead."""
    attack = table.is_attack
    if table.at_us is None or attack.all() or not attack.any():
        return []
    bad, good = table.at_us[attack], table.at_us[~attack]
    apart = bad.min() > good.max() or good.min() > bad.max()
    return ["attacks and benign rows are of different times: what differs may be the time"] if apart else []
