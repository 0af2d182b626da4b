"""Owns the finding of chains: moves that lead on from where another one led, as an intruder's do.

After Hopper (Ho et al., "Hopper: Modeling and Detecting Lateral Movement", USENIX Security 2021): a path through
several hosts counts where its hops are causally possible, and most where the credentials change on the way. Here a
chain's bits are those of its hops, less what a long wait between two hops makes likely by chance.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pandora_core.graph.history import Move
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US

MAX_HOPS = 6
MAX_WAIT_US = 7 * DAY_US
"""How long an intruder may rest between two hops."""

CLOCKS_US = 20 * MINUTE_US
"""By how much the clocks of two hosts may differ: a hop this much before the one that it follows still follows it."""

HOP_BITS = 5.0
"""A hop with less evidence is not worth following."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Moves in the order in which they were made, and what speaks for them."""

    moves: tuple[Move, ...]
    bits: float
    has_new_credentials: bool

    @property
    def words(self) -> str:
        """``WS-5 → WS-6 → SRV-1 as alice, then as admin``."""
        hosts = " → ".join((self.moves[0].source, *(move.target for move in self.moves)))
        users = list(dict.fromkeys(move.user or "?" for move in self.moves))
        return f"{hosts} as {', then as '.join(users)}"


def chains_of(moves: Sequence[Move], bits: Sequence[float], least_bits: float) -> list[Chain]:
    """Chains of at least two hops and ``least_bits``, the strongest first; no move is in two of them."""
    steps = _Steps(moves, bits)
    chains: list[Chain] = []
    taken: set[int] = set()
    for total, hops, end in steps.ends(least_bits):
        numbers = steps.traced(end, hops)
        if taken.isdisjoint(numbers):
            taken.update(numbers)
            chains.append(_chain([moves[number] for number in numbers], total))
    return chains


def follows(move: Move, earlier: Move) -> bool:
    """Whether a move can be what somebody did next who had come by an earlier one."""
    return -CLOCKS_US <= move.first_us - earlier.first_us <= MAX_WAIT_US


def wait_bits(move: Move, earlier: Move) -> float:
    """What a wait costs: one bit for each doubling beyond an hour."""
    return math.log2(max(abs(move.first_us - earlier.first_us) / HOUR_US, 1.0))


class _Steps:
    """Dynamic programming over the number of hops: the best chain of so many that ends with each move."""

    def __init__(self, moves: Sequence[Move], bits: Sequence[float]) -> None:
        self._moves, self._bits = moves, bits
        self._into: dict[str, list[int]] = defaultdict(list)
        kept = [number for number, value in enumerate(bits) if value >= HOP_BITS]
        for number in kept:
            self._into[moves[number].target].append(number)
        self._best: list[dict[int, tuple[float, int]]] = [{}, {number: (bits[number], -1) for number in kept}]
        while len(self._best) <= MAX_HOPS and self._best[-1]:
            self._best.append(dict(self._longer(kept)))

    def ends(self, least_bits: float) -> list[tuple[float, int, int]]:
        """Total, hops and last move of every chain that is strong enough, the strongest and then shortest first."""
        found = [
            (round(total, 2), hops, number)
            for hops, ends in enumerate(self._best)
            for number, (total, _) in ends.items()
            if hops > 1 and total >= least_bits
        ]
        return sorted(found, key=lambda end: (-end[0], end[1], _order(self._moves[end[2]])))

    def traced(self, end: int, hops: int) -> list[int]:
        """The moves of a chain, first to last."""
        numbers = []
        while end >= 0:
            numbers.append(end)
            end, hops = self._best[hops][end][1], hops - 1
        return numbers[::-1]

    def _longer(self, kept: Sequence[int]) -> Iterator[tuple[int, tuple[float, int]]]:
        known, moves = self._best[-1], self._moves
        for number in kept:
            move = moves[number]
            before = [
                (known[earlier][0] - wait_bits(move, moves[earlier]), earlier)
                for earlier in self._into.get(move.source, ())
                if earlier in known and moves[earlier].source != move.target and follows(move, moves[earlier])
            ]
            if before:
                total, earlier = max(before, key=lambda found: (found[0], _order(moves[found[1]])))
                yield number, (total + self._bits[number], earlier)


def _chain(moves: list[Move], bits: float) -> Chain:
    changed = any(move.user != earlier.user for earlier, move in pairwise(moves))
    return Chain(tuple(moves), bits, changed)


def _order(move: Move) -> tuple[str, str, str]:
    return move.source, move.target, move.user
