"""Owns the ranking of moves, chains and hosts: what each is worth, why, and how seldom the history had its like.

The walks are asked how close a move's target was to its source on the days before: an intruder goes where nothing
led. Every ranking says which walk, on the same graph, foretold the new ways of the history better; that one counts in
the score. The quantum walks come from :mod:`pandora_core.quantum.walks.walk`; this module knows
them only as walks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pandora_core.detect.words import amount
from pandora_core.graph.chains import Chain, chains_of
from pandora_core.graph.closeness import Closeness, Contest, Walks, contest_of
from pandora_core.graph.evidence import MAX_BITS, OVERLAP, Part, parts_of
from pandora_core.graph.history import History, Move, way_of
from pandora_core.graph.moment import Moment
from pandora_core.graph.pagerank import RandomWalk, UndirectedWalk

LEAST_BITS = 2.5
"""A log-on with less evidence is not offered as lateral movement."""

LEAST_WALK_BITS = 0.05
"""What a walk says is left out where it would read as 0.0."""

MAX_WALKED = 200
"""The walks are asked about so many moves, those with most evidence first."""

INSUFFICIENT = "insufficient evidence"


CLASSICAL: Walks = {"random walk": UndirectedWalk}
"""The walks of which each ranking asks how close two hosts are; where none is clearly better the first is used."""

PAGERANK: Walks = {"PageRank": RandomWalk}
"""The walks of which each ranking asks what a host means to the network."""


@dataclass(frozen=True, slots=True)
class RankedMove:
    """A move, its evidence and what each walk makes of it.

    ``log_ons_before`` log-ons came before its day, and ``as_strong`` of the moves among them had as much evidence.
    """

    move: Move
    bits: float
    parts: tuple[Part, ...]
    walk_bits: Mapping[str, float]
    as_strong: int
    log_ons_before: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """The parts in words, what moved the score most first, and how unusual that is."""
        said = [f"{part.words} ({part.bits:+.1f} bits)" for part in self.parts]
        if self.log_ons_before:
            often = amount(self.as_strong, "way") if self.as_strong else "no way"
            said.append(f"{often} among {amount(self.log_ons_before, 'log-on')} before was as unusual")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class RankedHost:
    """A host, the evidence of the moves to and from it, and the strongest reasons."""

    host: str
    bits: float
    reasons: tuple[str, ...]
    standing: Mapping[str, float]
    """By walk, what share of time a walker on all log-ons spends there: what the host means to the network."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the graph of a moment says. ``verdict`` is empty, or says why there is nothing to rank."""

    moves: tuple[RankedMove, ...]
    chains: tuple[Chain, ...]
    hosts: tuple[RankedHost, ...]
    contest: Contest
    verdict: str = ""


def rank(moment: Moment, walks: Walks = CLASSICAL, standings: Walks = PAGERANK, since_us: int = 0) -> Ranking:
    """Ranks the moves of a moment that were first seen after ``since_us``, with all before as their history."""
    history = History(moment)
    contest = contest_of(history, walks)
    parts, bits = _judged(history)
    walked = _walked(history, parts, bits, walks, contest, since_us)
    for number, (part, _) in walked.items():
        parts[number] = _sorted((*parts[number], part)) if part.bits >= LEAST_WALK_BITS else parts[number]
        bits[number] = total_of(parts[number])
    chains = tuple(chain for chain in chains_of(history.moves, bits) if _ends_after(chain, since_us))
    _credit(history.moves, chains, parts, bits)
    before = _Before(history.moves, bits)
    ranked = [
        RankedMove(
            move, bits[number], parts[number], walked[number][1] if number in walked else {}, *before.of(number)
        )
        for number, move in enumerate(history.moves)
        if move.first_us >= since_us and bits[number] >= LEAST_BITS
    ]
    ranked.sort(key=lambda one: (-one.bits, one.move.source, one.move.target, one.move.user))
    verdict = "" if ranked else f"{INSUFFICIENT}: {_why(history)}"
    return Ranking(tuple(ranked), chains, _hosts(moment, ranked, standings), contest, verdict)


def total_of(parts: Iterable[Part]) -> float:
    """Bits in all, to a tenth; never below zero."""
    return max(round(sum(part.bits for part in parts), 1), 0.0)


def _judged(history: History) -> tuple[list[tuple[Part, ...]], list[float]]:
    """Each move's parts and bits. Of chains that stand out nothing is learnt: a second intruder is no less unusual
    for coming after the first."""
    parts = [parts_of(history, move) for move in history.moves]
    bits = [total_of(list_) for list_ in parts]
    hops = [move for chain in chains_of(history.moves, bits) for move in chain.moves]
    if not hops:
        return parts, bits
    first_day, learnt = min(move.day for move in hops), history.without({way_of(move) for move in hops})
    for number, move in enumerate(history.moves):
        if move.day > first_day:
            parts[number] = parts_of(learnt, move)
            bits[number] = total_of(parts[number])
    return parts, bits


