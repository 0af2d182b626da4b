"""Owns what a backend is, and which there are: by name, from the entry points ``pandora.backends``, without qiskit.

A name is ``statevector``, ``aer``, ``aer:FakeManilaV2``, ``local:FakeManilaV2``, ``ibm`` or ``ibm:ibm_torino``: what
is before the colon is the entry point, what comes after it is the backend's own affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pandora_core import plugins
from pandora_core.errors import ConfigError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

GROUP = "backends"
CALIBRATION = "calibration"
"""``aer:calibration`` takes its noise from the calibration in the job's payload."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run gave: a share of ``shots`` or, where that is 0, exact chances, by bit string for every circuit."""

    counts: tuple[Mapping[str, int], ...]
    chances: tuple[Mapping[str, float], ...] = ()


class Means(NamedTuple):
    """The mean parity of a circuit, as it was read and as the backend's own mitigation mended it."""

    raw: float
    mitigated: float
    error: float
    method: str


class Backend(Protocol):
    """Something that runs circuits. ``target`` is what the transpiler takes for ``backend``; ``None`` is anything."""

    label: str
    """For people, with *simulated* or *hardware* as its first word."""
    simulated: bool
    qubits: int
    target: Any

    def run(self, circuits: Sequence[QuantumCircuit], shots: int, seed: int) -> Measured:
        """Run transpiled circuits that measure all their qubits once, at the end."""

    def means(self, circuit: QuantumCircuit, shots: int, seed: int, method: str) -> Means:
        """The mean parity of a transpiled, measured circuit by the backend's own mitigation (TREX, TREX and ZNE).

        Raises:
            ConfigError: it has none.
        """


class About(NamedTuple):
    """A kind of backend, as ``pandora quantum backends`` lists it."""

    name: str
    where: str
    simulated: bool
    what: str


ABOUT = (
    About("statevector", "here", True, "exact chances, no noise; shots are drawn from them if asked for"),
    About("aer", "here", True, "Qiskit Aer with shots; aer:FakeManilaV2 or a saved calibration brings noise"),
    About("local", "here", True, "IBM primitives on a fake device, with their own mitigation: local:FakeManilaV2"),
    About("ibm", "network", False, "IBM Quantum: ibm takes the least busy, ibm:NAME the one named"),
)


def check_name(name: str) -> None:
    """Refuse a backend of which nothing is registered; loads nothing.

    Raises:
        ConfigError: with the names there are.
    """
    known = {each.name for each in ABOUT} | set(plugins.names(GROUP))
    base, colon, argument = name.partition(":")
    if base not in known or (colon and not argument):
        raise ConfigError(f"no backend {name!r}", where="backend", hint=f"known: {', '.join(sorted(known))}")
    if base == "local" and not argument:
        raise ConfigError("local mode needs a device", where="backend", hint="local:FakeManilaV2")
    if base == "statevector" and argument:
        raise ConfigError("statevector takes no argument", where="backend")


def load(name: str, calibration: Mapping[str, Any] | None = None) -> Backend:
    """The backend of a name; for workers, since it imports qiskit.

    Raises:
        ConfigError: there is no such device, or the calibration cannot be used.
        PluginError: nothing of that name is registered.
    """
    base, _, argument = name.partition(":")
    make = plugins.load(GROUP, base)
    backend: Backend = make(argument, calibration)
    return backend
