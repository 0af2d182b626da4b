"""Owns the mean parity of a job's circuit before and after mitigation, the exact one beside it.

It imports qiskit and belongs to the workers; what inverts and extrapolates counts is :mod:`.mitigation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit, transpile

from pandora_core.errors import ConfigError
from pandora_core.quantum.circuits import forms as circuits
from pandora_core.quantum.jobs import mitigation
from pandora_core.quantum.jobs.backends import Backend
from pandora_core.quantum.jobs.simulators import exact_chances, measured_qubits
from pandora_core.quantum.jobs.work import RunOptions
from pandora_core.quantum.models.states import MAX_QUBITS


def mitigate(backend: Backend, ready: Sequence[QuantumCircuit], options: RunOptions) -> dict[str, Any]:
    """The mean parity before and after, of a job with one circuit."""
    if options.mitigation == "none":
        return {}
    if len(ready) != 1:
        raise ConfigError(f"{len(ready)} circuits: one at a time is mitigated", where="mitigation")
    if options.mitigation.startswith("trex"):
        means = backend.means(ready[0], options.shots, options.seed, options.mitigation)
        found = {"before": means.raw, "after": means.mitigated, "error": means.error, "method": means.method}
    else:
        found = _inverted(backend, ready[0], options)
    return {"of": "mean parity"} | found | exact_parity(ready[0])


def exact_parity(circuit: QuantumCircuit) -> dict[str, Any]:
    """Under ``exact``; nothing where there are too many qubits to compute it."""
    if len(measured_qubits(circuit)) > MAX_QUBITS:
        return {}
    return {"exact": _parity(exact_chances(_narrow(circuit)))}


def _inverted(backend: Backend, ready: QuantumCircuit, options: RunOptions) -> dict[str, Any]:
    zeros, ones = circuits.readout_circuits(ready)
    factors = (1, 3, 5)
    folded = [circuits.folded(ready, factor) for factor in factors]
    if backend.target is not None:  # the inverse may bring gates that the device has not
        folded = [transpile(each, backend.target, optimization_level=0) for each in folded]
    counts = backend.run([zeros, ones, *folded], options.shots, options.seed).counts
    if not counts:
        raise ConfigError("mitigation needs shots", where="mitigation")
    made = mitigation.read_back(counts[0], counts[1], dict(zip(factors, counts[2:], strict=True)))
    found: dict[str, Any] = {"before": made.raw, "readout": made.inverted}
    if options.mitigation == "readout":
        return found | {
            "after": made.inverted,
            "error": made.readout.overhead / options.shots**0.5,
            "method": "readout",
        }
    zero = made.extrapolated
    return found | {"after": zero.value, "error": zero.error, "method": f"readout and ZNE ({zero.model})"}


def _parity(chances: Mapping[str, float]) -> float:
    return float(sum(chance * (-1) ** bits.count("1") for bits, chance in chances.items()))


def _narrow(circuit: QuantumCircuit) -> QuantumCircuit:
    """Without the idle qubits of a large device, so that its exact state fits into memory."""
    used = sorted({circuit.find_bit(qubit).index for each in circuit.data for qubit in each.qubits})
    if len(used) == circuit.num_qubits:
        return circuit
    if len(used) > MAX_QUBITS:
        raise ConfigError(f"{len(used)} qubits are in use", where="mitigation")
    made = QuantumCircuit(len(used), circuit.num_clbits)
    place = {old: new for new, old in enumerate(used)}
    for each in circuit.data:
        qubits = [place[circuit.find_bit(qubit).index] for qubit in each.qubits]
        made.append(each.operation, qubits, [circuit.find_bit(bit).index for bit in each.clbits])
    return made
