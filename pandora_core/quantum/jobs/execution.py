"""Owns the running of a job in a worker: work → circuits → backend → result, beside the classical answer.

It imports qiskit. The steps are apart, because on IBM's machines another process may read back what one submitted:
:func:`build` and :func:`read_back` depend on the payload alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit, transpile

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits import forms as circuits
from pandora_core.quantum.jobs.backends import Backend, Measured, load
from pandora_core.quantum.jobs.mending import exact_parity, mitigate
from pandora_core.quantum.jobs.simulators import exact_chances, measured_qubits
from pandora_core.quantum.jobs.work import (
    CircuitWork,
    JobResult,
    KernelWork,
    Outcome,
    Payload,
    QaoaWork,
    RunOptions,
    VqcWork,
    WalkWork,
    Work,
    payload_of,
)
from pandora_core.quantum.models import kernels, states
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import MAX_QUBITS, Reals
from pandora_core.quantum.models.vqc import Vqc
from pandora_core.quantum.plans import optimise
from pandora_core.store.job_rows import JobFacts, JobState

Shares = Sequence[Mapping[str, float]]
Progress = Callable[[int, int], None]
_DRAWN_QUBITS, _DRAWN_GATES = 12, 400
_BATCH = 50
"""Circuits that a simulator gets at a time: progress can be told in between."""
_GATES = [
    "id",
    "x",
    "y",
    "z",
    "h",
    "s",
    "sdg",
    "t",
    "tdg",
    "sx",
    "p",
    "rx",
    "ry",
    "rz",
    "u",
    "cx",
    "cz",
    "swap",
    "rzz",
]
_VERSIONS = ("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "numpy")


class Built(NamedTuple):
    """Circuits to run, and what their shares of outcomes mean."""

    circuits: list[QuantumCircuit]
    read: Callable[[Shares], dict[str, Any]]
    classical: Callable[[], dict[str, Any]]


def execute(data: bytes, progress: Progress = lambda done, total: None) -> Outcome:
    """Run a payload on its backend, here and now.

    Raises:
        PandoraError: it cannot be run; the worker makes an ERROR of that, and of everything else that is raised.
    """
    payload = payload_of(data)
    backend = load(payload.backend, payload.calibration)
    begun = time.perf_counter()
    built = build(payload.work)
    check_fits(built.circuits, backend.qubits, payload)
    built_at = time.perf_counter()
    ready = transpiled(built.circuits, backend.target, payload.options)
    ready_at = time.perf_counter()
    measured = _run(backend, ready, payload.options, progress)
    mitigated = mitigate(backend, ready, payload.options)
    took = (built_at - begun, ready_at - built_at, time.perf_counter() - ready_at)
    result = read_back(payload, built, measured)
    facts = facts_of(ready, payload.options, backend.label, backend.simulated)
    timed = _timed(facts, *took, method=str(mitigated.get("method", "none")))
    return Outcome(JobState.DONE, "", _with(result, mitigated), timed)


def build(work: Work) -> Built:
    """The circuits of a work, measured, for no backend in particular."""
    if isinstance(work, CircuitWork):
        return _circuit(work)
    if isinstance(work, KernelWork):
        return _kernel(work)
    if isinstance(work, VqcWork):
        return _classifier(work)
    if isinstance(work, WalkWork):
        return _walk(work)
    return _plan(work)


def check_fits(made: Sequence[QuantumCircuit], qubits: int, payload: Payload) -> None:
    """Refuse what is larger than its backend, or than what was declared when memory was estimated.

    Raises:
        ConfigError: with both numbers.
    """
    needed = max(circuit.num_qubits for circuit in made)
    if needed > qubits:
        raise ConfigError(f"{needed} qubits, the backend has {qubits}", where=payload.backend)
    work = payload.work
    if isinstance(work, CircuitWork) and work.qpy and needed > work.qubits:
        raise ConfigError(f"{needed} qubits, {work.qubits} were declared", where="circuit job")


def transpiled(made: Sequence[QuantumCircuit], target: Any, options: RunOptions) -> list[QuantumCircuit]:
    """For a target, at the level and with the seed of the job; without a target to the gates that simulators know."""
    gates = _GATES if target is None else None
    settings: dict[str, Any] = {"optimization_level": options.level, "seed_transpiler": options.seed}
    return [transpile(circuit, target, basis_gates=gates, **settings) for circuit in made]


def read_back(payload: Payload, built: Built, measured: Measured) -> JobResult:
    """What the counts mean, the classical answer of the same run beside it."""
    shares: Shares = [_shares(each) for each in measured.counts] or measured.chances
    few = len(built.circuits) == 1
    first = built.circuits[0]
    values = built.read(shares)
    if isinstance(payload.work, KernelWork) and measured.counts:
        values |= _floor(values["kernel"], sum(measured.counts[0].values()))
    drawn = few and first.num_qubits <= _DRAWN_QUBITS and first.size() <= _DRAWN_GATES
    return JobResult(
        kind=str(payload.work.__struct_config__.tag),
        counts=[dict(each) for each in measured.counts] if few else [],
        values=values,
        classical=built.classical(),
        drawing=circuits.drawing(first) if drawn else "",
        qasm3=circuits.to_qasm3(first) if few and first.num_qubits <= MAX_QUBITS else "",
    )


def facts_of(ready: Sequence[QuantumCircuit], options: RunOptions, label: str, simulated: bool) -> JobFacts:
    """How a result comes about, as far as it is known before it is there."""
    return JobFacts(
        label=label,
        simulated=simulated,
        seed=options.seed,
        level=options.level,
        circuits=len(ready),
        depth=max(circuit.depth() for circuit in ready),
        two_qubit_gates=max(circuit.num_nonlocal_gates() for circuit in ready),
        mitigation=options.mitigation,
        versions={name: version(name) for name in _VERSIONS},
    )


def _timed(facts: JobFacts, build_s: float, transpile_s: float, execute_s: float, method: str) -> JobFacts:
    import msgspec

    mitigation_used = method if facts.mitigation != "none" else "none"
    times = {"build_s": round(build_s, 4), "transpile_s": round(transpile_s, 4), "execute_s": round(execute_s, 4)}
    return msgspec.structs.replace(facts, mitigation=mitigation_used, **times)


def with_mitigated(result: JobResult, built: Built, mitigated: dict[str, Any]) -> JobResult:
    """A result with its means before and after, the exact one beside them where it can be computed."""
    return _with(result, mitigated | exact_parity(built.circuits[0]))


def _with(result: JobResult, mitigated: dict[str, Any]) -> JobResult:
    import msgspec

    return msgspec.structs.replace(result, mitigated=mitigated)


def _run(backend: Backend, ready: Sequence[QuantumCircuit], options: RunOptions, progress: Progress) -> Measured:
    counts: list[Mapping[str, int]] = []
    chances: list[Mapping[str, float]] = []
    for start in range(0, len(ready), _BATCH):
        progress(start, len(ready))
        made = backend.run(ready[start : start + _BATCH], options.shots, options.seed + start)
        counts += made.counts
        chances += made.chances
    return Measured(tuple(counts), tuple(chances))


def _circuit(work: CircuitWork) -> Built:
    made = circuits.from_qpy(work.qpy) if work.qpy else circuits.from_qasm3(work.qasm3)
    if made.num_parameters:
        raise ConfigError(f"{made.num_parameters} parameters are not bound", where="circuit job")
    if not made.num_clbits:
        made.measure_all()
    measured_qubits(made)

    @cache
    def exact() -> dict[str, float]:
        return exact_chances(made) if made.num_qubits <= MAX_QUBITS else {}

    def classical() -> dict[str, Any]:
        if not exact():
            return {"exact": None, "why": f"more than {MAX_QUBITS} qubits are not computed exactly"}
        return {"exact": _largest(exact())}

    def read(shares: Shares) -> dict[str, Any]:
        found: dict[str, Any] = {"shares": _largest(shares[0])}
        return found | {"distance": _distance(shares[0], exact())} if exact() else found

    return Built([made], read, classical)


def _kernel(work: KernelWork) -> Built:
    feature_map = FeatureMap.from_json(work.feature_map)
    x = np.array(work.rows, np.float64)
    y = None if work.against is None else np.array(work.against, np.float64)
    square = y is None
    other = x if y is None else y
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1 if square else 0, len(other))]
    made = [circuits.overlap_circuit(feature_map, x[i], other[j]) for i, j in pairs]
    exact = kernels.gram(kernels.FidelityKernel(feature_map), x, y)
    nothing = "0" * feature_map.qubits

    def read(shares: Shares) -> dict[str, Any]:
        found = np.eye(len(x)) if square else np.zeros((len(x), len(other)))
        for (i, j), each in zip(pairs, shares, strict=True):
            found[i, j] = each.get(nothing, 0.0)
            if square:
                found[j, i] = found[i, j]
        return {"kernel": found.tolist(), "largest_error": float(np.abs(found - exact).max())}

    def classical() -> dict[str, Any]:
        # The median heuristic: the usual width where nobody chose one.
        distances = ((x[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)
        gamma = 1.0 / float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
        rbf = kernels.gram(kernels.RbfKernel(gamma), x, y)
        return {"exact": exact.tolist(), "rbf": rbf.tolist(), "rbf_gamma": gamma}

    return Built(made, read, classical)


def _floor(kernel: list[list[float]], shots: int) -> dict[str, Any]:
    """What these shots can tell apart, from the counts alone: on hardware there may be nothing exact beside them."""
    return {"shot_floor": kernels.shot_floor(np.array(kernel), shots)._asdict()}


def _classifier(work: VqcWork) -> Built:
    model, x = Vqc.from_text(json.dumps(work.model)), np.array(work.rows, np.float64)
    exact = model.probabilities(x)

    def chance(shares: Mapping[str, float]) -> float:
        odd = (lambda bits: bits.count("1") & 1) if model.readout == "parity" else (lambda bits: int(bits[-1]))
        return float(sum(share for bits, share in shares.items() if odd(bits)))

    def read(shares: Shares) -> dict[str, Any]:
        found = [chance(each) for each in shares]
        return {"chances": found, "largest_error": float(np.abs(np.array(found) - exact).max())}

    made = [circuits.prediction_circuit(model, row) for row in x]
    return Built(made, read, lambda: {"exact": exact.tolist()})


def _walk(work: WalkWork) -> Built:
    import scipy.sparse as sp

    from pandora_core.quantum.circuits.walk_circuit import total_variation, walk_circuit

    size = len(work.hosts)
    adjacency = np.zeros((size, size))
    for source, target, weight in work.edges:
        if not (0 <= source < size and 0 <= target < size):
            raise ConfigError(f"edge {source}–{target} names no host", where="walk job")
        adjacency[source, target] += weight
    made = walk_circuit(work.hosts, sp.csr_array(adjacency), work.start, work.time, work.steps)

    def read(shares: Shares) -> dict[str, Any]:
        found = np.zeros(2**made.circuit.num_qubits)
        for bits, share in shares[0].items():
            found[int(bits, 2)] += share
        distance = total_variation(found[:size], made.exact) + found[size:].sum() / 2
        return {"chances": dict(zip(work.hosts, found[:size].tolist(), strict=True)), "distance": float(distance)}

    exact = dict(zip(work.hosts, made.exact.tolist(), strict=True))
    return Built([made.measured()], read, lambda: {"exact": exact, "trotter_distance": made.trotter_distance})


def _plan(work: QaoaWork) -> Built:
    problem = optimise.Qubo(np.array(work.matrix, np.float64), work.offset, tuple(work.names))
    gammas, betas = _angles(problem, work.depth)
    costs = problem.costs()

    def read(shares: Shares) -> dict[str, Any]:
        found = {int(bits, 2): share for bits, share in shares[0].items()}
        best = min(found, key=lambda index: costs[index])
        mean = float(sum(costs[index] * share for index, share in found.items()))
        optimum = float(sum(share for index, share in found.items() if costs[index] <= costs.min() + 1e-9))
        bits = [int(bit) for bit in optimise.bits_of(best, problem.size)]
        return {"bits": bits, "cost": float(costs[best]), "mean_cost": mean, "optimum_chance": optimum}

    def classical() -> dict[str, Any]:
        rng = np.random.default_rng(0)
        plans = [
            optimise.exact(problem, optimise.anything),
            optimise.anneal(problem, rng, optimise.anything, sweeps=50, reads=4),
        ]
        return {"plans": [{"solver": p.solver, "bits": list(p.bits), "cost": p.cost} for p in plans]}

    return Built([circuits.qaoa_circuit(problem, gammas.tolist(), betas.tolist())], read, classical)


def _angles(problem: optimise.Qubo, depth: int) -> tuple[Reals, Reals]:
    """Angles by COBYLA on the exact energy, and scaled to the problem's own costs. The same for the same problem."""
    from scipy.optimize import minimize

    costs = problem.costs()
    unit = float(costs.std()) or 1.0
    scaled = (costs - costs.mean()) / unit

    def energy(found: Reals) -> float:
        state = optimise.qaoa_state(scaled, found[:depth], found[depth:])
        return float(states.probabilities(state)[0] @ scaled)

    ramp = np.concatenate([np.linspace(0.2, 0.8, depth), np.linspace(0.7, 0.2, depth)])
    found = minimize(energy, ramp, method="COBYLA", options={"maxiter": 200}).x
    return found[:depth] / unit, found[depth:]


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {bits: count / total for bits, count in counts.items()}


def _largest(shares: Mapping[str, float], count: int = 1024) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:count])


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Total variation."""
    return sum(abs(one.get(bits, 0.0) - other.get(bits, 0.0)) for bits in {*one, *other}) / 2
