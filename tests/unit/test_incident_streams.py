"""Incidents of whole streams of events: batches, restarts and late lines leave the same ranking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import incidents_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.detect.queue import queue_of
from pandora_core.model import Event
from tests.unit.streams import late_streams, streams


def detected(events: list[Event], every: int = 1000, restart_at: int = 0) -> list[Fired]:
    made, fired = Pipeline(), dict[str, Fired]()
    for number, event in enumerate(events, 1):
        made.observe(number, event)
        if number % every == 0:
            fired.update((item.detection.id, item) for item in made.changed())
        if number == restart_at:
            state, made = made.snapshot(), Pipeline()
            made.restore(state)
    fired.update((item.detection.id, item) for item in made.changed())
    return list(fired.values())


@given(streams(), st.integers(1, 30), st.integers(0, 60))
def test_batches_and_restarts_leave_the_same_incidents(events: list[Event], every: int, restart_at: int) -> None:
    expected = queue_of(incidents_of(detected(events)))
    assert queue_of(incidents_of(detected(events, every, restart_at))) == expected


@given(late_streams())
def test_late_lines_leave_the_same_ranking(both: tuple[list[Event], list[Event]]) -> None:
    in_order, late = (queue_of(incidents_of(detected(events))) for events in both)
    assert [(i.severity, i.first_seen_us, i.last_seen_us, set(i.entities)) for i in late] == [
        (i.severity, i.first_seen_us, i.last_seen_us, set(i.entities)) for i in in_order
    ]
    assert [i.risk for i in late] == pytest.approx([i.risk for i in in_order])
