"""Processes apart from the terminal: who holds a lock, how one is started, what it said last."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pandora_core import background


def test_nobody_holds_a_lock_that_is_not_there_or_was_let_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert background.holder(lock) is None
    with background.holding(lock) as other:
        assert other is None
    assert background.holder(lock) is None


def test_a_held_lock_says_by_whom_and_is_not_given_twice(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with background.holding(lock):
        assert background.holder(lock) == os.getpid()
        with background.holding(lock, patience_s=0.05) as other:
            assert other == os.getpid()
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "soon", "12x"])
def test_a_holder_that_has_not_said_its_number_is_number_zero(tmp_path: Path, text: str) -> None:
    lock = tmp_path / "lock"
    with background.holding(lock):
        lock.write_text(text)
        assert background.holder(lock) == 0


def test_a_lock_is_never_followed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("kept")
    lock = tmp_path / "lock"
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), background.holding(lock):
        pass
    assert (tmp_path / "elsewhere").read_text() == "kept"


def test_what_runs_apart_adds_to_a_private_log_and_its_last_line_is_read_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert background.start("platform", (), log).wait(30) == 0
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    first = log.read_text()
    assert background.last_line(log) == first.strip().splitlines()[-1]
    assert background.start("platform", (), log).wait(30) == 0
    assert log.read_text() == first * 2
    log.write_text("\n")
    assert background.last_line(log) == "it said nothing"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_what_is_on_a_line_has_no_secret_of_ours_and_leaves_when_we_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANDORA_SECRET_IBM_QUANTUM", "s3cret")
    process, line = background.start_on_line("pandora_core.quantum.ibm.client", tmp_path / "log", {"MORE": "1"})
    with line:
        given = Path(f"/proc/{process.pid}/environ").read_bytes().decode()
        assert process.poll() is None
    assert process.wait(30) != 0
    assert "s3cret" not in given
    assert "MORE=1" in given
