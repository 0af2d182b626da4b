"""Containment: plans cut every route, cost no more than any other, and mean the same as their QUBO."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.graph.containment import (
    Kind,
    Measure,
    Problem,
    checklist,
    contain,
    minimum_cut,
    open_routes,
    plan_of,
    problem_of,
    qubo,
    solve,
)
from pandora_core.graph.moment import Moment
from pandora_core.graph.paths import Step, steps_of
from tests.unit.graph_samples import graph_of, intrusion, office

QUIET = Moment(0, 0, (), ())


def step(source: str, target: str, user: str = "ann") -> Step:
    return Step(source, target, user, 0.5, "made up")


def problem(costs: list[float], cuts: list[set[int]]) -> Problem:
    measures = tuple(Measure(Kind.ISOLATE, f"h{n}", cost) for n, cost in enumerate(costs))
    return Problem(measures, tuple(frozenset(cut) for cut in cuts), ())


problems = st.integers(1, 5).flatmap(
    lambda size: st.builds(
        problem,
        st.lists(st.integers(1, 9).map(float), min_size=size, max_size=size),
        st.lists(st.sets(st.integers(0, size - 1), min_size=1, max_size=3), min_size=1, max_size=3),
    )
)


def cheapest(made: Problem) -> float:
    every = itertools.product((0, 1), repeat=len(made.measures))
    return min(made.cost(bits) for bits in every if made.is_feasible(bits))


@given(made=problems)
def test_the_plan_is_as_cheap_as_any_that_cuts_every_route(made: Problem) -> None:
    plan = solve(made)
    assert plan.is_optimal
    assert plan.cost == pytest.approx(cheapest(made))
    chosen = [measure in plan.measures for measure in made.measures]
    assert made.is_feasible(chosen)


@given(made=problems)
@settings(max_examples=40)
def test_the_least_of_the_qubo_is_the_cheapest_plan(made: Problem) -> None:
    form = qubo(made)
    if len(form.names) > 12:
        return
    every = np.array(list(itertools.product((0, 1), repeat=len(form.names))), dtype=float)
    costs = np.einsum("ki,ij,kj->k", every, form.matrix, every) + form.offset
    best = every[costs.argmin()]
    plan = plan_of(made, best.astype(int).tolist())
    assert plan is not None
    assert plan.cost == pytest.approx(cheapest(made))
    assert costs.min() == pytest.approx(cheapest(made))


def test_bits_that_leave_a_route_open_are_no_plan() -> None:
    assert plan_of(problem([1, 1], [{0}, {1}]), [1, 0]) is None


def test_one_host_on_every_route_is_isolated_rather_than_many_ways_blocked() -> None:
    steps = [
        step("a", "b"),
        *(step("b", f"c{n}", f"u{n}") for n in range(12)),
        *(step(f"c{n}", "dc") for n in range(12)),
    ]
    plan = contain(QUIET, steps, ["a"], ["dc"])
    assert plan is not None
    assert [(measure.kind, measure.name) for measure in plan.measures] == [(Kind.BLOCK, "a → b")]


def test_no_route_is_left_and_no_jewel_is_isolated() -> None:
    moment = graph_of([*office(), *intrusion()]).at()
    steps = steps_of(moment)
    plan = contain(moment, steps, ["WS-2"], ["DB-1"])
    assert plan is not None
    assert plan.measures
    assert open_routes(steps, plan.measures, ["WS-2"], ["DB-1"]) == []
    assert (Kind.ISOLATE, "DB-1") not in [(measure.kind, measure.name) for measure in plan.measures]


ARCS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("bcdz")), min_size=1, max_size=7, unique=True)


@given(arcs=ARCS)
@settings(max_examples=40)
def test_a_minimum_cut_leaves_no_route_and_blocks_as_few_ways_as_can_be(arcs: list[tuple[str, str]]) -> None:
    steps = [step(source, target, "") for source, target in arcs if source != target]
    plan = minimum_cut(QUIET, steps, ["a"], ["z"])
    assert plan is not None
    assert open_routes(steps, plan.measures, ["a"], ["z"]) == []
    blocks = [Measure(Kind.BLOCK, f"{one.source} → {one.target}", 1.0) for one in steps]
    every = (chosen for size in range(len(blocks) + 1) for chosen in itertools.combinations(blocks, size))
    fewest = next(len(chosen) for chosen in every if not open_routes(steps, chosen, ["a"], ["z"]))
    assert len(plan.measures) == fewest


@given(
    arcs=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("bcz"), st.sampled_from("xy")), max_size=5, unique=True
    )
)
@settings(max_examples=40)
def test_a_plan_is_the_cheapest_of_all_sets_of_measures(arcs: list[tuple[str, str, str]]) -> None:
    steps = [step(source, target, user) for source, target, user in arcs if source != target]
    plan = contain(QUIET, steps, ["a"], ["z"])
    assert plan is not None
    assert plan.is_optimal
    assert open_routes(steps, plan.measures, ["a"], ["z"]) == []
    hosts, users, ways = {"b", "c", "a"}, {one.user for one in steps}, {(one.source, one.target) for one in steps}
    every = [Measure(Kind.ISOLATE, host, 6.0) for host in hosts] + [
        Measure(Kind.DISABLE, user, 4.0) for user in users
    ]
    every += [Measure(Kind.BLOCK, f"{source} → {target}", 1.0) for source, target in ways]
    costs = [
        sum(measure.cost for measure in chosen)
        for size in range(len(every) + 1)
        for chosen in itertools.combinations(every, size)
        if not open_routes(steps, chosen, ["a"], ["z"])
    ]
    assert plan.cost == pytest.approx(min(costs))


def test_two_accounts_on_one_way_are_both_cut() -> None:
    steps = [step("a", "dc", "ann"), step("a", "dc", "bob")]
    plan = contain(QUIET, steps, ["a"], ["dc"], ["bob"])
    assert plan is not None
    assert open_routes(steps, plan.measures, ["a"], ["dc"]) == []


def test_a_jewel_that_has_fallen_cannot_be_cut_off() -> None:
    assert minimum_cut(QUIET, [step("a", "b")], ["a"], ["a"]) is None


def test_what_must_be_kept_is_not_touched() -> None:
    steps = [step("a", "b"), step("b", "dc", "svc")]
    known = open_routes(steps, (), ["a"], ["dc"])
    measures = problem_of(QUIET, known, ["dc"], ["svc", "b"]).measures
    assert {(measure.kind, measure.name) for measure in measures} == {
        (Kind.ISOLATE, "a"),
        (Kind.DISABLE, "ann"),
        (Kind.BLOCK, "a → b"),
        (Kind.BLOCK, "b → dc"),
    }


def test_nothing_is_to_be_done_where_no_route_is() -> None:
    plan = contain(QUIET, [step("a", "b")], ["a"], ["dc"])
    assert plan is not None
    assert plan.measures == ()


def test_the_checklist_names_measures_routes_and_that_nothing_was_done() -> None:
    plan = contain(QUIET, [step("a", "dc", "root")], ["a"], ["dc"])
    assert plan is not None
    text = checklist(plan)
    assert "- [ ] block log-ons: a → dc" in text
    assert "a → dc (as root) (chance 50%)" in text
    assert "Pandora did not act on the network." in text


def test_two_measures_that_cut_one_route_cost_nothing_more_than_themselves_in_the_qubo() -> None:
    made = problem([2, 3, 5], [{0, 1, 2}])
    form = qubo(made)
    for bits in itertools.product((0, 1), repeat=3):
        if any(bits):
            slacks = itertools.product((0, 1), repeat=len(form.names) - 3)
            least = min(np.array(x) @ form.matrix @ np.array(x) + form.offset for s in slacks for x in [(*bits, *s)])
            assert least == pytest.approx(made.cost(bits))
