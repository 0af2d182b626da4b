"""Owns the compiled way from a log's columns to an Event: what is renamed, converted, judged and kept.

A format describes each of its logs once, as a :class:`LogMap`. From that and the columns at hand (a header, or the
keys of a JSON record) a :class:`Plan` is compiled once and used line by line, so that per line no name is looked up.

Every value ends either in a field of the vocabulary (docs/events.md) with the kind that the vocabulary promises, or,
where it is of another kind, under its native name as it stands: detectors may trust the former, nothing is lost.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from pandora_core.ingest.address import MAX_ADDRESS_CHARS, canonical_ip
from pandora_core.ingest.format import clean
from pandora_core.model import Event, FieldValue

Convert = Callable[[Any], Any] | None
"""Turns a raw value into the one to keep; ``None`` where it is kept as it stands, which saves a call."""

MAX_COLUMNS = 4096
"""A header or record with more columns is refused: no sensor writes one, and a plan for it would cost memory."""

_SECRET_NAMES = frozenset({"password", "passwd"})
_HIDDEN = "<hidden>"
_CANNOT_CONVERT = (ValueError, KeyError, TypeError, OverflowError)


class Kind(enum.Enum):
    """What the vocabulary promises of a field's value."""

    TEXT = enum.auto()
    INTEGER = enum.auto()
    BOOLEAN = enum.auto()
    SECONDS = enum.auto()
    """A moment or a span in seconds (float)."""
    NANOSECONDS = enum.auto()
    """A span that the log gives in seconds, as integer nanoseconds (ECS ``event.duration``)."""
    TEXTS = enum.auto()
    """A list of text."""


class Field(NamedTuple):
    """Where a native field goes in the vocabulary."""

    name: str
    kind: Kind = Kind.TEXT


class Column(NamedTuple):
    """One column at hand: its native name, how its raw values become plain ones, and how they become a given kind.

    ``kinds`` lacks those that this column's values can never have. A converter raises ValueError, KeyError, TypeError
    or OverflowError for a value it cannot convert. A column that holds nothing, or nothing but what stands in other
    columns too, is not kept.
    """

    name: str
    native: Convert
    kinds: Mapping[Kind, Convert]
    is_kept: bool = True


class Facts(NamedTuple):
    """What a log says beyond its fields: the part of an event that must be concluded from values."""

    category: str | None = None
    action: str | None = None
    outcome: str | None = None
    code: str | None = None
    severity: int = 0
    user: str | None = None
    source_domain: str | None = None
    destination_domain: str | None = None
    message: str | None = None
    more: Mapping[str, FieldValue | None] = {}


NO_FACTS = Facts()


class Ends(NamedTuple):
    """The two ends of a connection: the names of their columns, or their raw values."""

    source_ip: Any
    source_port: Any
    destination_ip: Any
    destination_port: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMap:
    """How one log's fields become an event.

    ``judge`` is called with the values of ``reads`` (``None`` where unset or of another kind), ``choose_ends`` with
    those of ``end_reads``; without them the facts are constant and the ends are those of the columns ``ends``.
    ``replaced`` names those of ``reads`` that the facts hold in full, so that they are not kept a second time.
    """

    ends: Ends
    transport: str
    protocol: str = ""
    default_protocol: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    facts: Facts = NO_FACTS
    reads: Mapping[str, Kind] = field(default_factory=dict)
    judge: Callable[..., Facts] | None = None
    end_reads: Mapping[str, Kind] = field(default_factory=dict)
    choose_ends: Callable[..., Ends] | None = None
    replaced: frozenset[str] = frozenset()


