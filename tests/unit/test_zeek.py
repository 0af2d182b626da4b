"""Zeek's logs: headers and rows, JSON records, what each log means, and lines that lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES, Decoded
from pandora_core.ingest.formats.suricata import SuricataFormat
from pandora_core.ingest.formats.zeek import ZeekFormat
from pandora_core.model import BadLine, Event, iso

ENDS = {"id.orig_h": "192.0.2.7", "id.orig_p": 4022, "id.resp_h": "198.51.100.9", "id.resp_p": 443}
CONN_FIELDS = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "service": "string",
    "duration": "interval",
    "orig_bytes": "count",
    "conn_state": "string",
    "local_orig": "bool",
    "tunnel_parents": "set[string]",
}
CONN_ROW = "1700000000.000250\tCa1\t192.0.2.7\t4022\t198.51.100.9\t443\ttcp\tssl\t1.5\t900\tSF\tT\t(empty)"


def header(path: str, fields: dict[str, str], separator: str = "\t") -> list[str]:
    lines = [
        ("#set_separator", ","),
        ("#empty_field", "(empty)"),
        ("#unset_field", "-"),
        ("#path", path),
        ("#open", "2024-01-01-00-00-00"),
        ("#fields", *fields),
        ("#types", *fields.values()),
    ]
    return [f"#separator \\x{ord(separator):02x}", *(separator.join(cells) for cells in lines)]


CONN = header("conn", CONN_FIELDS)

LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
PLACES = ["ts", "_path", "id", "id.orig_h", "id.orig_p", "proto", "conn_state", "uri", "rcode", "answers", "tx_hosts"]


def decode(*lines: str | bytes, filename: str = "x.log", modified_us: int = 77) -> list[Decoded]:
    decoder = ZeekFormat().decoder(None, filename=filename, modified_us=modified_us)
    return decoder.decode([line.encode() if isinstance(line, str) else line for line in lines])


def only_event(*lines: str | bytes, filename: str = "x.log") -> Event:
    (found,) = [result for result in decode(*lines, filename=filename) if result is not None]
    assert isinstance(found, Event), found
    return found


def only_reason(*lines: str | bytes) -> str:
    (found,) = [result for result in decode(*lines) if result is not None]
    assert isinstance(found, BadLine), found
    return found.reason


def record(log: str | None = None, *, filename: str = "x.log", **fields: Any) -> Event:
    """The event of a JSON record; ``__`` in a keyword stands for a dot."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    path = {"_path": log} if log else {}
    return only_event(json.dumps({**path, "ts": 1.5, **named}), filename=filename)


