"""Owns the measurement of the console's start: seconds until painted, beside a bare Textual app, run by run in turns.

    python -m tests.benchmarks.bench_start [--runs 5] [-- COMMAND ARGUMENT…]

The command defaults to the console's shell without a store. The ratio of the medians should stay under 2.2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.tui.ptyrun import PtyRun

HERE = Path(__file__).parent


def painted_ms(command: Sequence[str]) -> float:
    """Milliseconds from exec until the first screen stood complete."""
    with PtyRun(command) as run:
        run.wait_for_quiet()
        return run.painted_s() * 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("command", nargs="*", default=[])
    arguments = parser.parse_args()
    bare = [sys.executable, str(HERE / "bare_app.py")]
    ours = arguments.command or [sys.executable, str(HERE / "shell_app.py")]
    times: dict[str, list[float]] = {"bare": [], "console": []}
    for _ in range(arguments.runs):
        times["bare"].append(painted_ms(bare))
        times["console"].append(painted_ms(ours))
    medians = {name: round(statistics.median(values), 1) for name, values in times.items()}
    runs = {name: [round(value, 1) for value in values] for name, values in times.items()}
    report = {"painted_ms": medians, "ratio": round(medians["console"] / medians["bare"], 2), "runs": runs}
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
