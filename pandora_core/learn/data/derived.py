"""Owns the columns that are made of others: n-grams of texts, the recent past of an entity, the time of day. Pure.

They are made row by row from the row itself and those before it, so nothing of a judged row gets into training.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.table import Reals

TEXT_COLUMNS = 64
SPANS_S = (60, 3600)
"""How far an entity's past is looked back at."""

_SECOND_US = 1_000_000
_DAY_S = 86_400
_TOKEN = re.compile(r"[A-Za-z]+|[^\sA-Za-z0-9]")
_MOST_TOKENS = 200


def ngram_names(column: str) -> list[str]:
    """The names of the columns that :func:`hashed_ngrams` makes of a text column."""
    return [f"{column}~{place:02d}" for place in range(TEXT_COLUMNS)]


def hashed_ngrams(texts: Sequence[str]) -> Reals:
    """Words and pairs of words of log messages, hashed into 64 columns with a sign, each row of length 1.

    Numbers are left out: they are what differs between two messages that say the same. Hashing needs no vocabulary:
    a word that training never saw has a place too (Weinberger et al., ICML 2009). The first 200 words count.
    """
    made = np.zeros((len(texts), TEXT_COLUMNS))
    known: dict[str, tuple[int, float]] = {}
    for row, text in enumerate(texts):
        words = _TOKEN.findall(text.lower())[:_MOST_TOKENS]
        for gram in (*words, *(f"{one} {two}" for one, two in itertools.pairwise(words))):
            if gram not in known:
                code = zlib.crc32(gram.encode())
                known[gram] = code % TEXT_COLUMNS, 1.0 if code >> 31 else -1.0
            place, sign = known[gram]
            made[row, place] += sign
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.maximum(length, 1e-12), np.float64)


WINDOW_NAMES = ("entity_idle_s", *(f"entity_rows_{span}s" for span in SPANS_S))


def entity_windows(entities: Sequence[str], at_us: NDArray[np.int64]) -> Reals:
    """Of each row's entity: seconds since its last row (``nan`` for the first), and its rows in sliding windows."""
    made = np.full((len(at_us), len(WINDOW_NAMES)), np.nan)
    _, codes = np.unique(np.asarray(entities, np.str_), return_inverse=True)
    order = np.lexsort((at_us, codes))
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        times = at_us[rows]
        made[rows[1:], 0] = np.diff(times) / _SECOND_US
        for place, span_s in enumerate(SPANS_S, start=1):
            first = np.searchsorted(times, times - span_s * _SECOND_US, side="right")
            made[rows, place] = np.arange(len(times)) - first + 1
    return made


TEMPORAL_NAMES = ("day_sin", "day_cos", "is_weekend")


def time_of_day(at_us: NDArray[np.int64]) -> Reals:
    """The hour as a point on a circle, so that midnight has no edge, and whether it is Saturday or Sunday (UTC)."""
    seconds = at_us // _SECOND_US
    angle = (seconds % _DAY_S) * (2.0 * np.pi / _DAY_S)
    weekday = (seconds // _DAY_S + 3) % 7  # the epoch was a Thursday
    return np.column_stack([np.sin(angle), np.cos(angle), (weekday >= 5).astype(np.float64)])
