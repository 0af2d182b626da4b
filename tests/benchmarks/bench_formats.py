"""Measures how fast each log format decodes generated lines into events, beside the limit of merely splitting them.

Run with ``python -m tests.benchmarks.bench_formats [name …]``. ``raw`` is ``line.split`` at the separator, or
``msgspec.json.decode``, of the same lines in the same run: the ratio is what understanding a line costs.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from pandora_core import plugins
from pandora_core.model import Event

LINES = 50_000
BATCH = 1000
REPEATS = 3


class Bench(NamedTuple):
    """One row: a name, the registered format, its header lines, a generator of data lines, and the raw limit."""

    name: str
    format_name: str
    header: Sequence[bytes]
    line: Callable[[int], bytes]
    raw: Callable[[bytes], object]


def main(only: Sequence[str]) -> None:
    print(f"{'format':<16}{'lines/s':>12}{'µs/line':>10}{'raw lines/s':>14}{'ratio':>8}")
    for bench in BENCHES:
        if not only or bench.name in only:
            lines = [bench.line(number) for number in range(LINES)]
            decoded = best_rate(partial(decode_all, bench, lines))
            raw = best_rate(partial(split_all, bench, lines))
            print(f"{bench.name:<16}{decoded:>12,.0f}{1e6 / decoded:>10.2f}{raw:>14,.0f}{raw / decoded:>8.1f}")


def best_rate(run: Callable[[], None]) -> float:
    """Lines a second of processor time (other users of the machine do not count), the best of a few runs."""
    best = 0.0
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        best = max(best, LINES / (time.process_time() - start))
    return best


def decode_all(bench: Bench, lines: list[bytes]) -> None:
    decoder = plugins.load("formats", bench.format_name)().decoder(None, filename=f"{bench.name}.log", modified_us=0)
    decoder.decode(bench.header)
    for start in range(0, LINES, BATCH):
        for decoded in decoder.decode(lines[start : start + BATCH]):
            if type(decoded) is not Event:
                raise SystemExit(f"{bench.name}: a generated line gave {decoded!r}")


def split_all(bench: Bench, lines: list[bytes]) -> None:
    for start in range(0, LINES, BATCH):
        for line in lines[start : start + BATCH]:
            bench.raw(line)


def split_tabs(line: bytes) -> object:
    return line.split(b"\t")


CONN_HEADER = (
    b"#separator \\x09",
    b"#set_separator\t,",
    b"#empty_field\t(empty)",
    b"#unset_field\t-",
    b"#path\tconn",
    b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes"
    b"\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes"
    b"\ttunnel_parents",
    b"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount"
    b"\tstring\tcount\tcount\tcount\tcount\tset[string]",
)


def zeek_conn_row(number: int) -> bytes:
    return (
        b"%d.%06d\tC%017d\t10.1.%d.%d\t%d\t10.2.0.%d\t443\ttcp\tssl\t%d.%06d\t%d\t%d\tSF\tT\tF\t0\tShADadfF"
        b"\t%d\t%d\t%d\t%d\t(empty)"
    ) % (
        1_700_000_000 + number // 50, number * 37 % 1_000_000, number, number // 250 % 40, number % 250,
        1024 + number % 60_000, number % 200, number % 60, number * 91 % 1_000_000, number * 7 % 100_000,
        number * 13 % 900_000, number % 90, number * 11 % 90_000, number % 120, number * 17 % 99_000,
    )  # fmt: skip


def zeek_conn_record(number: int) -> bytes:
    return (
        b'{"ts":%d.%06d,"uid":"C%017d","id.orig_h":"10.1.%d.%d","id.orig_p":%d,"id.resp_h":"10.2.0.%d",'
        b'"id.resp_p":443,"proto":"tcp","service":"ssl","duration":%d.%06d,"orig_bytes":%d,"resp_bytes":%d,'
        b'"conn_state":"SF","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadfF",'
        b'"orig_pkts":%d,"orig_ip_bytes":%d,"resp_pkts":%d,"resp_ip_bytes":%d}'
    ) % (
        1_700_000_000 + number // 50, number * 37 % 1_000_000, number, number // 250 % 40, number % 250,
        1024 + number % 60_000, number % 200, number % 60, number * 91 % 1_000_000, number * 7 % 100_000,
        number * 13 % 900_000, number % 90, number * 11 % 90_000, number % 120, number * 17 % 99_000,
    )  # fmt: skip


def eve_flow(number: int) -> bytes:
    second = b"%02d:%02d:%02d" % (number // 3600 % 24, number // 60 % 60, number % 60)
    return (
        b'{"timestamp":"2024-01-02T%b.500000+0000","flow_id":%d,"event_type":"flow","src_ip":"10.1.%d.%d",'
        b'"src_port":%d,"dest_ip":"10.2.0.%d","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{'
        b'"pkts_toserver":%d,"pkts_toclient":%d,"bytes_toserver":%d,"bytes_toclient":%d,'
        b'"start":"2024-01-02T%b.100000+0000","end":"2024-01-02T%b.400000+0000","age":0,"state":"closed",'
        b'"reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b",'
        b'"syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}'
    ) % (
        second, 1_000_000_000_000 + number, number // 250 % 40, number % 250, 1024 + number % 60_000, number % 200,
        1 + number % 90, 1 + number % 120, number * 11 % 90_000, number * 17 % 99_000, second, second,
    )  # fmt: skip


def auth_log_line(number: int) -> bytes:
    clock = b"%02d:%02d:%02d" % (number // 36_000 % 24, number // 600 % 60, number // 10 % 60)
    address = b"10.1.%d.%d" % (number // 250 % 40, number % 250)
    message = (
        b"Failed password for invalid user user%d from %b port %d ssh2"
        % (number % 700, address, 1024 + number % 60_000),
        b"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%b" % address,
        b"Accepted publickey for alice from %b port %d ssh2: ED25519 SHA256:abc" % (address, 1024 + number % 60_000),
        b"Connection closed by authenticating user root %b port %d [preauth]" % (address, 1024 + number % 60_000),
        b"pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)",
    )[number % 5]
    return b"May  7 %b bastion sshd[%d]: %b" % (clock, 1000 + number // 5, message)


def journal_entry(number: int) -> bytes:
    message = auth_log_line(number).partition(b"]: ")[2]
    return (
        b'{"__CURSOR":"s=1;i=%x","__REALTIME_TIMESTAMP":"%d","_HOSTNAME":"bastion","SYSLOG_IDENTIFIER":"sshd",'
        b'"_PID":"%d","PRIORITY":"6","_SYSTEMD_UNIT":"ssh.service","_COMM":"sshd","_UID":"0","MESSAGE":"%b"}'
    ) % (number, 1_700_000_000_000_000 + number * 1000, 1000 + number // 5, message)


BINETFLOW_HEADER = (
    b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label",
)


def binetflow_row(number: int) -> bytes:
    return (
        b"2024/05/01 %02d:%02d:%02d.%06d,%d.%06d,tcp,10.1.%d.%d,%d,   ->,10.2.0.%d,443,FSPA_FSPA,0,0,%d,%d,%d,%d,"
    ) % (
        number // 180_000 % 24, number // 3_000 % 60, number // 50 % 60, number * 37 % 1_000_000, number % 60,
        number * 91 % 1_000_000, number // 250 % 40, number % 250, 1024 + number % 60_000, number % 200,
        90 + number % 120, 100_000 + number * 13 % 90_000, number * 7 % 100_000, number % 90,
    )  # fmt: skip


def split_words(line: bytes) -> object:
    return line.decode().split()


def split_commas(line: bytes) -> object:
    return line.decode().split(",")


def windows_logon(number: int) -> bytes:
    second = b"%02d:%02d:%02d" % (number // 3600 % 24, number // 60 % 60, number % 60)
    return (
        b'{"EventTime":"2024-01-02 %b","EventReceivedTime":"2024-01-02 %b","@timestamp":"2024-01-02T%b.482Z",'
        b'"Hostname":"WS-%d.corp.example","Keywords":-9214364837600034816,"EventType":"AUDIT_SUCCESS","SeverityValue":2,'
        b'"Severity":"INFO","EventID":4624,"SourceName":"Microsoft-Windows-Security-Auditing",'
        b'"ProviderGuid":"{54849625-5478-4994-A5BA-3E3B0328C30D}","Version":2,"Task":12544,"OpcodeValue":0,'
        b'"RecordNumber":%d,"ExecutionProcessID":704,"ThreadID":2860,"Channel":"Security","Category":"Logon",'
        b'"Opcode":"Info","Message":"An account was successfully logged on.\\r\\n\\r\\nSubject:\\r\\n\\tSecurity ID:'
        b'\\t\\tS-1-0-0\\r\\n\\tAccount Name:\\t\\t-","SubjectUserSid":"S-1-0-0","SubjectUserName":"-",'
        b'"SubjectDomainName":"-","SubjectLogonId":"0x0","TargetUserSid":"S-1-5-21-1-2-3-%d","TargetUserName":"user%d",'
        b'"TargetDomainName":"CORP","TargetLogonId":"0x%x","LogonType":"3","LogonProcessName":"Kerberos",'
        b'"AuthenticationPackageName":"Kerberos","WorkstationName":"-","LogonGuid":"{DAB45F2B-9C9B-7CA5-0000-0000%08d}",'
        b'"TransmittedServices":"-","LmPackageName":"-","KeyLength":"0","ProcessId":"0x0","ProcessName":"-",'
        b'"IpAddress":"10.1.%d.%d","IpPort":"%d","ImpersonationLevel":"%%%%1833","ElevatedToken":"%%%%1842",'
        b'"SourceModuleName":"eventlog","SourceModuleType":"im_msvistalog"}'
    ) % (
        second, second, second, number % 200, number, 1000 + number % 300, number % 300, number, number,
        number // 250 % 40, number % 250, 1024 + number % 60_000,
    )  # fmt: skip


def windows_sysmon_record(number: int) -> bytes:
    return (
        b'{"Event":{"#attributes":{"xmlns":"http://schemas.microsoft.com/win/2004/08/events/event"},"System":{'
        b'"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon","Guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9"}},'
        b'"EventID":10,"Version":3,"Level":4,"Task":10,"Opcode":0,"Keywords":"0x8000000000000000","TimeCreated":{'
        b'"#attributes":{"SystemTime":"2024-01-02T%02d:%02d:%02d.165324Z"}},"EventRecordID":%d,"Correlation":null,'
        b'"Execution":{"#attributes":{"ProcessID":3544,"ThreadID":4272}},'
        b'"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"WS-%d","Security":{"#attributes":{"UserID":'
        b'"S-1-5-18"}}},"EventData":{"RuleName":"-","UtcTime":"2024-01-02 00:00:00.132","SourceProcessGUID":'
        b'"D273D0F0-E875-5F64-4C00-000000000800","SourceProcessId":%d,"SourceThreadId":8056,"SourceImage":'
        b'"C:\\\\Windows\\\\System32\\\\svchost.exe","TargetProcessGUID":"D273D0F0-E884-5F64-7900-000000000800",'
        b'"TargetProcessId":5584,"TargetImage":"C:\\\\Windows\\\\System32\\\\lsass.exe","GrantedAccess":"0x1400",'
        b'"CallTrace":"C:\\\\Windows\\\\SYSTEM32\\\\ntdll.dll+9c534|C:\\\\Windows\\\\System32\\\\KERNELBASE.dll+305fe"}}}'
    ) % (number // 3600 % 24, number // 60 % 60, number % 60, number, number % 200, number % 9000)


def ait_row(number: int) -> bytes:
    return b"%d,Suricata: Alert - ET INFO Observed DNS Query,10.1.%d.%d,mail-%d,S-Dns-Qry3,false_positive,-" % (
        1_700_000_000 + number, number // 250 % 40, number % 250, number % 20,
    )  # fmt: skip


def read_csv_row(line: bytes) -> object:
    return next(csv.reader((line.decode(),)))


BENCHES = (
    Bench("zeek-conn-tsv", "zeek", CONN_HEADER, zeek_conn_row, split_tabs),
    Bench("zeek-conn-json", "zeek", (), zeek_conn_record, msgspec.json.decode),
    Bench("eve-flow", "suricata", (), eve_flow, msgspec.json.decode),
    Bench("auth-log", "sshd", (), auth_log_line, split_words),
    Bench("journal-json", "journal", (), journal_entry, msgspec.json.decode),
    Bench("binetflow", "flows", BINETFLOW_HEADER, binetflow_row, split_commas),
    Bench("windows-nxlog", "windows", (), windows_logon, msgspec.json.decode),
    Bench("windows-evtx", "windows", (), windows_sysmon_record, msgspec.json.decode),
    Bench("ait-alerts", "wazuh", (), ait_row, read_csv_row),
)


if __name__ == "__main__":
    main(sys.argv[1:])