class TestRows:
    def test_a_conn_row_becomes_a_connection(self):
        found = only_event(*CONN, CONN_ROW)
        assert iso(found.at_us) == "2023-11-14T22:13:20.000250Z"
        assert (found.dataset, found.category, found.action) == ("zeek.conn", "network", "connection")
        assert (found.source_ip, found.source_port) == ("192.0.2.7", 4022)
        assert (found.destination_ip, found.destination_port) == ("198.51.100.9", 443)
        assert (found.transport, found.protocol, found.outcome) == ("tcp", "ssl", "success")
        assert (found.host, found.user, found.count) == (None, None, 1)
        assert found.more == {
            "zeek.conn.uid": "Ca1",
            "event.duration": 1_500_000_000,
            "source.bytes": 900,
            "zeek.conn.conn_state": "SF",
            "zeek.conn.local_orig": True,
        }

    def test_headers_comments_and_blank_lines_are_nothing(self):
        assert decode(*CONN, "", "   ", "#close\t2024-01-01-00-00-00", "# a note") == [None] * (len(CONN) + 4)

    def test_a_log_with_an_empty_body_has_no_events(self):
        assert not any(decode(*CONN, "#close\t2024-01-01-00-00-00"))

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            *((state, "success") for state in ("SF", "S1", "S2", "S3", "RSTO", "RSTR")),
            *((state, "failure") for state in ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR")),
            ("OTH", None),
            ("-", None),
            ("new-in-zeek-9", None),
        ],
    )
    def test_the_connection_state_tells_whether_it_was_answered(self, state, outcome):
        assert only_event(*CONN, CONN_ROW.replace("\tSF\t", f"\t{state}\t")).outcome == outcome

    def test_unset_and_empty_values_are_left_out(self):
        row = "1.0\t-\t192.0.2.7\t-\t198.51.100.9\t-\t-\t(empty)\t-\t-\t-\t-\t-"
        found = only_event(*CONN, row)
        assert (found.source_port, found.transport, found.protocol) == (None, None, None)
        assert found.more == {}

    def test_values_are_typed_by_the_header(self):
        fields = {
            "ts": "time", "n": "count", "i": "int", "d": "double", "v": "interval", "b": "bool", "s": "string",
            "a": "addr", "p": "port", "ss": "set[string]", "vc": "vector[count]", "old": "table[enum]", "t": "time",
        }  # fmt: skip
        row = "1.0\t5\t-7\t0.5\t2.25\tF\t12\t::1\t80\ta,b\t1,-,3\tX::Y\t9.5"
        assert only_event(*header("mine", fields), row).more == {
            "zeek.mine.n": 5,
            "zeek.mine.i": -7,
            "zeek.mine.d": 0.5,
            "zeek.mine.v": 2.25,
            "zeek.mine.b": False,
            "zeek.mine.s": "12",
            "zeek.mine.a": "::1",
            "zeek.mine.p": 80,
            "zeek.mine.ss": ["a", "b"],
            "zeek.mine.vc": [1, 3],
            "zeek.mine.old": ["X::Y"],
            "zeek.mine.t": 9.5,
        }

    def test_a_value_that_is_not_of_its_type_is_kept_as_text_under_its_native_name(self):
        row = CONN_ROW.replace("\t900\t", "\tmany\t").replace("\tT\t", "\tmaybe\t").replace("\t1.5\t", "\tnan\t")
        more = only_event(*CONN, row).more
        assert more["zeek.conn.orig_bytes"] == "many"
        assert more["zeek.conn.local_orig"] == "maybe"
        assert more["zeek.conn.duration"] == "nan"
        assert not {"source.bytes", "event.duration"} & more.keys()

    def test_a_number_beyond_64_bits_is_kept_as_text(self):
        enormous = "9" * 30
        more = only_event(*CONN, CONN_ROW.replace("\t900\t", f"\t{enormous}\t")).more
        assert more["zeek.conn.orig_bytes"] == enormous
        assert "source.bytes" not in more

    def test_an_address_or_port_that_is_none_is_kept_natively(self):
        row = CONN_ROW.replace("192.0.2.7", "host.example").replace("\t4022\t", "\t93145\t")
        found = only_event(*CONN, row)
        assert (found.source_ip, found.source_port) == (None, None)
        assert found.more["zeek.conn.id.orig_h"] == "host.example"
        assert found.more["zeek.conn.id.orig_p"] == "93145"

    def test_addresses_are_canonical(self):
        row = CONN_ROW.replace("192.0.2.7", "::ffff:192.0.2.7").replace("198.51.100.9", "2001:DB8::0:1")
        found = only_event(*CONN, row)
        assert (found.source_ip, found.destination_ip) == ("192.0.2.7", "2001:db8::1")

    def test_icmp_has_a_type_and_code_instead_of_ports(self):
        found = only_event(*CONN, CONN_ROW.replace("\ttcp\t", "\ticmp\t").replace("\t4022\t", "\t8\t"))
        assert (found.source_port, found.destination_port) == (None, None)
        assert (found.more["icmp.type"], found.more["icmp.code"]) == (8, 443)

    def test_port_zero_is_a_port(self):
        assert only_event(*CONN, CONN_ROW.replace("\t4022\t", "\t0\t")).source_port == 0

    @pytest.mark.parametrize("ts", ["22.333203", "4102444800.000001", "-1.5", "0.000000"])
    def test_weird_times_are_kept_as_they_are(self, ts):
        assert only_event(*CONN, CONN_ROW.replace("1700000000.000250", ts)).at_us == round(float(ts) * 1e6)

    @pytest.mark.parametrize("ts", ["yesterday", "nan", "inf", "1e300", "(empty)", ""])
    def test_what_is_no_time_makes_a_bad_line(self, ts):
        assert "ts is not a time" in only_reason(*CONN, CONN_ROW.replace("1700000000.000250", ts))

    @pytest.mark.parametrize(("change", "found"), [("\textra\tcolumns", 15), ("", 12)])
    def test_a_wrong_number_of_columns_makes_a_bad_line_that_says_both_numbers(self, change, found):
        row = CONN_ROW + change if change else CONN_ROW.rpartition("\t")[0]
        assert only_reason(*CONN, row) == f"expected 13 columns, found {found}"

    def test_empty_columns_at_the_end_that_have_no_name_are_let_pass(self):
        assert only_event(*CONN, CONN_ROW + "\t\t") == only_event(*CONN, CONN_ROW)

    def test_a_line_end_of_another_system_is_no_part_of_the_last_value(self):
        row = CONN_ROW.replace("(empty)", "Cparent")
        lines = [line + "\r\n" for line in (*CONN, row)]
        assert only_event(*lines).more["zeek.conn.tunnel_parents"] == ["Cparent"]


