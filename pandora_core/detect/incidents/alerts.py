"""Owns how one entity's detections become alerts: which belong together, and what an alert says.

Detections are taken in firing order: by the event that made each one, then by id. A detection joins the newest alert
of its entity that was active within a day of the moment it fired, else it opens one. So alerts depend on the
detections alone, not on the batches in which they came; behaviours keep the pauses of their sessions below a day for
that.

:func:`alerts_of` and :func:`entity_score` are the definition. :class:`EntityFile` gives the same answers for a file
that grows, at a cost that does not depend on its length in the ordinary case.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import risk
from pandora_core.detect.sessions import digest
from pandora_core.model import DAY_US, Alert, Detection, EntityRef, Severity

OPEN_RISK = 25.0
"""Risk from which on a person must look: more than one weak sign gives (an IDS alert of medium severity has 20
points, a first log-on 24), less than two such signs or one plain one (a scan, a burst of failures) add up to."""

EPISODE_PAUSE_US = DAY_US
MAX_REASONS = 12
MAX_REASONS_OF_ONE = 3
MAX_LISTED = 16

_Order = tuple[int, str]


def alerts_of(
    entity: EntityRef,
    fired: Sequence[Fired],
    dismissed: Collection[str] = (),
    closed: Mapping[str, int] | None = None,
    assessed: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Alert]:
    """The alerts that all of an entity's detections make, in the order in which they opened.

    ``closed`` gives for closed alerts the highest event id at their closing: what fired later does not join them. A
    ``dismissed`` alert stays what it is: only :func:`entity_score` leaves it out. ``assessed`` gives the reasons that
    a second opinion adds to alerts.
    """
    made = (_alert_of(entity, episode) for episode in _episodes_of(entity, fired, closed or {}))
    return [_with_reasons(alert, assessed or {}) for alert in made if alert is not None]


def entity_score(
    entity: EntityRef,
    fired: Sequence[Fired],
    dismissed: Collection[str] = (),
    closed: Mapping[str, int] | None = None,
) -> risk.Score:
    """An entity's risk, decayed to its newest detection; detections of dismissed alerts do not count."""
    newest_us = max((item.detection.last_seen_us for item in fired), default=0)
    episodes = _episodes_of(entity, fired, closed or {}) if dismissed else [list(fired)]
    counted = [e for e in episodes if not dismissed or alert_id_of(entity, e[0]) not in dismissed]
    return risk.score((item.detection for episode in counted for item in episode), newest_us)


def alert_id_of(entity: EntityRef, opened_by: Fired) -> str:
    """The id of the alert that a detection opened, e.g. ``A-3f9c1b2a``."""
    return f"A-{digest(entity, opened_by.detection.id)[:8]}"


class Changes(NamedTuple):
    """Alerts that are new or different, and the ids of alerts that are no more."""

    alerts: list[Alert]
    gone: list[str]


