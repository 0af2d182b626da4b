"""Owns the feature maps: how a row of numbers becomes a quantum state, as plain data and as exact statevectors.

The definition is that of Havlíček et al., Nature 567, 209 (2019), in the form of Qiskit's ``pauli_feature_map``: in
every repetition Hadamard gates on all qubits, then for every Pauli string and block of qubits the phase
``alpha * prod(pi - x)`` (``alpha * x`` for one qubit) on its odd eigenspace. ``circuits.feature_map_circuit`` builds
the circuit of the same definition; both give the same amplitudes, global phase included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import states
from pandora_core.quantum.models.states import MAX_QUBITS, Amplitudes, Reals

ENTANGLEMENTS = ("linear", "circular", "full")
_CHUNK_BYTES = 8 << 20
"""Rows are encoded in pieces that stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """One feature a qubit. ``bandwidth`` multiplies every feature first: a small one makes the kernel wider and keeps
    it from vanishing as qubits are added (Shaydulin & Wild, Phys. Rev. A 106, 042407, 2022).
    """

    qubits: int
    reps: int = 2
    entanglement: str = "linear"
    bandwidth: float = 1.0
    paulis: tuple[str, ...] = ("Z", "ZZ")
    alpha: float = 2.0

    def __post_init__(self) -> None:
        _check(self)

    def states(self, x: Reals, dtype: type[Any] = np.complex128) -> Amplitudes:
        """The amplitudes of every row of ``x`` (rows, qubits), as (rows, 2**qubits).

        ``complex64`` halves memory and time and errs by about 1e-6 in a kernel entry.
        """
        rows = np.atleast_2d(np.asarray(x, np.float64))
        if rows.shape[1] != self.qubits:
            raise ConfigError(f"{rows.shape[1]} features for {self.qubits} qubits", where="feature map")
        out = np.empty((len(rows), 1 << self.qubits), dtype)
        chunk = max(1, _CHUNK_BYTES // (16 << self.qubits))
        for start in range(0, len(rows), chunk):
            out[start : start + chunk] = self._encode(rows[start : start + chunk], dtype)
        return out

    def blocks(self, size: int) -> list[tuple[int, ...]]:
        """The blocks of qubits that a Pauli string of this size acts on, in the order of the circuit."""
        return list(_blocks(self.qubits, size, self.entanglement))

    def as_json(self) -> dict[str, Any]:
        """The definition as plain data; :meth:`from_json` reads it back."""
        return asdict(self) | {"paulis": list(self.paulis)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FeatureMap:
        """Raises :class:`ConfigError` where a value is missing, unknown or out of range."""
        try:
            return cls(**(data | {"paulis": tuple(data["paulis"])}))
        except (TypeError, KeyError) as error:
            raise ConfigError(f"not a feature map: {error}", where="feature map") from error

    def _encode(self, x: Reals, dtype: type[Any]) -> Amplitudes:
        """Diagonal layers are shared by all repetitions; the first Hadamards only scale, as they act on ``|0…0>``."""
        layers = [(layer, layer.factors(self, x, dtype)) for layer in _layers(self)]
        made = states.plus(len(x), self.qubits, dtype)
        for rep in range(self.reps):
            if rep:
                made = states.hadamard_all(made)
            for layer, factors in layers:
                made = layer.apply(made, factors)
        return made


def angles(feature_map: FeatureMap, x: Reals, blocks: list[tuple[int, ...]]) -> Reals:
    """The phase of every block of qubits, in radians, for every row of ``x``: (rows, blocks)."""
    scaled = feature_map.bandwidth * x
    columns = [scaled[:, b[0]] if len(b) == 1 else np.prod(math.pi - scaled[:, b], axis=1) for b in blocks]
    return feature_map.alpha * np.stack(columns, axis=1)


class _Diagonal(NamedTuple):
    """Strings of Z alone that follow each other: one phase an amplitude."""

    blocks: tuple[tuple[int, ...], ...]

    def factors(self, feature_map: FeatureMap, x: Reals, dtype: type[Any]) -> Amplitudes:
        phases = angles(feature_map, x, list(self.blocks)) @ _parities(feature_map.qubits, self.blocks)
        made = np.empty(phases.shape, dtype)
        # Double precision up to here: phases are large against what single precision resolves.
        np.remainder(phases, 2 * math.pi, out=phases)
        np.cos(phases, out=made.real, casting="same_kind")
        np.sin(phases, out=made.imag, casting="same_kind")
        return made

    def apply(self, amplitudes: Amplitudes, factors: Amplitudes) -> Amplitudes:
        return np.multiply(amplitudes, factors, out=amplitudes)


class _String(NamedTuple):
    """One Pauli string with an X or Y on one block of qubits."""

    letters: str
    block: tuple[int, ...]

    def factors(self, feature_map: FeatureMap, x: Reals, dtype: type[Any]) -> Amplitudes:
        factors: Amplitudes = ((np.exp(1j * angles(feature_map, x, [self.block])) - 1) / 2).astype(dtype)
        return factors

    def apply(self, amplitudes: Amplitudes, factors: Amplitudes) -> Amplitudes:
        # The phase acts on the projection onto eigenvalue -1, which is (1 - P) / 2.
        made: Amplitudes = amplitudes + factors * (amplitudes - states.pauli(amplitudes, self.letters, self.block))
        return made


@cache
def _layers(feature_map: FeatureMap) -> tuple[_Diagonal | _String, ...]:
    made: list[_Diagonal | _String] = []
    for string in feature_map.paulis:
        blocks = tuple(feature_map.blocks(len(string)))
        if set(string) != {"Z"}:
            # Qiskit writes a string like a number: its last letter is of the block's first qubit.
            made += [_String(string[::-1], block) for block in blocks]
        elif made and isinstance(made[-1], _Diagonal):
            made[-1] = _Diagonal(made[-1].blocks + blocks)
        else:
            made.append(_Diagonal(blocks))
    return tuple(made)


@cache
def _parities(qubits: int, blocks: tuple[tuple[int, ...], ...]) -> Reals:
    index = np.arange(1 << qubits)
    return np.stack([states.parity(index, block).astype(np.float64) for block in blocks])


def _blocks(qubits: int, size: int, entanglement: str) -> Iterator[tuple[int, ...]]:
    if entanglement == "full":
        yield from combinations(range(qubits), size)
        return
    if entanglement == "circular" and 1 < size < qubits:
        yield from (
            tuple(qubit % qubits for qubit in range(start, start + size))
            for start in range(qubits - size + 1, qubits)
        )
    for start in range(qubits - size + 1):
        yield tuple(range(start, start + size))


def _check(made: FeatureMap) -> None:
    wrong = ""
    if not 1 <= made.qubits <= MAX_QUBITS:
        wrong = f"{made.qubits} qubits: between 1 and {MAX_QUBITS} are simulated in memory"
    elif not 1 <= made.reps <= 16:
        wrong = f"{made.reps} repetitions: between 1 and 16"
    elif made.entanglement not in ENTANGLEMENTS:
        wrong = f"entanglement {made.entanglement!r}: one of {', '.join(ENTANGLEMENTS)}"
    elif not made.paulis or not all(p and len(p) <= made.qubits and set(p) <= set("XYZ") for p in made.paulis):
        wrong = f"Pauli strings {made.paulis!r}: letters X, Y, Z, at most one a qubit"
    elif not (math.isfinite(made.bandwidth) and made.bandwidth > 0 and math.isfinite(made.alpha)):
        wrong = f"bandwidth {made.bandwidth!r} and alpha {made.alpha!r}: finite, and the bandwidth above 0"
    if wrong:
        raise ConfigError(wrong, where="feature map")
