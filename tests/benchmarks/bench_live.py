"""What the promoted model costs the engine: events a second without it and with it, in turns.

    python -m tests.benchmarks.bench_live [--lines N] [--runs N] [--models DATA] [--recipe NAME] [PATH ...]

Without a path it reads a made-up conn.log of N lines (200,000), every line of which is a flow: the worst case. The
model is the one that is promoted in the data folder DATA; without one, a model of made-up offices is trained with
the recipe ``live``. Each run is a process of its own, and runs alternate, so that a busy machine hurts both sides.
Rates are told by the clock on the wall and by CPU time, which says more where other work runs beside; the time to
load the model (once) is told apart.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec

from pandora_core.engine import Engine
from pandora_core.ingest.recognise import formats
from pandora_core.ingest.tail import SourceSpec
from pandora_core.learn.scoring.live import LiveModel
from pandora_core.service import read_once
from pandora_core.store.reader import Reader
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store


class Run(msgspec.Struct, frozen=True):
    """One reading of the log."""

    events: int
    wall_s: float
    cpu_s: float
    start_cpu_s: float
    alerts: int
    model: str

    @property
    def rate(self) -> float:
        return self.events / self.wall_s

    @property
    def cpu_us(self) -> float:
        """CPU time of an event."""
        return 1e6 * self.cpu_s / self.events


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--models", type=Path, help="a data folder with a promoted model")
    parser.add_argument("--recipe", default="live")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args()
    if options.read is not None:
        print(msgspec.json.encode(read(options.read, options.paths)).decode())
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = options.paths or [made_log(root / "conn.log", options.lines)]
        models = (options.models or made_models(root / "model", options.recipe)) / "models"
        measure(root / "data", paths, models, options.runs)


def measure(data: Path, paths: list[Path], models: Path, runs: int) -> None:
    pairs = []
    for _ in range(runs):
        pairs.append((in_a_process(data, paths, None), in_a_process(data, paths, models)))
        for what, run in zip(("without", "with the model"), pairs[-1], strict=True):
            print(f"{what:<16} {run.events:>9,} events {run.rate:>8,.0f}/s {run.cpu_us:>6.1f} µs CPU each", end="")
            print(f", start {run.start_cpu_s:.1f} s CPU, {run.alerts} alerts", flush=True)
    print(pairs[-1][1].model)
    for what, ratios in (
        ("by the clock", [with_model.rate / without.rate for without, with_model in pairs]),
        ("by CPU time", [without.cpu_us / with_model.cpu_us for without, with_model in pairs]),
    ):
        print(f"{what}: {statistics.median(ratios):.3f} of the rate (median of {runs}; best {max(ratios):.3f})")
    least = [min(run.cpu_us for run in side) for side in zip(*pairs, strict=True)]
    print(
        f"least CPU time: {least[0]:.1f} and {least[1]:.1f} µs an event: the model costs {least[1] - least[0]:.1f} µs"
    )


def in_a_process(data: Path, paths: list[Path], models: Path | None) -> Run:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if models is not None:
        shutil.copytree(models, data / "models")
    command = [sys.executable, "-m", "tests.benchmarks.bench_live", "--read", str(data), *map(str, paths)]
    return msgspec.json.decode(subprocess.run(command, check=True, capture_output=True).stdout, type=Run)


def read(data: Path, paths: list[Path]) -> Run:
    """What ``pandora ingest`` does, with the collector at the engine's pace."""
    gc.set_threshold(50_000, 20, 1_000)
    store = Store(data / FILE_NAME)
    started = time.process_time()
    engine = Engine(store, formats(), clock=lambda: time.time_ns() // 1000, scorer=partial(LiveModel, data=data))
    ready, ready_wall = time.process_time(), time.perf_counter()
    done = read_once(engine, store, [SourceSpec(str(path), "auto") for path in paths])
    cpu_s, wall_s = time.process_time() - ready, time.perf_counter() - ready_wall
    engine.close()
    status = Reader(store).model()
    model = "no model" if status is None else f"model {status.number} {status.name}: {status.state} {status.detail}; "
    if status is not None:
        model += f"{status.scored:,} flows scored, {status.fired:,} above, drift {status.drift.word}"
    return Run(done["events"], wall_s, cpu_s, ready - started, done["alerts"], model)


def made_log(path: Path, lines: int) -> Path:
    from pandora_core.scenario import write_conn_load

    write_conn_load(path, lines, 1)
    return path


def made_models(data: Path, recipe: str) -> Path:
    from pandora_core.learn.card import RECIPES
    from tests.live_samples import promoted

    promoted(data, recipe=RECIPES[recipe])
    return data


if __name__ == "__main__":
    main()
