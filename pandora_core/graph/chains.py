"""Owns the finding of chains: moves that lead on from where another one led, as an intruder's do.

After Hopper (Ho et al., "Hopper: Modeling and Detecting Lateral Movement", USENIX Security 2021): a path through
several hosts counts where its hops are causally possible, and most where the credentials change on the way.

A chain's bits say how seldom it would come together by chance: of each hop, how few moves of the same graph are as
unusual, and of each wait between hops, how seldom an unusual move leads into any one host within that time. With N
moves about N / 2^bits such chains are to be expected though nobody intrudes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pandora_core.detect.addresses import is_address
from pandora_core.graph.history import Move
from pandora_core.model import DAY_US, MINUTE_US

MAX_HOPS = 6
MAX_WAIT_US = 7 * DAY_US
"""How long an intruder may rest between two hops."""

CLOCKS_US = 20 * MINUTE_US
"""By how much the clocks of two hosts may differ: a hop this much before the one that it follows still follows it."""

HOP_BITS = 1.0
"""What is as usual as half of all moves is no hop."""

CREDENTIALS_BITS = 1.0
"""What a change of credentials on the way adds, once: half of the chance chains have none."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Moves in the order in which they were made, and what speaks for them."""

    moves: tuple[Move, ...]
    bits: float
    by_chance: float
    has_new_credentials: bool

    @property
    def words(self) -> str:
        """``WS-5 → WS-6 → SRV-1 as alice, then as admin``."""
        hosts = " → ".join((self.moves[0].source, *(move.target for move in self.moves)))
        users = list(dict.fromkeys(move.user or "?" for move in self.moves))
        return f"{hosts} as {', then as '.join(users)}"


def chains_of(moves: Sequence[Move], bits: Sequence[float], most_by_chance: float = 1.0) -> list[Chain]:
    """Chains of at least two hops of which so many or fewer are expected by chance, the strongest first.

    ``bits`` is the evidence for each move, which counts only by its order. No move is in two chains.
    """
    steps = _Steps(moves, _hop_bits(moves, bits))
    chains: list[Chain] = []
    taken: set[int] = set()
    least = math.log2(max(len(moves), 1) / most_by_chance)
    for total, hops, end in steps.ends(least - CREDENTIALS_BITS):
        numbers = steps.traced(end, hops)
        if taken.isdisjoint(numbers):
            chain = _chain([moves[number] for number in numbers], total, len(moves))
            if chain.by_chance <= most_by_chance:
                taken.update(numbers)
                chains.append(chain)
    return sorted(chains, key=lambda chain: (-chain.bits, _order(chain.moves[-1])))


def tail_bits(bits: Sequence[float]) -> list[float]:
    """For each number −log2 of the share of numbers that are as great."""
    ordered = sorted(bits)
    return [round(math.log2((len(bits) + 1) / (len(bits) - bisect_left(ordered, value) + 1)), 2) for value in bits]


def follows(move: Move, earlier: Move) -> bool:
    """Whether a move can be what somebody did next who had come by an earlier one."""
    return -CLOCKS_US <= move.first_us - earlier.first_us <= MAX_WAIT_US


class _Steps:
    """Dynamic programming over the number of hops: the best chain of so many that ends with each move."""

    def __init__(self, moves: Sequence[Move], bits: Sequence[float]) -> None:
        self._moves, self._bits = moves, bits
        self._into: dict[str, list[int]] = defaultdict(list)
        kept = [number for number, value in enumerate(bits) if value >= HOP_BITS]
        for number in kept:
            self._into[moves[number].target].append(number)
        nameless = {move.target for move in moves} - {move.source for move in moves}
        nameless -= {host for host in nameless if is_address(host)}
        self._nameless = len(nameless)
        self._into_nameless = [number for number in kept if moves[number].target in nameless]
        times = [move.first_us for move in moves] or [0]
        span_us = max(times) - min(times)
        hosts = len({host for move in moves for host in (move.source, move.target)})
        self._rate = len(kept) / max(span_us, DAY_US) / max(hosts, 1)
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
            arrivals, doubt = self._arrivals(move.source)
            before = [
                (known[earlier][0] + self._wait_bits(move, moves[earlier]) - doubt, earlier)
                for earlier in arrivals
                if earlier in known and follows(move, moves[earlier]) and not self._passed(earlier, move.target)
            ]
            if before:
                total, earlier = max(before, key=lambda found: (found[0], _order(moves[found[1]])))
                yield number, (total + self._bits[number], earlier)

    def _passed(self, end: int, host: str) -> bool:
        """Whether the chain of as many hops as are known that ends with a move comes past a host."""
        return any(
            host in (self._moves[number].source, self._moves[number].target)
            for number in self.traced(end, len(self._best) - 1)
        )

    def _arrivals(self, source: str) -> tuple[Sequence[int], float]:
        """Moves into a host. An address whose host is not known may be any host whose address is not known."""
        if source in self._into or not is_address(source):
            return self._into.get(source, ()), 0.0
        return self._into_nameless, math.log2(max(self._nameless, 1))

    def _wait_bits(self, move: Move, earlier: Move) -> float:
        """How seldom an unusual move leads into a host within such a wait, clocks that differ included."""
        expected = self._rate * (abs(move.first_us - earlier.first_us) + CLOCKS_US)
        return max(-math.log2(expected), 0.0) if expected else 0.0


def _hop_bits(moves: Sequence[Move], bits: Sequence[float]) -> list[float]:
    """Tail bits, less those that it costs to choose among the hops of who goes everywhere, as scanners do."""
    tails = tail_bits(bits)
    fans = Counter((move.source, move.user) for move, tail in zip(moves, tails, strict=True) if tail >= HOP_BITS)
    return [tail - math.log2(max(fans[move.source, move.user], 1)) for move, tail in zip(moves, tails, strict=True)]


def _chain(moves: list[Move], bits: float, among: int) -> Chain:
    changed = any(move.user != earlier.user for earlier, move in pairwise(moves))
    total = round(bits + CREDENTIALS_BITS * changed, 2)
    return Chain(tuple(moves), total, among * 2.0**-total, changed)


def _order(move: Move) -> tuple[str, str, str]:
    return move.source, move.target, move.user
