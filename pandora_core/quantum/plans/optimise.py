"""Owns the choice of a plan: a QUBO solved exactly, by annealing and by QAOA, and which answer is served.

A plan is a string of bits ``x`` (block this, isolate that) with the cost ``xᵀ Q x + offset``. QAOA is simulated here
by its statevector (Farhi, Goldstone & Gutmann, arXiv:1411.4028); ``circuits.qaoa_circuit`` is the same for a backend.
It is shown beside the classical solvers because it does not beat them at any size that either can hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import states
from pandora_core.quantum.models.states import MAX_QUBITS, Amplitudes, Reals

Bits = NDArray[np.int8]
Feasible = Callable[[Bits], bool]

EXACT_LIMIT = 20
"""Variables up to which every plan is tried: a million of them, in about 50 ms."""

MAX_QAOA_BITS = 14
"""Up to here QAOA is simulated while somebody waits: the statevector of one more would double the seconds."""

DEPTHS = (1, 2, 3)
"""The layers of QAOA that are shown."""


@dataclass(frozen=True, slots=True)
class Qubo:
    """Minimise ``xᵀ Q x + offset`` over bits; ``Q`` may be any square matrix, its diagonal are the linear terms."""

    matrix: Reals
    offset: float = 0.0
    names: tuple[str, ...] = ()
    """What each bit decides, for people."""
    _symmetric: Reals = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix) or not np.isfinite(matrix).all():
            raise ConfigError("a square matrix of finite numbers is needed", where="qubo")
        if self.names and len(self.names) != len(matrix):
            raise ConfigError(f"{len(self.names)} names for {len(matrix)} bits", where="qubo")
        object.__setattr__(self, "_symmetric", (matrix + matrix.T) / 2)

    @property
    def size(self) -> int:
        return len(self._symmetric)

    def cost(self, bits: Bits) -> float:
        x = bits.astype(np.float64)
        return float(x @ self._symmetric @ x) + self.offset

    def costs(self) -> Reals:
        """The cost of every plan: that of ``x`` is at the index whose bit ``i`` is ``x[i]``. Doubled bit by bit."""
        if self.size > EXACT_LIMIT:
            raise ConfigError(f"{self.size} bits: every plan is tried up to {EXACT_LIMIT}", where="qubo")
        made, matrix = np.array([self.offset]), self._symmetric
        for bit in range(self.size):
            sums = np.zeros(1)
            for other in range(bit):
                sums = np.concatenate([sums, sums + 2 * matrix[bit, other]])
            made = np.concatenate([made, made + sums + matrix[bit, bit]])
        return made

    def ising(self) -> tuple[Reals, dict[tuple[int, int], float]]:
        """The fields and couplings of the same cost in spins ``Z = 1 - 2x``, its constant left out."""
        off = self._symmetric - np.diag(np.diag(self._symmetric))
        fields = -(np.diag(self._symmetric) + off.sum(axis=1)) / 2
        pairs = {(int(i), int(j)): float(off[i, j]) / 2 for i, j in zip(*np.nonzero(np.triu(off, 1)), strict=True)}
        return fields, pairs

    def flips(self, bits: Bits) -> Reals:
        """What flipping each bit alone would add to the cost."""
        x = bits.astype(np.float64)
        fields = np.diag(self._symmetric) + 2 * (self._symmetric @ x - np.diag(self._symmetric) * x)
        made: Reals = (1.0 - 2.0 * x) * fields
        return made


class Plan(NamedTuple):
    """One solver's answer."""

    solver: str
    bits: tuple[int, ...]
    cost: float
    feasible: bool
    proved: bool
    """Whether no plan can be better."""
    evaluations: int
    """How many plans were looked at; for QAOA, how often its circuit was run, and its shots."""
    optimum_chance: float | None = None
    """QAOA: the chance that one shot gives the best plan; uniform guessing would have 2**-bits."""


class Comparison(NamedTuple):
    """All answers, and the one to act upon."""

    plans: tuple[Plan, ...]
    served: Plan | None
    reason: str


def compare(
    problem: Qubo, rng: np.random.Generator, feasible: Feasible, depths: tuple[int, ...] = DEPTHS
) -> Comparison:
    """Solve by every method that the size allows. Without a feasible plan none is served."""
    plans = [exact(problem, feasible)] if problem.size <= EXACT_LIMIT else []
    plans.append(anneal(problem, rng, feasible))
    if problem.size <= MAX_QUBITS:
        plans += [qaoa(problem, depth, rng, feasible) for depth in depths]
    return Comparison(tuple(plans), *choose(plans))


def choose(plans: list[Plan]) -> tuple[Plan | None, str]:
    """The plan to serve and why: a quantum one only if it is feasible and no worse than the best classical one."""
    usable = [plan for plan in plans if plan.feasible]
    classical = [plan for plan in usable if not plan.solver.startswith("QAOA")]
    if not classical:
        return None, "no classical plan is feasible, so that nothing vouches for a quantum one"
    best = min(classical, key=lambda plan: (plan.cost, not plan.proved))
    tolerance = 1e-9 * max(1.0, abs(best.cost))
    quantum = [plan for plan in usable if plan not in classical and plan.cost <= best.cost + tolerance]
    better = [plan for plan in quantum if plan.cost < best.cost - tolerance]
    if better:
        return min(better, key=lambda plan: plan.cost), f"costs less than {best.solver}"
    if quantum:
        return best, f"{quantum[0].solver} found no better plan"
    return best, "no QAOA plan is feasible and as good"


