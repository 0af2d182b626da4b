"""Owns the comparison of transpiler levels for a backend: depth and two-qubit gates, best of several seeds.

It imports qiskit and belongs to the workers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager

LEVELS = (0, 1, 2, 3)


class Transpiled(NamedTuple):
    """The best circuit of one level, and how its seeds differed."""

    level: int
    seed: int
    depth: int
    two_qubit: int
    """Gates on two qubits: most of the noise."""
    size: int
    worst_two_qubit: int
    seconds: float
    """Median of a seed."""
    circuit: QuantumCircuit


def compare(
    circuit: QuantumCircuit, backend: Any, levels: Sequence[int] = LEVELS, seeds: Sequence[int] = range(5)
) -> list[Transpiled]:
    """Transpile at every level with every seed; of each level the one with the fewest two-qubit gates, then depth."""
    return [_best(circuit, backend, level, seeds) for level in levels]


def best(rows: Sequence[Transpiled]) -> Transpiled:
    """The one to run."""
    return min(rows, key=_price)


def table(rows: Sequence[Transpiled]) -> str:
    """The comparison as text, the best row marked."""
    chosen = best(rows)
    lines = ["level   2-qubit  (worst)   depth    gates  seed  ms a seed"]
    for row in rows:
        mark = "*" if row is chosen else " "
        lines.append(
            f"{row.level:>4} {mark} {row.two_qubit:>8} {f'({row.worst_two_qubit})':>8} {row.depth:>7} {row.size:>8}"
            f" {row.seed:>5} {row.seconds * 1e3:>10.1f}"
        )
    return "\n".join(lines)


def _best(circuit: QuantumCircuit, backend: Any, level: int, seeds: Sequence[int]) -> Transpiled:
    rows = [_once(circuit, backend, level, seed) for seed in seeds]
    worst, middle = max(row.two_qubit for row in rows), sorted(row.seconds for row in rows)[len(rows) // 2]
    return min(rows, key=_price)._replace(worst_two_qubit=worst, seconds=middle)


def _once(circuit: QuantumCircuit, backend: Any, level: int, seed: int) -> Transpiled:
    begun = time.perf_counter()
    made = generate_preset_pass_manager(level, backend=backend, seed_transpiler=seed).run(circuit)
    seconds = time.perf_counter() - begun
    two_qubit = made.num_nonlocal_gates()
    return Transpiled(level, seed, made.depth(), two_qubit, made.size(), two_qubit, seconds, made)


def _price(row: Transpiled) -> tuple[int, int, int, int]:
    return row.two_qubit, row.depth, row.size, row.level