class TestHeaders:
    def test_rows_before_any_header_are_bad_and_not_guessed_at(self):
        assert "no #fields header" in only_reason(CONN_ROW)

    def test_a_header_may_change_inside_a_file(self):
        dns = header("dns", {"ts": "time", "query": "string", "rcode": "count"})
        results = [found for found in decode(*CONN, CONN_ROW, *dns, "2.0\tx.example\t3", *CONN, CONN_ROW) if found]
        assert [found.dataset for found in results if isinstance(found, Event)] == [
            "zeek.conn",
            "zeek.dns",
            "zeek.conn",
        ]

    def test_fields_may_change_without_a_new_log(self):
        more = only_event(*CONN, "#fields\tts\tnew", "#types\ttime\tcount", "1.0\t5").more
        assert more == {"zeek.conn.new": 5}

    def test_stray_white_space_before_a_header_is_ignored(self):
        assert only_event(f"\t{CONN[0]}", *(f"  {line}" for line in CONN[1:]), CONN_ROW).dataset == "zeek.conn"

    @pytest.mark.parametrize("first", ["#separator\t\\x09", "#separator \\t", "#separator \t"])
    def test_the_tab_may_be_written_in_several_ways(self, first):
        assert only_event(first, *CONN[1:], CONN_ROW) == only_event(*CONN, CONN_ROW)

    def test_another_separator_is_honoured(self):
        fields = {"ts": "time", "query": "string", "answers": "vector[string]"}
        lines = header("dns", fields, separator="|")
        lines[1] = "#set_separator|;"
        found = only_event(*lines, "1.0|a b,c|x;y")
        assert found.more == {"dns.question.name": "a b,c", "dns.answers": ["x", "y"]}

    def test_other_words_for_unset_and_empty_are_honoured(self):
        lines = [line.replace("unset_field\t-", "unset_field\tNIL").replace("(empty)", "VOID") for line in CONN]
        row = CONN_ROW.replace("\tssl\t", "\tNIL\t").replace("(empty)", "VOID").replace("\tCa1\t", "\t-\t")
        found = only_event(*lines, row)
        assert found.protocol is None
        assert found.more["zeek.conn.uid"] == "-"
        assert "zeek.conn.tunnel_parents" not in found.more

    def test_label_columns_are_kept_under_label(self):
        fields = {**CONN_FIELDS, "label": "string", "detailedlabel": "string"}
        more = only_event(*header("conn", fields), f"{CONN_ROW}\tMalicious\tC&C-x").more
        assert (more["label.class"], more["label.detail"]) == ("Malicious", "C&C-x")

    def test_label_columns_that_are_set_off_by_three_spaces_are_columns_too(self):
        lines = [
            line.replace("tunnel_parents", "tunnel_parents   label   detailed-label").replace(
                "set[string]", "set[string]   string   string"
            )
            for line in CONN
        ]
        more = only_event(*lines, f"{CONN_ROW}   Malicious   PartOfAHorizontalPortScan").more
        assert (more["label.class"], more["label.detail"]) == ("Malicious", "PartOfAHorizontalPortScan")
        assert "label.detail" not in only_event(*lines, f"{CONN_ROW}   Benign   -").more
        assert "expected 15 columns" in only_reason(*lines, CONN_ROW)

    def test_a_log_without_a_path_is_told_by_its_fields(self):
        lines = [line for line in CONN if not line.startswith("#path")]
        assert only_event(*lines, CONN_ROW).dataset == "zeek.conn"

    def test_a_hostile_path_cannot_get_into_field_names(self):
        lines = header("co\x1b[31mnn/../x", {"ts": "time", "a.b": "string"})
        found = only_event(*lines, "1.0\tv")
        assert found.dataset == "zeek.co__31mnn____x"
        assert found.more == {"zeek.co__31mnn____x.a.b": "v"}

    def test_types_that_are_missing_leave_text(self):
        assert only_event(*CONN[:-1], CONN_ROW).more["zeek.conn.local_orig"] == "T"

    def test_a_header_with_endless_columns_is_refused(self):
        reason = only_reason("#fields\t" + "\t".join(map(str, range(5000))), "x\ty")
        assert "5000 columns, more than" in reason

    def test_rows_without_a_time_take_the_last_one_seen_else_that_of_the_file(self):
        scripts = header("loaded_scripts", {"name": "string"})
        results = [
            found.at_us for found in decode(*scripts, "a", *CONN, CONN_ROW, *scripts, "b") if isinstance(found, Event)
        ]
        assert results == [77, 1700000000000250, 1700000000000250]


