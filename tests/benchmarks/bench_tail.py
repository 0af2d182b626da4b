"""How fast lines are read: ``python -m tests.benchmarks.bench_tail``.

Lines a second of the reading side alone (no decoding) beside ``for line in file`` in the same run, for a plain file
and its gz, and the time that one look at 2,000 idle files takes.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.tailing import follower

LINES = 1_000_000
FILES = 2_000
LINE = b"1585659407.%06d\tCsh4t%07d\t10.47.5.152\t49153\t10.0.0.227\t443\ttcp\tssl\t0.05\t1243\t5541\tSF\tShADd\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, packed = folder / "conn.log", folder / "packed.log.gz"
        plain.write_bytes(b"".join(LINE % (number % 1_000_000, number) for number in range(LINES)))
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
        print(f"{LINES:,} lines of about {plain.stat().st_size // LINES} bytes; lines a second, best of three")
        _show("plain, for line in file", _best(lambda: _iterated(plain, open)))
        for most in (64, 1000):
            _show(f"plain, read({most})", _best(lambda most=most: _read(plain, most)))
        _show("gz, for line in file", _best(lambda: _iterated(packed, gzip.open)))
        _show("gz, read(1000)", _best(lambda: _read(packed, 1000)))
        print(f"a look at {FILES:,} idle files: {_look(folder / 'many') * 1000:.1f} ms")


def _iterated(path: Path, opened: Callable[..., Any]) -> int:
    with opened(path, "rb") as lines:
        return sum(1 for _ in lines)


def _read(path: Path, most: int) -> int:
    reader = follower([path], follow=False)
    reader.scan()
    count = 0
    for file in reader.files:
        while texts := file.read(most).texts:
            count += len(texts)
            file.checkpoint()
    reader.close()
    return count


def _look(folder: Path) -> float:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.log").write_bytes(b"%d: a line\n" % number)
    time.sleep(0.2)
    reader = follower([folder])
    for _ in range(3):
        reader.scan()
        for file in reader.pending():
            file.read(1000)
    started = time.perf_counter()
    reader.scan()
    taken = time.perf_counter() - started
    reader.close()
    return taken


def _best(work: Callable[[], int]) -> float:
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        count = work()
        rates.append(count / (time.perf_counter() - started))
    return max(rates)


def _show(name: str, rate: float) -> None:
    print(f"  {name:<26} {rate / 1e6:6.2f} M")


if __name__ == "__main__":
    main()
