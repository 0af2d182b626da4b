"""Real Windows logs of attacks through the detectors: the right tactic is told, both ends of a movement are named."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from evtx import PyEvtxParser

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.alerts import alerts_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.ingest.formats.windows import WindowsFormat
from pandora_core.model import Alert, EntityRef, Event, Severity

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
TACTICS = {
    "Lateral Movement": "lateral-movement",
    "Credential Access": "credential-access",
    "Persistence": "persistence",
    "Defense Evasion": "defense-evasion",
}


def events_of(path: Path) -> Iterable[Event]:
    if path.suffix == ".evtx":
        records = (record["data"] for record in PyEvtxParser(str(path)).records_json())
        lines = [text.replace("\r", "").replace("\n", "").encode("utf-8", "surrogatepass") for text in records]
    else:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".json"))
            lines = [line for name in names for line in archive.read(name).split(b"\n")]
    decoded = WindowsFormat().decoder(None, filename=path.name, modified_us=0).decode(lines)
    return (event for event in decoded if isinstance(event, Event))


def judged(path: Path) -> tuple[list[Alert], list[Fired]]:
    """The alerts, worst first, and the detections that they are made of."""
    made = Pipeline()
    for number, event in enumerate(events_of(path), 1):
        made.observe(number, event)
    fired, by_entity = made.changed(), dict[EntityRef, list[Fired]]()
    for item in fired:
        by_entity.setdefault(item.detection.entity, []).append(item)
    alerts = [alert for entity, items in by_entity.items() for alert in alerts_of(entity, items)]
    return sorted(alerts, key=lambda alert: -alert.risk), fired


@pytest.mark.parametrize("folder", TACTICS)
def test_most_samples_of_a_tactic_are_told_as_that_tactic(shared_data: SharedData, folder: str) -> None:
    samples = sorted((shared_data("evtx-attack-samples") / "evtx-attack-samples" / folder).glob("*.evtx"))
    assert len(samples) > 20
    missed = [
        path.name
        for path in samples
        if not any(TACTICS[folder] in item.detection.tactics for item in judged(path)[1])
    ]
    assert len(missed) <= 0.3 * len(samples), missed


def test_every_movement_is_a_high_alert_that_names_both_hosts(shared_data: SharedData) -> None:
    captures = sorted(shared_data("otrf-empire").rglob("empire_*.zip"))
    assert len(captures) == 8
    for capture in captures:
        alerts, _ = judged(capture)
        named = [alert for alert in alerts if {"WORKSTATION5", "WORKSTATION6"} <= set(alert.hosts)]
        assert max(alert.severity for alert in named) >= Severity.HIGH, capture.name


def test_what_was_done_by_wmi_is_told_of_the_host_that_it_came_from(shared_data: SharedData) -> None:
    (capture,) = shared_data("otrf-empire").rglob("empire_wmi_dcerpc_wmi_IWbemServices_ExecMethod.zip")
    _, fired = judged(capture)
    moved = [item.detection for item in fired if item.detection.title.startswith("WMI started")]
    assert moved
    assert {detection.entity for detection in moved} == {EntityRef("host", "WORKSTATION5")}
    assert {detection.hosts for detection in moved} == {("WORKSTATION5", "WORKSTATION6")}


@pytest.mark.parametrize(
    ("log", "technique"),
    [("smb-password-guessing-security", "T1110.001"), ("password-spray", "T1110.003")],
)
def test_guessing_of_passwords_is_a_medium_alert(shared_data: SharedData, log: str, technique: str) -> None:
    (path,) = shared_data("evtx-deepbluecli").rglob(f"{log}.evtx")
    alerts, fired = judged(path)
    assert alerts[0].severity >= Severity.MEDIUM
    assert any(technique in item.detection.techniques for item in fired)


def test_more_than_half_of_a_broad_set_of_single_events_shows_something(shared_data: SharedData) -> None:
    samples = sorted(shared_data("sigma-regression").rglob("*.evtx"))
    told = sum(bool(judged(path)[1]) for path in samples)
    assert (len(samples), told) >= (202, 110)
