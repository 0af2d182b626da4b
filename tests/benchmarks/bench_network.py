"""Measures the Network screen in a real pseudo-terminal: from a key that pans or zooms to the frame that it makes.

    python -m tests.benchmarks.bench_network [--hosts 2000] [--keys 60] [--size 160x48]

Aims: at most 50 ms a key and at least ten frames a second with 2,000 hosts. ``draw`` is the drawing alone, without a
terminal. A frame is over when the console has been silent for 20 ms, which is not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from pandora_tui.raster import Layer, Mark, View, draw
from pandora_tui.style import Role
from tests.tui.networked import large, large_log_ons
from tests.tui.ptyrun import PtyRun

APP = Path(__file__).parent / "network_app.py"
KEYS = {"right": "\x1b[C", "nearer": "+", "left": "\x1b[D", "farther": "-", "tab": "\t"}
"""In an order that comes back to where it began: at an edge a key would change nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--size", default="160x48")
    arguments = parser.parse_args()
    columns, rows = map(int, arguments.size.split("x"))
    print(json.dumps(drawing(arguments.hosts, columns * 2 // 3, rows - 4)))
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), arguments.hosts)
        print(json.dumps(keys(Path(name), arguments.keys, columns, rows)))


def drawing(hosts: int, width: int, height: int) -> dict[str, object]:
    """Milliseconds to make all lines of a canvas, whole and nearer."""
    picture = large(hosts)
    marks = [Mark(number, "·", Role.LOW) for number in range(hosts)]
    layers = [Layer(picture.pairs, Role.FAINT, 0.08)]
    found: dict[str, object] = {"hosts": hosts, "pairs": len(picture.pairs)}
    for zoom in (1.0, 4.0, 32.0):
        took = []
        for step in range(20):
            since = time.perf_counter()
            draw(picture.points, layers, marks, View(0.4 + step / 100, 0.5, zoom), width, height)
            took.append(time.perf_counter() - since)
        found[f"draw_ms_zoom_{zoom:g}"] = round(sorted(took)[10] * 1_000, 1)
    return found


def fill(folder: Path, hosts: int) -> None:
    store = Store(folder / FILE_NAME)
    rows = [event_tuple(number, 1, 0, 1, number, one) for number, one in enumerate(large_log_ons(hosts), 1)]
    Writer(store).commit(Batch(events=rows))
    store.close()


def keys(folder: Path, presses: int, columns: int, rows: int) -> dict[str, object]:
    """Latencies of keys by what they do, and bytes a frame."""
    with PtyRun([sys.executable, str(APP), str(folder)], columns, rows, {}) as run:
        run.wait_for_text("Ranked moves", 120)
        run.wait_for_quiet(1.0)
        took: dict[str, list[float]] = {name: [] for name in KEYS}
        sent = len(run.output)
        for _ in range(max(presses // len(KEYS), 3)):
            for name, key in KEYS.items():
                took[name].append(press_ms(run, key))
        written = len(run.output) - sent
        run.send("q")
        run.wait()
    latencies = {
        name: {"p50": round(sorted(ms)[len(ms) // 2], 1), "p95": round(sorted(ms)[int(len(ms) * 0.95)], 1)}
        for name, ms in took.items()
    }
    slowest = max(latency["p50"] for latency in latencies.values())
    return {"ms": latencies, "frames_per_s": round(1_000 / slowest, 1), "bytes_per_key": round(written / presses)}


def press_ms(run: PtyRun, key: str) -> float:
    """Milliseconds from a key to the last output of the frame that it makes; none where nothing changes."""
    run.read_for(0.15)
    seen, since = len(run.output), time.perf_counter()
    run.send(key)
    run.read_until(lambda: len(run.output) > seen, 0.5)
    last, size = time.perf_counter(), len(run.output)
    while run.read_until(lambda: len(run.output) > size, 0.02):  # noqa: B023 - asked at once
        last, size = time.perf_counter(), len(run.output)
    return (last - since) * 1_000


if __name__ == "__main__":
    main()
