"""Owns the envelope of a Windows event as an NXLog agent forwards it: one flat JSON object a line."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pandora_core.scenario.company import NETBIOS, Host
from pandora_core.scenario.writers.line import Clock, Line, rfc3339

FOLDER = "windows/"
_AUDIT_SUCCESS, _AUDIT_FAILURE = -9214364837600034816, -9218868437227405312
_ORDINARY = -9223372036854775808
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Channel:
    """A Windows log and the provider that writes to it; ``file`` is where the collector puts it."""

    name: str
    file: str
    provider: str
    guid: str


SECURITY = Channel(
    "Security", "security", "Microsoft-Windows-Security-Auditing", "{54849625-5478-4994-A5BA-3E3B0328C30D}"
)
CLEARED = Channel("Security", "security", "Microsoft-Windows-Eventlog", "{FC65DDD8-D6EF-4962-83D5-6E5CFE9CE148}")
SYSTEM = Channel("System", "system", "Service Control Manager", "{555908D1-A6D7-4695-8E1E-26931D2012F4}")
SYSMON = Channel(
    "Microsoft-Windows-Sysmon/Operational", "sysmon", "Microsoft-Windows-Sysmon",
    "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
)  # fmt: skip
POWERSHELL = Channel(
    "Microsoft-Windows-PowerShell/Operational", "powershell", "Microsoft-Windows-PowerShell",
    "{A0C1853B-5C40-4B15-8766-3CF1C58F985A}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """An event id of a channel: its task number, what Windows calls it, and the version of its fields."""

    channel: Channel
    event_id: int
    task: int
    category: str
    version: int = 0


class Forwarder:
    """Wraps event data as the agent on each host does, counting the records of each host's channels."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._records: Counter[tuple[str, str]] = Counter()
        self._domain = "S-1-5-21-" + "-".join(str(zlib.crc32(f"{seed}/{part}".encode())) for part in range(3))
        self._seed = seed

    def line(self, at_us: int, host: Host, kind: Kind, data: dict[str, Any], *, is_failure: bool = False) -> Line:
        """One event of a host; ``data`` is its EventData, by Windows' own names."""
        channel = kind.channel
        time = rfc3339(at_us + self._clock.error_us(f"windows/{host.name}"))
        zoned = f"{time}+00:00"
        record = {
            "EventTime": zoned,
            "Hostname": host.fqdn,
            **_audit(channel, is_failure),
            "EventID": kind.event_id,
            "SourceName": channel.provider,
            "ProviderGuid": channel.guid,
            "Version": kind.version,
            "Task": kind.task,
            "OpcodeValue": 0,
            "RecordNumber": self._next_record(host, channel),
            "ExecutionProcessID": 700 + len(host.name) * 4,
            "Channel": channel.name,
            "Category": kind.category,
            **data,
            "EventReceivedTime": zoned,
            "SourceModuleName": "eventlog",
            "SourceModuleType": "im_msvistalog",
            "@timestamp": f"{time[:23]}Z",
        }
        if channel is SYSMON:
            record["UtcTime"] = f"{time[:10]} {time[11:23]}"
        return Line(at_us, f"{FOLDER}{channel.file}.json", _encode(record))

    def sid(self, user: str) -> str:
        """The security identifier of an account of the domain."""
        if "\\" in user or user.upper() == "SYSTEM":
            return "S-1-5-18"
        return f"{self._domain}-{1_100 + zlib.crc32(user.lower().encode()) % 60_000}"

    def subject(self, user: str, session: str) -> dict[str, str]:
        """Who did it, in the four fields that Windows has for that."""
        return {
            "SubjectUserSid": self.sid(user),
            "SubjectUserName": user,
            "SubjectDomainName": NETBIOS,
            "SubjectLogonId": logon_id(session),
        }

    def _next_record(self, host: Host, channel: Channel) -> int:
        key = (host.name, channel.name)
        if key not in self._records:
            self._records[key] = zlib.crc32(f"{self._seed}/{key}".encode()) % 900_000
        self._records[key] += 1
        return self._records[key]


def logon_id(session: str) -> str:
    """The number that ties the events of one log-on session together."""
    return f"0x{zlib.crc32(session.encode()):x}"


def guid(*parts: object) -> str:
    """An identifier in Windows' notation that always comes out the same for the same parts."""
    text = "/".join(map(str, parts))
    low, high = zlib.crc32(text.encode()), zlib.crc32(text[::-1].encode())
    return f"{{{low:08x}-{high >> 16:04x}-{high & 0xFFFF:04x}-{low & 0xFFFF:04x}-{(low ^ high) << 8:012x}}}"


def _audit(channel: Channel, is_failure: bool) -> dict[str, Any]:
    if channel is not SECURITY:
        return {"Keywords": _ORDINARY, "EventType": "INFO", "SeverityValue": 2, "Severity": "INFO"}
    if is_failure:
        return {"Keywords": _AUDIT_FAILURE, "EventType": "AUDIT_FAILURE", "SeverityValue": 4, "Severity": "ERROR"}
    return {"Keywords": _AUDIT_SUCCESS, "EventType": "AUDIT_SUCCESS", "SeverityValue": 2, "Severity": "INFO"}
