"""Plans: every solver against brute force, and a quantum plan served only when it deserves it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.errors import ConfigError
from pandora_core.quantum.plans.optimise import Plan, Qubo, anneal, anything, bits_of, choose, compare, exact, qaoa


def random_problem(size: int, seed: int) -> Qubo:
    return Qubo(np.random.default_rng(seed).normal(size=(size, size)), 1.5)


def all_plans(size: int) -> list[np.ndarray]:
    return [np.array(bits[::-1], np.int8) for bits in product((0, 1), repeat=size)]


@given(size=st.integers(1, 7), seed=st.integers(0, 1000))
def test_the_costs_of_all_plans_are_those_of_each(size, seed):
    problem = random_problem(size, seed)
    assert np.allclose(problem.costs(), [problem.cost(bits) for bits in all_plans(size)])


@given(size=st.integers(1, 6), seed=st.integers(0, 1000), index=st.integers(0, 63))
def test_a_flip_changes_the_cost_by_what_is_foretold(size, seed, index):
    problem, bits = random_problem(size, seed), bits_of(index % (1 << size), size)
    for at, change in enumerate(problem.flips(bits)):
        flipped = bits.copy()
        flipped[at] ^= 1
        assert problem.cost(flipped) - problem.cost(bits) == pytest.approx(change)


@given(size=st.integers(1, 6), seed=st.integers(0, 1000))
def test_the_spins_have_the_same_energy_up_to_a_constant(size, seed):
    problem = random_problem(size, seed)
    fields, pairs = problem.ising()
    energies = []
    for bits in all_plans(size):
        spins = 1 - 2 * bits
        energies.append(fields @ spins + sum(value * spins[i] * spins[j] for (i, j), value in pairs.items()))
    assert np.ptp(problem.costs() - energies) < 1e-9


def at_most_two(bits: np.ndarray) -> bool:
    return int(bits.sum()) <= 2


@settings(max_examples=25)
@given(size=st.integers(1, 8), seed=st.integers(0, 1000), feasible=st.sampled_from([anything, at_most_two]))
def test_exact_and_annealing_find_the_best_feasible_plan_of_small_problems(size, seed, feasible):
    problem = random_problem(size, seed)
    best = min(problem.cost(bits) for bits in all_plans(size) if feasible(bits))
    found = exact(problem, feasible)
    assert found.cost == pytest.approx(best)
    assert found.proved
    assert found.feasible
    if feasible is anything:
        assert anneal(problem, np.random.default_rng(0), feasible, 60, 4).cost == pytest.approx(best)


def test_exact_says_when_no_plan_is_feasible():
    found = exact(random_problem(4, 0), lambda bits: False)
    assert not found.feasible
    assert not found.proved


def test_qaoa_beats_uniform_guessing_and_gets_better_with_depth():
    chances = []
    for depth in (1, 2, 3):
        plans = [
            qaoa(random_problem(7, seed), depth, np.random.default_rng(seed), anything, starts=2) for seed in range(3)
        ]
        chances.append(np.mean([plan.optimum_chance for plan in plans]))
    assert chances[0] > 3 / 128
    assert chances[2] > chances[0]


def test_solvers_repeat_with_their_seed():
    problem = random_problem(7, 3)
    first, second = (compare(problem, np.random.default_rng(5), at_most_two, (1,)) for _ in range(2))
    assert first == second


def test_a_comparison_shows_every_solver_and_serves_a_feasible_plan_no_worse_than_exact():
    made = compare(random_problem(6, 1), np.random.default_rng(0), at_most_two)
    assert [plan.solver for plan in made.plans] == ["exact", "annealing", "QAOA p=1", "QAOA p=2", "QAOA p=3"]
    assert made.served is not None
    assert made.served.feasible
    assert made.served.cost == pytest.approx(made.plans[0].cost)


def test_a_problem_too_large_to_enumerate_is_annealed():
    made = compare(random_problem(40, 1), np.random.default_rng(0), anything)
    assert [plan.solver for plan in made.plans] == ["annealing"]
    with pytest.raises(ConfigError, match="every plan is tried up to"):
        random_problem(40, 1).costs()


def plan(solver: str, cost: float, *, feasible: bool = True, proved: bool = False) -> Plan:
    return Plan(solver, (0,), cost, feasible, proved, 1)


@pytest.mark.parametrize(
    ("plans", "served", "says"),
    [
        ([plan("annealing", 2.0), plan("QAOA p=1", 1.0)], "QAOA p=1", "costs less than annealing"),
        ([plan("annealing", 2.0), plan("QAOA p=1", 2.0)], "annealing", "found no better plan"),
        ([plan("annealing", 2.0), plan("QAOA p=1", 3.0)], "annealing", "no QAOA plan is feasible and as good"),
        ([plan("annealing", 2.0), plan("QAOA p=1", 1.0, feasible=False)], "annealing", "no QAOA plan"),
        ([plan("annealing", 2.0, feasible=False), plan("QAOA p=1", 1.0)], None, "no classical plan is feasible"),
        ([plan("annealing", 2.0), plan("exact", 2.0, proved=True)], "exact", "no QAOA plan"),
    ],
)
def test_a_quantum_plan_is_served_only_if_feasible_and_better_than_the_classical_one(plans, served, says):
    chosen, reason = choose(plans)
    assert (chosen.solver if chosen else None) == served
    assert says in reason


@pytest.mark.parametrize(
    "wrong",
    [{"matrix": np.zeros((2, 3))}, {"matrix": np.full((2, 2), np.nan)}, {"matrix": np.eye(2), "names": ("one",)}],
)
def test_a_problem_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        Qubo(**wrong)


def test_sixteen_bits_have_a_cost_for_every_plan():
    assert len(Qubo(np.eye(16)).costs()) == 1 << 16
