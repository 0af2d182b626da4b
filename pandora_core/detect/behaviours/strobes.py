"""Owns the behaviour of strobes: very many connections of one host to one destination outside, answered or not."""

from __future__ import annotations

from pandora_core.detect.addresses import is_internal, is_outside
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.channels import (
    CALL_CELL_US,
    MAX_CHANNELS,
    REFUSED_CELL_US,
    Cell,
    Channel,
    ChannelKey,
    newest,
)
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, span_of
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

MANY_CALLS = 5_000
"""Connections in six hours, 14 a minute all the time: several times what people's busiest sites get."""

MANY_REFUSED = 200
"""Refused or unanswered connections in an hour: more than three a minute at a closed door. What gives up or waits
longer each time, as well-behaved software does, stays far below."""

POINTS = 40.0
POINTS_REFUSED = 45.0
POINTS_POPULAR = 10.0
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_DNS_PORT = 53


class Strobe(Session, kw_only=True, gc=False):
    """What one source did to one destination."""

    most_calls: int = 0
    most_refused: int = 0


class Strobes(SessionBehaviour):
    """Very many connections to one destination (T1071; T1499 where it is meant to hurt).

    Blind spots: fewer connections, and destinations on our own networks, where databases are asked more often than
    that. A resolver of ours that asks others on behalf of at least four hosts is left out.
    """

    name = "strobe"
    routes = (Route("network", "connection"),)

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_destinations: int = MAX_CHANNELS,
        many_calls: int = MANY_CALLS,
        many_refused: int = MANY_REFUSED,
    ) -> None:
        self._names = context.names
        self._many_calls, self._many_refused = many_calls, many_refused
        self._popularity = Popularity(max_destinations)
        self._strobes: Sessions[ChannelKey, Strobe] = Sessions(
            tuple[str, str, int],
            Strobe,
            self._render,
            gap_us=PAUSE_US,
            capacity=capacity,
            places=lambda key: key[:2],
        )
        self.tables = (self._strobes,)
        context.channels.watch(self)

    def observe(self, event_id: int, event: Event) -> None:
        """Who asks which resolver of ours; connections to the outside are seen by their channels."""
        source, destination = event.source_ip, event.destination_ip
        if event.destination_port != _DNS_PORT or source is None or destination is None:
            return
        if is_internal(source) and not is_outside(destination):
            self._use(destination, source, event.at_us)

    def opened(self, key: ChannelKey, event_id: int, event: Event) -> None:
        self._use(key[1], key[0], event.at_us)

    def called(self, key: ChannelKey, channel: Channel, event_id: int, event: Event) -> None:
        at_us, count = event.at_us, event.count
        number = at_us // CALL_CELL_US
        counted = channel.counted
        if not counted.count:
            self._use(key[1], key[0], at_us)
        if number > counted.number:
            counted = channel.counted = newest(counted, number, at_us)
        calls = counted.add(number, at_us, count)
        refused = None
        if event.outcome == "failure":
            number = at_us // REFUSED_CELL_US
            channel.refused = newest(channel.refused, number, at_us)
            refused = channel.refused.add(number, at_us, count)
        is_many = calls is not None and calls.count >= self._many_calls
        if is_many or (refused is not None and refused.count >= self._many_refused):
            self._join(key, calls if is_many else None, refused, event_id, event)

    def memory(self) -> bytes:
        return self._popularity.dump()

    def recall(self, memory: bytes) -> None:
        self._popularity.load(memory)

    def _use(self, destination: str, source: str, at_us: int) -> None:
        for told in self._popularity.add(destination, source, at_us):
            self._strobes.mark_place(told)

    def _join(self, path: ChannelKey, many: Cell | None, refused: Cell | None, event_id: int, event: Event) -> None:
        strobe = self._strobes.at(path, event.at_us)
        for cell in (many, refused):
            if cell is not None:
                strobe.first_us = min(strobe.first_us, cell.first_us)
                strobe.last_us = max(strobe.last_us, cell.last_us)
        strobe.most_calls = max(strobe.most_calls, many.count if many else 0)
        strobe.most_refused = max(strobe.most_refused, refused.count if refused else 0)
        strobe.remember(event_id, event.at_us)
        if strobe.fired_event_id:
            self._strobes.mark(path, strobe)
        else:
            self._strobes.fire(path, strobe, event_id, event.at_us, self.name, *path, strobe.first_us)

    def _render(self, path: ChannelKey, strobe: Strobe) -> Detection:
        source, destination, port = path
        entity = self._names.entity_at(source, strobe.last_us)
        is_refused = strobe.most_refused >= self._many_refused
        users = self._popularity.users(destination)
        shown = f"{destination} port {port}"
        reasons = []
        if strobe.most_calls:
            reasons.append(f"{amount(strobe.most_calls, 'connection')} to {shown} within six hours")
        if is_refused:
            reasons.append(
                f"{amount(strobe.most_refused, 'connection')} to {shown} within an hour that were refused or not "
                "answered, and it does not give up"
            )
        reasons += [f"seen {span_of(strobe)}", users_sentence(users, destination)]
        points = POINTS_REFUSED if is_refused else POINTS
        if self._popularity.is_popular(destination):
            points = POINTS_POPULAR
        if port == _DNS_PORT and self._popularity.is_popular(source):
            points = 0.0
            reasons.append(f"{entity.name} is asked for names by others of ours: it passes on what they ask")
        return Detection(
            id=strobe.id,
            detector=self.name,
            entity=entity,
            first_seen_us=strobe.first_us,
            last_seen_us=strobe.last_us,
            count=max(strobe.most_calls, strobe.most_refused),
            points=points,
            title=f"keeps calling {shown}" + (", which does not answer" if is_refused else " without a pause"),
            reasons=tuple(reasons),
            techniques=("T1071.004",) if port == _DNS_PORT else ("T1071", "T1008") if is_refused else ("T1071",),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=(EntityRef("address", destination),),
            event_ids=strobe.event_ids,
        )