class TestText:
    def test_escapes_of_the_writer_are_undone(self):
        fields = {"ts": "time", "query": "string", "answers": "vector[string]"}
        row = r"1.0" + "\t" + r"\xc3\xa9\\x\x09y" + "\t" + r"a\x2cb,c\\d"
        found = only_event(*header("dns", fields), row)
        assert found.more == {"dns.question.name": "é\\x\ty", "dns.answers": ["a,b", "c\\d"]}

    def test_a_literal_dash_is_not_unset(self):
        assert only_event(*header("dns", {"ts": "time", "query": "string"}), "1.0\t\\x2d").more == {
            "dns.question.name": "-"
        }

    @pytest.mark.parametrize("text", ["\\x1b[31m", "\x1b[31m", "a\u202eb", "\\xe2\\x80\\xae", "a\\x0db", "\x7f"])
    def test_hostile_text_is_replaced_whether_escaped_or_not(self, text):
        found = only_event(*header("dns", {"ts": "time", "query": "string"}), f"1.0\t{text}")
        query = found.more["dns.question.name"]
        assert isinstance(query, str)
        assert "\ufffd" in query
        assert not set(query) & set("\x1b\u202e\r\x7f")

    def test_bytes_that_are_no_utf_8_are_replaced(self):
        found = only_event(*header("dns", {"ts": "time", "query": "string"}), b"1.0\t\xff\xfe")
        assert found.more["dns.question.name"] == "\ufffd\ufffd"

    def test_a_long_field_is_cut_and_says_so(self):
        found = only_event(*header("dns", {"ts": "time", "query": "string"}), "1.0\t" + "x" * (MAX_FIELD_CHARS + 5))
        assert str(found.more["dns.question.name"]).endswith("… (+5 characters)")

    def test_an_endless_line_is_bad(self):
        assert "bytes, more than" in only_reason(*CONN, "x" * (MAX_LINE_BYTES + 1))

    def test_passwords_are_not_kept(self):
        fields = {"ts": "time", "user": "string", "password": "string"}
        assert "hunter2" not in str(only_event(*header("ftp", fields), "1.0\tbob\thunter2"))
        assert record("ftp", password="hunter2").more == {"zeek.ftp.password": "<hidden>"}


class TestRecords:
    def test_a_record_gives_the_same_event_as_a_row(self):
        row = only_event(*CONN, CONN_ROW)
        fields = {**ENDS, "uid": "Ca1", "proto": "tcp", "service": "ssl", "duration": 1.5, "orig_bytes": 900}
        fields |= {"conn_state": "SF", "local_orig": True, "tunnel_parents": []}
        assert only_event(json.dumps({"_path": "conn", "ts": 1700000000.00025, **fields})) == row

    def test_nested_ends_are_understood(self):
        nested = {"orig_h": "192.0.2.7", "orig_p": 4022, "resp_h": "198.51.100.9", "resp_p": 443}
        assert record("conn", id=nested, conn_state="S0") == record("conn", **dict(dotted(ENDS)), conn_state="S0")

    def test_the_id_of_a_certificate_is_no_pair_of_ends(self):
        found = record("x509", id="Fabc", certificate__subject="CN=x")
        assert found.source_ip is None
        assert found.more == {"zeek.x509.id": "Fabc", "x509.subject": "CN=x"}

    @pytest.mark.parametrize(
        ("ts", "at"),
        [
            (1577836800.25, "2020-01-01T00:00:00.250000Z"),
            ("2020-01-01T00:00:00.250000Z", "2020-01-01T00:00:00.250000Z"),
            ("2020-01-01T02:00:00.25+0200", "2020-01-01T00:00:00.250000Z"),
            ("1577836800.25", "2020-01-01T00:00:00.250000Z"),
            (1577836800250, "2020-01-01T00:00:00.250000Z"),
            (22, "1970-01-01T00:00:22.000000Z"),
        ],
    )
    def test_times_may_be_numbers_text_or_milliseconds(self, ts, at):
        assert iso(only_event(json.dumps({"ts": ts, "uid": "C1"})).at_us) == at

    @pytest.mark.parametrize("ts", ["soon", True, [1], {"a": 1}, 1e300, -1e300])
    def test_what_is_no_time_makes_a_bad_line(self, ts):
        assert "ts is not a time" in only_reason(json.dumps({"ts": ts, "uid": "C1"}))

    @pytest.mark.parametrize(
        "line", ["{", '{"ts":1.0', '{"ts":1.0}}', '{"a":' * 100_000, '{"ts":NaN}', '{"ts":1.0,}', "{}x"]
    )
    def test_broken_json_makes_a_bad_line(self, line):
        assert "JSON" in only_reason(line)

    def test_a_record_with_endless_fields_is_bad(self):
        assert "5000 fields" in only_reason(json.dumps({str(number): 1 for number in range(5000)}))

    def test_a_record_without_a_time_takes_the_last_one_seen_else_that_of_the_file(self):
        results = decode('{"name":"a"}', '{"ts":5.0,"uid":"C"}', '{"name":"b"}', filename="loaded_scripts.log")
        assert [(found.dataset, found.at_us) for found in results if isinstance(found, Event)] == [
            ("zeek.loaded_scripts", 77),
            ("zeek.loaded_scripts", 5_000_000),
            ("zeek.loaded_scripts", 5_000_000),
        ]

    def test_values_of_other_types_than_promised_are_kept_natively(self):
        found = record("conn", proto=["tcp"], orig_bytes="12", resp_bytes={"x": 1}, duration="long", id__orig_h=5)
        assert found.source_ip is None
        assert found.more == {
            "zeek.conn.proto": ["tcp"],
            "source.bytes": 12,
            "zeek.conn.resp_bytes.x": 1,
            "zeek.conn.duration": "long",
            "zeek.conn.id.orig_h": 5,
        }

    def test_null_empty_and_enormous_values_are_harmless(self):
        found = record(
            "conn", uid=None, service="", history=[], orig_pkts=2**70, deep={"a": {"b": [1, None, {"c": 2}]}}
        )
        assert found.more == {"zeek.conn.orig_pkts": str(2**70), "zeek.conn.deep.a.b": [1, '{"c":2}']}

    def test_hostile_text_and_names_are_replaced(self):
        found = only_event(
            '{"ts":1.0,"_path":"dns","query":"a\\u001b[31m\\rb","k\\u202e":"v","long":"' + "x" * 20_000 + '"}'
        )
        assert found.more["dns.question.name"] == "a\ufffd[31m\ufffdb"
        assert found.more["zeek.dns.k\ufffd"] == "v"
        assert len(str(found.more["zeek.dns.long"])) < 17_000

    def test_rows_and_records_may_share_a_file(self):
        results = [
            found.dataset for found in decode(*CONN, '{"_path":"dns","ts":1.0}', CONN_ROW) if isinstance(found, Event)
        ]
        assert results == ["zeek.dns", "zeek.conn"]


