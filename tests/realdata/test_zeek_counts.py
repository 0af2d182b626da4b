"""Real Zeek logs: every valid line becomes an event, every bad one is explained, and both writers say the same."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pandora_core.ingest.format import Decoded
from pandora_core.ingest.formats.zeek import ZeekFormat
from pandora_core.model import BadLine, Event

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
SETS = ("slips-logs", "zat", "zeek-brimdata", "rita-testdata")

# Files that hold bad lines: how many, and what is wrong with them.
BAD = {
    "slips/test10-mixed-zeek-dir/notice.log": (1, "expected 26 columns, found 23"),
    "rita-testdata/truncated/conn.log": (1, "expected 21 columns, found 9"),
    "rita-testdata/truncated/conn_json.log": (1, "not a JSON object"),
    "rita-testdata/truncated/conn_top.log": (59, "no #fields header"),
    "rita-testdata/has_unknown_field/http.log": (1, "expected 30 columns, found 29"),
}


def zeek_files(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Name and lines of every file that the format recognises."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "corrupt" in path.name:
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if ZeekFormat().sniff(data[:65_536], path.name) >= 0.5:
            yield str(path.relative_to(folder)), data.splitlines()


def decode(name: str, lines: list[bytes]) -> list[Decoded]:
    return ZeekFormat().decoder(None, filename=name, modified_us=0).decode(lines)


def log_lines(lines: list[bytes]) -> int:
    """An independent count of what ought to be an event or a bad line."""
    return sum(1 for line in lines if line.strip() and not line.strip().startswith(b"#"))


def path_of(name: str, lines: list[bytes]) -> str:
    """What the header, the first record or else the file's name calls the log."""
    for line in lines:
        if line.startswith(b"#path"):
            return line.split(b"\t")[1].strip().decode()
    if b'"_path"' in lines[0]:
        return str(json.loads(lines[0])["_path"])
    return (
        name.rpartition("/")[2].partition(".")[0].removeprefix("ORIGINAL").removesuffix("_json").removesuffix("_top")
    )


@pytest.mark.parametrize(
    ("name", "files"), [("slips-logs", 44), ("zat", 37), ("zeek-brimdata", 28), ("rita-testdata", 1040)]
)
def test_every_line_of_every_file_is_an_event_or_explained(shared_data: SharedData, name: str, files: int) -> None:
    seen = 0
    for file, lines in zeek_files(shared_data(name)):
        seen += 1
        results = decode(file, lines)
        events = [found for found in results if isinstance(found, Event)]
        reasons = [found.reason for found in results if isinstance(found, BadLine)]
        bad, why = BAD.get(file, (0, ""))
        assert (file, len(reasons)) == (file, bad)
        assert all(why in reason for reason in reasons)
        assert (file, len(events) + bad) == (file, log_lines(lines))
        assert {event.dataset for event in events} <= {f"zeek.{path_of(file, lines)}"}
    assert seen == files


def test_rows_and_records_of_the_same_traffic_give_the_same_events(shared_data: SharedData) -> None:
    files = dict(zeek_files(shared_data("zeek-brimdata")))
    logs = {name.rpartition("/")[2].partition(".")[0] for name in files}
    assert len(logs) == 14
    for log in logs - {"known_services"}:  # an empty element of a set looks like an unset value in rows
        rows = decode(log, files[f"zeek-brimdata/zeek-default/{log}.log.gz"])
        records = decode(log, files[f"zeek-brimdata/zeek-json/{log}.json.gz"])
        events = [found for found in rows if isinstance(found, Event)]
        assert len(events) == len(records) > 10
        for row, record in zip(events, records, strict=True):
            assert {name: near(value) for name, value in fields_of(row).items()} == fields_of(record)


def fields_of(event: Decoded) -> dict[str, Any]:
    """All fields of an event but the time of writing, which only records have."""
    plain: dict[str, Any] = msgspec.to_builtins(event)
    more = plain.pop("more")
    return plain | {name: value for name, value in more.items() if not name.endswith("._write_ts")}


def near(value: Any) -> Any:
    """What equals a value of a row: those of records have more digits."""
    if isinstance(value, list):
        return [near(item) for item in value]
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


def test_the_sums_of_a_day_of_connections_are_those_of_an_independent_reading(shared_data: SharedData) -> None:
    folder = shared_data("rita-testdata")
    sums: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for file, lines in zeek_files(folder):
        if "/conn." not in file or "missing_host" not in file:
            continue
        for found in decode(file, lines):
            if isinstance(found, Event):
                sums["events"] += 1
                sums[f"outcome {found.outcome}"] += 1
                sums["bytes"] += int(str(found.more.get("source.bytes", 0)))
                sums["to port 22"] += found.destination_port == 22
        names = next(line for line in lines if line.startswith(b"#fields")).decode().split("\t")[1:]
        for line in lines:
            if not line.startswith(b"#"):
                row = dict(zip(names, line.decode().split("\t"), strict=True))
                expected["events"] += 1
                expected[f"outcome {outcome_of(row['conn_state'])}"] += 1
                expected["bytes"] += int(row["orig_bytes"]) if row["orig_bytes"] != "-" else 0
                expected["to port 22"] += row["id.resp_p"] == "22" and row["proto"] != "icmp"
    assert sums == expected
    assert sums["events"] > 10_000


def outcome_of(state: str) -> str | None:
    if state in ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"):
        return "failure"
    return "success" if state in ("SF", "S1", "S2", "S3", "RSTO", "RSTR") else None


def test_a_labelled_log_keeps_its_labels_apart(shared_data: SharedData) -> None:
    files = dict(zeek_files(shared_data("slips-logs")))
    (lines,) = (lines for name, lines in files.items() if name.endswith("conn.log.labeled"))
    labels = Counter(
        found.more["label.class"] for found in decode("conn.log.labeled", lines) if isinstance(found, Event)
    )
    assert labels == {"Malicious": 719, "Benign": 44, "Unknown": 3}
