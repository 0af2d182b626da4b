"""Owns the plans of containment side by side: exact on the whole graph, annealing and QAOA on what it comes down to.

The routes that a plan must cut are found by turns: the cheapest set that cuts the known routes, then the routes it
leaves open, until none is left. Of those measures that another cuts no less than, and costs no more, only the other
is kept. What remains is small enough to be written as a QUBO. Every answer is tried on the whole graph before it is
called feasible. QAOA is simulated here by its statevector, and shown because it does not win.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pandora_core.detect.words import amount
from pandora_core.graph.containment import (
    Plan,
    Problem,
    contain,
    minimum_cut,
    open_routes,
    plan_of,
    problem_of,
    qubo,
    solve,
)
from pandora_core.graph.moment import Moment
from pandora_core.graph.paths import Route, Step
from pandora_core.quantum.plans.optimise import DEPTHS, MAX_QAOA_BITS, Bits, Qubo, anneal, qaoa

MAX_ANNEALED_BITS = 400
PART_BITS = 12
"""Of what is too large for QAOA a part is solved: as good with fewer bits, and a quarter of the time."""

_TURNS = 12


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one solver proposes; ``plan`` is ``None`` where it found none that leaves no route open."""

    solver: str
    plan: Plan | None
    words: str
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Proposals:
    """All solvers on the same graph, and the plan to act upon: the cheapest feasible one, the exact one if equal."""

    fallen: tuple[str, ...]
    jewels: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    served: Plan | None
    reason: str


def propose(
    moment: Moment,
    steps: Sequence[Step],
    fallen: Sequence[str],
    jewels: Iterable[str],
    keep: Sequence[str] = (),
    rng: np.random.Generator | None = None,
) -> Proposals:
    """Plans by every solver. ``keep`` names hosts and accounts that must not be touched."""
    starts, ends = tuple(fallen), tuple(host for host in jewels if host not in set(fallen))
    if not ends:
        return Proposals(starts, ends, (), None, "nothing that must not fall is left to protect")
    best = contain(moment, steps, starts, ends, keep)
    if best is not None and not best.measures:
        return Proposals(starts, ends, (), best, "no route leads there: nothing needs to be cut")
    cut = minimum_cut(moment, steps, starts, ends)
    found = [_exact(best), Proposal("blocking only", cut, "the cheapest plan that only blocks ways")]
    problem = core_problem(moment, steps, starts, ends, keep)
    if problem is not None:
        found += _quantum_and_annealed(problem, steps, starts, ends, rng or np.random.default_rng(0))
    served, reason = _choose(found)
    return Proposals(starts, ends, tuple(found), served, reason)


def core_problem(
    moment: Moment, steps: Sequence[Step], starts: Sequence[str], ends: Sequence[str], keep: Sequence[str] = ()
) -> Problem | None:
    """Routes and measures to which the choice comes down; ``None`` if they do not come to an end in time."""
    known: list[Route] = open_routes(steps, (), starts, ends)
    for _ in range(_TURNS):
        problem = reduced(problem_of(moment, known, ends, keep))
        if not all(problem.cuts):
            return None
        left = open_routes(steps, solve(problem).measures, starts, ends)
        if not left:
            return problem
        known += left
    return None


def reduced(problem: Problem) -> Problem:
    """Without measures that cut no route that a measure as cheap does not cut as well."""
    routes = [
        frozenset(number for number, cut in enumerate(problem.cuts) if measure in cut)
        for measure in range(len(problem.measures))
    ]
    order = sorted(range(len(routes)), key=lambda n: (problem.measures[n].cost, -len(routes[n]), n))
    kept: list[int] = []
    for number in order:
        if not any(routes[number] <= routes[other] for other in kept):
            kept.append(number)
    kept.sort()
    place = {number: at for at, number in enumerate(kept)}
    cuts = tuple(frozenset(place[number] for number in cut if number in place) for cut in problem.cuts)
    return Problem(tuple(problem.measures[number] for number in kept), cuts, problem.routes)


