"""Owns suppressions: what operators want to hear no more of, why, and until when; a fold over their actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import msgspec

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.triage import effective
from pandora_core.model import Action, ActionKind, Detection, iso

MAX_RELATED = 8
"""So many other sides a detection lists at most."""

SUBJECT = "suppressions"
"""The subject of all actions that suppress, and of those that undo them."""


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operator writes into the action: at least one of entity, detector, title and peer, ``*`` for anything.

    ``peer`` is the other side: an address or host (a domain stands in the title). Every one that a detection names
    must fit, so that nothing hides behind a harmless one. ``until_us`` is event time: what happens from then on is
    heard of again.
    """

    reason: str
    until_us: int
    entity: str = ""
    detector: str = ""
    title: str = ""
    peer: str = ""

    def is_empty(self) -> bool:
        """Whether it would suppress everything."""
        return not (self.entity or self.detector or self.title or self.peer)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A wish, whose it is, and the last event judged when it was made: it is about later ones only."""

    id: int
    actor: str
    at_us: int
    after_event_id: int
    wish: Wish

    def covers(self, fired: Fired) -> bool:
        """Whether a detection is one of those that nobody wants to hear of."""
        wish, detection = self.wish, fired.detection
        is_in_time = fired.event_id > self.after_event_id and fired.at_us < wish.until_us
        return (
            is_in_time
            and _fits(wish.entity, str(detection.entity))
            and _fits(wish.detector, detection.detector)
            and _fits(wish.title, detection.title)
            and _fits_all(wish.peer, detection)
        )


def suppressions_of(actions: Iterable[Action]) -> tuple[Suppression, ...]:
    """The suppressions that stand after some actions, oldest first; one that cannot be read counts for nothing."""
    mine = effective(action for action in actions if action.subject == SUBJECT)
    found = ((action, _wish_of(action)) for action in mine if action.kind is ActionKind.SUPPRESS)
    return tuple(
        Suppression(action.id, action.actor, action.at_us, action.event_id, wish)
        for action, wish in found
        if wish is not None
    )


def value_of(wish: Wish) -> str:
    """The value of the action that makes a wish known."""
    return msgspec.json.encode(wish).decode()


def suppressed(fired: Fired, suppressions: Sequence[Suppression]) -> Fired:
    """A detection as it counts: one that is suppressed keeps everything but its points, and says why."""
    for suppression in suppressions:
        if suppression.covers(fired):
            wish = suppression.wish
            why = f"suppressed by {suppression.actor} until {iso(wish.until_us)[:16]} UTC: {wish.reason}"
            detection = fired.detection
            return fired._replace(detection=replace(detection, points=0.0, reasons=(*detection.reasons, why)))
    return fired


def _fits(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text.casefold(), pattern.casefold())


def _fits_all(pattern: str, detection: Detection) -> bool:
    """Whether all other sides of a detection fit; of one that lists as many as it can there may be more."""
    if not pattern:
        return True
    own = detection.entity.name
    named = {ref.name for ref in detection.related if ref.kind != "user"}
    peers = named or {host for host in detection.hosts if host != own}
    return 0 < len(peers) < MAX_RELATED and all(_fits(pattern, peer) for peer in peers)


def _wish_of(action: Action) -> Wish | None:
    try:
        wish = msgspec.json.decode(action.value, type=Wish)
    except msgspec.DecodeError:
        return None
    return None if wish.is_empty() else wish
