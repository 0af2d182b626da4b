"""Owns the preparation of rows for kernels: logarithms of numbers, words one by one, all of it standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pandora_core.quantum.models.states import Reals

Words = NDArray[Any]
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """Columns of numbers and words as standardised numbers; columns that did not vary in learning are left out.

    A number that is not known (``nan``) becomes the mean; a word that was not known then is none of the known ones.
    """

    words: tuple[Words, ...]
    mean: Reals
    deviation: Reals
    """0 for columns that are left out."""

    @classmethod
    def of(cls, numbers: Reals, words: Words) -> Preparation:
        """Learn from rows: ``numbers`` (rows, numbers) and ``words`` (rows, categories)."""
        known = tuple(np.unique(column) for column in words.T)
        raw = _raw(numbers, words, known)
        is_known = ~np.isnan(raw)
        count = np.maximum(is_known.sum(axis=0), 1)
        mean = np.where(is_known, raw, 0.0).sum(axis=0) / count
        deviation = np.sqrt(np.where(is_known, (raw - mean) ** 2, 0.0).sum(axis=0) / count)
        varies = deviation > _ROUNDING * (1.0 + np.abs(mean))
        return cls(known, mean, np.where(varies, deviation, 0.0))

    def apply(self, numbers: Reals, words: Words) -> Reals:
        """Rows prepared: (rows, columns that vary)."""
        kept = self.deviation > 0
        raw = _raw(np.atleast_2d(numbers), np.atleast_2d(words), self.words)[:, kept]
        made: Reals = (raw - self.mean[kept]) / self.deviation[kept]
        return np.where(np.isnan(made), 0.0, made)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data; :meth:`from_json` reads it back."""
        return {
            "words": [[str(word) for word in known] for known in self.words],
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preparation:
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what :meth:`as_json` did not write."""
        words = tuple(np.array(known, np.str_) for known in data["words"])
        mean, deviation = np.array(data["mean"], np.float64), np.array(data["deviation"], np.float64)
        if mean.ndim != 1 or mean.shape != deviation.shape:
            raise ValueError(f"{mean.shape} means for {deviation.shape} deviations")
        return cls(words, mean, deviation)


def _raw(numbers: Reals, words: Words, known: tuple[Words, ...]) -> Reals:
    flags = [(words[:, at][:, None] == each).astype(np.float64) for at, each in enumerate(known)]
    made: Reals = np.hstack([np.sign(numbers) * np.log1p(np.abs(numbers)), *flags])
    return made
