"""What a flood of new addresses makes of the engine: memory over its start, bounded or not, and its snapshot.

    python -m tests.benchmarks.bench_flood [--lines N] [sources|destinations|both|answered …]

Each kind is a conn.log of N lines (a million): sources of ours that were never seen before and speak to one server
outside; one host that is refused by ever new destinations; both new in each line; and both new with answers and
uploads. ``pandora ingest`` reads it in a process of its own, whose anonymous memory is watched from outside. The file
of the store is mapped into memory besides, at most 256 MB of it: the system takes that back whenever it needs it.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.detect.pipeline import Pipeline
from pandora_core.scenario.writers.zeek_schema import closing, opening
from pandora_core.store.sqlite import choose

LINES = 1_000_000
_START_S = 1_772_409_600
_PER_SECOND = 50
_REFUSED = "tcp\t-\t0.000100\t0\t0\tREJ\tT\tF\t0\tSr\t1\t60\t1\t40\t-"
_ANSWERED = "tcp\tssl\t1.500000\t9000\t400\tSF\tT\tF\t0\tShADadFf\t12\t9600\t10\t900\t-"


class Sample(NamedTuple):
    """The engine at one moment."""

    events: int
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(_KINDS)}; all by default")
    options = parser.parse_args()
    for kind in options.kinds or _KINDS:
        with tempfile.TemporaryDirectory() as folder:
            log, data = Path(folder) / "conn.log", Path(folder) / "data"
            write(log, options.lines, _KINDS[kind])
            report(kind, measured(log, data), data / "pandora.db")


def write(path: Path, lines: int, ends: Callable[[int], str]) -> None:
    """A conn.log of so many lines, fifty a second."""
    with path.open("w", encoding="ascii", newline="\n") as log:
        log.write("\n".join(opening("conn", _START_S * 1_000_000)) + "\n")
        for number in range(lines):
            at = f"{_START_S + number // _PER_SECOND}.{number % _PER_SECOND * 20_000:06d}"
            log.write(f"{at}\tC{number:017x}\t{ends(number)}\n")
        log.write(closing((_START_S + lines // _PER_SECOND) * 1_000_000) + "\n")


def measured(log: Path, data: Path) -> list[Sample]:
    """Ingests a log and looks on, four times a second."""
    command = [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "ingest", "--json", str(log)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as engine:
        samples: list[Sample] = []
        while engine.poll() is None:
            samples += taken(engine.pid, data / "pandora.db")
            time.sleep(0.25)
    if engine.returncode:
        raise SystemExit(f"pandora ingest failed: {engine.returncode}")
    return samples


def taken(pid: int, store: Path) -> Iterator[Sample]:
    """The engine's anonymous memory and how many events it stored; nothing while it starts or ends."""
    with contextlib.suppress(OSError, sqlite3.Error, choose().module.Error, StopIteration):
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
        with contextlib.closing(choose().module.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT last_event_id FROM engine_status").fetchone()
        yield Sample(row[0] if row else 0, kilobytes / 1024)


def report(kind: str, samples: list[Sample], store: Path) -> None:
    start = max(sample.megabytes for sample in samples if sample.events <= samples[0].events)
    last = samples[-1].events
    grown = []
    for tenths in range(1, 11):
        upto = [sample.megabytes for sample in samples if sample.events <= last * tenths / 10]
        grown.append(max(upto, default=start) - start)
    size, seconds = snapshot_of(store)
    print(f"{kind}: {last:,} events; {start:.0f} MB at the start, most over it by tenths:", *map(round, grown), "MB")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"    snapshot {size / 1e6:.1f} MB, {seconds:.2f} s of the processor; most resident so far {peak:.0f} MB",
        flush=True,
    )


def snapshot_of(store: Path) -> tuple[int, float]:
    """The size of the last snapshot, and how long it takes to make one of that state."""
    with contextlib.closing(choose().module.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        (state,) = connection.execute("SELECT state FROM snapshots").fetchone()
    pipeline = Pipeline()
    pipeline.restore(msgspec.msgpack.decode(state)["detectors"])
    started = time.process_time()
    pipeline.snapshot()
    return len(state), time.process_time() - started


def ours(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def outside(number: int) -> str:
    return f"{20 + (number >> 16 & 63)}.{number >> 8 & 255}.{number & 255}.9"


_KINDS: dict[str, Callable[[int], str]] = {
    "sources": lambda number: f"{ours(number)}\t40000\t203.0.113.9\t443\t{_ANSWERED}",
    "destinations": lambda number: f"10.0.0.5\t40000\t{outside(number)}\t443\t{_REFUSED}",
    "both": lambda number: f"{ours(number)}\t40000\t{outside(number)}\t443\t{_REFUSED}",
    "answered": lambda number: f"{ours(number)}\t40000\t{outside(number)}\t443\t{_ANSWERED}",
}


if __name__ == "__main__":
    main()
