"""Owns a made-up store for the tests of the screens: a small company on a bad afternoon, at a fixed time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.risk import score
from pandora_core.model import MINUTE_US, SECOND_US, Alert, Detection, EntityRef, Event, Severity, from_iso
from pandora_core.store.operator import Operator
from pandora_core.store.rows import BadLineRow, EngineStatus, FileRow, RawLine
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, EntityState, Writer, event_tuple
from pandora_tui.app import PandoraApp
from pandora_tui.desks.bridge import Pace
from pandora_tui.desks.feed import Feed

NOW_US = from_iso("2026-03-27T14:33:00Z")
HOSTILE = "evil \x1b[31mred\x1b[0m \u202egnp.exe [bold red]name[/] " + "very long " * 60
PID = 4242
BRISK = Pace(busy_s=0.05, idle_s=0.05, failed_s=0.05)


def clock() -> int:
    """The present of every test."""
    return NOW_US


def ago(minutes: float) -> int:
    return NOW_US - int(minutes * MINUTE_US)


def detection(
    entity: EntityRef, detector: str, points: float, title: str, minutes: float, **more: object
) -> Detection:
    at_us = ago(minutes)
    values = {"reasons": (f"{title}: as seen in the log",), **more}
    return Detection(
        f"{detector}-{entity.name}-{title}"[:60], detector, entity, at_us, at_us, 1, points, title, **values
    )  # type: ignore[arg-type]


def alert(number: str, detections: Sequence[Detection]) -> Alert:
    found = score(detections)
    first = found.contributions[0].title
    more = len(detections) - 1
    return Alert(
        id=number,
        entity=detections[0].entity,
        severity=Severity.of_risk(found.risk),
        risk=found.risk,
        title=first + (f", and {more} more" if more else ""),
        first_seen_us=min(d.first_seen_us for d in detections),
        last_seen_us=max(d.last_seen_us for d in detections),
        contributions=found.contributions,
        detection_ids=tuple(d.id for d in detections),
        hosts=tuple(dict.fromkeys(h for d in detections for h in d.hosts)),
        users=tuple(dict.fromkeys(u for d in detections for u in d.users)),
        techniques=tuple(dict.fromkeys(t for d in detections for t in d.techniques)),
        tactics=tuple(dict.fromkeys(t for d in detections for t in d.tactics)),
        reasons=tuple(r for d in detections for r in d.reasons),
    )


WS, SVC, BEACON = EntityRef("host", "ws-114"), EntityRef("user", "svc_backup"), EntityRef("address", "10.4.2.19")
DB, EVIL = EntityRef("host", "db-02"), EntityRef("host", HOSTILE)


def company() -> list[tuple[str, list[Detection]]]:
    """The alerts by id, each with its detections."""
    lateral = {"tactics": ("lateral-movement",), "hosts": ("ws-114", "dc-01"), "users": ("pgustavo",)}
    chain = [
        detection(
            WS, "first-logon", 45, "first log-on from ws-114 to dc-01 as pgustavo with administrator rights", 2.5,
            techniques=("T1021.002",), event_ids=(1, 2), related=(EntityRef("host", "dc-01"),),
            reasons=(
                "ws-114 had not logged on to dc-01 in the 3 days that its log-ons are watched",
                "2 log-ons as pgustavo in the first hour: over the network, NTLM",
                "with administrator rights on dc-01",
            ), **lateral,
        ),
        detection(
            WS, "service", 60, "service updsvc created on dc-01 from ws-114", 2, techniques=("T1569.002",),
            event_ids=(3,), reasons=("service updsvc runs a binary from the share ADMIN$",), **lateral,
        ),
        detection(
            WS, "ids", 55, "Suricata: remote service creation over SMB", 2, techniques=("T1021.002",), event_ids=(4,)
        ),
        detection(WS, "port-scan", 40, "scan of 212 hosts on port 445", 6, techniques=("T1046",), event_ids=(5,)),
    ]  # fmt: skip
    spray = [
        detection(
            SVC, "password-spray", 72, "password spray, 41 accounts, 1 success", 9, techniques=("T1110.003",),
            tactics=("credential-access",), hosts=("dc-01",), users=("svc_backup",), event_ids=(6, 7),
        ),
        detection(SVC, "log-on-after", 30, "log-on to fs-02 as svc_backup after 41 failures", 8, event_ids=(7,)),
    ]  # fmt: skip
    return [
        ("A-3f9c1b2a", chain),
        ("A-77ab01c4", spray),
        (
            "A-90d1e2f3",
            [detection(BEACON, "beacon", 44, "beacon every 60s ±2% to 203.0.113.9", 31, techniques=("T1071",))],
        ),
        ("A-5c5c5c5c", [detection(EVIL, "ids", 50, HOSTILE, 44, techniques=("T1059",), hosts=(HOSTILE,))]),
        (
            "A-0b0b0b0b",
            [detection(DB, "first-logon", 26, "first log-on from ws-007 to db-02 as anna", 130, **lateral)],
        ),
    ]


def events() -> list[Event]:
    """What the detections show, in order."""
    logon = {"dataset": "windows.security", "category": "authentication", "user": "pgustavo", "action": "logon"}
    return [
        Event(ago(2.5), code="4624", outcome="success", source_ip="10.4.2.114", host="dc-01", **logon),
        Event(ago(2.4), code="4624", outcome="success", source_ip="10.4.2.114", host="dc-01", **logon),
        Event(
            ago(2), "windows.system", action="service-installed", code="7045", host="dc-01",
            message=r"updsvc \\dc-01\ADMIN$\x.exe",
        ),
        Event(
            ago(2), "suricata.alert", action="alert", source_ip="10.4.2.114", destination_ip="10.4.2.5",
            destination_port=445, transport="tcp", message="remote service creation", severity=2,
        ),
        Event(
            ago(6), "zeek.conn", action="connection", source_ip="10.4.2.114", destination_ip="10.4.9.1",
            destination_port=445, transport="tcp",
        ),
        Event(ago(9), code="4625", outcome="failure", host="dc-01", count=41, **logon),
        Event(ago(8), code="4624", outcome="success", host="fs-02", **logon),
    ]  # fmt: skip


def file(number: int, path: str, format_name: str, state: str = "live", **changes: object) -> FileRow:
    values: dict[str, object] = {
        "id": number, "path": path, "member": "", "format": format_name, "head_hash": "h", "checkpoint": "{}",
        "events": 1_234_567, "bad_lines": 0, "first_event_us": ago(900), "last_event_us": ago(0.5),
        "last_read_us": NOW_US, "backlog_bytes": 0, "state": state,
    }  # fmt: skip
    return FileRow(**{**values, **changes})  # type: ignore[arg-type]


FILES = (
    file(1, "/var/log/zeek/conn.log", "zeek", events=4_812_345, bad_lines=2),
    file(2, "/var/log/suricata/eve.json", "suricata", events=98_114),
    file(3, "/var/log/auth.log", "sshd", "silent", last_event_us=ago(55), detail="no new line for a while"),
    file(4, "/srv/windows/Security.json", "windows", backlog_bytes=3_400_000),
    file(5, "/srv/old/dns.log.gz", "zeek", "finished", last_event_us=ago(4_000)),
)


def status(**changes: object) -> EngineStatus:
    values: dict[str, object] = {
        "pid": PID, "host": "jump-1", "version": "0.1.0", "state": "live", "started_at_us": ago(400),
        "heartbeat_us": NOW_US - SECOND_US, "watermark_us": NOW_US, "last_event_id": 7, "events_per_s": 4812.0,
        "backlog_bytes": 0, "lag_s": 0.3,
    }  # fmt: skip
    return EngineStatus(**{**values, **changes})  # type: ignore[arg-type]


def batch(alerts: Sequence[tuple[str, list[Detection]]] | None = None) -> Batch:
    """Everything of the company as one transaction."""
    chosen = company() if alerts is None else alerts
    by_entity: dict[EntityRef, list[Detection]] = {}
    for _, found in chosen:
        by_entity.setdefault(found[0].entity, []).extend(found)
    return Batch(
        files=list(FILES),
        fired=[Fired(d, 1, d.first_seen_us) for _, found in chosen for d in found],
        alerts=[alert(number, found) for number, found in chosen],
        entities=[
            EntityState(ref, score(found), max(d.last_seen_us for d in found), min(d.first_seen_us for d in found),
                        max(d.last_seen_us for d in found), len(found))
            for ref, found in by_entity.items()
        ],
        status=status(),
    )  # fmt: skip


def fill(folder: Path) -> Store:
    """A store with the company in it, its events, raw lines, bad lines and an hour of throughput."""
    store = Store(folder / FILE_NAME)
    writer = Writer(store)
    for minute in range(60):
        count = 40 + minute * 3 % 50 + (60 if minute > 45 else 0)
        rows = [
            event_tuple(1_000 + minute * 200 + i, 1, 0, 1, i, Event(ago(60 - minute), "zeek.conn"))
            for i in range(count)
        ]
        writer.commit(Batch(events=rows, minute_us=(NOW_US - (59 - minute) * MINUTE_US) // MINUTE_US * MINUTE_US))
    whole = batch()
    whole.events = [event_tuple(i, 4, i * 100, 90, 48_121 + i, event) for i, event in enumerate(events(), 1)]
    whole.raw_lines = [RawLine(i, FILES[3].path, 48_121 + i, zlib.compress(raw_line(i))) for i in range(1, 8)]
    whole.bad_lines = [
        BadLineRow(1, 77, 0, "expected 21 fields, got 3", "1774619580.1\tCx"),
        BadLineRow(1, 912, 0, "a time stamp that is none", HOSTILE),
    ]
    whole.minute_us = NOW_US // MINUTE_US * MINUTE_US
    writer.commit(whole)
    return store


def raw_line(number: int) -> bytes:
    return f'{{"EventID": {number}, "note": "a \x1b[31mraw\x1b[0m line", "Hostname": "dc-01"}}'.encode()


def console(folder: Path, *, pid: int | None = PID, **settings: Any) -> PandoraApp:
    """A console on the store in ``folder``, at the fixed time; an engine runs if there is a ``pid``."""
    feed = Feed(folder, clock=clock, engine_pid=lambda _: pid)
    return PandoraApp(folder, feed=feed, version="0.0", **{"theme": "dark", "pace": BRISK, **settings})


async def until(pilot: Pilot[None], is_so: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Let the console work until something is so."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, f"not so within {timeout_s:g} s:\n{shown(pilot.app)}"
        await pilot.pause(0.01)


def shown(app: App[Any]) -> str:
    """The text on screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def operator(store: Store, name: str = "bob") -> Operator:
    return Operator(store, name, "console-2")
