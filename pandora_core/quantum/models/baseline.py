"""Owns the NumPy baseline: the layer as one writes it first, gate by gate and row by row, kept to be compared with.

It is an oracle for the fast paths that needs no Qiskit, and the honest zero of the table of speeds. Gradients are of
the parameter shift rule (Mitarai et al., Phys. Rev. A 98, 032309, 2018), two circuits a weight.
"""

from __future__ import annotations

import math

import numpy as np

from pandora_core.quantum.models.featuremaps import FeatureMap, angles
from pandora_core.quantum.models.states import Amplitudes, Reals
from pandora_core.quantum.models.vqc import Vqc


def state(feature_map: FeatureMap, row: Reals) -> Amplitudes:
    """The statevector of one row; only feature maps of Z strings."""
    made: Amplitudes = np.zeros(1 << feature_map.qubits, np.complex128)
    made[0] = 1.0
    for _ in range(feature_map.reps):
        for qubit in range(feature_map.qubits):
            made = _gate(made, qubit, np.array([[1, 1], [1, -1]]) / math.sqrt(2))
        for size in map(len, feature_map.paulis):
            for block in feature_map.blocks(size):
                made = _phase(made, block, float(angles(feature_map, row[None], [block])[0, 0]))
    return made


def probability(model: Vqc, row: Reals) -> float:
    """The chance of class 1 of one row."""
    made = state(model.feature_map, row)
    weights = np.array(model.weights).reshape(model.ansatz.reps + 1, -1)
    for number, layer in enumerate(weights):
        for control, target in model.ansatz.links() if number else ():
            index = np.arange(len(made))
            made = made[index ^ (((index >> control) & 1) << target)]
        for qubit, angle in enumerate(layer):
            cosine, sine = math.cos(angle / 2), math.sin(angle / 2)
            made = _gate(made, qubit, np.array([[cosine, -sine], [sine, cosine]]))
    odd = [index.bit_count() & 1 if model.readout == "parity" else index & 1 for index in range(len(made))]
    return float(np.sum(np.abs(made) ** 2 * odd))


def gradient(model: Vqc, row: Reals) -> Reals:
    """How the chance of class 1 of one row changes with every weight, by the parameter shift rule."""
    found = np.empty(len(model.weights))
    for at in range(len(found)):
        ahead, behind = (probability(_shifted(model, at, shift), row) for shift in (math.pi / 2, -math.pi / 2))
        found[at] = (ahead - behind) / 2
    return found


def _shifted(model: Vqc, at: int, shift: float) -> Vqc:
    weights = list(model.weights)
    weights[at] += shift
    return Vqc(model.feature_map, model.ansatz, tuple(weights), model.readout)


def _gate(amplitudes: Amplitudes, qubit: int, gate: Reals) -> Amplitudes:
    halves = amplitudes.reshape(-1, 2, 1 << qubit)
    made: Amplitudes = np.einsum("ab,ibj->iaj", gate, halves).reshape(-1)
    return made


def _phase(amplitudes: Amplitudes, block: tuple[int, ...], angle: float) -> Amplitudes:
    made = amplitudes.copy()
    for index in range(len(made)):
        if sum(index >> qubit & 1 for qubit in block) % 2:
            made[index] *= complex(math.cos(angle), math.sin(angle))
    return made
