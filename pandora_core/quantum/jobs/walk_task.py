"""Owns a walk as a quantum circuit, run in a process of its own: qiskit never enters the caller's.

``python -m pandora_core.quantum.jobs.walk_task`` reads a task as JSON and writes what came of it. The counts are a
local simulator's, without noise unless a chance of error is given, and are labelled so.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import scipy.sparse as sp

from pandora_core.errors import PandoraError
from pandora_core.graph.moment import Moment
from pandora_core.quantum.jobs.work import WalkWork
from pandora_core.quantum.walks.walk import neighbourhood

MAX_HOSTS = 16
TIME = 3.0
TIMEOUT_S = 180.0


class WalkTask(msgspec.Struct, frozen=True):
    """At most 16 hosts around ``start``, the number of one of them, and their weights row by row."""

    hosts: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    start: int
    time: float = TIME
    steps: int = 4
    shots: int = 4096
    seed: int = 0


class WalkOutcome(msgspec.Struct, frozen=True):
    """Chances of each host, exactly and by the counts; total-variation distances to the exact walk, 0–1."""

    hosts: tuple[str, ...]
    start: str
    exact: tuple[float, ...]
    measured: tuple[float, ...]
    trotter_distance: float
    measured_distance: float
    shots: int
    depth: int
    two_qubit_gates: int
    backend: str

    def shape(self) -> dict[str, Any]:
        """As JSON."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return {**made, "simulated": True}

    def words(self) -> tuple[str, ...]:
        """What came out, and that it is a simulation."""
        order = sorted(range(len(self.hosts)), key=lambda n: (-self.exact[n], self.hosts[n]))
        near = ", ".join(f"{self.hosts[n]} {self.measured[n]:.1%} (exact {self.exact[n]:.1%})" for n in order[:5])
        return (
            f"as a circuit on {self.backend}, simulated: {len(self.hosts)} hosts, depth {self.depth}, "
            f"{self.two_qubit_gates} two-qubit gates, {self.shots:,} shots",
            f"found at: {near}",
            f"total-variation distance to the exact walk: {self.measured_distance:.3f}, of which the Trotter steps "
            f"alone make {self.trotter_distance:.3f}",
        )


def task_of(moment: Moment, host: str, *, shots: int = 4096, steps: int = 4, seed: int = 0) -> WalkTask:
    """The hosts around one, as a task."""
    adjacency = moment.adjacency()
    near = neighbourhood(adjacency, moment.index()[host], MAX_HOSTS)
    part = sp.csr_array(adjacency[near][:, near]).toarray()
    hosts = tuple(moment.hosts[number] for number in near)
    rows = tuple(tuple(map(float, row)) for row in part)
    return WalkTask(hosts, rows, hosts.index(host), steps=steps, shots=shots, seed=seed)


def work_of(task: WalkTask) -> WalkWork:
    """The same walk as the work of a job, for any backend of the queue."""
    weights = enumerate(task.weights)
    edges = [(one, other, weight) for one, row in weights for other, weight in enumerate(row) if weight]
    return WalkWork(list(task.hosts), edges, task.start, task.time, task.steps)


def run_apart(task: WalkTask) -> WalkOutcome:
    """Run a task in a child process and wait for it.

    Raises:
        PandoraError: it failed or took longer than three minutes.
    """
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and this module, nothing from outside
            command, input=msgspec.json.encode(task), capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PandoraError("the circuit took too long", hint="fewer shots or steps") from error
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
        raise PandoraError(f"the circuit could not be run: {last[0]}", hint="pandora doctor")
    return msgspec.json.decode(done.stdout, type=WalkOutcome)


def run(task: WalkTask) -> WalkOutcome:
    """Run a task here: imports qiskit."""
    from qiskit_aer import AerSimulator

    from pandora_core.quantum.circuits.walk_circuit import walk_circuit

    made = walk_circuit(task.hosts, sp.csr_array(np.array(task.weights)), task.start, task.time, task.steps)
    backend = AerSimulator(seed_simulator=task.seed)
    counts = backend.run(made.measured(), shots=task.shots).result().get_counts()
    chances = made.chances_of(counts)
    return WalkOutcome(
        hosts=task.hosts,
        start=task.hosts[task.start],
        exact=tuple(map(float, made.exact)),
        measured=tuple(map(float, chances[: len(task.hosts)])),
        trotter_distance=made.trotter_distance,
        measured_distance=made.distance(counts),
        shots=task.shots,
        depth=made.circuit.depth(),
        two_qubit_gates=made.circuit.num_nonlocal_gates(),
        backend=backend.name,
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(run(msgspec.json.decode(sys.stdin.buffer.read(), type=WalkTask))))