class EntityFile:
    """All detections of one entity, its alerts and its score, kept up to date."""

    def __init__(self, entity: EntityRef, fired: Iterable[Fired] = ()) -> None:
        self.entity = entity
        self.fired: dict[str, Fired] = {item.detection.id: item for item in fired}
        self._dismissed: Collection[str] = ()
        self._closed: Mapping[str, int] = {}
        self._assessed: Mapping[str, tuple[str, ...]] = {}
        self._episodes: list[_Episode] = []
        self._episode_of: dict[str, _Episode] = {}
        self._told: dict[str, Alert] = {}
        self._judged = self._judgement()
        self._is_stale = True

    def update(self, fired: Iterable[Fired]) -> None:
        """Takes detections in: new ones, and new versions of known ones."""
        for item in fired:
            known = self.fired.get(item.detection.id)
            self.fired[item.detection.id] = item
            if not self._is_stale:
                self._is_stale = not (self._add(item) if known is None else self._exchange(known, item))

    def recall(self, alerts: Iterable[Alert]) -> None:
        """These alerts were told before: :meth:`changes` tells what is different from them."""
        self._told = {alert.id: alert for alert in alerts}

    def remove(self, detection_ids: Iterable[str]) -> None:
        """Forgets detections that turned out to be another entity's."""
        for detection_id in detection_ids:
            self._is_stale |= self.fired.pop(detection_id, None) is not None

    def judge(
        self,
        dismissed: Collection[str],
        closed: Mapping[str, int],
        assessed: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Takes in what was decided about alerts, be they this entity's or not."""
        self._dismissed, self._closed, self._assessed = dismissed, closed, assessed or {}
        self._is_stale |= self._judged != self._judgement()

    def dismissed_ids(self) -> set[str]:
        """The detections of alerts that turned out to be nothing."""
        self._refresh()
        dismissed = [episode for episode in self._episodes if episode.id in self._dismissed]
        return {number for episode in dismissed for number in episode.detection_ids}

    def changes(self) -> Changes:
        """What is different since the last call."""
        self._refresh()
        standing = {episode.id: episode for episode in self._episodes}
        gone = {number for number in self._told if number not in standing}
        news: list[Alert] = []
        for number, episode in standing.items():
            if episode.is_dirty:
                episode.is_dirty = False
                alert = episode.alert(self.entity, self.fired)
                if alert is not None:
                    alert = _with_reasons(alert, self._assessed)
                    news += [alert] if alert != self._told.get(number) else []
                elif number in self._told:
                    gone.add(number)
        self._told.update((alert.id, alert) for alert in news)
        for number in gone:
            del self._told[number]
        return Changes(news, sorted(gone))

    def score(self) -> risk.Score:
        """The entity's risk, as :func:`entity_score` gives it."""
        self._refresh()
        newest_us = max((episode.last_us for episode in self._episodes), default=0)
        counted = [episode.standing for episode in self._episodes if episode.id not in self._dismissed]
        strongest = _merged(counted)
        score = risk.score((self.fired[number].detection for number in strongest), newest_us)
        return _with_repeats(score, counted, self.fired)

    def _refresh(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self._episodes, self._episode_of = [], {}
            for item in sorted(self.fired.values(), key=_order):
                self._add(item)
            self._judged = self._judgement()

    def _judgement(self) -> tuple[list[str], dict[str, int], dict[str, tuple[str, ...]]]:
        """What was decided about the alerts of this file."""
        mine = [episode.id for episode in self._episodes]
        closed = {number: self._closed[number] for number in mine if number in self._closed}
        assessed = {number: self._assessed[number] for number in mine if number in self._assessed}
        return [number for number in mine if number in self._dismissed], closed, assessed

    def _add(self, item: Fired) -> bool:
        """Puts a new detection into its episode; false if it fired before one that is there already."""
        if self._episodes and _order(item) < max(episode.newest for episode in self._episodes):
            return False
        episode = _home(self._episodes, item, self._closed)
        if episode is None:
            episode = _Episode(alert_id_of(self.entity, item), item)
            self._episodes.append(episode)
        episode.add(item)
        self._episode_of[item.detection.id] = episode
        return True

    def _exchange(self, known: Fired, item: Fired) -> bool:
        """Puts a detection's new version in its place; false if that might move others to other episodes."""
        before, now = known.detection, item.detection
        episode = self._episode_of[now.id]
        shrinks = now.first_seen_us > before.first_seen_us or now.last_seen_us < before.last_seen_us
        if shrinks or known[1:] != item[1:]:
            return False
        grows = now.first_seen_us < before.first_seen_us or now.last_seen_us > before.last_seen_us
        if grows and any(other.newest > _order(item) for other in self._episodes if other is not episode):
            return False
        episode.drop(before)
        episode.take(now)
        return True


class _Episode:
    """Detections that make one alert, the strongest of each group at hand."""

    def __init__(self, number: str, opened_by: Fired) -> None:
        self.id = number
        self.newest = _order(opened_by)
        self.first_us = opened_by.detection.first_seen_us
        self.last_us = opened_by.detection.last_seen_us
        self.is_dirty = True
        self.detection_ids: list[str] = []
        self.strengths = _Ranking()
        self.standing = _Ranking()

    def add(self, item: Fired) -> None:
        self.newest = _order(item)
        self.detection_ids.append(item.detection.id)
        self.take(item.detection)

    def take(self, detection: Detection) -> None:
        self.is_dirty = True
        self.first_us = min(self.first_us, detection.first_seen_us)
        self.last_us = max(self.last_us, detection.last_seen_us)
        evidence = risk.evidence_of(detection.points)
        if evidence > 0:
            self.strengths.add(detection, evidence)
            self.standing.add(detection, risk.rank_of(evidence, detection.last_seen_us))

    def drop(self, detection: Detection) -> None:
        """Takes a version of a detection out of the rankings; another one takes its place."""
        evidence = risk.evidence_of(detection.points)
        if evidence > 0:
            self.strengths.remove(detection, evidence)
            self.standing.remove(detection, risk.rank_of(evidence, detection.last_seen_us))

    def alert(self, entity: EntityRef, fired: Mapping[str, Fired]) -> Alert | None:
        counted = [fired[number].detection for number in _merged([self.strengths])]
        score = _with_repeats(risk.score(counted), [self.strengths], fired)
        return _compose(entity, self.id, score, counted, self.detection_ids, (self.first_us, self.last_us))


class _Ranking:
    """Detections by group, the strongest first."""

    def __init__(self) -> None:
        self.of: dict[risk.Group, list[tuple[float, str]]] = {}

    def add(self, detection: Detection, strength: float) -> None:
        bisect.insort(self.of.setdefault(risk.group_of(detection), []), (-strength, detection.id))

    def remove(self, detection: Detection, strength: float) -> None:
        ranked = self.of[risk.group_of(detection)]
        del ranked[bisect.bisect_left(ranked, (-strength, detection.id))]
        if not ranked:
            del self.of[risk.group_of(detection)]


def _merged(rankings: Sequence[_Ranking]) -> list[str]:
    """Ids of the detections that count: the strongest few of each group."""
    groups = dict.fromkeys(group for ranking in rankings for group in ranking.of)
    return [
        number
        for group in groups
        for _, number in islice(heapq.merge(*(r.of[group] for r in rankings if group in r.of)), risk.COUNTED)
    ]


def _with_repeats(score: risk.Score, rankings: Sequence[_Ranking], fired: Mapping[str, Fired]) -> risk.Score:
    """The score with the true number of repeats: it was made of those that count."""

    def repeats(detection_id: str) -> int:
        group = risk.group_of(fired[detection_id].detection)
        return sum(len(ranking.of.get(group, ())) for ranking in rankings)

    parts = (replace(part, repeats=repeats(part.detection_id)) for part in score.contributions)
    return score._replace(contributions=tuple(parts))


def _order(item: Fired) -> _Order:
    return item.event_id, item.detection.id


def _home(episodes: Sequence[_Episode], item: Fired, closed: Mapping[str, int]) -> _Episode | None:
    """The newest episode that a detection can join."""
    for episode in reversed(episodes):
        is_open = item.event_id <= closed.get(episode.id, item.event_id)
        if is_open and _is_near(episode.first_us, episode.last_us, item.at_us):
            return episode
    return None


def _is_near(first_us: int, last_us: int, at_us: int) -> bool:
    return first_us - EPISODE_PAUSE_US <= at_us <= last_us + EPISODE_PAUSE_US


def _episodes_of(entity: EntityRef, fired: Sequence[Fired], closed: Mapping[str, int]) -> list[list[Fired]]:
    """Detections that belong together, in firing order."""
    episodes: list[list[Fired]] = []
    spans: list[tuple[int, int]] = []
    for item in sorted(fired, key=_order):
        first_us, last_us = item.detection.first_seen_us, item.detection.last_seen_us
        for place in reversed(range(len(episodes))):
            is_open = item.event_id <= closed.get(alert_id_of(entity, episodes[place][0]), item.event_id)
            if is_open and _is_near(*spans[place], item.at_us):
                episodes[place].append(item)
                spans[place] = min(spans[place][0], first_us), max(spans[place][1], last_us)
                break
        else:
            episodes.append([item])
            spans.append((first_us, last_us))
    return episodes


def _with_reasons(alert: Alert, assessed: Mapping[str, tuple[str, ...]]) -> Alert:
    """With what a second opinion adds, after all reasons of its own."""
    more = assessed.get(alert.id, ())
    return replace(alert, reasons=alert.reasons + more) if more else alert


def _alert_of(entity: EntityRef, episode: Sequence[Fired]) -> Alert | None:
    detections = [item.detection for item in episode]
    by_group: dict[risk.Group, list[Detection]] = {}
    for detection in sorted(detections, key=lambda d: (-risk.evidence_of(d.points), d.id)):
        if detection.points > 0:
            by_group.setdefault(risk.group_of(detection), []).append(detection)
    counted = [detection for ranked in by_group.values() for detection in ranked[: risk.COUNTED]]
    span = min(d.first_seen_us for d in detections), max(d.last_seen_us for d in detections)
    numbers = [detection.id for detection in detections]
    return _compose(entity, alert_id_of(entity, episode[0]), risk.score(detections), counted, numbers, span)


def _compose(
    entity: EntityRef,
    number: str,
    score: risk.Score,
    counted: Iterable[Detection],
    detection_ids: Sequence[str],
    span: tuple[int, int],
) -> Alert | None:
    """What an alert says; nothing below the risk that makes one."""
    if score.risk < OPEN_RISK:
        return None
    strongest = sorted(counted, key=lambda d: (-risk.evidence_of(d.points), d.id))
    more = len(detection_ids) - 1
    return Alert(
        id=number,
        entity=entity,
        severity=Severity.of_risk(score.risk),
        risk=score.risk,
        title=score.contributions[0].title + (f", and {more:,} more" if more else ""),
        first_seen_us=span[0],
        last_seen_us=span[1],
        contributions=score.contributions,
        detection_ids=tuple(detection_ids),
        hosts=_listed(host for detection in strongest for host in detection.hosts),
        users=_listed(user for detection in strongest for user in detection.users),
        techniques=_listed(technique for detection in strongest for technique in detection.techniques),
        tactics=_listed(tactic for detection in strongest for tactic in detection.tactics),
        reasons=tuple(islice((r for d in strongest for r in d.reasons[:MAX_REASONS_OF_ONE]), MAX_REASONS)),
    )


def _listed(things: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(things), MAX_LISTED))
