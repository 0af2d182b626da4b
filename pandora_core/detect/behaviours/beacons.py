"""Owns the behaviour of beacons: one host that calls the same destination outside at a steady pace, for hours.

Calls are judged in the order of their times and not of their arrival: those of ten minutes are taken in once the path
has a call at least ten minutes later, when nothing that belongs before them can still come. What several sensors tell
of one path is judged for each by itself, since their clocks need not agree.
"""

from __future__ import annotations

import msgspec

from pandora_core.detect.addresses import is_address
from pandora_core.detect.beats import CELL_S, RUN_PAUSES, Train
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.channels import Call, Channel, ChannelKey, call_of
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, duration, size, span_of
from pandora_core.model import HOUR_US, SECOND_US, Detection, EntityRef, Event

MIN_STEADY_RUNS = 3
"""Runs of sixteen pauses at one pace: chance gives one in some fifty, a web page that polls lasts for one or two."""

MIN_STEADY_SHARE = 0.75
"""Share of a path's runs that must be steady: people use a site in between, an implant does little else."""

MIN_SPAN_US = 1 * HOUR_US
"""From the first to the last steady run: a page that is left open polls for minutes."""

POINTS = 40.0
POINTS_SAME_SIZE = 5.0
POINTS_LASTING = 5.0
LASTING_US = 12 * HOUR_US
POINTS_FETCHING = 25.0
POINTS_POPULAR = 8.0
"""What a beat is worth: :data:`POINTS`, more where what is sent is always alike and where it goes on for half a day;
:data:`POINTS_FETCHING` where much more is received than a check-in needs (updates, radio, pictures), and
:data:`POINTS_POPULAR` where many hosts of ours use the destination."""

REPEAT_SHARE = 0.3
"""What is left of a beat's points where the path had one before: the next day it says the same again."""

FETCHED_BYTES = 100_000
QUIET_PORTS = frozenset({53, 123, 853, 5353})
"""Names and clocks: regular by design. What hides in names is looked for in the names."""

TRIALS = 60_000
CAPACITY = 20_000
PAUSE_US = 12 * HOUR_US

_TRIED = 3


class Beat(Session, kw_only=True, gc=False):
    """The calls along one path, by the sensors that tell of them; a repeat, if an earlier beat was told of it."""

    trains: list[Train] = msgspec.field(default_factory=list)
    is_repeat: bool = False

    @property
    def weight(self) -> int:
        best = self.best
        return best.steady_runs * 1000 + min(best.count, 999)

    @property
    def best(self) -> Train:
        """What the sensor tells that saw most of the beat."""
        trains = self.trains
        return trains[0] if len(trains) == 1 else max(trains, key=lambda t: (t.steady_runs, t.count, t.sensor))

    def train(self, sensor: str) -> Train:
        """The calls that one sensor tells of."""
        for train in self.trains:
            if train.sensor == sensor:
                return train
        train = Train(sensor=sensor)
        self.trains.append(train)
        return train


