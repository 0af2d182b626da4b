"""Owns how a line of JSON becomes an Event: read safely, then handled by a plan compiled for records of its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Annotated, Any

import msgspec

from pandora_core.ingest.format import MAX_FIELD_CHARS
from pandora_core.ingest.formats.json_object import object_of, scalar
from pandora_core.ingest.formats.plan import MAX_COLUMNS, Column, Convert, Kind, Plan, integer, nanoseconds, seconds
from pandora_core.model import SECOND_US, Event, from_iso

Record = dict[str, Any]
"""A JSON object whose text is clean and whose integers fit 64 bits; its objects may nest."""

_MOST_LEVELS = 8
"""Objects that are nested deeper than this are kept as JSON text."""

_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Leaf = bool | _Integer | float | str | list[Any] | None
_decoder = msgspec.json.Decoder(dict[str, _Leaf | dict[str, _Leaf | dict[str, _Leaf]]])

# What no line needs a second look for: printable ASCII without the backslash that may hide a control character.
_PLAIN = bytes(set(range(0x20, 0x7F)) - {0x5C})


class NotARecordError(ValueError):
    """The line is no JSON object that could be a log record; the text says why."""


def read_record(line: bytes) -> Record:
    """The JSON object of a line, made safe.

    Raises:
        NotARecordError: the line is no such object.
    """
    record = _read_plain(line)
    if record is not None:
        return record
    try:
        return {name: _tame(value, 1) for name, value in object_of(line).items()}
    except ValueError as error:
        raise NotARecordError(str(error)) from error
    except RecursionError as error:
        raise NotARecordError("JSON nested too deeply") from error


def records_of(head: bytes, most: int = 32) -> Iterator[Record]:
    """The first JSON objects of a file's head, for recognising it; lines that are cut or bad are passed over."""
    for line in head.split(b"\n", 8 * most):
        if line.lstrip()[:1] == b"{":
            try:
                yield read_record(line)
            except NotARecordError:
                continue
            most -= 1
            if not most:
                return


class RecordPlans:
    """Plans by the shape of a record: its names and the types of its values, which hardly vary within a log."""

    MOST_COLUMNS = 100_000

    def __init__(self, compile_plan: Callable[[str, Sequence[Column]], Plan]) -> None:
        """``compile_plan`` is given a log, and columns named by their path (``id.orig_h``)."""
        self._compile = compile_plan
        self._plans: dict[object, Plan] = {}
        self._columns = 0

    def event(self, log: str, at_us: int, record: Record) -> Event:
        """The event of a record of a log.

        Raises:
            NotARecordError: it has too many fields.
        """
        values = [*record.values()]
        types = tuple(map(type, values))
        names: tuple[Any, ...] = tuple(record)
        if dict in types:
            names, types = _open_objects(record, values)
        shape = (log, names, types)
        plan = self._plans.get(shape) or self._add(shape, log, record, types)
        values.append(None)
        return plan.event(at_us, values)

    def _add(self, shape: object, log: str, record: Record, types: Sequence[type]) -> Plan:
        if len(types) > MAX_COLUMNS:
            raise NotARecordError(f"the record has {len(types)} fields, more than {MAX_COLUMNS}")
        self._columns += len(types)
        if self._columns > self.MOST_COLUMNS:
            # Hostile records may all differ: forget, rather than remember without end.
            self._plans.clear()
            self._columns = len(types)
        columns = [_column(name, of_type) for name, of_type in zip(_paths(record), types, strict=True)]
        plan = self._plans[shape] = self._compile(log, columns)
        return plan


def time_us(value: Any) -> int:
    """A JSON log's time in microseconds since the epoch: ISO 8601 text, or a number of seconds (of milliseconds or
    microseconds where it is too large for that).

    Raises:
        ValueError: it is none of these, or outside the years 1 to 9999.
    """
    if isinstance(value, str):
        try:
            return from_iso(value)
        except ValueError:
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a time")
    return bounded_us(_scaled_us(seconds(value)))


