"""Owns what becomes of the flows that a model calls attacks: detections by source and destination, with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pandora_core.detect.behaviour import Context
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed
from pandora_core.model import HOUR_US, Detection, EntityRef

NAME = "flow-model"

POINTS = 12.0
"""Of flows just above the threshold. Two such detections do not open an alert, since a threshold is a rate: some
benign flows are above it every day."""

POINTS_A_NAT = 5.0
"""For each nat of evidence beyond the threshold: of benign flows so many times fewer score as high."""

MAX_POINTS = 45.0

POINTS_POPULAR = 5.0
"""Where four hosts have such flows to one destination: a service that the model does not know."""

MOST_DESTINATIONS = 8
"""Destinations of a source that get a detection each; those after them share one."""

PAUSE_US = 6 * HOUR_US
CAPACITY = 20_000
_MAX_PORTS = 8
_MANY = ""


class Hit(NamedTuple):
    """A flow above the threshold; ``excess`` is how much of its ``evidence``, in nats, is beyond it."""

    event_id: int
    at_us: int
    source: str
    destination: str
    port: int
    evidence: float
    excess: float


class Model(NamedTuple):
    """What the detections say of the model: its number and name, and the evidence above which it alerts."""

    number: int
    name: str
    threshold: float


class Key(NamedTuple):
    """Flows of one source to one destination (or, empty, to many), as one version of a model sees them."""

    model: int
    source: str
    destination: str


class Source(NamedTuple):
    """A source, as one version of a model sees it."""

    model: int
    source: str


class Suspected(Session, kw_only=True, gc=False):
    """Flows above the threshold, and the worst of them in words."""

    name: str = ""
    threshold: float = 0.0
    count: int = 0
    evidence: float = -1.0
    excess: float = -1.0
    reasons: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        return self.count


class Told(Session, kw_only=True, gc=False):
    """The destinations of a source that have a detection of their own, and how many hits the others had."""

    destinations: tuple[str, ...] = ()


class Hits(SessionBehaviour):
    """Detections of one host's flows to one destination, with pauses of less than six hours between them.

    They are a version's: what another version says of the same flows is another detection. Blind spots are the
    model's; and beyond eight destinations of a source, which of the others it was.
    """

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._popularity = Popularity(capacity)
        self._told = Sessions(Source, Told, self._untold, gap_us=PAUSE_US, capacity=capacity)
        self._suspected = Sessions(
            Key, Suspected, self._render, gap_us=PAUSE_US, capacity=capacity, places=lambda key: key[1:]
        )
        self.tables = (self._told, self._suspected)

    def take(self, model: Model, hits: list[Hit], reasons_of: Callable[[list[int]], list[tuple[str, ...]]]) -> None:
        """Takes hits in, in the order of events; ``reasons_of`` says of some of them, by place, what made them so."""
        keys = [self._key(model.number, hit) for hit in hits]
        places = self._leading(keys, hits)
        said = dict(zip(places, reasons_of(places), strict=True))
        for place, (key, hit) in enumerate(zip(keys, hits, strict=True)):
            for shown in self._popularity.add(hit.destination, hit.source, hit.at_us):
                self._suspected.mark_place(shown)
            session = self._suspected.at(key, hit.at_us)
            session.name, session.threshold = model.name, model.threshold
            session.count += 1
            if hit.port not in session.ports and len(session.ports) < _MAX_PORTS:
                session.ports = (*session.ports, hit.port)
            if hit.excess > session.excess:
                session.evidence, session.excess = hit.evidence, hit.excess
                session.reasons = said[place] if place in said else reasons_of([place])[0]
            session.remember(hit.event_id, hit.at_us)
            if session.fired_event_id:
                self._suspected.mark(key, session)
            else:
                self._suspected.fire(key, session, hit.event_id, hit.at_us, NAME, *key, session.first_us)

    def memory(self) -> bytes:
        return self._popularity.dump()

    def recall(self, memory: bytes) -> None:
        self._popularity.load(memory)

    def _key(self, model: int, hit: Hit) -> Key:
        told = self._told.at(Source(model, hit.source), hit.at_us)
        if hit.destination not in told.destinations:
            if len(told.destinations) >= MOST_DESTINATIONS:
                return Key(model, hit.source, _MANY)
            told.destinations = (*told.destinations, hit.destination)
        return Key(model, hit.source, hit.destination)

    def _leading(self, keys: list[Key], hits: list[Hit]) -> list[int]:
        """The places of hits that may be the worst of their session when it is their turn: asked for all at once."""
        worst: dict[Key, float] = {}
        found = []
        for place, (key, hit) in enumerate(zip(keys, hits, strict=True)):
            known = worst.get(key)
            if known is None:
                known = max((session.excess for session in self._suspected.of(key)), default=-1.0)
            if hit.excess > known:
                found.append(place)
            worst[key] = max(known, hit.excess)
        return found

    def _untold(self, key: Source, told: Told) -> Detection:
        raise AssertionError("it never fires")

    def _render(self, key: Key, session: Suspected) -> Detection:
        number, source, destination = key
        entity = self._names.entity_at(source, session.last_us)
        where = destination or "further destinations"
        flows = amount(session.count, "flow")
        reasons = [
            f"{flows} to {where}, {_ports(session.ports)}: evidence of up to {session.evidence:.1f} nats by model "
            f"{number} ({session.name}), which alerts above {session.threshold:.1f}",
            *session.reasons,
        ]
        points = min(POINTS + POINTS_A_NAT * session.excess, MAX_POINTS)
        if destination and self._popularity.is_popular(destination):
            points = min(points, POINTS_POPULAR)
            reasons.append(users_sentence(self._popularity.users(destination), f"{destination} in such a way"))
        return Detection(
            id=session.id,
            detector=NAME,
            entity=entity,
            first_seen_us=session.first_us,
            last_seen_us=session.last_us,
            count=session.count,
            points=round(points, 1),
            title=f"flows to {where} look like an attack",
            reasons=tuple(reasons),
            hosts=(entity.name,),
            related=(EntityRef("address", destination),) if destination else (),
            event_ids=session.event_ids,
        )


def _ports(ports: tuple[int, ...]) -> str:
    known = sorted(port for port in ports if port)
    if not known:
        return "no port"
    return f"port{'' if len(known) == 1 else 's'} {listed(known, _MAX_PORTS)}"
