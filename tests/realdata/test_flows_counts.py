"""Real binetflow files: every row becomes a flow, and the sums are those of an independent reading."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pandora_core.ingest.formats.flows import FlowsFormat
from pandora_core.model import Event, iso

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
ROWS = {
    "test2-malicious.binetflow": 6751,
    "test3-mixed.binetflow": 89,
    "test4-malicious.binetflow": 394,
    "test5-mixed.binetflow": 300,
    "test11-portscan.binetflow": 66,
}


def rows_and_events(folder: Path, name: str) -> Iterator[tuple[dict[str, str], Event]]:
    [path] = folder.rglob(name)
    raw = path.read_bytes().splitlines()
    delimiter = "\t" if b"\t" in raw[0] else ","
    rows = list(csv.DictReader((line.decode() for line in raw), delimiter=delimiter))
    header, *decoded = FlowsFormat().decoder(None, filename=name, modified_us=0).decode(raw)
    assert header is None
    assert len(rows) == len(decoded) == ROWS[name]
    for row, event in zip(rows, decoded, strict=True):
        assert isinstance(event, Event), event
        yield row, event


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_row_becomes_the_flow_it_describes(shared_data: SharedData, name: str) -> None:
    for row, event in rows_and_events(shared_data("slips-logs"), name):
        assert iso(event.at_us) == row["StartTime"].replace("/", "-").replace(" ", "T") + "Z"
        assert event.transport == row["Proto"]
        assert event.more["event.duration"] == int(row["Dur"].replace(".", "")) * 1_000
        assert event.more["source.bytes"] == int(row["SrcBytes"])
        assert event.more["destination.bytes"] == int(row["TotBytes"]) - int(row["SrcBytes"])
        assert event.more.get("flows.State", "") == row["State"]
        assert event.more.get("label.flow", "") == row["Label"]
        if row["Proto"] in ("tcp", "udp"):
            assert (event.source_port, event.destination_port) == (int(row["Sport"]), int(row["Dport"]))
            assert (event.source_ip, event.destination_ip) == (row["SrcAddr"].lower(), row["DstAddr"].lower())


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_file_is_recognised(shared_data: SharedData, name: str) -> None:
    [path] = shared_data("slips-logs").rglob(name)
    assert FlowsFormat().sniff(path.read_bytes()[:65_536], name) > 0.8


def test_the_tcp_flows_whose_destination_sent_no_answer_failed(shared_data: SharedData) -> None:
    for name in ROWS:
        for row, event in rows_and_events(shared_data("slips-logs"), name):
            if row["State"] in ("S_", "S_R", "S_RA", "REQ"):
                assert event.outcome == "failure"
            elif row["Proto"] == "tcp" and set(row["State"].partition("_")[2]) & set("SFP"):
                assert event.outcome == "success"


def test_the_port_scan_is_one_source_that_nobody_answers(shared_data: SharedData) -> None:
    events = [event for _, event in rows_and_events(shared_data("slips-logs"), "test11-portscan.binetflow")]
    tcp = [event for event in events if event.transport == "tcp"]
    assert Counter(event.outcome for event in events) == {"failure": 66}
    assert {event.source_ip for event in tcp} == {"10.8.0.69"}
    assert len({event.destination_port for event in tcp}) == len(tcp) == 20


def test_tables_that_are_no_flows_are_not_claimed(shared_data: SharedData) -> None:
    folder = shared_data("slips-logs")
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".binetflow":
            assert FlowsFormat().sniff(path.read_bytes()[:65_536], path.name) < 0.5, path.name
