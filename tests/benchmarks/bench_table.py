"""Owns the measurement of the table under load: key latency, memory and bytes a second, in a real pseudo-terminal.

    python -m tests.benchmarks.bench_table [--rows 1e6] [--rate 1e4] [--keys 60] [--follow] [--size 160x48]

Aims: p95 under 50 ms and under 100 MB with a million rows and 10,000 more a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tests.benchmarks.table_app import mark_of
from tests.tui.ptyrun import PtyRun

APP = Path(__file__).parent / "table_app.py"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_S = os.sysconf("SC_CLK_TCK")


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    columns, rows = map(int, arguments.size.split("x"))
    command = [sys.executable, str(APP), arguments.rows, arguments.rate, *(["--follow"] if arguments.follow else [])]
    environ = dict(setting.split("=", 1) for setting in arguments.env)
    with PtyRun(command, columns, rows, environ) as run:
        run.wait_for_text("PANDORA", 60)
        run.read_for(1.0)
        cpu, sent, since = cpu_s(run.process.pid), len(run.output), time.perf_counter()
        latencies = [key_ms(run, number, arguments.key) for number in range(1, arguments.keys + 1)]
        seconds = time.perf_counter() - since
        rss = memory_mb(run.process.pid)
        used = cpu_s(run.process.pid) - cpu
        written = len(run.output) - sent
        run.send("q")
        run.wait()
    latencies.sort()
    return {
        "rows": int(float(arguments.rows)),
        "rate_per_s": int(float(arguments.rate)),
        "key_ms_p50": round(latencies[len(latencies) // 2], 1),
        "key_ms_p95": round(latencies[int(len(latencies) * 0.95)], 1),
        "key_ms_max": round(latencies[-1], 1),
        "rss_mb": round(rss, 1),
        "cpu_percent": round(100 * used / seconds, 1),
        "bytes_per_s": round(written / seconds),
    }


def key_ms(run: PtyRun, number: int, key: str) -> float:
    """Milliseconds from a key to the first output that shows its effect."""
    run.read_for(0.1)
    seen = len(run.output)
    since = time.perf_counter()
    run.send(key)
    mark = mark_of(number).encode()
    if not run.read_until(lambda: mark in run.output[seen:], 10):
        raise SystemExit(f"the app did not answer key {number}")
    return (time.perf_counter() - since) * 1_000


def memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1e6")
    parser.add_argument("--rate", default="1e4")
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument(
        "--key", default="k", help="the key to press; with --follow one that moves nothing, such as x"
    )
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--size", default="160x48")
    parser.add_argument("--env", action="append", default=[])
    json.dump(measure(parser.parse_args()), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
