"""Owns how far a model is in learning what is usual on a network, and the flows that it has looked at so far."""

from __future__ import annotations

import msgspec
import numpy as np

from pandora_core.learn.data.flows import FlowBlock
from pandora_core.learn.data.origin import Origin
from pandora_core.learn.scoring.calibration import flows_wanted

PROOF_FLOWS = 200
"""So many flows must bear a scale out before anything is said by it."""

_MOST_WANTED = 12_800


class _Memory(msgspec.Struct):
    """What a snapshot keeps."""

    origins: list[Origin]
    numbers: bytes
    codes: bytes
    looked: int
    tries: int
    flood: str
    is_over: bool
    judged: int = 0


class WarmUp:
    """Flows are looked at twice: those that give the scale, and those after them that must bear it out.

    Where they do not, all begins again with four times as many: what is usual was not to be seen in so few.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._held: list[tuple[list[Origin], FlowBlock]] = []
        self._looked = 0
        self._tries = 0
        self._flood = ""
        self.is_over = False
        self.judged = 0
        """So many of the flows that are held were judged already, where the input had come to its end."""

    @property
    def is_looking(self) -> bool:
        """Whether the flows that are held are to give the scale; else they are to bear it out."""
        return not self._looked

    @property
    def looked(self) -> int:
        """How many of the flows that are held gave the scale."""
        return self._looked

    @property
    def room(self) -> int:
        """How many flows it takes until there is something to be done."""
        return self._goal - self.flows

    @property
    def told(self) -> str:
        """How far it is, in words."""
        again = f"; begun anew, since {self._flood}" if self._flood else ""
        what = "seen" if self.is_looking else "checked"
        return f"{self.flows - self._looked:,} of {self._goal - self._looked:,} flows {what}{again}"

    def hold(self, origins: list[Origin], block: FlowBlock) -> None:
        """Keeps flows, at most :attr:`room`."""
        self._held.append((origins, block))

    def held(self) -> tuple[list[Origin], FlowBlock]:
        """All flows that are kept, in order."""
        origins = [origin for each, _ in self._held for origin in each]
        return origins, FlowBlock.joined([block for _, block in self._held])

    def scaled(self) -> None:
        """The flows that are held gave a scale."""
        self._looked = self.flows

    def done(self) -> None:
        """The scale holds: nothing is kept any more."""
        self._held, self._looked, self.judged, self.is_over = [], 0, 0, True

    def begin_anew(self, flood: str) -> None:
        """The scale does not hold: more flows are needed. ``flood`` says what was seen."""
        self._held, self._looked, self.judged, self.is_over = [], 0, 0, False
        self._tries, self._flood = self._tries + 1, flood

    def dump(self) -> bytes:
        """Everything, for a snapshot."""
        origins, block = self.held() if self._held else ([], None)
        numbers = block.numbers.tobytes("C") if block is not None else b""
        codes = block.codes.tobytes("C") if block is not None else b""
        return msgspec.msgpack.encode(
            _Memory(origins, numbers, codes, self._looked, self._tries, self._flood, self.is_over, self.judged)
        )

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`.

        Raises:
            ValueError: it is no such state.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        if memory.origins:
            numbers = np.frombuffer(memory.numbers).reshape(len(memory.origins), -1)
            codes = np.frombuffer(memory.codes, np.int16).reshape(len(memory.origins), -1)
            self._held = [(memory.origins, FlowBlock(np.asfortranarray(numbers), np.asfortranarray(codes)))]
        self._looked, self._tries, self._flood = memory.looked, memory.tries, memory.flood
        self.is_over, self.judged = memory.is_over, memory.judged

    @property
    def flows(self) -> int:
        """How many flows are held."""
        return sum(len(origins) for origins, _ in self._held)

    @property
    def _goal(self) -> int:
        if self._looked:
            return self._looked + PROOF_FLOWS
        wanted = flows_wanted(self._rate)
        return max(wanted, min(wanted << 2 * min(self._tries, 8), _MOST_WANTED))
