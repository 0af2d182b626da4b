"""Owns the quantum walk as a circuit: at most 16 hosts on at most four qubits. It imports qiskit: worker only.

Host *j* is the basis state |j⟩. The normalised adjacency, padded with hosts that nothing leads to, is written in
Pauli strings, and exp(−iHt) as a product formula of second order (Suzuki, Phys. Lett. A 146, 319, 1990). The
classical
computer knows the exact answer at this size; the circuit shows how far a device is from it, not an advantage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.synthesis import SuzukiTrotter

from pandora_core.errors import ConfigError
from pandora_core.quantum.walks.walk import Floats, QuantumWalk, normalised

MAX_HOSTS = 16
TIME = 3.0
_BASIS = ("rz", "sx", "x", "cx")


@dataclass(frozen=True, slots=True)
class WalkCircuit:
    """The circuit, without measurement, and the chances of each host that it should give.

    ``trotter_distance`` is the total-variation distance of the noiseless circuit to the exact walk: more steps make
    it less, a better device does not.
    """

    hosts: tuple[str, ...]
    circuit: QuantumCircuit
    exact: Floats
    time: float
    steps: int
    trotter_distance: float

    def measured(self) -> QuantumCircuit:
        """The circuit with all qubits measured, for a sampler."""
        circuit = self.circuit.copy()
        circuit.measure_all()
        return circuit

    def chances_of(self, counts: Mapping[str, int]) -> Floats:
        """The chance of each host by a sampler's counts; what fell on no host is the last number."""
        found = np.zeros(2**self.circuit.num_qubits)
        for bits, count in counts.items():
            found[int(bits, 2)] += count
        found /= max(found.sum(), 1)
        size = len(self.hosts)
        chances: Floats = np.append(found[:size], found[size:].sum())
        return chances

    def distance(self, counts: Mapping[str, int]) -> float:
        """Total-variation distance of a sampler's counts to the exact walk, 0–1."""
        return total_variation(self.chances_of(counts), np.append(self.exact, 0.0))


def walk_circuit(
    hosts: Sequence[str], adjacency: sp.csr_array, start: int, time: float = TIME, steps: int = 4
) -> WalkCircuit:
    """The walk of ``time`` from the host number ``start``, in ``steps`` second-order Trotter steps.

    Raises:
        ConfigError: fewer than two hosts, more than :data:`MAX_HOSTS`, or a start that is none of them.
    """
    size = len(hosts)
    if not 2 <= size <= MAX_HOSTS or not 0 <= start < size:
        raise ConfigError(
            f"a walk circuit takes 2 to {MAX_HOSTS} hosts and starts at one of them", where="walk circuit"
        )
    qubits = max((size - 1).bit_length(), 1)
    hamiltonian = np.zeros((2**qubits, 2**qubits))
    hamiltonian[:size, :size] = normalised(adjacency).toarray()
    circuit = QuantumCircuit(qubits)
    for qubit in range(qubits):
        if start >> qubit & 1:
            circuit.x(qubit)
    pauli = SparsePauliOp.from_operator(hamiltonian)
    circuit.append(PauliEvolutionGate(pauli, time, synthesis=SuzukiTrotter(order=2, reps=steps)), range(qubits))
    circuit = transpile(circuit, basis_gates=list(_BASIS), optimization_level=1, seed_transpiler=0)
    exact = QuantumWalk(adjacency).spread(start, np.array([time]))[0]
    found = Statevector(circuit).probabilities()
    distance = total_variation(found, np.append(exact, np.zeros(len(found) - size)))
    return WalkCircuit(tuple(hosts), circuit, exact, time, steps, distance)


def total_variation(one: Floats, other: Floats) -> float:
    """Half the sum of absolute differences of two distributions."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).sum() / 2)
