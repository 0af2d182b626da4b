"""The arithmetic of risk."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.incidents import risk
from pandora_core.model import DAY_US, HOUR_US, Contribution, Detection, EntityRef

ONE = Detection(
    id="a",
    detector="scan",
    entity=EntityRef("host", "WS-5"),
    first_seen_us=0,
    last_seen_us=0,
    count=1,
    points=45,
    title="",
    reasons=(),
)

detections = st.lists(
    st.builds(
        lambda number, points, detector, at_us: replace(
            ONE, id=f"d{number}", points=points, detector=detector, first_seen_us=at_us, last_seen_us=at_us
        ),
        st.integers(0, 999),
        st.floats(0, 100),
        st.sampled_from(["scan", "breach", "ids-alert"]),
        st.integers(0, 5 * DAY_US),
    ),
    max_size=30,
    unique_by=lambda detection: detection.id,
)


def test_one_detection_of_p_points_makes_a_risk_of_p() -> None:
    assert risk.score([ONE]).risk == pytest.approx(45)


def test_two_reasons_combine_like_independent_chances() -> None:
    both = risk.score([ONE, replace(ONE, id="b", detector="breach", points=75)])
    assert both.risk == pytest.approx(100 * (1 - 0.55 * 0.25))


def test_a_repeat_of_one_detector_counts_half_as_much() -> None:
    repeated = risk.score([ONE, replace(ONE, id="b"), replace(ONE, id="c")])
    assert repeated.evidence == pytest.approx(risk.evidence_of(45) * 1.75)
    assert [(part.detection_id, part.repeats) for part in repeated.contributions] == [("a", 3)]


def test_repeats_of_one_detector_never_count_more_than_twice() -> None:
    many = risk.score([replace(ONE, id=f"{n:04}") for n in range(2000)])
    assert many.evidence <= 2 * risk.evidence_of(45)


def test_a_further_tactic_counts_if_it_is_low_by_itself_and_a_trifle_does_not() -> None:
    def factor(points: float) -> float:
        first = replace(ONE, tactics=("discovery",))
        other = replace(ONE, id="b", detector="breach", tactics=("persistence",), points=points)
        return risk.score([first, other]).evidence / (risk.evidence_of(45) + risk.evidence_of(points))

    assert factor(risk.MIN_TACTIC_POINTS) == pytest.approx(1 + risk.TACTIC_BONUS)
    assert factor(risk.MIN_TACTIC_POINTS - 1) == pytest.approx(1)
    assert factor(60) == pytest.approx(1 + risk.TACTIC_BONUS)


def test_evidence_halves_in_a_day() -> None:
    assert risk.decayed(2.0, DAY_US) == pytest.approx(1.0)
    assert risk.score([ONE], DAY_US).evidence == pytest.approx(risk.evidence_of(45) / 2)


def test_evidence_from_the_future_has_not_decayed() -> None:
    assert risk.decayed(2.0, -DAY_US) == 2.0


def test_full_points_do_not_make_certainty() -> None:
    assert risk.evidence_of(100) == risk.evidence_of(99.9) < math.inf
    assert risk.evidence_of(-5) == 0


@given(detections, st.none() | st.integers(0, 6 * DAY_US))
def test_the_parts_sum_to_the_score_whatever_the_order(found: list[Detection], now_us: int | None) -> None:
    score = risk.score(found, now_us)
    assert math.fsum(part.points for part in score.contributions) == pytest.approx(score.risk)
    assert 0 <= score.risk < 100
    assert risk.score(reversed(found), now_us) == score


@given(detections, st.integers(0, 6 * DAY_US), st.integers(0, 3 * DAY_US))
def test_a_stored_sum_decays_without_its_parts(found: list[Detection], now_us: int, later_us: int) -> None:
    then_us = max([now_us, *(detection.last_seen_us for detection in found)])
    now, later = risk.score(found, then_us), risk.score(found, then_us + later_us)
    assert later.evidence == pytest.approx(risk.decayed(now.evidence, later_us))


@given(st.floats(0.01, 50), st.floats(0.01, 50), st.integers(0, 9 * DAY_US), st.integers(0, 9 * DAY_US))
def test_the_order_of_ranks_is_the_order_of_decayed_risk(
    one: float, other: float, one_us: int, other_us: int
) -> None:
    now_us = max(one_us, other_us)
    first, second = risk.decayed(one, now_us - one_us), risk.decayed(other, now_us - other_us)
    if first > second * (1 + 1e-9):
        assert risk.rank_of(one, one_us) > risk.rank_of(other, other_us)


def test_no_evidence_ranks_last() -> None:
    assert risk.rank_of(0, 10**18) < risk.rank_of(1e-300, 0)


@given(st.lists(st.floats(0, 50), max_size=12))
def test_whole_points_sum_to_the_rounded_score(points: list[float]) -> None:
    parts = [Contribution(value, f"{n}", "scan", "") for n, value in enumerate(points)]
    whole = risk.whole_points(parts)
    assert sum(whole) == round(math.fsum(points))
    assert all(abs(number - value) <= 1 for number, value in zip(whole, points, strict=True))


def test_history_counts_only_what_had_been_seen_by_then() -> None:
    later = replace(ONE, id="b", detector="breach", first_seen_us=3 * HOUR_US, last_seen_us=3 * HOUR_US)
    before, after = risk.history([ONE, later], [0, 3 * HOUR_US])
    assert before == pytest.approx(45)
    assert after > 60
