"""The flow schema: alike from every format, by number of flows and not by time."""

from __future__ import annotations

import numpy as np
import pytest

from pandora_core.ingest.recognise import formats, recognise
from pandora_core.learn.flows import FLOW, WINDOW_FLOWS, FlowReader, is_flow, rederived
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


def events_of(content: bytes) -> list[Event]:
    chosen = recognise(content, "a.log", formats())
    assert chosen is not None
    decoder = chosen.decoder(None, filename="a.log", modified_us=0)
    return [each for each in decoder.decode(content.splitlines()) if isinstance(each, Event)]


@pytest.mark.parametrize("content", [ZEEK, EVE, BINETFLOW, RAW], ids=["zeek", "eve", "binetflow", "unsw-nb15"])
def test_the_same_connection_has_the_same_features_in_every_format(content):
    (event,) = events_of(content)
    assert is_flow(event)
    row = FlowReader().row(event)
    named = dict(zip(FLOW.numbers, row.numbers, strict=True))
    assert named["duration_s"] == 0.5
    assert (named["source_bytes"], named["destination_bytes"], named["packets"]) == (100, 300, 4)
    assert (named["bytes_per_packet"], named["bytes_per_s"], named["destination_share"]) == (100, 800, 0.75)
    assert row.categories == ("tcp", "tls", "success", "system")


def test_what_a_log_does_not_say_is_missing_and_not_zero():
    row = FlowReader().row(flow(0, **{"source.bytes": "?", "destination.packets": None}))
    named = dict(zip(FLOW.numbers, row.numbers, strict=True))
    assert np.isnan(named["source_bytes"])
    assert np.isnan(named["packets"])


def test_a_scan_shows_in_the_window_of_its_source_alone():
    reader = FlowReader()
    for port in range(1, 60):
        scan = reader.row(flow(port, port, outcome="failure"))
    quiet = reader.row(flow(100, source="10.0.0.2"))
    place = FLOW.numbers.index("recent_failed")
    assert scan.numbers[place : place + 3] == (1.0, 1 / 59, 1.0)
    assert quiet.numbers[place] == 0.0


def test_the_window_forgets_what_is_more_than_its_flows_ago():
    reader = FlowReader()
    for number in range(WINDOW_FLOWS):
        reader.row(flow(number, outcome="failure"))
    rows = [reader.row(flow(WINDOW_FLOWS + number)) for number in range(WINDOW_FLOWS)]
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
