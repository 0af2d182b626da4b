"""Measures the continuous-time quantum walk beside ``expm_multiply`` and PageRank, in time, memory and error.

Run with ``python -m tests.benchmarks.bench_walk [speed|scale|szegedy …]``. Graphs are random, of mean degree 10;
times are ``linspace(50/64, 50, 64)``; wall times, the best of a few runs, of everything in one process. PageRank is
the power iteration r ← d·Pᵀr + (1 − d)/n on a prebuilt scipy matrix until the change is below 1e-10 in sum. Peak
memory is the whole process, making of the graph included (Linux).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply

from pandora_core.quantum.walks.walk import TIMES, QuantumWalk, SzegedyWalk

SEED, DEGREE, START, REPEATS = 7, 10, 7, 3
SIZES = (1_000, 10_000, 100_000, 1_000_000)
T = TypeVar("T")


def main(parts: Sequence[str]) -> None:
    if parts[:1] == ["one"]:
        print(one_size(int(parts[1]), parts[2]))
        return
    for name, part in {"speed": speed, "scale": scale, "szegedy": szegedy}.items():
        if not parts or name in parts:
            part()


def speed() -> None:
    """Against expm_multiply on 100,000 nodes; the error is the greatest of any node's averaged chance."""
    walk = QuantumWalk(random_graph(100_000))
    start = np.zeros(100_000, dtype=complex)
    start[START] = 1
    generator = sp.csr_matrix(-1j * walk.hamiltonian)
    expected_s, states = best(lambda: expm_multiply(generator, start, TIMES[0], TIMES[-1], len(TIMES)), 2)
    expected = (np.abs(states) ** 2).mean(axis=0)
    print(f"expm_multiply complex128: {expected_s:.2f} s")
    for precision in ("float64", "float32"):
        walk = QuantumWalk(random_graph(100_000), precision)
        taken_s, average = best(lambda: walk.average(START))  # noqa: B023
        error = np.abs(average - expected).max()
        print(f"{precision}: {taken_s:.3f} s, {expected_s / taken_s:.1f} times as fast, greatest error {error:.1e}")


def scale() -> None:
    """Each size in a process of its own, so that its peak memory is its own."""
    print(f"{'nodes':>10} {'precision':<9} {'walk s':>8} {'PageRank s':>11} {'ratio':>6} {'peak MiB':>9}")
    for size in SIZES:
        for precision in ("float64", "float32"):
            command = [sys.executable, "-m", "tests.benchmarks.bench_walk", "one", str(size), precision]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def one_size(size: int, precision: str) -> str:
    adjacency = random_graph(size)
    walk = QuantumWalk(adjacency, "float32" if precision == "float32" else "float64")
    repeats = REPEATS if size < 1_000_000 else 2
    walk_s, _ = best(lambda: walk.average(START), repeats)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_mib = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    step = sp.csr_array(sp.csr_array(adjacency.T) @ sp.diags_array(1 / np.where(degree > 0, degree, 1)))
    rank_s, _ = best(lambda: pagerank(step), repeats)
    return f"{size:>10,} {precision:<9} {walk_s:>8.3f} {rank_s:>11.3f} {walk_s / rank_s:>6.1f} {peak_mib:>9,.0f}"


def szegedy() -> None:
    """Quantum PageRank of 64 double steps; its exact cost grows with the arcs, not with n²."""
    for size in SIZES[:-1]:
        walk = SzegedyWalk(random_graph(size))
        taken_s, _ = best(walk.average, 1)
        print(f"Szegedy walk, {size:,} nodes: {taken_s:.2f} s")


def random_graph(size: int) -> sp.csr_array:
    rng = np.random.default_rng(SEED)
    ends = rng.integers(0, size, (2, size * DEGREE // 2), dtype=np.int32)
    arcs = sp.csr_array((np.ones(ends.shape[1], dtype=np.float32), (ends[0], ends[1])), shape=(size, size))
    graph = sp.csr_array(arcs + arcs.T)
    graph.data[:] = 1
    return graph


def pagerank(step: sp.csr_array, damping: float = 0.85) -> np.ndarray:
    rank = np.full(step.shape[0], 1 / step.shape[0])
    while True:
        following = damping * (step @ rank) + (1 - damping) / step.shape[0]
        following += (1 - following.sum()) / step.shape[0]
        if np.abs(following - rank).sum() < 1e-10:
            return following
        rank = following


def best(work: Callable[[], T], repeats: int = REPEATS) -> tuple[float, T]:
    taken_s = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        taken_s = min(taken_s, time.perf_counter() - start)
    return taken_s, result


if __name__ == "__main__":
    main(sys.argv[1:])
