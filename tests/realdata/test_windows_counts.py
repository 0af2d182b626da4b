"""Real Windows logs: every record becomes an event, and independent readings of the same records count the same."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from evtx import PyEvtxParser

from pandora_core.ingest.formats.windows import WindowsFormat, WindowsXmlFormat
from pandora_core.model import EPOCH, SECOND_US, Event

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
EVTX_SETS = {"evtx-attack-samples": 8_255, "sigma-regression": 238, "evtx-deepbluecli": 3_868}
MICROSECOND = timedelta(microseconds=1)


def evtx_files(shared_data: SharedData, name: str) -> list[Path]:
    return sorted(shared_data(name).rglob("*.evtx"))


def records(path: Path) -> list[str]:
    """The records of a binary log as the reader hands them on, one a line."""
    return [record["data"].replace("\r", "").replace("\n", "") for record in PyEvtxParser(str(path)).records_json()]


def decode(lines: list[str] | list[bytes]) -> list[Event]:
    raw = [line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line for line in lines]
    decoded = WindowsFormat().decoder(None, filename="", modified_us=0).decode(raw)
    assert [one for one in decoded if not isinstance(one, Event)] == []
    return [one for one in decoded if isinstance(one, Event)]


def native_id(system: dict[str, Any]) -> str:
    event_id = system["EventID"]
    return str(event_id["#text"] if isinstance(event_id, dict) else event_id)


@pytest.mark.parametrize("name", EVTX_SETS)
def test_every_binary_record_becomes_an_event_with_its_id_time_and_host(shared_data: SharedData, name: str) -> None:
    total = 0
    for path in evtx_files(shared_data, name):
        assert WindowsFormat().sniff(path.read_bytes()[:65_536], path.name) == 1
        lines = records(path)
        for line, event in zip(lines, decode(lines), strict=True):
            system = json.loads(line)["Event"]["System"]
            at = datetime.fromisoformat(system["TimeCreated"]["#attributes"]["SystemTime"])
            assert (event.code, event.host) == (native_id(system), system["Computer"])
            assert event.at_us == (at - EPOCH) // MICROSECOND
            assert event.more.get("winlog.channel") == system["Channel"]
        total += len(lines)
    assert total == EVTX_SETS[name]


@pytest.mark.parametrize("name", EVTX_SETS)
def test_no_value_of_event_data_is_dropped(shared_data: SharedData, name: str) -> None:
    for path in evtx_files(shared_data, name):
        lines = records(path)
        for line, event in zip(lines, decode(lines), strict=True):
            data = json.loads(line)["Event"].get("EventData") or {}
            named = {
                key
                for key, value in data.items()
                if key not in ("Data", "#attributes") and value not in (None, "", "-")
            }
            assert {f"winlog.event_data.{key}" for key in named} <= event.more.keys()


@pytest.mark.parametrize("name", ["evtx-attack-samples", "sigma-regression"])
def test_the_same_records_as_xml_give_the_same_events(shared_data: SharedData, name: str) -> None:
    for path in evtx_files(shared_data, name):
        as_xml = [record["data"].encode("utf-8", "replace") for record in PyEvtxParser(str(path)).records()]
        decoded = WindowsXmlFormat().decoder(None, filename="", modified_us=0).decode(as_xml)
        for one, other in zip(decode(records(path)), decoded, strict=True):
            assert isinstance(other, Event)
            assert [value for value in comparable(one) if value[1]] == [
                value for value in comparable(other) if value[1]
            ]


def comparable(event: Event) -> list[tuple[str, str]]:
    """Fields as text: XML has no numbers; blank texts are left out, which XML cannot tell from none."""
    fields = {name: getattr(event, name) for name in Event.__struct_fields__ if name != "more"}
    return sorted((name, str(value).lower().strip()) for name, value in {**fields, **event.more}.items())


def test_the_password_guessing_is_thousands_of_failed_network_log_ons(shared_data: SharedData) -> None:
    files = [path for path in evtx_files(shared_data, "evtx-deepbluecli") if "password-guessing" in path.name]
    lines = [line for path in files for line in records(path)]
    failed = [event for event in decode(lines) if (event.action, event.outcome) == ("logon", "failure")]
    assert len(failed) == sum('"EventID":4625' in line for line in lines) > 3_000
    assert {event.more["winlog.logon.type"] for event in failed} == {3}


@dataclass
class Census:
    """What one pass over all captures found, natively and as events."""

    native: Counter[tuple[str, str]] = field(default_factory=Counter)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    logons: Counter[tuple[str, str]] = field(default_factory=Counter)
    connections: Counter[tuple[str, str | None, str | None]] = field(default_factory=Counter)
    receipt_delays_s: list[float] = field(default_factory=list)
    zone_errors_s: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def census(shared_data: SharedData) -> Census:
    found = Census()
    for archive in sorted(shared_data("otrf-empire").rglob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                count(opened.read(name), name, found)
    return found


def count(content: bytes, name: str, census: Census) -> None:
    assert WindowsFormat().sniff(content[:65_536], name) > 0.9
    lines = content.splitlines()
    for number, (record, event) in enumerate(zip(map(json.loads, lines), decode(lines), strict=True)):
        host = str(event.host).partition(".")[0]
        census.native[record["Hostname"], str(record["EventID"])] += 1
        census.counted[str(event.host), str(event.code)] += 1
        if event.action == "logon" and event.user == "pgustavo" and event.source_ip:
            census.logons[event.source_ip, host] += event.more["winlog.logon.type"] == 3
        if event.dataset == "windows.sysmon" and event.code == "3":
            census.connections[host, event.source_ip, event.destination_ip] += 1
        received = datetime.fromisoformat(record["@timestamp"])
        census.receipt_delays_s.append(((received - EPOCH) // MICROSECOND - event.at_us) / SECOND_US)
        if number % 10 == 0 and "UtcTime" in record:
            (inferred,) = decode([json.dumps({key: value for key, value in record.items() if key != "UtcTime"})])
            census.zone_errors_s.append((inferred.at_us - event.at_us) / SECOND_US)


def test_every_line_of_the_captures_becomes_an_event(census: Census) -> None:
    assert census.counted == census.native
    assert census.counted.total() == 76_871


def test_times_of_the_captures_are_utc_on_every_channel(census: Census) -> None:
    """The zone that is inferred for a local time agrees with the UTC time that Sysmon writes beside it."""
    assert -2 < min(census.receipt_delays_s) < max(census.receipt_delays_s) < 600
    assert len(census.zone_errors_s) > 4_000
    assert -3 < min(census.zone_errors_s) < max(census.zone_errors_s) < 3


def test_the_movement_is_in_the_log_ons(census: Census) -> None:
    assert census.logons["172.18.39.5", "WORKSTATION6"] >= 5


def test_both_ends_of_a_connection_name_the_same_source(census: Census) -> None:
    seen = [census.connections[host, "172.18.39.5", "172.18.39.6"] for host in ("WORKSTATION5", "WORKSTATION6")]
    assert seen[0] == seen[1] > 0
