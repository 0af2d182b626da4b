"""Strobes: very many connections, and doors that stay closed."""

from __future__ import annotations

from pandora_core.detect.behaviours.long_connections import LongConnections
from pandora_core.detect.behaviours.strobes import MANY_CALLS, MANY_REFUSED, Strobes
from pandora_core.model import Detection, Event, Severity
from tests.unit.streams import INSIDE, OUTSIDE, at, connection, watch


def strobes(events: list[Event]) -> list[Detection]:
    return [fired.detection for fired in watch(events, Strobes)]


def calls(count: int, outcome: str = "success", source: str = INSIDE[0], port: int = 443) -> list[Event]:
    return [connection(at(seconds=n), source, OUTSIDE[0], port, outcome=outcome) for n in range(count)]


def test_thousands_of_connections_to_one_destination_are_a_strobe() -> None:
    assert strobes(calls(MANY_CALLS - 1)) == []
    (strobe,) = strobes(calls(MANY_CALLS))
    assert strobe.count == MANY_CALLS
    assert strobe.severity is Severity.MEDIUM


def test_a_closed_door_that_is_knocked_at_for_long_is_one_sooner() -> None:
    assert strobes(calls(MANY_REFUSED - 1, "failure")) == []
    (strobe,) = strobes(calls(MANY_REFUSED, "failure"))
    assert "does not give up" in strobe.reasons[0]
    assert strobe.first_seen_us == at()


def test_a_resolver_of_ours_that_passes_questions_on_is_worth_nothing() -> None:
    asked = [connection(at(), f"10.0.0.{n + 20}", INSIDE[0], 53, outcome="success") for n in range(4)]
    (strobe,) = strobes([*asked, *calls(MANY_CALLS, port=53)])
    assert strobe.points == 0
    (stranger,) = strobes(calls(MANY_CALLS, port=53))
    assert stranger.points > 0


def test_a_connection_of_half_a_day_is_a_weak_sign_and_weaker_where_many_have_it() -> None:
    def held(source: str, hours: int) -> Event:
        more = {"event.duration": hours * 3_600_000_000_000, "source.bytes": 5_000}
        return connection(at(), source, OUTSIDE[0], 443, outcome="success", **more)

    (alone,) = (fired.detection for fired in watch([held(INSIDE[0], 12), held(INSIDE[1], 1)], LongConnections))
    assert "lasted 12 hours" in alone.reasons[0]
    many = [fired.detection for fired in watch([held(f"10.0.0.{n + 1}", 12) for n in range(4)], LongConnections)]
    assert alone.points > max(item.points for item in many)
