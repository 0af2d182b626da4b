"""Owns what becomes of the flows that a model calls attacks: detections by source and destination, with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pandora_core.detect.behaviour import Context
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef

NAME = "flow-model"

POINTS = 12.0
"""Of flows just above the threshold; two such detections open no alert."""

POINTS_A_NAT = 5.0
"""For each nat of evidence beyond the threshold: of benign flows so many times fewer score as high."""

MAX_POINTS = 45.0

SURE_NATS, ENOUGH_FLOWS = 1.5, 3
"""A threshold is a rate: some flow is just above it all the time. One becomes a detection when it is this far above,
or when there are so many between the same two."""

POINTS_UNSURE = 20.0
"""At most, by a provisional scale, or from a model that called a fifth of this network attacks before it was
calibrated: no alert by itself. All flows of a source share one detection in the latter case."""

POINTS_POPULAR = 5.0
"""Where four hosts have such flows to one destination: a service that the model does not know."""

MOST_DESTINATIONS = 8
"""Destinations of a source that get a detection each; those after them share one."""

PAUSE_US = 6 * HOUR_US
CAPACITY = 20_000
_MAX_PORTS = 8
_NEWS_NATS = 0.5
_NEWS_US = 10 * MINUTE_US
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
    """What the detections say of the model: its number and name, the evidence above which it alerts, how it fits."""

    number: int
    name: str
    threshold: float
    is_poor_fit: bool = False
    provisional: int = 0
    """Of how many flows the scale comes, where the input ended before there were enough."""


class Key(NamedTuple):
    """Flows of one source to one destination (or, empty, to many), as one version of a model sees them."""

    model: int
    source: str
    destination: str


class Source(NamedTuple):
    """A source, as one version of a model sees it."""

    model: int
    source: str


class Shown(NamedTuple):
    """What a detection says. It is not said anew with every flow: that would cost more than the flow."""

    flows: int
    first_us: int
    last_us: int
    threshold: float
    evidence: float
    excess: float
    reasons: tuple[str, ...]
    ports: tuple[int, ...]
    event_ids: tuple[int, ...]
    is_poor_fit: bool = False
    provisional: int = 0


class Suspected(Session, kw_only=True, gc=False):
    """Flows above the threshold, the worst of them in words, and what was said of them last."""

    name: str = ""
    threshold: float = 0.0
    is_poor_fit: bool = False
    provisional: int = 0
    count: int = 0
    evidence: float = -1.0
    excess: float = -1.0
    reasons: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    shown: Shown | None = None

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
        keys = [self._key(model, hit) for hit in hits]
        places = self._leading(keys, hits)
        said = dict(zip(places, reasons_of(places), strict=True))
        for place, (key, hit) in enumerate(zip(keys, hits, strict=True)):
            for shown in self._popularity.add(hit.destination, hit.source, hit.at_us):
                self._suspected.mark_place(shown)
            session = self._suspected.at(key, hit.at_us)
            _, session.name, session.threshold, session.is_poor_fit, session.provisional = model
            session.count += 1
            if hit.port not in session.ports and len(session.ports) < _MAX_PORTS:
                session.ports = (*session.ports, hit.port)
            if hit.excess > session.excess:
                session.evidence, session.excess = hit.evidence, hit.excess
                session.reasons = said[place] if place in said else reasons_of([place])[0]
            session.remember(hit.event_id, hit.at_us)
            if not _is_enough(session) or not _is_news(session, hit.at_us, model):
                continue
            session.shown = _shown(session)
            if session.fired_event_id:
                self._suspected.mark(key, session)
            else:
                self._suspected.fire(key, session, hit.event_id, hit.at_us, NAME, *key, session.first_us)

    def memory(self) -> bytes:
        return self._popularity.dump()

    def recall(self, memory: bytes) -> None:
        self._popularity.load(memory)

    def _key(self, model: Model, hit: Hit) -> Key:
        if model.is_poor_fit:
            return Key(model.number, hit.source, _MANY)
        told = self._told.at(Source(model.number, hit.source), hit.at_us)
        if hit.destination not in told.destinations:
            if len(told.destinations) >= MOST_DESTINATIONS:
                return Key(model.number, hit.source, _MANY)
            told.destinations = (*told.destinations, hit.destination)
        return Key(model.number, hit.source, hit.destination)

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
        shown = session.shown or _shown(session)
        entity = self._names.entity_at(source, shown.last_us)
        where = destination or ("several destinations" if shown.is_poor_fit else "further destinations")
        reasons = [
            f"{amount(shown.flows, 'flow')} to {where}, {_ports(shown.ports)}: evidence of up to "
            f"{shown.evidence:.1f} nats by model {number} ({session.name}), which alerts above {shown.threshold:.1f}",
            *shown.reasons,
        ]
        most = POINTS_UNSURE if shown.is_poor_fit or shown.provisional else MAX_POINTS
        points = min(POINTS + POINTS_A_NAT * shown.excess, most)
        if shown.is_poor_fit:
            reasons.append("the model fits this network poorly: pandora engine status")
        if shown.provisional:
            reasons.append(
                f"provisional: what is usual here was learned from {amount(shown.provisional, 'flow')} alone"
            )
        if destination and self._popularity.is_popular(destination):
            points = min(points, POINTS_POPULAR)
            reasons.append(users_sentence(self._popularity.users(destination), f"{destination} in such a way"))
        return Detection(
            id=session.id,
            detector=NAME,
            entity=entity,
            first_seen_us=shown.first_us,
            last_seen_us=shown.last_us,
            count=shown.flows,
            points=round(points, 1),
            title=f"flows to {where} look like an attack",
            reasons=tuple(reasons),
            hosts=(entity.name,),
            related=(EntityRef("address", destination),) if destination else (),
            event_ids=shown.event_ids,
        )


def _is_enough(session: Suspected) -> bool:
    """Whether it is more than what a threshold lets through by itself."""
    return session.excess >= SURE_NATS or session.count >= ENOUGH_FLOWS


def _is_news(session: Suspected, at_us: int, model: Model) -> bool:
    """Whether a flow changes what a person reads: it is worse, or there are a quarter more, or it was a while ago.

    Of a model that fits poorly less is news: it is worse, or there are twice as many.
    """
    shown = session.shown
    if shown is None or session.excess > shown.excess + _NEWS_NATS:
        return True
    if model.is_poor_fit:
        return session.count >= 2 * shown.flows
    return 4 * session.count >= 5 * shown.flows or abs(at_us - shown.last_us) >= _NEWS_US


def _shown(session: Suspected) -> Shown:
    return Shown(
        session.count,
        session.first_us,
        session.last_us,
        session.threshold,
        session.evidence,
        session.excess,
        session.reasons,
        session.ports,
        session.event_ids,
        session.is_poor_fit,
        session.provisional,
    )


def _ports(ports: tuple[int, ...]) -> str:
    known = sorted(port for port in ports if port)
    if not known:
        return "no port"
    return f"port{'' if len(known) == 1 else 's'} {listed(known, _MAX_PORTS)}"
