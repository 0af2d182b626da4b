"""A real EVE log: every line becomes the event it describes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pandora_core.ingest.formats.suricata import SuricataFormat
from pandora_core.ingest.formats.zeek import ZeekFormat
from pandora_core.model import Event

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
SEVERITY = {1: 3, 2: 2, 3: 1}


@pytest.fixture(scope="module")
def pairs(shared_data: SharedData) -> list[tuple[dict[str, Any], Event]]:
    """Each record of the log, read independently, beside its event."""
    (path,) = shared_data("slips-logs").rglob("test6-malicious.suricata.json")
    data = path.read_bytes()
    assert SuricataFormat().sniff(data[:65_536], path.name) > 0.9
    assert ZeekFormat().sniff(data[:65_536], path.name) == 0.0
    lines = data.splitlines()
    decoded = SuricataFormat().decoder(None, filename=path.name, modified_us=0).decode(lines)
    events = [found for found in decoded if isinstance(found, Event)]
    return list(zip(map(json.loads, lines), events, strict=True))


def test_every_line_becomes_an_event_of_its_type(pairs: list[tuple[dict[str, Any], Event]]) -> None:
    assert all(event.dataset == f"suricata.{record['event_type']}" for record, event in pairs)
    assert Counter(event.dataset for _, event in pairs) == {
        "suricata.flow": 3512,
        "suricata.alert": 745,
        "suricata.dns": 680,
        "suricata.http": 56,
        "suricata.fileinfo": 3,
        "suricata.anomaly": 3,
        "suricata.tls": 1,
    }


def test_times_ends_and_severities_are_those_of_the_record(pairs: list[tuple[dict[str, Any], Event]]) -> None:
    for record, event in pairs:
        is_flow = record["event_type"] == "flow"
        at = datetime.fromisoformat(record["flow"]["start"] if is_flow else record["timestamp"])
        assert event.at_us == round(at.timestamp() * 1_000_000)
        assert (event.source_ip, event.source_port) == (record["src_ip"], record["src_port"])
        assert (event.destination_ip, event.destination_port) == (record["dest_ip"], record["dest_port"])
        assert event.transport == record["proto"].lower()
        assert event.severity == SEVERITY.get(record.get("alert", {}).get("severity"), 0)


def test_no_value_of_a_record_is_lost(pairs: list[tuple[dict[str, Any], Event]]) -> None:
    for record, event in pairs:
        texts = {str(value) for value in event.more.values()} | {event.message, event.protocol, event.transport}
        for name in ("flow_id", "host"):
            assert str(record[name]) in texts
        for part in ("alert", "flow", "tls", "anomaly"):
            for value in record.get(part, {}).values():
                assert isinstance(value, dict) or str(value) in texts | {str(record["timestamp"])} or part == "tls"


def test_a_flow_fails_where_nothing_or_only_resets_came_back(pairs: list[tuple[dict[str, Any], Event]]) -> None:
    outcomes = Counter(
        (event.outcome, record["flow"]["pkts_toclient"] == 0, record.get("tcp", {}).get("tcp_flags_tc") == "14")
        for record, event in pairs
        if record["event_type"] == "flow"
    )
    assert outcomes[("failure", True, False)] == 977
    assert outcomes[("failure", False, True)] == 1939
    assert sum(number for (outcome, *_), number in outcomes.items() if outcome == "failure") == 977 + 1939
