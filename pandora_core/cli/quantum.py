"""The command ``pandora quantum``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core import bootstrap, jobdesk, shapes
from pandora_core.cli.output import emit, json_option, put, say, table
from pandora_core.cli.quantum_patterns import patterns
from pandora_core.cli.quantum_tier import tier
from pandora_core.errors import ConfigError, PandoraError, StoreError
from pandora_core.store.job_rows import JobState

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from pandora_core.quantum.jobs.comparison import Answered, Problem
    from pandora_core.store.jobs import Jobs

_BARS = 40


@click.group()
def quantum() -> None:
    """Backends, circuits and honest comparisons; jobs are under pandora jobs."""


quantum.add_command(tier)
quantum.add_command(patterns)


@quantum.command()
@click.option("--ibm", is_flag=True, help="Ask IBM Quantum for its machines as well (network, token).")
@click.option("--calibration", metavar="DEVICE", help="Print a fake device's calibration, for jobs submit.")
@json_option
@click.pass_obj
def backends(data: Path | None, ibm: bool, calibration: str | None, as_json: bool) -> None:
    """What circuits can run on."""
    if calibration is not None:
        from pandora_core.quantum.jobs.simulators import calibration_of

        put(json.dumps(calibration_of(calibration)))
        return
    from pandora_core import plugins
    from pandora_core.quantum.jobs.backends import ABOUT, GROUP

    rows = [{"name": a.name, "where": a.where, "simulated": a.simulated, "what": a.what} for a in ABOUT]
    known = {about.name for about in ABOUT}
    rows += [
        {"name": name, "where": "plugin", "simulated": None, "what": ""}
        for name in plugins.names(GROUP)
        if name not in known
    ]
    for device in jobdesk.devices(bootstrap.settings_of(data)) if ibm else []:
        what = f"{device.qubits} qubits, {device.waiting} jobs wait" + (
            "" if device.operational else ", not operational"
        )
        rows.append({"name": f"ibm:{device.name}", "where": "network", "simulated": False, "what": what})
    emit(
        shapes.listing(rows),
        as_json,
        lambda: table(("name", "where", "what"), [(row["name"], row["where"], row["what"]) for row in rows]),
    )


@quantum.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--backend", default="aer:FakeManilaV2", show_default=True, help="A backend with a device's layout.")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, show_default=True, help="Tried at every level.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the best as OpenQASM 3.")
@json_option
def transpile(file: Path, backend: str, seeds: int, output: Path | None, as_json: bool) -> None:
    """Levels 0 to 3 compared for a backend: two-qubit gates and depth, the best of several seeds."""
    from pandora_core.quantum.circuits import forms as circuits
    from pandora_core.quantum.circuits import transpiling
    from pandora_core.quantum.jobs.backends import check_name, load

    check_name(backend)
    target = load(backend).target
    if target is None:
        raise ConfigError(f"{backend} has no layout to transpile for", where="--backend", hint="aer:FakeManilaV2")
    rows = transpiling.compare(circuits.from_qasm3(file.read_text("utf-8")), target, seeds=range(seeds))
    best = transpiling.best(rows)
    if output is not None:
        bootstrap.write_private(output, circuits.to_qasm3(best.circuit))
    items = [{**row._asdict(), "circuit": None, "best": row is best} for row in rows]
    shape = {"backend": backend, **shapes.listing(items), "drawing": circuits.drawing(best.circuit)}
    emit(shape, as_json, lambda: f"{transpiling.table(rows)}\n\n{shape['drawing']}")


@quantum.command()
@click.argument("what")
@click.option("--format", "form", type=click.Choice(["qasm3", "qpy"]), default="qasm3", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File instead of standard output.")
@json_option
@click.pass_obj
def export(data: Path | None, what: str, form: str, output: Path | None, as_json: bool) -> None:
    """The circuit of a job (by its id), or of a classifier (a file with its JSON)."""
    from pandora_core.quantum.circuits import forms as circuits

    circuit = _circuit_of(data, what)
    content = circuits.to_qpy(circuit) if form == "qpy" else circuits.to_qasm3(circuit).encode()
    if output is None:
        if form == "qpy":
            raise ConfigError("QPY is not text", where="quantum export", hint="--output FILE")
        emit({"format": form, "circuit": content.decode()}, as_json, content.decode)
        return
    _write_new(output, content)
    shape = {"format": form, "path": str(output), "size_bytes": len(content)}
    emit(shape, as_json, lambda: f"{output}: {len(content):,} bytes")


@quantum.command()
@click.option("--backend", "names", multiple=True, default=("aer",), show_default=True, help="Several may be given.")
@click.option("--qubits", type=click.IntRange(2, 8), default=3, show_default=True)
@click.option("--rows", type=click.IntRange(5, 500), default=40, show_default=True, help="Classified by everybody.")
@click.option("--shots", type=click.IntRange(1), default=1024, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@click.pass_obj
def bench(
    data: Path | None, /, names: tuple[str, ...], qubits: int, rows: int, shots: int, seed: int, as_json: bool
) -> None:
    """Classical, NumPy, Aer and, if named, hardware, on the same rows: latency and accuracy."""
    from pandora_core.quantum.jobs import comparison

    given = comparison.problem(qubits, rows, seed)
    found = [comparison.classical(given), comparison.exact(given)]
    with jobdesk.opened(data) as queue:
        found += [_by_job(data, queue, given, name, shots, seed) for name in names]
    setting = {"qubits": qubits, "rows": rows, "shots": shots, "seed": seed}
    emit({**setting, **shapes.listing([one._asdict() for one in found])}, as_json, lambda: _bench_table(found))


@quantum.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--seeds", type=click.IntRange(2, 100), default=10, show_default=True)
@click.option("--budget", "budgets", type=float, multiple=True, default=(0.02, 0.05), show_default=True)
@json_option
def novelty(file: Path, seeds: int, budgets: tuple[float, ...], as_json: bool) -> None:
    """Measure the novelty tier on labelled rows (NSL-KDD's KDDTrain+.txt), attack types held out. Takes long."""
    from pandora_core.quantum.tier.study import study

    outcomes = []
    for outcome in study(_labelled_rows(file), range(seeds), budgets=budgets):
        outcomes.append(outcome)
        say(f"seed {outcome.seed}, budget {outcome.budget:.0%}: {outcome.family}")
    items = _novelty_items(outcomes)
    lines = [
        (f"{item['budget']:.0%}", item["family"], *(f"{100 * v[0]:.1f} ± {100 * v[1]:.1f}" for v in item["means"]))
        for item in items
    ]
    headings = ("budget", "family", "found of new types %", "false positives %", "gain, points")
    emit(shapes.listing(items), as_json, lambda: table(headings, lines))


def _circuit_of(data: Path | None, what: str) -> QuantumCircuit:
    from pandora_core.quantum.circuits import forms as circuits
    from pandora_core.quantum.jobs import execution
    from pandora_core.quantum.jobs.work import payload_of
    from pandora_core.quantum.models.vqc import Vqc

    if Path(what).is_file():
        model = Vqc.from_text(Path(what).read_text("utf-8"))
        return circuits.classifier_circuit(model.feature_map, model.ansatz)
    with jobdesk.opened(data) as queue:
        payload = payload_of(queue.payload(queue.get(what).id))
    built = execution.build(payload.work)
    if len(built.circuits) > 1:
        say(f"the first of {len(built.circuits)} circuits")
    return built.circuits[0]


def _by_job(data: Path | None, queue: Jobs, given: Problem, name: str, shots: int, seed: int) -> Answered:
    """Submission → queue → execution → result, through a job like any other."""
    from pandora_core.quantum.jobs import comparison
    from pandora_core.quantum.jobs.work import Payload, RunOptions

    settings = bootstrap.settings_of(data)
    begun = time.perf_counter()
    payload = Payload(given.work, RunOptions(shots=shots, seed=seed), name)
    job = jobdesk.submit(queue, jobdesk.prepared(settings, payload, label=f"bench {name}"))
    submitted = time.perf_counter()
    (job,) = jobdesk.wait_for(settings, queue, [job.id], lambda job: say(f"{job.id}  {job.state}  {job.reason}"))
    total = time.perf_counter() - begun
    if job.state is not JobState.DONE:
        raise PandoraError(f"{job.state}: {job.reason}", where=job.id, hint=f"pandora jobs log {job.id}")
    right = comparison.accuracy(given, json.loads(queue.result(job.id) or b"{}")["values"]["chances"])
    waited = ((job.started_at_us or job.queued_at_us) - job.queued_at_us) / 1e6
    ran = job.facts.execute_s or ((job.finished_at_us or 0) - (job.started_at_us or 0)) / 1e6
    return comparison.Answered(name, job.facts.label, right, submitted - begun, waited, ran, total, job.id)


def _bench_table(found: list[Answered]) -> str:
    import math

    rows = [
        (o.name, f"{o.accuracy:.1%}", _ms(o.submit_s), _ms(o.queue_s), _ms(o.execute_s), _ms(o.total_s), o.label)
        for o in found
    ]
    headings = ("who", "accuracy", "submit ms", "queue ms", "run ms", "total ms", "what")
    low = min(one.total_s for one in found)
    span = max(math.log10(max(one.total_s for one in found) / low), 1e-9)
    lengths = [1 + round((_BARS - 1) * math.log10(one.total_s / low) / span) for one in found]
    bars = [f"{one.name:<24} {'█' * n} {_ms(one.total_s)} ms" for one, n in zip(found, lengths, strict=True)]
    return "\n".join([table(headings, rows), "", "total time, logarithmic:", *bars])


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:,.1f}"


