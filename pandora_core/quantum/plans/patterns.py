"""Owns the choice of threat patterns: the fewest that tell every fact of an incident or of alerts, overlapping least.

Detections of one detector under one title are a *pattern*. What it tells are *facts*: techniques (else tactics),
hosts, accounts and other entities. What alone tells a fact is needed; what tells nothing more than another is left
out. The rest, the core, is a set cover, which is hard in general: it is solved exactly, greedily, by annealing and by
QAOA, simulated, and all answers are rated alike.

A pattern costs 1, and 0.1 more for every fact that another one chosen from the core tells, too. As a QUBO, a fact
that k of the chosen tell costs ``PENALTY * (1 - k + k(k-1)/2)`` besides: nothing for one or two of them, without
slack bits. More than two are punished there, so that the least of the QUBO need not be the best choice; answers are
rated by the cost alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pandora_core.detect.words import amount
from pandora_core.model import Detection
from pandora_core.quantum.plans.optimise import DEPTHS, EXACT_LIMIT, MAX_QAOA_BITS, Bits, Qubo, anneal, bits_of, qaoa

PENALTY, OVERLAP = 2.0, 0.1


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one detector found under one title."""

    detector: str
    title: str
    detections: int
    points: float
    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Core:
    """What is left to be chosen: patterns, and for every fact to be told the numbers of those that tell it."""

    patterns: tuple[Pattern, ...]
    telling: tuple[frozenset[int], ...]

    def is_feasible(self, bits: Bits) -> bool:
        """Whether every fact is told."""
        return all(any(bits[number] for number in tellers) for tellers in self.telling)

    def overlap(self, bits: Bits) -> int:
        """How often a fact is told by two of the chosen."""
        return sum(sum(bits[a] * bits[b] for a, b in combinations(sorted(tellers), 2)) for tellers in self.telling)

    def cost(self, bits: Bits) -> float:
        return float(sum(bits)) + OVERLAP * float(self.overlap(bits))


@dataclass(frozen=True, slots=True)
class Proposal:
    """One solver's answer; ``chosen`` of the core is empty where it leaves a fact untold."""

    solver: str
    chosen: tuple[Pattern, ...]
    is_feasible: bool
    cost: float
    overlap: int
    words: str
    is_simulated: bool = False
    optimum_chance: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """All answers side by side, and what is served: the needed patterns with the best choice from the core."""

    facts: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    needed: tuple[Pattern, ...]
    core: Core
    proposals: tuple[Proposal, ...]
    solver: str
    """Whose answer is served; empty where there was nothing to choose."""
    served: tuple[Pattern, ...]
    reason: str


def select(detections: Iterable[Detection], rng: np.random.Generator) -> Selection:
    """Choose patterns by every solver; a quantum answer is served only where it beats every classical one."""
    patterns = patterns_of(detections)
    facts = tuple(sorted(frozenset().union(*(pattern.facts for pattern in patterns))))
    needed, core = reduced(patterns)
    if not core.patterns:
        reason = "nothing is left to choose: the needed patterns tell every fact"
        return Selection(facts, patterns, needed, core, (), "", needed, reason)
    found = propose(core, rng)
    best, reason = choose(found)
    return Selection(facts, patterns, needed, core, found, best.solver, (*needed, *best.chosen), reason)


def patterns_of(detections: Iterable[Detection]) -> tuple[Pattern, ...]:
    """Detections by detector and title, the gravest first."""
    groups: defaultdict[tuple[str, str], list[Detection]] = defaultdict(list)
    for detection in detections:
        groups[detection.detector, detection.title].append(detection)
    made = [
        Pattern(
            detector, title, len(group), max(one.points for one in group), frozenset().union(*map(facts_of, group))
        )
        for (detector, title), group in groups.items()
    ]
    return tuple(sorted(made, key=lambda pattern: (-pattern.points, pattern.detector, pattern.title)))


def facts_of(detection: Detection) -> frozenset[str]:
    """What a detection tells."""
    kinds = (
        ("", detection.techniques or detection.tactics),
        ("host ", detection.hosts),
        ("user ", detection.users),
        ("", tuple(f"{each.kind} {each.name}" for each in (detection.entity, *detection.related))),
    )
    return frozenset(f"{kind}{name}" for kind, names in kinds for name in names)


def reduced(patterns: Sequence[Pattern]) -> tuple[tuple[Pattern, ...], Core]:
    """The patterns that are needed in any case, and the core of the others."""
    left = {pattern: pattern.facts for pattern in patterns}
    needed: list[Pattern] = []
    while True:
        tellers = _tellers(left)
        alone = list(dict.fromkeys(who[0] for who in tellers.values() if len(who) == 1))
        needed += alone
        told = frozenset().union(*(left[pattern] for pattern in alone))
        kept = _undominated({pattern: facts - told for pattern, facts in left.items() if pattern not in alone})
        if not alone and len(kept) == len(left):
            return tuple(needed), _core(left)
        left = kept


