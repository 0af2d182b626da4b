"""Owns the backends that run here: exact statevector, Aer with or without noise, IBM's primitives in local mode.

It imports qiskit and belongs to the workers. Everything here is simulated, and says so.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import CouplingMap

from pandora_core.errors import ConfigError
from pandora_core.quantum.jobs.backends import CALIBRATION, Means, Measured

EXACT_QUBITS = 28
_FAKE = re.compile(r"Fake[A-Za-z0-9]+")
_BASIS = ["id", "rz", "sx", "x", "cx"]


class StatevectorBackend:
    """Exact chances of every outcome; with shots, a draw from them."""

    label = "simulated: exact statevector"
    simulated = True
    qubits = EXACT_QUBITS
    target: Any = None

    def run(self, circuits: Sequence[QuantumCircuit], shots: int, seed: int) -> Measured:
        rng = np.random.default_rng(seed)
        chances = tuple(exact_chances(circuit) for circuit in circuits)
        if not shots:
            return Measured((), chances)
        return Measured(tuple(_drawn(each, shots, rng) for each in chances), chances)

    def means(self, circuit: QuantumCircuit, shots: int, seed: int, method: str) -> Means:
        raise ConfigError("nothing to mitigate: it has no noise", where="statevector")


class AerBackend:
    """Aer's simulator, by itself or with the noise of a device."""

    simulated = True

    def __init__(self, simulator: Any, label: str, target: Any, qubits: int) -> None:
        self._simulator, self.label, self.target, self.qubits = simulator, label, target, qubits

    def run(self, circuits: Sequence[QuantumCircuit], shots: int, seed: int) -> Measured:
        _refuse_no_shots(shots, "aer")
        result = self._simulator.run(list(circuits), shots=shots, seed_simulator=seed).result()
        if not result.success:
            raise ConfigError(str(result.status), where="aer")
        return Measured(tuple(_plain(result.get_counts(number)) for number in range(len(circuits))))

    def means(self, circuit: QuantumCircuit, shots: int, seed: int, method: str) -> Means:
        raise ConfigError(f"Aer has no {method}", where="aer", hint="readout or zne; or the backend local:FAKE")


class LocalRuntimeBackend:
    """IBM's executor primitives on a fake device: the code that runs on hardware, with its mitigation, simulated."""

    simulated = True

    def __init__(self, device: Any) -> None:
        self.target = device
        self.label, self.qubits = f"simulated: runtime local mode, {type(device).__name__}", device.num_qubits

    def run(self, circuits: Sequence[QuantumCircuit], shots: int, seed: int) -> Measured:
        from qiskit_ibm_runtime.executor_sampler import Sampler

        _refuse_no_shots(shots, "local")
        sampler = Sampler(mode=self.target)
        sampler.options.simulator.seed_simulator = seed
        results = sampler.run(list(circuits), shots=shots).result()
        return Measured(tuple(_plain(each.join_data().get_counts()) for each in results))

    def means(self, circuit: QuantumCircuit, shots: int, seed: int, method: str) -> Means:
        from qiskit_ibm_runtime.executor_estimator import Estimator

        body, observable = parity_of(circuit)
        found = {}
        for level in (0, 1 if method == "trex" else 2):
            estimator = Estimator(mode=self.target)
            estimator.options.resilience_level = level
            estimator.options.simulator.seed_simulator = seed
            data = estimator.run([(body, observable)], precision=max(shots, 1) ** -0.5).result()[0].data
            found[level] = float(data.evs), float(np.asarray(getattr(data, "stds", 0.0)).max())
        (raw, _), (value, error) = found[0], found[max(found)]
        return Means(raw, value, error, "TREX" if method == "trex" else "TREX and ZNE")


def statevector(argument: str, calibration: Mapping[str, Any] | None) -> StatevectorBackend:
    """``statevector``."""
    return StatevectorBackend()


def aer(argument: str, calibration: Mapping[str, Any] | None) -> AerBackend:
    """``aer``, ``aer:FakeManilaV2`` or ``aer:calibration``."""
    from qiskit_aer import AerSimulator

    if not argument:
        return AerBackend(AerSimulator(), "simulated: Aer, no noise", None, 30)
    if argument == CALIBRATION:
        return _calibrated(dict(calibration or {}))
    device = fake(argument)
    simulator = AerSimulator.from_backend(device)
    return AerBackend(simulator, f"simulated: Aer, noise of {argument}", device, device.num_qubits)


def local(argument: str, calibration: Mapping[str, Any] | None) -> LocalRuntimeBackend:
    """``local:FakeManilaV2``."""
    return LocalRuntimeBackend(fake(argument))


def fake(name: str) -> Any:
    """One fake device of IBM's by the name of its class; all of them together take seconds.

    Raises:
        ConfigError: there is none of that name.
    """
    provider = importlib.import_module("qiskit_ibm_runtime.fake_provider")
    if not _FAKE.fullmatch(name) or not hasattr(provider, name):
        raise ConfigError(f"no fake device {name!r}", where="backend", hint="for example FakeManilaV2, FakeTorino")
    return getattr(provider, name)()


