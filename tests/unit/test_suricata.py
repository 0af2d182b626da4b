"""Suricata's EVE events: what each type means in every version, and lines that lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import Decoded
from pandora_core.ingest.formats.suricata import SuricataFormat
from pandora_core.model import BadLine, Event, iso

AT = "2024-05-01T12:00:00.250000+0200"
ENDS = {"src_ip": "192.0.2.7", "src_port": 4022, "dest_ip": "198.51.100.9", "dest_port": 443, "proto": "TCP"}
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
TYPES = ["alert", "flow", "dns", "tls", "http", "ssh", "smb", "krb5", "anomaly", "fileinfo", "ftp", "netflow"]


def decode(*lines: str | bytes) -> list[Decoded]:
    decoder = SuricataFormat().decoder(None, filename="eve.json", modified_us=0)
    return decoder.decode([line.encode() if isinstance(line, str) else line for line in lines])


def event(event_type: str, **fields: Any) -> Event:
    (found,) = decode(json.dumps({"timestamp": AT, "event_type": event_type, **ENDS, **fields}))
    assert isinstance(found, Event), found
    return found


def only_reason(line: str | bytes) -> str:
    (found,) = decode(line)
    assert isinstance(found, BadLine), found
    return found.reason


def kept(found: Event, *names: str) -> tuple[Any, ...]:
    return tuple(found.more.get(name) for name in names)


class TestEveryEvent:
    def test_time_ends_and_transport(self):
        found = event("http", host="sensor-1", in_iface="eth0", flow_id=7, community_id="1:abc=")
        assert iso(found.at_us) == "2024-05-01T10:00:00.250000Z"
        assert (found.source_ip, found.source_port) == ("192.0.2.7", 4022)
        assert (found.destination_ip, found.destination_port, found.transport) == ("198.51.100.9", 443, "tcp")
        assert found.host is None
        assert found.more == {
            "observer.name": "sensor-1",
            "observer.ingress.interface.name": "eth0",
            "suricata.flow_id": 7,
            "network.community_id": "1:abc=",
        }

    def test_addresses_are_canonical(self):
        found = event("dns", src_ip="2001:0db8:0000:0000:0000:0000:0000:0001", dest_ip="::ffff:192.0.2.9")
        assert (found.source_ip, found.destination_ip) == ("2001:db8::1", "192.0.2.9")

    def test_an_unknown_type_keeps_everything(self):
        found = event("stats", stats={"decoder": {"pkts": 5, "deep": {"er": {"still": 1}}}, "list": [1, {"a": 2}]})
        assert (found.dataset, found.category, found.action) == ("suricata.stats", None, None)
        assert found.more == {
            "suricata.stats.decoder.pkts": 5,
            "suricata.stats.decoder.deep.er.still": 1,
            "suricata.stats.list": [1, '{"a":2}'],
        }

    def test_a_protocol_that_suricata_could_not_tell_is_kept_but_is_none(self):
        found = event("flow", app_proto="failed")
        assert found.protocol is None
        assert found.more["suricata.app_proto"] == "failed"

    def test_icmp_of_both_versions_has_a_type_and_code(self):
        found = event("flow", proto="IPv6-ICMP", icmp_type=128, icmp_code=0, src_port=None, dest_port=None)
        assert (found.transport, found.source_port) == ("icmp", None)
        assert kept(found, "icmp.type", "icmp.code") == (128, 0)

    def test_a_blank_line_is_nothing(self):
        assert decode("", "  \n") == [None, None]

    @pytest.mark.parametrize("line", ["{", "[]", "text", '{"event_type":"dns"', "null"])
    def test_broken_json_makes_a_bad_line(self, line):
        assert "JSON" in only_reason(line)

    @pytest.mark.parametrize("at", ["soon", None, "", True, [1]])
    def test_an_event_without_a_time_is_bad(self, at):
        assert "timestamp is not a time" in only_reason(json.dumps({"timestamp": at, "event_type": "dns"}))

    @pytest.mark.parametrize("event_type", [None, 5, "", ["dns"]])
    def test_a_record_without_a_type_is_bad(self, event_type):
        assert "no event_type" in only_reason(json.dumps({"timestamp": AT, "event_type": event_type}))

    def test_hostile_text_is_replaced_in_values_names_and_types(self):
        found = event("d\x1bns", http={"hostname": "a\u202eb\r", "k\u200b": "v"})
        assert found.dataset == "suricata.d_ns"
        assert found.more == {"url.domain": "a\ufffdb\ufffd", "suricata.http.k\ufffd": "v"}

    def test_nothing_is_remembered_between_lines(self):
        decoder = SuricataFormat().decoder(None, filename="", modified_us=0)
        decoder.decode([json.dumps({"timestamp": AT, "event_type": "dns"}).encode()])
        assert decoder.state() == {}


class TestAlert:
    @pytest.mark.parametrize(("written", "severity"), [(1, 3), (2, 2), (3, 1), (4, 0), (None, 1), ("x", 1)])
    def test_severity_is_turned_round(self, written, severity):
        assert event("alert", alert={"severity": written}).severity == severity

    def test_the_rule_is_named(self):
        alert = {"signature": "ET SCAN x", "signature_id": 2001, "rev": 3, "category": "Misc", "action": "allowed"}
        found = event("alert", alert=alert)
        assert (found.category, found.action, found.message) == ("intrusion_detection", "alert", "ET SCAN x")
        assert kept(found, "rule.name", "rule.id", "rule.category") == ("ET SCAN x", "2001", "Misc")
        assert found.more["suricata.alert.action"] == "allowed"

    def test_techniques_are_a_list(self):
        alert = {"metadata": {"mitre_technique_id": ["T1046"], "mitre_tactic_id": "TA0007"}}
        assert kept(event("alert", alert=alert), "threat.technique.id", "threat.tactic.id") == (["T1046"], ["TA0007"])

    def test_an_alert_carries_the_fields_of_its_protocol(self):
        http = {"hostname": "h.example", "url": "/a?b", "http_user_agent": "curl", "protocol": "HTTP/1.1"}
        dns = {"query": [{"type": "query", "rrname": "x.example", "rrtype": "A"}]}
        found = event("alert", alert={"severity": 1}, http=http, dns=dns, app_proto="http", flow={"pkts_toclient": 2})
        assert kept(found, "url.domain", "url.path", "url.query", "http.version") == ("h.example", "/a", "b", "1.1")
        assert kept(found, "dns.question.name", "destination.packets", "user_agent.original") == (
            "x.example",
            2,
            "curl",
        )
        assert found.protocol == "http"


class TestFlow:
    @pytest.mark.parametrize(
        ("state", "packets_back", "flags", "outcome"),
        [
            ("established", 9, "1b", "success"),
            ("closed", 9, "1f", "success"),
            ("closed", 2, "14", "failure"),
            ("closed", 1, "04", "failure"),
            ("new", 0, "00", "failure"),
            ("new", 2, "12", "success"),
            ("new", 2, "00", None),
            ("new", 0, None, "failure"),
            ("established", 3, None, "success"),
            ("bypassed", 0, None, None),
            ("bypassed", 5, "12", "success"),
            ("established", None, None, None),
            ("established", 3, "zz", "success"),
        ],
    )
    def test_the_state_and_flags_tell_whether_it_was_answered(self, state, packets_back, flags, outcome):
        tcp = {"tcp_flags_tc": flags} if flags else {}
        found = event("flow", flow={"state": state, "pkts_toclient": packets_back}, tcp=tcp)
        assert (found.category, found.action, found.outcome) == ("network", "connection", outcome)

    def test_its_time_is_when_it_began_and_its_log_time_is_kept(self):
        flow = {"start": "2024-05-01T11:59:58.000000+0200", "end": "2024-05-01T11:59:59.500000+0200", "age": 1}
        found = event("flow", flow={**flow, "pkts_toserver": 3, "bytes_toserver": 200, "bytes_toclient": 0})
        assert iso(found.at_us) == "2024-05-01T09:59:58.000000Z"
        assert kept(found, "event.duration", "suricata.timestamp") == (1_500_000_000, AT)
        assert kept(found, "source.packets", "source.bytes", "destination.bytes") == (3, 200, 0)

    @pytest.mark.parametrize("flow", [{}, {"start": "?"}, {"start": None}, 5])
    def test_without_a_beginning_it_has_the_time_it_was_logged(self, flow):
        assert iso(event("flow", flow=flow).at_us) == "2024-05-01T10:00:00.250000Z"

    def test_a_flow_that_is_still_open_has_no_duration(self):
        assert "event.duration" not in event("flow", flow={"start": AT}).more


class TestDns:
    @pytest.mark.parametrize(
        "dns",
        [
            {"type": "answer", "rrname": "x.example", "rrtype": "A", "rcode": "NOERROR", "rdata": "192.0.2.1"},
            {"version": 2, "type": "answer", "rrname": "x.example", "rrtype": "A", "rcode": "NOERROR",
             "answers": [{"rrname": "x.example", "rrtype": "A", "ttl": 5, "rdata": "192.0.2.1"}]},
            {"version": 2, "type": "answer", "rrname": "x.example", "rrtype": "A", "rcode": "NOERROR",
             "grouped": {"A": ["192.0.2.1"]}},
            {"version": 3, "type": "response", "queries": [{"rrname": "x.example", "rrtype": "A"}],
             "rcode": "NOERROR", "answers": [{"rrname": "x.example", "rrtype": "A", "ttl": 5, "rdata": "192.0.2.1"}]},
        ],
    )  # fmt: skip
    def test_an_answer_reads_the_same_in_every_version(self, dns):
        found = event("dns", dns=dns)
        assert (found.action, found.outcome, found.protocol) == ("dns-query", "success", "dns")
        assert kept(found, "dns.question.name", "dns.question.type") == ("x.example", "A")
        assert kept(found, "dns.response_code", "dns.answers") == ("NOERROR", ["192.0.2.1"])

    @pytest.mark.parametrize(
        "dns",
        [
            {"type": "query", "rrname": "x.example", "rrtype": "TXT"},
            {"version": 3, "type": "request", "queries": [{"rrname": "x.example", "rrtype": "TXT"}]},
        ],
    )
    def test_a_question_has_no_outcome_yet(self, dns):
        found = event("dns", dns=dns)
        assert (found.outcome, found.more.get("dns.answers")) == (None, None)
        assert kept(found, "dns.question.name", "dns.question.type") == ("x.example", "TXT")

    def test_a_name_that_does_not_exist_is_a_failure(self):
        assert event("dns", dns={"type": "answer", "rcode": "NXDOMAIN"}).outcome == "failure"

    def test_a_reply_is_about_the_client_that_asked(self):
        reply = {"src_ip": "192.0.2.53", "src_port": 53, "dest_ip": "192.0.2.7", "dest_port": 4022}
        found = event("dns", **reply, dns={"type": "answer", "rcode": "NOERROR"})
        assert (found.source_ip, found.source_port, found.destination_port) == ("192.0.2.7", 4022, 53)

    def test_an_answer_of_parts_is_kept_as_json_text(self):
        answers = [{"rrtype": "SSHFP", "sshfp": {"algo": 1}}, {"rdata": "x"}]
        found = event("dns", dns={"type": "answer", "answers": answers})
        assert found.more["dns.answers"] == ['{"rrtype":"SSHFP","sshfp":{"algo":1}}', "x"]


class TestProtocols:
    def test_tls(self):
        tls = {"sni": "h.example", "version": "TLS 1.2", "subject": "CN=h", "issuerdn": "CN=ca",
               "notbefore": "2020-01-01T00:00:00", "ja3": {"hash": "abc", "string": "1,2"}}  # fmt: skip
        found = event("tls", tls=tls)
        assert (found.action, found.outcome, found.protocol) == ("tls-handshake", "success", "tls")
        assert kept(found, "tls.server_name", "tls.version", "tls.ja3") == ("h.example", "TLSv12", "abc")
        assert kept(found, "tls.subject", "tls.issuer", "x509.not_before") == ("CN=h", "CN=ca", 1577836800.0)
        assert found.more["suricata.tls.ja3.string"] == "1,2"

    def test_http(self):
        http = {"hostname": "h.example", "url": "/a?b=c", "http_method": "GET", "status": 500, "length": 9}
        found = event("http", http={**http, "http_user_agent": "curl", "protocol": "HTTP/1.0"})
        assert (found.category, found.action, found.outcome) == ("web", "http-request", "failure")
        assert kept(found, "url.domain", "url.path", "url.query") == ("h.example", "/a", "b=c")
        assert kept(found, "http.request.method", "http.response.status_code") == ("GET", 500)
        assert event("http", http={"status": 200}).outcome == "success"
        assert event("http", http={}).outcome is None

    def test_ssh(self):
        found = event("ssh", ssh={"client": {"software_version": "libssh"}})
        assert (found.category, found.action, found.protocol) == ("network", "ssh-connection", "ssh")
        assert found.more == {"suricata.ssh.client.software_version": "libssh"}

    @pytest.mark.parametrize(
        ("krb5", "action", "outcome"),
        [
            ({"msg_type": "KRB_AS_REP"}, "kerberos-tgt", "success"),
            ({"msg_type": "KRB_TGS_REP"}, "kerberos-service", "success"),
            ({"msg_type": "KRB_ERROR", "failed_request": "KRB_TGS_REQ", "error_code": "KDC_ERR_S_OLD_MAST_KVNO"},
             "kerberos-service", "failure"),
            ({"msg_type": "KRB_ERROR", "failed_request": "KRB_AS_REQ", "error_code": "KDC_ERR_PREAUTH_REQUIRED"},
             "kerberos-tgt", None),
            ({"msg_type": "KRB_ERROR", "failed_request": "KRB_AS_REQ", "error_code": "KDC_ERR_PREAUTH_FAILED"},
             "kerberos-preauth", "failure"),
            ({"msg_type": "KRB_ERROR", "failed_request": "UNKNOWN", "error_code": "x"}, None, "failure"),
        ],
    )  # fmt: skip
    def test_krb5(self, krb5, action, outcome):
        named = {"cname": "bob", "realm": "LAB", "sname": "krbtgt/LAB", "encryption": "AES256_CTS_HMAC_SHA1_96"}
        found = event("krb5", krb5={**named, **krb5})
        assert (found.category, found.action, found.outcome) == ("authentication", action, outcome)
        assert (found.user, found.code) == ("bob", krb5.get("error_code"))
        assert kept(found, "service.name", "user.domain") == ("krbtgt/LAB", "LAB")
        assert found.more["kerberos.encryption"] == "aes256-cts-hmac-sha1-96"

    def test_krb5_placeholders_are_nothing(self):
        found = event("krb5", src_port=88, krb5={"msg_type": "KRB_ERROR", "cname": "<empty>", "encryption": "<none>"})
        assert (found.user, found.more.get("kerberos.encryption")) == (None, None)
        assert found.destination_port == 88

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            ("STATUS_SUCCESS", "success"),
            ("STATUS_LOGON_FAILURE", "failure"),
            ("STATUS_MORE_PROCESSING_REQUIRED", None),
        ],
    )
    def test_smb_log_on(self, status, outcome):
        ntlm = {"domain": "LAB", "user": "bob", "host": "WS1"}
        found = event("smb", smb={"command": "SMB2_COMMAND_SESSION_SETUP", "status": status, "ntlmssp": ntlm})
        assert (found.category, found.action, found.outcome) == ("authentication", "logon", outcome)
        assert (found.user, found.source_domain, found.code) == ("bob", "WS1", status)
        assert kept(found, "user.domain", "authentication.method") == ("LAB", "ntlm")

    def test_smb_shares_and_files(self):
        share = event("smb", smb={"command": "SMB2_COMMAND_TREE_CONNECT", "share": "\\\\fs\\C$"})
        assert (share.action, share.more["share.name"]) == ("share-mapped", "\\\\fs\\C$")
        create = {"command": "SMB2_COMMAND_CREATE", "filename": "dir\\x.exe", "status": "STATUS_SUCCESS"}
        opened = event("smb", smb={**create, "disposition": "FILE_OPEN"})
        assert (opened.category, opened.action, opened.outcome) == ("file", "file-opened", "success")
        assert kept(opened, "file.name", "file.path") == ("x.exe", "dir\\x.exe")
        assert event("smb", smb={**create, "disposition": "FILE_CREATE"}).action == "file-written"
        assert event("smb", smb={**create, "access": "delete on close"}).action == "file-deleted"
        assert event("smb", smb={**create, "command": "SMB1_COMMAND_WRITE_ANDX"}).action == "file-written"
        assert event("smb", smb={"command": "SMB2_COMMAND_NEGOTIATE"}).action is None

    def test_anomaly(self):
        named = event("anomaly", anomaly={"type": "applayer", "event": "NO_TLS", "layer": "proto_parser"})
        assert (named.category, named.action) == ("intrusion_detection", "anomaly")
        assert named.more["rule.name"] == "NO_TLS"
        assert event("anomaly", anomaly={"type": "packet", "code": 7}).more["rule.name"] == "packet 7"

    def test_fileinfo(self):
        found = event(
            "fileinfo", fileinfo={"filename": "/a/b.exe", "size": 9, "sha256": "ab"}, http={"url": "/a/b.exe"}
        )
        assert (found.category, found.action) == ("file", "file-seen")
        assert kept(found, "file.name", "file.path", "file.size") == ("b.exe", "/a/b.exe", 9)
        assert kept(found, "file.hash.sha256", "url.path") == ("ab", "/a/b.exe")

    def test_an_ftp_password_is_not_kept(self):
        assert event("ftp", ftp={"command": "PASS", "command_data": "hunter2"}).more == {
            "suricata.ftp.command": "PASS",
            "suricata.ftp.command_data": "<hidden>",
        }


class TestSniffing:
    @pytest.mark.parametrize(
        "head",
        [
            '{"timestamp":"2024-05-01T12:00:00.0+0200","event_type":"dns"}',
            'cut":1}\n\n{"timestamp":"x","flow_id":1,"event_type":"flow"}\n{"timest',
            'rubbish\n{"event_type":"stats","timestamp":"x"}\n',
            '{"timestamp":"2024-05-01T12:00:00.0+0200","flow_id":1,"event_type":"stats","x":"' + "y" * 70_000,
        ],
    )
    def test_eve_is_recognised_by_content(self, head):
        assert SuricataFormat().sniff(head.encode()[:65_536], "any.name") > 0.5

    @pytest.mark.parametrize(
        "head",
        [
            "",
            "text",
            '{"ts":1.0,"uid":"C1"}',
            '{"timestamp":"x","rule":{"level":3},"data":{"event_type":"alert","timestamp":"x"}}',
            '{"timestamp":"x","level":"info"}',
            '{"event_type":5,"timestamp":"x"}',
        ],
    )
    def test_other_logs_are_not_taken_for_eve(self, head):
        assert SuricataFormat().sniff(head.encode(), "eve.json") == 0.0


class TestHostileLines:
    @given(st.lists(st.binary(max_size=200), max_size=8))
    def test_any_bytes_give_one_result_a_line(self, lines):
        assert len(decode(*lines)) == len(lines)

    @given(st.sampled_from(TYPES), st.sampled_from([*TYPES, "timestamp", "src_ip", "proto", "app_proto"]), JSON)
    def test_any_json_value_in_any_place_never_raises(self, event_type, name, value):
        (found,) = decode(json.dumps({"timestamp": AT, "event_type": event_type, **ENDS, name: value}))
        assert isinstance(found, Event | BadLine)
        if isinstance(found, Event):
            assert all(isinstance(item, str | int | float | bool | list) for item in found.more.values())

    @given(
        st.sampled_from(TYPES),
        st.dictionaries(
            st.sampled_from(["answers", "queries", "query", "answer", "grouped", "rdata", "rcode", "start", "end"]),
            JSON,
        ),
    )
    def test_any_json_value_inside_a_protocol_never_raises(self, event_type, inner):
        (found,) = decode(json.dumps({"timestamp": AT, "event_type": event_type, "dns": inner, "flow": inner}))
        assert isinstance(found, Event | BadLine)

    @given(st.integers(0, 200))
    def test_a_line_cut_anywhere_is_explained(self, length):
        line = json.dumps({"timestamp": AT, "event_type": "dns", **ENDS, "dns": {"rrname": "x.example"}})
        (found,) = decode(line[:length])
        assert found is None if length == 0 else isinstance(found, BadLine) or length >= len(line)
