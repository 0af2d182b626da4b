"""What the promoted model costs ``pandora ingest``: events a second without it and with it, in turns.

    python -m tests.benchmarks.bench_live [--lines N] [--runs N] [--models DATA] [--recipe NAME] [PATH ...]

Without a path it reads a made-up conn.log of N lines (200,000), every line of which is a flow: the worst case. The
model is the one that is promoted in the data folder DATA; without one, a model of made-up offices is trained with
the recipe ``live``. Runs alternate, so that a busy machine hurts both sides; the best of each counts, and the median
ratio of neighbours is told beside. The time to load the model (once, some seconds) is told apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pandora_core.learn.card import RECIPES
from pandora_core.scenario import write_conn_load
from tests.live_samples import promoted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--models", type=Path, help="a data folder with a promoted model")
    parser.add_argument("--recipe", default="live")
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if not options.paths:
            write_conn_load(root / "conn.log", options.lines, 1)
        paths = options.paths or [root / "conn.log"]
        if options.models is None:
            promoted(root / "model", recipe=RECIPES[options.recipe])
        models = (options.models or root / "model") / "models"
        pairs = [(ingested(paths, root, None), ingested(paths, root, models)) for _ in range(options.runs)]
        for without, with_model in pairs:
            report("without", without)
            report("with the model", with_model)
        status = state_of(root / "data")
    best = [max(done["events_per_s"] for done in side) for side in zip(*pairs, strict=True)]
    ratios = [with_model["events_per_s"] / without["events_per_s"] for without, with_model in pairs]
    print(f"{status['state']} {status['detail']}; {status['scored']:,} scored, {status['fired']:,} above")
    print(f"best {best[0]:,.0f}/s without, {best[1]:,.0f}/s with: {best[1] / best[0]:.3f}; ", end="")
    print(f"median of {options.runs} neighbours {statistics.median(ratios):.3f}; ", end="")
    print(f"{1e6 / best[1] - 1e6 / best[0]:.1f} µs an event")


def ingested(paths: list[Path], root: Path, models: Path | None) -> dict[str, float]:
    data = root / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if models is not None:
        shutil.copytree(models, data / "models")
    command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "ingest", "--json", *map(str, paths)]
    started = time.monotonic()
    done: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return done | {"start_s": time.monotonic() - started - done["seconds"]}


def state_of(data: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "engine", "status", "--json"]
    status: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["model"]
    return status


def report(what: str, done: dict[str, float]) -> None:
    rate, start_s = done["events_per_s"], done["start_s"]
    print(f"{what:<16} {done['events']:>10,} events {rate:>10,.0f}/s, start and stop {start_s:.1f} s", flush=True)


if __name__ == "__main__":
    main()
