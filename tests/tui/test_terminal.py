"""The real thing in a pseudo-terminal: started, killed in every way, and the terminal left as it was found."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.errors import ConfigError
from pandora_tui.crash import LOG_NAME
from pandora_tui.terminal import GRACE_S, check_terminal
from tests.tui.ptyrun import PtyRun

TINY = Path(__file__).with_name("tiny_console.py")
ENTERED = b"\x1b[?1049h"
LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?1006l", b"\x1b[?2004l", b"\x1b[<u")

Start = Callable[..., PtyRun]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts the small console, with a fault or without."""
    return lambda fault="", **env: PtyRun([sys.executable, str(TINY), str(tmp_path), fault], env=env)


def assert_restored(run: PtyRun) -> None:
    """The alternate screen was entered and left, and every mode is as before."""
    assert ENTERED in run.output
    after = run.output[run.output.rindex(ENTERED) :]
    assert [sequence for sequence in LEFT if sequence not in after] == []
    assert run.modes == run.modes_before


def test_quitting_leaves_the_terminal_as_it_was(start: Start) -> None:
    with start() as run:
        assert run.wait_for_text("PANDORA")
        run.wait_for_quiet(0.1)
        assert "PANDORA" in run.screen()[0]
        assert "q quit" in run.screen()[-1]
        run.send("q")
        assert run.wait() == 0
        assert_restored(run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal_and_exits_with_128_and_its_number(
    start: Start, number: signal.Signals
) -> None:
    with start() as run:
        assert run.wait_for_text("PANDORA")
        run.signal(number)
        assert run.wait() == 128 + number
        assert_restored(run)
        assert b"Traceback" not in run.output


@pytest.mark.parametrize("after_ms", [60, 120, 180, 240, 300])
def test_a_signal_during_the_start_leaves_no_trace_either(start: Start, after_ms: int) -> None:
    with start() as run:
        run.read_for(after_ms / 1_000)
        run.signal(signal.SIGTERM)
        assert run.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM)
        if ENTERED in run.output:
            assert_restored(run)
        assert run.modes == run.modes_before


def test_a_signal_ends_a_console_that_hangs(start: Start) -> None:
    with start("frozen") as run:
        assert run.wait_for_text("PANDORA")
        run.read_for(0.5)
        since = time.monotonic()
        run.signal(signal.SIGTERM)
        assert run.wait(GRACE_S + 3) == 128 + signal.SIGTERM
        assert time.monotonic() - since >= GRACE_S * 0.9
        assert_restored(run)


def test_a_second_signal_does_not_wait(start: Start) -> None:
    with start("frozen") as run:
        assert run.wait_for_text("PANDORA")
        run.read_for(0.5)
        run.signal(signal.SIGTERM)
        time.sleep(0.1)
        since = time.monotonic()
        run.signal(signal.SIGINT)
        assert run.wait() == 128 + signal.SIGTERM
        assert time.monotonic() - since < GRACE_S / 2
        assert_restored(run)


def test_a_console_waiting_for_its_store_can_be_ended(start: Start) -> None:
    with start("stuck") as run:
        assert run.wait_for_text("PANDORA")
        run.signal(signal.SIGTERM)
        assert run.wait(GRACE_S + 3) == 128 + signal.SIGTERM
        assert_restored(run)


def test_a_terminal_that_is_gone_ends_the_console_as_a_hang_up_does(start: Start) -> None:
    with start() as run:
        assert run.wait_for_text("PANDORA")
        run.read_for(0.2)
        since = time.monotonic()
        run.hang_up()
        assert run.wait() == 128 + signal.SIGHUP
        assert time.monotonic() - since < GRACE_S + 1


def test_a_hang_up_of_a_terminal_that_nobody_reads_does_not_hang(start: Start) -> None:
    """A stalled link: the terminal's buffer is full, so that nothing can be written, and then comes SIGHUP."""
    with start() as run:
        assert run.wait_for_text("PANDORA")
        for _ in range(400):
            os.write(run.master, b"\x0c1\x0c2")
            time.sleep(0.001)
        time.sleep(0.5)
        run.signal(signal.SIGHUP)
        end = time.monotonic() + GRACE_S + 3
        while run.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert run.process.poll() == 128 + signal.SIGHUP


@pytest.mark.parametrize("fault", ["timer", "render", "input"])
def test_an_error_restores_the_terminal_and_says_what_happened_without_any_values(
    start: Start, tmp_path: Path, fault: str
) -> None:
    with start(fault) as run:
        assert run.wait_for_text("PANDORA" if fault != "render" else "\x1b[?1049h")
        if fault == "input":
            run.read_for(0.2)
            run.send("x")
        assert run.wait() == 1
        assert_restored(run)
        said = run.output[run.output.rindex(LEFT[0]) :].decode()
    log = tmp_path / LOG_NAME
    assert "RuntimeError: a passphrase of 7 letters was no use" in said
    assert "tiny_console.py:" in said
    assert "in fail" in log.read_text()
    assert "hunter2" not in said + log.read_text()
    assert "locals" not in said
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_noise_on_the_line_does_not_end_the_console(start: Start) -> None:
    with start() as run:
        assert run.wait_for_text("PANDORA")
        os.write(run.master, bytes(range(128, 256)) + b"\xff\xfe\x1b[\x1b]\x1b[999;999;999~")
        run.read_for(0.3)
        run.send("4")
        assert run.wait_for_text("No network to draw yet")
        run.send("q")
        assert run.wait() == 0


def test_it_works_where_there_are_no_colours_and_no_unicode(start: Start) -> None:
    with start(NO_COLOR="1", PANDORA_ASCII="1", TERM="linux", COLORTERM="") as run:
        assert run.wait_for_text("PANDORA")
        run.wait_for_quiet(0.1)
        run.send("5")
        assert run.wait_for_text("There is no vault yet")
        assert run.output.isascii()
        run.send("q")
        assert run.wait() == 0
    assert b"38;" not in run.output
    assert b"48;" not in run.output
    assert not any(b"\x1b[3%dm" % colour in run.output for colour in range(8))


@pytest.mark.parametrize(
    ("environ", "is_tty", "advice"),
    [
        ({"TERM": "dumb"}, True, "TERM=dumb"),
        ({}, True, "set TERM"),
        ({"TERM": "xterm"}, False, "--headless"),
    ],
)
def test_a_terminal_that_cannot_show_the_console_is_refused_with_advice(
    environ: dict[str, str], is_tty: bool, advice: str
) -> None:
    with pytest.raises(ConfigError, match=advice) as refused:
        check_terminal(environ, is_tty=is_tty)
    assert refused.value.exit_code == 2


def test_a_usable_terminal_is_not_refused() -> None:
    check_terminal({"TERM": "screen-256color"}, is_tty=True)


def test_the_handlers_of_the_caller_are_put_back() -> None:
    code = (
        "import signal\n"
        "from pandora_tui.terminal import SignalGuard\n"
        "class App:\n"
        "    def stop_from_signal(self, exit_code): return False\n"
        "before = [signal.getsignal(n) for n in (1, 2, 15, 14)]\n"
        "with SignalGuard(App()) as guard: assert guard.exit_code == 0\n"
        "assert before == [signal.getsignal(n) for n in (1, 2, 15, 14)]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdin=subprocess.DEVNULL)
