"""Windows events: every shape of a record means the same, ids mean what Microsoft says, nothing hostile passes."""

from __future__ import annotations

import json
import sys
from subprocess import run
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES
from pandora_core.ingest.formats.windows import WindowsFormat, WindowsXmlFormat
from pandora_core.ingest.formats.windows_events import dataset_of
from pandora_core.model import BadLine, Event, from_iso

AT = "2024-03-05T09:10:11.123456Z"
SUCCESS, FAILURE = "0x8020000000000000", "0x8010000000000000"
SID = "S-1-5-21-1-2-3-1104"
LOGON = {
    "SubjectUserName": "-",
    "TargetUserName": "ann",
    "TargetDomainName": "CORP",
    "TargetLogonId": "0x3e7",
    "LogonType": "3",
    "IpAddress": "::ffff:192.0.2.9",
    "IpPort": "50123",
    "WorkstationName": "WS-9",
    "AuthenticationPackageName": "NTLM",
    "ElevatedToken": "%%1842",
}


def decode(*lines: bytes) -> list[Event | BadLine | None]:
    return WindowsFormat().decoder(None, filename="", modified_us=0).decode(lines)


def event(line: bytes) -> Event:
    (decoded,) = decode(line)
    assert isinstance(decoded, Event), decoded
    return decoded


def reason(line: bytes) -> str:
    (decoded,) = decode(line)
    assert isinstance(decoded, BadLine), decoded
    return decoded.reason


def evtx(
    event_id: int,
    data: dict[str, Any] | None = None,
    channel: str | None = "Security",
    provider: str = "",
    **system: Any,
) -> bytes:
    """A record in the shape of the evtx parser."""
    record = {
        "Provider": {"#attributes": {"Name": provider or "Microsoft-Windows-Security-Auditing", "Guid": "{1}"}},
        "EventID": event_id,
        "Level": 0,
        "Keywords": SUCCESS,
        "TimeCreated": {"#attributes": {"SystemTime": AT}},
        "EventRecordID": 77,
        "Correlation": None,
        "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
        "Channel": channel,
        "Computer": "dc1.corp.example",
        "Security": {"#attributes": {"UserID": SID}},
    }
    return json.dumps({"Event": {"System": {**record, **system}, "EventData": data}}, separators=(",", ":")).encode()


def user_data(event_id: int, channel: str, provider: str, values: dict[str, Any]) -> bytes:
    document = json.loads(evtx(event_id, None, channel, provider))
    document["Event"]["UserData"] = {"Wrapper": {"#attributes": {"xmlns": "urn:x"}, **values}}
    return json.dumps(document).encode()


def nxlog(event_id: int, data: dict[str, Any] | None = None, channel: str = "Security", **system: Any) -> bytes:
    record = {
        "EventTime": "2024-03-05 04:10:11",
        "Hostname": "dc1.corp.example",
        "Keywords": -9214364837600034816,
        "EventType": "AUDIT_SUCCESS",
        "EventID": event_id,
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Channel": channel,
        "RecordNumber": 77,
    }
    return json.dumps({**record, **system, **(data or {})}).encode()


def winlogbeat(event_id: int, data: dict[str, Any] | None = None, **winlog: Any) -> bytes:
    document = {
        "@timestamp": "2024-03-05T09:10:11.123Z",
        "event": {"code": str(event_id), "action": "logged-in", "kind": "event"},
        "winlog": {
            "channel": "Security",
            "provider_name": "Microsoft-Windows-Security-Auditing",
            "event_id": str(event_id),
            "record_id": 77,
            "computer_name": "dc1.corp.example",
            "keywords": ["Audit Success"],
            "event_data": data,
            **winlog,
        },
        "agent": {"type": "winlogbeat"},
    }
    return json.dumps(document).encode()


def xml(event_id: int, data: dict[str, str] | None = None, channel: str = "Security") -> bytes:
    values = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in (data or {}).items())
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='Microsoft-Windows-Security-Auditing' Guid='{{1}}'/><EventID>{event_id}</EventID>"
        f"<Keywords>{SUCCESS}</Keywords><TimeCreated SystemTime='2024-03-05T09:10:11.1234560Z'/>"
        "<EventRecordID>77</EventRecordID><Correlation/><Execution ProcessID='4' ThreadID='8'/>"
        f"<Channel>{channel}</Channel><Computer>dc1.corp.example</Computer><Security/></System>"
        f"<EventData>{values}</EventData></Event>"
    ).encode()


