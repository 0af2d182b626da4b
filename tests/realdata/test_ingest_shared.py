"""Every real log set through the real engine: each valid line an event, each bad line told with its place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evtx import PyEvtxParser

from pandora_core import bootstrap

pytestmark = pytest.mark.realdata

BAD = {
    # Counted by hand: a notice with three columns less, truncated and headless logs, a row one column short.
    "slips-logs": 1,
    "rita-testdata": 62,
}


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a set, unwrapped; what cannot be unwrapped as far as it goes."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield from ((name, archive.read(name)) for name in archive.namelist())
        elif path.suffix == ".gz":
            yield path.name.removesuffix(".gz"), unpacked(path)
        else:
            yield path.name, path.read_bytes()


def unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error):
        return b""


def count(name: str, content: bytes) -> tuple[str, int] | None:
    """(format, data lines) by the simplest means there are: endings, first characters and the standard library."""
    lines = [line for line in content.splitlines() if line.strip()]
    if content.startswith(b"ElfFile\0"):
        return "windows", sum(1 for _ in PyEvtxParser(io.BytesIO(content)).records_json())
    if content.startswith(b"time,name,ip,host,short"):
        return "wazuh", sum(1 for _ in csv.reader(io.StringIO(content.decode()))) - 1
    if content.startswith(b"StartTime"):
        return "flows", len(lines) - 1
    if b"#fields" in content[:2000]:
        return "zeek", sum(1 for line in lines if not line.lstrip().startswith(b"#"))
    if lines and lines[0].startswith(b"{"):
        return json_count(lines)
    if lines and re.match(rb"[A-Z][a-z]{2} [ \d]\d \d\d:", lines[0]) and not name.endswith(".csv"):
        return "sshd", len(lines)
    return None


def json_count(lines: list[bytes]) -> tuple[str, int] | None:
    try:
        first: dict[str, Any] = json.loads(lines[0])
    except ValueError:  # a document over several lines is no log
        return None
    if "event_type" in first:
        return "suricata", len(lines)
    if "EventID" in first:
        return "windows", len(lines)
    return ("zeek", len(lines)) if "ts" in first or "name" in first else None


def expected(folder: Path) -> Counter[str]:
    """Data lines by format; a content that is there twice, or is the beginning of another, counts once."""
    counted: Counter[str] = Counter()
    seen: set[str] = set()
    for name, content in contents(folder):
        found = count(name, content)
        identity = hashlib.sha256(content).hexdigest()
        if found is not None and identity not in seen:
            counted[found[0]] += found[1]
        seen.add(identity)
    return counted


@pytest.mark.parametrize(
    "name",
    ["sshd", "zat", "slips-logs", "otrf-empire", "evtx-deepbluecli", "evtx-attack-samples", "sigma-regression"],
)
def test_every_line_of_a_set_is_an_event_or_a_bad_line(
    name: str, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    check(name, shared_data(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zeek-brimdata", "ait-ads-dev", "rita-testdata"])
def test_every_line_of_a_large_set_is_an_event_or_a_bad_line(
    name: str, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    check(name, shared_data(name), tmp_path)


def check(name: str, folder: Path, tmp_path: Path) -> None:
    done = bootstrap.ingest(bootstrap.settings_of(tmp_path / "data"), [str(folder)], "auto")
    wanted = expected(folder)
    assert done["bad_lines"] == BAD.get(name, 0)
    assert len(done["bad"]) == min(done["bad_lines"], 100)
    assert all(Path(bad["path"]).exists() and bad["line"] > 0 and bad["reason"] for bad in done["bad"])
    assert done["lines"] == sum(wanted.values())
    got = Counter(done["by_format"])
    short = wanted - got
    assert sum(short.values()) == done["bad_lines"], (wanted, got)
    again = bootstrap.ingest(bootstrap.settings_of(tmp_path / "data"), [str(folder)], "auto")
    assert (again["events"], again["alerts"]) == (0, 0)
