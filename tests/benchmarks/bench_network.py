"""Measures the Network screen in a real pseudo-terminal: from a key that pans or zooms to the frame that it makes.

    python -m tests.benchmarks.bench_network [--hosts 2000] [--keys 60] [--size 160x48 --size 80x24]

Aims: at most 50 ms a key and at least ten frames a second with 2,000 hosts. ``draw`` is the drawing alone, without a
terminal. A frame is over when the console has been silent for 20 ms, which is not counted. ``cpu_ms`` is the
processor time of the whole console for a key, which other work on the machine hardly changes. A bare Textual app is
pressed the same keys in the same run: one that changes a line, and one that changes every cell.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pandora_core.graph.layout import layout
from pandora_core.model import DAY_US
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from pandora_tui.style import Role
from pandora_tui.survey.sights import Look
from pandora_tui.widgets.raster import Layer, Mark, Marks, View, draw
from tests.tui.networked import large, large_log_ons
from tests.tui.ptyrun import PtyRun
from tests.unit.graph_samples import START_US, log_on

APP = Path(__file__).parent / "network_app.py"
BARE = Path(__file__).parent / "key_app.py"
KEYS = {"right": "\x1b[C", "nearer": "+", "left": "\x1b[D", "farther": "-", "tab": "\t"}
"""In an order that comes back to where it began: at an edge a key would change nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument(
        "--live", action="store_true", help="log-ons come in, so that the graph is made anew meanwhile"
    )
    parser.add_argument("--nodes", action="store_true", help="users and services are drawn as nodes too")
    parser.add_argument("--size", action="append", help="columns x rows; may be given more than once")
    arguments = parser.parse_args()
    sizes = [tuple(map(int, size.split("x"))) for size in arguments.size or ["160x48"]]
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), arguments.hosts)
        for columns, rows in sizes:
            print(json.dumps(drawing(arguments.hosts, columns * 2 // 3, rows - 4)))
            for words in ([], ["whole"]):
                print(json.dumps(bare(words, arguments.keys, columns, rows)))
            with coming_in(Path(name)) if arguments.live else contextlib.nullcontext():
                print(json.dumps(keys(Path(name), arguments.keys, columns, rows, arguments.nodes)), flush=True)


def drawing(hosts: int, width: int, height: int) -> dict[str, object]:
    """Milliseconds to lay the graph out, at first and again, and to make all lines of a canvas, whole and nearer."""
    whole = large(hosts)
    adjacency = whole.moment.adjacency()
    layout_ms = [
        timed_ms(lambda: layout(whole.moment.hosts, adjacency, before))  # noqa: B023 - asked at once
        for before in (None, whole.positions)
    ]
    picture = whole.picture(Look())
    marks = Marks.of(Mark(number, "·", Role.LOW) for number in range(hosts))
    layers = [Layer(picture.pairs, Role.FAINT, 0.08)]
    found: dict[str, object] = {"hosts": hosts, "pairs": len(picture.pairs), "layout_ms": layout_ms}
    for zoom in (1.0, 4.0, 32.0):
        views = [View(0.4 + step / 100, 0.5, zoom) for step in range(20)]
        took = [
            timed_ms(lambda: draw(picture.points, layers, marks, view, width, height))  # noqa: B023 - asked at once
            for view in views
        ]
        found[f"draw_ms_zoom_{zoom:g}"] = sorted(took)[10]
    return found


def timed_ms(work: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    since = time.process_time()
    work()
    return round((time.process_time() - since) * 1_000, 1)


def fill(folder: Path, hosts: int) -> None:
    store = Store(folder / FILE_NAME)
    rows = [event_tuple(number, 1, 0, 1, number, one) for number, one in enumerate(large_log_ons(hosts), 1)]
    Writer(store).commit(Batch(events=rows))
    store.close()


_NUMBERS = itertools.count(1_000_000)


@contextlib.contextmanager
def coming_in(folder: Path) -> Iterator[None]:
    """A log-on every two seconds."""
    stop = threading.Event()

    def write() -> None:
        store = Store(folder / FILE_NAME)
        while not stop.wait(2):
            number = next(_NUMBERS)
            at_us = START_US + 6 * DAY_US + number
            one = log_on(at_us, "10.0.0.5", f"SRV-{number % 80:02d}", "user4", name="WS-0004")
            Writer(store).commit(Batch(events=[event_tuple(number, 1, 0, 1, number, one)]))
        store.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        stop.set()
        writing.join()


def keys(folder: Path, presses: int, columns: int, rows: int, with_nodes: bool) -> dict[str, object]:
    """Latencies of keys by what they do, processor time and bytes a key."""
    with PtyRun([sys.executable, str(APP), str(folder)], columns, rows, {}) as run:
        run.wait_for_text("Ranked moves", 120)
        for _ in range(3 * with_nodes):
            run.send("n")
            run.wait_for_quiet(1.0)
        run.wait_for_quiet(1.0)
        return {"size": f"{columns}x{rows}", **pressed(run, presses, KEYS)}


def bare(words: list[str], presses: int, columns: int, rows: int) -> dict[str, object]:
    """The same of a bare Textual app."""
    with PtyRun([sys.executable, str(BARE), *words], columns, rows, {}) as run:
        run.wait_for_text("a bare Textual app", 60)
        run.wait_for_quiet(1.0)
        name = "bare app, every cell" if words else "bare app, a line"
        return {"size": f"{columns}x{rows}", **pressed(run, presses, {name: "x"})}


def pressed(run: PtyRun, presses: int, wanted: Mapping[str, str]) -> dict[str, object]:
    took: dict[str, list[float]] = {name: [] for name in wanted}
    rounds = max(presses // len(wanted), 3)
    chunks, cpu_s = len(run.chunks), cpu_seconds(run)
    for _ in range(rounds):
        for name, key in wanted.items():
            took[name].append(press_ms(run, key))
    cpu_ms = (cpu_seconds(run) - cpu_s) * 1_000 / (rounds * len(wanted))
    written = sum(len(data) for _, data in run.chunks[chunks:])
    run.send("q")
    run.wait()
    latencies = {
        name: {"p50": round(sorted(ms)[len(ms) // 2], 1), "p95": round(sorted(ms)[int(len(ms) * 0.95)], 1)}
        for name, ms in took.items()
    }
    slowest = max(latency["p50"] for latency in latencies.values())
    return {
        "ms": latencies,
        "frames_per_s": round(1_000 / slowest, 1),
        "cpu_ms": round(cpu_ms, 1),
        "bytes_per_key": round(written / (rounds * len(wanted))),
    }


def cpu_seconds(run: PtyRun) -> float:
    """Processor time of the program so far (Linux)."""
    fields = Path(f"/proc/{run.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def press_ms(run: PtyRun, key: str) -> float:
    """Milliseconds from a key to the last output of the frame that it makes; none where nothing changes."""
    run.read_for(0.15)
    seen, since = len(run.chunks), time.perf_counter()
    run.send(key)
    run.read_until(lambda: len(run.chunks) > seen, 0.5)
    last, size = time.perf_counter(), len(run.chunks)
    while run.read_until(lambda: len(run.chunks) > size, 0.02):  # noqa: B023 - asked at once
        last, size = time.perf_counter(), len(run.chunks)
    return (last - since) * 1_000


if __name__ == "__main__":
    main()
