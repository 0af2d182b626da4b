"""Measures the console's keys on the Jobs screen while Aer runs a large job, in a real pseudo-terminal.

    python -m tests.benchmarks.bench_job_keys [--qubits 25] [--keys 60] [--size 160x48 --size 80x24]

From a key that moves the cursor to the last output of the frame that it makes; the aim is at most 50 ms. The same
keys are pressed without the job before, and on a bare Textual app, in the same run. The queue is a process of its
own, as under an engine. Takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pandora_core.store.job_rows import JobState
from pandora_core.store.jobs import Jobs
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from tests.benchmarks.bench_jobs import now_us, queue_on, resident_bytes, submit, until
from tests.benchmarks.bench_network import bare, press_ms
from tests.tui.ptyrun import PtyRun

LISTED, LAYERS = 30, 400
KEYS = {"down": "\x1b[B", "up": "\x1b[A"}
"""Down and up again: the job under the cursor is read from the store and told, too."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qubits", type=int, default=25)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--size", action="append", help="columns x rows; may be given more than once")
    parser.add_argument("--console", metavar="DATA", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.console:
        console(Path(given.console))
    for size in given.size or ["160x48", "80x24"]:
        columns, rows = map(int, size.split("x"))
        print(json.dumps(bare([], given.keys, columns, rows)), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), given.qubits, given.keys, columns, rows)


def measure(data: Path, qubits: int, presses: int, columns: int, rows: int) -> None:
    jobs = Jobs(Store(data / FILE_NAME))
    waiting = [submit(jobs, 2, 1).id for _ in range(LISTED)]
    jobs.cancel(waiting, actor="bench", at_us=now_us())
    say("no job runs", data, presses, columns, rows)
    with queue_on(data):
        job = submit(jobs, qubits, LAYERS)
        until(jobs, job, lambda now: now.worker is not None and resident_bytes(now) > 12 << qubits)
        say(f"a job of {qubits} qubits runs", data, presses, columns, rows)
        assert jobs.get(job.id).state is JobState.RUNNING, "it was over before the keys were"
        jobs.cancel([job.id], actor="bench", at_us=now_us())
        until(jobs, job, lambda now: now.state is JobState.CANCELLED)


def say(meanwhile: str, data: Path, presses: int, columns: int, rows: int) -> None:
    took: dict[str, list[float]] = {name: [] for name in KEYS}
    with PtyRun([sys.executable, "-m", __spec__.name, "--console", str(data)], columns, rows) as run:
        run.wait_for_text("circuit", 60)
        run.read_for(2.0)
        for _ in range(presses // len(KEYS)):
            for name, key in KEYS.items():
                took[name].append(press_ms(run, key))
                time.sleep(0.01)
        run.send("q")
        run.wait()
    ms = sorted(each for column in took.values() for each in column)
    figures = {f"p{share}": round(ms[min(len(ms) - 1, len(ms) * share // 100)], 1) for share in (50, 95, 99)}
    print(json.dumps({"size": f"{columns}x{rows}", "meanwhile": meanwhile, "ms": figures, "of": len(ms)}), flush=True)


def console(data: Path) -> None:
    """Be the console, on the Jobs screen."""
    from pandora_tui.app import PandoraApp, run_console
    from pandora_tui.desks.feed import Feed

    sys.exit(run_console(PandoraApp(data, feed=Feed(data), version="0", theme="dark", place="jobs")))


if __name__ == "__main__":
    main()