SHAPES = {"evtx": evtx, "nxlog": nxlog, "winlogbeat": winlogbeat, "xml": xml}


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_log_on_means_the_same_in_every_shape(self, shape: str) -> None:
        found = event(SHAPES[shape](4624, LOGON))
        assert (found.dataset, found.category, found.action) == ("windows.security", "authentication", "logon")
        assert (found.outcome, found.code, found.host) == ("success", "4624", "dc1.corp.example")
        assert (found.user, found.more["user.domain"]) == ("ann", "CORP")
        assert (found.source_ip, found.source_port, found.source_domain) == ("192.0.2.9", 50123, "WS-9")
        assert found.more["winlog.logon.type"] == 3
        assert found.more["authentication.method"] == "NTLM"
        assert found.more["winlog.event_data.TargetLogonId"] == "0x3e7"
        assert found.more["winlog.event_data.ElevatedToken"] == "%%1842"
        assert found.more["winlog.channel"] == "Security"
        assert found.more["winlog.provider"] == "Microsoft-Windows-Security-Auditing"
        assert found.more["winlog.record_id"] == 77

    @pytest.mark.parametrize("shape", SHAPES)
    def test_unset_values_are_left_out(self, shape: str) -> None:
        found = event(SHAPES[shape](4624, {**LOGON, "IpAddress": "-", "IpPort": "-", "WorkstationName": ""}))
        assert (found.source_ip, found.source_port, found.source_domain) == (None, None, None)
        assert not any(value in ("", "-", None) for value in found.more.values())

    def test_one_file_may_mix_shapes(self) -> None:
        decoded = decode(*(make(4624, LOGON) for make in SHAPES.values()), b"", b"  \r\n")
        assert [getattr(one, "user", None) for one in decoded] == ["ann"] * 4 + [None] * 2
        assert decoded[-2:] == [None, None]

    def test_zero_and_false_are_values(self) -> None:
        found = event(evtx(1, {"Initiated": False, "Count": 0, "Name": None}))
        assert found.more["winlog.event_data.Initiated"] is False
        assert found.more["winlog.event_data.Count"] == 0
        assert "winlog.event_data.Name" not in found.more

    def test_unnamed_data_is_numbered(self) -> None:
        found = event(evtx(9, {"Data": {"#text": ["one", "-", "three"]}, "Binary": "00FF"}))
        assert found.more["winlog.event_data.param1"] == "one"
        assert found.more["winlog.event_data.param3"] == "three"
        assert "winlog.event_data.param2" not in found.more
        assert found.more["winlog.event_data.Binary"] == "00FF"

    def test_unnamed_data_in_xml_is_numbered_too(self) -> None:
        line = xml(9).replace(b"<EventData></EventData>", b"<EventData><Data>one</Data><Data>two</Data></EventData>")
        assert event(line).more["winlog.event_data.param2"] == "two"

    def test_user_data_is_event_data_without_its_wrapper(self) -> None:
        found = event(user_data(1102, "Security", "Microsoft-Windows-Eventlog", {"SubjectUserName": "ann"}))
        assert (found.category, found.action, found.user) == ("configuration", "log-cleared", "ann")
        assert found.more["winlog.event_data.SubjectUserName"] == "ann"

    def test_a_classic_id_keeps_its_qualifiers(self) -> None:
        found = event(evtx(7, EventID={"#attributes": {"Qualifiers": 16384}, "#text": 7036}))
        assert (found.code, found.more["winlog.qualifiers"]) == ("7036", 16384)

    def test_a_classic_id_in_xml_keeps_them_too(self) -> None:
        found = event(xml(9).replace(b"<EventID>9<", b"<EventID Qualifiers='16384'>7036<"))
        assert (found.code, found.more["winlog.qualifiers"]) == ("7036", "16384")

    def test_a_rendered_message_is_the_message(self) -> None:
        line = xml(9).replace(
            b"</Event>", b"<RenderingInfo Culture='en-US'><Message>It is so.</Message></RenderingInfo></Event>"
        )
        assert event(line).message == "It is so."

    def test_winlogbeat_6_lays_its_fields_at_the_top(self) -> None:
        document = {
            "@timestamp": "2019-05-18T21:02:05.283Z",
            "beat": {"hostname": "wec"},
            "log_name": "Security",
            "source_name": "Microsoft-Windows-Security-Auditing",
            "event_id": 4624,
            "computer_name": "dc1.corp.example",
            "record_number": "77",
            "event_data": LOGON,
            "message": "An account was logged on.",
        }
        found = event(json.dumps(document).encode())
        assert (found.action, found.user, found.host) == ("logon", "ann", "dc1.corp.example")
        assert (found.message, found.more["beat.hostname"]) == ("An account was logged on.", "wec")

    def test_a_shipper_s_own_words_never_pass_for_ours(self) -> None:
        found = event(winlogbeat(4999))
        assert (found.action, found.more["winlogbeat.event.action"]) == (None, "logged-in")

    def test_ecs_values_of_winlogbeat_serve_where_the_id_gives_none(self) -> None:
        document = json.loads(winlogbeat(4999))
        document |= {"user": {"name": "eve"}, "source": {"ip": "192.0.2.1", "port": 5}}
        found = event(json.dumps(document).encode())
        assert (found.user, found.source_ip, found.source_port) == ("eve", "192.0.2.1", 5)
        assert "user.name" not in found.more

    def test_fields_of_nxlog_itself_are_no_event_data(self) -> None:
        found = event(
            nxlog(4624, LOGON, SourceModuleName="in", AccountName="SYSTEM", Domain="NT AUTHORITY", tags=["lab"])
        )
        assert found.more["nxlog.SourceModuleName"] == "in"
        assert found.more["winlog.user.name"] == "SYSTEM"
        assert found.more["tags"] == ["lab"]
        assert found.user == "ann"

    def test_an_event_type_of_sysmon_is_not_that_of_nxlog(self) -> None:
        system = {"channel": "Microsoft-Windows-Sysmon/Operational", "EventType": "DeleteValue"}
        found = event(nxlog(12, {"TargetObject": "HKLM\\x"}, **system))
        assert (found.action, found.more["winlog.event_data.EventType"]) == ("registry-deleted", "DeleteValue")

    def test_nested_values_of_nxlog_are_flattened(self) -> None:
        found = event(nxlog(4624, {**LOGON, "Extra": {"a": {"b": 1}}, "List": [{"c": 2}, None]}))
        assert found.more["winlog.event_data.Extra.a.b"] == 1
        assert found.more["winlog.event_data.List"] == ['{"c":2}']


