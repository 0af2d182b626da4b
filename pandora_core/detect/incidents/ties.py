"""Owns what relates detections to each other: a place, a user, or the same thing on many hosts at once.

Whether two detections are related depends on the whole set of them and on nothing else: not on the order in which
they came, and not on what was thought before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from pandora_core.detect.names import place_of
from pandora_core.detect.watermark import CLOCKS_APART_US
from pandora_core.model import HOUR_US, MINUTE_US, Detection

WEAK_REACH_US = 15 * MINUTE_US
"""A weak detection belongs to what happens this close to it."""

STRONG_REACH_US = 12 * HOUR_US
STRONG_POINTS = 40.0
"""From here on (medium) a detection reaches half a day: an intruder waits, chance signs do not belong together."""

SWEPT_ENTITIES = 3
SWEEP_PAUSE_US = 5 * MINUTE_US + CLOCKS_APART_US
"""The same detection on three entities, each within five minutes of those before, is a sweep: one thing on many
hosts, told as one incident, and no longer part of what else happens on each of them. Each host has its own clock."""

MAX_NAMED_HOSTS = 3
MAX_NAMED_USERS = 2
"""A detection that names more is about a crowd and says nothing of who belongs together."""

MAX_SHARED = 4
"""A host or user that more entities have to do with is a server, or an account that everybody uses: no tie."""

Links = dict[str, list[str]]


class Tie(NamedTuple):
    """Something that detections can have in common."""

    kind: str
    name: str


def ties_of(detection: Detection, *, is_swept: bool) -> tuple[Tie, ...]:
    """What could relate a detection to others, its own place first."""
    own = place_of(detection.entity.name)
    if is_swept:
        return Tie("sweep", "\x1f".join(sweep_key(detection))), Tie("swept", own)
    ties = [Tie("place", own)]
    if len(detection.hosts) <= MAX_NAMED_HOSTS:
        ties += [Tie("place", place_of(host)) for host in detection.hosts]
    if len(detection.users) <= MAX_NAMED_USERS:
        ties += [Tie("user", user.casefold()) for user in detection.users if _is_person(user)]
    return tuple(dict.fromkeys(ties))


def sweep_key(detection: Detection) -> tuple[str, str]:
    """What makes detections on different entities the same."""
    return detection.detector, detection.title


def swept(detections: Iterable[Detection]) -> set[str]:
    """Of detections that are the same, the ids of those that are part of a sweep."""
    found: set[str] = set()
    for run in _runs(sorted(detections, key=lambda d: (d.first_seen_us, d.id))):
        if len({d.entity for d in run}) >= SWEPT_ENTITIES:
            found.update(d.id for d in run)
    return found


def links(tie: Tie, detections: Sequence[Detection]) -> Links:
    """Which of the detections that have a tie are near enough to each other in time; neighbours by detection id.

    Enough neighbours are named to connect whatever belongs together, not every pair.
    """
    members = _without_crowd(tie, detections)
    found: Links = defaultdict(list)
    for one, other in _forward(members):
        found[one.id].append(other.id)
        found[other.id].append(one.id)
    return found


def reach_us(detection: Detection) -> int:
    """How far in time a detection belongs to others."""
    return STRONG_REACH_US if detection.points >= STRONG_POINTS else WEAK_REACH_US


def _is_person(user: str) -> bool:
    return bool(user) and not user.endswith("$") and user.casefold() not in ("system", "anonymous logon", "-")


def _runs(ordered: Sequence[Detection]) -> Iterator[list[Detection]]:
    run: list[Detection] = []
    end_us = 0
    for detection in ordered:
        if run and detection.first_seen_us - end_us > SWEEP_PAUSE_US:
            yield run
            run = []
        end_us = max(end_us, detection.last_seen_us) if run else detection.last_seen_us
        run.append(detection)
    if run:
        yield run


def _without_crowd(tie: Tie, detections: Sequence[Detection]) -> list[Detection]:
    """A crowd's detections are not tied by what they share; a place's own detections always are."""
    if tie.kind not in ("place", "user"):
        return list(detections)
    guests = {d.entity for d in detections if not _is_own(tie, d)}
    return list(detections) if len(guests) <= MAX_SHARED else [d for d in detections if _is_own(tie, d)]


def _is_own(tie: Tie, detection: Detection) -> bool:
    return tie.kind == "place" and place_of(detection.entity.name) == tie.name


def _forward(members: Collection[Detection]) -> Iterator[tuple[Detection, Detection]]:
    """Each detection with the one whose reach goes furthest, looking forward in time and then back."""
    far: Detection | None = None
    for one in sorted(members, key=lambda d: (d.first_seen_us, d.id)):
        if far is not None and one.first_seen_us <= far.last_seen_us + reach_us(far):
            yield far, one
        if far is None or one.last_seen_us + reach_us(one) > far.last_seen_us + reach_us(far):
            far = one
    far = None
    for one in sorted(members, key=lambda d: (-d.last_seen_us, d.id)):
        if far is not None and one.last_seen_us >= far.first_seen_us - reach_us(far):
            yield far, one
        if far is None or one.first_seen_us - reach_us(one) < far.first_seen_us - reach_us(far):
            far = one