def _labelled_rows(file: Path) -> Any:
    """NSL-KDD: 41 features of which three are words, then the type."""
    import numpy as np

    from pandora_core.quantum.tier.study import Rows

    words = (1, 2, 3)
    lines = [line.split(",") for line in file.read_text("utf-8").split()]
    if not lines or any(len(line) < 42 for line in lines):
        raise ConfigError("not rows of NSL-KDD", where=str(file), hint="KDDTrain+.txt")
    numbers = np.array([[float(line[at]) for at in range(41) if at not in words] for line in lines])
    kinds = np.array(["" if line[41] == "normal" else line[41] for line in lines])
    codes = [np.unique([line[at] for line in lines], return_inverse=True)[1] for at in words]
    return Rows(file.name, numbers, np.stack(codes, axis=1), kinds)


def _novelty_items(outcomes: list[Any]) -> list[dict[str, Any]]:
    """Means and 95 % intervals over seeds; gains are paired by seed against the fast tier alone."""
    from pandora_core.quantum.tier.study import FAST, interval

    items = []
    for budget in sorted({outcome.budget for outcome in outcomes}):
        mine = [outcome for outcome in outcomes if outcome.budget == budget]
        fast = {outcome.seed: outcome.point.found_new for outcome in mine if outcome.family == FAST}
        for family in dict.fromkeys(outcome.family for outcome in mine):
            of = [outcome for outcome in mine if outcome.family == family]
            columns = (
                [one.point.found_new for one in of],
                [one.point.false for one in of],
                [one.point.found_new - fast[one.seed] for one in of],
            )
            means = [list(interval(column)) for column in columns]
            items.append({"budget": budget, "family": family, "seeds": len(of), "means": means})
    return items


def _write_new(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as sink:
            sink.write(content)
    except OSError as error:
        raise StoreError(f"cannot write: {error.strerror}", where=str(path), hint="choose another name") from error
