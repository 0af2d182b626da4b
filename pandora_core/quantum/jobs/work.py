"""Owns what a quantum job is to do and what comes of it, as plain data: JSON in, JSON out, no pickle and no qiskit.

A payload names everything that its result depends on: the work, shots, seed, transpiler level, mitigation, and the
calibration where one is used. So a job can be run again anywhere, and a worker needs nothing but its payload.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import msgspec

from pandora_core.errors import ConfigError, RefusedError
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.states import MAX_QUBITS
from pandora_core.quantum.models.vqc import Vqc
from pandora_core.quantum.plans.optimise import EXACT_LIMIT
from pandora_core.store.job_rows import (
    DEFAULT_PRIORITY,
    KINDS,
    MITIGATIONS,
    MODES,
    JobFacts,
    JobState,
    NewJob,
)

IBM_MITIGATIONS = ("none", "trex", "trex+zne")
"""Those that a machine's own primitives do."""
MAX_CIRCUITS = 2_000
MAX_SHOTS = 1_000_000
_BASE_BYTES = 300 << 20
"""What a worker has resident before it simulates anything: an interpreter with Qiskit and Aer."""

_QUBITS = re.compile(r"\b(?:qubit\s*(?:\[\s*(\d+)\s*\])?\s*\w+|qreg\s+\w+\s*(?:\[\s*(\d+)\s*\])?)\s*;")
_HARDWARE_QUBIT = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class CircuitWork(msgspec.Struct, frozen=True, tag="circuit"):
    """Run one circuit: OpenQASM 3, or QPY (base64 in the JSON) with the number of qubits beside it."""

    qasm3: str = ""
    qpy: bytes = b""
    qubits: int = 0


class KernelWork(msgspec.Struct, frozen=True, tag="kernel"):
    """The fidelity kernel of rows with each other, or with those in ``against``, by compute–uncompute circuits."""

    feature_map: dict[str, Any]
    rows: list[list[float]]
    against: list[list[float]] | None = None


class VqcWork(msgspec.Struct, frozen=True, tag="vqc"):
    """The chance of class 1 of every row by a trained classifier (the JSON of ``Vqc.to_text``)."""

    model: dict[str, Any]
    rows: list[list[float]]


class WalkWork(msgspec.Struct, frozen=True, tag="walk"):
    """A quantum walk over up to 16 hosts; edges are (host number, host number, weight)."""

    hosts: list[str]
    edges: list[tuple[int, int, float]]
    start: int = 0
    time: float = 3.0
    steps: int = 4


class QaoaWork(msgspec.Struct, frozen=True, tag="qaoa"):
    """The plan of least cost of a QUBO: QAOA's circuit on the backend, beside exact search and annealing."""

    matrix: list[list[float]]
    offset: float = 0.0
    names: list[str] = []
    depth: int = 1


Work = CircuitWork | KernelWork | VqcWork | WalkWork | QaoaWork


class RunOptions(msgspec.Struct, frozen=True):
    """How it is run. ``shots`` 0 asks an exact backend for exact chances."""

    shots: int = 1024
    seed: int = 0
    level: int = 1
    mitigation: str = "none"
    dynamical_decoupling: bool = False
    """On IBM's machines; likewise twirling of gates."""
    twirling: bool = False
    mode: str = "job"
    """On IBM's machines: ``job``, or in a ``session`` or ``batch`` of its own, where the plan allows that."""


class Payload(msgspec.Struct, frozen=True):
    """All that a worker gets."""

    work: Work
    options: RunOptions
    backend: str
    calibration: dict[str, Any] | None = None
    """A saved calibration, for ``aer:calibration``."""


