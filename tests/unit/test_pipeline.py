"""What holds for all behaviours together: batches, restarts and late lines change nothing; memory is bounded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.detect import (
    baselines,
    beats,
    channels,
    customs,
    domains,
    edges,
    exposure,
    kinds,
    names,
    popularity,
    rarity,
    retries,
    rounds,
    sessions,
    strands,
    visits,
)
from pandora_core.detect.behaviour import Fired
from pandora_core.detect.behaviours import (
    beacons,
    borrowed,
    certificates,
    dns_tunnels,
    failing_names,
    first_logons,
    host_signs,
    hours,
    logons,
    long_connections,
    new_destinations,
    rare_alerts,
    reading,
    record_types,
    scans,
    services,
    signatures,
    spread,
    strobes,
    tickets,
    uploads,
)
from pandora_core.detect.behaviours.beacons import Beacons
from pandora_core.detect.behaviours.borrowed import BorrowedAccounts
from pandora_core.detect.behaviours.certificates import Certificates
from pandora_core.detect.behaviours.dns_tunnels import DnsTunnels
from pandora_core.detect.behaviours.failing_names import FailingNames
from pandora_core.detect.behaviours.first_logons import FirstLogons
from pandora_core.detect.behaviours.host_signs import HostSigns
from pandora_core.detect.behaviours.hours import UnusualHours
from pandora_core.detect.behaviours.logons import FailedLogons
from pandora_core.detect.behaviours.long_connections import LongConnections
from pandora_core.detect.behaviours.new_destinations import NewDestinations
from pandora_core.detect.behaviours.rare_alerts import RareAlerts
from pandora_core.detect.behaviours.reading import BulkReading
from pandora_core.detect.behaviours.record_types import RecordTypes
from pandora_core.detect.behaviours.scans import Scans
from pandora_core.detect.behaviours.services import RemoteServices
from pandora_core.detect.behaviours.signatures import Signatures
from pandora_core.detect.behaviours.spread import SpreadLogons
from pandora_core.detect.behaviours.strobes import Strobes
from pandora_core.detect.behaviours.tickets import Roasting
from pandora_core.detect.behaviours.uploads import Uploads
from pandora_core.detect.edges import Edge
from pandora_core.detect.incidents import alerts as alerts_module
from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.alerts import alerts_of, entity_score
from pandora_core.detect.pipeline import Pipeline
from pandora_core.detect.sessions import digest
from pandora_core.detect.signs import book
from pandora_core.model import HOUR_US, MINUTE_US, Alert, EntityRef, Event
from tests.unit.streams import at, connection, ids_alert, late_streams, own_connection, ssh, streams, windows_logon


class Outcome(NamedTuple):
    """What is known at the end: the last version of everything."""

    fired: dict[str, Fired]
    edges: dict[tuple[str, str, str, str], Edge]

    def take(self, made: Pipeline) -> None:
        self.fired.update((item.detection.id, item) for item in made.changed())
        self.edges.update(((e.kind, e.source, e.destination, e.user), e) for e in made.edges())

    def by_entity(self) -> dict[EntityRef, list[Fired]]:
        found: dict[EntityRef, list[Fired]] = {}
        for item in self.fired.values():
            found.setdefault(item.detection.entity, []).append(item)
        return found

    def alerts(self) -> list[Alert]:
        return [alert for entity, fired in self.by_entity().items() for alert in alerts_of(entity, fired)]


def whole() -> Pipeline:
    return Pipeline()


def cramped() -> Pipeline:
    """Room for next to nothing, so that everything is forgotten all the time."""
    return Pipeline(
        [
            lambda context: FailedLogons(context, capacity=2),
            lambda context: FirstLogons(context, capacity=2, max_paths=3),
            lambda context: Scans(context, capacity=1, max_probed=3),
            lambda context: Signatures(context, capacity=2),
            lambda context: RareAlerts(context, capacity=2),
            lambda context: SpreadLogons(context, capacity=2),
            lambda context: Roasting(context, capacity=2),
            lambda context: HostSigns(context, capacity=2, max_customs=2),
            lambda context: RemoteServices(context, capacity=1),
            lambda context: Beacons(context, capacity=1, trials=2),
            lambda context: Strobes(context, capacity=1, max_destinations=2, many_calls=3, many_refused=3),
            lambda context: LongConnections(context, capacity=1),
            lambda context: Uploads(context, capacity=1, max_hosts=2, least_bytes=(1_000, 1_000)),
            lambda context: DnsTunnels(context, capacity=1, many_names=2),
            lambda context: FailingNames(context, capacity=1, max_hosts=2, enough=(2, 3)),
            lambda context: RecordTypes(context, capacity=1),
            lambda context: Certificates(context, capacity=1, max_certificates=1, stretches=2),
            lambda context: NewDestinations(context, capacity=1, max_hosts=2, learning_us=MINUTE_US),
            lambda context: BulkReading(context, capacity=1, max_hosts=1, least_files=(2, 2)),
            lambda context: BorrowedAccounts(context, capacity=1, max_pairs=2),
            lambda context: UnusualHours(context, capacity=1, max_people=2),
        ],
        max_places=2,
        max_edges=2,
        max_channels=2,
    )


def eager() -> Pipeline:
    """Behaviours whose thresholds short streams do not reach, with thresholds that they do."""
    return Pipeline(
        [
            Beacons,
            LongConnections,
            lambda context: Strobes(context, many_calls=6, many_refused=4),
            lambda context: Uploads(context, least_bytes=(10_000, 10_000)),
            lambda context: DnsTunnels(context, many_names=4),
            lambda context: FailingNames(context, enough=(3, 5)),
            lambda context: Certificates(context, stretches=2),
            lambda context: NewDestinations(context, learning_us=HOUR_US),
            lambda context: BulkReading(context, least_files=(3, 3)),
            BorrowedAccounts,
            UnusualHours,
        ]
    )


def run(made: Pipeline, events: Sequence[Event], every: int) -> Outcome:
    outcome = Outcome({}, {})
    for number, event in enumerate(events, 1):
        made.observe(number, event)
        if number % every == 0:
            outcome.take(made)
    outcome.take(made)
    return outcome


MANY = 40 if os.environ.get("PANDORA_SLOW") == "1" else 1
makers = st.sampled_from([whole, cramped, eager])


@settings(deadline=None, max_examples=50 * MANY)
@given(streams(), makers, st.integers(2, 11))
def test_it_does_not_matter_how_often_news_is_collected(
    events: list[Event], make: Callable[[], Pipeline], every: int
) -> None:
    at_every_event = run(make(), events, 1)
    assert run(make(), events, every) == at_every_event
    assert run(make(), events, 1_000_000) == at_every_event


@settings(deadline=None, max_examples=50 * MANY)
@given(streams(), makers, st.integers(1, 11), st.data())
def test_a_pipeline_goes_on_from_a_snapshot_as_if_nothing_had_been(
    events: list[Event], make: Callable[[], Pipeline], every: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    outcome, first, second = Outcome({}, {}), make(), make()
    for number, event in enumerate(events[:cut], 1):
        first.observe(number, event)
        if number % every == 0:
            outcome.take(first)
    second.restore(first.snapshot())
    for number, event in enumerate(events[cut:], cut + 1):
        second.observe(number, event)
        if number % every == 0:
            outcome.take(second)
    outcome.take(second)
    assert outcome == run(make(), events, 1)


def said(fired: Iterable[Fired]) -> list[tuple[object, ...]]:
    """Detections without what may depend on which of their events came first: ids and the events shown."""
    return sorted(
        (
            d.detector,
            str(d.entity),
            d.first_seen_us,
            d.last_seen_us,
            d.count,
            d.points,
            d.title,
            d.reasons,
            d.hosts,
            d.users,
        )
        for d in (item.detection for item in fired)
    )


@settings(deadline=None, max_examples=80 * MANY)
@given(late_streams(), st.sampled_from([whole, eager]))
def test_lines_that_arrive_up_to_ten_minutes_late_change_no_detection_and_no_score(
    both: tuple[list[Event], list[Event]], make: Callable[[], Pipeline]
) -> None:
    in_order, late = (run(make(), events, 5) for events in both)
    assert said(late.fired.values()) == said(in_order.fired.values())
    assert late.edges == in_order.edges
    scores = [{e: entity_score(e, f).risk for e, f in outcome.by_entity().items()} for outcome in (in_order, late)]
    assert scores[1] == pytest.approx(scores[0])
    told = [
        sorted(
            (str(a.entity), a.first_seen_us, a.last_seen_us, a.severity, len(a.detection_ids))
            for a in outcome.alerts()
        )
        for outcome in (in_order, late)
    ]
    assert told[1] == told[0]


@settings(deadline=None, max_examples=20 * MANY)
@given(streams())
def test_the_same_stream_gives_the_same_snapshot_and_ids(events: list[Event]) -> None:
    one, other = Pipeline(), Pipeline()
    assert run(one, events, 3) == run(other, events, 3)
    assert one.snapshot() == other.snapshot()


def test_a_name_that_becomes_known_later_moves_a_detection_to_its_host() -> None:
    made = Pipeline()
    for number in range(1, 13):
        made.observe(number, ssh(at(seconds=number), "failure", "10.0.0.5"))
    (before,) = made.changed()
    made.observe(13, own_connection(at(30), "WS-5.corp.example", "10.0.0.5"))
    (after,) = made.changed()
    assert before.detection.entity == EntityRef("address", "10.0.0.5")
    assert after.detection.entity == EntityRef("host", "WS-5")
    assert (after.detection.id, after.event_id, after.at_us) == (before.detection.id, before.event_id, before.at_us)
    assert "WS-5 (10.0.0.5)" in after.detection.reasons[0]


def test_events_of_no_interest_are_passed_over() -> None:
    made = Pipeline()
    made.observe(1, Event(at_us=at(), dataset="zeek.dns", category="network", action="dns-query"))
    made.observe(2, Event(at_us=at(), dataset="linux.syslog"))
    assert made.changed() == []
    assert made.edges() == []


def test_a_flood_of_addresses_does_not_make_the_memory_grow() -> None:
    made, sizes = cramped(), list[int]()
    for number in range(1200):
        source, at_us = f"198.51.{number // 250}.{number % 250 + 1}", at(seconds=number)
        made.observe(4 * number + 1, connection(at_us, source, port=number))
        made.observe(4 * number + 2, ssh(at_us, "failure", source))
        made.observe(4 * number + 3, windows_logon(at_us, source))
        made.observe(4 * number + 4, ids_alert(at_us, "A RULE", 3, source, None))
        made.changed()
        made.edges()
        sizes.append(len(made.snapshot()))
    assert max(sizes[600:]) <= max(sizes[:600]) * 1.1


def test_a_snapshot_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Pipeline().snapshot()
    monkeypatch.setattr(Pipeline, "VERSION", "another")
    with pytest.raises(ValueError, match="'another'"):
        Pipeline().restore(state)


def test_a_snapshot_of_other_behaviours_is_refused() -> None:
    with pytest.raises(ValueError, match="state is of version"):
        Pipeline([Scans]).restore(Pipeline().snapshot())


def test_the_version_is_raised_with_every_threshold() -> None:
    """If this fails: a threshold changed. Raise ``Pipeline.VERSION`` and note the digest that the message shows."""
    modules = (
        alerts_module,
        edges,
        first_logons,
        kinds,
        logons,
        names,
        rare_alerts,
        rarity,
        retries,
        risk,
        rounds,
        scans,
        services,
        sessions,
        signatures,
        strands,
        book,
        customs,
        host_signs,
        hours,
        spread,
        tickets,
        visits,
        baselines,
        beacons,
        beats,
        borrowed,
        certificates,
        channels,
        dns_tunnels,
        domains,
        exposure,
        failing_names,
        long_connections,
        new_destinations,
        popularity,
        reading,
        record_types,
        strobes,
        uploads,
    )
    thresholds = [
        (module.__name__.rpartition(".")[2], name, value)
        for module in modules
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float | dict | tuple | frozenset | str)
    ]
    text = [
        (name, key, sorted(map(repr, value)) if isinstance(value, frozenset) else value)
        for name, key, value in thresholds
    ]
    assert (Pipeline.VERSION, digest(*text)) == ("20", "98c018ed1242")