class TestXmlFraming:
    FRAMES = (
        ("with its end", lambda one: one),
        ("without its end", lambda one: one.removesuffix(b"</Event>")),
        ("after a declaration", lambda one: b"<?xml version='1.0' encoding='utf-8'?>\r\n<Events>\r\n" + one),
        ("after a byte order mark", lambda one: b"\xef\xbb\xbf" + one),
        ("over lines", lambda one: b"\r\n" + one.replace(b"><", b">\r\n  <")),
        ("with blank elements", lambda one: one.replace(b"<Correlation/>", b"<Correlation>\r\n</Correlation>")),
    )

    @pytest.mark.parametrize("frame", [frame for _, frame in FRAMES], ids=[name for name, _ in FRAMES])
    def test_a_record_may_arrive_in_many_frames(self, frame: Any) -> None:
        found = event(frame(xml(4624, LOGON)))
        assert (found.action, found.user, found.source_ip) == ("logon", "ann", "192.0.2.9")
        assert found.at_us == from_iso(AT)

    @pytest.mark.parametrize("rest", [b"</Events>", b"\r\n</Events>\r\n", b"\n", b"<?xml version='1.0'?><Events>"])
    def test_what_is_left_around_records_is_nothing(self, rest: bytes) -> None:
        assert WindowsXmlFormat().decoder(None, filename="", modified_us=0).decode([rest]) == [None]

    @pytest.mark.parametrize(
        "bomb",
        [
            b"<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>",
            b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
            b"<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x []>",
        ],
    )
    def test_a_document_type_is_refused(self, bomb: bytes) -> None:
        assert reason(bomb + xml(4624)) == "XML with a document type declaration is refused"

    def test_an_entity_that_nobody_declared_is_a_bad_line(self) -> None:
        assert "undefined entity" in reason(xml(4624, {"TargetUserName": "&lol;"}))

    def test_forbidden_characters_do_not_hide_an_event(self) -> None:
        found = event(xml(4624, {"TargetUserName": "a&#x1b;[2Jb&#0;&amp;&#10;c"}))
        assert found.user == "a\ufffd[2Jb\ufffd&\nc"

    def test_deep_nesting_is_a_bad_line(self) -> None:
        assert "nested deeper" in reason(b"<Event><System/>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Event>")

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b"<Event><System>", "not well-formed XML: mismatched tag"),
            (b"<Other/>", "XML element 'Other', not an Event"),
            (b"<Event/>", "`$.Event`"),
            (b"<Event><System><EventID>x</EventID></System></Event>", "$.Event.System"),
            (b"<Event><System><EventID>5</EventID></System></Event>", "TimeCreated"),
        ],
    )
    def test_a_reason_says_what_is_wrong(self, line: bytes, why: str) -> None:
        assert why in reason(line)

    def test_xml_is_imported_only_for_xml(self) -> None:
        code = "import sys, pandora_core.ingest.formats.windows; print('xml.etree.ElementTree' in sys.modules)"
        assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


class TestTimes:
    def times(self, **fields: Any) -> int:
        return event(nxlog(4624, **fields)).at_us

    def test_seven_decimals_and_offsets(self) -> None:
        for text in (
            "2024-03-05T09:10:11.1234567Z",
            "2024-03-05T10:10:11.123456+01:00",
            "2024-03-05 09:10:11.123456",
        ):
            assert event(evtx(1, TimeCreated={"#attributes": {"SystemTime": text}})).at_us == from_iso(AT)

    @pytest.mark.parametrize(
        "stamp", [1709629811, 1709629811000, 1709629811000000, 1709629811000000000, 1709629811.0]
    )
    def test_epoch_times_are_told_apart_by_their_size(self, stamp: float) -> None:
        assert self.times(EventTime=stamp) == from_iso("2024-03-05T09:10:11")

    def test_the_zone_of_a_local_time_follows_from_its_receipt(self) -> None:
        received = {"EventReceivedTime": "2024-03-05 04:12:11", "@timestamp": "2024-03-05T09:12:11.700Z"}
        assert self.times(**received) == from_iso("2024-03-05T09:10:11")

    def test_a_receipt_that_shows_no_zone_is_the_time(self) -> None:
        received = {"EventReceivedTime": "2024-03-05 04:12:11", "@timestamp": "2024-03-05T09:18:11Z"}
        assert self.times(**received) == from_iso("2024-03-05T09:18:11")

    def test_the_stamp_of_a_relay_is_better_than_a_local_time_alone(self) -> None:
        assert self.times(**{"@timestamp": "2024-03-05T09:12:11Z"}) == from_iso("2024-03-05T09:12:11")

    def test_a_local_time_alone_is_taken_for_utc(self) -> None:
        assert self.times() == from_iso("2024-03-05T04:10:11")

    def test_a_time_with_its_zone_needs_no_guess(self) -> None:
        stamp = {"@timestamp": "2024-03-05T09:30:00Z"}
        assert self.times(EventTime="2024-03-05T04:10:11.5-05:00", **stamp) == from_iso("2024-03-05T09:10:11.5")

    def test_sysmon_s_own_utc_time_comes_first(self) -> None:
        stamp = {"@timestamp": "2024-03-05T09:30:00Z", "UtcTime": "2024-03-05 09:10:11.250"}
        assert self.times(**stamp) == from_iso("2024-03-05T09:10:11.25")

    @pytest.mark.parametrize("stamp", ["yesterday", "", True, None, [1], 1e30])
    def test_what_is_no_time_is_a_bad_line(self, stamp: Any) -> None:
        assert "time" in reason(evtx(1, TimeCreated={"#attributes": {"SystemTime": stamp}}))