class Plan:
    """Turns the raw values of one set of columns into events."""

    def __init__(
        self,
        log_map: LogMap,
        columns: Sequence[Column],
        *,
        dataset: str,
        prefix: str,
        absent: frozenset[str] | None = None,
        ignored: Iterable[str] = (),
    ) -> None:
        """Compile. ``prefix`` goes before native names; ``ignored`` columns (time, log name) are not kept.

        ``absent`` are the texts that say that the log did not give a value; without it, ``None``, empty text and
        empty lists do: sensors write them for what was not seen.
        """
        self.width = len(columns)
        self._dataset = dataset
        self._prefix = prefix
        self._absent = absent
        self._is_absent = _is_empty if absent is None else absent.__contains__
        self._map = log_map
        self._index = {column.name: number for number, column in enumerate(columns)}
        self._columns = {column.name: column for column in columns}
        self._end_names = Ends(*map(self._native_name, log_map.ends))
        self._core = itemgetter(
            *(self._usable(name, kind) for name, kind in zip(log_map.ends, _END_KINDS, strict=True)),
            self._usable(log_map.transport, Kind.TEXT),
            self._usable(log_map.protocol, Kind.TEXT),
        )
        self._reads = self._readers(log_map.reads)
        self._end_reads = self._readers(log_map.end_reads)
        self._words = Table(lambda raw: None if self._is_absent(raw) else _word(raw))
        self._judge = log_map.judge
        self._judged_at, self._judged = self._table_of_facts(log_map)
        self._choose_ends = log_map.choose_ends
        replaced = {name for name in log_map.replaced if self._usable(name, log_map.reads[name]) != self.width}
        kept = list(self._kept({*ignored, *replaced}))
        self._keys = [key for key, _, _ in kept]
        self._converts = [convert for _, convert, _ in kept]
        self._kept_names = [name for _, _, name in kept]
        self._pick = _picker([self._index[name] for name in self._kept_names])

    def event(self, at_us: int, values: Sequence[Any]) -> Event:
        """The event of one line; ``at_us`` is its time in microseconds since the epoch.

        The raw values must be one more than the columns; the last, ``None``, stands for every column that is missing.
        """
        raw = source_ip, source_port, destination_ip, destination_port, transport, protocol = self._core(values)
        more = self._more(values)
        if transport:
            transport = self._words[transport]
        if protocol:
            protocol = self._protocol(protocol, more)
        if self._choose_ends is not None:
            raw = self._choose_ends(*self._read(self._end_reads, values))
            source_ip, source_port, destination_ip, destination_port = raw
        source_ip, destination_ip = _ADDRESSES[source_ip], _ADDRESSES[destination_ip]
        source_port, destination_port = _PORTS[source_port], _PORTS[destination_port]
        if source_ip is None or destination_ip is None or source_port is None or destination_port is None:
            self._keep_odd_ends(more, raw[:4], (source_ip, source_port, destination_ip, destination_port))
        if transport == "icmp":
            self._keep_icmp_type(more, raw)
            source_port = destination_port = None
        facts = self._facts(values) if self._judged is None else self._judged[values[self._judged_at]]
        if facts.more:
            more.update((name, value) for name, value in facts.more.items() if value is not None)
        return Event(
            at_us,
            self._dataset,
            facts.category,
            facts.action,
            facts.outcome,
            facts.code,
            facts.severity,
            None,
            facts.user,
            source_ip,
            source_port,
            facts.source_domain,
            destination_ip,
            destination_port,
            facts.destination_domain,
            transport or None,
            protocol or self._map.default_protocol,
            facts.message,
            1,
            more,
        )

    def _facts(self, values: Sequence[Any]) -> Facts:
        return self._map.facts if self._judge is None else self._judge(*self._read(self._reads, values))

    def _table_of_facts(self, log_map: LogMap) -> tuple[int, Table | None]:
        """Where facts depend on one short value they are concluded once for each, and then looked up."""
        judge = log_map.judge
        if judge is None or len(self._reads) != 1 or not _SHORT.issuperset(log_map.reads.values()):
            return 0, None
        number, convert = self._reads[0]
        return number, Table(lambda raw: judge(self._read_one(raw, convert)))

    def _native_name(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _usable(self, name: str, kind: Kind) -> int:
        """The number of a column, or that of the absent value at the end where it cannot be of this kind."""
        column = self._columns.get(name)
        return self.width if column is None or kind not in column.kinds else self._index[name]

    def _readers(self, reads: Mapping[str, Kind]) -> list[tuple[int, Convert]]:
        usable = [(name, kind, self._usable(name, kind)) for name, kind in reads.items()]
        return [
            (number, None if number == self.width else self._columns[name].kinds[kind])
            for name, kind, number in usable
        ]

    def _kept(self, dropped: set[str]) -> Iterator[tuple[str, Convert, str]]:
        """Key, converter and native name of every column that goes to ``more``."""
        ends = (*self._map.ends, self._map.transport, self._map.protocol)
        kinds = (*_END_KINDS, Kind.TEXT, Kind.TEXT)
        in_core = {name for name, kind in zip(ends, kinds, strict=True) if self._usable(name, kind) != self.width}
        for column in self._columns.values():
            if not column.is_kept or column.name in dropped or column.name in in_core:
                continue
            known = self._map.fields.get(column.name)
            if known and known.kind in column.kinds:
                yield known.name, column.kinds[known.kind], column.name
            elif column.name.rpartition(".")[2] in _SECRET_NAMES:
                yield self._native_name(column.name), _hide, column.name
            else:
                yield self._native_name(column.name), column.native, column.name

    def _more(self, values: Sequence[Any]) -> dict[str, FieldValue]:
        found = zip(self._keys, self._converts, self._pick(values), strict=True)
        try:
            absent = self._absent
            if absent is None:  # _is_empty, spelled out to save the calls
                return {
                    key: convert(value) if convert else value for key, convert, value in found if value or value == 0
                }
            return {key: convert(value) if convert else value for key, convert, value in found if value not in absent}
        except _CANNOT_CONVERT:
            return self._more_one_by_one(values)

    def _more_one_by_one(self, values: Sequence[Any]) -> dict[str, FieldValue]:
        """The same where some value is not what its column promises: that one is kept as it stands."""
        more: dict[str, FieldValue] = {}
        for key, convert, name in zip(self._keys, self._converts, self._kept_names, strict=True):
            value = values[self._index[name]]
            if self._is_absent(value):
                continue
            try:
                more[key] = convert(value) if convert else value
            except _CANNOT_CONVERT:
                more[self._native_name(name)] = _plain(value)
        return more

    def _read(self, readers: list[tuple[int, Convert]], values: Sequence[Any]) -> list[Any]:
        return [self._read_one(values[number], convert) for number, convert in readers]

    def _read_one(self, value: Any, convert: Convert) -> Any:
        if value is None or self._is_absent(value):
            return None
        try:
            return convert(value) if convert else value
        except _CANNOT_CONVERT:
            return None

    def _protocol(self, raw: Any, more: dict[str, FieldValue]) -> str | None:
        protocol: str | None = self._words[raw]
        if protocol is None and not self._is_absent(raw):
            more[self._native_name(self._map.protocol)] = _plain(raw)
        return protocol

    def _keep_odd_ends(self, more: dict[str, FieldValue], raw: Sequence[Any], known: Sequence[Any]) -> None:
        """Keep what was said of an end and is no address or port."""
        for name, value, understood in zip(self._end_names, raw, known, strict=True):
            if understood is None and value is not None and not self._is_absent(value):
                more[name] = _plain(value)

    def _keep_icmp_type(self, more: dict[str, FieldValue], raw: Sequence[Any]) -> None:
        """ICMP has no ports: sensors put its type and code in their place, which no port scan may count."""
        for name, value in (("icmp.type", raw[1]), ("icmp.code", raw[3])):
            number = _PORTS[value]
            if number is not None:
                more.setdefault(name, number)


class Table(dict[Any, Any]):
    """A bounded memory of a function of one short value: a hit costs a dict lookup and no call."""

    LIMIT = 131_072

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Any) -> Any:
        value = self._function(key)
        # Log text chooses the keys: neither their number nor their length may grow without end.
        if type(key) is not str or len(key) <= MAX_ADDRESS_CHARS:
            if len(self) >= self.LIMIT:
                self.clear()
            self[key] = value
        return value


