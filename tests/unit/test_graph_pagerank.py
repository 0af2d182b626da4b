"""PageRank: the power iteration ends at the eigenvector that defines it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.graph.pagerank import RandomWalk, UndirectedWalk


def some_graph(seed: int, size: int = 15) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    return sp.csr_array(rng.random((size, size)) * (rng.random((size, size)) < 0.15))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_walker_ends_where_the_definition_says(seed: int) -> None:
    graph, begin = some_graph(seed), np.eye(15)[seed % 15]
    dense = graph.toarray()
    out = dense.sum(axis=1, keepdims=True)
    step = np.where(out > 0, dense / np.where(out > 0, out, 1), begin)
    exact = np.linalg.solve(np.eye(15) - 0.85 * step.T, 0.15 * begin)
    assert RandomWalk(graph).average(seed % 15) == pytest.approx(exact, abs=1e-8)


def test_a_ring_is_uniform() -> None:
    assert RandomWalk(sp.csr_array(np.roll(np.eye(6), 1, axis=1))).average() == pytest.approx(np.full(6, 1 / 6))


def test_the_undirected_walk_goes_back_too() -> None:
    graph = sp.csr_array(([1.0], ([0], [1])), shape=(2, 2))
    assert UndirectedWalk(graph).average(1)[0] > 0
    assert RandomWalk(graph).average(1)[0] == pytest.approx(0)