class TestSecurity:
    def test_a_failed_log_on_says_why(self) -> None:
        found = event(evtx(4625, {**LOGON, "Status": "0xC000006D", "SubStatus": "0xC0000064"}, Keywords=FAILURE))
        assert (found.outcome, found.more["error.code"], found.more["user.known"]) == ("failure", "0xc0000064", False)
        assert found.more["winlog.event_data.Status"] == "0xc000006d"

    def test_a_wrong_password_is_of_a_known_user(self) -> None:
        found = event(evtx(4625, {**LOGON, "Status": "0xc000006d", "SubStatus": "0x0"}))
        assert found.more["error.code"] == "0xc000006d"
        assert "user.known" not in found.more

    @pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
    def test_a_local_peer_stays_as_it_is(self, address: str) -> None:
        assert event(evtx(4624, {**LOGON, "IpAddress": address, "IpPort": "0"})).source_ip == address

    def test_port_zero_is_no_port(self) -> None:
        assert event(evtx(4624, {**LOGON, "IpPort": "0"})).source_port is None

    def test_a_peer_that_is_no_address_is_kept_as_data_alone(self) -> None:
        found = event(
            evtx(4778, {"AccountName": "ann", "AccountDomain": "CORP", "ClientAddress": "LOCAL", "ClientName": "WS"})
        )
        assert (found.category, found.action, found.user) == ("session", "session-reconnected", "ann")
        assert (found.source_ip, found.source_domain) == (None, "WS")
        assert found.more["winlog.event_data.ClientAddress"] == "LOCAL"

    def test_explicit_credentials_name_both_users_and_the_server(self) -> None:
        data = {
            "SubjectUserName": "ann",
            "TargetUserName": "adm",
            "TargetDomainName": "CORP",
            "TargetServerName": "srv2",
        }
        found = event(evtx(4648, data))
        assert (found.action, found.user, found.destination_domain) == ("logon-explicit", "adm", "srv2")
        assert found.more["winlog.subject.user"] == "ann"

    @pytest.mark.parametrize(
        ("event_id", "status", "action", "outcome"),
        [
            (4768, "0x0", "kerberos-tgt", "success"),
            (4768, "0x6", "kerberos-tgt", "failure"),
            (4769, "0x0", "kerberos-service", "success"),
            (4771, "0x18", "kerberos-preauth", "failure"),
            (4776, "0xC0000064", "ntlm-validate", "failure"),
            (4776, "0x0", "ntlm-validate", "success"),
        ],
    )
    def test_the_status_of_a_ticket_or_check_decides(
        self, event_id: int, status: str, action: str, outcome: str
    ) -> None:
        data = {
            "TargetUserName": "ann@CORP.EXAMPLE",
            "TargetDomainName": "CORP",
            "Status": status,
            "Workstation": "WS-9",
        }
        found = event(evtx(event_id, data))
        assert (found.category, found.action, found.outcome, found.user) == ("authentication", action, outcome, "ann")
        assert (found.more.get("error.code") == status.lower()) is (outcome == "failure")
        assert (found.more.get("user.known") is False) is (status in ("0x6", "0xC0000064"))

    @pytest.mark.parametrize(
        ("code", "name"),
        [
            ("0x12", "aes256-cts-hmac-sha1-96"),
            ("0x17", "rc4-hmac"),
            (23, "rc4-hmac"),
            ("0x63", "0x63"),
            ("0xffffffff", None),
        ],
    )
    def test_encryption_types_have_names(self, code: Any, name: str | None) -> None:
        found = event(evtx(4769, {"TicketEncryptionType": code, "ServiceName": "srv2$", "Status": "0x0"}))
        assert found.more.get("kerberos.encryption") == name
        assert found.more["service.name"] == "srv2$"

    def test_a_process_is_the_subject_s(self) -> None:
        data = {
            "SubjectUserName": "ann",
            "TargetUserName": "adm",
            "NewProcessName": "C:\\x.exe",
            "NewProcessId": "0x1f4",
            "ProcessId": "0x10",
            "ParentProcessName": "C:\\p.exe",
            "CommandLine": "x.exe -q",
        }
        found = event(evtx(4688, data))
        assert (found.category, found.action, found.user) == ("process", "process-started", "ann")
        expected = {
            "process.executable": "C:\\x.exe",
            "process.command_line": "x.exe -q",
            "process.pid": 500,
            "process.parent.pid": 16,
            "process.parent.executable": "C:\\p.exe",
            "user.effective.name": "adm",
        }
        assert expected.items() <= found.more.items()

    def test_a_share_loses_its_server_and_a_file_keeps_its_path(self) -> None:
        data = {"SubjectUserName": "ann", "IpAddress": "192.0.2.9", "IpPort": "1", "ShareName": "\\\\*\\C$"}
        found = event(evtx(5145, {**data, "RelativeTargetName": "Windows\\svc.exe"}, Keywords=FAILURE))
        assert (found.category, found.action, found.outcome) == ("file", "share-accessed", "failure")
        assert (found.source_ip, found.user, found.more["share.name"]) == ("192.0.2.9", "ann", "C$")
        assert (found.more["file.path"], found.more["file.name"]) == ("Windows\\svc.exe", "svc.exe")

    def test_a_permitted_connection_is_not_said_to_be_answered(self) -> None:
        data = {"SourceAddress": "192.0.2.9", "SourcePort": "50000", "DestAddress": "192.0.2.1", "DestPort": "445"}
        found = event(evtx(5156, {**data, "Protocol": "6", "Direction": "%%14592"}))
        assert (found.source_ip, found.source_port) == ("192.0.2.9", 50000)
        assert (found.destination_ip, found.destination_port, found.transport) == ("192.0.2.1", 445, "tcp")
        assert (found.outcome, found.more["network.direction"]) == (None, "inbound")
        assert event(evtx(5157, data)).outcome == "failure"

    @pytest.mark.parametrize(
        ("member", "name"),
        [("CN=Ann Lee\\, Dr,OU=x,DC=corp", "Ann Lee, Dr"), ("-", "S-1-5-21-9"), ("ann", "ann")],
    )
    def test_a_group_gains_a_member(self, member: str, name: str) -> None:
        data = {
            "SubjectUserName": "adm",
            "TargetUserName": "Domain Admins",
            "MemberName": member,
            "MemberSid": "S-1-5-21-9",
        }
        found = event(evtx(4728, data))
        assert (found.category, found.action, found.user) == ("iam", "group-member-added", "adm")
        assert (found.more["group.name"], found.more["user.target.name"]) == ("Domain Admins", name)

    @pytest.mark.parametrize(
        ("event_id", "category", "action"),
        [
            (4634, "authentication", "logoff"),
            (4647, "authentication", "logoff"),
            (4661, "iam", "directory-access"),
            (4662, "iam", "directory-access"),
            (4672, "authentication", "privileges-assigned"),
            (4673, None, "privilege-used"),
            (4697, "configuration", "service-installed"),
            (4698, "configuration", "task-created"),
            (4699, "configuration", "task-deleted"),
            (4702, "configuration", "task-changed"),
            (4719, "configuration", "audit-changed"),
            (4720, "iam", "user-created"),
            (4722, "iam", "user-enabled"),
            (4724, "iam", "password-reset"),
            (4725, "iam", "user-disabled"),
            (4726, "iam", "user-deleted"),
            (4732, "iam", "group-member-added"),
            (4738, "iam", "user-changed"),
            (4740, "iam", "user-locked-out"),
            (4742, "iam", "computer-changed"),
            (4756, "iam", "group-member-added"),
            (4779, "session", "session-disconnected"),
            (5136, "iam", "directory-changed"),
            (5140, "file", "share-accessed"),
        ],
    )
    def test_ids_mean_what_the_vocabulary_says(self, event_id: int, category: str | None, action: str) -> None:
        found = event(evtx(event_id, {"SubjectUserName": "adm", "TargetUserName": "ann", "AccountName": "ann"}))
        assert (found.category, found.action, found.outcome) == (category, action, "success")
        assert event(evtx(event_id, {}, Keywords=FAILURE)).outcome == "failure"

    @pytest.mark.parametrize(
        ("kind", "category"), [("File", "file"), ("Key", "registry"), ("Process", "process"), ("Token", None)]
    )
    def test_an_object_s_kind_is_its_category(self, kind: str, category: str | None) -> None:
        found = event(evtx(4663, {"ObjectType": kind, "ObjectName": "\\x", "SubjectUserName": "ann"}))
        assert (found.category, found.action) == (category, "object-accessed")

    def test_an_id_nobody_knows_keeps_its_fields(self) -> None:
        found = event(evtx(4999, {"Odd": "value"}))
        assert (found.category, found.action, found.outcome) == (None, None, None)
        assert found.more["winlog.event_data.Odd"] == "value"

    @pytest.mark.parametrize(
        ("account", "user", "domain"),
        [
            ("CORP\\ann", "ann", "CORP"),
            ("ann@corp.example", "ann", "corp.example"),
            ("ann", "ann", None),
            ("WS-9$", "WS-9$", None),
        ],
    )
    def test_a_domain_written_with_the_name_is_split_off(self, account: str, user: str, domain: str | None) -> None:
        found = event(evtx(4634, {"TargetUserName": account}))
        assert (found.user, found.more.get("user.domain")) == (user, domain)


