"""Owns the behaviour of unusual uploads: a host sends out much more in an hour than it does at that hour."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from pandora_core.detect.addresses import is_internal
from pandora_core.detect.baselines import Baseline
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.popularity import Popularity, users_sentence
from pandora_core.detect.recent import RiskyLast
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, size
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

TIMES_USUAL = 8
"""How many times the usual amount of that hour is unusual."""

LEAST_BYTES = 50_000_000
"""Less in an hour is nothing that a mail with attachments does not do."""

LEAST_BYTES_UNKNOWN = 500_000_000
"""The same while the host's habits are still being learnt: a day's work of documents."""

POINTS = 45.0
POINTS_UNKNOWN = 30.0
POINTS_POPULAR = 18.0
"""Where four hosts of ours or more send files to that destination: a service that the company uses."""

POINTS_TENFOLD = 10.0
MAX_POINTS = 65.0
MAX_HOSTS = 20_000
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_MAX_HOURS = 48
_MAX_DESTINATIONS = 32
_NOTED_BYTES = 100_000


class Hour(msgspec.Struct, gc=False):
    """One hour of a host: how much is too much, and by data set what was sent, in all and to whom."""

    limit: int
    usual: int
    is_warm: bool
    sums: dict[str, int] = msgspec.field(default_factory=dict)
    to: dict[str, int] = msgspec.field(default_factory=dict)
    first_us: int = 1 << 62
    last_us: int = 0

    @property
    def sent(self) -> int:
        """Bytes sent: what the log that saw most tells, since two sensors may tell of one connection."""
        return max(self.sums.values(), default=0)


class Sender(msgspec.Struct, gc=False):
    """A host that sends: what is usual for it and the hours that are not over."""

    baseline: Baseline
    newest: int = 0
    hours: dict[int, Hour] = msgspec.field(default_factory=dict)


class Source(NamedTuple):
    """The key of an upload."""

    address: str


class Excess(NamedTuple):
    """An hour in which too much was sent."""

    sent: int
    usual: int
    is_warm: bool
    most_to: str


class Upload(Session, kw_only=True, gc=False):
    """The hours, with pauses of less than 12 hours, in which a host sent too much."""

    hours: dict[int, Excess] = msgspec.field(default_factory=dict)


class Uploads(SessionBehaviour):
    """Exfiltration by volume (T1048, T1567): connections of our hosts to the outside that send more than they get.

    An hour is judged against what was usual up to two hours before it. Blind spots: slow leaks below the limit, the
    service that everybody sends files to, hosts with public addresses, and new hosts below half a gigabyte. A
    connection counts for the hour in which it ends, where logs tell it.
    """

    name = "upload"
    routes = (Route("network", "connection", is_outward=True),)

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_hosts: int = MAX_HOSTS,
        least_bytes: tuple[int, int] = (LEAST_BYTES, LEAST_BYTES_UNKNOWN),
    ) -> None:
        self._names = context.names
        self._least, self._least_unknown = least_bytes
        self._popularity = Popularity(max_hosts)
        self._senders = RiskyLast(Sender, max_hosts)
        self._uploads = Sessions(Source, Upload, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._uploads,)

    def observe(self, event_id: int, event: Event) -> None:
        more = event.more
        sent = more.get("source.bytes")
        if not sent or not isinstance(sent, int):
            return
        received = more.get("destination.bytes")
        if isinstance(received, int) and received >= sent:
            return
        source, destination = event.source_ip, event.destination_ip
        if source is None or destination is None or not is_internal(source):
            return
        lasted_ns = more.get("event.duration")
        at_us = event.at_us + (lasted_ns // 1000 if isinstance(lasted_ns, int) else 0)
        hour = self._hour(source, at_us)
        if hour is None:
            return
        dataset = event.dataset
        sums = hour.sums
        sums[dataset] = sums.get(dataset, 0) + sent
        if sent >= _NOTED_BYTES:
            for told in self._popularity.add(destination, source, at_us):
                self._uploads.mark_place(told)
            place = f"{dataset} {destination}"
            if place in hour.to or len(hour.to) < _MAX_DESTINATIONS:
                hour.to[place] = hour.to.get(place, 0) + sent
        if sums[dataset] > hour.limit:
            self._join(source, at_us, hour, event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._popularity.dump(), self._senders.dump()])

    def recall(self, memory: bytes) -> None:
        popularity, senders = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._senders.load(senders)

    def _hour(self, source: str, at_us: int) -> Hour | None:
        """The hour of a host that a moment falls into; ``None`` if it is older than late."""
        number = at_us // HOUR_US
        sender = self._senders.get(source)
        if sender is None:
            sender = self._senders.add(source, Sender(Baseline(number * HOUR_US)))
        if number > sender.newest:
            self._senders.heard(source)
            self._advance(sender, number)
        if number * HOUR_US < sender.baseline.since_us:
            sender.baseline.since_us = number * HOUR_US
        hour = sender.hours.get(number)
        if hour is not None:
            if at_us > hour.last_us:
                hour.last_us = at_us
            if at_us < hour.first_us:
                hour.first_us = at_us
        return hour

    def _advance(self, sender: Sender, number: int) -> None:
        """Learns the hours that are over, and says what is too much in those that begin.

        An hour's limit never depends on which of its events came first: an hour before a new one is opened with it.
        """
        for before in (number - 1, number):
            for over in sorted(known for known in sender.hours if known < before - 1):
                hour = sender.hours.pop(over)
                if hour.sums:
                    sender.baseline.learn(over, hour.sent)
            if before not in sender.hours:
                sender.hours[before] = self._opened(sender.baseline, before)
        sender.newest = number

    def _opened(self, baseline: Baseline, number: int) -> Hour:
        is_warm = baseline.is_warm(number)
        usual = round(baseline.usual(number)) if baseline.hours else 0
        least = self._least if is_warm else self._least_unknown
        return Hour(max(least, TIMES_USUAL * usual), usual, is_warm)

    def _join(self, address: str, at_us: int, hour: Hour, event_id: int, event: Event) -> None:
        source = Source(address)
        self._senders.guard(address)
        upload = self._uploads.at(source, at_us)
        upload.first_us = min(upload.first_us, hour.first_us)
        upload.last_us = max(upload.last_us, hour.last_us)
        number = at_us // HOUR_US
        if number in upload.hours or len(upload.hours) < _MAX_HOURS:
            most_to = _most_to(hour)
            upload.hours[number] = Excess(hour.sent, hour.usual, hour.is_warm, most_to)
            self._uploads.show(source, upload, most_to)
        upload.remember(event_id, event.at_us)
        if upload.fired_event_id:
            self._uploads.mark(source, upload)
        else:
            self._uploads.fire(source, upload, event_id, at_us, self.name, *source, upload.first_us)

    def _render(self, source: Source, upload: Upload) -> Detection:
        entity = self._names.entity_at(source.address, upload.last_us)
        worst = max(upload.hours.values())
        sent = sum(hour.sent for hour in upload.hours.values())
        to = sorted({hour.most_to for hour in upload.hours.values() if hour.most_to})
        habit = "what is usual for it is still being learnt"
        if worst.is_warm:
            times = worst.sent / max(worst.usual, 1)
            habit = f"usual at that hour are at most {size(worst.usual)}, {times:,.0f} times less"
        reasons = [
            f"{size(worst.sent)} sent outside in one hour by connections that send more than they get; {habit}"
        ]
        if len(upload.hours) > 1:
            reasons.append(f"{size(sent)} in {amount(len(upload.hours), 'hour')} in which it sent too much")
        if worst.most_to:
            users = self._popularity.users(worst.most_to)
            reasons.append(f"most of it to {worst.most_to}; {users_sentence(users, 'it for uploads')}")
        points = _points(worst, self._least if worst.is_warm else self._least_unknown)
        if self._popularity.is_popular(worst.most_to):
            points = POINTS_POPULAR
        return Detection(
            id=upload.id,
            detector=self.name,
            entity=entity,
            first_seen_us=upload.first_us,
            last_seen_us=upload.last_us,
            count=len(upload.hours),
            points=points,
            title=f"sent {size(sent)} to the outside",
            reasons=tuple(reasons),
            techniques=("T1048", "T1567"),
            tactics=("exfiltration",),
            hosts=(entity.name,),
            related=tuple(EntityRef("address", address) for address in to[:8]),
            event_ids=upload.event_ids,
        )


def _points(worst: Excess, least: int) -> float:
    base = POINTS if worst.is_warm else POINTS_UNKNOWN
    tenfolds = math.log10(max(worst.sent / max(TIMES_USUAL * worst.usual, least), 1))
    return round(min(base + POINTS_TENFOLD * tenfolds, MAX_POINTS), 1)


def _most_to(hour: Hour) -> str:
    """The destination that got most, by the log that saw most."""
    dataset = max(hour.sums, key=lambda name: (hour.sums[name], name))
    told = {place.partition(" ")[2]: sent for place, sent in hour.to.items() if place.startswith(f"{dataset} ")}
    return max(told, key=lambda address: (told[address], address), default="")
