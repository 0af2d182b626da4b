"""Quantum walks: what the sparse expansions give is what the definitions give on graphs small enough for both."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.quantum.walks.walk import TIMES, QuantumWalk, SzegedyWalk, normalised


def some_graph(seed: int, size: int = 24, arcs: int = 60) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, size, (2, arcs))
    return sp.csr_array((rng.uniform(0.1, 3, arcs), (ends[0], ends[1])), shape=(size, size))


def exact_spread(adjacency: sp.csr_array, amplitudes: np.ndarray, times: np.ndarray) -> np.ndarray:
    hamiltonian = normalised(adjacency).toarray()
    return np.array([np.abs(scipy.linalg.expm(-1j * t * hamiltonian) @ amplitudes) ** 2 for t in times])


def unit(size: int, node: int) -> np.ndarray:
    return np.eye(size)[node]


@given(seed=st.integers(0, 2**32 - 1), node=st.integers(0, 23))
@settings(max_examples=10)
def test_the_average_is_that_of_the_dense_exponential(seed: int, node: int) -> None:
    graph = some_graph(seed)
    exact = exact_spread(graph, unit(24, node), TIMES).mean(axis=0)
    assert np.abs(QuantumWalk(graph).average(node) - exact).max() < 1e-12


def test_single_precision_is_good_to_a_ten_millionth() -> None:
    graph = some_graph(3)
    exact = exact_spread(graph, unit(24, 5), TIMES).mean(axis=0)
    walk = QuantumWalk(graph, "float32")
    assert walk.average(5).dtype == np.float32
    assert np.abs(walk.average(5) - exact).max() < 1e-7


def test_the_spread_at_each_time_is_that_of_the_dense_exponential() -> None:
    graph, times = some_graph(4), np.array([0.0, 0.5, 3.0, 17.0])
    spread = QuantumWalk(graph).spread(2, times)
    assert np.abs(spread - exact_spread(graph, unit(24, 2), times)).max() < 1e-12
    assert spread[0, 2] == pytest.approx(1)


def test_a_start_of_several_nodes_is_their_superposition() -> None:
    graph, weights = some_graph(5), np.array([1.0, 3.0] + [0.0] * 22)
    exact = exact_spread(graph, np.sqrt(weights / 4), TIMES).mean(axis=0)
    assert np.abs(QuantumWalk(graph).average(weights) - exact).max() < 1e-12


def test_the_walker_is_always_somewhere() -> None:
    spread = QuantumWalk(some_graph(6)).spread(0)
    assert spread.sum(axis=1) == pytest.approx(np.ones(len(TIMES)))


def test_a_node_without_neighbours_keeps_its_walker() -> None:
    graph = sp.csr_array(([1.0], ([0], [1])), shape=(3, 3))
    assert QuantumWalk(graph).average(2) == pytest.approx([0, 0, 1])


def test_directions_and_loops_do_not_matter_to_the_continuous_walk() -> None:
    graph = some_graph(7)
    looped = sp.csr_array(graph.T + 5 * sp.eye_array(24))
    assert QuantumWalk(looped).average(1) == pytest.approx(QuantumWalk(graph).average(1))


def test_the_spectrum_of_the_normalised_adjacency_lies_within_one() -> None:
    values = np.linalg.eigvalsh(normalised(some_graph(8)).toarray())
    assert np.abs(values).max() <= 1 + 1e-12


def defined_szegedy(adjacency: sp.csr_array, start: np.ndarray, steps: int, damping: float = 0.85) -> np.ndarray:
    """Swap (2 Σ|ψ_j⟩⟨ψ_j| − 1) as a dense matrix of n² by n²."""
    weights, size = adjacency.toarray(), adjacency.shape[0]
    out = weights.sum(axis=1)
    chance = np.where(out[:, None] > 0, weights / np.where(out > 0, out, 1)[:, None], 1 / size)
    google = damping * chance + (1 - damping) / size
    states = np.zeros((size, size * size))
    for node in range(size):
        states[node, node * size : (node + 1) * size] = np.sqrt(google[node])
    swap = np.eye(size * size).reshape(size, size, size, size).transpose(1, 0, 2, 3).reshape(size**2, size**2)
    step = swap @ (2 * states.T @ states - np.eye(size * size))
    state, chances = np.sqrt(start / start.sum()) @ states, []
    for _ in range(steps):
        chances.append((state.reshape(size, size) ** 2).sum(axis=0))
        state = step @ (step @ state)
    return np.mean(chances, axis=0)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_szegedy_walk_is_that_of_its_definition(seed: int) -> None:
    graph = some_graph(seed, size=9, arcs=14)  # some nodes have no arcs, some have loops
    assert np.abs(SzegedyWalk(graph).average(steps=12) - defined_szegedy(graph, np.ones(9), 12)).max() < 1e-12


def test_the_szegedy_walk_from_one_node_is_that_of_its_definition() -> None:
    graph = some_graph(9, size=9, arcs=14)
    assert np.abs(SzegedyWalk(graph).average(4, 20) - defined_szegedy(graph, unit(9, 4), 20)).max() < 1e-12


def test_quantum_pagerank_of_a_ring_is_uniform_and_of_a_star_is_greatest_at_its_centre() -> None:
    ring = sp.csr_array(np.roll(np.eye(8), 1, axis=1))
    assert SzegedyWalk(ring).average() == pytest.approx(np.full(8, 1 / 8))
    star = sp.csr_array(np.eye(8)[[0] * 8] - np.diag([1.0] + [0] * 7))
    assert SzegedyWalk(star).average().argmax() == 0
