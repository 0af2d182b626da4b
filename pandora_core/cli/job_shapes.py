"""Owns the JSON of quantum jobs, as commands and the API speak it; documented in docs/cli.md."""

from __future__ import annotations

from typing import Any

import msgspec

from pandora_core.model import iso
from pandora_core.store.job_rows import Job, JobState

Shape = dict[str, Any]


def job(found: Job, position: int | None = None) -> Shape:
    """A job; ``position`` is its place in the queue of this machine."""
    return {
        "id": found.id,
        "kind": found.kind,
        "label": found.label,
        "state": found.state.value,
        "reason": found.reason,
        "backend": found.backend,
        "simulated": found.facts.simulated if found.facts.simulated is not None else not found.is_remote,
        "priority": found.priority,
        "position": found.remote_position if found.remote_id else position,
        "actor": found.actor,
        "host": found.host,
        "subject": found.subject,
        "origin": found.origin,
        "qubits": found.qubits,
        "shots": found.shots,
        "memory_bytes": found.memory_bytes,
        "attempts": found.attempts,
        "queued_at": iso(found.queued_at_us),
        "started_at": _at(found.started_at_us),
        "finished_at": _at(found.finished_at_us),
        "queued_s": _seconds(found.queued_at_us, found.started_at_us),
        "ran_s": _seconds(found.started_at_us, found.finished_at_us),
        "worker_pid": found.worker_pid if found.state is JobState.RUNNING else None,
        "tag": found.tag,
        "remote_id": found.remote_id,
        "remote_backend": found.remote_backend,
        "remote_state": found.remote_state,
        "facts": msgspec.to_builtins(found.facts),
    }


def detail(found: Job, position: int | None, result: bytes | None, payload: bytes) -> Shape:
    """A job with what it was to do and what came of it."""
    given = msgspec.json.decode(payload)
    return {
        **job(found, position),
        "options": given["options"],
        "result": None if result is None else msgspec.json.decode(result),
    }


def _at(at_us: int | None) -> str | None:
    return None if at_us is None else iso(at_us)


def _seconds(begun_us: int | None, ended_us: int | None) -> float | None:
    return None if begun_us is None or ended_us is None else round((ended_us - begun_us) / 1e6, 3)
