"""Recognising a format: the surest wins, and what is no log is nobody's."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import Decoder, LogFormat
from pandora_core.ingest.formats.flows import FlowsFormat
from pandora_core.ingest.formats.sshd import JournalFormat, SshdFormat
from pandora_core.ingest.recognise import formats, recognise


@dataclass
class Fixed:
    """A format that is always equally sure."""

    name: str
    sureness: float
    delimiter: bytes = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        return self.sureness

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> Decoder:
        raise NotImplementedError


def chosen(**sureness: float) -> str | None:
    known: dict[str, LogFormat] = {name: Fixed(name, value) for name, value in sureness.items()}
    found = recognise(b"", "", known)
    return found.name if found else None


def test_the_surest_format_gets_the_file() -> None:
    assert chosen(a=0.6, b=0.9, c=0.7) == "b"


def test_of_equally_sure_formats_the_first_by_name_gets_it() -> None:
    assert chosen(b=0.9, a=0.9) == "a"


def test_a_format_that_is_less_than_half_sure_does_not_get_it() -> None:
    assert chosen(a=0.49) is None
    assert chosen(a=0.5) == "a"
    assert chosen() is None


def test_the_formats_are_those_of_the_entry_points_and_made_once() -> None:
    assert {"sshd", "journal", "flows", "zeek", "suricata", "windows", "wazuh"} <= formats().keys()
    assert all(name == log_format.name for name, log_format in formats().items())
    assert formats() is formats()


STAMP = "May  7 08:09:10 bastion "
SYSLOG = "".join(f"{STAMP}{program}: something happened\n" for program in ("sshd[1]", "kernel", "cron[2]", "app"))
ZEEK_TSV = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\n"
    "1714564800.000000\tCabc\t192.0.2.7\t4022\t192.0.2.1\t80\ttcp\t1.5\t400\t500\n"
)
ZEEK_JSON = '{"ts":1714564800.0,"uid":"Cabc","id.orig_h":"192.0.2.7","id.orig_p":4022,"id.resp_h":"192.0.2.1"}\n'
EVE = (
    '{"timestamp":"2024-05-01T12:00:00.000000+0000","event_type":"flow","src_ip":"192.0.2.7","src_port":4022,'
    '"dest_ip":"192.0.2.1","dest_port":80,"proto":"TCP","flow":{"pkts_toserver":5}}\n'
)
WINDOWS_JSON = '{"EventID":4624,"Channel":"Security","Computer":"ws1","TimeCreated":"2024-05-01T12:00:00Z"}\n'
WINDOWS_XML = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><EventID>4624</EventID>'
    '<TimeCreated SystemTime="2024-05-01T12:00:00Z"/><Computer>ws1</Computer></System></Event>'
)
WAZUH = (
    '{"timestamp":"2024-05-01T12:00:00.000+0000","rule":{"level":5,"description":"x","id":"5716"},'
    '"agent":{"id":"001","name":"web"},"manager":{"name":"m"},"id":"1.2","full_log":"May  7 08:09:10 h sshd[1]: x"}\n'
)
AIT = "time,name,ip,host,short,time_label,event_label\n1642723741,Wazuh: x,192.0.2.7,web,W-x,false_positive,-\n"
WAZUH_TEXT = (
    "** Alert 1714564800.1: - syslog,sshd,\n2024 May 01 12:00:00 bastion->/var/log/auth.log\n"
    "Rule: 5716 (level 5) -> 'sshd: authentication failed.'\nSrc IP: 192.0.2.7\n"
    f"{STAMP}sshd[1]: Failed password for root from 192.0.2.7 port 4022 ssh2\n\n"
)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("sshd", SYSLOG),
        ("sshd", "-- Logs begin at Mon 2024-04-01 --\n" + SYSLOG),
        ("sshd", SYSLOG + "May  7 08:09:10 bastion ss"),
        ("sshd", "2024-05-01T12:00:00.123456+02:00 bastion sshd[1]: x\n" * 3),
        ("sshd", "<34>1 2024-05-01T12:00:00Z bastion app - - - x\n"),
        (
            "journal",
            json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1714564800123456", "MESSAGE": "x"}) + "\n",
        ),
        ("flows", "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt\n"),
        ("flows", "\nStartTime\tDur\tProto\tSrcAddr\tSport\tDir\tDstAddr\tDport\tState\tTotPkts\tTotBytes\n"),
    ],
)
def test_own_logs_are_recognised_by_content_whatever_their_name(name: str, head: str) -> None:
    for filename in ("", "a.bin", "conn.log", "eve.json"):
        found = recognise(head.encode(), filename, formats())
        assert found is not None
        assert found.name == name


@pytest.mark.parametrize("log_format", [SshdFormat(), JournalFormat(), FlowsFormat()], ids=lambda it: it.name)
@pytest.mark.parametrize(
    "head",
    [ZEEK_TSV, ZEEK_JSON, EVE, WINDOWS_JSON, WINDOWS_XML, WAZUH, AIT],
    ids=["tsv", "zj", "eve", "wj", "wx", "wz", "ait"],
)
def test_logs_of_others_are_not_claimed(log_format: LogFormat, head: str) -> None:
    assert log_format.sniff(head.encode(), "auth.log") < 0.5


NOBODYS = {
    "README.md": "# A title\n\nSome words: and more, with commas, in a paragraph.\n\n```sh\nmake\n```\n",
    "config.yaml": "title: x\nauthor: y\ndate: 2024/05/01\ndetection:\n  selection:\n    EventID: 4624\n",
    "LICENSE": "MIT License\n\nCopyright (c) 2024 Someone\n\nPermission is hereby granted, free of charge\n",
    "pyproject.toml": '[project]\nname = "x"\nversion = "1.0"\n',
    "app.json": '{"name": "x", "list": [1, 2, 3]}\n',
    "log_structured.csv": "LineId,Date,Day,Time,Component,Pid,Content,EventId,EventTemplate\n"
    "1,Dec,10,06:55:46,LabSZ,24200,Invalid user bob from 192.0.2.7,E27,Invalid user <*> from <*>\n",
    "packets.csv": '"No.","Time","Source","Destination","Protocol","Length"\n"1","0.0","::1","::1","TCP","60"\n',
    "table_without_header.csv": "59.1.2.3,33661,149.1.2.3,1024,udp,CON,0.036133,528,304,31,29,0,0,dns\n",
    "application.log": "2024-05-01T12:00:00Z INFO main: starting\n2024-05-01T12:00:01Z ERROR db: no connection\n",
    "access.log": '192.0.2.7 - - [01/May/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 12\n',
    "alerts.log": WAZUH_TEXT * 3,
    "empty": "",
    "blank": "\n\n \n",
}  # fmt: skip


@pytest.mark.parametrize("filename", sorted(NOBODYS))
def test_what_is_no_log_is_nobody_s(filename: str) -> None:
    assert recognise(NOBODYS[filename].encode(), filename, formats()) is None


def test_random_bytes_are_nobody_s() -> None:
    for seed in range(20):
        assert recognise(random.Random(seed).randbytes(65_536), "core", formats()) is None


@given(head=st.binary(max_size=300))
def test_nothing_that_a_file_holds_makes_recognition_raise(head: bytes) -> None:
    recognise(head, "x", formats())