def exact(problem: Qubo, feasible: Feasible) -> Plan:
    """The best feasible plan of all, by trying them in the order of their cost."""
    costs = problem.costs()
    order = np.argsort(costs, kind="stable")
    for number, index in enumerate(order, 1):
        bits = bits_of(int(index), problem.size)
        if feasible(bits):
            return _plan("exact", problem, bits, feasible, proved=True, evaluations=len(costs))
        if number == 100_000:
            break
    return _plan("exact", problem, bits_of(int(order[0]), problem.size), feasible, evaluations=len(costs))


def anneal(problem: Qubo, rng: np.random.Generator, feasible: Feasible, sweeps: int = 200, reads: int = 10) -> Plan:
    """Simulated annealing, one bit at a time, from several random plans."""
    found = [_anneal_once(problem, rng, sweeps) for _ in range(reads)]
    looked = reads * sweeps * problem.size
    plans = [_plan("annealing", problem, bits, feasible, evaluations=looked) for bits in found]
    return min(plans, key=lambda plan: (not plan.feasible, plan.cost))


def qaoa(
    problem: Qubo,
    depth: int,
    rng: np.random.Generator,
    feasible: Feasible,
    *,
    shots: int = 1024,
    starts: int = 4,
    iterations: int = 150,
) -> Plan:
    """The best feasible plan among the shots of QAOA with ``depth`` layers, its angles found by COBYLA. Simulated."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    costs = problem.costs()
    unit = float(costs.std()) or 1.0
    scaled = (costs - costs.mean()) / unit

    def energy(found: Reals) -> float:
        return float(states.probabilities(qaoa_state(scaled, found[:depth], found[depth:]))[0] @ scaled)

    ramp = np.linspace(0.2, 0.8, depth), np.linspace(0.7, 0.2, depth)
    begun = [np.concatenate([part * rng.uniform(0.6, 1.4) for part in ramp]) for _ in range(starts)]
    with threadpool_limits(1):  # products this small are slower on several threads, many times so on a busy machine
        results = [minimize(energy, start, method="COBYLA", options={"maxiter": iterations}) for start in begun]
    best = min(results, key=lambda result: float(result.fun))
    chances = states.probabilities(qaoa_state(scaled, best.x[:depth], best.x[depth:]))[0]
    drawn = np.unique(rng.choice(len(chances), shots, p=chances / chances.sum()))
    plans = [_plan(f"QAOA p={depth}", problem, bits_of(int(index), problem.size), feasible) for index in drawn]
    chosen = min(plans, key=lambda plan: (not plan.feasible, plan.cost))
    likely = float(chances[costs <= costs.min() + 1e-9 * unit].sum())
    return chosen._replace(evaluations=sum(int(r.nfev) for r in results) + shots, optimum_chance=likely)


def qaoa_state(costs: Reals, gammas: Reals, betas: Reals) -> Amplitudes:
    """The state after alternating ``exp(-i gamma cost)`` and ``RX(2 beta)`` from uniform: (1, plans)."""
    made = states.plus(1, int(math.log2(len(costs))))
    for gamma, beta in zip(gammas, betas, strict=True):
        made = states.rotate_x_all(made * np.exp(-1j * gamma * costs), 2 * beta)
    return made


def bits_of(index: int, size: int) -> Bits:
    """Bit ``i`` of the index is ``x[i]``."""
    return ((index >> np.arange(size)) & 1).astype(np.int8)


def anything(bits: Bits) -> bool:
    """Every plan is allowed: all constraints are penalties in the cost."""
    return True


def _anneal_once(problem: Qubo, rng: np.random.Generator, sweeps: int) -> Bits:
    bits = rng.integers(0, 2, problem.size).astype(np.int8)
    matrix = (problem.matrix + problem.matrix.T) / 2
    changes, cost = problem.flips(bits), problem.cost(bits)
    best, best_cost = bits.copy(), cost
    scale = float(np.abs(matrix).sum(axis=1).max()) or 1.0
    for temperature in np.geomspace(scale, scale * 1e-3, sweeps):
        for bit, chance in zip(rng.permutation(problem.size), rng.random(problem.size), strict=True):
            change = changes[bit]
            if change <= 0 or chance < math.exp(-change / temperature):
                # A flip adds to the field of every other bit, and turns its own change around.
                changes += (1 - 2 * bits) * matrix[bit] * (2 - 4 * bits[bit])
                changes[bit] = -change
                bits[bit] ^= 1
                cost += change
        if cost < best_cost:
            best, best_cost = bits.copy(), cost
    return best


def _plan(
    solver: str, problem: Qubo, bits: Bits, feasible: Feasible, *, proved: bool = False, evaluations: int = 0
) -> Plan:
    made = tuple(int(bit) for bit in bits)
    return Plan(solver, made, problem.cost(bits), feasible(bits), proved, evaluations)