class TestLogNames:
    @pytest.mark.parametrize(
        ("fields", "log"),
        [
            ("proto conn_state", "conn"),
            ("proto trans_id rejected query", "dns"),
            ("trans_depth method host request_body_len", "http"),
            ("trans_depth helo mailfrom", "smtp"),
            ("resumed established", "ssl"),
            ("certificate.serial", "x509"),
            ("auth_attempts client", "ssh"),
            ("cookie security_protocol cert_count", "rdp"),
            ("request_type client service", "kerberos"),
            ("username hostname domainname", "ntlm"),
            ("path share_type", "smb_mapping"),
            ("action name size", "smb_files"),
            ("endpoint operation rtt", "dce_rpc"),
            ("fuid seen_bytes source", "files"),
            ("note msg actions", "notice"),
            ("name notice peer", "weird"),
            ("mac msg_types", "dhcp"),
            ("tunnel_type action", "tunnel"),
        ],
    )
    def test_a_record_without_a_path_is_told_by_its_fields(self, fields, log):
        line = json.dumps({"ts": 1.0, "uid": "C1", **dict.fromkeys(fields.split(), "x")})
        assert only_event(line, filename="misleading.log").dataset == f"zeek.{log}"

    @pytest.mark.parametrize(
        ("filename", "log"),
        [
            ("conn.log", "conn"),
            ("/logs/conn.2024-01-01-10-00-00.log.gz", "conn"),
            ("conn.10:00:00-11:00:00.log.gz", "conn"),
            ("conn_20240101.log", "conn"),
            ("2024-01-01-conn.json", "conn"),
            ("smb_files.json", "smb_files"),
            ("C:\\logs\\dce_rpc.log", "dce_rpc"),
            ("x509.log.labeled", "x509"),
            ("2024.log", "unknown"),
            ("", "unknown"),
        ],
    )
    def test_otherwise_by_the_name_of_its_file(self, filename, log):
        assert only_event('{"ts":1.0,"odd":1}', filename=filename).dataset == f"zeek.{log}"

    def test_the_path_of_the_record_comes_first(self):
        assert record("mine", filename="conn.log", proto="tcp", conn_state="SF").dataset == "zeek.mine"

    def test_an_unknown_log_keeps_its_fields_and_ends(self):
        found = record("s7comm", **dict(dotted(ENDS)), function="read")
        assert (found.category, found.action, found.source_ip) == (None, None, "192.0.2.7")
        assert found.more == {"zeek.s7comm.function": "read"}