def _walked(
    history: History,
    parts: Sequence[tuple[Part, ...]],
    bits: Sequence[float],
    walks: Walks,
    contest: Contest,
    since_us: int,
) -> dict[int, tuple[Part, dict[str, float]]]:
    """By move: what the better walk says, and what all of them do."""
    moves = history.moves
    chosen = [number for number, move in enumerate(moves) if move.first_us >= since_us and bits[number] >= LEAST_BITS]
    chosen.sort(key=lambda number: (-bits[number], moves[number].source, moves[number].target, moves[number].user))
    closeness = Closeness(history, walks)
    found = {}
    for number in sorted(chosen[:MAX_WALKED], key=lambda number: moves[number].day):
        by_walk = closeness.bits(moves[number])
        if by_walk:
            found[number] = (_walk_part(moves[number], contest.best, by_walk[contest.best]), by_walk)
    return found


def _walk_part(move: Move, walk: str, bits: float) -> Part:
    """Not all of what a walk says: it sees the same new ways as other parts do."""
    nearer = 1 - 2.0**-bits
    words = f"by the {walk} {nearer:.0%} of hosts were nearer to {move.source} than {move.target} was"
    return Part(walk, round(OVERLAP * bits, 2), words)


def _credit(moves: Sequence[Move], chains: Iterable[Chain], parts: list[tuple[Part, ...]], bits: list[float]) -> None:
    """Gives each hop of a chain what makes the chain more than chance."""
    numbers = {(move.source, move.target, move.user): number for number, move in enumerate(moves)}
    for chain in chains:
        for move in chain.moves:
            number = numbers[move.source, move.target, move.user]
            changed = ", with other credentials on the way" if chain.has_new_credentials else ""
            part = Part("chain", _chain_bits(chain), f"a hop of {chain.words}{changed}")
            parts[number] = _sorted((*parts[number], part))
    for chain in chains:
        for move in chain.moves:
            number = numbers[move.source, move.target, move.user]
            bits[number] = total_of(parts[number])


def _chain_bits(chain: Chain) -> float:
    return round(min(max(-math.log2(chain.by_chance), 0.0), MAX_BITS), 2)


class _Before:
    """How many earlier moves had as much evidence, and how many log-ons they were among."""

    def __init__(self, moves: Sequence[Move], bits: Sequence[float]) -> None:
        self._moves, self._bits = moves, bits
        by_day = sorted((move.day, move.count) for move in moves)
        self._days = [day for day, _ in by_day]
        self._log_ons = [0]
        for _, count in by_day:
            self._log_ons.append(self._log_ons[-1] + count)
        order = sorted(range(len(moves)), key=lambda number: -bits[number])
        self._as_strong = self._counted(order)

    def of(self, number: int) -> tuple[int, int]:
        """The number of earlier moves as strong as this one, and of log-ons before its day."""
        return self._as_strong.get(number, 0), self._log_ons[bisect_left(self._days, self._moves[number].day)]

    def _counted(self, order: Sequence[int]) -> dict[int, int]:
        """For the strongest thousand; who comes after them is not unusual."""
        counted = {}
        for place, number in enumerate(order[:1000]):
            day, least = self._moves[number].day, self._bits[number]
            upto = next((end for end in range(place + 1, len(order)) if self._bits[order[end]] < least), len(order))
            counted[number] = sum(self._moves[other].day < day for other in order[:upto])
        return counted


def _hosts(moment: Moment, ranked: Sequence[RankedMove], standings: Walks) -> tuple[RankedHost, ...]:
    """Hosts by the strongest move to or from them, and a quarter of the next."""
    adjacency, index = moment.adjacency(), moment.index()
    shares = {name: make(adjacency).average() for name, make in standings.items()} if ranked else {}
    by_host: dict[str, list[RankedMove]] = defaultdict(list)
    for one in ranked:
        by_host[one.move.source].append(one)
        by_host[one.move.target].append(one)
    hosts = [
        RankedHost(
            host,
            round(list_[0].bits + sum(one.bits for one in list_[1:2]) / 4, 1),
            tuple(f"{one.move.source} → {one.move.target}: {one.reasons[0]}" for one in list_[:3] if one.reasons),
            {name: float(share[index[host]]) for name, share in shares.items()},
        )
        for host, list_ in by_host.items()
    ]
    return tuple(sorted(hosts, key=lambda host: (-host.bits, host.host)))


def _ends_after(chain: Chain, since_us: int) -> bool:
    return chain.moves[-1].first_us >= since_us


def _sorted(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (-part.bits, part.name)))


def _why(history: History) -> str:
    if not history.moment.edges:
        return "no log-on is known"
    if not history.moves:
        return "no log-on of a person's account from one host to another is known"
    return f"none of {amount(len(history.moves), 'way')} between hosts stands out"
