"""Measures plans, mitigation and transpilation: QAOA beside the classical solvers, means before and after mending.

Run with ``python -m tests.benchmarks.bench_quantum_plans [plans|mitigation|transpile …]``. All simulated: the noise
is that of Qiskit's FakeManilaV2 on Aer. Intervals are 95 %, over the seeds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np

from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.vqc import Ansatz, Vqc
from pandora_core.quantum.plans.optimise import Qubo, anneal, anything, exact, qaoa
from pandora_core.quantum.tier.study import interval

SEEDS = range(10)


def main(parts: Sequence[str]) -> None:
    for name, part in {"plans": plans, "mitigation": mitigation, "transpile": transpile}.items():
        if not parts or name in parts:
            part()


def plans() -> None:
    """Containment of random networks: isolating a host costs, every open path between two hosts costs more."""
    for size in (8, 10, 12):
        problems = [containment(size, seed) for seed in SEEDS]
        best = [exact(problem, anything).cost for problem in problems]
        report(
            f"{size} bits, annealing", [anneal_run(p, seed) for p, seed in zip(problems, SEEDS, strict=True)], best
        )
        for depth in (1, 2, 3):
            runs = [qaoa_run(p, depth, seed) for p, seed in zip(problems, SEEDS, strict=True)]
            report(f"{size} bits, QAOA p={depth}", runs, best)


def containment(size: int, seed: int) -> Qubo:
    rng = np.random.default_rng(seed)
    paths = np.triu(rng.random((size, size)) < 0.35, 1) * rng.uniform(1, 3, (size, size))
    # w (1 - x)(1 - y) for every path, and the price of every host.
    matrix = paths + np.diag(rng.uniform(0.5, 2, size) - paths.sum(axis=0) - paths.sum(axis=1))
    return Qubo(matrix, float(paths.sum()))


def anneal_run(problem: Qubo, seed: int) -> tuple[float, float, float]:
    begun = time.perf_counter()
    found = anneal(problem, np.random.default_rng(seed), anything)
    return found.cost, time.perf_counter() - begun, float("nan")


def qaoa_run(problem: Qubo, depth: int, seed: int) -> tuple[float, float, float]:
    begun = time.perf_counter()
    found = qaoa(problem, depth, np.random.default_rng(seed), anything)
    return found.cost, time.perf_counter() - begun, found.optimum_chance or 0.0


def report(name: str, runs: Sequence[tuple[float, float, float]], best: Sequence[float]) -> None:
    hits = np.mean([cost <= least + 1e-9 for (cost, _, _), least in zip(runs, best, strict=True)])
    chance, seconds = np.mean([run[2] for run in runs]), np.median([run[1] for run in runs])
    print(f"{name}: optimum in {hits:.0%}, chance of it in one shot {chance:.4f}, {seconds:.2f} s", flush=True)


def mitigation() -> None:
    """The error of a mean parity of a 4-qubit classifier, 10,000 shots a circuit."""
    from qiskit.quantum_info import Statevector
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    from pandora_core.quantum.circuits import forms as circuits
    from pandora_core.quantum.jobs.mitigation import parity_expectation, read_back

    backend = FakeManilaV2()
    noisy = AerSimulator.from_backend(backend)
    errors: dict[str, list[float]] = {"raw": [], "readout inverted": [], "and extrapolated": []}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        model = Vqc(FeatureMap(4, 1), Ansatz(4, 2), tuple(rng.uniform(-1, 1, 12)))
        circuit = circuits.prediction_circuit(model, rng.uniform(0, 1, 4))
        truth = parity_expectation(Statevector(circuit.remove_final_measurements(inplace=False)).probabilities())
        isa = generate_preset_pass_manager(3, backend=backend, seed_transpiler=seed).run(circuit)
        runs = [*circuits.readout_circuits(isa), *(circuits.folded(isa, factor) for factor in (1, 3, 5))]
        runs = generate_preset_pass_manager(0, backend=backend, initial_layout=range(5)).run(runs)
        zeros, ones, *folds = noisy.run(runs, shots=10_000, seed_simulator=seed).result().get_counts()
        found = read_back(zeros, ones, dict(zip((1, 3, 5), folds, strict=True)))
        values = (found.raw, found.inverted, found.extrapolated.value)
        for name, value in zip(errors, values, strict=True):
            errors[name].append(abs(value - truth))
    for name, cell in errors.items():
        mean, half = interval(cell)
        print(f"FakeManilaV2, {name}: mean error {mean:.3f} ± {half:.3f}")


def transpile() -> None:
    """The ZZ feature map of 5 qubits, fully entangled, on a line of 5."""
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    from pandora_core.quantum.circuits import transpiling
    from pandora_core.quantum.circuits.forms import feature_map_circuit

    circuit = feature_map_circuit(FeatureMap(5, entanglement="full")).assign_parameters(np.linspace(0.1, 0.9, 5))
    print(transpiling.table(transpiling.compare(circuit, FakeManilaV2(), seeds=SEEDS)))


if __name__ == "__main__":
    main(sys.argv[1:])
