"""Measures the variational classifier: a full pass with all gradients, by Aer, by the NumPy baseline, by ``vqc``.

Run with ``python -m tests.benchmarks.bench_vqc [step|train …]``. The same rows, weights and loss on every side, in
one run; the slow sides run once, ours the best of a few. Aer's side is a SamplerQNN with 1,024 shots and the gates
that Aer runs as they are, so that nothing is slower than it must be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from pandora_core.quantum.models import baseline
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.vqc import Ansatz, Batch, Vqc, train

REPEATS = 20


def main(parts: Sequence[str]) -> None:
    for name, part in {"step": step, "train": training}.items():
        if not parts or name in parts:
            part()


def step() -> None:
    """A few rows, as Aer takes seconds for them; ours also for a thousand."""
    print("Aer s | NumPy baseline s | ours ms | ours with the states made anew ms | how many times Aer")
    for qubits, count in ((2, 16), (4, 8), (6, 8), (8, 4)):
        feature_map, ansatz = FeatureMap(qubits), Ansatz(qubits, 3)
        rng = np.random.default_rng(qubits)
        x, y = rng.uniform(0, 1, (count, qubits)), rng.integers(0, 2, count)
        weights = rng.uniform(-1, 1, ansatz.parameters)
        aer_s, aer_gradient = by_aer(feature_map, ansatz, x, y, weights)
        model = Vqc(feature_map, ansatz, tuple(weights))
        begun = time.perf_counter()
        baseline.probability(model, x[0])
        baseline.gradient(model, x[0])
        baseline_s = (time.perf_counter() - begun) * count
        batch = Batch.of(feature_map, ansatz, "parity", x)
        ours_s = best(lambda b=batch, w=weights, y=y: b.step(w, y))
        anew_s = best(lambda f=feature_map, a=ansatz, x=x, w=weights, y=y: Batch.of(f, a, "parity", x).step(w, y))
        error = np.abs(batch.step(weights, y).gradient - aer_gradient).max()
        times = f"{aer_s:.2f} | {baseline_s:.2f} | {ours_s * 1e3:.2f} | {anew_s * 1e3:.2f}"
        ratios = f"{aer_s / ours_s:,.0f} ({aer_s / anew_s:,.0f}); gradients differ by {error:.3f}"
        print(f"{qubits:>2} qubits {count:>4} rows {ansatz.parameters:>2} weights: {times} | {ratios}", flush=True)
        many = rng.uniform(0, 1, (1000, qubits))
        batch, labels = Batch.of(feature_map, ansatz, "parity", many), rng.integers(0, 2, 1000)
        ours_s = best(lambda b=batch, w=weights, y=labels: b.step(w, y))
        print(f"{qubits:>2} qubits 1000 rows: ours {ours_s * 1e3:.2f} ms")


def by_aer(
    feature_map: FeatureMap, ansatz: Ansatz, x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    from pandora_core.quantum.circuits.qnn import AerClassifier

    network = AerClassifier(feature_map, ansatz)
    network.probabilities(x[:1], weights)
    begun = time.perf_counter()
    made = network.step(x, y, weights)
    return time.perf_counter() - begun, made.gradient


def training() -> None:
    """100 iterations of L-BFGS on 500 rows."""
    for qubits in (4, 8):
        rng = np.random.default_rng(0)
        x, y = rng.uniform(0, 1, (500, qubits)), rng.integers(0, 2, 500)
        begun = time.perf_counter()
        made = train(FeatureMap(qubits), Ansatz(qubits, 3), x, y, rng, iterations=100)
        seconds = time.perf_counter() - begun
        losses = f"loss {made.losses[0]:.3f} to {made.losses[-1]:.3f}"
        print(f"q={qubits} 500 rows: {len(made.losses)} passes in {seconds:.2f} s, {losses}")


def best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


if __name__ == "__main__":
    main(sys.argv[1:])
