"""Wazuh alerts and the AIT alert tables: who, where, how bad; rows by the rules of CSV; nothing hostile passes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import MAX_FIELD_CHARS, Decoded
from pandora_core.ingest.formats.wazuh import AIT_COLUMNS, WazuhFormat
from pandora_core.model import BadLine, Event, from_iso

HEADER = b"time,name,ip,host,short,time_label,event_label\n"
ROW = b"1642213952,Wazuh: ClamAV database update,192.0.2.81,mail,W-Sys-Cav,false_positive,-\n"


def decode(*lines: bytes, state: dict[str, Any] | None = None) -> list[Decoded]:
    return WazuhFormat().decoder(state, filename="", modified_us=0).decode(lines)


def event(line: bytes) -> Event:
    (decoded,) = decode(line)
    assert isinstance(decoded, Event), decoded
    return decoded


def reason(line: bytes) -> str:
    (decoded,) = decode(line)
    assert isinstance(decoded, BadLine), decoded
    return decoded.reason


def alert(data: dict[str, Any] | None = None, **fields: Any) -> bytes:
    document: dict[str, Any] = {
        "timestamp": "2023-01-01T00:00:00.123+0000",
        "rule": {
            "level": 5,
            "description": "sshd: authentication failed.",
            "id": "5716",
            "mitre": {"id": ["T1110"], "tactic": ["Credential Access"], "technique": ["Brute Force"]},
            "firedtimes": 2,
            "groups": ["syslog", "sshd"],
        },
        "agent": {"id": "001", "name": "web-1", "ip": "192.0.2.20"},
        "manager": {"name": "siem"},
        "full_log": "Jan  1 00:00:00 web-1 sshd[1]: Failed password for ann from 192.0.2.9 port 50123 ssh2",
        "location": "/var/log/auth.log",
    }
    if data is not None:
        document["data"] = data
    return json.dumps({**document, **fields}).encode()


class TestAlerts:
    def test_an_alert_says_what_where_and_how_bad(self) -> None:
        found = event(alert())
        assert (found.dataset, found.category, found.action) == ("wazuh.alert", "intrusion_detection", "alert")
        assert found.at_us == from_iso("2023-01-01T00:00:00.123")
        assert (found.host, found.more["host.ip"], found.severity) == ("web-1", "192.0.2.20", 1)
        assert found.message is not None
        assert found.message.endswith("port 50123 ssh2")

    def test_the_rule_and_its_techniques_have_ecs_names(self) -> None:
        expected = {
            "rule.name": "sshd: authentication failed.",
            "rule.id": "5716",
            "rule.category": "syslog, sshd",
            "threat.technique.id": ["T1110"],
            "threat.technique.name": ["Brute Force"],
            "threat.tactic.name": ["Credential Access"],
            "wazuh.rule.firedtimes": 2,
            "wazuh.manager.name": "siem",
            "wazuh.location": "/var/log/auth.log",
        }
        assert expected.items() <= event(alert()).more.items()

    def test_one_technique_as_text_becomes_a_list(self) -> None:
        found = event(alert(rule={"level": 3, "id": "1", "mitre": {"id": "T1110", "tactic": "Impact"}}))
        assert found.more["threat.technique.id"] == ["T1110"]
        assert found.more["threat.tactic.name"] == ["Impact"]

    @pytest.mark.parametrize(
        ("level", "severity"),
        [
            (0, 0),
            (3, 0),
            (4, 1),
            (6, 1),
            (7, 2),
            (9, 2),
            (10, 3),
            (11, 3),
            (12, 4),
            (15, 4),
            ("12", 4),
            (None, 0),
            (True, 0),
        ],
    )
    def test_levels_become_severities(self, level: Any, severity: int) -> None:
        assert event(alert(rule={"level": level, "id": "1"})).severity == severity

    def test_both_sides_are_taken_from_the_data(self) -> None:
        data = {
            "srcip": "::ffff:192.0.2.9",
            "srcport": "50123",
            "dstip": "192.0.2.20",
            "dstport": "22",
            "protocol": "TCP",
        }
        found = event(alert({**data, "srcuser": "eve", "dstuser": "ann"}))
        assert (found.source_ip, found.source_port) == ("192.0.2.9", 50123)
        assert (found.destination_ip, found.destination_port, found.transport) == ("192.0.2.20", 22, "tcp")
        assert (found.user, found.more["wazuh.data.srcuser"]) == ("ann", "eve")

    def test_the_source_user_serves_where_no_other_is_named(self) -> None:
        assert event(alert({"srcuser": "eve"})).user == "eve"

    def test_sides_of_suricata_alerts_are_understood(self) -> None:
        data = {"src_ip": "192.0.2.9", "src_port": "1", "dest_ip": "192.0.2.20", "dest_port": 22, "proto": "UDP"}
        found = event(alert({**data, "alert": {"signature": "ET X"}}))
        assert (found.source_ip, found.source_port, found.destination_ip) == ("192.0.2.9", 1, "192.0.2.20")
        assert (found.destination_port, found.transport) == (22, "udp")
        assert found.more["wazuh.data.alert.signature"] == "ET X"

    def test_a_method_in_the_protocol_of_a_web_log_is_no_transport(self) -> None:
        found = event(alert({"protocol": "GET", "srcip": "web-2", "srcport": "0"}))
        assert (found.transport, found.source_ip, found.source_port) == (None, None, None)
        assert found.more["wazuh.data.srcip"] == "web-2"

    def test_a_windows_event_keeps_the_names_it_has_in_windows_logs(self) -> None:
        windows = {
            "system": {
                "eventID": "4625",
                "channel": "Security",
                "computer": "dc1",
                "providerName": "P",
                "eventRecordID": "7",
            },
            "eventdata": {
                "targetUserName": "ann",
                "ipAddress": "192.0.2.9",
                "ipPort": "0",
                "logonType": "3",
                "status": "-",
            },
        }
        found = event(alert({"win": windows}))
        assert (found.code, found.user, found.source_ip, found.source_port) == ("4625", "ann", "192.0.2.9", None)
        expected = {
            "winlog.event_data.TargetUserName": "ann",
            "winlog.logon.type": 3,
            "winlog.channel": "Security",
            "winlog.provider": "P",
            "winlog.record_id": "7",
            "wazuh.data.win.eventdata.targetUserName": "ann",
        }
        assert expected.items() <= found.more.items()
        assert "winlog.event_data.Status" not in found.more

    def test_an_address_of_any_is_kept_as_it_is(self) -> None:
        assert event(alert(agent={"name": "a", "ip": "any"})).more["host.ip"] == "any"

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b"{", "not a JSON object"),
            (b'{"timestamp":"2023-01-01T00:00:00.1+0000"}', "without a rule"),
            (alert(timestamp=None), "no timestamp"),
            (alert(timestamp="soon\x1b[2J"), "not a time: 'soon\ufffd[2J'"),
            (b'{"rule":' + b'{"a":' * 50_000, "nested too deeply"),
        ],
    )
    def test_a_reason_says_what_is_wrong(self, line: bytes, why: str) -> None:
        assert why in reason(line)

    def test_control_characters_never_reach_an_event(self) -> None:
        found = event(alert({"dstuser": "a\x1b[2J\u202e"}, full_log="x\x07y", location="\x9b1m"))
        assert (found.user, found.message) == ("a\ufffd[2J\ufffd", "x\ufffdy")
        assert found.more["wazuh.location"] == "\ufffd1m"

    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    names = st.sampled_from(["rule", "agent", "data", "timestamp", "full_log", "manager"])
    deep = st.sampled_from(
        ["win", "srcip", "srcport", "dstuser", "protocol", "eventdata", "system", "mitre", "level", "ip", "name"]
    )

    @given(name=names, value=values | st.dictionaries(deep, values | st.dictionaries(deep, values)))
    def test_no_content_makes_a_decoder_fail(self, name: str, value: Any) -> None:
        (found,) = decode(alert(**{name: value}) if name != "data" else alert(value))
        assert isinstance(found, Event | BadLine)
        msgspec.msgpack.encode(found)


class TestTables:
    def test_a_row_becomes_an_alert(self) -> None:
        nothing, found = decode(HEADER, ROW)
        assert nothing is None
        assert isinstance(found, Event)
        assert (found.dataset, found.category, found.action) == ("ait.alert", "intrusion_detection", "alert")
        assert (found.at_us, found.host, found.severity) == (from_iso("2022-01-15T02:32:32"), "mail", 0)
        assert found.more == {
            "rule.name": "Wazuh: ClamAV database update",
            "rule.category": "Wazuh",
            "rule.id": "W-Sys-Cav",
            "host.ip": "192.0.2.81",
            "label.time": "false_positive",
        }

    @pytest.mark.parametrize(
        ("cell", "name", "tool"),
        [
            (b"Suricata: Alert - ET INFO x", "Suricata: Alert - ET INFO x", "Suricata"),
            (b'"AMiner: a, b and ""c"""', 'AMiner: a, b and "c"', "AMiner"),
            (b"no tool", "no tool", None),
        ],
    )
    def test_names_follow_the_rules_of_csv(self, cell: bytes, name: str, tool: str | None) -> None:
        found = event(b"1,%b,192.0.2.1,mail,X,recon,scan" % cell)
        assert (found.more["rule.name"], found.more.get("rule.category")) == (name, tool)
        assert (found.more["label.time"], found.more["label.event"]) == ("recon", "scan")

    def test_columns_in_another_order_follow_their_header(self) -> None:
        header = b"host,time,name,ip,short,event_label,time_label\r\n"
        row = b"mail,1642213952,n,192.0.2.1,S,label,phase\r\n"
        decoder = WazuhFormat().decoder(None, filename="", modified_us=0)
        (_, found) = decoder.decode([header, row])
        assert isinstance(found, Event)
        assert (found.host, found.more["label.time"], found.more["label.event"]) == ("mail", "phase", "label")
        resumed = WazuhFormat().decoder(json.loads(json.dumps(decoder.state())), filename="", modified_us=0)
        assert resumed.decode([row]) == [found]

    def test_the_header_is_the_state(self) -> None:
        decoder = WazuhFormat().decoder(None, filename="", modified_us=0)
        assert decoder.state() == {}
        decoder.decode([HEADER])
        assert decoder.state() == {"columns": list(AIT_COLUMNS)}

    def test_a_table_without_its_header_is_read_in_the_usual_order(self) -> None:
        assert event(ROW).host == "mail"

    def test_a_header_again_is_nothing(self) -> None:
        first, row, again, last = decode(HEADER, ROW, HEADER, ROW)
        assert (first, again) == (None, None)
        assert row == last

    def test_blank_lines_are_nothing(self) -> None:
        assert decode(b"", b"\n", b" \r\n") == [None, None, None]

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b"1,2,3", "3 columns where an alert has 7"),
            (b"1,a,b,c,d,e,f,g", "8 columns"),
            (b'1,"open,b,c,d,e,f', "not a CSV row"),
            (b'1,"a"b,c,d,e,f,g', "not a CSV row"),
            (b"soon,a,b,c,d,e,f", "not a time in seconds: 'soon'"),
            (b"-5,a,b,c,d,e,f", "not a time in seconds"),
            (b"999999999999,a,b,c,d,e,f", "not a time in seconds"),
            (b"\xd9\xa1,a,b,c,d,e,f", "not a time in seconds"),
            (b"1," + b"x" * (1 << 20) + b",b,c,d,e,f", "longer than"),
        ],
    )
    def test_a_reason_says_what_is_wrong(self, line: bytes, why: str) -> None:
        assert why in reason(line)

    def test_an_open_quote_does_not_swallow_the_next_row(self) -> None:
        bad, good = decode(b'1,"open,b,c,d,e,f\n', ROW)
        assert isinstance(bad, BadLine)
        assert isinstance(good, Event)

    def test_control_characters_never_reach_an_event(self) -> None:
        found = event("1,a\x1b[2Jb\u202ec,192.0.2.1,m\x9bx,S,t,e".encode())
        assert (found.more["rule.name"], found.host) == ("a\ufffd[2Jb\ufffdc", "m\ufffdx")

    def test_long_names_are_cut(self) -> None:
        found = event(b"1," + b"x" * 30_000 + b",192.0.2.1,mail,S,t,e")
        assert len(str(found.more["rule.name"])) < MAX_FIELD_CHARS + 40

    @given(line=st.binary() | st.text().map(str.encode))
    def test_no_line_makes_a_decoder_fail(self, line: bytes) -> None:
        for one in (line, b'1,"' + line + b'",b,c,d,e,f', b"{" + line):
            (found,) = decode(one)
            assert found is None or isinstance(found, Event | BadLine)


class TestSniffing:
    @pytest.mark.parametrize(
        "head", [HEADER, HEADER + ROW * 5 + ROW[:10], b"\xef\xbb\xbf" + HEADER.strip() + b"\r\n" + ROW]
    )
    def test_a_table_is_recognised_by_its_header(self, head: bytes) -> None:
        assert WazuhFormat().sniff(head, "x.txt") > 0.9

    def test_alerts_are_recognised(self) -> None:
        assert WazuhFormat().sniff(b"\n".join([alert(), alert({"win": {}}), b'{"cut']), "alerts.json") > 0.9

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"time,name,ip,host",
            b"Dur,SrcAddr,Sport,DstAddr,Dport,Proto,Label",
            b'{"timestamp":"2024-01-01T00:00:00.1+0000","event_type":"alert","alert":{"rule":1}}',
            b'{"Event":{"System":{"EventID":1}}}',
            b'{"timestamp":"x","rule":"text","agent":{}}',
        ],
    )
    def test_other_logs_are_not_claimed(self, line: bytes) -> None:
        assert WazuhFormat().sniff(b"\n".join([line] * 3) + b"\n", "alerts.json") == 0