class TestMeanings:
    def test_dns(self):
        found = record(
            "dns", query="x.example", qtype_name="A", rcode=3, rcode_name="NXDOMAIN", answers=["192.0.2.1"]
        )
        assert (found.category, found.action, found.outcome) == ("network", "dns-query", "failure")
        assert found.more["dns.question.name"] == "x.example"
        assert found.more["dns.question.type"] == "A"
        assert found.more["dns.response_code"] == "NXDOMAIN"
        assert found.more["dns.answers"] == ["192.0.2.1"]
        assert record("dns", rcode=0).outcome == "success"
        assert record("dns", query="x").outcome is None

    def test_http(self):
        found = record(
            "http", method="GET", host="h.example", uri="/a?b=c?", status_code=404, user_agent="curl", username="bob"
        )
        assert (found.category, found.action, found.outcome, found.user) == ("web", "http-request", "failure", "bob")
        assert found.more == {
            "http.request.method": "GET",
            "url.domain": "h.example",
            "http.response.status_code": 404,
            "user_agent.original": "curl",
            "url.path": "/a",
            "url.query": "b=c?",
        }
        assert record("http", status_code=302).outcome == "success"

    def test_ssl(self):
        found = record("ssl", server_name="h.example", version="TLSv12", established=False, subject="CN=h", ja3="abc")
        assert (found.action, found.outcome, found.protocol) == ("tls-handshake", "failure", "tls")
        assert found.more["tls.server_name"] == "h.example"
        assert found.more["tls.subject"] == "CN=h"
        assert found.more["tls.ja3"] == "abc"
        assert record("ssl", established=True).outcome == "success"

    def test_x509_times_are_seconds_however_they_are_written(self):
        number = record("x509", certificate__not_valid_before=1577836800.0).more
        text = record("x509", certificate__not_valid_before="2020-01-01T00:00:00.000000Z").more
        assert number == text == {"x509.not_before": 1577836800.0}

    def test_ssh_is_a_log_on_only_with_a_verdict(self):
        assert (record("ssh", auth_success=False).action, record("ssh", auth_success=False).outcome) == (
            "logon",
            "failure",
        )
        found = record("ssh", kex_alg="curve25519-sha256")
        assert (found.category, found.action, found.outcome) == ("network", "ssh-connection", None)
        assert found.more == {"ssh.kex": "curve25519-sha256"}

    def test_rdp(self):
        found = record("rdp", cookie="bob", client_name="WS1")
        assert (found.action, found.user, found.source_domain, found.more) == ("rdp-connection", "bob", "WS1", {})

    @pytest.mark.parametrize(
        ("request_type", "success", "error", "action", "outcome"),
        [
            ("AS", True, None, "kerberos-tgt", "success"),
            ("TGS", False, "KDC_ERR_S_PRINCIPAL_UNKNOWN", "kerberos-service", "failure"),
            ("AS", False, "KDC_ERR_PREAUTH_REQUIRED", "kerberos-tgt", None),
            ("AS", False, "KDC_ERR_PREAUTH_FAILED", "kerberos-preauth", "failure"),
            ("AS", None, None, "kerberos-tgt", None),
        ],
    )
    def test_kerberos(self, request_type, success, error, action, outcome):
        found = record("kerberos", request_type=request_type, client="bob/LAB", success=success, error_msg=error)
        assert (found.category, found.action, found.outcome) == ("authentication", action, outcome)
        assert (found.user, found.more["user.domain"], found.code) == ("bob", "LAB", error)

    def test_kerberos_service_and_cipher(self):
        found = record("kerberos", request_type="TGS", service="cifs/fs1", cipher="rc4-hmac")
        assert (found.protocol, found.more["service.name"], found.more["kerberos.encryption"]) == (
            "kerberos", "cifs/fs1", "rc4-hmac",
        )  # fmt: skip

    def test_ntlm(self):
        found = record(
            "ntlm", username="bob", hostname="WS1", domainname="LAB", server_nb_computer_name="FS1", success=True
        )
        assert (found.category, found.action, found.outcome) == ("authentication", "logon", "success")
        assert (found.user, found.source_domain, found.destination_domain) == ("bob", "WS1", "FS1")
        assert found.more["authentication.method"] == "ntlm"

    def test_smb(self):
        share = record("smb_mapping", path="\\\\fs1\\ADMIN$", service="A:")
        assert (share.action, share.more["share.name"], share.protocol) == ("share-mapped", "\\\\fs1\\ADMIN$", "smb")
        file = record("smb_files", action="SMB::FILE_WRITE", path="\\\\fs1\\C$", name="dir\\x.exe", size=9)
        assert (file.category, file.action) == ("file", "file-written")
        assert file.more["file.name"] == "x.exe"
        assert file.more["file.path"] == "\\\\fs1\\C$\\dir\\x.exe"
        assert (file.more["share.name"], file.more["file.size"]) == ("\\\\fs1\\C$", 9)
        assert record("smb_files", action="SMB::PIPE_WRITE").action == "file-seen"

    def test_dce_rpc(self):
        found = record("dce_rpc", endpoint="svcctl", operation="CreateServiceW")
        assert found.action == "rpc-call"
        assert found.more == {"rpc.endpoint": "svcctl", "rpc.operation": "CreateServiceW"}

    def test_the_sender_of_a_file_is_its_source(self):
        old = record("files", fuid="F1", tx_hosts=["198.51.100.9"], rx_hosts=["192.0.2.7"], sha1="ab", source="HTTP")
        new = record("files", fuid="F1", **dict(dotted(ENDS)), is_orig=False)
        assert (old.source_ip, old.destination_ip, old.protocol) == ("198.51.100.9", "192.0.2.7", "http")
        assert (new.source_ip, new.source_port, new.destination_ip) == ("198.51.100.9", 443, "192.0.2.7")
        assert record("files", **dict(dotted(ENDS)), is_orig=True).source_ip == "192.0.2.7"
        assert (old.action, old.more["file.hash.sha1"]) == ("file-seen", "ab")

    def test_a_notice_is_an_alert_about_its_source(self):
        found = record("notice", note="SSH::Password_Guessing", msg="guessing", src="192.0.2.7", p=22)
        assert (found.category, found.action, found.severity) == ("intrusion_detection", "alert", 2)
        assert (found.source_ip, found.destination_port, found.message) == ("192.0.2.7", 22, "guessing")
        assert found.more["rule.name"] == "SSH::Password_Guessing"
        assert record("notice", note="CaptureLoss::Too_Much_Loss").severity == 0
        assert record("notice", note="Mine::Own").severity == 1

    def test_weird_is_an_anomaly(self):
        found = record("weird", name="bad_TCP_checksum", peer="zeek")
        assert (found.category, found.action) == ("intrusion_detection", "anomaly")
        assert found.more["rule.name"] == "bad_TCP_checksum"

    def test_dhcp_old_and_new(self):
        new = record(
            "dhcp",
            client_addr="192.0.2.7",
            server_addr="192.0.2.1",
            mac="00:11",
            host_name="ws1",
            assigned_addr="192.0.2.7",
        )
        old = record("dhcp", **dict(dotted(ENDS)), mac="00:11", assigned_ip="192.0.2.7")
        assert (new.action, new.source_ip, new.destination_ip) == ("dhcp-lease", "192.0.2.7", "192.0.2.1")
        assert (new.more["client.mac"], new.more["client.hostname"]) == ("00:11", "ws1")
        assert new.more["client.assigned_ip"] == old.more["client.assigned_ip"] == "192.0.2.7"
        assert old.source_ip == "192.0.2.7"


