"""The script ``pandora`` as people run it: in a terminal, killed in every way, without a screen, and for programs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pandora_core import process
from pandora_core.cli.main import COMMANDS
from pandora_core.model import ActionKind
from pandora_core.store.reader import Reader
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Writer
from pandora_tui import stage
from pandora_tui.__main__ import CONSOLE_COMMANDS
from pandora_tui.stage import Play, staged
from tests.tui import stored
from tests.tui.ptyrun import PtyRun

ENTERED, LEFT = b"\x1b[?1049h", (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
PANDORA = [sys.executable, "-m", "pandora_tui"]
FAILURES = "\n".join(
    f"2026-03-27T14:{n // 60:02d}:{n % 60:02d}+00:00 bastion sshd[{900 + n}]: "
    f"Failed password for invalid user admin from 203.0.113.9 port {40_000 + n} ssh2"
    for n in range(40)
)

Run = Callable[..., PtyRun]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder; an engine that a test left behind is stopped."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    yield folder
    process.stop_engine(folder)


@pytest.fixture
def run(data: Path) -> Run:
    """Starts the console on the data folder."""
    return lambda *arguments, **env: PtyRun([*PANDORA, "--data", str(data), *arguments], env=env)


def command(data: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PANDORA, "--data", str(data), *arguments],
        capture_output=True, text=True, timeout=60, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for_engine(run: PtyRun, data: Path) -> int:
    """The console is painted, and the engine that it started says that it lives."""
    assert run.wait_for_text("PANDORA")
    assert run.read_until(lambda: "● live" in run.screen()[0], 20.0), "\n".join(run.screen())
    pid = process.running_pid(data)
    assert pid is not None
    return pid


def assert_restored(run: PtyRun) -> None:
    after = run.output[run.output.rindex(ENTERED) :]
    assert [sequence for sequence in LEFT if sequence not in after] == []
    assert run.modes == run.modes_before
    assert b"Traceback" not in run.output


def test_the_console_starts_an_engine_that_outlives_it(run: Run, data: Path) -> None:
    with run() as console:
        pid = wait_for_engine(console, data)
        assert "Waiting for the first events" in "\n".join(console.screen())
        console.send("q")
        assert console.wait() == 0
        assert_restored(console)
    assert process.running_pid(data) == pid
    with run() as second:
        assert wait_for_engine(second, data) == pid
        second.send("q")
        assert second.wait() == 0


def test_the_console_shows_what_the_store_holds(run: Run, data: Path) -> None:
    Writer(Store(data / FILE_NAME)).commit(stored.batch())
    with run() as console:
        assert console.read_until(lambda: "ws-114" in "\n".join(console.screen()), 20.0)
        console.send("2")
        assert console.read_until(lambda: "94 =" in "\n".join(console.screen()), 20.0)
        console.send("a")
        assert console.read_until(lambda: " ack" in console.screen()[2], 20.0)
        console.send("q")
        assert console.wait() == 0
    view = Reader(Store(data / FILE_NAME)).alert("A-3f9c1b2a").view
    assert view.triage.state == "acknowledged"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_leaves_the_engine_alone(
    run: Run, data: Path, number: signal.Signals
) -> None:
    with run() as console:
        pid = wait_for_engine(console, data)
        console.signal(number)
        assert console.wait() == 128 + number
        assert_restored(console)
    assert process.running_pid(data) == pid


def test_a_killed_console_leaves_the_engine_alone(run: Run, data: Path) -> None:
    with run() as console:
        pid = wait_for_engine(console, data)
        console.signal(signal.SIGKILL)
        assert console.wait() == -signal.SIGKILL
    assert process.running_pid(data) == pid
    time.sleep(0.2)
    assert process.running_pid(data) == pid


def test_a_closed_terminal_ends_the_console_and_leaves_the_engine_alone(run: Run, data: Path) -> None:
    with run() as console:
        pid = wait_for_engine(console, data)
        console.hang_up()
        assert console.wait(10.0) == 128 + signal.SIGHUP
    assert process.running_pid(data) == pid


def test_a_killed_engine_is_noticed_and_the_console_stays(run: Run, data: Path) -> None:
    with run() as console:
        os.kill(wait_for_engine(console, data), signal.SIGKILL)
        assert console.read_until(lambda: "the engine died" in console.screen()[0], 20.0)
        console.send("9")
        assert console.read_until(lambda: "no engine runs" in "\n".join(console.screen()), 20.0)
        console.send("S")
        assert console.read_until(lambda: "● live" in console.screen()[0], 20.0)
        console.send("q")
        assert console.wait() == 0


def test_an_own_engine_is_stopped_on_leaving(run: Run, data: Path) -> None:
    with run("--own-engine") as console:
        wait_for_engine(console, data)
        console.send("q")
        assert console.wait(20.0) == 0
    assert process.running_pid(data) is None


def test_an_engine_that_cannot_start_is_said_on_the_top_line(run: Run, data: Path) -> None:
    (data / process.LOG_NAME).symlink_to("/nowhere/engine.log")
    with run() as console:
        assert console.read_until(lambda: "the engine did not start" in console.screen()[0], 20.0)
        assert "No engine runs" in "\n".join(console.screen())
        console.send("q")
        assert console.wait() == 0


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_will_not_do_is_refused_with_advice(run: Run, term: str) -> None:
    with run(TERM=term) as console:
        assert console.wait(20.0) == 2
        assert b"pandora watch --headless" in console.output
        assert ENTERED not in console.output


def test_no_terminal_is_refused_with_advice(data: Path) -> None:
    done = command(data)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert command(data, "demo").returncode == 2


def test_watching_without_a_screen_prints_alerts_and_takes_its_sources_back(data: Path, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_text(FAILURES + "\n")
    done = command(data, "watch", str(log), "--json", "--for", "6", "--own-engine")
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert alerts, done.stderr
    assert alerts[-1]["entity"] == "address:203.0.113.9"
    assert {"severity", "risk", "reasons", "techniques", "contributions"} <= alerts[-1].keys()
    assert Reader(Store(data / FILE_NAME)).sources() == []
    assert process.running_pid(data) is None
    again = command(data, "watch", str(log), "--headless", "--for", "1", "--own-engine")
    assert (again.returncode, again.stdout) == (0, ""), "what was known before is not news"


def test_watching_leaves_sources_that_were_there_before(data: Path, tmp_path: Path) -> None:
    log = str(tmp_path / "auth.log")
    stored.operator(Store(data / FILE_NAME)).add_source(log, "auto", temporary=False, at_us=1)
    assert command(data, "watch", log, "--headless", "--for", "0", "--own-engine").returncode == 0
    assert [source.pattern for source in Reader(Store(data / FILE_NAME)).sources()] == [log]


def test_an_interrupted_watch_ends_well(data: Path, tmp_path: Path) -> None:
    with headless(data, "watch", str(tmp_path), "--own-engine") as watch:
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 0
    assert process.running_pid(data) is None


@contextlib.contextmanager
def headless(data: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command without a screen, once it says that it is under way."""
    command = [*PANDORA, "--data", str(data), *arguments, "--headless"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env={**os.environ, **env}, **pipes) as child:  # type: ignore[call-overload]
        assert "ctrl+c" in child.stderr.readline()
        yield child


