"""Owns the choice of what to cut so that no route to a crown jewel stays open, at the least cost to the business.

What can be done: isolate a host, disable an account, block the way between two hosts. A plan is feasible when every
route is cut by one of its measures. The cheapest is found exactly, as a mixed-integer programme; for some known
routes it is a weighted hitting set, and written as a QUBO for annealing and QAOA
(:mod:`pandora_core.quantum.plans.optimise`). Where ways are only blocked it is a minimum cut, quick at any size and
shown beside it. A plan is a checklist for people; Pandora never acts on the network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csgraph

from pandora_core.detect.words import amount
from pandora_core.graph.moment import Moment
from pandora_core.graph.paths import Route, Step, routes

ISOLATE_COST, DISABLE_COST, BLOCK_COST = 6.0, 4.0, 1.0
"""What each measure costs before its use is counted, in units of one blocked way."""

ROUTES_SHOWN = 8
SECONDS = 10.0
_LIMIT = {"time_limit": SECONDS}
_TENTHS = 10
_UNBOUNDED = 1 << 30


class Kind(StrEnum):
    """What can be done."""

    ISOLATE = "isolate the host"
    DISABLE = "disable the account"
    BLOCK = "block log-ons"


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """One thing to do: ``name`` is a host, an account, or ``source → target``."""

    kind: Kind
    name: str
    cost: float

    def cuts(self, step: Step) -> bool:
        """Whether it closes a step."""
        if self.kind is Kind.ISOLATE:
            return self.name in (step.source, step.target)
        if self.kind is Kind.DISABLE:
            return bool(step.user) and self.name == step.user
        return self.name == f"{step.source} → {step.target}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Measures, and for each route the numbers of those that cut it."""

    measures: tuple[Measure, ...]
    cuts: tuple[frozenset[int], ...]
    routes: tuple[Route, ...]

    def is_feasible(self, bits: NDArray[Any] | Sequence[int]) -> bool:
        """Whether every route is cut by a measure whose bit is set."""
        chosen = {number for number, bit in enumerate(bits) if bit}
        return all(not chosen.isdisjoint(cut) for cut in self.cuts)

    def cost(self, bits: NDArray[Any] | Sequence[int]) -> float:
        """What the measures cost whose bits are set."""
        return sum(measure.cost for measure, bit in zip(self.measures, bits, strict=True) if bit)


@dataclass(frozen=True, slots=True)
class Plan:
    """Measures that together cut every known route; ``is_optimal`` when nothing cheaper can."""

    measures: tuple[Measure, ...]
    cost: float
    is_optimal: bool
    routes: tuple[Route, ...]


class QuboForm:
    """Minimise xᵀ·matrix·x + offset; ``matrix`` is upper triangular; the first bits are measures, the rest slack."""

    __slots__ = ("matrix", "measures", "names", "offset")

    def __init__(self, matrix: NDArray[np.float64], offset: float, names: tuple[str, ...], measures: int) -> None:
        self.matrix, self.offset, self.names, self.measures = matrix, offset, names, measures


def contain(
    moment: Moment, steps: Sequence[Step], fallen: Iterable[str], jewels: Iterable[str], keep: Iterable[str] = ()
) -> Plan | None:
    """The cheapest plan that leaves no route from any fallen host to any jewel; ``None`` if none can.

    ``keep`` names hosts and accounts that must not be touched. Jewels are never isolated. Hosts get levels from 0,
    what fell, to 1, the jewels; a step that rises must be closed by its measures. This is a mixed-integer programme,
    which HiGHS solves; after :data:`SECONDS` the best plan so far is given, and says that a cheaper one may exist.
    """
    starts, ends = frozenset(fallen), frozenset(jewels)
    if starts & ends:
        return None
    cut = tuple(open_routes(steps, (), sorted(starts), ends))
    between = _between(steps, starts, ends)
    if not between:
        return Plan((), 0.0, True, cut)
    costs, spared = _Costs(moment), ends | frozenset(keep)
    closers = [tuple(costs.measures(step, spared)) for step in between]
    measures = tuple(sorted({measure for closing in closers for measure in closing}))
    levels = _Levels(between, closers, measures)
    chosen, is_optimal = levels.cheapest(starts, ends)
    return None if chosen is None else _plan(Problem(measures, (), cut), chosen, is_optimal)


