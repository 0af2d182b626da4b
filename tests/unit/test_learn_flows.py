"""The flow schema: alike from every format, by number of flows and not by time."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.recognise import formats, recognise
from pandora_core.learn.data.flows import (
    FLOW,
    WINDOW_FLOWS,
    WINDOW_SOURCES,
    WORDS,
    FlowBlock,
    FlowReader,
    is_flow,
    rederived,
)
from pandora_core.model import Event
from tests.unit.learn_samples import flow

ZEEK = b"""{"_path":"conn","ts":1700000000.0,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":5000,\
"id.resp_h":"192.0.2.1","id.resp_p":443,"proto":"tcp","duration":0.5,"orig_bytes":60,"resp_bytes":260,"conn_state":"SF","orig_pkts":2,\
"orig_ip_bytes":100,"resp_pkts":2,"resp_ip_bytes":300}
"""
EVE = b"""{"timestamp":"2023-11-14T22:13:21.000000+0000","flow_id":1,"event_type":"flow","src_ip":"10.0.0.1",\
"src_port":5000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":2,"pkts_toclient":2,"bytes_toserver":100,\
"bytes_toclient":300,"start":"2023-11-14T22:13:20.000000+0000","end":"2023-11-14T22:13:20.500000+0000","age":0,\
"state":"closed","reason":"timeout"}}
"""
BINETFLOW = b"""StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label
2023/11/14 22:13:20.000000,0.5,tcp,10.0.0.1,5000,  ->,192.0.2.1,443,FSPA_FSPA,0,0,4,400,100,
"""
RAW = b"""srcip,sport,dstip,dsport,proto,state,dur,sbytes,dbytes,spkts,dpkts,stime,label
10.0.0.1,5000,192.0.2.1,443,tcp,FIN,0.5,100,300,2,2,1700000000,0
"""


class Row(NamedTuple):
    """One flow's features."""

    numbers: tuple[float, ...]
    categories: tuple[str, ...]


def row_of(reader: FlowReader, event: Event) -> Row:
    block = reader.block([event])
    return Row(tuple(block.numbers[0].tolist()), tuple(block.words()[0].tolist()))


def events_of(content: bytes) -> list[Event]:
    chosen = recognise(content, "a.log", formats())
    assert chosen is not None
    decoder = chosen.decoder(None, filename="a.log", modified_us=0)
    return [each for each in decoder.decode(content.splitlines()) if isinstance(each, Event)]


@pytest.mark.parametrize("content", [ZEEK, EVE, BINETFLOW, RAW], ids=["zeek", "eve", "binetflow", "unsw-nb15"])
def test_the_same_connection_has_the_same_features_in_every_format(content):
    (event,) = events_of(content)
    assert is_flow(event)
    row = row_of(FlowReader(), event)
    named = dict(zip(FLOW.numbers, row.numbers, strict=True))
    assert named["duration_s"] == 0.5
    assert (named["source_bytes"], named["destination_bytes"], named["packets"]) == (100, 300, 4)
    assert (named["bytes_per_packet"], named["bytes_per_s"], named["destination_share"]) == (100, 800, 0.75)
    assert row.categories == ("tcp", "tls", "success", "system")


def test_what_a_log_does_not_say_is_missing_and_not_zero():
    row = row_of(FlowReader(), flow(0, **{"source.bytes": "?", "destination.packets": None}))
    named = dict(zip(FLOW.numbers, row.numbers, strict=True))
    assert np.isnan(named["source_bytes"])
    assert np.isnan(named["packets"])


def test_a_scan_shows_in_the_window_of_its_source_alone():
    reader = FlowReader()
    for port in range(1, 60):
        scan = row_of(reader, flow(port, port, outcome="failure"))
    quiet = row_of(reader, flow(100, source="10.0.0.2"))
    place = FLOW.numbers.index("recent_failed")
    assert scan.numbers[place : place + 3] == (1.0, 1 / 59, 1.0)
    assert quiet.numbers[place] == 0.0


def test_the_window_forgets_what_is_more_than_its_flows_ago():
    reader = FlowReader()
    for number in range(WINDOW_FLOWS):
        row_of(reader, flow(number, outcome="failure"))
    rows = [row_of(reader, flow(WINDOW_FLOWS + number)) for number in range(WINDOW_FLOWS)]
    assert rows[0].numbers[FLOW.numbers.index("recent_failed")] == 0.99
    assert rows[-1].numbers[FLOW.numbers.index("recent_failed")] == 0.0


def test_a_table_does_not_depend_on_the_order_of_its_events():
    events = [flow(number, 1 + number % 7, outcome=("failure", "success")[number % 2]) for number in range(50)]
    ordered = FlowReader().table(events, ["" for _ in events])
    shuffled = FlowReader().table(events[::-1], ["" for _ in events])
    assert np.array_equal(ordered.numbers, shuffled.numbers)


def test_what_follows_from_bytes_and_time_is_the_same_when_it_is_reckoned_anew():
    events = [flow(number, **{"source.bytes": number * 7, "event.duration": number * 10**9}) for number in range(20)]
    numbers = FlowReader().table(events, [""] * 20).numbers
    assert np.allclose(rederived(numbers), numbers)
    larger = numbers.copy()
    larger[:, 1] += 1000
    assert (rederived(larger)[:, 6] > numbers[:, 6]).all()


FLOWS = st.lists(
    st.builds(
        flow,
        st.integers(0, 500),
        st.sampled_from([0, 22, 53, 443, 8443, 50_000]),
        source=st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        destination=st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        outcome=st.sampled_from(["success", "failure"]),
    ),
    max_size=300,
)


@given(events=FLOWS, cut=st.integers(1, 50))
def test_features_do_not_depend_on_how_flows_are_batched(events, cut):
    whole, parts = FlowReader().block(events), FlowReader()
    blocks = [parts.block(events[start : start + cut]) for start in range(0, len(events), cut)]
    for block, start in zip(blocks, range(0, len(events), cut), strict=True):
        assert np.array_equal(block.numbers, whole.numbers[start : start + cut], equal_nan=True)
        assert np.array_equal(block.codes, whole.codes[start : start + cut])


@given(events=FLOWS)
def test_the_window_is_what_a_plain_count_of_the_last_flows_gives(events):
    block = FlowReader().block(events)
    place = FLOW.numbers.index("recent_failed")
    for number, event in enumerate(events):
        window = [each for each in events[: number + 1] if each.source_ip == event.source_ip][-WINDOW_FLOWS:]
        destinations = Counter(each.destination_ip for each in window)
        expected = (
            sum(each.outcome == "failure" for each in window),
            len(destinations),
            len({each.destination_port for each in window}),
            destinations[event.destination_ip],
        )
        assert block.numbers[number, place : place + 4].tolist() == [count / len(window) for count in expected]


@given(events=FLOWS, cut=st.integers(0, 300))
def test_a_reader_goes_on_from_its_dump_as_if_nothing_had_been(events, cut):
    first, second = FlowReader(), FlowReader()
    first.block(events[:cut])
    second.load(first.dump())
    left, right = first.block(events[cut:]), second.block(events[cut:])
    assert np.array_equal(left.numbers, right.numbers, equal_nan=True)
    assert first.dump() == second.dump()


def test_the_source_unseen_for_longest_is_forgotten():
    reader = FlowReader()
    reader.block([flow(n, source=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(WINDOW_SOURCES)])
    reader.block([flow(0, source="10.0.0.0"), flow(0, source="192.0.2.9")])
    place = FLOW.numbers.index("recent_failed")
    again = reader.block(
        [flow(1, source="10.0.0.0", outcome="failure"), flow(1, source="10.0.0.1", outcome="failure")]
    )
    assert again.numbers[:, place].tolist() == [1 / 3, 1.0]


def test_words_and_cells_are_those_of_the_codes():
    block = FlowBlock(np.zeros((2, len(FLOW.numbers))), np.array([[0, 1, 2, 3], [4, 0, 0, 0]], np.int16))
    expected = [[words[code] for words, code in zip(WORDS, codes, strict=True)] for codes in block.codes]
    assert block.words().tolist() == expected
    assert block.cells()[:, len(FLOW.numbers) :].tolist() == expected
    assert len(block.take(np.array([True, False]))) == 1
