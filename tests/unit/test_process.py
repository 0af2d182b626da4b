from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pandora_core.errors import EngineRunningError
from pandora_core.process import engine_lock, running_pid, stop_engine

HOLDER = """
import sys, time
from pathlib import Path
from pandora_core.process import engine_lock
with engine_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(data: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(data)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_the_lock_names_its_holder_and_is_free_afterwards(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    with engine_lock(tmp_path):
        assert (tmp_path / "engine.lock").stat().st_mode & 0o777 == 0o600
    assert running_pid(tmp_path) is None


def test_a_second_engine_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        try:
            assert running_pid(tmp_path) == child.pid
            with pytest.raises(EngineRunningError, match=str(child.pid)), engine_lock(tmp_path):
                raise AssertionError
        finally:
            child.kill()


def test_a_killed_engine_leaves_no_lock_behind(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        child.kill()
    assert running_pid(tmp_path) is None
    with engine_lock(tmp_path):
        assert (tmp_path / "engine.lock").read_text() == f"{os.getpid()}\n"


def test_stopping_ends_the_process_and_says_which(tmp_path: Path) -> None:
    assert stop_engine(tmp_path) is None
    with holder(tmp_path) as child:
        assert stop_engine(tmp_path) == child.pid
