"""A scenario that happens now: whole lines, as event time goes by, and in the end the same files."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pandora_core.errors import ConfigError, RefusedError
from pandora_core.model import HOUR_US, SECOND_US
from pandora_core.scenario import Plan, Replay, generate, stream
from pandora_core.scenario.plan import MONDAY_US

PLAN = Plan(hosts=20, days=0.02, seed=3, start_us=MONDAY_US + 9 * HOUR_US)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_replay_ends_with_the_same_files_as_a_generation(tmp_path: Path) -> None:
    summary = generate(PLAN, tmp_path / "at-once")
    replay = Replay(PLAN, tmp_path / "live", speed=600)
    elapsed_s = 0.0
    while replay.step(elapsed_s):
        elapsed_s += 0.37
    assert bytes_of(tmp_path / "live") == bytes_of(tmp_path / "at-once")
    assert replay.summary == replace(summary, folder=tmp_path / "live")


def test_each_step_writes_whole_lines_up_to_its_moment_and_none_of_later(tmp_path: Path) -> None:
    replay = Replay(PLAN, tmp_path / "live", speed=60)
    for elapsed_s in (0.0, 3.0, 3.5, 11.0):
        assert replay.step(elapsed_s)
        until_us = PLAN.start_us + int(elapsed_s * 60 * SECOND_US)
        due: dict[str, list[str]] = {}
        for record in stream(PLAN):
            if record.at_us <= until_us:
                due.setdefault(record.file, []).append(record.line)
        written = {name: data for name, data in bytes_of(tmp_path / "live").items() if name != "truth.ndjson"}
        assert all(data.endswith(b"\n") for data in written.values())
        rows = {n: [t for t in data.decode().splitlines() if not t.startswith("#")] for n, data in written.items()}
        assert rows == due
        assert replay.at_us == until_us


def test_a_step_back_in_time_writes_nothing(tmp_path: Path) -> None:
    replay = Replay(PLAN, tmp_path / "live", speed=60)
    replay.step(10)
    before = bytes_of(tmp_path / "live")
    replay.step(2)
    assert bytes_of(tmp_path / "live") == before


def test_a_replay_that_is_stopped_closes_its_files(tmp_path: Path) -> None:
    replay = Replay(PLAN, tmp_path / "live", speed=1)
    stop = threading.Event()
    stop.set()
    summary = replay.run(stop)
    assert summary.lines < 200
    for name, data in bytes_of(tmp_path / "live").items():
        assert not name.startswith("zeek/") or data.splitlines()[-1].startswith(b"#close")


def test_a_replay_runs_to_its_end_by_itself(tmp_path: Path) -> None:
    summary = Replay(PLAN, tmp_path / "live", speed=1e9).run(threading.Event())
    assert summary.lines == sum(1 for _ in stream(PLAN))


@pytest.mark.parametrize("speed", [0.0, -3.0, float("nan")])
def test_a_speed_that_goes_nowhere_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Replay(PLAN, tmp_path / "live", speed=speed)


def test_a_replay_leaves_a_folder_that_holds_something_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(RefusedError, match="not empty"):
        Replay(PLAN, tmp_path, speed=1)