class TestOtherChannels:
    SYSMON = "Microsoft-Windows-Sysmon/Operational"

    def sysmon(self, event_id: int, data: dict[str, Any]) -> Event:
        return event(evtx(event_id, data, self.SYSMON, "Microsoft-Windows-Sysmon"))

    def test_a_new_service(self) -> None:
        data = {"ServiceName": "Updater", "ImagePath": "%COMSPEC% /c x", "AccountName": "LocalSystem"}
        found = event(evtx(7045, data, "System", "Service Control Manager"))
        assert (found.dataset, found.action, found.outcome) == ("windows.system", "service-installed", "success")
        assert (found.more["service.name"], found.more["service.path"]) == ("Updater", "%COMSPEC% /c x")

    def test_an_id_of_another_provider_means_nothing(self) -> None:
        assert event(evtx(7045, {}, "System", "Somebody-Else")).action is None
        assert event(evtx(104, {}, "System", "Microsoft-Windows-Eventlog")).action == "log-cleared"
        assert event(evtx(104, {}, "System", "Somebody-Else")).action is None

    def test_a_relay_s_account_installed_the_service(self) -> None:
        line = nxlog(
            7045,
            {"ServiceName": "x"},
            "System",
            SourceName="Service Control Manager",
            AccountName="ann",
            Domain="CORP",
        )
        assert event(line).user == "ann"

    def test_a_process_of_sysmon_has_hashes(self) -> None:
        data = {
            "User": "CORP\\ann",
            "Image": "C:\\x.exe",
            "ProcessId": 4460,
            "ParentImage": "C:\\p.exe",
            "ParentProcessId": "7",
        }
        found = self.sysmon(1, {**data, "CommandLine": "x", "Hashes": "SHA1=AB,MD5=CD,SHA256=EF,IMPHASH=00"})
        assert (found.dataset, found.action, found.user) == ("windows.sysmon", "process-started", "ann")
        assert (found.more["process.pid"], found.more["process.parent.pid"]) == (4460, 7)
        hashes = {name: found.more[f"process.hash.{name}"] for name in ("sha1", "md5", "sha256", "imphash")}
        assert hashes == {"sha1": "ab", "md5": "cd", "sha256": "ef", "imphash": "00"}

    def test_a_connection_of_sysmon(self) -> None:
        data = {
            "User": "NT AUTHORITY\\SYSTEM",
            "Protocol": "tcp",
            "SourceIp": "0:0:0:0:0:0:0:1",
            "SourcePort": "50046",
        }
        found = self.sysmon(
            3, {**data, "DestinationIp": "192.0.2.1", "DestinationPort": 3389, "DestinationHostname": "srv2"}
        )
        assert (found.category, found.action, found.transport) == ("network", "connection", "tcp")
        assert (found.source_ip, found.source_port, found.user) == ("::1", 50046, "SYSTEM")
        assert (found.destination_ip, found.destination_port, found.destination_domain) == ("192.0.2.1", 3389, "srv2")

    def test_a_dns_query_of_sysmon(self) -> None:
        results = "type:  5 alias.example;::ffff:192.0.2.7;2001:db8:0::1;"
        found = self.sysmon(22, {"QueryName": "www.example", "QueryStatus": "0", "QueryResults": results})
        assert (found.action, found.outcome) == ("dns-query", "success")
        assert found.more["dns.answers"] == ["alias.example", "192.0.2.7", "2001:db8::1"]
        failed = self.sysmon(22, {"QueryName": "no.example", "QueryStatus": "9003", "QueryResults": "-"})
        assert (failed.outcome, failed.more["dns.response_code"]) == ("failure", "NXDOMAIN")

    @pytest.mark.parametrize(
        ("event_id", "category", "action"),
        [
            (7, "process", "image-loaded"),
            (8, "process", "thread-injected"),
            (10, "process", "process-accessed"),
            (11, "file", "file-written"),
            (12, "registry", "registry-set"),
            (13, "registry", "registry-set"),
            (17, "file", "pipe-created"),
            (18, "file", "pipe-connected"),
            (21, "configuration", "wmi-subscription-created"),
            (23, "file", "file-deleted"),
        ],
    )
    def test_ids_of_sysmon(self, event_id: int, category: str, action: str) -> None:
        found = self.sysmon(event_id, {"Image": "C:\\x.exe", "EventType": "CreateKey"})
        assert (found.category, found.action) == (category, action)

    def test_a_file_of_sysmon(self) -> None:
        found = self.sysmon(11, {"TargetFilename": "C:\\a\\b.txt", "Image": "C:\\x.exe"})
        assert (found.more["file.path"], found.more["file.name"]) == ("C:\\a\\b.txt", "b.txt")

    def test_a_script_block(self) -> None:
        found = event(
            evtx(4104, {"ScriptBlockText": "whoami\r\nhostname"}, "Microsoft-Windows-PowerShell/Operational")
        )
        assert (found.dataset, found.action) == ("windows.powershell", "script-run")
        assert found.more["script.text"] == "whoami\nhostname"

    @pytest.mark.parametrize("where", ["param3", "Message"])
    def test_the_context_of_powershell_names_program_and_user(self, where: str) -> None:
        text = "\tHostName=ConsoleHost\r\n\tHostApplication=powershell -enc AA==\r\n\tUserId=CORP\\ann\r\n"
        line = nxlog(800, {where: text}, "Windows PowerShell")
        found = event(line)
        assert (found.action, found.user) == ("command-invoked", "ann")
        assert found.more["process.command_line"] == "powershell -enc AA=="

    def test_a_command_invocation_names_its_user_not_the_connected_one(self) -> None:
        context = (
            "        Host Application = ps -x\r\n        User = CORP\\ann\r\n        Connected User = CORP\\bob\r\n"
        )
        found = event(
            evtx(4103, {"ContextInfo": context, "Payload": "p"}, "Microsoft-Windows-PowerShell/Operational")
        )
        assert (found.user, found.more["process.command_line"], found.more["script.text"]) == ("ann", "ps -x", "p")

    def test_wmi_failures_from_fields_and_from_a_message(self) -> None:
        channel, provider = "Microsoft-Windows-WMI-Activity/Operational", "Microsoft-Windows-WMI-Activity"
        fields = event(user_data(5858, channel, provider, {"User": "CORP\\ann", "ClientMachine": "WS-9"}))
        message = "Id = {1}; ClientMachine = WS-9; User = CORP\\ann; ClientProcessId = 1"
        text = event(nxlog(5858, {"Message": message}, channel, AccountName="SYSTEM"))
        assert (fields.user, fields.source_domain) == (text.user, text.source_domain) == ("ann", "WS-9")

    def test_a_permanent_wmi_subscription(self) -> None:
        found = event(
            user_data(5861, "Microsoft-Windows-WMI-Activity/Operational", "Microsoft-Windows-WMI-Activity", {})
        )
        assert (found.category, found.action) == ("configuration", "wmi-subscription-created")

    def test_tasks(self) -> None:
        data = {"TaskName": "\\evil", "UserContext": "CORP\\ann"}
        found = event(evtx(106, data, "Microsoft-Windows-TaskScheduler/Operational"))
        assert (found.action, found.user, found.more["task.name"]) == ("task-created", "ann", "\\evil")

    def test_remote_desktop(self) -> None:
        channel = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational"
        found = event(user_data(1149, channel, "", {"Param1": "ann", "Param2": "CORP", "Param3": "192.0.2.9"}))
        assert (found.dataset, found.category, found.action) == (
            "windows.terminalservices",
            "session",
            "rdp-authenticated",
        )
        assert (found.user, found.source_ip) == ("ann", "192.0.2.9")
        core = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"
        found = event(evtx(131, {"ConnType": "TCP", "ClientIP": "[2001:db8::1]:49719"}, core))
        assert (found.action, found.source_ip, found.source_port) == ("rdp-connection", "2001:db8::1", 49719)

    def test_defender(self) -> None:
        channel = "Microsoft-Windows-Windows Defender/Operational"
        data = {
            "Threat Name": "EICAR",
            "Severity ID": "5",
            "Path": "file:_C:\\x.exe; file:_C:\\y",
            "Detection User": "CORP\\ann",
        }
        found = event(evtx(1116, data, channel))
        assert (found.category, found.action, found.severity, found.user) == ("malware", "malware-detected", 4, "ann")
        assert (found.more["rule.name"], found.more["file.path"]) == ("EICAR", "C:\\x.exe")
        assert event(evtx(5001, {}, channel)).action == "defence-disabled"

    def test_sql_server_log_ons(self) -> None:
        data = {"Data": {"#text": ["sa", " Reason: wrong password.", " [CLIENT: 192.0.2.9]"]}}
        found = event(evtx(18456, data, "Application", "MSSQL$X"))
        assert (found.action, found.outcome, found.user, found.source_ip) == ("logon", "failure", "sa", "192.0.2.9")

    @pytest.mark.parametrize(
        ("channel", "provider", "dataset"),
        [
            ("security", "", "windows.security"),
            ("Application", "x", "windows.application"),
            ("Microsoft-Windows-Bits-Client/Operational", "", "windows.bits-client"),
            ("", "Microsoft-Windows-RPC", "windows.rpc"),
            ("", "", "windows.unknown"),
            ("A/../b\x1b[2J", "", "windows.a-b-2j"),
            ("x" * 500, "", "windows." + "x" * 64),
        ],
    )
    def test_every_channel_has_a_dataset(self, channel: str, provider: str, dataset: str) -> None:
        assert dataset_of(channel, provider) == dataset


