"""Real logs through the detectors: the attack that each set is known for is told, the quiet stretches stay quiet."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.alerts import alerts_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.formats.flows import FlowsFormat
from pandora_core.ingest.formats.sshd import SshdFormat
from pandora_core.ingest.formats.suricata import SuricataFormat
from pandora_core.ingest.formats.wazuh import WazuhFormat
from pandora_core.ingest.formats.windows import WindowsFormat
from pandora_core.ingest.formats.zeek import ZeekFormat
from pandora_core.model import Alert, EntityRef, Event, Severity

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
BATCH = 1000


def contents(path: Path) -> Iterator[bytes]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".json"))
    else:
        yield gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def events_of(log_format: LogFormat, paths: Iterable[Path]) -> Iterator[Event]:
    for path in paths:
        for data in contents(path):
            modified_us = round(path.stat().st_mtime * 1e6)
            decoder = log_format.decoder(None, filename=path.name, modified_us=modified_us)
            lines = data.split(b"\n")
            for start in range(0, len(lines), BATCH):
                yield from (e for e in decoder.decode(lines[start : start + BATCH]) if isinstance(e, Event))


def judged(log_format: LogFormat, *paths: Path) -> tuple[list[Alert], list[Fired]]:
    """The alerts, worst first, and the detections that they are made of."""
    made = Pipeline()
    for number, event in enumerate(events_of(log_format, paths), 1):
        made.observe(number, event)
    fired, by_entity = made.changed(), dict[EntityRef, list[Fired]]()
    for item in fired:
        by_entity.setdefault(item.detection.entity, []).append(item)
    alerts = [alert for entity, items in by_entity.items() for alert in alerts_of(entity, items)]
    return sorted(alerts, key=lambda alert: -alert.risk), fired


def test_the_brute_force_and_the_success_after_it_are_the_worst_alert(shared_data: SharedData) -> None:
    log = shared_data("sshd") / "sshd" / "elastic_suspicious_login_auth.log"
    (worst, *others), fired = judged(SshdFormat(), log)
    detectors = {part.detector for part in worst.contributions}
    assert detectors >= {"failed-logons", "success-after-failures"}
    assert worst.severity >= Severity.HIGH
    assert worst.users[0] == "elastic_user_0"
    assert all(alert.severity <= Severity.MEDIUM for alert in others)
    assert sum(item.detection.detector == "success-after-failures" for item in fired) == 1


@pytest.mark.parametrize(
    ("log_format", "log", "scanner", "technique"),
    [
        (ZeekFormat(), "port-scans/vertical/conn.log", "192.168.1.9", "T1046"),
        (ZeekFormat(), "port-scans/horizontal/conn.log", "10.0.2.112", "T1046"),
        (FlowsFormat(), "test11-portscan.binetflow", "10.8.0.69", "T1046"),
        (FlowsFormat(), "test4-malicious.binetflow", "192.168.2.12", "T1046"),
    ],
    ids=["vertical", "horizontal", "ports and pings", "worm"],
)
def test_the_scanner_is_the_only_alert_of_a_port_scan(
    shared_data: SharedData, log_format: LogFormat, log: str, scanner: str, technique: str
) -> None:
    alerts, _ = judged(log_format, shared_data("slips-logs") / "slips" / log)
    assert [alert.entity for alert in alerts] == [EntityRef("address", scanner)]
    assert alerts[0].severity == Severity.MEDIUM
    assert technique in alerts[0].techniques


def test_the_movement_of_every_capture_is_an_alert_that_names_both_hosts(shared_data: SharedData) -> None:
    captures = sorted((shared_data("otrf-empire")).rglob("empire_*.zip"))
    assert len(captures) == 8
    for capture in captures:
        alerts, _ = judged(WindowsFormat(), capture)
        assert {alert.entity.name for alert in alerts} <= {"WORKSTATION5", "WORKSTATION6"}, capture.name
        (movement,) = (alert for alert in alerts if alert.entity == EntityRef("host", "WORKSTATION5"))
        assert {"WORKSTATION5", "WORKSTATION6"} <= set(movement.hosts), capture.name
        assert movement.users == ("pgustavo",), capture.name
        assert movement.severity >= Severity.HIGH, capture.name


@pytest.mark.parametrize("capture", ["psexec_dcerpc_tcp_svcctl", "smbexec_dcerpc_smb_svcctl"])
def test_a_service_made_on_the_way_makes_the_movement_high(shared_data: SharedData, capture: str) -> None:
    (path,) = shared_data("otrf-empire").rglob(f"empire_{capture}.zip")
    alerts, _ = judged(WindowsFormat(), path)
    (alert,) = (alert for alert in alerts if alert.entity == EntityRef("host", "WORKSTATION5"))
    assert alert.severity >= Severity.HIGH
    assert {"T1543.003", "T1569.002", "T1021.002"} <= set(alert.techniques)


def test_a_server_that_strangers_knock_on_is_one_alert_and_no_more_than_medium(shared_data: SharedData) -> None:
    alerts, fired = judged(SuricataFormat(), shared_data("slips-logs") / "slips" / "test6-malicious.suricata.json")
    assert [alert.entity.name for alert in alerts] == ["192.168.1.129"]
    assert alerts[0].severity == Severity.MEDIUM
    assert len(fired) < 200


def test_a_hundred_thousand_quiet_events_of_a_busy_network_make_no_alert(shared_data: SharedData) -> None:
    logs = sorted((shared_data("zeek-brimdata")).rglob("zeek-default/*.log.gz"))
    alerts, fired = judged(ZeekFormat(), *logs)
    assert alerts == []
    assert len(fired) < 200


def test_web_traffic_behind_a_proxy_gives_no_alert_but_its_beacon(shared_data: SharedData) -> None:
    logs = sorted((shared_data("rita-testdata")).rglob("proxy/*.log"))
    alerts, fired = judged(ZeekFormat(), *logs)
    assert len(alerts) == 1
    assert {item.detection.detector for item in fired} == {"beacon"}


def test_a_server_on_the_open_internet_gives_one_medium_alert_for_each_attacker(shared_data: SharedData) -> None:
    logs = sorted((shared_data("rita-testdata")).rglob("missing_host/*/*.gz"))
    alerts, _ = judged(ZeekFormat(), *logs)
    assert 10 <= len(alerts) <= 45  # in three days, of several thousand sources
    assert len({alert.entity for alert in alerts}) >= len(alerts) - 2
    assert {alert.severity for alert in alerts} == {Severity.MEDIUM}


def test_a_hundred_thousand_unrated_alerts_become_a_few_hundred_detections_and_a_handful_of_alerts(
    shared_data: SharedData,
) -> None:
    (table,) = shared_data("ait-ads-dev").rglob("santos_alerts.txt")
    alerts, fired = judged(WazuhFormat(), table)
    assert len(fired) < 500
    assert 1 <= len(alerts) <= 20
    assert "intranet_server" in {alert.entity.name for alert in alerts if alert.severity >= Severity.HIGH}
    assert "vpn" in {alert.entity.name for alert in alerts if alert.severity >= Severity.MEDIUM}
