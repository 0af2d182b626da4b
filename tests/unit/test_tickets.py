"""Tickets whose passwords can be guessed off-line."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviours.tickets import SERVICE_POINTS, USER_POINTS, Roasting
from pandora_core.detect.customs import CUSTOM_HOSTS
from pandora_core.model import DAY_US, Detection, EntityRef, Event
from tests.unit.streams import at, ticket, watch, weak_ticket, windows_event


def found(*events: Event) -> list[Detection]:
    return [fired.detection for fired in watch(events, Roasting)]


def answer(minutes: float, user: str, preauthentication: str = "0") -> Event:
    return windows_event(
        at(minutes),
        "authentication",
        "kerberos-tgt",
        "4768",
        host="dc-1",
        user=user,
        source="10.0.0.5",
        kerberos__encryption="rc4-hmac",
        PreAuthType=preauthentication,
        service__name="krbtgt",
    )


@pytest.mark.parametrize(("number", "points"), [(1, 16), (2, 30), (3, 60), (12, 75)])
def test_the_more_services_the_worse(number: int, points: float) -> None:
    (detection,) = found(*(weak_ticket(at(n / 10), service=f"svc-{n}") for n in range(number)))
    assert detection.points == points
    assert detection.entity == EntityRef("address", "10.0.0.5")
    assert detection.techniques == ("T1558.003",)
    assert detection.users == ("alice",)


def test_a_ticket_that_controller_and_sensor_tell_in_their_own_words_counts_once() -> None:
    told = [weak_ticket(at(), service=name) for name in ("svc-sql", "MSSQLSvc/db-01.corp.example:1433", "svc-web")]
    (detection,) = found(*told)
    assert detection.points == SERVICE_POINTS[2]
    assert detection.title.endswith("for 2 services")
    (alone,) = found(told[1])
    assert (alone.points, alone.related[0].name) == (SERVICE_POINTS[1], "mssqlsvc")


def test_tickets_that_are_well_encrypted_or_for_machines_do_not_count() -> None:
    assert found(ticket(at(), service="svc-sql")) == []
    assert found(weak_ticket(at(), service="WS-6$"), weak_ticket(at(), service="krbtgt")) == []


def test_a_service_that_many_hosts_ask_for_is_customary_for_all_of_them() -> None:
    asked = [weak_ticket(at(n), f"10.0.0.{n}") for n in range(1, CUSTOM_HOSTS + 1)]
    assert {detection.points for detection in found(*asked[:-1])} == {SERVICE_POINTS[1]}
    detections = found(*asked)
    assert {detection.points for detection in detections} == {0}
    assert detections[0].reasons[-1] == "nothing new: many hosts ask for these, or did a day before"


def test_a_service_that_was_asked_for_a_day_before_is_customary() -> None:
    _, again = found(weak_ticket(at()), weak_ticket(at() + DAY_US))
    assert again.points == 0


def test_a_harvest_counts_though_one_of_the_services_is_customary() -> None:
    _, harvest = found(weak_ticket(at()), *(weak_ticket(at(n) + DAY_US, service=f"svc-{n}") for n in range(1, 4)))
    assert harvest.points == SERVICE_POINTS[3]


def test_answers_without_pre_authentication_are_told_by_account() -> None:
    (one,) = found(answer(0, "bob"))
    (many,) = found(*(answer(n, f"user{n}") for n in range(3)))
    assert (one.points, many.points) == (USER_POINTS[1], USER_POINTS[3])
    assert one.techniques == ("T1558.004",)
    assert one.users == ("bob",)
    assert found(answer(0, "bob", "2")) == []
