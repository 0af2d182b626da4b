"""Plans side by side: what the choice comes down to keeps the cheapest plan, and every plan closes every route."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.graph.containment import contain, open_routes, solve
from pandora_core.graph.moment import Moment
from pandora_core.graph.paths import steps_of
from pandora_core.quantum.plans import containing
from pandora_core.quantum.plans.containing import Proposals, core_problem, part_of, propose, reduced
from pandora_core.quantum.plans.optimise import Qubo
from pandora_core.quantum.walks.spreading import classical_spread, spread_of
from tests.unit.graph_samples import graph_of, intrusion, office

STARTS, ENDS = ("WS-2", "WS-3"), ("DB-1", "FS-1")


@pytest.fixture(scope="module")
def moment() -> Moment:
    return graph_of(sorted([*office(), *intrusion()], key=lambda one: one.at_us)).at()


@pytest.fixture(scope="module")
def proposals(moment: Moment) -> Proposals:
    return propose(moment, steps_of(moment), STARTS, ENDS)


def test_the_reduced_problem_has_the_cheapest_plan_of_the_whole_graph(moment: Moment) -> None:
    steps = steps_of(moment)
    problem, best = core_problem(moment, steps, STARTS, ENDS), contain(moment, steps, STARTS, ENDS)
    assert problem is not None
    assert best is not None
    assert solve(problem).cost == pytest.approx(best.cost)
    assert reduced(problem) == problem


def test_every_plan_that_is_shown_closes_every_route(moment: Moment, proposals: Proposals) -> None:
    plans = [one.plan for one in proposals.proposals if one.plan is not None]
    assert len(plans) >= 3
    assert not any(open_routes(steps_of(moment), plan.measures, STARTS, ENDS) for plan in plans)


def test_a_quantum_plan_is_served_only_if_it_costs_less(proposals: Proposals) -> None:
    exact = next(one.plan for one in proposals.proposals if one.solver == "exact")
    assert proposals.served == exact
    assert "the best quantum plan costs" in proposals.reason


def test_the_same_seed_gives_the_same_plans(moment: Moment, proposals: Proposals) -> None:
    again = propose(moment, steps_of(moment), STARTS, ENDS, rng=np.random.default_rng(0))
    assert again == proposals


def test_where_no_route_leads_nothing_is_cut(moment: Moment) -> None:
    found = propose(moment, steps_of(moment), ("DC-1",), ("DB-1",))
    assert found.served is not None
    assert found.served.measures == ()
    assert found.reason == "no route leads there: nothing needs to be cut"


def test_a_fallen_host_is_no_longer_protected(moment: Moment) -> None:
    found = propose(moment, steps_of(moment), ("DB-1",), ("DB-1",))
    assert found.served is None
    assert found.reason == "nothing that must not fall is left to protect"


def test_both_walks_start_at_the_host_and_lose_no_chance(moment: Moment) -> None:
    spread = spread_of(moment, "WS-2")
    start = spread.hosts.index("WS-2")
    for chances in (spread.quantum, spread.classical):
        assert chances[0, start] == pytest.approx(1)
        assert chances.sum(axis=1) == pytest.approx(np.ones(len(spread.times)))


def test_the_classical_walk_is_the_exponential_of_its_generator(moment: Moment) -> None:
    from scipy.linalg import expm

    adjacency = moment.adjacency()
    weights = (adjacency + adjacency.T).toarray()
    np.fill_diagonal(weights, 0)
    step = weights / weights.sum(axis=0)
    times = np.array([0.0, 0.7, 5.0])
    exact = [expm((step - np.eye(len(step))) * time)[:, 3] for time in times]
    assert classical_spread(adjacency, 3, times) == pytest.approx(np.array(exact), abs=1e-10)


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 12), many=st.integers(1, 14))
@settings(max_examples=40)
def test_a_part_of_a_problem_costs_what_the_whole_does_with_the_other_bits_as_they_were(
    seed: int, size: int, many: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = Qubo(rng.normal(size=(size, size)), float(rng.normal()))
    bits = rng.integers(0, 2, size).astype(np.int8)
    part = part_of(whole, bits, many)
    assert part.problem.size == min(many, size)
    assert np.array_equal(part.whole(bits[list(part.free)]), bits)
    other = rng.integers(0, 2, part.problem.size).astype(np.int8)
    assert part.problem.cost(other) == pytest.approx(whole.cost(part.whole(other)))


def test_of_what_is_too_large_to_simulate_a_part_is_solved_and_it_is_said(
    moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containing, "MAX_QAOA_BITS", 3)
    monkeypatch.setattr(containing, "PART_BITS", 3)
    found = propose(moment, steps_of(moment), STARTS, ENDS)
    quantum = [one for one in found.proposals if one.is_simulated]
    assert [one.solver for one in quantum] == [f"QAOA p={depth}" for depth in containing.DEPTHS]
    assert all("for a part of" in one.words for one in quantum if one.plan is not None)
    annealed = next(one.plan for one in found.proposals if one.solver == "annealing")
    assert annealed is not None
    assert all(one.plan is not None and one.plan.cost <= annealed.cost + 1e-9 for one in quantum)
