"""The flow format: what columns of many tools mean, when a flow was answered, and which lines are no flows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import MAX_FIELD_CHARS, Decoded
from pandora_core.ingest.formats.flows import FlowsFormat
from pandora_core.model import BadLine, Event, FieldValue, iso

ARGUS = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label"
WEB = "2024/05/01 12:00:00.325010,0.027947,tcp,192.0.2.7,4022,   ->,192.0.2.1,80,FSPA_FSPA,0,,9,900,400,5,flow=x"


def is_storable(value: FieldValue) -> bool:
    """Whether a number is finite and has no more than 64 bits."""
    return isinstance(value, str | list) or abs(value) < 1 << 63


def decode(*lines: str | bytes) -> list[Decoded]:
    decoder = FlowsFormat().decoder(None, filename="", modified_us=0)
    return decoder.decode([line.encode() if isinstance(line, str) else line for line in lines])


def event(header: str, row: str) -> Event:
    nothing, decoded = decode(header, row)
    assert nothing is None
    assert isinstance(decoded, Event), decoded
    return decoded


def argus(**cells: str) -> Event:
    row = dict(zip(ARGUS.split(","), WEB.split(","), strict=True)) | cells
    return event(ARGUS, ",".join(row.values()))


class TestBinetflow:
    def test_a_row_becomes_a_connection(self) -> None:
        found = event(ARGUS, WEB)
        assert iso(found.at_us) == "2024-05-01T12:00:00.325010Z"
        assert (found.dataset, found.category, found.action) == ("flows.binetflow", "network", "connection")
        assert (found.source_ip, found.source_port) == ("192.0.2.7", 4022)
        assert (found.destination_ip, found.destination_port) == ("192.0.2.1", 80)
        assert (found.transport, found.outcome, found.host) == ("tcp", "success", None)
        assert found.more == {
            "event.duration": 27_947_000,
            "source.packets": 5,
            "destination.packets": 4,
            "source.bytes": 400,
            "destination.bytes": 500,
            "flows.Dir": "->",
            "flows.State": "FSPA_FSPA",
            "flows.sTos": 0,
            "label.flow": "flow=x",
        }

    def test_tabs_separate_as_well_as_commas(self) -> None:
        assert event(ARGUS.replace(",", "\t"), WEB.replace(",", "\t")) == event(ARGUS, WEB)

    def test_without_the_source_s_packets_only_the_total_is_known(self) -> None:
        found = event(ARGUS.replace(",SrcPkts", ""), WEB.replace(",5,flow", ",flow"))
        assert found.more["network.packets"] == 9
        assert "source.packets" not in found.more
        assert "destination.packets" not in found.more
        assert found.more["destination.bytes"] == 500

    def test_icmp_has_a_type_and_code_instead_of_ports(self) -> None:
        found = argus(Proto="icmp", Sport="0x0403", Dport="0x97af", State="URF")
        assert (found.source_port, found.destination_port, found.outcome) == (None, None, None)
        assert (found.more["icmp.type"], found.more["icmp.code"]) == (3, 4)
        assert found.more["flows.Dport"] == "0x97af"

    def test_link_addresses_are_kept_as_such(self) -> None:
        found = argus(Proto="llc", SrcAddr="00:1A:2b:00:00:01", DstAddr="0", Sport="0", Dport="0", State="INT")
        assert (found.source_ip, found.destination_ip, found.outcome) == (None, None, None)
        assert found.more["source.mac"] == "00:1a:2b:00:00:01"
        assert found.more["flows.DstAddr"] == "0"

    def test_a_service_name_in_place_of_a_port_is_kept(self) -> None:
        found = argus(Dport="http", Sport="0x1f90")
        assert (found.source_port, found.destination_port) == (8080, None)
        assert found.more["flows.Dport"] == "http"

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("FSPA_FSPA", "success"),
            ("SPA_SRA", "success"),
            ("PA_PA", "success"),
            ("A_A", "success"),
            ("S_RA", "failure"),
            ("S_R", "failure"),
            ("FPU_RA", "failure"),
            ("S_", "failure"),
            ("F_", "failure"),
            ("SRPA_", None),
            ("CON", "success"),
            ("REQ", "failure"),
            ("S0", "failure"),
            ("SF", "success"),
            ("TIM", None),
            ("URP", None),
        ],
    )
    def test_the_state_tells_whether_the_destination_answered(self, state: str, outcome: str | None) -> None:
        assert argus(State=state).outcome == outcome

    @pytest.mark.parametrize(
        ("destination", "outcome"),
        [
            ("192.0.2.1", "failure"),
            ("2001:db8::1", "failure"),
            ("224.0.0.251", None),
            ("ff02::fb", None),
            ("192.0.2.255", None),
            ("255.255.255.255", None),
        ],
    )
    def test_silence_of_many_is_no_refusal(self, destination: str, outcome: str | None) -> None:
        assert argus(Proto="udp", State="INT", DstAddr=destination).outcome == outcome

    def test_an_echo_request_is_answered_if_something_came_back(self) -> None:
        assert argus(Proto="icmp", Sport="0x0008", State="ECO").outcome == "success"
        assert argus(Proto="icmp", Sport="0x0008", State="ECO", TotPkts="5", TotBytes="400").outcome == "failure"

    def test_of_protocols_without_answers_nothing_is_told(self) -> None:
        assert argus(Proto="igmp", State="INT").outcome is None
        assert argus(Proto="man", State="STA").outcome is None


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2024/05/01 12:00:00.325010", "2024-05-01T12:00:00.325010Z"),
            ("2024-05-01 12:00:00", "2024-05-01T12:00:00.000000Z"),
            ("2024-05-01 12:00:00.3", "2024-05-01T12:00:00.300000Z"),
            ("2024-05-01T12:00:00.325010999", "2024-05-01T12:00:00.325010Z"),
            ("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000000Z"),
            ("2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00.500000Z"),
            ("1714564800", "2024-05-01T12:00:00.000000Z"),
            ("1714564800.325010", "2024-05-01T12:00:00.325010Z"),
            ("1714564800325", "2024-05-01T12:00:00.325000Z"),
            ("1714564800325010", "2024-05-01T12:00:00.325010Z"),
            ("1714564800325010999", "2024-05-01T12:00:00.325010Z"),
            ("01/05/2024 12:00", "2024-05-01T12:00:00.000000Z"),
            ("1/5/2024 08:31:01 PM", "2024-05-01T20:31:01.000000Z"),
            ("05/31/2024 12:00:00 AM", "2024-05-31T00:00:00.000000Z"),
        ],
    )
    def test_a_time_is_read_in_every_writing(self, text: str, expected: str) -> None:
        assert iso(argus(StartTime=text).at_us) == expected

    @pytest.mark.parametrize(
        "text", ["", "12:00:00.325010", "2024/13/01 12:00:00", "2024/05/01 25:00:00", "soon", "-1"]
    )
    def test_a_row_without_a_time_is_bad(self, text: str) -> None:
        assert isinstance(decode(ARGUS, WEB.replace("2024/05/01 12:00:00.325010", text))[1], BadLine)

    def test_the_end_serves_where_the_start_is_missing_and_gives_the_duration(self) -> None:
        header = "first_seen,last_seen,src_ip,dst_ip,bytes"
        whole = event(header, "1714564800,1714564802.5,192.0.2.7,192.0.2.1,9")
        assert whole.more["event.duration"] == 2_500_000_000
        assert iso(event(header, ",1714564802,192.0.2.7,192.0.2.1,9").at_us) == "2024-05-01T12:00:02.000000Z"


NFDUMP = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt"
NFDUMP_ROW = "2024-05-01 12:00:00,2024-05-01 12:00:01,1.500,192.0.2.7,192.0.2.1,4022,80,TCP,.AP.SF,0,0,5,400,0,0"


class TestNetflow:
    @pytest.mark.parametrize(
        ("header", "row", "more"),
        [
            (NFDUMP, NFDUMP_ROW, {"event.duration": 1_500_000_000, "source.packets": 5, "flows.flg": ".AP.SF"}),
            (
                "    sIP|    dIP|sPort|dPort|pro|   packets|  bytes|   flags|                  sTime| duration|",
                "192.0.2.7|192.0.2.1| 4022|   80|  6|         5|    400| FS PA  |2024/05/01T12:00:00.000|    1.500|",
                {"event.duration": 1_500_000_000, "source.packets": 5, "flows.flags": "FS PA"},
            ),
            (
                "IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT,PROTOCOL,IN_BYTES,IN_PKTS,TCP_FLAGS,"
                "FLOW_DURATION_MILLISECONDS,FLOW_START_MILLISECONDS,Label,Attack",
                "192.0.2.7,4022,192.0.2.1,80,6,400,5,27,1500,1714564800000,1,DoS",
                {"event.duration": 1_500_000_000, "label.flow": 1, "label.attack": "DoS", "flows.TCP_FLAGS": 27},
            ),
            (
                "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
                "action log-status",
                "2 12 eni-1 192.0.2.7 192.0.2.1 4022 80 6 5 400 1714564800 1714564860 ACCEPT OK",
                {"event.duration": 60_000_000_000, "flows.interface-id": "eni-1", "flows.action": "ACCEPT"},
            ),
            (
                'Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, '
                'Flow Duration, Total Fwd Packets,Total Length of Fwd Packets,Idle Max, Label',
                '"a-b",192.0.2.7,4022,192.0.2.1,80,6,1/5/2024 12:00,1500000,5,400.0,Infinity,BENIGN',
                {"event.duration": 1_500_000_000, "flows.Idle Max": "Infinity", "label.flow": "BENIGN"},
            ),
            (
                "flowStartMilliseconds;sourceIPv4Address;sourceTransportPort;destinationIPv4Address;"
                "destinationTransportPort;protocolIdentifier;octetDeltaCount;packetDeltaCount",
                "1714564800000;192.0.2.7;4022;192.0.2.1;80;6;400;5",
                {"source.packets": 5},
            ),
        ],
        ids=["nfdump", "silk", "nprobe", "vpc", "cicflowmeter", "ipfix"],
    )  # fmt: skip
    def test_the_columns_of_many_tools_are_known(self, header: str, row: str, more: dict[str, FieldValue]) -> None:
        assert FlowsFormat().sniff(f"{header}\n{row}\n".encode(), "flows.csv") > 0.8
        found = event(header, row)
        assert iso(found.at_us) == "2024-05-01T12:00:00.000000Z"
        assert (found.dataset, found.transport) == ("flows.netflow", "tcp")
        assert (found.source_ip, found.source_port) == ("192.0.2.7", 4022)
        assert (found.destination_ip, found.destination_port) == ("192.0.2.1", 80)
        assert found.more["source.bytes"] == 400
        assert more.items() <= found.more.items()

    def test_the_summary_of_nfdump_is_nothing_until_another_table_begins(self) -> None:
        *_, summary, names, numbers, header, row = decode(
            NFDUMP, NFDUMP_ROW, "Summary", "flows,bytes,packets", "1,400,5", ARGUS, WEB
        )
        assert (summary, names, numbers, header) == (None, None, None, None)
        assert isinstance(row, Event)
        assert row.dataset == "flows.binetflow"

    def test_a_zero_that_only_means_unpaired_proves_nothing(self) -> None:
        found = event(NFDUMP, NFDUMP_ROW)
        assert found.outcome is None
        assert "destination.packets" not in found.more

    @pytest.mark.parametrize(
        ("flags", "outcome"),
        [("....S.", "failure"), ("0x02", "failure"), ("2", "failure"), (".AP.SF", None), ("", None)],
    )
    def test_a_syn_that_never_acknowledged_anything_was_not_answered(self, flags: str, outcome: str | None) -> None:
        assert event(NFDUMP, NFDUMP_ROW.replace(".AP.SF", flags)).outcome == outcome

    @pytest.mark.parametrize(
        ("protocol", "packets", "outcome"),
        [
            ("17", "0", "failure"),
            ("17", "1", "success"),
            ("6", "0", "failure"),
            ("6", "1", None),
            ("6", "2", "success"),
        ],
    )
    def test_where_flows_are_paired_the_packets_back_tell(
        self, protocol: str, packets: str, outcome: str | None
    ) -> None:
        header = "Timestamp,Src IP,Src Port,Dst IP,Dst Port,Protocol,Tot Fwd Pkts,Tot Bwd Pkts"
        assert event(header, f"1714564800,192.0.2.7,1,192.0.2.1,2,{protocol},3,{packets}").outcome == outcome

    def test_a_rejected_flow_was_not_answered(self) -> None:
        header = "srcaddr dstaddr srcport dstport protocol packets bytes start end action"
        found = event(header, "192.0.2.7 192.0.2.1 1 22 6 1 40 1714564800 1714564860 REJECT")
        assert found.outcome == "failure"
        assert event(header, "- - - - - - - 1714564800 1714564860 -").source_ip is None

    def test_numbers_in_any_writing_are_numbers(self) -> None:
        header = "stime,dur,srcip,sport,dstip,dsport,proto,service,sbytes,sload,note"
        found = event(header, "1714564800,2e-06,192.0.2.7,0,192.0.2.1,0,udp,-,12.0,5.28e+08,1e99999")
        assert (found.more["event.duration"], found.more["source.bytes"]) == (2_000, 12)
        assert (found.more["flows.sload"], found.more["flows.note"]) == (528_000_000.0, "1e99999")
        assert (found.source_port, found.protocol, "flows.sport" in found.more) == (None, None, False)

    def test_numbers_beyond_64_bits_are_kept_as_text(self) -> None:
        found = argus(Dur="999999999999", SrcBytes="9" * 30, SrcPkts="-1")
        assert found.more["flows.Dur"] == "999999999999"
        assert "event.duration" not in found.more
        assert "source.bytes" not in found.more


class TestLines:
    def test_a_row_of_another_width_is_bad(self) -> None:
        _, short, long, quoted = decode(ARGUS, WEB.rpartition(",")[0], WEB + ",x", '"' + WEB)
        assert isinstance(short, BadLine)
        assert short.reason == "15 cells where the header has 16"
        assert isinstance(long, BadLine)
        assert isinstance(quoted, BadLine)

    def test_rows_without_a_header_are_bad(self) -> None:
        assert all(isinstance(one, BadLine) for one in decode(WEB, WEB))

    def test_blank_lines_comments_and_repeated_headers_are_nothing(self) -> None:
        assert decode(ARGUS, "", "# a comment", ARGUS) == [None] * 4

    def test_a_line_too_long_for_a_flow_is_bad(self) -> None:
        assert isinstance(decode(ARGUS, WEB + "x" * MAX_FIELD_CHARS)[1], BadLine)

    def test_a_byte_order_mark_before_the_header_is_no_text(self) -> None:
        nothing, row = decode(b"\xef\xbb\xbf" + ARGUS.encode(), WEB)
        assert nothing is None
        assert row == event(ARGUS, WEB)

    def test_terminal_controls_are_replaced(self) -> None:
        found = argus(Label="a\x1b[2Jb")
        assert found.more["label.flow"] == "a\ufffd[2Jb"

    @given(cut=st.integers(0, 8))
    def test_a_file_resumed_at_any_line_gives_the_same_events(self, cut: int) -> None:
        text = ["", ARGUS, WEB, NFDUMP, NFDUMP_ROW, "Summary", "1,2,3", ARGUS, WEB]
        lines = [line.encode() for line in text]
        first = FlowsFormat().decoder(None, filename="", modified_us=0)
        before = first.decode(lines[:cut])
        kept = json.loads(json.dumps(first.state()))
        second = FlowsFormat().decoder(kept, filename="", modified_us=0)
        assert before + second.decode(lines[cut:]) == decode(*text)

    @given(
        pieces=st.lists(
            st.tuples(
                st.sampled_from([ARGUS.encode(), WEB.encode(), NFDUMP.encode(), NFDUMP_ROW.encode()]),
                st.integers(0, 130),
                st.integers(0, 30),
                st.binary(max_size=12) | st.sampled_from([b'"', b",", b"\t", b"1e999", b"-", "٣".encode(), b"\x00"]),
            ),
            max_size=10,
        ),
        noise=st.binary(max_size=100),
    )
    def test_no_content_makes_a_decoder_raise(
        self, pieces: list[tuple[bytes, int, int, bytes]], noise: bytes
    ) -> None:
        lines = [line[:start] + filling + line[start + length :] for line, start, length, filling in pieces]
        lines = [ARGUS.encode(), *lines, noise]
        FlowsFormat().sniff(b"\n".join(reversed(lines)), "x")
        decoder = FlowsFormat().decoder(None, filename="", modified_us=0)
        decoded = decoder.decode(lines)
        assert len(decoded) == len(lines)
        json.dumps(decoder.state())
        for one in decoded:
            assert one is None or isinstance(one, Event | BadLine)
            assert not isinstance(one, Event) or all(is_storable(value) for value in one.more.values())