def bounded_us(at_us: int) -> int:
    """The time itself, if a calendar of four-digit years has it.

    Raises:
        ValueError: it lies outside the years 1 to 9999.
    """
    if not _YEAR_1_US <= at_us <= _YEAR_9999_US:
        raise ValueError("outside the years 1 to 9999")
    return at_us


_YEAR_1_US = from_iso("0001-01-01T00:00:00Z")
_YEAR_9999_US = from_iso("9999-12-31T23:59:59.999999Z")
_LEAST_MILLISECONDS = 100_000_000_000
"""Seconds reach this in the year 5138; milliseconds did in 1973."""


def _scaled_us(value: float) -> int:
    if abs(value) < _LEAST_MILLISECONDS:
        return round(value * SECOND_US)
    if abs(value) < _LEAST_MILLISECONDS * 1000:
        return round(value * 1000)
    return round(value)


def _read_plain(line: bytes) -> Record | None:
    """The record of a line that needs no care, which nearly all are; ``None`` where only the slow way can tell."""
    if len(line) > MAX_FIELD_CHARS or line.translate(None, _PLAIN):
        return None
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        return None


def _tame(value: Any, level: int) -> Any:
    """The value with integers beyond 64 bits as text, and what is nested too deep as JSON text."""
    if isinstance(value, dict) and level < _MOST_LEVELS:
        return {name: _tame(item, level + 1) for name, item in value.items()}
    return value if value is None or isinstance(value, list) else scalar(value)


def _open_objects(record: Record, values: list[Any]) -> tuple[tuple[Any, ...], tuple[type, ...]]:
    """Append the values of inner objects to ``values``, level by level; gives the names and types that tell one such
    record from another."""
    names = [tuple(record)]
    types = [*map(type, values)]
    objects = [value for value in values if type(value) is dict]
    for value in objects:  # grows while it is walked: objects inside objects are met later
        inner = value.values()
        inner_types = [*map(type, inner)]
        names.append(tuple(value))
        values += inner
        types += inner_types
        if dict in inner_types:
            objects += [item for item in inner if type(item) is dict]
    return tuple(names), tuple(types)


def _paths(record: Record) -> list[str]:
    """The path of each value, in the order of :func:`_open_objects`."""
    paths = [*record]
    values = [*record.values()]
    for number, value in enumerate(values):
        if type(value) is dict:
            paths.extend(f"{paths[number]}.{name}" for name in value)
            values.extend(value.values())
    return paths


def _column(path: str, of_type: type) -> Column:
    native = _plain_list if of_type is list else None
    return Column(path, native, _CONVERTERS.get(of_type, {}), is_kept=of_type not in (dict, NoneType))


def _plain_list(values: list[Any]) -> list[Any]:
    """A list as an event may hold one: of plain values; an object in it is kept as JSON text."""
    if _SIMPLE.issuperset(map(type, values)) and "" not in values:
        return values
    return [scalar(value) for value in values if value is not None and value != ""]


def _texts(values: list[Any]) -> list[str]:
    return [*map(str, _plain_list(values))]


_SIMPLE = frozenset((str, float, bool))


def _one_text(value: Any) -> list[str]:
    return [str(value)]


def _iso_or_seconds(text: str) -> float:
    try:
        return from_iso(text) / SECOND_US
    except ValueError:
        return seconds(text)


_CONVERTERS: dict[type, dict[Kind, Convert]] = {
    str: {
        Kind.TEXT: None,
        Kind.INTEGER: integer,
        Kind.SECONDS: _iso_or_seconds,
        Kind.NANOSECONDS: nanoseconds,
        Kind.TEXTS: _one_text,
    },
    int: {
        Kind.TEXT: str,
        Kind.INTEGER: None,
        Kind.SECONDS: float,
        Kind.NANOSECONDS: nanoseconds,
        Kind.TEXTS: _one_text,
    },
    float: {Kind.INTEGER: integer, Kind.SECONDS: None, Kind.NANOSECONDS: nanoseconds},
    bool: {Kind.BOOLEAN: None},
    list: {Kind.TEXTS: _texts},
}
