"""Owns the stage of a demo: a temporary data folder, a process that plays a scenario into it, and the clearing away.

The process that plays (``python -m pandora_tui.stage``) also clears away. It does so when its standard input ends,
which is when the demo leaves, is killed, or loses its terminal: no engine and no folder is left behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pandora_core import config, process
from pandora_core.errors import EngineError

LOGS = "logs"
HEAD_START_HOURS = 8.0
"""Event time that has gone by when the demo opens: the night, in which little happens."""

_CLEAR_S = 30.0
_NICE = 5  # the console comes first


@dataclass(frozen=True, slots=True)
class Play:
    """What is played: ``speed`` seconds of event time in each that passes."""

    speed: float
    seed: int
    head_start_hours: float = HEAD_START_HOURS


@contextlib.contextmanager
def staged(play: Play) -> Iterator[Path]:
    """A temporary data folder whose ``logs`` a scenario is being played into; gone on leaving, its engine too."""
    data = config.prepare_data_dir(Path(tempfile.mkdtemp(prefix="pandora-demo-")))
    logs = data / LOGS
    logs.mkdir(mode=0o700)
    values = [str(data), str(play.speed), str(play.seed), str(play.head_start_hours)]
    player = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pandora_tui.stage", *values],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield data
    finally:
        if player.stdin is not None:
            player.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it clears away all the same
            player.wait(_CLEAR_S)


def follow_logs(data: Path) -> None:
    """Have the folder's engine read what is played."""
    from pandora_core import bootstrap  # here, so that the demo paints before sqlalchemy is imported

    with bootstrap.operating(data) as operator:
        operator.add_source(str(data / LOGS), "auto", temporary=True, at_us=bootstrap.now_us())


def play_until(data: Path, play: Play, stop: threading.Event) -> None:
    """Play a scenario into the folder's logs, the head start at once, then as time goes by, until ``stop`` is set."""
    import time

    from pandora_core.scenario import Plan, Replay
    from pandora_core.scenario.replay import TICK_S

    replay = Replay(Plan(seed=play.seed, start_us=_last_monday_us(time.time_ns() // 1000)), data / LOGS, play.speed)
    head_start_s = play.head_start_hours * 3600 / play.speed
    begun_s = time.monotonic()
    while replay.step(head_start_s + time.monotonic() - begun_s) and not stop.wait(TICK_S):
        continue
    replay.close()
    stop.wait()


def clear(data: Path) -> None:
    """Stop the folder's engine and remove the folder."""
    with contextlib.suppress(EngineError):  # it does not stop: the folder goes from under it, and it fails on that
        process.stop_engine(data)
    shutil.rmtree(data, ignore_errors=True)


def main(arguments: list[str]) -> None:
    """Play and clear away, as :func:`staged` starts it."""
    data, play = Path(arguments[0]), Play(float(arguments[1]), int(arguments[2]), float(arguments[3]))
    os.nice(_NICE)
    stop = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=[stop], daemon=True).start()
    try:
        follow_logs(data)
        play_until(data, play, stop)
    finally:
        stop.wait()
        clear(data)


def _wait_for_the_end(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def _last_monday_us(now_us: int) -> int:
    """The start of the last Monday (UTC) that is over: a scenario begins on one, and lies in the past as logs do."""
    from pandora_core.model import DAY_US

    days = now_us // DAY_US - 1
    return (days - (days + 3) % 7) * DAY_US  # the epoch was a Thursday


if __name__ == "__main__":
    main(sys.argv[1:])
