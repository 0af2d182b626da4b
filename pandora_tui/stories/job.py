"""Owns how a quantum job is told: how it ran, its time as a bar, what came of it, and the classical figure beside it.

All functions return lines of pieces for a width in cells; simulated and hardware results are labelled apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pandora_core.model import SECOND_US
from pandora_core.store.job_rows import Job, JobState
from pandora_tui.stories.wrapping import chopped, wrapped
from pandora_tui.style import Role, cell_width, duration_text, fit, glyphs, safe_text
from pandora_tui.widgets.braille import bar
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_core.quantum.jobs.work import JobResult

STATE_ROLES = {
    JobState.DONE: Role.GOOD,
    JobState.ERROR: Role.BAD,
    JobState.CANCELLED: Role.FAINT,
    JobState.RUNNING: Role.ACCENT,
    JobState.INITIALIZING: Role.ACCENT,
    JobState.QUEUED: Role.MUTED,
}
_LABEL = 10
_MOST_OUTCOMES = 8


class JobDetail(NamedTuple):
    """A job, its place in the queue, what came of it, and what its workers wrote."""

    job: Job
    position: int | None
    result: JobResult | None
    log: str


def heading(job: Job, width: int) -> Line:
    """A rule with the state and the label in it."""
    rule = glyphs().rule
    left = [Piece(f"{rule * 2} ", Role.FAINT), Piece(job.state.value, STATE_ROLES[job.state])]
    left.append(Piece(f"  {safe_text(job.label, max(1, width // 3))} "))
    room = width - sum(cell_width(piece.text) for piece in left) - cell_width(job.id) - 4
    return [*left, Piece(rule * max(0, room), Role.FAINT), Piece(f" {job.id} {rule * 2}", Role.FAINT)]


def brief(detail: JobDetail, now_us: int, width: int, height: int) -> list[Line]:
    """As much of a job as there is room for: the run, the outcomes beside the classical answer, then the circuit."""
    lines = [*_run(detail, now_us, width), *_answers(detail, width)]
    if detail.result is None:
        return lines[:height]
    rest = height - len(lines) - 1
    if detail.result.counts and rest > 1:
        lines += [[], *_counts(detail.result.counts[0], width, min(rest, _MOST_OUTCOMES))]
    drawn = _drawing(detail.result, width)
    if drawn and len(lines) + len(drawn) < height:
        lines += [[], *drawn]
    return lines[:height]


def whole(detail: JobDetail, now_us: int, width: int) -> list[Line]:
    """Everything about a job."""
    lines: list[Line] = [*_run(detail, now_us, width), *_answers(detail, width)]
    if detail.result is not None:
        if detail.result.counts:
            lines += [[], *_counts(detail.result.counts[0], width, 32)]
        lines += [[], *_drawing(detail.result, width)]
    if detail.log:
        lines += [[], [Piece(" log", Role.STRONG)]]
        for text in detail.log.splitlines()[-200:]:
            lines += [[Piece(f" {line}", Role.MUTED)] for line in chopped(safe_text(text, 2_000), max(2, width - 2))]
    return lines


def _run(detail: JobDetail, now_us: int, width: int) -> list[Line]:
    job, facts = detail.job, detail.job.facts
    lines: list[Line] = []
    if job.reason:
        lines += [[Piece(f" {line}", Role.WARN)] for line in wrapped(safe_text(job.reason), max(1, width - 2))]
    how = [f"{job.qubits} qubits", f"{job.shots:,} shots" if job.shots else "exact chances"]
    how += [f"seed {facts.seed}"] if facts.seed is not None else []
    how += [f"depth {facts.depth}, {facts.two_qubit_gates} on two qubits"] if facts.depth is not None else []
    how += [f"level {facts.level}"] if facts.level is not None else []
    lines.append(_fact("on", facts.label or f"{job.backend}{'' if job.is_remote else ', simulated'}", width))
    lines.append(_fact("circuit", ", ".join(how), width))
    if detail.position is not None:
        lines.append(_fact("place", f"{detail.position} in the queue of this machine", width))
    elif job.remote_position is not None and job.state is JobState.QUEUED:
        lines.append(_fact("place", f"{job.remote_position} in the queue of {job.remote_backend or 'IBM'}", width))
    return [*lines, *_times(job, now_us, width)]


def _times(job: Job, now_us: int, width: int) -> list[Line]:
    """How the time went: waiting, getting ready, running."""
    started_us = job.started_at_us or (job.finished_at_us if job.state.is_final else None) or now_us
    waited_s = (started_us - job.queued_at_us) / SECOND_US
    ran_s = 0.0 if job.started_at_us is None else ((job.finished_at_us or now_us) - job.started_at_us) / SECOND_US
    ready_s = min(ran_s, (job.facts.build_s or 0.0) + (job.facts.transpile_s or 0.0))
    total_s = max(1e-6, waited_s + ran_s)
    room = max(6, min(40, width - _LABEL - 46))
    cells = [
        (waited_s, Role.FAINT),
        (ready_s, Role.WARN),
        (max(0.0, ran_s - ready_s), Role.ACCENT),
    ]
    pieces = [Piece(f" {fit('time', _LABEL)} ", Role.MUTED)]
    pieces += [Piece(bar(part / total_s, room), role) for part, role in cells if part / total_s * room >= 0.5]
    said = f"  queued {duration_text(waited_s)}, ready {duration_text(ready_s)}, ran {duration_text(ran_s - ready_s)}"
    return [[*pieces, Piece(said, Role.MUTED)]]


def _answers(detail: JobDetail, width: int) -> list[Line]:
    """What came of it, with the classical answer of the same run right below, and the mitigation before and after."""
    result = detail.result
    if result is None:
        return []
    lines: list[Line] = []
    for title, role, found in (
        ("quantum", Role.ACCENT, result.values),
        ("classical", Role.GOOD, result.classical),
    ):
        for place, (name, value) in enumerate(found.items()):
            label = Piece(f" {fit(title if not place else '', _LABEL)} ", role)
            text = f"{name} {_short(value)}"
            lines.append([label, Piece(safe_text(text, max(1, width - _LABEL - 3)))])
    return [*lines, *_mitigated(result.mitigated, width)]


def _mitigated(found: Mapping[str, Any], width: int) -> list[Line]:
    """Before and after in one line, and by what means in another."""
    if not found:
        return []
    error = f" ± {_short(found['error'])}" if "error" in found else ""
    exact = f", exact {_short(found['exact'])}" if "exact" in found else ""
    values = f"{_short(found['before'])} before, {_short(found['after'])}{error} after{exact}"
    lines = [_fact("mitigated", f"{found.get('of', 'mean')} {values}", width)]
    inverted = f", readout alone {_short(found['readout'])}" if "readout" in found else ""
    return [*lines, _fact("", f"by {found['method']}{inverted}", width)] if "method" in found else lines


def _drawing(result: JobResult, width: int) -> list[Line]:
    """The circuit; what is wider than the screen is cut."""
    drawn = (safe_text(line, 400) for line in result.drawing.splitlines())
    return [[Piece(f" {line[: max(0, width - 1)]}")] for line in drawn]


def _counts(counts: Mapping[str, int], width: int, height: int) -> list[Line]:
    """The most frequent outcomes as bars."""
    shots = sum(counts.values()) or 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ranked[: min(height, max(1, height - (len(ranked) > height)))]
    widest = max(len(bits) for bits, _ in shown)
    room = max(4, min(40, width - widest - 14))
    lines: list[Line] = [
        [
            Piece(f" {safe_text(bits):<{widest}} ", Role.MUTED),
            Piece(bar(count / ranked[0][1], room), Role.ACCENT),
            Piece(f" {count / shots:6.1%}", Role.TEXT),
        ]
        for bits, count in shown
    ]
    if len(shown) < len(ranked):
        lines.append([Piece(f" {len(ranked) - len(shown):,} more outcomes", Role.FAINT)])
    return lines[:height]


def _fact(label: str, text: str, width: int) -> Line:
    room = max(1, width - _LABEL - 3)
    return [Piece(f" {fit(label, _LABEL)} ", Role.MUTED), Piece(fit(safe_text(text), room).rstrip())]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        named = [f"{name} {_short(each)}" for name, each in list(value.items())[:8]]
        return ", ".join(named + (["…"] if len(value) > len(named) else []))
    if isinstance(value, list) and value and all(isinstance(item, float) for item in value):
        return f"[{', '.join(f'{item:.3g}' for item in value[:8])}{', …' if len(value) > 8 else ''}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
