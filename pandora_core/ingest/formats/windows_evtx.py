"""Owns the evtx shape of a Windows event record: ``{"Event": {"System": …, "EventData": …}}``.

What the evtx parser makes of a binary log, and what :mod:`windows_xml` makes of XML. System is that of Microsoft's
event schema (event.xsd); attributes stand under ``#attributes``, text beside them under ``#text``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pandora_core.ingest.formats.json_object import Json, flatten
from pandora_core.ingest.formats.windows_record import (
    Integer,
    Names,
    Record,
    at_of,
    audit_outcome,
    kept_values,
    take_values,
    text_or_none,
)
from pandora_core.model import FieldValue

_NAMES = {
    "provider": "Provider",
    "event_id": "EventID",
    "version": "Version",
    "level": "Level",
    "task": "Task",
    "opcode": "Opcode",
    "keywords": "Keywords",
    "time_created": "TimeCreated",
    "record_id": "EventRecordID",
    "correlation": "Correlation",
    "execution": "Execution",
    "channel": "Channel",
    "computer": "Computer",
    "security": "Security",
    "system": "System",
    "event_data": "EventData",
    "user_data": "UserData",
    "error_data": "ProcessingErrorData",
    "rendering": "RenderingInfo",
    "event": "Event",
}


class Attributes(msgspec.Struct, rename={"attributes": "#attributes"}):
    """An element of which only the attributes matter."""

    attributes: Json = {}

    def get(self, name: str) -> Any:
        """The value of an attribute, ``None`` where it is missing."""
        return self.attributes.get(name)


class QualifiedId(msgspec.Struct, rename={"number": "#text", "attributes": "#attributes"}):
    """An event id of the classic API, which carries qualifiers."""

    number: Integer
    attributes: Json = {}


class System(msgspec.Struct, rename=_NAMES):
    """The element that every record has, whatever its provider."""

    event_id: Integer | QualifiedId
    time_created: Attributes
    provider: Attributes | None = None
    version: Integer | None = None
    level: Integer | None = None
    task: Integer | None = None
    opcode: Integer | None = None
    keywords: str | Integer | None = None
    record_id: Integer | None = None
    correlation: Attributes | None = None
    execution: Attributes | None = None
    channel: str | None = None
    computer: str | None = None
    security: Attributes | None = None


class EvtxEvent(msgspec.Struct, rename=_NAMES):
    """One record: its system part, and the values of its provider in one of three forms."""

    system: System
    event_data: Any = None
    user_data: Any = None
    error_data: Any = None
    rendering: Any = None


class Envelope(msgspec.Struct, rename=_NAMES):
    """What a line of this shape decodes to."""

    event: EvtxEvent


def read_evtx(document: Json) -> Record:
    """The record of an object that is decoded already.

    Raises:
        ValueError: a field of System is missing or of the wrong kind; the message says which.
    """
    return read_envelope(msgspec.convert(document, Envelope, strict=False))


def read_envelope(envelope: Envelope) -> Record:
    """The record of a typed envelope."""
    event = envelope.event
    system = event.system
    data, more = _event_data(event), _system_fields(system)
    more.update(kept_values(data, _EVENT_DATA))
    code, provider = system.event_id, system.provider
    return Record(
        at_us=at_of(system.time_created.get("SystemTime")),
        channel=system.channel or "",
        provider=(text_or_none(provider.get("Name")) if provider else None) or "",
        event_id=code.number if isinstance(code, QualifiedId) else code,
        host=system.computer,
        audit=audit_outcome(system.keywords),
        message=text_or_none(event.rendering.get("Message")) if isinstance(event.rendering, dict) else None,
        data=data,
        more=more,
    )


def _event_data(event: EvtxEvent) -> Json:
    data: Json = {}
    if event.event_data is not None:
        take_values(event.event_data, data)
    if isinstance(event.user_data, dict):  # one element with a name of the provider's own wraps the values
        for name, block in event.user_data.items():
            if name != "#attributes":
                take_values(block, data)
    if event.error_data is not None:
        take_values(event.error_data, data)
    return data


def _system_fields(system: System) -> dict[str, FieldValue]:
    fields = (
        ("winlog.channel", system.channel),
        ("winlog.record_id", system.record_id),
        ("winlog.version", system.version),
        ("winlog.level", system.level),
        ("winlog.task", system.task),
        ("winlog.opcode", system.opcode),
        ("winlog.keywords", system.keywords),
    )
    more: dict[str, FieldValue] = {name: value for name, value in fields if value is not None}
    for block in (system.provider, system.execution, system.security, system.correlation):
        if block is not None:
            _take_attributes(block.attributes, more)
    if isinstance(system.event_id, QualifiedId):
        _take_attributes(system.event_id.attributes, more)
    return more


def _take_attributes(attributes: Json, more: dict[str, FieldValue]) -> None:
    for name, value in attributes.items():
        kept = _ATTRIBUTES.get(name) or f"winlog.{name}"
        if type(value) is str and value:
            more[kept] = value
        else:
            flatten(value, kept, more)


_EVENT_DATA = Names()
_ATTRIBUTES = {
    "Name": "winlog.provider",
    "Guid": "winlog.provider_guid",
    "EventSourceName": "winlog.event_source",
    "ProcessID": "winlog.process.pid",
    "ThreadID": "winlog.process.thread.id",
    "UserID": "winlog.user.identifier",
    "ActivityID": "winlog.activity_id",
    "RelatedActivityID": "winlog.related_activity_id",
    "Qualifiers": "winlog.qualifiers",
}