class TestState:
    def test_a_decoder_goes_on_from_its_state_in_the_middle_of_a_file(self):
        lines = [line.encode() for line in (*CONN, CONN_ROW, CONN_ROW, '{"name":"x"}', CONN_ROW)]
        whole = ZeekFormat().decoder(None, filename="x.log", modified_us=77).decode(lines)
        for cut in range(len(lines) + 1):
            before = ZeekFormat().decoder(None, filename="x.log", modified_us=77)
            head = before.decode(lines[:cut])
            state = json.loads(json.dumps(before.state()))
            after = ZeekFormat().decoder(state, filename="x.log", modified_us=99)
            assert head + after.decode(lines[cut:]) == whole


class TestSniffing:
    @pytest.mark.parametrize(
        ("head", "filename", "sure"),
        [
            ("\n".join(CONN), "anything", 0.9),
            ("\n\nrubbish\n\t" + "\n".join(CONN), "x", 0.9),
            (CONN[6] + "\n", "x", 0.9),
            (f"0\tcut\n{CONN_ROW.replace('Ca1', 'CHhAvVGS1DHFjwGM9')}\n", "x", 0.5),
            ('{"ts":1.0,"uid":"C1","id.orig_h":"192.0.2.7"}', "x", 0.9),
            ('{"ts":1.0,"id":{"orig_h":"192.0.2.7"}}', "x", 0.9),
            ('ut":1}\n\n{"ts":1.0,"_path":"dns"}\n{"ts":1.0,"uid', "x", 0.9),
            ('{"ts":1.0,"peer":"zeek","pkts_proc":5}', "x", 0.9),
            ('{"ts":1.0,"odd":"x"}', "capture_loss.log", 0.5),
            ('{"name":"/opt/zeek/base/init.zeek"}', "loaded_scripts.log", 0.5),
            ('{"ts":1.0,"uid":"' + "x" * 70_000, "x", 0.5),
        ],
    )
    def test_zeek_is_recognised(self, head, filename, sure):
        assert ZeekFormat().sniff(head.encode()[:65_536], filename) >= sure

    @pytest.mark.parametrize(
        "head",
        [
            "",
            "Lorem ipsum dolor sit amet",
            "# just a comment\n#another",
            '{"timestamp":"2024-01-01T00:00:00.0+0000","event_type":"flow","src_ip":"192.0.2.7"}',
            '{"@timestamp":"2024-01-01T00:00:00Z","winlog":{"event_id":4624},"host":{"name":"x"}}',
            '{"timestamp":"2024-01-01T00:00:00Z","rule":{"level":3},"agent":{"id":"1"},"data":{"ts":1.0,"uid":"C1"}}',
            '{"__REALTIME_TIMESTAMP":"1","MESSAGE":"{\\"ts\\":1.0,\\"uid\\":\\"C1\\"}"}',
            '{"name":"x"}',
            "StartTime,Dur,Proto,SrcAddr\n2024/01/01,1,tcp,192.0.2.7",
            "Jan  1 00:00:00 host sshd[1]: Accepted password",
        ],
    )
    def test_other_logs_are_not_taken_for_zeek(self, head):
        assert ZeekFormat().sniff(head.encode(), "conn.log") < 0.5

    def test_zeek_and_suricata_are_never_both_sure(self):
        zeek, eve = b'{"ts":1.0,"uid":"C1"}\n', b'{"timestamp":"2024-01-01T00:00:00Z","event_type":"dns"}\n'
        assert ZeekFormat().sniff(zeek, "") > 0.5 > SuricataFormat().sniff(zeek, "")
        assert SuricataFormat().sniff(eve, "") > 0.5 > ZeekFormat().sniff(eve, "")


