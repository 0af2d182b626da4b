"""Owns the behaviour of beacons: one host that calls the same destination outside at a steady pace, for hours.

Calls are judged in the order of their times and not of their arrival: those of ten minutes are taken in once the path
has a call at least ten minutes later, when nothing that belongs before them can still come.
"""

from __future__ import annotations

import itertools

import msgspec

from pandora_core.detect.addresses import is_address
from pandora_core.detect.beats import MAX_DRIFT, RUN_PAUSES, pace_of
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

FETCHED_BYTES = 100_000
MIN_SAME_SIZE = 0.8
QUIET_PORTS = frozenset({53, 123, 853, 5353})
"""Names and clocks: regular by design. What hides in names is looked for in the names."""

TRIALS = 60_000
CAPACITY = 20_000
PAUSE_US = 12 * HOUR_US

_TRIED = 3
_CELL_S = 600
_SIZES = 24


class Beat(Session, kw_only=True, gc=False):
    """The calls along one path. ``pending`` are seconds in which calls were made that are not judged yet."""

    count: int = 0
    sent: int = 0
    received: int = 0
    sizes: list[int] = msgspec.field(default_factory=lambda: [0] * _SIZES)
    cell: int = 0
    pending: set[int] = msgspec.field(default_factory=set)
    judged_s: int = 0
    pauses: list[int] = msgspec.field(default_factory=list)
    runs: int = 0
    steady_runs: int = 0
    steady_from_s: int = 0
    pause_s: float = 0.0
    spread: float = 0.0

    @property
    def weight(self) -> int:
        return self.steady_runs * 1000 + min(self.count, 999)


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
        at_us, event_id, sent, received = call
        if at_us == beat.first_us:
            self._use(key, at_us)
        beat.count += 1
        beat.sent += sent
        beat.received += received
        beat.sizes[min(sent.bit_length(), _SIZES - 1)] += 1
        second = at_us // SECOND_US
        cell = second // _CELL_S
        if cell > beat.cell:
            beat.cell = cell
            is_steady = beat.steady_runs >= MIN_STEADY_RUNS
            if is_steady or len(beat.pauses) + len(beat.pending) >= RUN_PAUSES:  # else no run can end
                self._judge(key, beat, event_id, at_us)
        elif cell < beat.cell - 1:
            return  # later than late: counted, but not judged
        beat.pending.add(second)
        if beat.fired_event_id:
            beat.remember(event_id, at_us)
            self._beats.mark(key, beat)
        elif beat.count <= _TRIED:
            beat.remember(event_id, at_us)

    def _judge(self, key: ChannelKey, beat: Beat, event_id: int, at_us: int) -> None:
        """Takes in the calls before which nothing can come any more, now that a call in the newest cell was made."""
        complete_s = (beat.cell - 1) * _CELL_S
        _take_in(beat, complete_s)
        is_new = not beat.fired_event_id and _is_beacon(beat)
        if is_new and not self._popularity.is_popular(key[1], complete_s * SECOND_US):
            self._beats.fire(key, beat, event_id, at_us, self.name, *key, beat.first_us)

    def _render(self, key: ChannelKey, beat: Beat) -> Detection:
        source, destination, port = key
        entity = self._names.entity_at(source, beat.last_us)
        users = self._popularity.users(destination)
        shown = f"{destination} port {port}" if port else destination
        reasons = [
            f"{amount(beat.count, 'call')} to {shown} {span_of(beat)}, one about every "
            f"{duration(round(beat.pause_s * SECOND_US))} (half of them within {beat.spread:.0%} of that)",
            f"steady in {beat.steady_runs} of {beat.runs} stretches of {RUN_PAUSES} pauses, "
            f"for {duration(_steady_span_us(beat))}",
            f"{size(beat.sent / beat.count)} sent and {size(beat.received / beat.count)} received each time"
            + (", nearly always the same amount sent" if _is_same_size(beat) else ""),
            users_sentence(users, destination),
        ]
        return Detection(
            id=beat.id,
            detector=self.name,
            entity=entity,
            first_seen_us=beat.first_us,
            last_seen_us=beat.last_us,
            count=beat.count,
            points=self._points(beat, destination),
            title=f"calls {shown} every {duration(round(beat.pause_s * SECOND_US))}",
            reasons=tuple(reasons if beat.sent or beat.received else [*reasons[:2], reasons[3]]),
            techniques=("T1071.001",) if port in (0, 80, 443, 8080) else ("T1071", "T1571"),
            tactics=("command-and-control",),
            hosts=(entity.name,),
            related=() if not port else (EntityRef("address", destination),),
            event_ids=beat.event_ids,
        )

    def _points(self, beat: Beat, destination: str) -> float:
        if self._popularity.is_popular(destination):
            return POINTS_POPULAR
        points = POINTS_FETCHING if beat.received > FETCHED_BYTES * beat.count else POINTS
        points += POINTS_SAME_SIZE if _is_same_size(beat) else 0
        return points + (POINTS_LASTING if _steady_span_us(beat) >= LASTING_US else 0)


def _proxied_path(event: Event) -> ChannelKey | None:
    """The path to the name that a proxy, or a server, was asked for."""
    source, domain = event.source_ip, event.more.get("url.domain")
    if source is None or not isinstance(domain, str) or "." not in domain or is_address(domain):
        return None
    return source, domain, 0


def _take_in(beat: Beat, complete_s: int) -> None:
    """Joins the calls before a second to runs of pauses."""
    ready = sorted([second for second in beat.pending if second < complete_s])
    beat.pending.difference_update(ready)
    for second in ready:
        if beat.judged_s:
            beat.pauses.append(second - beat.judged_s)
        beat.judged_s = second
        if len(beat.pauses) == RUN_PAUSES:
            _end_run(beat)


def _end_run(beat: Beat) -> None:
    pace = pace_of(beat.pauses)
    beat.runs += 1
    if pace is not None:
        is_same = not beat.pause_s or abs(pace.pause_s - beat.pause_s) <= MAX_DRIFT * beat.pause_s
        if is_same:
            beat.steady_runs += 1
        if not beat.steady_from_s:
            beat.steady_from_s = beat.judged_s - sum(beat.pauses)
        beat.pause_s, beat.spread = pace
    beat.pauses = []


def _is_beacon(beat: Beat) -> bool:
    return (
        beat.steady_runs >= MIN_STEADY_RUNS
        and beat.steady_runs >= MIN_STEADY_SHARE * beat.runs
        and _steady_span_us(beat) >= MIN_SPAN_US
    )


def _steady_span_us(beat: Beat) -> int:
    return (beat.judged_s - beat.steady_from_s) * SECOND_US


def _is_same_size(beat: Beat) -> bool:
    """Whether most calls send an amount within a factor of two to four."""
    sizes = beat.sizes
    told = sum(sizes[1:])
    return told > 0 and max(map(sum, itertools.pairwise(sizes[1:]))) >= MIN_SAME_SIZE * told
