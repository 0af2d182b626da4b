"""Owns the behaviour that carries other tools' alerts: Suricata, Zeek notices, Wazuh and their like."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_group_address, is_internal, is_local
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.exposure import Exposure, is_stranger
from pandora_core.detect.names import place_of
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, span_of
from pandora_core.model import HOUR_US, Detection, EntityRef, Event, Severity

POINTS = {Severity.LOW: 8.0, Severity.MEDIUM: 20.0, Severity.HIGH: 45.0, Severity.CRITICAL: 70.0}
"""What a rule is worth by its severity; :data:`REPEAT_POINTS` more for each tenfold repetition, up to three times."""

REPEAT_POINTS = 1.5
PAUSE_US = 12 * HOUR_US
"""A rule that keeps firing on an entity with shorter pauses is one detection."""

EXPOSED_SHARE = 0.3
"""What is left of the points of a rule that many strangers set off: what came of it the alert does not say."""

CAPACITY = 30_000

_MAX_PEERS = 64
_MAX_TECHNIQUES = 8
_MAX_RULE_CHARS = 160
_TOOLS = {"suricata": "Suricata", "zeek": "Zeek", "wazuh": "Wazuh"}


class RuleKey(NamedTuple):
    """One rule of one tool on one place."""

    tool: str
    rule: str
    place: str


class Alarm(Session, kw_only=True, gc=False):
    """Alerts of one rule on one entity."""

    severity: int = 0
    count: int = 0
    peers: dict[str, int] = msgspec.field(default_factory=dict)
    techniques: set[str] = msgspec.field(default_factory=set)
    category: str = ""
    is_weather: bool = False


class Signatures(SessionBehaviour):
    """Alerts of intrusion detection systems, by their severity, one detection per rule and entity.

    The entity is the host that the alert names, else the address on our side, else where it came from. The other
    sides are listed and not told apart: a rule that fires on a server for each of a thousand strangers is one thing
    to look at. Informational alerts make none; what a log does not rate is left to
    :class:`~pandora_core.detect.behaviours.rare_alerts.RareAlerts`. Blind spots: what the
    tool's rules do not know or rate too low.
    """

    name = "ids-alert"
    routes = (Route("intrusion_detection", "alert"),)

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._exposure = Exposure()
        self._alarms = Sessions(
            RuleKey, Alarm, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda key: key[2:]
        )
        self.tables = (self._alarms,)

    def observe(self, event_id: int, event: Event) -> None:
        severity = event.severity
        place, peer = _sides(event)
        if severity <= 0 or place is None:
            return
        more = event.more
        rule = str(more.get("rule.name") or event.message or more.get("rule.id") or "without a name")
        key = RuleKey(event.dataset.partition(".")[0], rule[:_MAX_RULE_CHARS], place)
        alarm = self._alarms.at(key, event.at_us)
        alarm.count += event.count
        alarm.severity = max(alarm.severity, severity)
        alarm.category = max(alarm.category, str(more.get("rule.category") or ""))
        if peer is not None and (peer in alarm.peers or len(alarm.peers) < _MAX_PEERS):
            alarm.peers[peer] = alarm.peers.get(peer, 0) + event.count
        techniques = more.get("threat.technique.id")
        if isinstance(techniques, list) and len(alarm.techniques) < _MAX_TECHNIQUES:
            alarm.techniques.update(str(technique) for technique in techniques[:_MAX_TECHNIQUES])
        alarm.remember(event_id, event.at_us)
        if alarm.fired_event_id:
            self._alarms.mark(key, alarm)
        else:
            self._alarms.fire(key, alarm, event_id, event.at_us, self.name, *key, alarm.first_us)
        if is_stranger(key.place):
            self._expose(key, alarm)

    def memory(self) -> bytes:
        return self._exposure.dump()

    def recall(self, memory: bytes) -> None:
        self._exposure.load(memory)

    def _expose(self, key: RuleKey, alarm: Alarm) -> None:
        """Counts a stranger in who set off a rule, and judges again what that makes ordinary."""
        what = f"{key.tool} {key.rule}"
        self._alarms.show(key, alarm, what)
        alarm.is_weather = self._exposure.is_exposed(what, alarm.first_us)
        if self._exposure.note(what, key.place, alarm.first_us):
            for other, told in self._alarms.fired_at(what):
                is_weather = self._exposure.is_exposed(what, told.first_us)
                if is_weather != told.is_weather:
                    told.is_weather = is_weather
                    self._alarms.mark(other, told)

    def _render(self, key: RuleKey, alarm: Alarm) -> Detection:
        entity = self._names.entity_at(key.place, alarm.last_us)
        severity = Severity(min(alarm.severity, Severity.CRITICAL))
        peers = sorted(alarm.peers, key=lambda peer: (-alarm.peers[peer], peer))
        often = f", {amount(alarm.count, 'time')} {span_of(alarm)}" if alarm.count > 1 else ""
        reasons = [f"{_TOOLS.get(key.tool, key.tool)} rule “{key.rule}” ({severity.word}){often}"]
        if alarm.category:
            reasons.append(f"of the kind: {alarm.category[:_MAX_RULE_CHARS]}")
        if peers:
            many = " or more" if len(peers) >= _MAX_PEERS else ""
            reasons.append(f"the other side, {len(peers)}{many} in all: {listed(peers)}")
        points = POINTS[severity] + REPEAT_POINTS * min(math.log10(alarm.count), 3)
        if alarm.is_weather:
            points *= EXPOSED_SHARE
            reasons.append("many strangers set off this rule these days")
        return Detection(
            id=alarm.id,
            detector=self.name,
            entity=entity,
            first_seen_us=alarm.first_us,
            last_seen_us=alarm.last_us,
            count=alarm.count,
            points=round(points, 1),
            title=f"{_TOOLS.get(key.tool, key.tool)}: {key.rule}",
            reasons=tuple(reasons),
            techniques=tuple(sorted(alarm.techniques)),
            hosts=(entity.name, *(peer for peer in peers[:8] if is_internal(peer))),
            related=tuple(EntityRef("address", peer) for peer in peers[:8]),
            event_ids=alarm.event_ids,
        )


def _sides(event: Event) -> tuple[str | None, str | None]:
    """The place whose risk it is, and the other side."""
    source, destination = _single(event.source_ip), _single(event.destination_ip)
    if event.host:
        return place_of(event.host), source or destination
    if source is None or destination is None:
        return source or destination, None
    if is_internal(destination) and not is_internal(source):
        return destination, source
    return source, destination


def _single(address: str | None) -> str | None:
    """An address of one host other than the sensor itself."""
    return address if address and not is_group_address(address) and not is_local(address) else None
