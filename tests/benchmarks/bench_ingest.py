"""How many events a second ``pandora ingest`` takes to the store, beside what splitting and SQLite alone allow.

    python -m tests.benchmarks.bench_ingest [--lines N] [--profile] [PATH ...]

Without a path it reads a made-up conn.log of N lines (a million). Everything is stored, by one process. The raw
limits are measured in the same run, on the first lines of the log: splitting them at tabs, and inserting finished
rows into a table with three indexes in transactions of a thousand.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pandora_core import bootstrap
from pandora_core.scenario import write_conn_load
from pandora_core.store.sqlite import choose

RAW_LINES = 200_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true", help="say where the time goes, by function")
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = options.paths or [made(Path(folder) / "conn.log", options.lines)]
        if options.profile:
            with profiled():
                bootstrap.ingest(
                    bootstrap.settings_of(Path(folder) / "profiled"), [str(path) for path in paths], "auto"
                )
            return
        if not options.paths:
            report("split at tabs", raw_split(paths[0]))
            report("SQLite alone, three indexes", raw_insert(paths[0], Path(folder) / "raw.db"))
        done = ingested(paths, Path(folder) / "data")
        report(f"pandora ingest ({done['events']:,} events, {done['seconds']} s)", done["events_per_s"])


def made(path: Path, lines: int) -> Path:
    write_conn_load(path, lines, 1)
    return path


def ingested(paths: list[Path], data: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "ingest", "--json", *map(str, paths)]
    done: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return done


def raw_split(path: Path) -> float:
    started = time.perf_counter()
    count = 0
    with path.open("rb") as log:
        for line in log:
            line.split(b"\t")
            count += 1
            if count == RAW_LINES:
                break
    return count / (time.perf_counter() - started)


def raw_insert(path: Path, store: Path) -> float:
    with path.open() as log:
        rows = [tuple(line.rstrip().split("\t", 21)) for line in log if not line.startswith("#")][:RAW_LINES]
    width = len(rows[0])
    with closing(choose().module.connect(str(store))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"CREATE TABLE t ({', '.join(f'c{i}' for i in range(width))})")
        for column in (0, 2, 4):
            connection.execute(f"CREATE INDEX i{column} ON t (c{column})")
        started = time.perf_counter()
        for first in range(0, len(rows), 1000):
            with connection:
                connection.executemany(f"INSERT INTO t VALUES ({','.join('?' * width)})", rows[first : first + 1000])
        return len(rows) / (time.perf_counter() - started)


@contextmanager
def profiled() -> Iterator[None]:
    with cProfile.Profile() as profile:
        yield
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


def report(what: str, rate: float) -> None:
    print(f"{what:<60} {rate:>12,.0f}/s")


if __name__ == "__main__":
    main()
