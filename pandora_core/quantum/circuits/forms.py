"""Owns the circuits: the Qiskit form of feature maps, classifiers, kernels and plans, and how they are kept.

It imports qiskit and belongs to the workers; the same definitions as plain numbers are in ``featuremaps``, ``vqc``
and ``optimise``. QPY keeps a circuit exactly; OpenQASM 3 is for others to read and may rename parameters.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import cache

import numpy as np
from openqasm3.parser import QASM3ParsingError
from qiskit import QuantumCircuit, qasm3, qpy
from qiskit.circuit import Clbit, ParameterExpression, Qubit
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.circuit.library import pauli_feature_map, real_amplitudes
from qiskit.exceptions import QiskitError
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import BasisTranslator, HighLevelSynthesis, UnitarySynthesis

from pandora_core.errors import ConfigError
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import Reals
from pandora_core.quantum.models.vqc import Ansatz, Vqc
from pandora_core.quantum.plans.optimise import Qubo

_COMMON_GATES = ["h", "x", "sx", "p", "rx", "ry", "rz", "cx"]


def feature_map_circuit(feature_map: FeatureMap) -> QuantumCircuit:
    """The circuit of a feature map, with one parameter ``x[i]`` a feature."""

    def phase(values: Sequence[ParameterExpression]) -> ParameterExpression:
        scaled = [feature_map.bandwidth * value for value in values]
        return scaled[0] if len(scaled) == 1 else np.prod([np.pi - value for value in scaled])

    return pauli_feature_map(
        feature_map.qubits,
        reps=feature_map.reps,
        entanglement=feature_map.entanglement,
        alpha=feature_map.alpha,
        paulis=list(feature_map.paulis),
        data_map_func=phase,
    )


def ansatz_circuit(ansatz: Ansatz) -> QuantumCircuit:
    """The circuit of an ansatz, with the parameters ``θ[i]`` in the order of the weights."""
    return real_amplitudes(ansatz.qubits, reps=ansatz.reps, entanglement=ansatz.entanglement)


def classifier_circuit(feature_map: FeatureMap, ansatz: Ansatz) -> QuantumCircuit:
    """Feature map, then ansatz, nothing bound and nothing measured."""
    made = QuantumCircuit(feature_map.qubits)
    made.compose(feature_map_circuit(feature_map), inplace=True)
    made.compose(ansatz_circuit(ansatz), inplace=True)
    return made


def prediction_circuit(model: Vqc, row: Reals) -> QuantumCircuit:
    """What a backend runs to classify one row: everything bound, all qubits measured."""
    made = QuantumCircuit(model.feature_map.qubits)
    made.compose(feature_map_circuit(model.feature_map).assign_parameters(row), inplace=True)
    made.compose(ansatz_circuit(model.ansatz).assign_parameters(model.weights), inplace=True)
    made.measure_all()
    return made


def overlap_circuit(feature_map: FeatureMap, left: Reals, right: Reals) -> QuantumCircuit:
    """Compute–uncompute: the share of the outcome ``0…0`` is the fidelity kernel of the two rows."""
    circuit = feature_map_circuit(feature_map)
    made = QuantumCircuit(feature_map.qubits)
    made.compose(circuit.assign_parameters(right), inplace=True)
    made.compose(circuit.assign_parameters(left).inverse(), inplace=True)
    made.measure_all()
    return made


def qaoa_circuit(problem: Qubo, gammas: Sequence[float], betas: Sequence[float]) -> QuantumCircuit:
    """QAOA of a QUBO: what ``optimise.qaoa_state`` computes, up to a global phase, and measured."""
    linear, pairs = problem.ising()
    made = QuantumCircuit(problem.size)
    made.h(range(problem.size))
    for gamma, beta in zip(gammas, betas, strict=True):
        for qubit, field in enumerate(linear):
            made.rz(2 * gamma * field, qubit)
        for (left, right), coupling in pairs.items():
            made.rzz(2 * gamma * coupling, left, right)
        made.rx(2 * beta, range(problem.size))
    made.measure_all()
    return made


def readout_circuits(measured: QuantumCircuit) -> tuple[QuantumCircuit, QuantumCircuit]:
    """All 0 and all 1, prepared and measured on the qubits that a transpiled circuit measures."""
    zeros, ones = measured.copy_empty_like(), measured.copy_empty_like()
    for qubit, _ in _measurements(measured):
        ones.x(qubit)
    for qubit, bit in _measurements(measured):
        zeros.measure(qubit, bit)
        ones.measure(qubit, bit)
    return zeros, ones


def folded(measured: QuantumCircuit, factor: int) -> QuantumCircuit:
    """``U (U† U)^k`` with ``factor = 2k + 1``: about so many times the noise, and the same result without noise.

    The inverse of a transpiled circuit can bring in other gates (``sxdg``): translate those, optimise nothing.
    """
    if factor < 1 or factor % 2 == 0:
        raise ConfigError(f"noise factor {factor}: only odd ones can be folded", where="circuit")
    body = measured.copy_empty_like()
    body.data = [each for each in measured.data if each.operation.name not in ("measure", "barrier")]
    made = body.copy()
    for _ in range(factor // 2):
        made.barrier()
        made.compose(body.inverse(), inplace=True)
        made.barrier()
        made.compose(body, inplace=True)
    made.barrier()
    for qubit, bit in _measurements(measured):
        made.measure(qubit, bit)
    return made


def to_qpy(circuit: QuantumCircuit) -> bytes:
    """The circuit, exactly, in Qiskit's own format of circuits: plain data, unlike a pickle."""
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return file.getvalue()


def from_qpy(data: bytes) -> QuantumCircuit:
    """Reads one circuit; raises :class:`ConfigError` where there is none."""
    try:
        (circuit,) = qpy.load(io.BytesIO(data))
    except (QiskitError, struct.error, ValueError, EOFError, OSError) as error:
        raise ConfigError(f"not one circuit in QPY: {error}", where="circuit") from error
    return circuit


def to_qasm3(circuit: QuantumCircuit) -> str:
    """OpenQASM 3 text, for other tools: only gates of ``stdgates.inc``, no definitions of its own."""
    return str(qasm3.dumps(_common_gates().run(circuit)))


def from_qasm3(text: str) -> QuantumCircuit:
    """Reads OpenQASM 3; raises :class:`ConfigError` with the reader's own words where it cannot."""
    try:
        return qasm3.loads(text)
    except (qasm3.QASM3ImporterError, qasm3.QASM3Error, QASM3ParsingError, ValueError) as error:
        raise ConfigError(f"not OpenQASM 3 that can be read: {error}", where="circuit") from error


def drawing(circuit: QuantumCircuit, columns: int = 80) -> str:
    """The circuit as text, folded to a width."""
    return str(circuit.draw("text", fold=columns, idle_wires=False))


@cache
def _common_gates() -> PassManager:
    """What ``transpile`` does at level 0 without a device; but that loads every installed translation plugin first,
    of which one is the whole client of IBM's runtime.
    """
    library = SessionEquivalenceLibrary
    return PassManager(
        [
            UnitarySynthesis(_COMMON_GATES),
            HighLevelSynthesis(basis_gates=_COMMON_GATES, equivalence_library=library),
            BasisTranslator(library, _COMMON_GATES),
        ]
    )


def _measurements(circuit: QuantumCircuit) -> list[tuple[Qubit, Clbit]]:
    return [(each.qubits[0], each.clbits[0]) for each in circuit.data if each.operation.name == "measure"]
