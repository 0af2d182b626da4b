"""Real network logs through the network behaviours: what is known to be there is told, the rest stays quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.alerts import alerts_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.formats.flows import FlowsFormat
from pandora_core.ingest.formats.suricata import SuricataFormat
from pandora_core.ingest.formats.zeek import ZeekFormat
from pandora_core.model import HOUR_US, Alert, EntityRef, Severity
from tests.realdata.test_detect_shared import events_of

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]


def judged(log_format: LogFormat, *paths: Path) -> tuple[list[Alert], list[Fired]]:
    """The alerts, worst first, and all detections; events in the order of their times, as a merging reader gives."""
    made, by_entity = Pipeline(), dict[EntityRef, list[Fired]]()
    for number, event in enumerate(sorted(events_of(log_format, paths), key=lambda event: event.at_us), 1):
        made.observe(number, event)
    fired = made.changed()
    for item in fired:
        by_entity.setdefault(item.detection.entity, []).append(item)
    alerts = [alert for entity, items in by_entity.items() for alert in alerts_of(entity, items)]
    return sorted(alerts, key=lambda alert: -alert.risk), fired


def test_the_host_with_the_remote_access_trojan_is_on_top_for_calling_a_door_that_stays_closed(
    shared_data: SharedData,
) -> None:
    logs = sorted(shared_data("slips-logs").rglob("test18*/zeek-labeled/*.labeled"))
    (worst, *others), fired = judged(ZeekFormat(), *logs)
    assert others == []
    strobes = [item.detection for item in fired if item.detection.detector == "strobe"]
    assert [strobe.entity for strobe in strobes] == [worst.entity]
    assert strobes[0].count == 719
    assert "command-and-control" in worst.tactics


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("zeek-brimdata", "zeek-default/*.log.gz"),
        ("zeek-brimdata", "zeek-json/*.json.gz"),
        ("rita-testdata", "dnscat2-ja3-strobe-agent/*.gz"),
        ("rita-testdata", "proxy/*.log"),
        ("rita-testdata", "proxy_rolling/*.gz"),
        ("rita-testdata", "open_sni/*.gz"),
        ("zat", "json/*.log"),
    ],
)
def test_ordinary_traffic_makes_no_high_alert(shared_data: SharedData, name: str, pattern: str) -> None:
    """Of the copy of ``dnscat2-ja3-strobe-agent`` here only the web log is there: some hosts' day of browsing."""
    logs = sorted(shared_data(name).rglob(pattern))
    assert logs
    alerts, _ = judged(ZeekFormat(), *logs)
    assert [(alert.entity, alert.title) for alert in alerts if alert.severity >= Severity.HIGH] == []


def test_a_beacon_through_a_proxy_is_told_with_its_domain_and_interval(shared_data: SharedData) -> None:
    alerts, fired = judged(ZeekFormat(), *sorted(shared_data("rita-testdata").rglob("proxy/*.log")))
    (beacon,) = (item.detection for item in fired if item.detection.detector == "beacon")
    assert [alert.entity for alert in alerts] == [beacon.entity]
    assert beacon.severity is Severity.MEDIUM
    assert beacon.first_seen_us < beacon.last_seen_us - 24 * HOUR_US


@pytest.mark.parametrize("log", ["test2-malicious.binetflow", "test3-mixed.binetflow", "test4-malicious.binetflow"])
def test_flow_records_of_single_hosts_make_no_high_alert(shared_data: SharedData, log: str) -> None:
    alerts, _ = judged(FlowsFormat(), shared_data("slips-logs") / "slips" / log)
    assert [alert for alert in alerts if alert.severity >= Severity.HIGH] == []


def test_a_server_on_the_open_internet_makes_no_beacon_of_the_strangers_that_call_it(shared_data: SharedData) -> None:
    logs = sorted(shared_data("rita-testdata").rglob("missing_host/*/*.gz"))
    alerts, fired = judged(ZeekFormat(), *logs)
    assert [alert for alert in alerts if alert.severity >= Severity.HIGH] == []
    assert [item.detection.title for item in fired if item.detection.detector == "upload"] == []


def test_flows_of_suricata_make_no_high_alert_by_volume_or_pace(shared_data: SharedData) -> None:
    _, fired = judged(SuricataFormat(), shared_data("slips-logs") / "slips" / "test6-malicious.suricata.json")
    told = {item.detection.detector for item in fired}
    assert told.isdisjoint({"beacon", "strobe", "upload", "dns-tunnel", "failing-names"})
