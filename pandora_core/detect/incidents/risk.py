"""Owns the arithmetic of risk: how detections add up to one score of 0–100 that can be taken apart again.

A detection's ``points`` p (0–100) are turned into *evidence* e = -ln(1 - p/100). Evidence adds, so that independent
reasons for suspicion combine as in a noisy-or: risk = 100 (1 - exp(-Σ e)). It halves every :data:`HALF_LIFE_US` of
event time, and since all of it halves alike, a stored sum can be decayed to any later moment without knowing its
parts. Repeats of one detector and tactic count for half as much each; several tactics together are worth more than
their sum, since who does several things is rarely harmless. The parts of a score share it in proportion to their
evidence, so that they sum to the score exactly, whatever their order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pandora_core.model import DAY_US, Contribution, Detection

HALF_LIFE_US = DAY_US
COUNTED = 40
"""Repeats of one group that count at most: the fortieth adds a millionth of a millionth."""

TACTIC_BONUS = 0.25
"""What each further tactic adds to the whole evidence, as a share of it, up to :data:`MAX_FACTOR`."""

MAX_FACTOR = 2.0
MIN_SHARE = 0.1
"""A tactic with less evidence than this share of the strongest one's does not count as a further one."""

MIN_TACTIC_POINTS = 15.0
"""Nor does one of which no detection is low by itself: every day has trifles of many kinds."""

_MAX_POINTS = 99.9
_REPEAT = 0.5

Group = tuple[str, str]
"""A detector and a tactic, or nothing: detections of one group repeat each other."""


class Score(NamedTuple):
    """A risk score (0–100), the evidence behind it, and its parts, largest first; the parts sum to ``risk``."""

    risk: float
    evidence: float
    contributions: tuple[Contribution, ...]


def evidence_of(points: float) -> float:
    """Evidence of one detection: 0 for 0 points, 6.9 for the most that counts."""
    return -math.log1p(-min(max(points, 0.0), _MAX_POINTS) / 100)


def risk_of(evidence: float) -> float:
    """Risk score (0–100) of a sum of evidence."""
    return -100 * math.expm1(-evidence)


def decayed(evidence: float, age_us: int) -> float:
    """Evidence left after ``age_us`` of event time; evidence from the future has not decayed."""
    return evidence * math.exp2(-max(age_us, 0) / HALF_LIFE_US)


def rank_of(evidence: float, as_of_us: int) -> float:
    """A number whose order is the order of decayed risk at every later moment: it never has to be updated."""
    return -1e300 if evidence <= 0 else math.log2(evidence) + as_of_us / HALF_LIFE_US


def score(detections: Iterable[Detection], now_us: int | None = None) -> Score:
    """Combine detections; with ``now_us`` each is decayed from its last sighting to that moment, else taken whole."""
    by_group: dict[Group, list[tuple[float, Detection]]] = {}
    for detection in detections:
        evidence = evidence_of(detection.points)
        if now_us is not None:
            evidence = decayed(evidence, now_us - detection.last_seen_us)
        if evidence > 0:
            by_group.setdefault(group_of(detection), []).append((evidence, detection))
    groups = [_group(members) for members in by_group.values()]
    plain = math.fsum(evidence for evidence, _, _ in groups)
    total = plain * _factor(groups)
    risk = risk_of(total)
    parts = [
        Contribution(risk * evidence / plain, strongest.id, strongest.detector, strongest.title, repeats)
        for evidence, strongest, repeats in groups
    ]
    parts.sort(key=lambda part: (-part.points, part.detection_id))
    return Score(risk, total, tuple(parts))


def group_of(detection: Detection) -> Group:
    """What a detection repeats: others of its detector with the same leading tactic."""
    return detection.detector, detection.tactics[0] if detection.tactics else ""


def whole_points(contributions: Sequence[Contribution]) -> list[int]:
    """The parts rounded to whole numbers that still sum to the rounded score (largest remainder)."""
    total = round(math.fsum(part.points for part in contributions))
    floors = [math.floor(part.points) for part in contributions]
    by_remainder = sorted(range(len(floors)), key=lambda i: (floors[i] - contributions[i].points, i))
    for i in by_remainder[: total - sum(floors)]:
        floors[i] += 1
    return floors


def history(detections: Sequence[Detection], ends_us: Sequence[int]) -> list[float]:
    """Risk at each of some moments, counting only what had been seen by then: for a sparkline."""
    return [score((d for d in detections if d.first_seen_us <= end), end).risk for end in ends_us]


def _factor(groups: Sequence[tuple[float, Detection, int]]) -> float:
    """What several tactics are worth together; the same at every later moment, since all evidence decays alike."""
    by_tactic: dict[str, tuple[float, float]] = {}
    for evidence, strongest, _ in groups:
        tactic = group_of(strongest)[1]
        if tactic:
            by_tactic[tactic] = max(by_tactic.get(tactic, (0.0, 0.0)), (evidence, strongest.points))
    _, *further = sorted(by_tactic.values(), reverse=True) or [(0.0, 0.0)]
    floor = MIN_SHARE * max((evidence for evidence, _ in by_tactic.values()), default=0.0)
    counted = sum(evidence >= floor and points >= MIN_TACTIC_POINTS for evidence, points in further)
    return min(1 + TACTIC_BONUS * counted, MAX_FACTOR)


def _group(members: list[tuple[float, Detection]]) -> tuple[float, Detection, int]:
    """Evidence of one group: the strongest counts whole, each further one half of the one before."""
    members.sort(key=lambda member: (-member[0], member[1].id))
    evidence = math.fsum(value * _REPEAT**place for place, (value, _) in enumerate(members[:COUNTED]))
    return evidence, members[0][1], len(members)
