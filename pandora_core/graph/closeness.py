"""Owns how close two hosts were on the days before, as several walks see it, and which of the walks knows best.

The graph walked on has hosts and accounts as nodes: an account is joined to the hosts that it was used at and on. So
two hosts are close when the same or like-minded accounts use them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pandora_core.detect.words import listed
from pandora_core.graph.history import History, Move
from pandora_core.graph.reading import LOCAL

LEAST_TRIALS = 20
"""With fewer new ways in the history the walks are not told apart."""

_MAX_TRIALS = 120


class Walk(Protocol):
    """A walk on a graph that says where its walker is found."""

    def average(self, start: ArrayLike | None = None) -> NDArray[Any]:
        """The chance of each node for a walker who begins at a node, or spread over nodes by weight; see the walk."""
        ...


Walks = Mapping[str, Callable[[sp.csr_array], Walk]]


@dataclass(frozen=True, slots=True)
class Score:
    """How a walk did: mean bits of surprise at new ways that people took, with a 95 % confidence interval; less is
    better, since those ways were harmless."""

    walk: str
    bits: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contest:
    """All walks on the same new ways of the same history, the best first; ``trials`` is how many ways."""

    best: str
    scores: tuple[Score, ...]
    trials: int

    @property
    def words(self) -> str:
        """Who won, by how much, or that it cannot be told."""
        if not self.scores:
            return f"the history has too few new ways to tell the walks apart; the {self.best} is used"
        said = listed(
            [f"{score.walk} {score.bits:.2f} ({score.low:.2f} to {score.high:.2f})" for score in self.scores]
        )
        clear = len(self.scores) > 1 and self.scores[0].high < self.scores[1].low
        lead = f"the {self.best} foretold best" if clear else f"no walk is clearly better; the {self.best} is used"
        return f"{lead} where {self.trials} new ways of the history led, in bits of surprise: {said}"


class Closeness:
    """How far a move's target was from its source before its day, in bits, by every walk.

    Moves are best asked about in order of their days: the graph of one day is kept until another is asked for.
    """

    def __init__(self, history: History, walks: Walks) -> None:
        self._walks = walks
        self._hosts = history.moment.index()
        users = sorted({move.user for move in history.moves if move.user})
        self._users = {user: len(self._hosts) + number for number, user in enumerate(users)}
        self._arcs = _arcs(history, self._hosts, self._users)
        self._day: int | None = None
        self._made: dict[str, Walk] = {}
        self._known = np.zeros(0, dtype=bool)
        self._found: dict[tuple[str, str], NDArray[Any]] = {}

    def bits(self, move: Move) -> dict[str, float]:
        """−log2 of the share of hosts that were farther than the target, half of the equally far ones among them.

        Nothing where the source had no ways: there is nowhere to walk.
        """
        self._turn_to(move.day)
        source, target = self._hosts[move.source], self._hosts[move.target]
        if source >= len(self._known) or not self._known[source]:
            return {}
        return {name: self._bits(name, walk, move.source, source, target) for name, walk in self._made.items()}

    def _bits(self, name: str, walk: Walk, host: str, source: int, target: int) -> float:
        chances = self._found.get((name, host))
        if chances is None:
            chances = self._found[name, host] = walk.average(source)[: len(self._hosts)]
        others = np.flatnonzero(self._known[: len(self._hosts)])
        near = np.abs(chances[others] - chances[target]) <= 1e-6 * chances[target]
        farther = np.count_nonzero((chances[others] < chances[target]) & ~near) + np.count_nonzero(near) / 2
        return round(-math.log2((float(farther) + 1) / (len(others) + 1)), 2)

    def _turn_to(self, day: int) -> None:
        if day == self._day:
            return
        rows, columns, weights, days = self._arcs
        kept, size = days < day, len(self._hosts) + len(self._users)
        adjacency = sp.csr_array((weights[kept], (rows[kept], columns[kept])), shape=(size, size))
        self._known = np.zeros(size, dtype=bool)
        self._known[rows[kept]] = True
        self._known[columns[kept]] = True
        self._made = {name: make(adjacency) for name, make in self._walks.items()} if kept.any() else {}
        self._day, self._found = day, {}


def contest_of(history: History, walks: Walks) -> Contest:
    """Asks every walk about new ways of the history, evenly over time; the first named is used where none can be."""
    days = [move.day for move in history.moves]
    new = [move for move in history.moves if move.day > min(days) and not move.is_elevated] if days else []
    new.sort(key=lambda move: (move.first_us, move.source, move.target, move.user))
    trials = new[:: max(len(new) // _MAX_TRIALS, 1)][:_MAX_TRIALS]
    closeness = Closeness(history, walks)
    asked = [found for move in trials if (found := closeness.bits(move))]
    if len(asked) < LEAST_TRIALS:
        return Contest(next(iter(walks)), (), len(asked))
    scores = [_score(name, [found[name] for found in asked]) for name in walks]
    first = scores[0]
    scores.sort(key=lambda score: (score.bits, score.walk))
    best = scores[0] if scores[0].high < first.low else first
    return Contest(best.walk, tuple(scores), len(asked))


def _score(walk: str, bits: Sequence[float]) -> Score:
    mean, spread = float(np.mean(bits)), 1.96 * float(np.std(bits, ddof=1)) / math.sqrt(len(bits))
    return Score(walk, round(mean, 3), round(mean - spread, 3), round(mean + spread, 3))


def _arcs(
    history: History, hosts: Mapping[str, int], users: Mapping[str, int]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Host–host arcs of moves and host–account arcs, with weights and the day of the first use."""
    rows, columns, weights, days = [], [], [], []
    for move in history.moves:
        joined = [(hosts[move.source], hosts[move.target])]
        if move.user:
            joined += [(users[move.user], hosts[move.source]), (users[move.user], hosts[move.target])]
        for row, column in joined:
            rows.append(row)
            columns.append(column)
            weights.append(1 + math.log2(len(move.hours)))
            days.append(move.day)
    for edge in history.moment.edges:
        if edge.kind == LOCAL and edge.user in users:
            rows.append(users[edge.user])
            columns.append(hosts[edge.target])
            weights.append(1 + math.log2(len(edge.hours)))
            days.append(edge.hours[0] // 24)
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64), np.array(weights), np.array(days)
