"""Threat patterns: what is served tells every fact with as few patterns as can be, whoever found it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.model import Detection, EntityRef
from pandora_core.quantum.plans import patterns
from pandora_core.quantum.plans.patterns import (
    PENALTY,
    Core,
    Pattern,
    Proposal,
    choose,
    propose,
    qubo,
    reduced,
    select,
)

some_facts = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1, max_size=4), min_size=1, max_size=8)


def pattern(number: int, facts: frozenset[str], points: float = 10.0) -> Pattern:
    return Pattern("d", f"title {number}", 1, points, facts)


def ring(size: int) -> list[Pattern]:
    """Each tells a fact with the one before and one with the one after: nothing is needed, half of them suffice."""
    return [pattern(n, frozenset({f"f{n}", f"f{(n + 1) % size}"})) for n in range(size)]


def detection(number: int, title: str, *, techniques: tuple[str, ...] = (), **more: object) -> Detection:
    entity = EntityRef("host", "ws-1")
    return Detection(str(number), "sign", entity, 1, 1, 1, 10.0, title, ("r",), techniques, **more)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(some_facts)
def test_the_needed_and_the_best_of_the_core_are_as_few_as_any_cover(given_facts: list[frozenset[str]]) -> None:
    made = [pattern(n, facts) for n, facts in enumerate(given_facts)]
    every = frozenset().union(*given_facts)
    needed, core = reduced(made)
    chosen = propose(core, np.random.default_rng(0))[0].chosen if core.patterns else ()
    assert frozenset().union(*(one.facts for one in (*needed, *chosen))) == every
    fewest = next(
        count
        for count in range(1, len(made) + 1)
        if any(frozenset().union(*(one.facts for one in some)) == every for some in combinations(made, count))
    )
    assert len(needed) + len(chosen) == fewest


@pytest.mark.parametrize("size", [4, 5, 6])
def test_all_solvers_stand_side_by_side_and_a_quantum_answer_that_is_no_better_is_not_served(size: int) -> None:
    found = propose(reduced(ring(size))[1], np.random.default_rng(1))
    assert [one.solver for one in found] == ["exact", "greedy", "annealing", "QAOA p=1", "QAOA p=2", "QAOA p=3"]
    assert [one.is_simulated for one in found] == [False] * 3 + [True] * 3
    assert {len(one.chosen) for one in found if one.solver != "greedy"} == {(size + 1) // 2}
    best, reason = choose(found)
    assert best.solver == "exact"
    assert "costs as much" in reason


def test_a_quantum_answer_is_served_where_it_is_feasible_and_costs_less() -> None:
    def answer(solver: str, cost: float, is_feasible: bool = True, is_simulated: bool = False) -> Proposal:
        return Proposal(solver, (), is_feasible, cost, 0, "", is_simulated)

    classical = [answer("greedy", 5.0), answer("annealing", 4.0, is_feasible=False)]
    better, worse = answer("QAOA p=2", 4.0, is_simulated=True), answer("QAOA p=1", 6.0, is_simulated=True)
    wrong = answer("QAOA p=3", 1.0, is_feasible=False, is_simulated=True)
    assert choose([*classical, worse, better, wrong])[0] is better
    assert choose([*classical, worse, wrong])[0] is classical[0]
    assert "no quantum answer is feasible" in choose([*classical, wrong])[1]


@given(st.integers(0, 63))
def test_as_a_qubo_a_choice_costs_what_it_costs_and_a_penalty_for_what_is_untold(index: int) -> None:
    core = Core(tuple(ring(6)), tuple(frozenset({n, (n + 1) % 6}) for n in range(6)))
    bits = np.array([index >> n & 1 for n in range(6)], np.int8)
    untold = sum(not any(bits[n] for n in tellers) for tellers in core.telling)
    assert qubo(core).cost(bits) == pytest.approx(core.cost(bits) + PENALTY * untold)


def test_where_each_tells_what_no_other_does_nothing_is_left_to_choose() -> None:
    found = select(
        [detection(1, "a", techniques=("T1",)), detection(2, "b", techniques=("T2",)), detection(3, "b")],
        np.random.default_rng(0),
    )
    assert [one.title for one in found.needed] == ["a", "b"]
    assert [one.detections for one in found.patterns] == [1, 2]
    assert (found.proposals, found.solver, found.served) == ((), "", found.needed)


def test_what_tells_nothing_more_than_a_graver_one_is_left_out() -> None:
    all_told = detection(1, "all", techniques=("T1", "T2"), users=("ann",))
    found = select([all_told, detection(2, "some", techniques=("T1",))], np.random.default_rng(0))
    assert [one.title for one in found.served] == ["all"]
    assert "host ws-1" in found.facts
    assert "user ann" in found.facts


def test_a_core_too_large_to_simulate_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "MAX_QAOA_BITS", 4)
    *classical, quantum = propose(reduced(ring(6))[1], np.random.default_rng(0))
    assert (quantum.is_feasible, quantum.chosen) == (False, ())
    assert "too large to simulate" in quantum.words
    assert len(classical) == 3
