"""The Jobs screen on a real queue: what is listed, how a job is told, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pandora_core.model import SECOND_US
from pandora_core.quantum.jobs.work import CircuitWork, JobResult, Payload, RunOptions, encode, new_job, payload_of
from pandora_core.store.job_rows import Identity, JobFacts, JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_tui.app import PandoraApp
from tests.tui import stored
from tests.tui.stored import NOW_US, shown, until

NORMAL, WIDE = (80, 24), (160, 48)
QASM = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'

Snap = Callable[..., bool]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    stored.fill(tmp_path)
    return Jobs(Store(tmp_path / FILE_NAME))


@pytest.fixture
def app(tmp_path: Path, jobs: Jobs) -> PandoraApp:
    return stored.console(tmp_path, place="jobs")


def submit(jobs: Jobs, label: str, ago_s: int, backend: str = "aer") -> str:
    payload = Payload(CircuitWork(qasm3=QASM), RunOptions(shots=1000), backend)
    new = new_job(payload, memory_limit_bytes=1 << 34, label=label)
    return jobs.submit(new, actor="ann", host="soc-1", at_us=NOW_US - ago_s * SECOND_US).id


def finish(jobs: Jobs, job_id: str, ago_s: int, mitigated: dict[str, object] | None = None) -> None:
    jobs.claim(job_id, at_us=NOW_US - ago_s * SECOND_US)
    jobs.started(job_id, Identity(7, "x"), at_us=NOW_US - ago_s * SECOND_US)
    result = JobResult(
        "circuit",
        counts=[{"00": 510, "11": 490}],
        values={"distance": 0.01},
        classical={"exact": {"00": 0.5, "11": 0.5}},
        mitigated=mitigated or {},
        drawing="q_0: ┤ H ├──■──",
    )
    facts = JobFacts(label="simulated: Aer, no noise", simulated=True, seed=5, level=1, depth=3, two_qubit_gates=1,
                     build_s=0.2, transpile_s=0.3, execute_s=1.0)  # fmt: skip
    jobs.finish(job_id, JobState.DONE, at_us=NOW_US - (ago_s - 2) * SECOND_US, result=encode(result), log="warmed up",
                facts=facts)  # fmt: skip


async def sees(pilot: Pilot[None], *words: str) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))


async def test_a_finished_job_is_told_beside_its_classical_figure(app: PandoraApp, jobs: Jobs) -> None:
    finish(jobs, submit(jobs, "bell", 90), 80)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "DONE", "bell", "simulated: Aer, no noise", "queued 10s, ready 0.5s, ran 1.5s")
        await sees(pilot, "quantum    distance 0.01", "classical  exact 00 0.5, 11 0.5", "51.0%")
        await pilot.press("enter")
        await sees(pilot, "┤ H ├──■──", "warmed up", "esc back")
        await pilot.press("escape")
        await sees(pilot, "r run again")


async def test_a_mitigated_mean_is_shown_before_and_after(app: PandoraApp, jobs: Jobs) -> None:
    finish(jobs, submit(jobs, "bell", 90), 80, {"before": 0.842, "after": 0.991, "method": "TREX and ZNE"})
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "mitigated  mean 0.842 before, 0.991 after", "by TREX and ZNE")


async def test_a_job_that_waits_over_there_says_its_place_there(app: PandoraApp, jobs: Jobs) -> None:
    job_id = submit(jobs, "far", 20, backend="ibm")
    jobs.claim(job_id, at_us=NOW_US)
    jobs.attached(job_id, "remote-1", "ibm_manila")
    jobs.observed(job_id, JobState.QUEUED, "QUEUED", 7, at_us=NOW_US)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "7 in the queue of ibm_manila")


async def test_a_job_that_waits_says_its_place_and_can_be_cancelled(app: PandoraApp, jobs: Jobs) -> None:
    submit(jobs, "first", 20)
    waiting = submit(jobs, "second", 10)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "pos 2", "2 in the queue of this machine")
        await pilot.press("x")
        await sees(pilot, "Cancel the job?")
        await pilot.press("y")
        await sees(pilot, "CANCELLED")
    assert jobs.get(waiting).state is JobState.CANCELLED


async def test_a_finished_job_is_run_again_on_another_backend(app: PandoraApp, jobs: Jobs) -> None:
    finish(jobs, submit(jobs, "bell", 90), 80)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "DONE")
        await pilot.press("r", *["backspace"] * 3, *"statevector", "enter")
        await sees(pilot, "QUEUED", "stateve…")


async def test_a_circuit_is_submitted_from_a_file(app: PandoraApp, jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(QASM)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "No quantum jobs yet")
        await pilot.press("s", *str(tmp_path / "bell.qasm"), *["enter"] * 7)
        await sees(pilot, "QUEUED", "bell", "2 qubits, 1,024 shots")


async def test_mitigation_mode_and_level_are_asked_for_and_what_is_wrong_keeps_the_form(
    app: PandoraApp, jobs: Jobs, tmp_path: Path
) -> None:
    (tmp_path / "bell.qasm").write_text(QASM)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "No quantum jobs yet")
        await pilot.press("s", *str(tmp_path / "bell.qas"), *["enter"] * 7)
        await sees(pilot, "there is no such file")
        await pilot.press(*["shift+tab"] * 6, "end", "m", *["enter"] * 4, "backspace", "4", *["enter"] * 3)
        await sees(pilot, "level: 0, 1, 2, 3")
        await pilot.press("shift+tab", "shift+tab", "backspace", "3", "enter", *["backspace"] * 4, *"zne", "enter")
        await pilot.press(*["backspace"] * 3, *"batch", "enter")
        await sees(pilot, "QUEUED", "bell")
    (job,) = jobs.open_jobs()
    options = payload_of(jobs.payload(job.id)).options
    assert (options.level, options.mitigation, options.mode) == (3, "zne", "batch")


async def test_jobs_are_filtered_and_a_wrong_filter_is_explained(app: PandoraApp, jobs: Jobs) -> None:
    finish(jobs, submit(jobs, "done-one", 90), 80)
    submit(jobs, "open-one", 10)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "done-one", "open-one")
        await pilot.press("slash", *"state:odd", "enter")
        await sees(pilot, "no job state 'odd'")
        await pilot.press(*["backspace"] * 9, *"state:open", "enter")
        await until(pilot, lambda: "done-one" not in shown(app))
        assert "open-one" in shown(app)


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_how_jobs_look(
    snap_compare: Snap, app: PandoraApp, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    numbers = iter(("J-00000001", "J-00000002"))
    monkeypatch.setattr("pandora_core.store.jobs._free_id", lambda _connection, _tag: next(numbers))
    submit(jobs, "walk around ws-114", 10)
    finish(jobs, submit(jobs, "bell", 90), 80)

    async def settle(pilot: Pilot[None]) -> None:
        await sees(pilot, "walk around", "J-00000002")
        await pilot.press("j")
        await sees(pilot, "classical", "51.0%")
        await pilot.pause(0.2)

    assert snap_compare(app, run_before=settle, terminal_size=size)


async def test_the_overview_lists_the_newest_jobs(tmp_path: Path, jobs: Jobs) -> None:
    submit(jobs, "walk around ws-114", 10)
    finish(jobs, submit(jobs, "bell", 90), 80)
    async with stored.console(tmp_path).run_test(size=NORMAL) as pilot:
        await sees(pilot, "walk aroun", "QUEUED", "DONE       2.0s")
