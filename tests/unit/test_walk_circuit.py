"""The walk as a circuit: what it gives on a simulator is the exact walk, as near as its steps allow."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from qiskit_aer import AerSimulator

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits.walk_circuit import total_variation, walk_circuit
from pandora_core.quantum.walks.walk import neighbourhood

HOSTS = ("ws-1", "ws-2", "ws-3", "srv-1", "srv-2", "dc-1")


def office() -> sp.csr_array:
    """Three machines at two servers, both servers at one controller."""
    ways = [(0, 3), (1, 3), (1, 4), (2, 4), (3, 5), (4, 5)]
    rows, columns = zip(*ways, strict=True)
    return sp.csr_array((np.ones(len(ways)), (rows, columns)), shape=(6, 6))


def test_more_steps_come_nearer_to_the_exact_walk() -> None:
    coarse, fine = (walk_circuit(HOSTS, office(), 0, steps=steps) for steps in (1, 12))
    assert fine.trotter_distance < 0.01 < coarse.trotter_distance
    assert coarse.exact.sum() == pytest.approx(1)


def test_the_error_falls_with_the_square_of_the_steps() -> None:
    once, twice = (walk_circuit(HOSTS, office(), 0, steps=steps).trotter_distance for steps in (8, 16))
    assert 3 < once / twice < 5


def test_a_simulators_counts_are_close_to_the_exact_walk() -> None:
    made = walk_circuit(HOSTS, office(), 1, steps=8)
    counts = AerSimulator(seed_simulator=5).run(made.measured(), shots=4000).result().get_counts()
    assert made.distance(counts) < 0.05
    assert made.chances_of(counts).sum() == pytest.approx(1)


def test_counts_far_from_the_walk_are_far() -> None:
    made = walk_circuit(HOSTS, office(), 0)
    assert made.distance({"111": 100}) == pytest.approx(1)


def test_seventeen_hosts_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 to 16 hosts"):
        walk_circuit([f"h{number}" for number in range(17)], sp.csr_array((17, 17)), 0)


def test_a_neighbourhood_begins_at_its_centre_and_leaves_out_what_cannot_be_reached() -> None:
    graph = sp.block_diag([office().toarray(), np.ones((4, 4))], format="csr")
    near = neighbourhood(sp.csr_array(graph), 3, 16)
    assert near[0] == 3
    assert set(near) == set(range(6))
    assert len(neighbourhood(sp.csr_array(graph), 3, 4)) == 4


def test_total_variation_is_one_for_what_has_nothing_in_common() -> None:
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
