"""What is left after a bug: enough to mend it, and no value that was in memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from textual.errors import RenderError

from pandora_core.errors import StoreError
from pandora_tui.crash import LOG_NAME, crash_notice, unwrap

SECRET = " ".join(["correct", "horse", "battery", "staple"])


def bug(passphrase: str) -> None:
    """Dies with a secret in a local variable, in a chain of two errors."""
    opened = {"passphrase": passphrase}
    try:
        int(next(iter(opened)))
    except ValueError as error:
        raise RuntimeError("it broke \x1b[31m[b]") from error


@pytest.fixture
def error() -> BaseException:
    with pytest.raises(RuntimeError) as raised:
        bug(SECRET)
    return raised.value


def test_the_notice_names_the_error_its_place_and_the_log(error: BaseException, tmp_path: Path) -> None:
    notice = crash_notice(error, tmp_path, "1.2.3")
    assert "RuntimeError: it broke ␛[31m[b]" in notice
    assert f"test_crash.py:{bug.__code__.co_firstlineno + 6}" in notice
    assert str(tmp_path / LOG_NAME) in notice


def test_the_log_has_the_whole_story_without_values_and_is_private(error: BaseException, tmp_path: Path) -> None:
    crash_notice(error, tmp_path / "new" / "folder", "1.2.3")
    path = tmp_path / "new" / "folder" / LOG_NAME
    story = path.read_text()
    assert "pandora 1.2.3" in story
    assert "ValueError" in story
    assert "direct cause" in story
    assert "in bug" in story
    assert SECRET not in story
    assert "\x1b" not in story
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_log_that_others_could_read_is_made_private(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.touch(0o644)
    crash_notice(error, tmp_path, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_log_is_not_written_through_a_link(error: BaseException, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / LOG_NAME).symlink_to(victim)
    notice = crash_notice(error, tmp_path, "")
    assert "could not be written" in notice
    assert victim.read_text() == "untouched"


def test_a_log_that_grew_too_long_begins_again(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(b"x" * 1_000_001)
    crash_notice(error, tmp_path, "")
    assert path.stat().st_size < 20_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_does_not_hide_the_error(error: BaseException, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "RuntimeError" in crash_notice(error, tmp_path / "data", "")


def test_an_error_wrapped_by_textual_is_unwrapped_and_ours_is_not() -> None:
    inner = KeyError("x")
    outer = RenderError("unable to render")
    outer.__cause__ = inner
    ours = StoreError("the store is damaged")
    ours.__cause__ = inner
    assert unwrap(outer) is inner
    assert unwrap(ours) is ours
    assert unwrap(RenderError("alone")).args == ("alone",)
