"""From which place to which a log-on went."""

from __future__ import annotations

import msgspec
import pytest

from pandora_core.detect.names import Names
from pandora_core.detect.paths import Path, hosts_of, is_persons, logon_id_of, path_of, shown, source_of, target_of
from pandora_core.model import EntityRef, Event
from tests.unit.streams import at, lease, ssh, windows_logon


@pytest.mark.parametrize(
    ("source_ip", "source_domain", "place"),
    [
        ("10.0.0.5", "WS-5", "10.0.0.5"),
        (None, "WS-5", "ws-5"),
        (None, "\\\\WS-5", "ws-5"),
        (None, "Host-9.Example.NET.", "host-9.example.net"),
        (None, "ws-6", None),
        (None, None, None),
        ("::1", "WS-5", None),
    ],
)
def test_a_log_on_comes_from_an_address_else_from_a_name(
    source_ip: str | None, source_domain: str | None, place: str | None
) -> None:
    event = windows_logon(at(), source_ip, "WS-6.corp.example", workstation=source_domain)
    assert source_of(event) == place


def test_a_log_on_goes_to_the_host_that_tells_of_it_else_to_where_a_sensor_saw_it_go() -> None:
    seen = msgspec.structs.replace(ssh(at(), "success"), host=None)
    assert target_of(ssh(at(), "success", host="GATE.corp.example")) == "gate"
    assert (
        target_of(msgspec.structs.replace(seen, destination_ip="10.0.0.9", destination_domain="gate")) == "10.0.0.9"
    )
    assert target_of(msgspec.structs.replace(seen, destination_domain="GATE.corp.example")) == "gate"
    assert path_of(seen) is None


def test_a_log_on_at_the_host_itself_has_no_source() -> None:
    assert path_of(windows_logon(at(), None, "WS-6", kind=2)) == Path("", "ws-6")


@pytest.mark.parametrize(
    ("event", "may_be"),
    [
        (windows_logon(at()), True),
        (windows_logon(at(), kind=10), True),
        (windows_logon(at(), kind=2), False),
        (windows_logon(at(), user="WS-5$"), False),
        (windows_logon(at(), user="-"), False),
        (ssh(at(), "success"), True),
    ],
)
def test_persons_are_told_from_machines_and_from_log_ons_at_the_desk(event: Event, may_be: bool) -> None:
    assert is_persons(event) is may_be


@pytest.mark.parametrize(
    ("value", "number"), [("0x3E7", "0x3e7"), (999, "0x3e7"), ("0x0", ""), ("-", ""), (None, "")]
)
def test_log_on_ids_are_written_alike(value: object, number: str) -> None:
    event = msgspec.structs.replace(ssh(at(), "success"), more={"winlog.event_data.TargetLogonId": value})
    assert logon_id_of(event, "TargetLogonId") == number


def test_places_are_shown_by_name_and_address() -> None:
    names = Names()
    names.learn(lease(at(), "ws-5", "10.0.0.5"))
    assert [shown(place, names, at()) for place in ("10.0.0.5", "10.0.0.6", "srv")] == [
        "ws-5 (10.0.0.5)",
        "10.0.0.6",
        "srv",
    ]
    assert hosts_of(EntityRef("host", "ws-5"), "10.0.0.5", names, at()) == ("ws-5",)
