"""The command ``pandora jobs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core import bootstrap, jobdesk, shapes
from pandora_core.cli import job_shapes
from pandora_core.cli.output import emit, json_option, plain, say, table
from pandora_core.errors import ConfigError, NotFoundError, PandoraError
from pandora_core.model import iso
from pandora_core.store.job_rows import (
    DEFAULT_PRIORITY,
    KINDS,
    MITIGATIONS,
    MODES,
    VAULT_LOCKED,
    Job,
    JobFilter,
    JobState,
)

if TYPE_CHECKING:
    from pandora_core.store.jobs import Jobs

_BARS = 40


@click.group()
def jobs() -> None:
    """Quantum jobs: submitted as rows, run by workers, never lost."""


@jobs.command("list")
@click.argument("terms", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@click.option("--before", metavar="JOB", help="Those after this one in the list.")
@click.option("--filter", "saved", metavar="NAME", help="Use a saved filter as well.")
@click.option("--save", metavar="NAME", help="Keep the terms under a name; without terms, forget it.")
@json_option
@click.pass_obj
def list_(
    data: Path | None, terms: tuple[str, ...], limit: int, before: str | None, saved: str | None, save: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Jobs, newest first. TERMS: state:open kind:kernel backend:aer who:ann about:A-12 since:2d, and words."""
    text = " ".join(_quoted(term) for term in terms)
    with jobdesk.opened(data) as queue:
        if saved is not None:
            text = f"{_saved(queue, saved)} {text}"
        wanted = JobFilter.parse(text)
        if save is not None:
            queue.save_filter(save, text)
            say(f"filter {save}: {text or 'forgotten'}")
        found = queue.find(wanted, now_us=bootstrap.now_us(), limit=limit, before=before)
        places = {job.id: queue.position(job) for job in found}
    following = found[-1].id if len(found) == limit else None
    emit(
        shapes.listing([job_shapes.job(job, places[job.id]) for job in found], following),
        as_json,
        lambda: _table(found, places),
    )


@jobs.command()
@click.argument("job_id")
@json_option
@click.pass_obj
def show(data: Path | None, job_id: str, as_json: bool) -> None:
    """One job: how it ran, what came of it, the classical answer beside it."""
    with jobdesk.opened(data) as queue:
        job = queue.get(job_id)
        shape = job_shapes.detail(job, queue.position(job), queue.result(job.id), queue.payload(job.id))
    emit(shape, as_json, lambda: _story(job, shape))


@jobs.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kind", type=click.Choice(KINDS), default="circuit", show_default=True, help="What FILE describes.")
@click.option("--backend", default="aer", show_default=True, help="See pandora quantum backends.")
@click.option("--shots", type=int, default=1024, show_default=True, help="0: exact chances (statevector).")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--level", type=click.IntRange(0, 3), default=1, show_default=True, help="Of the transpiler.")
@click.option("--mitigation", type=click.Choice(MITIGATIONS), default="none", show_default=True,
              help="readout and zne on Aer; trex and trex+zne on IBM's machines and local.")  # fmt: skip
