"""Other tools' alerts, carried as detections."""

from __future__ import annotations

import msgspec
import pytest

from pandora_core.detect.behaviours.signatures import Signatures
from pandora_core.detect.incidents.alerts import OPEN_RISK, alerts_of
from pandora_core.model import Detection, EntityRef, Event, Severity
from tests.unit.streams import INSIDE, OUTSIDE, at, ids_alert, watch


def alarms(*events: Event) -> list[Detection]:
    return [fired.detection for fired in watch(events, Signatures)]


def test_an_alert_becomes_a_detection_of_the_host_on_our_side() -> None:
    (alarm,) = alarms(ids_alert(at(), "ET ODD THING", 3, **{"rule.category": "Misc Attack"}))
    assert alarm.entity == EntityRef("address", INSIDE[0])
    assert alarm.severity is Severity.MEDIUM
    assert alarm.title == "Suricata: ET ODD THING"
    assert alarm.reasons == (
        "Suricata rule “ET ODD THING” (high)",
        "of the kind: Misc Attack",
        "the other side, 1 in all: 203.0.113.9",
    )
    assert alarm.hosts == (INSIDE[0],)


@pytest.mark.parametrize(
    ("source", "destination", "host", "entity"),
    [
        (OUTSIDE[0], INSIDE[0], None, EntityRef("address", INSIDE[0])),
        (INSIDE[0], OUTSIDE[0], None, EntityRef("address", INSIDE[0])),
        (INSIDE[0], INSIDE[1], None, EntityRef("address", INSIDE[0])),
        (OUTSIDE[0], OUTSIDE[1], None, EntityRef("address", OUTSIDE[0])),
        (INSIDE[0], "224.0.0.251", None, EntityRef("address", INSIDE[0])),
        (None, INSIDE[0], None, EntityRef("address", INSIDE[0])),
        (OUTSIDE[0], None, "mail.corp.example", EntityRef("host", "mail")),
    ],
)
def test_the_entity_is_the_side_that_is_ours(
    source: str | None, destination: str | None, host: str | None, entity: EntityRef
) -> None:
    (alarm,) = alarms(ids_alert(at(), source=source, destination=destination, host=host))
    assert alarm.entity == entity


def test_an_alert_about_nobody_makes_no_detection() -> None:
    assert alarms(ids_alert(at(), source=None, destination=None)) == []


def test_informational_alerts_make_none() -> None:
    assert alarms(ids_alert(at(), severity=0)) == []


def test_a_rule_that_fires_for_a_thousand_strangers_is_one_detection() -> None:
    (alarm,) = alarms(*(ids_alert(at(n / 60), source=f"203.0.{n // 250}.{n % 250 + 1}") for n in range(1000)))
    assert alarm.count == 1000
    assert alarm.reasons[0] == "Suricata rule “ODD THING” (medium), 1,000 times in 17 minutes"
    assert alarm.reasons[-1].startswith("the other side, 64 or more in all: 203.0.0.1, 203.0.0.10,")
    assert len(alarm.related) == 8


def test_rules_and_entities_are_kept_apart() -> None:
    assert len(alarms(ids_alert(at()), ids_alert(at(), "OTHER"), ids_alert(at(), destination=INSIDE[1]))) == 3


def test_a_rule_is_as_severe_as_its_worst_alert() -> None:
    (alarm,) = alarms(ids_alert(at(), severity=1), ids_alert(at(1), severity=4), ids_alert(at(2), severity=2))
    assert alarm.severity is Severity.HIGH
    assert "(critical)" in alarm.reasons[0]


@pytest.mark.parametrize(("severity", "opens"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_lone_alert_is_looked_at_only_from_high_on(severity: int, opens: bool) -> None:
    fired = watch([ids_alert(at(), severity=severity)], Signatures)
    assert bool(alerts_of(fired[0].detection.entity, fired)) is opens


def test_low_alerts_never_add_up_to_one_that_is_looked_at() -> None:
    often = [msgspec.structs.replace(ids_alert(at(n), f"rule {n}", 1), count=100_000) for n in range(40)]
    fired = watch(often, Signatures)
    assert sum(f.detection.points for f in fired) > 10 * OPEN_RISK
    assert alerts_of(fired[0].detection.entity, fired) == []


def test_one_rule_of_medium_severity_does_not_open_an_alert_however_often_and_two_do() -> None:
    one = msgspec.structs.replace(ids_alert(at()), count=100_000)
    fired = watch([one], Signatures)
    assert alerts_of(fired[0].detection.entity, fired) == []
    fired = watch([ids_alert(at()), ids_alert(at(), "OTHER")], Signatures)
    assert len(alerts_of(fired[0].detection.entity, fired)) == 1


def test_techniques_that_the_tool_gives_are_kept() -> None:
    (alarm,) = alarms(ids_alert(at(), **{"threat.technique.id": ["T1190", "T1059"]}))
    assert alarm.techniques == ("T1059", "T1190")


def test_a_rule_without_a_name_is_called_by_its_message() -> None:
    nameless = msgspec.structs.replace(ids_alert(at()), more={}, message="something odd")
    (alarm,) = alarms(nameless)
    assert alarm.title == "Suricata: something odd"
