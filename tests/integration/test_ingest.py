"""The commands on real files: what is read, what is refused, and what never depends on order or batches."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pandora_core.process import running_pid, start_engine, stop_engine
from pandora_core.scenario import Plan, generate
from pandora_core.store.store import Store


def pandora(data: Path, *arguments: str, code: int = 0, stdin: bytes = b"", **environment: str) -> Any:
    """Runs a command with ``--json`` where it has one; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == code, (done.returncode, done.stderr.decode())
    assert b"Traceback" not in done.stderr
    return json.loads(done.stdout) if "--json" in arguments and done.stdout else done.stderr.decode()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two working hours of a small company with an intrusion, as logs of every format."""
    folder = tmp_path_factory.mktemp("company")
    generate(Plan(hosts=20, days=0.5, seed=5), folder)
    return folder


@pytest.fixture(scope="module")
def read(company: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    data = tmp_path_factory.mktemp("data")
    return data, pandora(data, "ingest", "--json", str(company))


def judged(data: Path) -> list[Any]:
    """Everything concluded, but for what names an event by its number."""
    found = pandora(data, "alerts", "export", "--json")["items"]
    for alert in found:
        for detection in alert["detections"]:
            del detection["events"]
        for event in alert["events"]:
            del event["id"]
    return found + pandora(data, "entities", "list", "--limit", "1000", "--json")["items"]


def test_every_line_becomes_an_event_and_the_intrusion_an_alert(
    read: tuple[Path, dict[str, Any]], company: Path
) -> None:
    _, done = read
    logs = [path for path in company.rglob("*") if path.is_file() and path.name != "truth.ndjson"]
    expected = sum(1 for path in logs for line in path.read_bytes().splitlines() if not line.startswith(b"#"))
    assert (done["lines"], done["events"], done["bad_lines"]) == (expected, expected, 0)
    assert set(done["by_format"]) == {"zeek", "suricata", "windows", "sshd"}
    assert sum(done["by_format"].values()) == sum(done["by_dataset"].values()) == done["events"]
    assert done["alerts"] > 0
    assert [Path(item["path"]).name for item in done["skipped"]] == ["truth.ndjson"]


def test_reading_the_same_content_again_under_any_name_adds_nothing(
    read: tuple[Path, dict[str, Any]], company: Path, tmp_path: Path
) -> None:
    data, _ = read
    before = judged(data)
    copy = tmp_path / "other name.log.gz"
    copy.write_bytes(gzip.compress((company / "zeek" / "conn.log").read_bytes()))
    for pattern in (str(company), str(copy)):
        again = pandora(data, "ingest", "--json", pattern)
        assert (again["lines"], again["alerts"]) == (0, 0)
    assert judged(data) == before


@pytest.mark.parametrize("batch_size", ["1", "7", "10000"])
def test_nothing_depends_on_the_size_of_batches(
    read: tuple[Path, dict[str, Any]], company: Path, tmp_path: Path, batch_size: str
) -> None:
    logs = [str(company / "linux"), str(company / "windows")]  # the formats that most detections come from
    small, large = tmp_path / "small", tmp_path / "large"
    pandora(small, "ingest", "--json", *logs, PANDORA_BATCH_SIZE=batch_size)
    pandora(large, "ingest", "--json", *logs, PANDORA_BATCH_SIZE="500")
    assert judged(small) == judged(large)
    assert judged(small)


def test_nothing_depends_on_the_order_of_sources(company: Path, tmp_path: Path) -> None:
    logs = [str(path) for path in sorted((company / "zeek").iterdir())]
    logs += [str(path) for path in sorted((company / "linux").rglob("auth.log"))]
    one, other = tmp_path / "one", tmp_path / "other"
    pandora(one, "ingest", "--json", *logs)
    pandora(other, "ingest", "--json", *reversed(logs))
    assert judged(one) == judged(other)


def test_a_second_import_goes_on_where_the_first_stopped_as_if_they_were_one(company: Path, tmp_path: Path) -> None:
    log = max(company.glob("linux/*/auth.log"), key=lambda path: path.stat().st_size)
    lines = log.read_bytes().splitlines(keepends=True)
    growing = tmp_path / "auth.log"
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    for end in (len(lines) // 3, len(lines) // 2, len(lines)):
        growing.write_bytes(b"".join(lines[:end]))
        pandora(parts, "ingest", "--json", str(growing))
    pandora(whole, "ingest", "--json", str(growing))
    assert judged(parts) == judged(whole)


def test_standard_input_is_a_source(company: Path, tmp_path: Path) -> None:
    log = (company / "zeek" / "dns.log").read_bytes()
    done = pandora(tmp_path / "data", "ingest", "--json", "-", stdin=log)
    assert done["events"] == sum(1 for line in log.splitlines() if not line.startswith(b"#"))


def test_bad_lines_are_counted_with_file_and_line_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "conn.log"
    header = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\n#types\ttime\tstring\taddr\n"
    log.write_text(header + "1.0\ta\n2.0\tb\t10.0.0.1\n")
    done = pandora(tmp_path / "data", "ingest", "--json", str(log))
    assert (done["lines"], done["events"], done["bad_lines"]) == (2, 1, 1)
    assert done["bad"][0]["path"] == str(log)
    assert done["bad"][0]["line"] == 5
    assert "expected 3 columns, found 2" in done["bad"][0]["reason"]


def test_the_raw_line_is_kept_when_the_log_is_gone(company: Path, tmp_path: Path) -> None:
    import shutil

    logs = tmp_path / "logs"
    shutil.copytree(company / "windows", logs)
    lines = {line for path in logs.iterdir() for line in path.read_text("utf-8").splitlines()}
    data = tmp_path / "data"
    pandora(data, "ingest", "--json", str(logs))
    shutil.rmtree(logs)
    shown = pandora(data, "alerts", "show", "--json", pandora(data, "alerts", "list", "--json")["items"][0]["id"])
    assert shown["events"]
    assert {event["event.original"] for event in shown["events"]} <= lines


def test_the_parts_of_a_score_sum_to_it(read: tuple[Path, dict[str, Any]]) -> None:
    data, _ = read
    for alert in pandora(data, "alerts", "list", "--json")["items"]:
        assert sum(part["points"] for part in alert["contributions"]) == pytest.approx(alert["risk"], abs=0.05)
        assert alert["reasons"]
        # What another sensor alerted on has the technique that the sensor gave, which may be none.
        assert alert["techniques"] or {part["detector"] for part in alert["contributions"]} == {"ids-alert"}


def test_triage_from_the_command_line_changes_the_state_and_the_risk(company: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    pandora(data, "ingest", "--json", str(company / "windows"))
    alert = pandora(data, "alerts", "list", "--json")["items"][0]
    before = pandora(data, "entities", "show", "--json", alert["entity"])["risk"]
    for words in (
        ["ack"],
        ["assign", "bob"],
        ["note", "seen before"],
        ["verdict", "false-positive"],
        ["close", "backup job"],
    ):
        pandora(data, "alerts", words[0], "--json", alert["id"], *words[1:])
    assert "closed already" in pandora(data, "alerts", "close", alert["id"], code=3)
    shown = pandora(data, "alerts", "show", "--json", alert["id"])
    assert (shown["state"], shown["assignee"], shown["verdict"]) == ("closed", "bob", "false positive")
    pandora(data, "ingest", "--json", str(company / "linux"))  # the engine takes the verdict in
    assert pandora(data, "entities", "show", "--json", alert["entity"])["risk"] < before
    pandora(data, "alerts", "undo", "--json", alert["id"])
    assert pandora(data, "alerts", "show", "--json", alert["id"])["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ingest", "/does/not/exist"], 1, "no such file"),
        (["ingest", "--format", "morse", "/etc/hostname"], 2, "no log format 'morse'"),
        (["alerts", "show", "A-0"], 1, "pandora alerts list"),
        (["events", "search", "--from", "yesterday"], 2, "is no time"),
        (["scenario", "generate", "--attack", "rain", "x"], 2, "no attack 'rain'"),
        (["sources", "remove", "99"], 1, "no source"),
        (["alerts", "verdict", "A-0", "maybe"], 2, "Invalid value"),
    ],
)
def test_a_mistake_is_answered_in_words_with_an_exit_code(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    assert words in pandora(tmp_path / "data", *arguments, code=code)


def test_an_import_beside_a_running_engine_is_done_by_the_engine(company: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    pandora(data, "sources", "add", "--json", str(tmp_path / "nothing-yet.log"))
    start_engine(data)
    try:
        done = pandora(data, "ingest", "--json", str(company / "linux"))
        assert done["events"] > 0
        assert done["events"] == done["by_format"]["sshd"]
        assert pandora(data, "ingest", "--json", str(company / "linux"))["lines"] == 0
        assert pandora(data, "engine", "status", "--json")["running"]
        assert "runs already" in pandora(data, "engine", "run", code=3)
    finally:
        stop_engine(data)
    assert running_pid(data) is None
    assert not pandora(data, "engine", "status", "--json")["running"]


def test_a_source_added_and_removed_while_the_engine_runs_is_followed_and_left(company: Path, tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "auth.log"
    lines = (
        max(company.glob("linux/*/auth.log"), key=lambda path: path.stat().st_size)
        .read_bytes()
        .splitlines(keepends=True)
    )
    data.mkdir(mode=0o700)
    start_engine(data)
    try:
        log.write_bytes(b"".join(lines[:20]))
        pandora(data, "sources", "add", "--json", str(log))
        wait_for_events(data, 20)
        with log.open("ab") as more:
            more.writelines(lines[20:30])
        wait_for_events(data, 30)
        pandora(data, "sources", "remove", "--json", str(log))
        time.sleep(1.5)
        with log.open("ab") as more:
            more.writelines(lines[30:40])
        time.sleep(1.0)
        assert len(pandora(data, "events", "search", "--json")["items"]) == 30
    finally:
        stop_engine(data)


def wait_for_events(data: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(pandora(data, "events", "search", "--json")["items"]) < count:
        assert time.monotonic() < deadline, (data / "engine.log").read_text()
        time.sleep(0.1)


def test_the_doctor_finds_a_healthy_folder_healthy_and_names_the_mend_for_a_sick_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert pandora(data, "doctor", "--json")["healthy"]
    pandora(data, "alerts", "list", "--json")
    (data / "pandora.db").chmod(0o644)
    sick = pandora(data, "doctor", "--json", code=1)
    assert any("chmod 600" in finding["mend"] for finding in sick["findings"])


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["alerts", "--help"], ["alerts", "list", "--json"]])
def test_commands_answer_without_heavy_imports(tmp_path: Path, arguments: list[str]) -> None:
    heavy = {"textual", "qiskit", "sklearn", "scipy", "numpy", "rich"}
    if "--json" not in arguments:
        heavy |= {"sqlalchemy"} if arguments[0].startswith("--") else set()
    code = (
        "import sys\nfrom pandora_core.cli.main import run\n"
        f"try: run(arguments={['--data', str(tmp_path / 'data'), *arguments]!r})\n"
        f"finally: print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_snapshot_that_cannot_be_read_is_made_anew_from_the_stored_events(company: Path, tmp_path: Path) -> None:
    log = max(company.glob("linux/*/auth.log"), key=lambda path: path.stat().st_size)
    lines = log.read_bytes().splitlines(keepends=True)
    growing, broken, whole = tmp_path / "auth.log", tmp_path / "broken", tmp_path / "whole"
    growing.write_bytes(b"".join(lines[: len(lines) // 2]))
    pandora(broken, "ingest", "--json", str(growing))
    store = Store(broken / "pandora.db")
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE snapshots SET state = x'93a1'")
    store.close()
    growing.write_bytes(b"".join(lines))
    pandora(broken, "ingest", "--json", str(growing))
    pandora(whole, "ingest", "--json", str(growing))
    assert judged(broken) == judged(whole)
