"""Owns what the store keeps of a quantum job, as plain values: a console reads these without loading a database.

States are Qiskit's. What waits to be given to a worker, or in IBM's queue, is QUEUED; INITIALIZING is the moment in
which an intent is on record and its outcome is not: a worker being started, a submission under way.
"""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from pandora_core.errors import ConfigError
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US
from pandora_core.store.rows import Row

NO_ENGINE = "no engine"
VAULT_LOCKED = "vault locked"
AIR_GAPPED = "air-gapped"

KINDS = ("circuit", "kernel", "vqc", "walk", "qaoa")
MITIGATIONS = ("none", "readout", "zne", "trex", "trex+zne")
MODES = ("job", "session", "batch")
LEVELS = (0, 1, 2, 3)
"""Of the transpiler."""

DEFAULT_PRIORITY = 5
"""Of 0 to 9; higher goes first, and among equals the older one."""


class JobState(enum.StrEnum):
    """What Qiskit calls the states of a job."""

    INITIALIZING = "INITIALIZING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = (JobState.DONE, JobState.CANCELLED, JobState.ERROR)
OPEN = (JobState.INITIALIZING, JobState.QUEUED, JobState.RUNNING)


class Identity(NamedTuple):
    """A process for good: ids are used again, an id with the moment of its start is not."""

    pid: int
    started: str
    """Boot id and clock ticks since boot (Linux), or what ``ps`` says."""


class JobFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a result came about; what is not known (yet) is left out."""

    label: str = ""
    """What the result is, for people: ``simulated: Aer, noise of FakeManilaV2``, or ``hardware: ibm_torino``."""
    simulated: bool | None = None
    seed: int | None = None
    level: int | None = None
    """The transpiler's level."""
    circuits: int = 0
    depth: int | None = None
    """Of the deepest circuit as it was run; likewise the gates on two qubits."""
    two_qubit_gates: int | None = None
    mitigation: str = "none"
    versions: dict[str, str] = {}
    build_s: float | None = None
    transpile_s: float | None = None
    execute_s: float | None = None
    remote: dict[str, Any] = {}
    """The provider's own metrics: timestamps, usage in seconds."""


class Job(msgspec.Struct, frozen=True):
    """One job without its payload, result and log."""

    id: str
    tag: str
    """Unique; a remote job carries it, so that a lost reply can be reconciled."""
    kind: str
    backend: str
    label: str
    priority: int
    state: JobState
    reason: str
    """Why it waits, why it failed, who cancelled it."""
    actor: str
    host: str
    subject: str | None
    """The alert that it is about."""
    origin: str | None
    """The job that it repeats."""
    qubits: int
    shots: int
    memory_bytes: int
    attempts: int
    cancelled_by: str | None
    queued_at_us: int
    started_at_us: int | None
    finished_at_us: int | None
    worker_pid: int | None
    worker_started: str | None
    intent_at_us: int | None
    remote_id: str | None
    remote_backend: str | None
    remote_state: str | None
    remote_position: int | None
    facts: JobFacts
    change: int

    @property
    def worker(self) -> Identity | None:
        if self.worker_pid is None or self.worker_started is None:
            return None
        return Identity(self.worker_pid, self.worker_started)

    @property
    def is_remote(self) -> bool:
        return self.backend.partition(":")[0] == "ibm"


COLUMNS = Job.__struct_fields__


class NewJob(NamedTuple):
    """What somebody wants done; :mod:`pandora_core.quantum.jobs.work` makes and checks the payload."""

    kind: str
    backend: str
    payload: bytes
    label: str = ""
    priority: int = DEFAULT_PRIORITY
    qubits: int = 0
    shots: int = 0
    memory_bytes: int = 0
    subject: str | None = None
    origin: str | None = None
    reason: str = ""


def job_of(row: Row) -> Job:
    """A job from its row."""
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    facts = msgspec.json.decode(values["facts"], type=JobFacts)
    return Job(**{**values, "state": JobState(values["state"]), "facts": facts})


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: all that is given must fit. ``words`` are looked for in id, label, reason, subject and the rest."""

    states: tuple[JobState, ...] = ()
    kind: str = ""
    backend: str = ""
    actor: str = ""
    subject: str = ""
    newer_than_us: int = 0
    """Length of time up to now, in microseconds; 0 takes all."""
    words: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> JobFilter:
        """From terms like ``state:open kind:kernel backend:aer who:ann about:A-12 since:2d`` and words.

        Raises:
            ConfigError: a term is not known, or has no such value.
        """
        values: dict[str, Any] = {}
        words: list[str] = []
        for term in _split(text):
            name, colon, value = term.partition(":")
            if colon and name in _TERMS and value:
                values |= _TERMS[name](value)
            elif colon and name in _TERMS:
                raise ConfigError(f"{term!r} has no value", where="filter", hint=_HINT)
            else:
                words.append(term)
        return cls(**values, words=tuple(words))


_HINT = "state:open|done|… kind:K backend:B who:NAME about:ALERT since:30m|12h|7d, and words"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{text!r}: {error}", where="filter", hint=_HINT) from None


def _states(value: str) -> dict[str, Any]:
    groups = {"open": OPEN, "final": FINAL, "all": ()}
    if value.lower() in groups:
        return {"states": groups[value.lower()]}
    try:
        return {"states": tuple(JobState(each.upper()) for each in value.split(","))}
    except ValueError:
        raise ConfigError(f"no job state {value!r}", where="filter", hint=_HINT) from None


def _since(value: str) -> dict[str, Any]:
    units = {"m": MINUTE_US, "h": HOUR_US, "d": DAY_US}
    if value[-1:] not in units or not value[:-1].isdigit():
        raise ConfigError(f"{value!r} is no length of time", where="filter", hint=_HINT)
    return {"newer_than_us": int(value[:-1]) * units[value[-1]]}


_TERMS = {
    "state": _states,
    "kind": lambda value: {"kind": value},
    "backend": lambda value: {"backend": value},
    "who": lambda value: {"actor": value},
    "about": lambda value: {"subject": value},
    "since": _since,
}