class TestHostileLines:
    @given(st.lists(st.binary(max_size=200), max_size=8))
    def test_any_bytes_give_one_result_a_line(self, lines):
        decoder = ZeekFormat().decoder(None, filename="conn.log", modified_us=0)
        decoder.decode([line.encode() for line in CONN])
        assert len(decoder.decode(lines)) == len(lines)
        json.dumps(decoder.state())

    @given(st.lists(st.text("\t#-,:\\x0123456789abT(emptyfidsz.\x00\x1b\ufffe\u202e", max_size=60), max_size=8))
    def test_lines_that_look_like_headers_and_rows_never_raise(self, lines):
        decoder = ZeekFormat().decoder(None, filename="conn.log", modified_us=0)
        encoded = [
            text.encode() for line in lines for text in (f"#fields\t{line}", f"#types\t{line}", f"#{line}", line)
        ]
        assert len(decoder.decode(encoded)) == len(encoded)

    @given(
        JSON, st.sampled_from(PLACES), st.sampled_from(["conn", "dns", "http", "files", "notice", "kerberos", "dhcp"])
    )
    def test_any_json_value_in_any_place_never_raises(self, value, name, log):
        (result,) = decode(json.dumps({"ts": 1.0, "_path": log, name: value}))
        assert isinstance(result, Event | BadLine)
        if isinstance(result, Event):
            assert all(isinstance(kept, str | int | float | bool | list) for kept in result.more.values())

    @given(st.integers(0, 400), st.booleans())
    def test_a_line_cut_anywhere_is_an_event_or_explained(self, length, as_json):
        line = (
            json.dumps({"ts": 1.0, "uid": "C1", **ENDS, "proto": "tcp", "conn_state": "S0"}) if as_json else CONN_ROW
        )
        result = decode(*CONN, line[:length])[-1]
        assert result is None or isinstance(result, Event) or (isinstance(result, BadLine) and result.reason)

    @given(st.binary(max_size=300), st.text(max_size=30))
    def test_sniffing_anything_gives_a_probability(self, head, filename):
        assert 0.0 <= ZeekFormat().sniff(head, filename) <= 1.0
        assert 0.0 <= SuricataFormat().sniff(head, filename) <= 1.0


def dotted(ends: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names with dots as keywords of ``record``."""
    return [(name.replace(".", "__"), value) for name, value in ends.items()]
