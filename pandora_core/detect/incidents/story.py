"""Owns the story of an incident: the few lines that show how it went, in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.detect.incidents import risk
from pandora_core.detect.incidents.joining import Incident
from pandora_core.model import HOUR_US, SECOND_US, Detection

MAX_LINES = 8
LINES_POWER = 3
"""How much sooner a grave incident is told in many lines than a weak one: ⌊8 (risk/100)³⌋, at least one."""

TOLD_WHOLE_RISK = 75.0
"""From this risk on a story also says what came just before and just after."""

LOOKING_ROUND = ("reconnaissance", "discovery")
"""Of who looks round it is always asked what came before and after: it began unseen, and is done for something."""

HIDING_SHARE = 0.4
"""An incident is about something switched off if so much of its evidence is; less is part of any session."""

APART_US = 30 * SECOND_US
AROUND_US = HOUR_US
"""What came before is the last alert at least half a minute before the first sign, and at most an hour."""

MIN_GAIN = 0.03
"""Evidence that a further line must add, for how much of it is new."""

_CANDIDATES = 64
_AGAIN, _SAME_TITLE, _NO_TACTIC = 0.35, 0.4, 0.6


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of a story: something that really happened. ``role`` is sign, before or after."""

    at_us: int
    host: str
    words: str
    tactic: str
    event_id: int
    detection_id: str = ""
    role: str = "sign"


class Around(NamedTuple):
    """Where to look for what came before and after: nothing, or the span of time (from, to) in microseconds."""

    before: tuple[int, int] | None
    after: tuple[int, int] | None


def around(incident: Incident, detections: Sequence[Detection]) -> Around:
    """What a story wants to know of the time around the incident.

    A grave one is told with what led to it and what followed, and so is one that is about looking round. Of one that
    is mostly about something switched off it is asked what followed: nobody does that for its own sake.
    """
    first_us, last_us = incident.first_seen_us, incident.last_seen_us
    strongest = max(detections, key=lambda d: (d.points, -d.first_seen_us, d.id))
    tactic = risk.group_of(strongest)[1]
    is_told_whole = incident.risk >= TOLD_WHOLE_RISK or tactic in LOOKING_ROUND
    is_hiding = tactic == "defense-evasion" and _is_much(incident, strongest)
    return Around(
        (first_us - AROUND_US, first_us - APART_US) if is_told_whole else None,
        (last_us + APART_US, last_us + AROUND_US) if is_told_whole or is_hiding else None,
    )


def signs(incident: Incident, detections: Sequence[Detection], room: int = MAX_LINES) -> list[StoryLine]:
    """The lines that tell most, in the order of their times: up to ``room``, the more the graver the incident.

    Each line is the first or the last event of a detection. They are chosen one by one, each for its evidence and for
    what it adds: another tactic, another kind of detection, another moment of the story.
    """
    candidates = _candidates(detections)
    many = min(max(math.floor(MAX_LINES * (incident.risk / 100) ** LINES_POWER), 1), room, len(candidates))
    chosen: list[int] = []
    while len(chosen) < many:
        left = [place for place in range(len(candidates)) if place not in chosen]
        gain, best = max((_gain(candidates, place, chosen), -place) for place in left)
        if chosen and gain < MIN_GAIN:
            break
        chosen.append(-best)
    return [_line(candidates[place]) for place in sorted(chosen)]


def tell(incident: Incident, detections: Sequence[Detection], beside: Sequence[StoryLine] = ()) -> list[StoryLine]:
    """The whole story: at most eight lines, those found before and after included.

    ``incident`` is best given as it stands beside others (:func:`~pandora_core.detect.incidents.standing.beside`).
    """
    wanted = around(incident, detections)
    lines = signs(incident, detections, MAX_LINES - sum(span is not None for span in wanted))
    shown = {line.event_id for line in lines}
    return sorted([*lines, *(line for line in beside if line.event_id not in shown)], key=lambda line: line.at_us)


def _is_much(incident: Incident, detection: Detection) -> bool:
    """Whether a good part of an incident's evidence is of the kind of one detection."""
    parts = {part.detection_id: part.points for part in incident.contributions}
    return parts.get(detection.id, 0.0) >= HIDING_SHARE * math.fsum(parts.values())


class _Candidate(NamedTuple):
    at_us: int
    event_id: int
    detection: Detection
    evidence: float


def _candidates(detections: Sequence[Detection]) -> list[_Candidate]:
    """The first and the last event of the strongest detections, in the order of their times."""
    found: dict[int, _Candidate] = {}
    for detection in sorted(detections, key=lambda d: (-d.points, d.first_seen_us, d.id))[:_CANDIDATES]:
        ends = (
            (detection.event_ids[:1], detection.first_seen_us),
            (detection.event_ids[-1:], detection.last_seen_us),
        )
        for ids, at_us in ends:
            for number in ids:
                found.setdefault(number, _Candidate(at_us, number, detection, risk.evidence_of(detection.points)))
    return sorted(found.values(), key=lambda candidate: (candidate.at_us, candidate.event_id))


def _gain(candidates: Sequence[_Candidate], place: int, chosen: Sequence[int]) -> float:
    """A line's evidence, less what the lines chosen already say of it."""
    at_us, _, detection, gain = candidates[place]
    tactic = risk.group_of(detection)[1]
    others = [candidates[other].detection for other in chosen]
    alike = [other for other in others if other.title == detection.title]
    if any(other.entity == detection.entity for other in alike):
        gain *= _AGAIN
    elif alike:
        gain *= _SAME_TITLE
    gain /= 1 + sum(risk.group_of(other)[1] == tactic for other in others)
    if not tactic:
        gain *= _NO_TACTIC
    if not chosen:
        return gain
    nearest = min(abs(place - other) for other in chosen) / max(len(candidates) - 1, 1)
    apart_s = min(abs(at_us - candidates[other].at_us) for other in chosen) / SECOND_US
    return gain * min(1.0, 0.25 + 4 * nearest) * min(1.0, 0.3 + math.log1p(apart_s) / math.log(60))


def _line(candidate: _Candidate) -> StoryLine:
    detection = candidate.detection
    return StoryLine(
        at_us=candidate.at_us,
        host=detection.entity.name,
        words=detection.title,
        tactic=risk.group_of(detection)[1],
        event_id=candidate.event_id,
        detection_id=detection.id,
    )
