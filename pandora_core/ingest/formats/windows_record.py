"""Owns the record of a Windows event log while it is read, and how its values are written."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import msgspec

from pandora_core.ingest.address import canonical_ip
from pandora_core.ingest.formats.json_object import LEAST_INTEGER, MOST_INTEGER, Json, flatten, scalar
from pandora_core.model import FieldValue, from_iso

Integer = Annotated[int, msgspec.Meta(ge=LEAST_INTEGER, le=MOST_INTEGER)]
"""A whole number that a store can hold."""

DATA = "winlog.event_data."
"""Under which prefix the values of EventData and UserData are kept."""


class Names(dict[str, str]):
    """Native names and what they become; those not listed are fields of EventData (remembered up to a bound)."""

    def __missing__(self, name: str) -> str:
        kept = DATA + name
        if len(self) < 10_000 and len(name) <= 100:
            self[name] = kept
        return kept


_UNSET = (None, "", "-")
_AUDIT_SUCCESS = 0x0020_0000_0000_0000
_AUDIT_FAILURE = 0x0010_0000_0000_0000
"""Keyword bits of the Security log (winmeta.xml: win:AuditSuccess, win:AuditFailure)."""


class Record(msgspec.Struct, gc=False):
    """One record: the first group of fields is what the log says, the second what its event id makes of it.

    ``data`` holds EventData or UserData under their native names, unset values among them; ``audit`` is what the
    keywords say (``success``, ``failure``); ``more`` is filled by both halves.
    """

    at_us: int
    channel: str
    provider: str
    event_id: int
    host: str | None
    audit: str | None
    message: str | None
    data: dict[str, Any]
    more: dict[str, FieldValue]

    category: str | None = None
    action: str | None = None
    outcome: str | None = None
    severity: int = 0
    user: str | None = None
    source_ip: str | None = None
    source_port: int | None = None
    source_domain: str | None = None
    destination_ip: str | None = None
    destination_port: int | None = None
    destination_domain: str | None = None
    transport: str | None = None

    def text(self, name: str) -> str | None:
        """A value of EventData as text."""
        value = self.data.get(name)
        if type(value) is str:  # nearly always
            return value if value and value != "-" else None
        return None if value is None else as_text(value)

    def number(self, name: str) -> int | None:
        """A value of EventData as a whole number."""
        return whole_number(self.data.get(name))

    def set_user(self, name: str | None, domain: str | None) -> None:
        """Take the user of the event; a domain written with the name is split off (:func:`split_account`)."""
        if name is None:
            return
        self.user, own_domain = split_account(name)
        if domain or own_domain:
            self.more["user.domain"] = domain or own_domain

    def set_source(self, ip: str | None, port: int | None) -> None:
        """Take where it came from; text that is no address stays in EventData alone, as does port 0."""
        if ip:
            self.source_ip, self.source_port = canonical_ip(ip), valid_port(port)

    def set_destination(self, ip: str | None, port: int | None) -> None:
        """Take where it went to, as :meth:`set_source`."""
        if ip:
            self.destination_ip, self.destination_port = canonical_ip(ip), valid_port(port)

    def keep(self, name: str, value: FieldValue | None) -> None:
        """Keep a value in ``more`` unless it is unset."""
        if value is not None and value != "":
            self.more[name] = value


def kept_values(data: Json, names: Names) -> dict[str, FieldValue]:
    """The values that are set, zero and false among them, under the names that an event keeps them by."""
    return {names[name]: value for name, value in data.items() if (value and value != "-") or value == 0}


def take_values(values: Any, data: Json) -> None:
    """Put the named values of EventData into ``data``, those of a bare ``Data`` list as ``param1``, ``param2`` …"""
    for name, value in values.items() if isinstance(values, dict) else (("Data", values),):
        if name == "Data":
            _take_numbered(value, data)
        elif type(value) is str:
            data[name] = value
        elif name != "#attributes":
            flatten(value["#text"] if isinstance(value, dict) and "#text" in value else value, name, data)


def at_of(value: Any) -> int:
    """A time as microseconds since the epoch: ISO text (no zone is UTC), or epoch seconds, ms, µs or ns by its size.

    Raises:
        ValueError: it is no time.
    """
    if isinstance(value, str):
        try:
            return from_iso(value)
        except ValueError:
            raise ValueError(f"not a time: {value[:60]!r}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no time" if value is None else f"not a time: {str(value)[:60]!r}")
    for limit, factor in ((1e11, 1e6), (1e14, 1e3), (1e17, 1), (1e20, 1e-3)):
        if abs(value) < limit:
            return int(value * factor)
    raise ValueError(f"not a time: {str(value)[:60]}")


def event_id_of(value: Any) -> int:
    """An event id, given as a number or as text.

    Raises:
        ValueError: it is neither.
    """
    code = whole_number(value)
    if code is None:
        raise ValueError("no event id" if value is None else f"not an event id: {str(value)[:60]!r}")
    return code


def audit_outcome(keywords: Any) -> str | None:
    """What keywords say of an audit: their bits, as number or hexadecimal text, or their names in English."""
    if isinstance(keywords, list):
        keywords = as_text(keywords)
    return _audit_outcome(keywords) if isinstance(keywords, str | int) else None


def text_or_none(value: Any) -> str | None:
    """A JSON value as text; ``None`` where it is unset (``-`` and nothing are)."""
    if value is None or value == "" or value == "-":
        return None
    return value if type(value) is str else as_text(value)


def as_text(value: Any) -> str:
    """A JSON value as one text: lists are joined, truth is written as Windows does."""
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def whole_number(value: Any) -> int | None:
    """A number given as one, as decimal text or as hexadecimal text (``0x1f4``); ``None`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 20:
        return None
    try:
        number = int(value, 16 if value[:2] in ("0x", "0X") else 10)
    except ValueError:
        return None
    return number if abs(number) < 1 << 64 else None


def valid_port(port: int | None) -> int | None:
    """A port that can be connected to; 0 says "none" in Windows logs."""
    return port if port is not None and 0 < port < 65536 else None


def split_account(name: str) -> tuple[str, str]:
    """Name and domain of an account: ``CORP\\ann`` and ``ann@corp.example`` both give ``ann``."""
    domain, backslash, bare = name.rpartition("\\")
    if backslash:
        return bare or name, domain
    bare, _, domain = name.partition("@")
    return bare or name, domain


@lru_cache(maxsize=256)
def _audit_outcome(keywords: str | int) -> str | None:
    bits = whole_number(keywords)
    if bits is not None:
        return "failure" if bits & _AUDIT_FAILURE else "success" if bits & _AUDIT_SUCCESS else None
    words = str(keywords).lower()
    return "failure" if "failure" in words else "success" if "success" in words else None


def _take_numbered(values: Any, data: Json) -> None:
    if isinstance(values, dict) and not isinstance(_name_of(values), str):
        values = values.get("#text")
    for number, value in enumerate(values if isinstance(values, list) else [values], 1):
        text = value.get("#text") if isinstance(value, dict) else value
        if text not in _UNSET:
            name = _name_of(value)
            data[name if isinstance(name, str) else f"param{number}"] = scalar(text)


def _name_of(value: Any) -> Any:
    attributes = value.get("#attributes") if isinstance(value, dict) else None
    return attributes.get("Name") if isinstance(attributes, dict) else None
