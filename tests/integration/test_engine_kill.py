"""Kills the real engine while its logs grow and rotate: nothing may be lost, repeated or judged differently."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pandora_core.process import running_pid, stop_engine
from pandora_core.scenario import Plan, generate
from pandora_core.store.operator import Operator
from pandora_core.store.reader import Reader
from pandora_core.store.store import Store
from tests.live_samples import office, promoted

Finding = tuple[Any, ...]


@dataclass
class Growing:
    """A log that grows by whole and half lines, and is rotated by renaming, the older generations packed."""

    path: Path
    lines: list[bytes]
    generation: int = 0
    written: int = 0
    half: bytes = field(default=b"")

    def grow(self, count: int, rng: random.Random) -> None:
        chosen = self.lines[self.written : self.written + count]
        self.written += len(chosen)
        data = self.half + b"".join(line + b"\n" for line in chosen)
        self.half = b""
        if data and rng.random() < 0.3:  # a writer's buffer ends anywhere
            cut = rng.randrange(len(data))
            data, self.half = data[:cut], data[cut:]
        with self.path.open("ab") as log:
            log.write(data)

    def rotate(self) -> None:
        if not self.path.exists() or self.half:
            return
        self.generation += 1
        self.path.rename(self.path.with_name(f"{self.path.name}.{self.generation}"))

    def pack(self) -> None:
        """Packs the generation before the newest, as logrotate's delaycompress does."""
        plain = self.path.with_name(f"{self.path.name}.{self.generation - 1}")
        if self.generation > 1 and plain.exists():
            with gzip.open(str(plain) + ".gz", "wb") as packed:
                packed.write(plain.read_bytes())
            plain.unlink()

    def finish(self) -> None:
        with self.path.open("ab") as log:
            log.write(self.half + b"".join(line + b"\n" for line in self.lines[self.written :]))
        self.half, self.written = b"", len(self.lines)


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of a guessed password and what came after it: some 2,000 lines of one host."""
    folder = tmp_path_factory.mktemp("scenario")
    generate(Plan(hosts=20, days=0.5, attack="ssh-bruteforce", seed=7), folder)
    longest = max(folder.glob("linux/*/auth.log"), key=lambda path: path.stat().st_size)
    return longest.read_bytes().splitlines()


def start_engine(data: Path, batch_size: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PANDORA_BATCH_SIZE": str(batch_size),
        "PANDORA_POLL_S": "0.01",
        "PANDORA_SCAN_S": "0.05",
    }
    with (data / "engine.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "engine", "run"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def until(holds: Callable[[], bool], data: Path, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError((data / "engine.log").read_text()[-2000:])
        time.sleep(0.02)


def is_at_work(reader: Reader, pid: int) -> bool:
    """Whether this engine has committed something: a kill from now on hits it while it reads and writes."""
    said = reader.engine()
    return said is not None and said.pid == pid


def findings(data: Path) -> dict[str, list[Finding]]:
    """Everything that was concluded, with event numbers replaced by what the events are."""
    store = Store(data / "pandora.db")
    with store.reading() as connection:
        bodies = {row[0]: bytes(row[1]).decode() for row in connection.exec_driver_sql("SELECT id, body FROM events")}
        detections = [json.loads(row[0]) for row in connection.exec_driver_sql("SELECT body FROM detections")]
        alerts = [row[0] for row in connection.exec_driver_sql("SELECT body FROM alerts ORDER BY id")]
        incidents = [row[0] for row in connection.exec_driver_sql("SELECT body FROM incidents ORDER BY id")]
        entities = connection.exec_driver_sql(
            "SELECT entity, evidence, as_of_us, rank, detections FROM entities ORDER BY 1"
        ).all()
        edges = connection.exec_driver_sql(
            "SELECT kind, source, destination, user_name, count FROM edges ORDER BY 1,2,3,4"
        ).all()
        kept = connection.exec_driver_sql("SELECT event_id, line FROM raw_lines").all()
        bad = connection.exec_driver_sql("SELECT count(*) FROM bad_lines").scalar_one()
    store.close()
    told = []
    for detection, event_id, at_us in detections:
        shown = [bodies[number] for number in detection.pop("event_ids")]
        told.append((json.dumps(detection, sort_keys=True), bodies[event_id], at_us, tuple(shown)))
    return {
        "events": sorted((body,) for body in bodies.values()),
        "detections": sorted(told),
        "alerts": sorted((alert,) for alert in alerts),
        "incidents": sorted((incident,) for incident in incidents),
        "entities": [tuple(row) for row in entities],
        "edges": [tuple(row) for row in edges],
        "raw lines": sorted((bodies[number], bytes(line)) for number, line in kept),
        "bad lines": [(bad,)],
    }


def campaign(
    data: Path,
    logs: Path,
    lines: list[bytes],
    *,
    kills: int,
    batch_size: int,
    seed: int,
    models: Path | None = None,
) -> dict[str, list[Finding]]:
    """One run: the log grows and rotates while the engine is killed ``kills`` times and started again.

    ``models`` is a data folder with a promoted model that is to be at work.
    """
    data.mkdir(mode=0o700)
    logs.mkdir()
    if models is not None:
        shutil.copytree(models / "models", data / "models")
    rng = random.Random(seed)
    store = Store(data / "pandora.db")
    Operator(store, "test", "here").add_source(str(logs / "auth.log*"), "auto", temporary=False, at_us=1)
    log = Growing(logs / "auth.log", lines)
    steps = max(kills, 12)
    reader = Reader(store)
    engine = start_engine(data, batch_size)
    try:
        for step in range(steps):
            until(partial(is_at_work, reader, engine.pid), data)
            for _ in range(3):
                log.grow(len(lines) // (3 * steps + 3), rng)
                time.sleep(rng.uniform(0.0, 0.06))
            if step < kills:
                engine.send_signal(signal.SIGKILL)
                engine.wait()
            if step % 4 == 3:
                log.rotate()
            elif step % 4 == 1:
                log.pack()
            if step < kills:
                engine = start_engine(data, batch_size)
        log.finish()
        until(lambda: reader.counts()["events"] + len(reader.bad_lines()) >= len(lines), data)
        stop_engine(data)
    finally:
        engine.kill()
        engine.wait()
        store.close()
    return findings(data)


@pytest.fixture(scope="module")
def undisturbed(attack: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return campaign(folder / "data", folder / "logs", attack, kills=0, batch_size=1000, seed=0)


def test_the_undisturbed_run_is_worth_comparing_with(
    attack: list[bytes], undisturbed: dict[str, list[Finding]]
) -> None:
    assert len(undisturbed["events"]) == len(attack)
    assert len(undisturbed["alerts"]) >= 1
    assert len(undisturbed["incidents"]) >= 1
    assert len(undisturbed["raw lines"]) >= 3
    assert len(undisturbed["edges"]) >= 1


@pytest.mark.parametrize("batch_size", [1, 64, 1000])
def test_a_killed_engine_loses_nothing_and_repeats_nothing(
    batch_size: int, attack: list[bytes], undisturbed: dict[str, list[Finding]], tmp_path: Path
) -> None:
    kills = 50 if os.environ.get("PANDORA_SLOW") == "1" else 6
    found = campaign(
        tmp_path / "data", tmp_path / "logs", attack, kills=kills, batch_size=batch_size, seed=batch_size
    )
    for what, expected in undisturbed.items():
        assert found[what] == expected, what
    assert running_pid(tmp_path / "data") is None


def test_a_killed_engine_with_a_model_at_work_finds_the_same(tmp_path: Path) -> None:
    models, (lines, _) = tmp_path / "models", office(2_800, seed=1)  # half of them end the warm-up
    promoted(models)
    kills = 50 if os.environ.get("PANDORA_SLOW") == "1" else 3
    runs = [
        campaign(tmp_path / f"data{n}", tmp_path / f"logs{n}", lines, kills=n, batch_size=64, seed=3, models=models)
        for n in (0, kills)
    ]
    assert sum('"flow-model"' in told[0] for told in runs[0]["detections"]) >= 5
    for what, expected in runs[0].items():
        assert runs[1][what] == expected, what
