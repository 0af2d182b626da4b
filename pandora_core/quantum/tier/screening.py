"""Owns the novelty tier at work: which of the rows that the fast tier calls benign are unlike all benign rows known.

Exact kernels in NumPy, inline, for whole batches. The kernel whose gate is open decides; both figures are told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pandora_core.quantum.models.states import Reals
from pandora_core.quantum.tier.model import Member, TierModel
from pandora_core.quantum.tier.preparation import Words


class Novelty(NamedTuple):
    """A novel row: its place in the batch, and the share of benign rows that are as strange by each kernel."""

    place: int
    quantum: float
    control: float


class Screen:
    """A model of the quantum tier that screens. It is off, and finds nothing, where neither member's gate is open."""

    def __init__(self, model: TierModel) -> None:
        self._model = model
        self.served: Member | None = model.served

    @property
    def is_on(self) -> bool:
        return self.served is not None

    @property
    def name(self) -> str:
        """The kernel that decides; empty where none does."""
        return "" if self.served is None else self.served.name

    def find(self, numbers: Reals, words: Words, is_benign: NDArray[np.bool_]) -> list[Novelty]:
        """The novel ones of the rows that the fast tier calls benign, in their order."""
        if self.served is None:
            return []
        places = np.flatnonzero(is_benign)
        if not len(places):
            return []
        x = self._model.prepared(numbers[places], words[places])
        novel = np.flatnonzero(self.served.scores(x) > self.served.threshold)
        if not len(novel):
            return []
        shares = [each.rarities(each.scores(x[novel])) for each in (self._model.quantum, self._model.control)]
        return [
            Novelty(int(places[at]), float(quantum), float(control))
            for at, quantum, control in zip(novel, *shares, strict=True)
        ]