def integer(value: Any) -> int:
    """A whole number that fits 64 bits, from its text or number.

    Raises:
        ValueError: it is none.
    """
    number = int(value)
    if (isinstance(value, float) and number != value) or not -(1 << 63) <= number < 1 << 63:
        raise ValueError("not a 64-bit integer")
    return number


def seconds(value: Any) -> float:
    """A finite number of seconds, from its text or number.

    Raises:
        ValueError: it is none.
    """
    number = float(value)
    if number - number != 0.0:  # infinite or not a number: neither survives JSON
        raise ValueError("not a finite number")
    return number


def nanoseconds(value: Any) -> int:
    """A span in seconds as whole nanoseconds; raises as :func:`integer` does."""
    number = round(float(value) * 1e9)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("not a 64-bit integer")
    return number


def _port(value: Any) -> int | None:
    try:
        number = integer(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return number if 0 <= number <= 65_535 else None


def _address(value: Any) -> str | None:
    return canonical_ip(value) if isinstance(value, str) else None


def _word(value: Any) -> str | None:
    """A protocol's name as the vocabulary writes it; what only says that there is none becomes ``None``."""
    word = clean(str(value)).lower()
    return {"ipv6-icmp": "icmp", "failed": None, "unknown": None}.get(word, word)


_ADDRESSES = Table(_address)
_PORTS = Table(_port)
_SHORT = frozenset((Kind.TEXT, Kind.INTEGER))
_END_KINDS = (Kind.TEXT, Kind.INTEGER, Kind.TEXT, Kind.INTEGER)


def _picker(numbers: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Like ``itemgetter``, but always gives a tuple."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda values: tuple(values[number] for number in numbers)


def _is_empty(value: Any) -> bool:
    return not value and value != 0


def _hide(_value: Any) -> str:
    return _HIDDEN


def _plain(value: Any) -> FieldValue:
    return clean(value) if isinstance(value, str) else value
