"""Owns the reading of rows without a known layout into a table: which columns are numbers, words, texts, names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pandora_core.errors import SourceError
from pandora_core.learn.data import derived
from pandora_core.learn.table import BENIGN, Reals, Schema, Table
from pandora_core.model import from_iso

_BENIGN_WORDS = frozenset({"", "0", "0.0", "-", "normal", "benign", "background", "false", "legitimate", "clean"})
_MOST_CATEGORIES = 200

Times: TypeAlias = NDArray[np.int64]
"""Microseconds since the epoch."""


class Columns(NamedTuple):
    """What the columns of a table without a known layout mean: only the label must be named."""

    label: str = ""
    time: str = ""
    ignored: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    """Columns with messages: they become hashed n-grams."""
    entity: str = ""
    """Who a row is about: with times, its recent past becomes columns."""
    temporal: bool = False
    """Whether the time of day and the weekend become columns."""


def is_benign(label: str) -> bool:
    """Whether a label says that nothing is wrong: a word for it, or CTU's ``flow=From-Normal-…`` and its like."""
    low = label.strip().lower()
    return low in _BENIGN_WORDS or low.startswith(("flow=background", "flow=from-normal", "flow=to-normal"))


def read(where: str, found: Sequence[dict[str, Any]], columns: Columns) -> tuple[Table, int]:
    """Rows as a table, in order of time where they have times, and how many had no label.

    Raises:
        SourceError: a named column is not there, or no column can be learned from.
    """
    _check(where, found, columns)
    used = [row for row in found if row.get(columns.label) is not None]
    times = _times(where, used, columns.time)
    left = (columns.label, columns.time, columns.entity, *columns.texts, *columns.ignored)
    numbers, categories = _sorted_columns(used, [name for name in found[0] if name not in left])
    numbers |= _derived(used, columns, times)
    if not numbers and not categories:
        raise SourceError("no column can be learned from", where=where, hint="leave fewer out with --ignore")
    kinds = np.array([BENIGN if is_benign(str(row[columns.label])) else str(row[columns.label]) for row in used])
    mark = hashlib.sha256("\n".join([*numbers, "|", *categories]).encode()).hexdigest()[:8]
    table = Table(
        Schema(f"table-{mark}", 1, tuple(numbers), tuple(categories)),
        np.array(list(numbers.values()), np.float64).T.reshape(len(used), len(numbers)),
        np.array(list(categories.values()), np.str_).T.reshape(len(used), len(categories)),
        kinds.astype(np.str_),
        times,
    )
    return table if times is None else table.take(np.argsort(times, kind="stable")), len(found) - len(used)


def _check(where: str, found: Sequence[dict[str, Any]], columns: Columns) -> None:
    if not columns.label:
        raise SourceError("nothing says which column is the label", where=where, hint="--label COLUMN")
    known = list(found[0]) if found else []
    for name in (columns.label, columns.entity, *columns.texts):
        if name and name not in known:
            raise SourceError(f"has no column {name!r}", where=where, hint=f"columns: {', '.join(known) or 'none'}")
    if (columns.entity or columns.temporal) and not columns.time:
        raise SourceError("what happened when is not known", where=where, hint="name the column with --time")


def _derived(rows: Sequence[dict[str, Any]], columns: Columns, times: Times | None) -> dict[str, Reals]:
    """Columns made of others, by name."""
    made: dict[str, Reals] = {}
    for name in columns.texts:
        grams = derived.hashed_ngrams([str(row.get(name) or "") for row in rows])
        made |= zip(derived.ngram_names(name), grams.T, strict=True)
    if times is not None and columns.entity:
        windows = derived.entity_windows([str(row.get(columns.entity)) for row in rows], times)
        made |= zip(derived.WINDOW_NAMES, windows.T, strict=True)
    if times is not None and columns.temporal:
        made |= zip(derived.TEMPORAL_NAMES, derived.time_of_day(times).T, strict=True)
    return made


def _sorted_columns(
    rows: Sequence[dict[str, Any]], names: Sequence[str]
) -> tuple[dict[str, Reals], dict[str, list[str]]]:
    """Columns that hold nothing but numbers, and those with few enough words; others are names and left out."""
    numbers: dict[str, Reals] = {}
    categories: dict[str, list[str]] = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        values = [_as_number(cell) for cell in cells]
        if all(value is not None for value in values):
            numbers[name] = np.array(values, np.float64)
        elif len({str(cell) for cell in cells}) <= _MOST_CATEGORIES:
            categories[name] = [str(cell) for cell in cells]
    return numbers, categories


def _as_number(cell: Any) -> float | None:
    """``nan`` for what is empty, ``None`` for what is a word."""
    if cell is None or cell in ("", "-"):
        return float("nan")
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else float("nan")


def _times(where: str, rows: Sequence[dict[str, Any]], column: str) -> Times | None:
    if not column:
        return None
    try:
        return np.array([_time_us(row[column]) for row in rows], np.int64)
    except (KeyError, ValueError, TypeError) as error:
        raise SourceError(f"column {column!r} holds no times: {error}", where=where) from error


def _time_us(cell: Any) -> int:
    """Seconds since the epoch, or an ISO 8601 time."""
    number = _as_number(cell)
    return from_iso(str(cell)) if number is None else int(number * 1_000_000)