class JobResult(msgspec.Struct, frozen=True):
    """What came of a job. ``classical`` is the classical or exact answer of the same run; it always stands beside."""

    kind: str
    counts: list[dict[str, int]] = []
    values: dict[str, Any] = {}
    classical: dict[str, Any] = {}
    mitigated: dict[str, Any] = {}
    """``before``, ``after`` and the like, of the mean parity; empty where nothing was mitigated."""
    drawing: str = ""
    qasm3: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended: what a worker leaves behind."""

    state: JobState
    reason: str = ""
    result: JobResult | None = None
    facts: JobFacts = JobFacts()


class Needs(NamedTuple):
    """What a job takes."""

    qubits: int
    circuits: int
    memory_bytes: int


def encode(value: msgspec.Struct) -> bytes:
    """The JSON of a payload, a result or an outcome."""
    return msgspec.json.encode(value)


def payload_of(data: bytes) -> Payload:
    """Reads what :func:`encode` wrote.

    Raises:
        ConfigError: it is no payload.
    """
    try:
        return msgspec.json.decode(data, type=Payload)
    except msgspec.DecodeError as error:
        raise ConfigError(f"not the payload of a job: {error}", where="job") from error


def work_of(kind: str, text: str) -> Work:
    """Work from a file's text: OpenQASM 3 for ``circuit``, else JSON with the fields of the kind.

    Raises:
        ConfigError: what is missing, unknown or of the wrong type, by name.
    """
    if kind not in KINDS:
        raise ConfigError(f"no kind of job {kind!r}", where="job", hint=f"known: {', '.join(KINDS)}")
    if kind == "circuit" and not text.lstrip().startswith("{"):
        return CircuitWork(qasm3=text)
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ConfigError("an object of fields is needed", where=f"{kind} job")
        work: Work = msgspec.convert(fields | {"type": kind}, type=Work)
    except ValueError as error:  # msgspec's ValidationError and json's error are both of it
        raise ConfigError(f"{error}", where=f"{kind} job", hint="docs/quantum.md, Jobs") from error
    return work


def needs_of(payload: Payload) -> Needs:
    """Qubits, circuits and memory; everything about the work that can be checked without qiskit is checked here.

    Raises:
        ConfigError: the work or an option cannot be run by anything.
    """
    _check_options(payload.options)
    qubits, circuits = _size(payload.work)
    if not 1 <= circuits <= MAX_CIRCUITS:
        raise ConfigError(f"{circuits} circuits: between 1 and {MAX_CIRCUITS} fit in a job", where="job")
    if payload.backend.partition(":")[0] == "ibm":
        if payload.options.mitigation not in IBM_MITIGATIONS or payload.options.shots < 1:
            raise ConfigError(f"shots, and mitigation {', '.join(IBM_MITIGATIONS)}", where="ibm job")
        if payload.options.mitigation != "none" and circuits > 1:
            raise ConfigError(f"{circuits} circuits: one at a time is mitigated", where="ibm job")
        return Needs(qubits, circuits, 0)
    copies = 3 if payload.backend == "statevector" else 2
    return Needs(qubits, circuits, _BASE_BYTES + (copies * 16 << min(qubits, 60)))


def new_job(
    payload: Payload,
    *,
    memory_limit_bytes: int,
    label: str = "",
    priority: int = DEFAULT_PRIORITY,
    subject: str | None = None,
    reason: str = "",
) -> NewJob:
    """What :meth:`pandora_core.store.jobs.Jobs.submit` takes.

    Raises:
        ConfigError: the payload cannot be run.
        RefusedError: it would take more memory than a worker may have.
    """
    needs = needs_of(payload)
    if needs.memory_bytes > memory_limit_bytes:
        raise RefusedError(
            f"{needs.qubits} qubits take about {needs.memory_bytes / 2**30:,.1f} GiB, more than the limit of "
            f"{memory_limit_bytes / 2**30:.1f} GiB",
            where=payload.backend,
            hint="fewer qubits, or raise jobs_memory_gb",
        )
    kind = str(payload.work.__struct_config__.tag)
    return NewJob(
        kind=kind,
        backend=payload.backend,
        payload=encode(payload),
        label=label or kind,
        priority=priority,
        qubits=needs.qubits,
        shots=payload.options.shots,
        memory_bytes=needs.memory_bytes,
        subject=subject,
        reason=reason,
    )


def _check_options(options: RunOptions) -> None:
    wrong = ""
    if not 0 <= options.shots <= MAX_SHOTS:
        wrong = f"{options.shots} shots: between 0 and {MAX_SHOTS:,}"
    elif not 0 <= options.level <= 3:
        wrong = f"transpiler level {options.level}: 0 to 3"
    elif options.mitigation not in MITIGATIONS:
        wrong = f"no mitigation {options.mitigation!r}: {', '.join(MITIGATIONS)}"
    elif options.mode not in MODES:
        wrong = f"no mode {options.mode!r}: {', '.join(MODES)}"
    elif not 0 <= options.seed < 2**31:
        wrong = f"seed {options.seed}: between 0 and 2**31"
    if wrong:
        raise ConfigError(wrong, where="job")


def _size(work: Work) -> tuple[int, int]:
    """Qubits and circuits."""
    if isinstance(work, CircuitWork):
        return _qubits_of_circuit(work), 1
    if isinstance(work, KernelWork):
        rows = len(work.rows)
        pairs = rows * (rows - 1) // 2 if work.against is None else rows * len(work.against)
        return FeatureMap.from_json(work.feature_map).qubits, pairs
    if isinstance(work, VqcWork):
        return Vqc.from_text(json.dumps(work.model)).feature_map.qubits, len(work.rows)
    if isinstance(work, WalkWork):
        return max((len(work.hosts) - 1).bit_length(), 1), 1
    size = len(work.matrix)
    if not 1 <= size <= min(MAX_QUBITS, EXACT_LIMIT) or not 1 <= work.depth <= 3:
        raise ConfigError(f"{size} bits at depth {work.depth}: 1 to {MAX_QUBITS} at 1 to 3", where="qaoa job")
    return size, 1


def _qubits_of_circuit(work: CircuitWork) -> int:
    """Declared, not counted by a reader: the worker refuses a circuit that turns out to have more."""
    if work.qpy:
        if work.qubits < 1:
            raise ConfigError("QPY needs the number of qubits beside it", where="circuit job")
        return work.qubits
    text = _COMMENT.sub(" ", work.qasm3)
    declared = sum(int(new or old or 1) for new, old in _QUBITS.findall(text))
    physical = max((int(number) + 1 for number in _HARDWARE_QUBIT.findall(text)), default=0)
    if not max(declared, physical):
        raise ConfigError("no qubits are declared", where="circuit job", hint="OpenQASM 3: qubit[2] q;")
    return max(declared, physical)