def propose(core: Core, rng: np.random.Generator) -> tuple[Proposal, ...]:
    """The answers of all solvers that the size allows."""
    size = len(core.patterns)
    found = [_exact(core)] if size <= EXACT_LIMIT else []
    found.append(_rated("greedy", core, _greedy(core), "the pattern that tells most, again and again"))
    problem = qubo(core)
    annealed = anneal(problem, rng, core.is_feasible)
    found.append(_rated("annealing", core, np.array(annealed.bits, np.int8), amount(size, "bit")))
    if size > MAX_QAOA_BITS:
        said = f"too large to simulate here: {amount(size, 'bit')}, {MAX_QAOA_BITS} at most"
        return (*found, Proposal("QAOA", (), False, 0.0, 0, said, True))
    for depth in DEPTHS:
        answer = qaoa(problem, depth, rng, core.is_feasible)
        bits, said = np.array(answer.bits, np.int8), f"simulated, {amount(size, 'qubit')}"
        found.append(_rated(answer.solver, core, bits, said, is_simulated=True, optimum_chance=answer.optimum_chance))
    return tuple(found)


def qubo(core: Core) -> Qubo:
    """Cost and penalties over a bit a pattern."""
    size = len(core.patterns)
    matrix = np.eye(size)
    for tellers in core.telling:
        for number in tellers:
            matrix[number, number] -= PENALTY
        for a, b in combinations(sorted(tellers), 2):
            matrix[a, b] += PENALTY + OVERLAP
    return Qubo(matrix, PENALTY * len(core.telling), tuple(pattern.title for pattern in core.patterns))


def choose(found: Sequence[Proposal]) -> tuple[Proposal, str]:
    """The answer to serve and why; the greedy one is always feasible."""
    usable = [one for one in found if one.is_feasible]
    best = min((one for one in usable if not one.is_simulated), key=lambda one: one.cost)
    simulated = [one for one in usable if one.is_simulated]
    if not simulated:
        return best, f"{best.solver} costs least; no quantum answer is feasible"
    quantum = min(simulated, key=lambda one: one.cost)
    if quantum.cost < best.cost - 1e-9:
        return quantum, f"{quantum.solver} costs {best.cost - quantum.cost:.1f} less than {best.solver}"
    said = "as much" if quantum.cost < best.cost + 1e-9 else f"{quantum.cost - best.cost:.1f} more"
    return best, f"{best.solver} costs least; the best quantum answer, {quantum.solver}, costs {said}"


def _tellers(left: Mapping[Pattern, frozenset[str]]) -> dict[str, list[Pattern]]:
    found: defaultdict[str, list[Pattern]] = defaultdict(list)
    for pattern, facts in left.items():
        for fact in sorted(facts):
            found[fact].append(pattern)
    return found


def _undominated(left: Mapping[Pattern, frozenset[str]]) -> dict[Pattern, frozenset[str]]:
    """Without patterns that tell nothing more than another; of equals the gravest stays."""
    kept: dict[Pattern, frozenset[str]] = {}
    for pattern in sorted(left, key=lambda one: (-len(left[one]), -one.points, one.detector, one.title)):
        if left[pattern] and not any(left[pattern] <= facts for facts in kept.values()):
            kept[pattern] = left[pattern]
    return kept


def _core(left: Mapping[Pattern, frozenset[str]]) -> Core:
    """Facts that the same patterns tell count once, and those that are told with another in any case not at all."""
    number = {pattern: place for place, pattern in enumerate(left)}
    telling = {frozenset(number[pattern] for pattern in who) for who in _tellers(left).values()}
    least = [tellers for tellers in telling if not any(other < tellers for other in telling)]
    return Core(tuple(left), tuple(sorted(least, key=sorted)))


def _exact(core: Core) -> Proposal:
    """All choices are tried."""
    size = len(core.patterns)
    matrix = np.eye(size)
    for tellers in core.telling:
        for a, b in combinations(sorted(tellers), 2):
            matrix[a, b] += OVERLAP
    costs, choices = Qubo(matrix).costs(), np.arange(1 << size)
    for tellers in core.telling:
        costs[choices & sum(1 << number for number in tellers) == 0] = np.inf
    return _rated("exact", core, bits_of(int(np.argmin(costs)), size), "no choice costs less")


def _greedy(core: Core) -> Bits:
    bits = np.zeros(len(core.patterns), np.int8)
    untold = list(core.telling)
    while untold:
        most = max(range(len(bits)), key=lambda number: (sum(number in tellers for tellers in untold), -number))
        bits[most] = 1
        untold = [tellers for tellers in untold if most not in tellers]
    return bits


def _rated(
    solver: str,
    core: Core,
    bits: Bits,
    words: str,
    *,
    is_simulated: bool = False,
    optimum_chance: float | None = None,
) -> Proposal:
    chosen = tuple(pattern for pattern, bit in zip(core.patterns, bits, strict=True) if bit)
    is_feasible = core.is_feasible(bits)
    said = words if is_feasible else "its answer leaves a fact untold"
    return Proposal(
        solver, chosen, is_feasible, core.cost(bits), core.overlap(bits), said, is_simulated, optimum_chance
    )