class Beacons(SessionBehaviour):
    """Command and control that checks in (T1071, T1571 where the port is odd; T1090 by a proxy).

    Not told: destinations that four hosts or more use when the beat is found, name servers and clocks, and hosts
    of our own networks. Blind spots: pauses with more than half of chance in them, pauses over 12 hours, the first
    hour, and implants that call a service which everybody uses. Software that only one host has looks the same.
    """

    name = "beacon"
    routes = (Route("web", "http-request"),)

    def __init__(self, context: Context, capacity: int = CAPACITY, trials: int = TRIALS) -> None:
        self._names = context.names
        self._popularity = Popularity(trials)
        self._asked = Recent(tuple[str, str, int], tuple[Call, ...], trials)
        self._beats: Sessions[ChannelKey, Beat] = Sessions(
            tuple[str, str, int],
            Beat,
            self._render,
            gap_us=PAUSE_US,
            capacity=capacity,
            places=lambda key: key[:2],
        )
        self.tables = (self._beats,)
        context.channels.watch(self)

    def observe(self, event_id: int, event: Event) -> None:
        """A request by domain; connections are seen by their channels."""
        key = _proxied_path(event)
        if key is None:
            return
        call = call_of(event_id, event)
        beat = self._beats.at_known(key, event.at_us)
        if beat is not None:
            self._take(key, beat, call)
        else:
            self._asked.put(key, self._tried(key, self._asked.get(key) or (), call))

    def opened(self, key: ChannelKey, event_id: int, event: Event) -> None:
        if key[2] in QUIET_PORTS:
            return
        beat = self._beats.at_known(key, event.at_us)
        if beat is not None:
            self._take(key, beat, call_of(event_id, event))
        else:
            self._use(key, event.at_us)

    def called(self, key: ChannelKey, channel: Channel, event_id: int, event: Event) -> None:
        if key[2] in QUIET_PORTS or event.transport == "icmp":
            return
        call = call_of(event_id, event)
        beat = self._beats.at_known(key, event.at_us)
        if beat is None:
            channel.calls = self._tried(key, channel.calls, call)
        else:
            channel.calls = ()
            self._take(key, beat, call)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._popularity.dump(), self._asked.dump()])

    def recall(self, memory: bytes) -> None:
        popularity, asked = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._asked.load(asked)

    def _tried(self, key: ChannelKey, calls: tuple[Call, ...], call: Call) -> tuple[Call, ...]:
        """The first calls of a path, now that there is one more: most paths never have enough for a beat."""
        if not calls or call[0] < calls[0][0]:
            self._use(key, call[0])
        if len(calls) < _TRIED:
            return tuple(sorted((*calls, call)))
        for earlier in (*calls, call):
            self._take(key, self._beats.at(key, earlier[0]), earlier)
        return ()

    def _use(self, key: ChannelKey, at_us: int) -> None:
        for told in self._popularity.add(key[1], key[0], at_us):
            self._beats.mark_place(told)

    def _take(self, key: ChannelKey, beat: Beat, call: Call) -> None:
        at_us, event_id, sent, received, sensor = call
        if at_us == beat.first_us:
            self._use(key, at_us)
        train = beat.train(sensor)
        train.weigh(sent, received)
        second = at_us // SECOND_US
        cell = second // CELL_S
        if cell > train.cell:
            train.cell = cell
            is_steady = train.steady_runs >= MIN_STEADY_RUNS
            if is_steady or len(train.pauses) + len(train.pending) >= RUN_PAUSES:  # else no run can end
                self._judge(key, beat, train, event_id, at_us)
        elif cell < train.cell - 1:
            return  # later than late: counted, but not judged
        train.pending.add(second)
        if beat.fired_event_id:
            beat.remember(event_id, at_us)
            self._beats.mark(key, beat)
        elif train.count <= _TRIED:
            beat.remember(event_id, at_us)

    def _judge(self, key: ChannelKey, beat: Beat, train: Train, event_id: int, at_us: int) -> None:
        """Takes in the calls before which nothing can come any more, now that a call in the newest cell was made."""
        complete_s = (train.cell - 1) * CELL_S
        train.take_in(complete_s)
        is_new = not beat.fired_event_id and _is_beacon(train)
        if is_new and not self._popularity.is_popular(key[1], complete_s * SECOND_US):
            self._beats.fire(key, beat, event_id, at_us, self.name, *key, beat.first_us)
            self._note_repeats(key)

    def _note_repeats(self, key: ChannelKey) -> None:
        """Of the beats of one path the first is news."""
        _, *later = sorted((b for b in self._beats.of(key) if b.fired_event_id), key=lambda beat: beat.first_us)
        for beat in later:
            if not beat.is_repeat:
                beat.is_repeat = True
                self._beats.mark(key, beat)

    def _render(self, key: ChannelKey, beat: Beat) -> Detection:
        source, destination, port = key
        entity = self._names.entity_at(source, beat.last_us)
        users = self._popularity.users(destination)
        shown = f"{destination} port {port}" if port else destination
        train = beat.best
        pace = duration(round(train.pause_s * SECOND_US))
        reasons = [
            f"{amount(train.count, 'call')} to {shown} {span_of(beat)}, one about every "
            f"{pace} (half of them within {train.spread:.0%} of that)",
            f"steady in {train.steady_runs} of {train.runs} stretches of {RUN_PAUSES} pauses, "
            f"for {duration(train.steady_span_us())}",
            f"{size(train.sent / train.count)} sent and {size(train.received / train.count)} received each time"
            + (", nearly always the same amount sent" if train.is_same_size() else ""),
            users_sentence(users, destination),
            *([f"{entity.name} called it at a steady pace before"] if beat.is_repeat else ()),
        ]
        return Detection(
            id=beat.id,
            detector=self.name,
            entity=entity,
            first_seen_us=beat.first_us,
            last_seen_us=beat.last_us,
            count=train.count,
            points=round(self._points(train, destination) * (REPEAT_SHARE if beat.is_repeat else 1.0), 1),
            title=f"calls {shown} every {pace}",
            reasons=tuple(reasons if train.sent or train.received else [*reasons[:2], *reasons[3:]]),
            techniques=("T1071.001",) if port in (0, 80, 443, 8080) else ("T1071", "T1571"),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=() if not port else (EntityRef("address", destination),),
            event_ids=beat.event_ids,
        )

    def _points(self, train: Train, destination: str) -> float:
        if self._popularity.is_popular(destination):
            return POINTS_POPULAR
        points = POINTS_FETCHING if train.received > FETCHED_BYTES * train.count else POINTS
        points += POINTS_SAME_SIZE if train.is_same_size() else 0
        return points + (POINTS_LASTING if train.steady_span_us() >= LASTING_US else 0)


def _proxied_path(event: Event) -> ChannelKey | None:
    """The path to the name that a proxy, or a server, was asked for."""
    source, domain = event.source_ip, event.more.get("url.domain")
    if source is None or not isinstance(domain, str) or "." not in domain or is_address(domain):
        return None
    return source, domain, 0


def _is_beacon(train: Train) -> bool:
    return (
        train.steady_runs >= MIN_STEADY_RUNS
        and train.steady_runs >= MIN_STEADY_SHARE * train.runs
        and train.steady_span_us() >= MIN_SPAN_US
    )
