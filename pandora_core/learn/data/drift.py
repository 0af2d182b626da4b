"""Owns drift: how far the flows of late are from those that a model is used to, column by column. Pure.

The measure is the population stability index, Σ (a - e) ln(a / e) over the pieces that a column is cut into, a the
share of late flows in a piece and e the share expected. By custom up to 0.1 is nothing, and more than 0.25 is strong.
It tells that traffic changed, not that the model fails: that only labels can tell.
"""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np
from numpy.typing import NDArray

from pandora_core.learn.data.flows import FLOW, WORDS, FlowBlock
from pandora_core.learn.table import Reals
from pandora_core.store.rows import Drift

BUCKET_FLOWS = 1_000
BUCKETS = 10
"""So many buckets of flows are looked back at; drift is said from the first full one on."""

MODERATE, STRONG = 0.1, 0.25
FEWEST_FLOWS = 1_000
"""From which on flows can be a reference: with fewer, chance alone looks like drift."""

TRAINING, CALIBRATION = "training", "calibration"

_PIECES = 10
_SMOOTHING = 0.5
"""Flows more in every piece, so that an empty one is rare and not impossible."""

_NUMBERS = len(FLOW.numbers)


class Spread(msgspec.Struct, frozen=True):
    """How one column lay: shares of the pieces between ``cuts`` and of what was missing, or of each code."""

    cuts: tuple[float, ...]
    shares: tuple[float, ...]


class Reference(msgspec.Struct, frozen=True):
    """The flows that a model is used to: benign ones of its training, or those that it was calibrated on."""

    flows: int
    against: str
    features: dict[str, Spread]
    score: Spread


def reference_of(block: FlowBlock, evidence: Reals, against: str = TRAINING) -> Reference:
    """What flows looked like, and the evidence that they scored (some of them, or others of the kind)."""
    numbers = [_spread_of(column) for column in block.numbers.T]
    categories = [
        Spread((), _shares(np.bincount(codes, minlength=len(words))))
        for codes, words in zip(block.codes.T, WORDS, strict=True)
    ]
    features = dict(zip(FLOW.columns, numbers + categories, strict=True))
    return Reference(len(block), against, features, _spread_of(evidence))


class Meter:
    """Counts flows by the pieces of a reference, and says how far those of late are from it."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        spreads = [*reference.features.values(), reference.score]
        self._cuts = [np.array(spread.cuts) for spread in spreads]
        sizes = [len(spread.shares) for spread in spreads]
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._expected = np.concatenate([spread.shares for spread in spreads])
        self._full: deque[NDArray[np.int64]] = deque(maxlen=BUCKETS)
        self._open = np.zeros(len(self._expected), np.int64)
        self._in_open = 0

    def add(self, block: FlowBlock, evidence: Reals) -> list[Drift]:
        """Takes flows in; returns the drift after each bucket that they filled."""
        places = self._places(block, evidence)
        start, told = 0, []
        while start < len(block):
            stop = min(len(block), start + BUCKET_FLOWS - self._in_open)
            self._open += np.bincount(places[:, start:stop].ravel(), minlength=len(self._open))
            self._in_open += stop - start
            start = stop
            if self._in_open == BUCKET_FLOWS:
                self._full.append(self._open)
                self._open, self._in_open = np.zeros_like(self._open), 0
                told.append(self.drift())
        return told

    def drift(self) -> Drift:
        """How far the flows in the full buckets are from the reference."""
        flows = BUCKET_FLOWS * len(self._full)
        if not flows:
            return Drift(against=self.reference.against)
        indices = self._indices(np.sum(self._full, axis=0))
        by_name = dict(zip(self.reference.features, indices[:-1], strict=True))
        features = dict(sorted(by_name.items(), key=lambda pair: (-pair[1], pair[0])))
        return Drift(_word(max(indices)), flows, self.reference.against, indices[-1], features)

    def dump(self) -> bytes:
        """The counts, for a snapshot."""
        counts = [bucket.tolist() for bucket in (*self._full, self._open)]
        return msgspec.msgpack.encode((self.reference, self._in_open, counts))

    @classmethod
    def restored(cls, state: bytes) -> Meter:
        """Inverse of :meth:`dump`."""
        reference, in_open, counts = msgspec.msgpack.decode(state, type=tuple[Reference, int, list[list[int]]])
        made = cls(reference)
        *full, made._open = [np.array(bucket, np.int64) for bucket in counts]
        made._full.extend(full)
        made._in_open = in_open
        return made

    def _places(self, block: FlowBlock, evidence: Reals) -> NDArray[np.intp]:
        """(columns, flows): where each value falls among the pieces of all columns."""
        made = np.empty((len(self._starts), len(block)), np.intp)
        for row, (values, cuts) in enumerate(zip(block.numbers.T, self._cuts, strict=False)):
            made[row] = _pieces(values, cuts)
        made[_NUMBERS:-1] = block.codes.T
        made[-1] = _pieces(evidence, self._cuts[-1])
        made += self._starts[:, None]
        return made

    def _indices(self, counts: NDArray[np.int64]) -> list[float]:
        """The index of every column, the score's last."""
        smoothed = counts + _SMOOTHING
        sizes = np.diff([*self._starts, len(counts)])
        actual = smoothed / np.repeat(np.add.reduceat(smoothed, self._starts), sizes)
        parts = (actual - self._expected) * np.log(actual / self._expected)
        found: list[float] = np.add.reduceat(parts, self._starts).round(4).tolist()
        return found


def _spread_of(values: Reals) -> Spread:
    """Tenths of the values, as far as they differ."""
    known = values[np.isfinite(values)]
    cuts = np.unique(np.quantile(known, np.linspace(0, 1, _PIECES + 1)[1:-1])) if len(known) else np.zeros(0)
    return Spread(tuple(cuts.tolist()), _shares(np.bincount(_pieces(values, cuts), minlength=len(cuts) + 2)))


def _pieces(values: Reals, cuts: Reals) -> NDArray[np.intp]:
    """The piece that each value is in; the last one is for what is missing."""
    made = np.searchsorted(cuts, values, side="left")
    made[np.isnan(values)] = len(cuts) + 1
    return made


def _shares(counts: NDArray[np.intp]) -> tuple[float, ...]:
    smoothed = counts + _SMOOTHING
    return tuple((smoothed / smoothed.sum()).tolist())


def _word(index: float) -> str:
    if index > STRONG:
        return "strong"
    return "moderate" if index > MODERATE else "none"
