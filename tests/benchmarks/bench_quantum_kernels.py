"""Measures the quantum kernel: against qiskit-machine-learning in one run, streamed, approximated, for one event.

Run with ``python -m tests.benchmarks.bench_quantum_kernels [exact|streamed|landmarks|event|floor …]``. Wall clock,
the best of a few runs; the slow side of ``exact`` runs once. OPENBLAS_NUM_THREADS=1 gives the figures of one core.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_info

from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel
from pandora_core.quantum.models.svm import Machine

REPEATS = 5


def main(parts: Sequence[str]) -> None:
    print("threads of BLAS:", sorted({pool["num_threads"] for pool in threadpool_info()}))
    for name, part in {
        "streamed": streamed,
        "exact": exact,
        "landmarks": landmarks,
        "event": event,
        "floor": floor,
    }.items():
        if not parts or name in parts:
            part()


def exact() -> None:
    """The whole Gram matrix of 1,000 rows of 8 features, both ways, and by how much they differ."""
    from qiskit_machine_learning.kernels import FidelityStatevectorKernel

    from pandora_core.quantum.circuits.forms import feature_map_circuit

    for entanglement in ("linear", "full"):
        feature_map, x = FeatureMap(8, entanglement=entanglement), rows(1000, 8)
        theirs, theirs_s = timed(
            lambda m=feature_map, x=x: FidelityStatevectorKernel(feature_map=feature_map_circuit(m)).evaluate(x)
        )
        for single in (False, True):
            kernel = FidelityKernel(feature_map, single)
            ours, ours_s = best(lambda k=kernel, x=x: kernels.gram(k, x))
            error = np.abs(ours - theirs).max()
            print(
                f"q=8 n=1000 {entanglement} {'complex64' if single else 'complex128'}: {ours_s * 1e3:.1f} ms, Qiskit "
                f"{theirs_s:.2f} s, {theirs_s / ours_s:,.0f} times, largest error {error:.1e}"
            )


def streamed() -> None:
    """20,000 rows of 8 features block by block; runs first, as the peak of memory is the process's."""
    kernel, x = FidelityKernel(FeatureMap(8)), rows(20_000, 8)
    before, begun, total = peak_mb(), time.perf_counter(), 0.0
    for block in kernels.gram_blocks(kernel, x):
        total += float(block.values.sum())
    seconds = time.perf_counter() - begun
    entries = len(x) ** 2
    print(
        f"q=8 n=20,000 streamed: {seconds:.1f} s, {entries / seconds / 1e6:.0f} M entries/s, "
        f"mean {total / entries:.4f}, "
        f"peak {peak_mb():.0f} MB resident ({before:.0f} MB before)"
    )


def landmarks() -> None:
    """Nyström: error of the approximated matrix by the number of landmarks, for a wide and a narrow kernel."""
    for bandwidth in (0.3, 1.0):
        kernel, x = FidelityKernel(FeatureMap(8, bandwidth=bandwidth)), rows(2000, 8)
        whole = kernels.gram(kernel, x)
        for count in (50, 200, 500):
            rng = np.random.default_rng(0)
            made, seconds = timed(lambda k=kernel, x=x, c=count, r=rng: kernels.landmarks(k, x, c, r))
            features = made.features(x)
            error = np.sqrt(np.mean((features @ features.T - whole) ** 2))
            print(
                f"q=8 bandwidth={bandwidth} n=2000, {count} landmarks: residual {made.residual:.4f}, "
                f"rms error {error:.1e}, chosen in {seconds * 1e3:.0f} ms"
            )


def event() -> None:
    """One event against 400 support vectors, its state included: 5,000 decisions by clock and by processor."""
    for qubits in (4, 6, 8, 10):
        support, x = rows(400, qubits, seed=1), rows(5000, qubits)
        machine = Machine(FidelityKernel(FeatureMap(qubits)), support, np.random.default_rng(2).normal(size=400), 0.0)
        wall, cpu = [], []
        for row in x:
            begun, ran = time.perf_counter(), time.thread_time()
            machine.scores(row)
            wall.append(time.perf_counter() - begun)
            cpu.append(time.thread_time() - ran)
        text = "; ".join(
            f"{name} p50 {np.percentile(spent, 50) * 1e3:.3f} p99 {np.percentile(spent, 99) * 1e3:.3f} ms"
            for name, spent in (("wall", wall), ("processor", cpu))
        )
        print(f"q={qubits} one event, 400 support vectors: {text}")


def floor() -> None:
    """What shots leave of the kernel, by qubits and bandwidth: entries under the floor are not seen at all."""
    for qubits in (4, 6, 8, 10):
        for bandwidth in (0.3, 1.0):
            matrix = kernels.gram(FidelityKernel(FeatureMap(qubits, bandwidth=bandwidth)), rows(300, qubits))
            cells = [kernels.shot_floor(matrix, shots) for shots in (1000, 10_000)]
            text = "; ".join(f"{c.shots:,} shots: error {c.error:.4f}, {c.lost:.0%} lost" for c in cells)
            mean = (matrix.sum() - len(matrix)) / (matrix.size - len(matrix))
            print(f"q={qubits} bandwidth={bandwidth} mean {mean:.4f}: {text}")


def rows(count: int, features: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, features))


def best(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    runs = [timed(work) for _ in range(REPEATS)]
    return runs[0][0], min(seconds for _, seconds in runs)


def timed(work: Callable[[], object]) -> tuple[object, float]:
    begun = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begun


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
