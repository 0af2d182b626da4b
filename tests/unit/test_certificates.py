"""Odd certificates, together with traffic that comes back again and again."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviours.certificates import STRETCHES, Certificates
from pandora_core.model import DAY_US, SECOND_US, Detection, Event, Severity
from tests.unit.streams import INSIDE, START_US, at, certificate, handshake, watch

SELF = {"tls.subject": "CN=x", "tls.issuer": "CN=x"}


def odd(events: list[Event]) -> list[Detection]:
    return [fired.detection for fired in watch(events, Certificates)]


def visits(count: int = STRETCHES, source: str = INSIDE[0], **more: object) -> list[Event]:
    return [handshake(at(20 * n), source, **more) for n in range(count)]


def test_a_self_signed_certificate_counts_with_regular_traffic_only() -> None:
    assert odd(visits(STRETCHES - 1, **SELF)) == []
    (found,) = odd(visits(**SELF))
    assert found.severity is Severity.LOW
    assert "self-signed" in found.title
    assert odd(visits(**{"tls.subject": "CN=x", "tls.issuer": "CN=Authority"})) == []


def test_a_certificate_just_made_adds_to_it() -> None:
    made_s = START_US // SECOND_US - 3600
    (found,) = odd(visits(**SELF, **{"x509.not_before": made_s, "x509.not_after": made_s + 90 * 86400}))
    assert found.severity is Severity.MEDIUM
    (fresh,) = odd(visits(**{"x509.not_before": made_s}))
    assert fresh.severity is Severity.INFORMATIONAL


def test_an_expired_certificate_is_told() -> None:
    (found,) = odd(visits(**{"x509.not_after": (START_US - DAY_US) // SECOND_US}))
    assert "expired" in found.title
    (told,) = odd(visits(**{"tls.validation": "certificate has expired"}))
    assert told.points == found.points


@pytest.mark.parametrize("is_before", [True, False])
def test_handshake_and_certificate_meet_in_any_order(is_before: bool) -> None:
    shown = visits(**{"zeek.ssl.cert_chain_fps": ["f9"]})
    told = certificate(at(1), "f9", **{"x509.subject": "CN=x", "x509.issuer": "CN=x"})
    (found,) = odd([told, *shown] if is_before else [*shown, told])
    assert found.count == STRETCHES


def test_a_server_that_many_hosts_visit_is_worth_little() -> None:
    many = [event for n in range(4) for event in visits(source=f"10.0.0.{n + 1}", **SELF)]
    assert all(found.points < 15 for found in odd(many))
