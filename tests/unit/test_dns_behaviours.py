"""Names: tunnels, domains made by chance, storms and unusual records, and the services that look like them."""

from __future__ import annotations

import hashlib

import pytest

from pandora_core.detect.behaviour import Maker
from pandora_core.detect.behaviours.dns_tunnels import MANY_NAMES, DnsTunnels
from pandora_core.detect.behaviours.failing_names import CHANCE_DOMAINS, FAILING_DOMAINS, FailingNames
from pandora_core.detect.behaviours.record_types import RecordTypes
from pandora_core.detect.domains import carries_data, is_made_by_chance, name_of
from pandora_core.model import Detection, Event, Severity
from tests.unit.streams import INSIDE, at, dns_query, watch


def told(events: list[Event], maker: Maker) -> list[Detection]:
    return [fired.detection for fired in watch(events, maker)]


def digest(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def tunnel(count: int, source: str = INSIDE[0]) -> list[Event]:
    return [dns_query(at(seconds=n), f"{digest(n)[:40]}.t.bad.example", "TXT", source=source) for n in range(count)]


def letters(n: int) -> str:
    return "".join(chr(97 + int(digest(n)[2 * k : 2 * k + 2], 16) % 26) for k in range(14))


def test_many_different_names_that_carry_data_are_a_tunnel_of_high_severity() -> None:
    assert told(tunnel(MANY_NAMES - 1), DnsTunnels) == []
    (found,) = told(tunnel(MANY_NAMES + 50), DnsTunnels)
    assert found.severity is Severity.HIGH
    assert found.title == "DNS tunnel through bad.example"
    assert "TXT" in found.reasons[1]
    assert found.techniques == ("T1071.004", "T1048.003")
    assert found.count == MANY_NAMES + 50


def test_the_same_name_again_and_names_of_words_carry_nothing() -> None:
    assert told([dns_query(at(seconds=n), f"{digest(1)}.bad.example") for n in range(300)], DnsTunnels) == []
    words = [dns_query(at(seconds=n), f"mail-server-number-{n}.europe.corp.example") for n in range(300)]
    assert told(words, DnsTunnels) == []


def test_a_service_that_many_hosts_ask_such_names_of_is_worth_no_alert() -> None:
    many = [event for n in range(4) for event in tunnel(MANY_NAMES, f"10.0.0.{n + 20}")]
    assert all(found.points < 15 for found in told(many, DnsTunnels))


def test_a_resolver_that_passes_on_a_tunnel_is_not_the_culprit() -> None:
    passed_on = [
        dns_query(e.at_us, e.more["dns.question.name"], source=INSIDE[2], server="192.0.2.53") for e in tunnel(200)
    ]  # type: ignore[arg-type]
    points = {found.entity.name: found.points for found in told([*tunnel(200), *passed_on], DnsTunnels)}
    assert points[INSIDE[0]] > 60
    assert points[INSIDE[2]] < 15


def test_domains_made_by_chance_that_do_not_exist_are_an_algorithms() -> None:
    asked = [dns_query(at(seconds=n), f"{letters(n)}.example", code="NXDOMAIN") for n in range(60)]
    (found,) = told(asked, FailingNames)
    assert found.severity is Severity.MEDIUM
    assert found.techniques == ("T1568.002",)
    existing = [dns_query(at(seconds=n), f"{letters(n)}.example") for n in range(60)]
    assert told(existing, FailingNames) == []
    assert told(asked[: CHANCE_DOMAINS - 1], FailingNames) == []


def test_many_domains_of_words_that_do_not_exist_are_a_storm() -> None:
    words = [dns_query(at(seconds=n), f"green-table-{n}.example", code="NXDOMAIN") for n in range(FAILING_DOMAINS)]
    (storm,) = told(words, FailingNames)
    assert storm.severity is Severity.LOW
    suffix = [dns_query(at(seconds=n), f"host-{n}.corp.example", code="NXDOMAIN") for n in range(500)]
    assert told(suffix, FailingNames) == []


def test_a_resolver_that_four_hosts_ask_is_not_told_for_their_failures() -> None:
    asked = [dns_query(at(), "www.example.org", source=f"10.0.0.{n + 20}") for n in range(4)]
    forwarded = [
        dns_query(at(seconds=n), f"{letters(n)}.example", code="NXDOMAIN", source=INSIDE[2], server="192.0.2.53")
        for n in range(60)
    ]
    assert [found.points for found in told([*asked, *forwarded], FailingNames)] == [0]


def test_records_that_nobody_asks_for_are_a_weak_sign() -> None:
    (found,) = told([dns_query(at(seconds=n), "t.example", "NULL") for n in range(5)], RecordTypes)
    assert found.severity is Severity.LOW
    assert told([dns_query(at(seconds=n), "t.example", "TXT") for n in range(50)], RecordTypes) == []


@pytest.mark.parametrize(
    "label",
    [
        "wikipedia",
        "stackoverflow",
        "googlevideo",
        "cloudfront",
        "windowsupdate",
        "tagesschau",
        "nytimescom",
        "lemondefr",
    ],
)
def test_words_and_brands_do_not_look_made_by_chance(label: str) -> None:
    assert not is_made_by_chance(label)


def test_nearly_all_random_labels_do() -> None:
    assert sum(is_made_by_chance(letters(n)) for n in range(1000)) > 900


def test_the_registered_part_of_a_name_is_found() -> None:
    assert name_of("a.b.example.co.uk.") == ("example.co.uk", "example", "a.b")
    assert name_of("WWW.Example.COM") == ("example.com", "example", "www")
    assert name_of("4.3.2.1.in-addr.arpa") is None
    assert name_of("wpad") is None
    assert not carries_data("short")
