"""Owns a walk from one host, the quantum one beside the classical one: where it ends up, and how it gets there.

Both walk on the same graph without directions. The classical walk waits a time that is exponential with mean one at
each host and then takes a way by weight; the quantum walk is exp(−iHt) of the same graph's normalised adjacency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import poisson

from pandora_core.detect.words import listed
from pandora_core.graph.moment import Moment
from pandora_core.quantum.walks.network import WALKS
from pandora_core.quantum.walks.walk import QuantumWalk

Floats = NDArray[Any]

FRAME_TIME = 0.5
FRAMES = 25
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Beside:
    """By walk, the share of time that a walker from ``host`` spends at each host; its own place is left in."""

    host: str
    by_walk: Mapping[str, Mapping[str, float]]

    def words(self, hosts: Iterable[str] | None = None) -> tuple[str, ...]:
        """A line for each walk: its likeliest hosts besides the start, or the chances of some hosts."""
        chosen = None if hosts is None else tuple(hosts)
        return tuple(
            f"the {walk} from {self.host}: {_most(c, self.host, chosen)}" for walk, c in self.by_walk.items()
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """Chances of all hosts (columns, in the moment's order) at each of ``times`` (rows), for both walks."""

    host: str
    hosts: tuple[str, ...]
    times: tuple[float, ...]
    quantum: Floats
    classical: Floats

    def words(self, frame: int) -> tuple[str, str]:
        """What each walk says at one of the times."""
        found = []
        for name, chances in (("quantum walk", self.quantum), ("random walk", self.classical)):
            row = dict(zip(self.hosts, chances[frame].tolist(), strict=True))
            found.append(f"{name} from {self.host}, t={self.times[frame]:.1f}: {_most(row, self.host, None)}")
        return found[0], found[1]


def beside(moment: Moment, host: str) -> Beside:
    """Every walk of the ranking from one host, in the long run."""
    adjacency, start = moment.adjacency(), moment.index()[host]
    return Beside(
        host,
        {
            name: dict(zip(moment.hosts, map(float, make(adjacency).average(start)), strict=True))
            for name, make in WALKS.items()
        },
    )


def spread_of(moment: Moment, host: str, frames: int = FRAMES, frame_time: float = FRAME_TIME) -> Spread:
    """Both walks from one host, moment by moment, from time 0 on."""
    adjacency, start = moment.adjacency(), moment.index()[host]
    times = np.arange(frames) * frame_time
    quantum = QuantumWalk(adjacency).spread(start, times)
    return Spread(host, moment.hosts, tuple(times.tolist()), quantum, classical_spread(adjacency, start, times))


def classical_spread(adjacency: sp.csr_array, start: int, times: Floats) -> Floats:
    """The continuous-time random walk exp((P − 1)t): steps of P by a Poisson number of them, to 1e-12."""
    weights = sp.csr_array(adjacency + adjacency.T, dtype=np.float64)
    weights.setdiag(0)
    weights.eliminate_zeros()
    out = np.asarray(weights.sum(axis=1)).ravel()
    step = sp.csr_array(weights.T @ sp.diags_array(1 / np.where(out > 0, out, 1)))
    most = int(poisson.isf(1e-12, max(float(np.max(times)), 1e-9))) + 1
    shares = poisson.pmf(np.arange(most + 1)[None, :], np.asarray(times)[:, None])
    chances = np.zeros(len(out))
    chances[start] = 1.0
    spread: Floats = np.zeros((len(times), len(out)))
    for number in range(most + 1):
        spread += shares[:, number, None] * chances
        chances = step @ chances if out[start] > 0 else chances
    return spread


def _most(chances: Mapping[str, float], start: str, hosts: tuple[str, ...] | None) -> str:
    if hosts is None:
        others = sorted((host for host in chances if host != start), key=lambda host: (-chances[host], host))
        chosen = tuple(host for host in others[:_NAMED] if chances[host] >= 0.0005)
    else:
        chosen = hosts
    return listed([f"{host} {chances.get(host, 0.0):.1%}" for host in chosen]) if chosen else "it stays where it is"
