"""Owns the behaviour of reading in bulk: a host opens many more shared files in an hour than it or its peers do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from pandora_core.detect.baselines import WARM_HOURS, Baseline
from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.names import machine_of, user_name
from pandora_core.detect.paths import shown, source_of
from pandora_core.detect.popularity import Popularity
from pandora_core.detect.recent import RiskyLast
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.strands import Strand
from pandora_core.detect.words import amount, listed
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

TIMES_USUAL = 4
"""How many times the number that one hour in ten exceeds is unusual."""

LEAST_FILES = 60
"""Different files in an hour that somebody can open who does nothing else: one a minute."""

LEAST_FILES_UNKNOWN = 1_000
"""The same while neither the host nor any peers are known."""

POINTS = 40.0
POINTS_PEERS = 30.0
"""Where the host is only compared with others: it may always be like that."""

POINTS_POPULAR = 10.0
"""Where four hosts read that share in bulk: software is rolled out, or everybody copies the new pictures."""

POINTS_TENFOLD = 10.0
MAX_POINTS = 60.0
PEER_HOURS = 168
PEER_SHARE = 0.9
MAX_HOSTS = 20_000
CAPACITY = 2_000
PAUSE_US = 12 * HOUR_US

_OF_WINDOWS = frozenset({"ipc$", "sysvol", "netlogon", "print$"})
_NOTCHES = 4  # of an octave
_MAX_HOURS = 48
_MAX_NAMES = 32


class Hour(msgspec.Struct, gc=False):
    """One hour of a host: how many files are too many, and by data set which it opened, and of which shares."""

    limit: int
    usual: int
    is_own: bool
    files: dict[str, Strand] = msgspec.field(default_factory=dict)
    shares: dict[str, int] = msgspec.field(default_factory=dict)
    first_us: int = 1 << 62
    last_us: int = 0

    @property
    def size(self) -> int:
        """Different files: what the log that saw most tells, since two sensors may tell of one file."""
        return max((strand.size for strand in self.files.values()), default=0)


class Reader(msgspec.Struct, gc=False):
    """A host that reads: what is usual for it and the hours that are not over."""

    baseline: Baseline
    newest: int = 0
    hours: dict[int, Hour] = msgspec.field(default_factory=dict)


class Source(NamedTuple):
    """The key: where somebody reads."""

    place: str


class Excess(NamedTuple):
    """An hour in which too many files were read."""

    files: int
    usual: int
    is_own: bool
    share: str


class Reading(Session, kw_only=True, gc=False):
    """The hours, with pauses of less than 12 hours, in which a host read too many files, and who did."""

    hours: dict[int, Excess] = msgspec.field(default_factory=dict)
    users: set[str] = msgspec.field(default_factory=set)


class BulkReading(SessionBehaviour):
    """Shared files gathered (T1039): many more different ones in an hour than usual.

    Usual is the host's own baseline, and what nine in ten hours of all hosts stay below until that is known. Blind
    spots: patience, few large files, archives, and hosts that read in bulk every day. What Windows reads by itself
    (policies, pipes, printer drivers) does not count.
    """

    name = "bulk-reading"
    routes = (Route("file", "file-opened"), Route("file", "share-accessed"))

    def __init__(
        self,
        context: Context,
        capacity: int = CAPACITY,
        max_hosts: int = MAX_HOSTS,
        least_files: tuple[int, int] = (LEAST_FILES, LEAST_FILES_UNKNOWN),
    ) -> None:
        self._names = context.names
        self._least, self._least_unknown = least_files
        self._popularity = Popularity(max_hosts)
        self._readers = RiskyLast(Reader, max_hosts)
        self._peers: dict[int, dict[int, int]] = {}
        self._readings = Sessions(Source, Reading, self._render, gap_us=PAUSE_US, capacity=capacity, places=tuple)
        self.tables = (self._readings,)

    def observe(self, event_id: int, event: Event) -> None:
        name, share = _file_of(event), _share_of(event)
        if not name or not share or share in _OF_WINDOWS or event.outcome == "failure":
            return
        source = source_of(event)
        if source is None or (event.user and machine_of(event.user)):
            return
        hour = self._hour(source, event.at_us)
        if hour is None:
            return
        before = hour.size
        strand = hour.files.get(event.dataset)
        if strand is None:
            strand = hour.files[event.dataset] = Strand("files", event.dataset, event.at_us, event.at_us)
        strand.add(f"{share}/{name}")
        place = f"{event.dataset} {share}"
        if place in hour.shares or len(hour.shares) < _MAX_NAMES:
            hour.shares[place] = hour.shares.get(place, 0) + event.count
        size = hour.size
        self._count_peer(event.at_us // HOUR_US, before, size)
        if size > hour.limit:
            self._join(source, hour, size, event_id, event)

    def memory(self) -> bytes:
        peers = msgspec.msgpack.encode(self._peers)
        return msgspec.msgpack.encode([self._popularity.dump(), self._readers.dump(), peers])

    def recall(self, memory: bytes) -> None:
        popularity, readers, peers = msgspec.msgpack.decode(memory, type=list[bytes])
        self._popularity.load(popularity)
        self._readers.load(readers)
        self._peers = msgspec.msgpack.decode(peers, type=dict[int, dict[int, int]])

    def _hour(self, source: str, at_us: int) -> Hour | None:
        """The hour of a host that a moment falls into; ``None`` if it is older than late."""
        number = at_us // HOUR_US
        reader = self._readers.get(source)
        if reader is None:
            reader = self._readers.add(source, Reader(Baseline(number * HOUR_US)))
        if number > reader.newest:
            self._readers.heard(source)
            self._advance(reader, number)
        reader.baseline.since_us = min(reader.baseline.since_us, number * HOUR_US)
        hour = reader.hours.get(number)
        if hour is not None:
            hour.first_us, hour.last_us = min(hour.first_us, at_us), max(hour.last_us, at_us)
        return hour

    def _advance(self, reader: Reader, number: int) -> None:
        """Learns the hours that are over, and says what is too much in those that begin: as for uploads."""
        for before in (number - 1, number):
            for over in sorted(known for known in reader.hours if known < before - 1):
                hour = reader.hours.pop(over)
                if hour.files:
                    reader.baseline.learn(over, hour.size)
            if before not in reader.hours:
                reader.hours[before] = self._opened(reader.baseline, before)
        reader.newest = number

    def _opened(self, baseline: Baseline, number: int) -> Hour:
        is_own = baseline.is_warm(number)
        usual = round(baseline.usual(number)) if is_own else self._usual_of_peers(number)
        if usual is None:
            return Hour(self._least_unknown, 0, False)
        return Hour(max(self._least, TIMES_USUAL * usual), usual, is_own)

    def _count_peer(self, number: int, before: int, size: int) -> None:
        """Keeps how many hosts read how much in an hour, by the quarter of an octave."""
        notch = _notch(size)
        hosts = self._peers.get(number)
        if hosts is None:
            newest = max(number, max(self._peers, default=number))
            self._peers = {known: told for known, told in self._peers.items() if known > newest - PEER_HOURS}
            hosts = self._peers[number] = {}
        if before and _notch(before) != notch:
            hosts[_notch(before)] = hosts.get(_notch(before), 1) - 1
        if not before or _notch(before) != notch:
            hosts[notch] = hosts.get(notch, 0) + 1

    def _usual_of_peers(self, number: int) -> int | None:
        """What nine in ten hours of hosts in the last week stayed below; only hours that no late line can change."""
        told = [hosts for known, hosts in self._peers.items() if number - PEER_HOURS < known < number - 1]
        total = sum(sum(hosts.values()) for hosts in told)
        if total < WARM_HOURS:
            return None
        left = math.ceil(PEER_SHARE * total)
        for notch in sorted({notch for hosts in told for notch in hosts}):
            left -= sum(hosts.get(notch, 0) for hosts in told)
            if left <= 0:
                return round(math.exp2((notch + 1) / _NOTCHES) - 1)
        return None

    def _join(self, place: str, hour: Hour, size: int, event_id: int, event: Event) -> None:
        source, at_us = Source(place), event.at_us
        self._readers.guard(place)
        reading = self._readings.at(source, at_us)
        reading.first_us = min(reading.first_us, hour.first_us)
        reading.last_us = max(reading.last_us, hour.last_us)
        share = _most_read(hour)
        if at_us // HOUR_US in reading.hours or len(reading.hours) < _MAX_HOURS:
            reading.hours[at_us // HOUR_US] = Excess(size, hour.usual, hour.is_own, share)
            self._readings.show(source, reading, _shown_share(share))
        if event.user and len(reading.users) < _MAX_NAMES:
            reading.users.add(user_name(event.user))
        reading.remember(event_id, at_us)
        if reading.fired_event_id:
            self._readings.mark(source, reading)
        else:
            self._readings.fire(source, reading, event_id, at_us, self.name, *source, reading.first_us)
        for told in self._popularity.add(_shown_share(share), place, hour.first_us):
            self._readings.mark_place(told)

    def _render(self, source: Source, reading: Reading) -> Detection:
        entity = self._names.entity_at(source.place, reading.last_us)
        worst = max(reading.hours.values())
        who = "it" if worst.is_own else "nine in ten hosts"
        habit = f"{who} read at most {worst.usual:,} in an hour" if worst.usual else "what is usual is being learnt"
        where = shown(source.place, self._names, reading.last_us)
        reasons = [f"{where} opened about {amount(worst.files, 'different shared file')} in one hour; {habit}"]
        if len(reading.hours) > 1:
            reasons.append(f"too many in {amount(len(reading.hours), 'hour')}")
        shares = sorted({hour.share for hour in reading.hours.values()})
        reasons.append(f"most of them of the share {listed(shares, 3)}")
        points = _points(worst, self._least if worst.usual else self._least_unknown)
        if self._popularity.is_popular(_shown_share(worst.share)):
            points = POINTS_POPULAR
            reasons.append("four hosts of ours or more read it in bulk")
        users = tuple(sorted(reading.users)[:8])
        return Detection(
            id=reading.id,
            detector=self.name,
            entity=entity,
            first_seen_us=reading.first_us,
            last_seen_us=reading.last_us,
            count=len(reading.hours),
            points=points,
            title=f"opened about {amount(worst.files, 'shared file')} in an hour",
            reasons=tuple(reasons),
            techniques=("T1039",),
            tactics=("collection",),
            hosts=(entity.name,),
            users=users,
            related=tuple(EntityRef("user", user) for user in users),
            event_ids=reading.event_ids,
        )


def _points(worst: Excess, least: int) -> float:
    base = POINTS if worst.is_own else POINTS_PEERS
    tenfolds = math.log10(max(worst.files / max(TIMES_USUAL * worst.usual, least), 1))
    return round(min(base + POINTS_TENFOLD * tenfolds, MAX_POINTS), 1)


def _file_of(event: Event) -> str:
    more = event.more
    name = more.get("winlog.event_data.RelativeTargetName") or more.get("file.path") or more.get("file.name")
    return str(name or "").strip("\\").casefold()


def _share_of(event: Event) -> str:
    """The name of a share without its server, which one log tells and another does not."""
    name = event.more.get("share.name")
    return name.rstrip("\\").rpartition("\\")[2].casefold() if isinstance(name, str) else ""


def _shown_share(share: str) -> str:
    return f"share {share}"


def _notch(size: int) -> int:
    return math.floor(math.log2(1 + size) * _NOTCHES)


def _most_read(hour: Hour) -> str:
    """The share that was read most, by the log that saw most files."""
    dataset = max(hour.files, key=lambda name: (hour.files[name].size, name))
    return _most(
        (place.partition(" ")[2], count) for place, count in hour.shares.items() if place.startswith(f"{dataset} ")
    )


def _most(counts: Iterable[tuple[str, int]]) -> str:
    return max(counts, key=lambda row: (row[1], row[0]), default=("", 0))[0]
