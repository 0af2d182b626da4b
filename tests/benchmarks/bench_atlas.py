"""Measures what the graph beside the store costs: reading a million stored events, and reading on from a snapshot.

Run with ``python -m tests.benchmarks.bench_atlas [events] [share of log-ons]`` (default 1000000 and 0.1). The other
events are a sensor's connections, which SQLite skips by their dataset.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pandora_core.atlas import Atlas, ranking_of
from pandora_core.model import SECOND_US, Event
from pandora_core.store.graphs import GraphStore
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from tests.benchmarks.log_ons import START_US

T = TypeVar("T")

CHUNK = 50_000
HOSTS = 500


def main(events: int, share: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / FILE_NAME)
        fill(store, events, share)
        graphs = GraphStore(store)
        atlas = Atlas(graphs)
        first_s, taken = timed(lambda: atlas.catch_up(0))
        again_s, second = timed(lambda: Atlas(graphs))
        nothing_s, none = timed(lambda: second.catch_up(0))
        moment_s, moment = timed(atlas.moment)
        rank_s, ranking = timed(lambda: ranking_of(moment))
        kept = graphs.snapshot()
        size_mb, peak_mib = (
            len(kept.state) / 1e6 if kept else 0,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        print(f"{events:,} events, {taken:,} of them log-ons: {first_s:.2f} s ({first_s / events * 1e6:.2f} µs each)")
        print(f"snapshot of {size_mb:.1f} MB read in {again_s:.2f} s, then {none} in {nothing_s:.3f} s")
        print(f"{len(moment.hosts)} hosts, {len(moment.edges):,} edges: look {moment_s:.2f} s, rank {rank_s:.2f} s")
        print(f"{len(ranking.moves)} moves, {peak_mib:.0f} MiB")
        store.close()


def fill(store: Store, events: int, share: float) -> None:
    rng, writer = random.Random(1), Writer(store)
    for start in range(1, events + 1, CHUNK):
        rows = []
        for number in range(start, min(start + CHUNK, events + 1)):
            made = log_on(rng, number) if rng.random() < share else connection(rng, number)
            rows.append(event_tuple(number, 1, number * 100, 100, number, made))
        writer.commit(Batch(events=rows))


def log_on(rng: random.Random, number: int) -> Event:
    host = rng.randrange(HOSTS)
    return Event(
        START_US + number * SECOND_US,
        "windows.security",
        category="authentication",
        action="logon",
        outcome="success",
        code="4624",
        host=f"FS-{host % 12:02d}.corp.example",
        user=f"user{host:03d}",
        source_ip=f"10.1.{host // 250}.{host % 250 + 1}",
        source_domain=f"WS-{host:03d}",
        more={"winlog.logon.type": 3, "winlog.event_data.TargetLogonId": hex(number), "winlog.channel": "Security"},
    )


def connection(rng: random.Random, number: int) -> Event:
    return Event(
        START_US + number * SECOND_US,
        "zeek.conn",
        category="network",
        action="connection",
        source_ip=f"10.1.0.{rng.randrange(250) + 1}",
        destination_ip=f"203.0.113.{rng.randrange(250) + 1}",
        destination_port=443,
        transport="tcp",
        more={"zeek.conn.uid": hex(rng.getrandbits(64)), "zeek.conn.history": "ShADadFf", "zeek.conn.orig_pkts": 12},
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    since = time.perf_counter()
    done = work()
    return time.perf_counter() - since, done


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    main(int(float(arguments[0])) if arguments else 1_000_000, float(arguments[1]) if len(arguments) > 1 else 0.1)