def minimum_cut(moment: Moment, steps: Sequence[Step], fallen: Iterable[str], jewels: Iterable[str]) -> Plan | None:
    """The cheapest plan that only blocks ways, by maximum flow (Dinic); ``None`` if a fallen host is a jewel."""
    starts, ends = frozenset(fallen), frozenset(jewels)
    if starts & ends:
        return None
    ways = sorted({(step.source, step.target) for step in steps if step.source != step.target})
    index = {host: n + 2 for n, host in enumerate(sorted({host for way in ways for host in way} | starts | ends))}
    costs = _Costs(moment)
    arcs = [(index[a], index[b], round(_TENTHS * costs.block(a, b).cost)) for a, b in ways]
    arcs += [(0, index[host], _UNBOUNDED) for host in starts] + [(index[host], 1, _UNBOUNDED) for host in ends]
    rows, columns, capacities = (np.array(column, dtype=np.int32) for column in zip(*arcs, strict=True))
    size = len(index) + 2
    network = sp.csr_array((capacities, (rows, columns)), shape=(size, size))
    rest = sp.csr_array(network - csgraph.maximum_flow(network, 0, 1).flow)
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    near = set(csgraph.breadth_first_order(rest, 0, return_predecessors=False).tolist())
    chosen = tuple(costs.block(a, b) for a, b in ways if index[a] in near and index[b] not in near)
    cut = tuple(open_routes(steps, (), sorted(starts), ends))
    return Plan(chosen, round(sum(measure.cost for measure in chosen), 1), False, cut)


def open_routes(
    steps: Iterable[Step], measures: Sequence[Measure], starts: Iterable[str], ends: Iterable[str]
) -> list[Route]:
    """The likeliest routes that measures leave open."""
    still = [step for step in steps if not any(measure.cuts(step) for measure in measures)]
    return [route for start in starts for route in routes(still, start, ends, ROUTES_SHOWN)]


def problem_of(moment: Moment, known: Sequence[Route], jewels: Iterable[str], keep: Iterable[str] = ()) -> Problem:
    """Every measure that cuts one of the routes, with its cost to the business."""
    costs = _Costs(moment)
    spared = frozenset(jewels) | frozenset(keep)
    measures = sorted({m for route in known for step in route.steps for m in costs.measures(step, spared)})
    cuts = tuple(
        frozenset(n for n, measure in enumerate(measures) if any(measure.cuts(step) for step in route.steps))
        for route in known
    )
    return Problem(tuple(measures), cuts, tuple(known))


def solve(problem: Problem) -> Plan:
    """The cheapest set that hits every route (mixed-integer programme, HiGHS); greedy if that takes too long."""
    if not problem.cuts:
        return _plan(problem, (), True)
    rows = [row for row, cut in enumerate(problem.cuts) for _ in cut]
    columns = [number for cut in problem.cuts for number in sorted(cut)]
    hits = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(problem.cuts), len(problem.measures)))
    costs = np.array([measure.cost for measure in problem.measures])
    must = LinearConstraint(hits, 1, np.inf)
    found = milp(costs, integrality=1, bounds=Bounds(0, 1), constraints=must, options=_LIMIT)
    if found.x is None:
        return _plan(problem, _greedy(problem), False)
    return _plan(problem, np.flatnonzero(found.x > 0.5).tolist(), found.status == 0)


def qubo(problem: Problem) -> QuboForm:
    """Cost + penalty · Σ over routes (Σ x − 1 − slack)²: a route cut twice needs slack bits to cost nothing.

    The penalty is greater than the cost of all measures, so that the least of it is feasible. Slack counts in binary
    how many more than one of a route's measures are chosen.
    """
    minimal = [cut for cut in set(problem.cuts) if not any(other < cut for other in problem.cuts)]
    minimal.sort(key=sorted)
    names = [f"{m.kind}: {m.name}" for m in problem.measures]
    penalty = sum(measure.cost for measure in problem.measures) + 1
    rows = []
    for route, cut in enumerate(minimal):
        weights = dict.fromkeys(cut, 1.0)
        for weight in _slack_weights(len(cut) - 1):
            weights[len(names)] = -float(weight)
            names.append(f"slack {weight} of route {route}")
        rows.append(weights)
    matrix = np.zeros((len(names), len(names)))
    matrix[np.arange(len(problem.measures)), np.arange(len(problem.measures))] = [m.cost for m in problem.measures]
    for weights in rows:
        row = np.zeros(len(names))
        row[list(weights)] = list(weights.values())
        matrix += penalty * (np.outer(row, row) - 2 * np.diag(row))
    upper = np.triu(matrix) + np.tril(matrix, -1).T
    return QuboForm(upper, penalty * len(rows), tuple(names), len(problem.measures))


def plan_of(problem: Problem, bits: Sequence[int], is_optimal: bool = False) -> Plan | None:
    """The plan that a solver's bits stand for; ``None`` if it leaves a route open."""
    chosen = [number for number, bit in enumerate(bits[: len(problem.measures)]) if bit]
    return _plan(problem, chosen, is_optimal) if problem.is_feasible(bits[: len(problem.measures)]) else None


def checklist(plan: Plan) -> str:
    """The plan in Markdown, to be worked through by people."""
    lines = [f"# Containment: {amount(len(plan.measures), 'measure')}, cost {plan.cost:.1f}", ""]
    lines += [f"- [ ] {measure.kind}: {measure.name} (cost {measure.cost:.1f})" for measure in plan.measures]
    lines += ["", "Routes that this closes:", ""]
    lines += [f"- {route.words} (chance {route.chance:.0%})" for route in plan.routes]
    lines += ["", "No cheaper plan closes these routes." if plan.is_optimal else "A cheaper plan may exist."]
    return "\n".join((*lines, "Pandora did not act on the network.", ""))