@click.option("--dynamical-decoupling", is_flag=True, help="On IBM's machines.")
@click.option("--twirling", is_flag=True, help="Of gates, on IBM's machines.")
@click.option("--mode", type=click.Choice(MODES), default="job", show_default=True, help="On IBM's machines.")
@click.option("--calibration", type=click.Path(path_type=Path, dir_okay=False), help="For aer:calibration.")
@click.option("--priority", type=click.IntRange(0, 9), default=DEFAULT_PRIORITY, show_default=True)
@click.option("--label", default="", help="What lists call it.")
@click.option("--about", metavar="ALERT", help="The alert that it is about.")
@click.option("--wait", is_flag=True, help="Wait for it; without an engine, run the queue here.")
@json_option
@click.pass_obj
def submit(
    data: Path | None, /, file: Path, kind: str, backend: str, calibration: Path | None, priority: int, label: str,
    about: str | None, wait: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Put a job into the queue: OpenQASM 3 in FILE, or JSON for the other kinds (docs/quantum.md); - is stdin."""
    from pandora_core.quantum.jobs.work import Payload, RunOptions, work_of

    noise = None if calibration is None else json.loads(_text(calibration))
    name = "aer:calibration" if noise is not None and backend == "aer" else backend
    payload = Payload(work_of(kind, _text(file)), RunOptions(**options), name, noise)
    settings = bootstrap.settings_of(data)
    new = jobdesk.prepared(settings, payload, label=label or file.stem, priority=priority, subject=about)
    with jobdesk.opened(data) as queue:
        job = jobdesk.submit(queue, new)
        _report(data, queue, job, wait, as_json)


@jobs.command()
@click.argument("job_ids", nargs=-1)
@click.option("--filter", "terms", metavar="TERMS", help="All open jobs that fit, as in jobs list.")
@click.option("--yes", is_flag=True, help="With --filter: do it, instead of showing what would be cancelled.")
@json_option
@click.pass_obj
def cancel(data: Path | None, job_ids: tuple[str, ...], terms: str | None, yes: bool, as_json: bool) -> None:
    """Cancel jobs by id, or all that fit a filter (shown first; --yes does it)."""
    if bool(job_ids) == (terms is not None):
        raise ConfigError("which jobs?", where="jobs cancel", hint="ids, or --filter TERMS")
    with jobdesk.opened(data) as queue:
        if terms is None:
            chosen = [queue.get(job_id) for job_id in job_ids]
        else:
            found = queue.find(JobFilter.parse(terms), now_us=bootstrap.now_us(), limit=10_000)
            chosen = [job for job in found if not job.state.is_final]
        if terms is not None and not yes:
            say(f"{len(chosen)} jobs would be cancelled; --yes does it")
        else:
            ids = [job.id for job in chosen]
            chosen = queue.cancel(ids, actor=bootstrap.actor(), at_us=bootstrap.now_us())
    emit(shapes.listing(map(job_shapes.job, chosen)), as_json, lambda: _table(chosen, {}))


@jobs.command()
@click.argument("job_id")
@click.option("--wait", is_flag=True, help="Wait for it; without an engine, run the queue here.")
@json_option
@click.pass_obj
def retry(data: Path | None, job_id: str, wait: bool, as_json: bool) -> None:
    """Submit a finished job anew, as it was."""
    _again(data, job_id, None, wait, as_json)


@jobs.command()
@click.argument("job_id")
@click.option("--backend", required=True, help="See pandora quantum backends.")
@click.option("--wait", is_flag=True, help="Wait for it; without an engine, run the queue here.")
@json_option
@click.pass_obj
def rerun(data: Path | None, job_id: str, backend: str, wait: bool, as_json: bool) -> None:
    """Submit a finished job anew, on another backend."""
    _again(data, job_id, backend, wait, as_json)


@jobs.command()
@click.argument("job_id")
@json_option
@click.pass_obj
def log(data: Path | None, job_id: str, as_json: bool) -> None:
    """What its workers wrote."""
    with jobdesk.opened(data) as queue:
        job = queue.get(job_id)
        text = queue.log(job.id)
    emit({"id": job.id, "log": text}, as_json, lambda: "\n".join(plain(line) for line in text.splitlines()))


@jobs.command()
@click.option("--linger", type=float, default=jobdesk.LINGER_S, show_default=True, help="Seconds to stay when idle.")
@click.pass_obj
def run(data: Path | None, linger: float) -> None:
    """Run the queue until it is empty; the engine starts this by itself."""
    jobdesk.run_queue(data, linger)


def _again(data: Path | None, job_id: str, backend: str | None, wait: bool, as_json: bool) -> None:
    with jobdesk.opened(data) as queue:
        job = jobdesk.again(bootstrap.settings_of(data), queue, job_id, backend)
        _report(data, queue, job, wait, as_json)


def _report(data: Path | None, queue: Jobs, job: Job, wait: bool, as_json: bool) -> None:
    """Say what was submitted and, if asked to wait, what came of it; a job that failed is exit 1."""
    if wait:
        (job,) = jobdesk.wait_for(bootstrap.settings_of(data), queue, [job.id], _seen)
    shape = job_shapes.detail(job, queue.position(job), queue.result(job.id), queue.payload(job.id))
    emit(shape, as_json, lambda: _story(job, shape) if wait else f"{job.id}  {job.state}  {job.reason}".rstrip())
    if wait and job.state is not JobState.DONE:
        raise PandoraError(f"{job.state}: {job.reason}", where=job.id, hint=f"pandora jobs log {job.id}")


def _seen(job: Job) -> None:
    say(f"{job.id}  {job.state}  {job.reason}".rstrip())
    if job.reason == VAULT_LOCKED:
        say("  pandora vault unlock --lease ibm-quantum")


def _saved(queue: Jobs, name: str) -> str:
    filters = queue.filters()
    if name not in filters:
        raise NotFoundError(f"no saved filter {name!r}", hint=f"known: {', '.join(filters) or 'none'}")
    return filters[name]


def _text(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error


def _quoted(term: str) -> str:
    import shlex

    return shlex.quote(term) if " " in term else term


def _table(found: list[Job], places: dict[str, int | None]) -> str:
    rows = [
        (
            job.id,
            job.state.value,
            job.kind,
            job.backend,
            job.label,
            places.get(job.id) or "",
            iso(job.queued_at_us)[:19],
            job.reason,
        )
        for job in found
    ]
    return table(("id", "state", "kind", "backend", "label", "place", "queued (UTC)", "reason"), rows, "no jobs")


def _story(job: Job, shape: dict[str, Any]) -> str:
    facts, result = job.facts, shape["result"] or {}
    lines = [f"{job.id}  {job.state}  {job.label}  ({job.kind} on {job.backend})", plain(job.reason)]
    lines += [facts.label, _how(job)] if facts.label else []
    lines += [f"queued {shape['queued_s']} s, ran {shape['ran_s']} s, attempt {job.attempts}"]
    if result.get("drawing"):
        lines += ["", result["drawing"]]
    if result.get("counts"):
        lines += ["", *histogram(result["counts"][0])]
    for title, found in (("values", "values"), ("classical, same run", "classical"), ("mitigation", "mitigated")):
        if result.get(found):
            lines += ["", f"{title}:", *(f"  {name}: {_short(value)}" for name, value in result[found].items())]
    return "\n".join(line for line in lines if line is not None)


def _how(job: Job) -> str:
    facts = job.facts
    return (
        f"{job.qubits} qubits, {job.shots} shots, seed {facts.seed}, level {facts.level}, depth {facts.depth}, "
        f"{facts.two_qubit_gates} two-qubit gates, mitigation {facts.mitigation}"
    )


def histogram(counts: dict[str, int], rows: int = 16) -> list[str]:
    """The most frequent outcomes as bars."""
    total = sum(counts.values())
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:rows]
    top = largest[0][1]
    bars = [f"{bits}  {'█' * max(1, round(_BARS * n / top)):<{_BARS}} {n / total:6.1%}" for bits, n in largest]
    return bars + ([f"… {len(counts) - rows} more"] if len(counts) > rows else [])


def _short(value: Any) -> str:
    text = json.dumps(_rounded(value), ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}…"


def _rounded(value: Any) -> Any:
    """Numbers to four digits, however deep; --json has them all."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
