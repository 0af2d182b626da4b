"""Owns batches of statevectors: the amplitudes of many circuits at once, and the gates that act on all of them.

A batch has the shape ``(circuits, 2**qubits)``. Qubit 0 is the lowest bit of an index, as in Qiskit.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Amplitudes: TypeAlias = NDArray[np.complexfloating[Any, Any]]
Reals: TypeAlias = NDArray[np.floating[Any]]
Indices: TypeAlias = NDArray[np.intp]

MAX_QUBITS = 16
"""A batch of one circuit more would double what one of these has: 1 MiB a circuit here."""

_FACTOR_QUBITS = 4
"""Gates on neighbouring qubits are multiplied into matrices of at most 16×16 first: large enough for BLAS, and still
a fraction of the work of the whole matrix."""


def plus(circuits: int, qubits: int, dtype: type[Any] = np.complex128) -> Amplitudes:
    """A batch of uniform superpositions: a Hadamard gate on every qubit of ``|0…0>``."""
    return np.full((circuits, 1 << qubits), 2.0 ** (-qubits / 2), dtype)


def hadamard_all(states: Amplitudes) -> Amplitudes:
    """A Hadamard gate on every qubit."""
    qubits = qubits_of(states)
    real = states.real.dtype
    for low in range(0, qubits, _FACTOR_QUBITS):
        gate = _hadamard(min(_FACTOR_QUBITS, qubits - low), real.str)
        states = _apply(gate, states, low)
    return states


def rotate_x_all(states: Amplitudes, angle: float) -> Amplitudes:
    """``RX(angle)`` on every qubit: the mixer of QAOA."""
    qubits = qubits_of(states)
    for low in range(0, qubits, _FACTOR_QUBITS):
        size = min(_FACTOR_QUBITS, qubits - low)
        flips = np.arange(size + 1)
        gate = (np.cos(angle / 2) ** (size - flips) * (-1j * np.sin(angle / 2)) ** flips)[_distances(size)]
        rows = states.reshape(len(states) << (qubits - low - size), 1 << size, 1 << low)
        states = np.matmul(gate, rows).reshape(states.shape)
    return states


def pauli(states: Amplitudes, letters: str, qubits: tuple[int, ...]) -> Amplitudes:
    """The Pauli string applied: ``letters[i]`` of X, Y, Z on ``qubits[i]``."""
    flips = sum(1 << qubit for letter, qubit in zip(letters, qubits, strict=True) if letter in "XY")
    signs = [qubit for letter, qubit in zip(letters, qubits, strict=True) if letter in "YZ"]
    index = np.arange(states.shape[1])
    factor = (1.0 - 2.0 * parity(index ^ flips, tuple(signs))) * 1j ** letters.count("Y")
    taken = states[:, index ^ flips]
    taken *= factor.astype(states.dtype)
    return taken


def parity(index: NDArray[Any], qubits: tuple[int, ...]) -> NDArray[np.int64]:
    """1 where an odd number of the given bits is set."""
    total = np.zeros(index.shape, np.int64)
    for qubit in qubits:
        total ^= (index >> qubit) & 1
    return total


def probabilities(states: Amplitudes) -> Reals:
    """The chance of every outcome of measuring all qubits, a row a circuit."""
    return states.real**2 + states.imag**2


def qubits_of(states: NDArray[Any]) -> int:
    return int(states.shape[-1]).bit_length() - 1


def _apply(gate: Reals, states: Amplitudes, low: int) -> Amplitudes:
    """A real gate on the qubits from ``low`` on. Real and imaginary parts are neighbours: they go as columns."""
    numbers = states.view(states.real.dtype)
    rows = numbers.reshape(numbers.size // (len(gate) << (low + 1)), len(gate), 2 << low)
    made: Amplitudes = np.matmul(gate, rows).reshape(numbers.shape).view(states.dtype)
    return made


@cache
def _hadamard(qubits: int, dtype: str) -> Reals:
    index = np.arange(1 << qubits)
    odd = parity(index[:, None] & index, tuple(range(qubits)))
    gate: Reals = ((1.0 - 2.0 * odd) * 2.0 ** (-qubits / 2)).astype(dtype)
    return gate


@cache
def _distances(qubits: int) -> Indices:
    """In how many bits two indices differ."""
    index = np.arange(1 << qubits)
    made: Indices = np.bitwise_count(index[:, None] ^ index).astype(np.intp)
    return made