class _Levels:
    """The programme: a bit for each measure, a level for each host, and no step up that no measure closes."""

    def __init__(
        self, steps: Sequence[Step], closers: Sequence[Sequence[Measure]], measures: Sequence[Measure]
    ) -> None:
        self._measures = measures
        self._hosts = sorted({host for step in steps for host in (step.source, step.target)})
        number = {measure: n for n, measure in enumerate(measures)}
        level = {host: len(measures) + n for n, host in enumerate(self._hosts)}
        entries = []
        for row, (step, closing) in enumerate(zip(steps, closers, strict=True)):
            entries += [(row, level[step.source], 1.0), (row, level[step.target], -1.0)]
            entries += [(row, number[measure], 1.0) for measure in closing]
        rows, columns, values = (np.array(column) for column in zip(*entries, strict=True))
        self._closed = sp.csr_array((values, (rows, columns)), shape=(len(steps), len(measures) + len(self._hosts)))

    def cheapest(self, starts: frozenset[str], ends: frozenset[str]) -> tuple[list[int] | None, bool]:
        """The numbers of the measures to take, ``None`` if nothing helps, and whether nothing is cheaper."""
        among = len(self._measures)
        nothing, everything = np.zeros(among), np.ones(among)
        low = np.concatenate([nothing, [host in ends for host in self._hosts]])
        high = np.concatenate([everything, [host not in starts for host in self._hosts]])
        costs = np.concatenate([[measure.cost for measure in self._measures], np.zeros(len(self._hosts))])
        whole = np.concatenate([everything, np.zeros(len(self._hosts))])
        must = LinearConstraint(self._closed, 0, np.inf)
        found = milp(costs, integrality=whole, bounds=Bounds(low, high), constraints=must, options=_LIMIT)
        if found.x is None:
            return None, False
        return np.flatnonzero(found.x[:among] > 0.5).tolist(), found.status == 0


def _between(steps: Iterable[Step], starts: frozenset[str], ends: frozenset[str]) -> list[Step]:
    """The steps that lie on some way from a start to an end."""
    known = [step for step in steps if step.target not in starts and step.source not in ends]
    ahead = _reached(starts, ((step.source, step.target) for step in known))
    behind = _reached(ends, ((step.target, step.source) for step in known))
    return [step for step in known if step.source in ahead and step.target in behind]


def _reached(starts: Iterable[str], ways: Iterable[tuple[str, str]]) -> set[str]:
    beyond: dict[str, set[str]] = defaultdict(set)
    for source, target in ways:
        beyond[source].add(target)
    reached, waiting = set(starts), list(starts)
    while waiting:
        found = beyond[waiting.pop()] - reached
        reached |= found
        waiting.extend(found)
    return reached


class _Costs:
    """What measures cost, from how many hours of others' work they would have stopped lately."""

    def __init__(self, moment: Moment) -> None:
        self._host: dict[str, float] = defaultdict(float)
        self._user: dict[str, float] = defaultdict(float)
        self._way: dict[tuple[str, str], float] = defaultdict(float)
        for edge in moment.edges:
            for host in {edge.source, edge.target} - {""}:
                self._host[host] += edge.weight
            self._user[edge.user] += edge.weight
            self._way[edge.source, edge.target] += edge.weight

    def measures(self, step: Step, spared: frozenset[str]) -> Iterable[Measure]:
        """What can be done about a step."""
        for host in (step.source, step.target):
            if host not in spared:
                yield Measure(Kind.ISOLATE, host, _cost(ISOLATE_COST, self._host[host]))
        if step.user and step.user not in spared:
            yield Measure(Kind.DISABLE, step.user, _cost(DISABLE_COST, self._user[step.user]))
        yield self.block(step.source, step.target)

    def block(self, source: str, target: str) -> Measure:
        """To block the way between two hosts."""
        return Measure(Kind.BLOCK, f"{source} → {target}", _cost(BLOCK_COST, self._way[source, target]))


def _cost(base: float, weight: float) -> float:
    return round(base * (1 + float(np.log2(1 + weight))), 1)


def _plan(problem: Problem, chosen: Iterable[int], is_optimal: bool) -> Plan:
    measures = tuple(problem.measures[number] for number in sorted(set(chosen)))
    return Plan(measures, round(sum(measure.cost for measure in measures), 1), is_optimal, problem.routes)


def _greedy(problem: Problem) -> list[int]:
    """Again and again what cuts most for its cost."""
    missed, chosen = list(problem.cuts), []
    while missed:
        gains: Mapping[int, int] = {n: sum(n in cut for cut in missed) for cut in missed for n in cut}
        best = max(gains, key=lambda n: (gains[n] / problem.measures[n].cost, -n))
        chosen.append(best)
        missed = [cut for cut in missed if best not in cut]
    return chosen


def _slack_weights(most: int) -> list[int]:
    """Binary weights whose sums are all numbers from 0 to ``most``, and no greater one."""
    weights: list[int] = []
    left = most
    while left > 0:
        weights.append(min(1 << len(weights), left))
        left -= weights[-1]
    return weights