class TestHostileContent:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_control_characters_never_reach_an_event(self, shape: str) -> None:
        found = event(
            SHAPES[shape](4624, {**LOGON, "TargetUserName": "a\u202eb\u200bc", "WorkstationName": "x\x7fy"})
        )
        assert (found.user, found.source_domain) == ("a\ufffdb\ufffdc", "x\ufffdy")

    def test_line_ends_become_newlines_and_lone_returns_do_not_pass(self) -> None:
        found = event(nxlog(4624, {**LOGON, "Message": "one\r\n\ttwo\r\x1b[2J"}))
        assert found.message == "one\n\ttwo\ufffd\ufffd[2J"

    def test_names_are_cleaned_too(self) -> None:
        found = event(evtx(4999, {"Odd\x1b[2J": "value"}))
        assert found.more["winlog.event_data.Odd\ufffd[2J"] == "value"

    def test_long_values_are_cut(self) -> None:
        found = event(evtx(4104, {"ScriptBlockText": "x" * 40_000}, "Microsoft-Windows-PowerShell/Operational"))
        assert len(str(found.more["script.text"])) < MAX_FIELD_CHARS + 40

    def test_undecodable_bytes_and_lone_surrogates_do_not_hide_an_event(self) -> None:
        assert event(nxlog(4624, LOGON).replace(b'"ann"', b'"a\xff"')).user == "a\ufffd"
        assert event(nxlog(4624, LOGON).replace(b'"ann"', b'"a\\ud800"')).user == "a?"
        assert event(nxlog(4624, LOGON).replace(b'"ann"', b'"a\x01"')).user == "a\ufffd"

    def test_enormous_numbers_are_kept_as_text(self) -> None:
        for line in (nxlog(4999, {"N": 10**30}), evtx(4999, {"N": 10**30}), evtx(4999, {"N": [-(10**30)]})):
            msgspec.msgpack.encode(event(line))

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b"plain text", "not a JSON object"),
            (b"[{}]", "a JSON list, not an object; one object a line is expected"),
            (b'"text"', "not an object"),
            (b"{", "truncated; one whole object a line is expected"),
            (b'{"a":1}', "no known Windows shape"),
            (b'{"Event":{}}', "`System`"),
            (b'{"Event":{"System":{"EventID":1}}}', "`TimeCreated`"),
            (b'{"Event":{"System":{"EventID":"x","TimeCreated":{}}}}', "$.Event.System.EventID"),
            (b'{"EventID":"x","EventTime":"2024-01-01","Channel":"x"}', "not an event id: 'x'"),
            (b'{"EventID":1,"@timestamp":"x","Channel":"x"}', "not a time: 'x'"),
            (b'{"winlog":{},"@timestamp":"2024-01-01"}', "no event id"),
            (b"{" + b" " * MAX_LINE_BYTES, "longer than"),
            (b'{"winlog":' + b"[" * 50_000, "nested too deeply"),
        ],
    )
    def test_a_reason_says_what_is_wrong(self, line: bytes, why: str) -> None:
        assert why in reason(line)

    def test_a_reason_holds_no_hostile_text(self) -> None:
        assert "\x1b" not in reason(nxlog(4624, EventTime="\x1b[2J"))

    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    names = st.sampled_from(
        [*LOGON, "Data", "#text", "#attributes", "Status", "QueryResults", "Hashes", "param3", "User"]
    )

    @given(
        data=st.dictionaries(names, values) | values,
        event_id=st.sampled_from([1, 3, 22, 400, 4625, 4768, 5145, 5858, 131]),
    )
    def test_no_content_of_event_data_makes_a_decoder_fail(self, data: Any, event_id: int) -> None:
        channels = ("Security", "Microsoft-Windows-Sysmon/Operational", "Windows PowerShell", None)
        lines = [evtx(event_id, data, channel) for channel in channels]
        lines += [nxlog(event_id, data if isinstance(data, dict) else {"Data": data}), winlogbeat(event_id, data)]
        for found in decode(*lines):
            assert isinstance(found, Event), found
            msgspec.msgpack.encode(found)

    @given(name=st.sampled_from(sorted(json.loads(evtx(1))["Event"]["System"])), value=values)
    def test_no_content_of_system_makes_a_decoder_fail(self, name: str, value: Any) -> None:
        (found,) = decode(
            evtx(4624, LOGON, **{name: value}) if name != "EventID" else evtx(4624, None, EventID=value)
        )
        assert isinstance(found, Event | BadLine)
        msgspec.msgpack.encode(found)

    @given(line=st.binary() | st.text().map(str.encode) | values.map(lambda value: json.dumps(value).encode()))
    def test_no_line_makes_a_decoder_fail(self, line: bytes) -> None:
        for prefix in (b"", b"{", b"<", b"<Event>", b'{"Event":'):
            (found,) = decode(prefix + line)
            assert found is None or isinstance(found, Event | BadLine)