def test_watching_standard_input_is_refused(data: Path) -> None:
    done = command(data, "watch", "-", "--headless")
    assert (done.returncode, "pandora ingest -" in done.stderr) == (2, True)


def test_a_demo_shows_alerts_and_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = command(data, "demo", "--json", "--speed", "3600", "--for", "12", TMPDIR=str(folder))
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert alerts, done.stderr
    assert list(folder.iterdir()) == []


def test_a_demo_that_is_killed_clears_away_all_the_same(data: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with headless(data, "demo", "--speed", "60", TMPDIR=str(temporary)) as demo:
        (folder,) = temporary.iterdir()
        assert process.running_pid(folder) is not None
        demo.kill()
    end = time.monotonic() + 30
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []


def test_a_demo_opens_the_console_and_is_cleared_away_when_it_is_left(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    with run("demo", "--speed", "3600", TMPDIR=str(folder)) as console:
        assert console.read_until(lambda: "Risk now" in "\n".join(console.screen()), 30.0)
        assert console.read_until(lambda: "■ MED" in "\n".join(console.screen()[3:5]), 30.0)
        console.send("q")
        assert console.wait(30.0) == 0
        assert_restored(console)
    assert list(folder.iterdir()) == []


def test_the_stage_is_set_with_the_night_already_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.tempfile, "tempdir", str(tmp_path))
    with staged(Play(speed=1.0, seed=3, head_start_hours=0.5)) as folder:
        conn = folder / stage.LOGS / "zeek" / "conn.log"
        end = time.monotonic() + 20
        while not conn.exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert conn.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["--version", "--help", "watch --help", "demo --help", "alerts list --json", "sources list --json"]
)
def test_what_needs_no_screen_loads_none(data: Path, line: str) -> None:
    loaded = loaded_by(data, line.split())
    heavy = {"textual", "rich", "qiskit", "sklearn", "scipy", "numpy"} & loaded
    assert heavy == set()
    if line.startswith("--"):
        assert "sqlalchemy" not in loaded


def loaded_by(data: Path, arguments: list[str]) -> set[str]:
    """The modules that a fresh interpreter has loaded when a command is done."""
    code = (
        "import sys\n"
        f"sys.argv = ['pandora', '--data', {str(data)!r}, *{arguments!r}]\n"
        "from pandora_tui.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code, left.code\n"
        "print('\\n'.join(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {line.partition(".")[0] for line in done.stderr.splitlines()}


def test_every_command_is_on_the_help_page(data: Path) -> None:
    page = command(data, "--help").stdout
    assert [name for name in (*COMMANDS, *CONSOLE_COMMANDS) if f"\n  {name} " not in page] == []


def test_an_alert_that_an_operator_acted_on_is_not_printed_twice_as_text(data: Path) -> None:
    from pandora_tui.headless import _Printed

    said: list[Any] = []
    store = Store(data / FILE_NAME)
    Writer(store).commit(stored.batch())
    reader, printed = Reader(store), _Printed(as_json=False, echo=said.append)
    for _ in range(2):
        printed.tell(reader.alert("A-3f9c1b2a").view)
        stored.operator(store).act("A-3f9c1b2a", ActionKind.NOTE, "seen", at_us=1)
    assert [line for line in said if "CRIT" in line] == said
    assert len(said) == 1
