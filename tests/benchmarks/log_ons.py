"""Makes Windows log-on records (4624, JSON lines) of an invented office, for measuring.

There are users, servers, administrators, service accounts and a vulnerability scanner.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from pandora_core.model import DAY_US, HOUR_US, from_iso, iso

START_US = from_iso("2026-03-02T00:00:00Z")
DAYS = 30
_WORK_START, _WORK_HOURS = 7, 11


def windows_log_ons(records: int, seed: int, hosts: int = 500) -> Iterator[bytes]:
    """Lines in order of time, of 30 days."""
    rng = random.Random(seed)
    times = sorted(_moment(rng) for _ in range(records))
    for at_us in times:
        yield _line(at_us, *_log_on(rng, at_us, hosts))


def _moment(rng: random.Random) -> int:
    return START_US + rng.randrange(DAYS) * DAY_US + int((_WORK_START + rng.random() * _WORK_HOURS) * HOUR_US)


def _log_on(rng: random.Random, at_us: int, hosts: int) -> tuple[str, str, str, str, bool]:
    """Source address, source name, target, user, elevated."""
    chance, number = rng.random(), rng.randrange(hosts)
    if chance < 0.55:
        return (
            _address(number),
            f"WS-{number:03d}",
            f"FS-{(number * 7 + rng.randrange(3)) % 12:02d}",
            f"user{number:03d}",
            False,
        )
    if chance < 0.75:
        return _address(number), f"WS-{number:03d}", f"DC-{rng.randrange(2)}", f"WS-{number:03d}$", False
    if chance < 0.85:
        admin = rng.randrange(6)
        return _address(900 + admin), f"JUMP-{admin}", f"SRV-{rng.randrange(80):02d}", f"adm{admin}", True
    if chance < 0.93:
        return _address(950), "BACKUP", f"SRV-{rng.randrange(80):02d}", "svc-backup", True
    if chance < 0.9998:
        return _address(951), "SCAN", f"WS-{rng.randrange(hosts):03d}", "svc-scan", False
    other = rng.randrange(hosts)
    return _address(number), f"WS-{number:03d}", f"WS-{other:03d}", f"user{number:03d}", False


def _server(rng: random.Random, number: int) -> str:
    """One of three file servers that a user's department has."""
    return f"FS-{(number * 7 + rng.randrange(3)) % 12:02d}"


def _address(number: int) -> str:
    return f"10.1.{number // 250}.{number % 250 + 1}"


def _line(at_us: int, address: str, name: str, target: str, user: str, elevated: bool) -> bytes:
    record = {
        "EventTime": iso(at_us),
        "@timestamp": iso(at_us),
        "Channel": "Security",
        "EventID": 4624,
        "Hostname": f"{target}.corp.example",
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Keywords": "0x8020000000000000",
        "TargetUserName": user,
        "TargetDomainName": "CORP",
        "TargetLogonId": hex(at_us & 0xFFFFFFF),
        "LogonType": 3,
        "IpAddress": address,
        "IpPort": "50123",
        "WorkstationName": name,
        "AuthenticationPackageName": "Kerberos",
        "ElevatedToken": "%%1842" if elevated else "%%1843",
    }
    return msgspec.json.encode(record)
