"""Hits of a model: what they become is decided by the flows and their order, and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Context
from pandora_core.detect.incidents.alerts import OPEN_RISK
from pandora_core.detect.pipeline import Pipeline
from pandora_core.learn.scoring.hits import (
    MAX_POINTS,
    MOST_DESTINATIONS,
    PAUSE_US,
    POINTS,
    POINTS_A_NAT,
    POINTS_POPULAR,
    POINTS_UNSURE,
    SURE_NATS,
    Hit,
    Hits,
    Model,
)
from pandora_core.model import HOUR_US, MINUTE_US, Detection

MODEL = Model(3, "mine", 4.0)


def context() -> Context:
    return Pipeline([])._context


def hit(number: int, *, source: int = 1, destination: int = 1, excess: float = 1.0, at_us: int | None = None) -> Hit:
    moment = number * MINUTE_US if at_us is None else at_us
    return Hit(number, moment, f"10.0.0.{source}", f"192.0.2.{destination}", 443, 4.0 + excess, excess)


def reasons_of(hits: list[Hit]):
    return lambda places: [(f"because of {hits[place].event_id}",) for place in places]


def take(made: Hits, hits: list[Hit], size: int | None = None) -> dict[str, Detection]:
    told = {}
    for start in range(0, len(hits), size or len(hits) or 1):
        batch = hits[start : start + (size or len(hits))]
        made.take(MODEL, batch, reasons_of(batch))
        told.update((fired.detection.id, fired) for fired in made.changed())
    return {number: fired.detection for number, fired in told.items()}


def test_the_worst_flow_gives_the_points_and_the_reasons():
    (found,) = take(Hits(context()), [hit(1, excess=0.5), hit(2, excess=2.0), hit(3, excess=1.0)]).values()
    assert (found.count, found.points) == (3, POINTS + 2 * POINTS_A_NAT)
    assert found.reasons[1] == "because of 2"
    assert "evidence of up to 6.0 nats by model 3 (mine), which alerts above 4.0" in found.reasons[0]
    assert found.title == "flows to 192.0.2.1 look like an attack"


def test_no_score_is_worth_more_than_a_behaviour_that_is_known():
    (found,) = take(Hits(context()), [hit(1, excess=50.0)]).values()
    assert found.points == MAX_POINTS


def test_a_model_that_fits_poorly_opens_no_alert_by_itself():
    made, hits = Hits(context()), [hit(1, excess=50.0)]
    made.take(MODEL._replace(is_poor_fit=True), hits, reasons_of(hits))
    (found,) = made.changed()
    assert found.detection.points == POINTS_UNSURE < OPEN_RISK
    assert found.detection.reasons[-1].startswith("the model fits this network poorly")


def test_a_model_that_fits_poorly_has_one_detection_a_source_and_so_opens_no_alert_by_many_either():
    poor = MODEL._replace(is_poor_fit=True)
    hits = [hit(number, destination=number, excess=2.0) for number in range(1, 10)]
    made, told = Hits(context()), []
    for one in hits:
        made.take(poor, [one], reasons_of([one]))
        told += [fired.detection for fired in made.changed()]
    assert len({found.id for found in told}) == 1
    assert [found.count for found in told] == [1, 2, 4, 8]
    assert told[-1].title == "flows to several destinations look like an attack"


def test_a_destination_of_many_hosts_is_a_service_that_the_model_does_not_know():
    made = Hits(context())
    found = take(made, [hit(number, source=number, excess=5.0) for number in range(1, 5)])
    assert {each.points for each in found.values()} == {POINTS_POPULAR}
    assert all("4 hosts of ours use 192.0.2.1" in each.reasons[-1] for each in found.values())


def test_a_pause_begins_another_detection():
    found = take(Hits(context()), [hit(1, excess=2.0, at_us=0), hit(2, excess=2.0, at_us=PAUSE_US + HOUR_US)])
    assert len(found) == 2


def test_versions_do_not_share_detections():
    made = Hits(context())
    first, second = [hit(1, excess=2.0)], [hit(2, excess=2.0)]
    made.take(MODEL, first, reasons_of(first))
    made.take(MODEL._replace(number=4), second, reasons_of(second))
    assert len({fired.detection.id for fired in made.changed()}) == 2


HITS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, MOST_DESTINATIONS + 4), st.integers(0, 40), st.integers(0, 5)),
    max_size=60,
)


@given(rows=HITS, size=st.integers(1, 20), capacity=st.sampled_from([2, 1_000]))
def test_batches_change_nothing_however_little_is_remembered(rows, size, capacity):
    hits, at_us = [], 0
    for number, (source, destination, excess, hours) in enumerate(rows, start=1):
        at_us += hours * HOUR_US
        hits.append(hit(number, source=source, destination=destination, excess=excess / 4, at_us=at_us))
    assert take(Hits(context(), capacity), hits, size) == take(Hits(context(), capacity), hits)


@given(rows=HITS, cut=st.integers(0, 60))
def test_hits_go_on_from_a_snapshot(rows, cut):
    hits = [hit(n, source=s, destination=d, excess=e / 4) for n, (s, d, e, _) in enumerate(rows, start=1)]
    whole, first, second = (Hits(context()) for _ in range(3))
    expected = take(whole, hits)
    told = take(first, hits[:cut])
    second.restore(first.snapshot())
    assert told | take(second, hits[cut:]) == expected


def test_a_scan_of_thousands_of_hosts_is_a_few_detections():
    hits = [Hit(n, n, "10.0.0.1", f"10.{n >> 8}.{n & 255}.9", 445, 9.0, 5.0) for n in range(1, 5_000)]
    found = take(Hits(context()), hits, 500)
    assert len(found) == MOST_DESTINATIONS + 1
    assert max(each.count for each in found.values()) > 0.8 * (4_999 - MOST_DESTINATIONS)


def test_one_flow_just_above_the_threshold_is_nothing_and_three_are_something():
    made = Hits(context())
    assert take(made, [hit(1, excess=0.1), hit(2, excess=0.1, destination=2)]) == {}
    assert len(take(made, [hit(3, excess=0.1), hit(4, excess=0.2)])) == 1
    assert len(take(Hits(context()), [hit(1, excess=SURE_NATS)])) == 1


def test_more_of_the_same_is_not_told_with_every_flow():
    made, told = Hits(context()), []
    for number in range(1, 200):
        told += take(made, [hit(number, excess=2.0, at_us=number)]).values()
    assert len(told) < 25
    assert told[-1].count > 0.8 * 199