def calibration_of(name: str) -> dict[str, Any]:
    """The calibration of a fake device as plain data, to be saved, edited and used as ``aer:calibration``."""
    target = fake(name).target
    pairs = [pair for gate in ("cx", "ecr", "cz") if gate in target.operation_names for pair in target[gate]]
    two = {gate: target[gate] for gate in ("cx", "ecr", "cz") if gate in target.operation_names}
    errors = {pair: float(each[pair].error or 0.0) for each in two.values() for pair in each}
    return {
        "name": name,
        "qubits": target.num_qubits,
        "coupling": [[a, b, errors[a, b]] for a, b in dict.fromkeys(pairs)],
        "gates": [float(target["sx"][(q,)].error or 0.0) for q in range(target.num_qubits)],
        "readout": [[float(target["measure"][(q,)].error or 0.0)] * 2 for q in range(target.num_qubits)],
    }


def exact_chances(circuit: QuantumCircuit) -> dict[str, float]:
    """The chance of every outcome of a measured circuit that can occur, by its bits as Qiskit writes them."""
    state = Statevector(circuit.remove_final_measurements(inplace=False))
    order = measured_qubits(circuit)
    found = state.probabilities_dict(order)
    return {str(bits): float(chance) for bits, chance in found.items() if chance > 1e-15}


def measured_qubits(circuit: QuantumCircuit) -> list[int]:
    """The qubits that are measured, in the order of their bits.

    Raises:
        ConfigError: none, one twice, or something happens to one after its measurement.
    """
    by_bit: dict[int, int] = {}
    done: set[int] = set()
    for each in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in each.qubits]
        if each.operation.name == "measure":
            by_bit[circuit.find_bit(each.clbits[0]).index] = qubits[0]
        elif each.operation.name == "barrier":
            continue
        if done & set(qubits) or (each.clbits and each.operation.name != "measure"):
            raise ConfigError(
                "something happens after a measurement", where="circuit", hint="measure once, at the end"
            )
        done |= set(qubits) if each.operation.name == "measure" else set()
    if not by_bit or sorted(by_bit) != list(range(circuit.num_clbits)):
        raise ConfigError("not every classical bit is measured into", where="circuit", hint="measure all qubits")
    return [by_bit[bit] for bit in sorted(by_bit)]


def parity_of(circuit: QuantumCircuit) -> tuple[QuantumCircuit, SparsePauliOp]:
    """A transpiled, measured circuit without its measurements, and ``Z`` on all that it measured."""
    qubits = set(measured_qubits(circuit))
    letters = "".join("Z" if qubit in qubits else "I" for qubit in reversed(range(circuit.num_qubits)))
    body = circuit.copy_empty_like()
    body.data = [each for each in circuit.data if each.operation.name not in ("measure", "barrier")]
    return body, SparsePauliOp(letters)


def _calibrated(plain: dict[str, Any]) -> AerBackend:
    """Depolarising gate errors and readout errors, as the calibration gives them."""
    from qiskit.providers.fake_provider import GenericBackendV2
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

    try:
        qubits, noise = int(plain["qubits"]), NoiseModel(basis_gates=_BASIS)
        for qubit, (error, read) in enumerate(zip(plain["gates"], plain["readout"], strict=True)):
            noise.add_quantum_error(depolarizing_error(2 * error, 1), ["sx", "x"], [qubit])
            noise.add_readout_error(ReadoutError([[1 - read[0], read[0]], [read[1], 1 - read[1]]]), [qubit])
        for a, b, error in plain["coupling"]:
            noise.add_quantum_error(depolarizing_error(min(error * 4 / 3, 1.0), 2), "cx", [a, b])
        pairs = [[int(a), int(b)] for a, b, _ in plain["coupling"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"not a calibration: {error}", where="calibration", hint="docs/quantum.md") from error
    coupling = CouplingMap(pairs)
    target = GenericBackendV2(qubits, basis_gates=_BASIS, coupling_map=coupling, seed=0)
    label = f"simulated: Aer, calibration {plain.get('name', 'without a name')}"
    return AerBackend(AerSimulator(noise_model=noise), label, target, qubits)


def _drawn(chances: Mapping[str, float], shots: int, rng: np.random.Generator) -> dict[str, int]:
    values = np.array(list(chances.values()))
    counts = rng.multinomial(shots, values / values.sum())
    return {bits: int(count) for bits, count in zip(chances, counts, strict=True) if count}


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return {bits.replace(" ", ""): int(count) for bits, count in sorted(counts.items())}


def _refuse_no_shots(shots: int, where: str) -> None:
    if shots < 1:
        raise ConfigError("needs at least one shot", where=where, hint="shots 0 is for the statevector backend")