class TestSniffing:
    @pytest.mark.parametrize("shape", ["evtx", "nxlog", "winlogbeat"])
    def test_json_shapes_are_recognised(self, shape: str) -> None:
        head = b"\n".join([SHAPES[shape](4624, LOGON)] * 3) + b'\n{"cut'
        assert WindowsFormat().sniff(head, "x.json") > 0.9
        assert WindowsXmlFormat().sniff(head, "x.json") == 0

    def test_a_binary_log_is_recognised(self) -> None:
        assert WindowsFormat().sniff(b"ElfFile\0" + bytes(100), "Security.evtx") == 1

    def test_a_first_record_longer_than_the_head_is_recognised(self) -> None:
        assert WindowsFormat().sniff(evtx(4104, {"ScriptBlockText": "x" * 70_000})[:65_536], "x") > 0.9

    @pytest.mark.parametrize("prologue", [b"", b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\r\n<Events>\r\n"])
    def test_xml_is_recognised(self, prologue: bytes) -> None:
        assert WindowsXmlFormat().sniff(prologue + xml(4624, LOGON), "x.xml") > 0.9
        assert WindowsFormat().sniff(prologue + xml(4624, LOGON), "x.xml") == 0

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"Mar  5 09:10:11 host sshd[1]: Accepted password for ann",
            b'{"ts":1.5,"uid":"C1","id.orig_h":"192.0.2.1"}',
            b'{"timestamp":"2024-01-01T00:00:00.1+0000","event_type":"alert","src_ip":"192.0.2.1"}',
            b'{"timestamp":"2024-01-01T00:00:00.1+0000","rule":{"level":3,"id":"1"},"agent":{"id":"1"},'
            b'"data":{"win":{"system":{"eventID":"4624"}}}}',
            b'{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x","SYSLOG_IDENTIFIER":"sshd"}',
            b'{"Records":[{"eventID":"1","eventTime":"2024-01-01T00:00:00Z"}]}',
        ],
    )
    def test_other_logs_are_not_claimed(self, line: bytes) -> None:
        head = b"\n".join([line] * 3) + b"\n"
        assert WindowsFormat().sniff(head, "security.json") == WindowsXmlFormat().sniff(head, "security.xml") == 0

    def test_decoders_keep_no_state(self) -> None:
        decoder = WindowsFormat().decoder({}, filename="", modified_us=0)
        decoder.decode([evtx(4624, LOGON)])
        assert decoder.state() == {}
