"""Owns the table that models learn from: rows of a schema with labels, attack types and times. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pandora_core.errors import RefusedError

Reals: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.str_]
Cells: TypeAlias = NDArray[Any]
"""(rows, columns) of objects: the numbers of a schema, then its categories."""

BENIGN = ""
"""The attack type of a benign row."""

UNKNOWN_KIND = "attack"
"""The attack type of a row that is labelled malicious and no more."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Which columns a table has and what they mean. Another version means other features: models do not cross it."""

    name: str
    version: int
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    is_live: bool = False
    """Whether the engine can compute it from the logs: only then can a model on it be promoted."""
    padded: tuple[str, ...] = ()
    """Numbers that whoever attacks can make larger at will (bytes, packets, time taken)."""

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.numbers + self.categories


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of one schema. ``nan`` is a number that the log did not say; ``kinds`` is :data:`BENIGN` or a type."""

    schema: Schema
    numbers: Reals
    categories: Words
    kinds: Words
    at_us: NDArray[np.int64] | None = None
    """Event times, where the data has them."""

    @property
    def is_attack(self) -> Flags:
        return np.asarray(self.kinds != BENIGN)

    @property
    def attack_types(self) -> list[str]:
        return sorted({str(kind) for kind in np.unique(self.kinds)} - {BENIGN})

    def __len__(self) -> int:
        return len(self.kinds)

    def take(self, rows: Indices | Flags) -> Self:
        """The rows at these places, or where the flag is up."""
        times = None if self.at_us is None else self.at_us[rows]
        return replace(
            self, numbers=self.numbers[rows], categories=self.categories[rows], kinds=self.kinds[rows], at_us=times
        )

    def cells(self) -> Cells:
        """What preparation takes in: numbers and categories side by side."""
        made = np.empty((len(self), len(self.schema.columns)), dtype=object)
        made[:, : len(self.schema.numbers)] = self.numbers
        made[:, len(self.schema.numbers) :] = self.categories
        return made

    def row_hashes(self) -> NDArray[np.uint64]:
        """A hash of every row's features, labels and times left out: equal rows have equal hashes."""
        made = np.zeros(len(self), np.uint64)
        for column in self.numbers.T:
            made = _mixed(made, np.ascontiguousarray(column + 0.0).view(np.uint64))
        for column in self.categories.T:
            names, codes = np.unique(column, return_inverse=True)
            known = [int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8).digest()) for name in names]
            made = _mixed(made, np.array(known, np.uint64)[codes])
        return made


class Division(NamedTuple):
    """Places of the rows to learn from and of those to judge by, and how they were chosen."""

    train: Indices
    test: Indices
    by: str
    repeated: float
    """Share of the judged rows whose features are, number for number, those of a row that was learned from."""


def divide(table: Table, test_share: float, seed: int, *, by: str = "auto") -> Division:
    """Divide by time where the table has times (the last part judges), else at random within every attack type.

    ``by`` is ``auto``, ``time`` or ``random``.

    Raises:
        RefusedError: ``time`` is asked of a table that has none.
    """
    if by == "time" and table.at_us is None:
        raise RefusedError("this data has no times to divide by", hint="divide at random")
    if by != "random" and table.at_us is not None:
        order = np.argsort(table.at_us, kind="stable")
        cut = round(len(order) * (1.0 - test_share))
        train, test, by = order[:cut], order[cut:], "time"
    else:
        train, test, by = *_at_random(table, test_share, seed), "random"
    hashes = table.row_hashes()
    repeated = float(np.isin(hashes[test], hashes[train]).mean()) if len(test) else 0.0
    return Division(train, test, by, repeated)


def hold_out(table: Table, kinds: set[str], test_share: float, seed: int) -> Division:
    """Learn from nothing of the attack types ``kinds``; judge by all of them and a share of everything else."""
    train, test = _at_random(table, test_share, seed)
    held = np.isin(table.kinds, sorted(kinds))
    known = ~held[train]
    return Division(train[known], np.concatenate([test, train[~known]]), "attack type", 0.0)


def _at_random(table: Table, test_share: float, seed: int) -> tuple[Indices, Indices]:
    rng = np.random.default_rng(seed)
    train, test = [], []
    for kind in np.unique(table.kinds):
        rows = rng.permutation(np.flatnonzero(table.kinds == kind))
        cut = round(len(rows) * test_share)
        test.append(rows[:cut])
        train.append(rows[cut:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def _mixed(state: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One round of a multiply-xorshift hash; it need not resist anybody, only spread."""
    with np.errstate(over="ignore"):
        state = (state ^ word) * np.uint64(0x9E3779B97F4A7C15)
    return state ^ (state >> np.uint64(29))