@dataclass(frozen=True, slots=True)
class Part:
    """Some bits of a larger problem, the others as an answer has them."""

    problem: Qubo
    free: tuple[int, ...]
    fixed: Bits

    def whole(self, found: Bits) -> Bits:
        """All bits of the larger problem."""
        bits = self.fixed.copy()
        bits[list(self.free)] = found
        return bits


def part_of(problem: Qubo, bits: Bits, many: int) -> Part:
    """The bits of which an answer's dearest choice is one, and what it is coupled with: at most ``many``.

    The costs are those of the whole, so that a better answer of the part is a better one of the whole.
    """
    matrix = (problem.matrix + problem.matrix.T) / 2
    coupled = np.abs(matrix - np.diag(np.diag(matrix)))
    free = [int(np.argmax(np.where(bits == 1, np.diag(matrix), -np.inf)))]
    while len(free) < min(many, problem.size):
        pull = coupled[free].sum(axis=0)
        pull[free] = -1.0
        free.append(int(np.argmax(pull)))
    free.sort()
    fixed = bits.copy()
    fixed[free] = 0
    linear = 2 * matrix[free] @ fixed
    offset = problem.cost(fixed)
    names = tuple(problem.names[number] for number in free) if problem.names else ()
    return Part(Qubo(matrix[np.ix_(free, free)] + np.diag(linear), offset, names), tuple(free), fixed)


def _exact(best: Plan | None) -> Proposal:
    if best is None:
        return Proposal("exact", None, "no plan closes all routes: what fell must not fall, or may not be touched")
    said = "no cheaper plan exists" if best.is_optimal else "a cheaper plan may exist: time was up"
    return Proposal("exact", best, said)


def _quantum_and_annealed(
    problem: Problem, steps: Sequence[Step], starts: Sequence[str], ends: Sequence[str], rng: np.random.Generator
) -> list[Proposal]:
    form = qubo(problem)
    bits = len(form.names)
    asked = Qubo(form.matrix, form.offset, form.names)
    if bits > MAX_ANNEALED_BITS:
        return [Proposal("annealing", None, f"too large: {amount(bits, 'bit')}, {MAX_ANNEALED_BITS} at most")]

    def feasible(found: Bits) -> bool:
        return problem.is_feasible([int(bit) for bit in found[: form.measures]])

    def proposal(solver: str, found: tuple[int, ...], words: str, is_simulated: bool) -> Proposal:
        plan = plan_of(problem, found)
        if plan is not None and open_routes(steps, plan.measures, starts, ends):
            plan = None
        return Proposal(solver, plan, words if plan else "its answer leaves a route open", is_simulated)

    annealed = anneal(asked, rng, feasible)
    made = [proposal("annealing", annealed.bits, f"{amount(bits, 'bit')}", False)]
    size = bits if bits <= MAX_QAOA_BITS else PART_BITS
    part = part_of(asked, np.array(annealed.bits, dtype=np.int8), size)
    on, best = amount(size, "qubit"), "plan"
    if size < bits:
        on, best = f"{on} for a part of {amount(bits, 'bit')}, the rest as annealing left it", "of it"
    for depth in DEPTHS:
        answer = qaoa(part.problem, depth, rng, lambda found: feasible(part.whole(found)))
        words = f"simulated, {on}; a shot gives the best {best} with {answer.optimum_chance or 0:.1%}"
        whole = part.whole(np.array(answer.bits, dtype=np.int8))
        made.append(proposal(answer.solver, tuple(whole.tolist()), words, True))
    return made


def _choose(found: Sequence[Proposal]) -> tuple[Plan | None, str]:
    usable = [one for one in found if one.plan is not None]
    if not usable:
        return None, "no solver found a plan that closes every route"
    best = min(usable, key=lambda one: one.plan.cost if one.plan else 0.0)
    assert best.plan is not None
    others = [one for one in usable if one.is_simulated]
    if best.is_simulated:
        return best.plan, f"{best.solver} costs least"
    if not others:
        return best.plan, f"{best.solver} costs least; no quantum plan is feasible here"
    quantum = min(one.plan.cost for one in others if one.plan)
    said = "as much" if quantum <= best.plan.cost + 1e-9 else f"{quantum - best.plan.cost:.1f} more"
    return best.plan, f"{best.solver} costs least; the best quantum plan costs {said}"
