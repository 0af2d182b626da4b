"""Owns the shapes in which log shippers write one Windows event record as JSON: Winlogbeat, NXLog, and OTRF's sets.

Winlogbeat nests what Windows says in ``winlog`` (7 and later) or lays it at the top (6). NXLog's im_msvistalog writes
one flat object with the fields of EventData at its top; the OTRF Security-Datasets are NXLog that passed Logstash.
"""

from __future__ import annotations

from functools import lru_cache

from pandora_core.ingest.formats.json_object import Json, flatten
from pandora_core.ingest.formats.windows_record import (
    DATA,
    Integer,
    Names,
    Record,
    at_of,
    audit_outcome,
    event_id_of,
    kept_values,
    take_values,
    text_or_none,
)
from pandora_core.model import HOUR_US, MINUTE_US, FieldValue

FlatJson = dict[str, str | Integer | float | bool | list[str | Integer | float | bool] | None]
"""An object without nesting, as NXLog writes it: checked while it is decoded, its values need no second look."""

_QUARTER_US = 15 * MINUTE_US
_MOST_DELAY_US = 2 * MINUTE_US
_MOST_ZONE_US = 14 * HOUR_US


def is_nxlog(document: Json) -> bool:
    """Whether an object has what every record of NXLog has."""
    return (
        "EventID" in document
        and ("EventTime" in document or "@timestamp" in document or "EventReceivedTime" in document)
        and ("Channel" in document or "SourceName" in document or "ProviderGuid" in document)
    )


def read_winlogbeat(document: Json) -> Record:
    """A record as Winlogbeat 7 and 8 ship it; its own ECS fields serve where the event id gives us none."""
    winlog: Json = {**document["winlog"]}
    data: Json = {}
    for block in (winlog.pop("event_data", None), winlog.pop("user_data", None)):
        take_values(block, data)
    more: dict[str, FieldValue] = kept_values(data, _EVENT_DATA)
    flatten(winlog, "winlog", more)
    flatten({name: value for name, value in document.items() if name != "winlog"}, "", more)
    message, stamp = more.pop("message", None), more.pop("@timestamp", None)
    record = Record(
        at_us=at_of(stamp),
        channel=text_or_none(more.get("winlog.channel")) or "",
        provider=text_or_none(more.pop("winlog.provider_name", None)) or "",
        event_id=event_id_of(more.pop("winlog.event_id", more.get("event.code"))),
        host=text_or_none(more.pop("winlog.computer_name", None)) or text_or_none(more.get("host.name")),
        audit=audit_outcome(winlog.get("keywords")) or audit_outcome(more.get("event.outcome")),
        message=text_or_none(message),
        data=data,
        more=more,
    )
    record.keep("winlog.provider", record.provider)
    _take_ecs(record)
    return record


def read_winlogbeat_6(document: Json) -> Record:
    """A record as Winlogbeat 6 ships it: the fields of ``winlog`` lie at the top under older names."""
    winlog = {_WINLOGBEAT_6[name]: value for name, value in document.items() if name in _WINLOGBEAT_6}
    rest = {name: value for name, value in document.items() if name not in _WINLOGBEAT_6}
    return read_winlogbeat({**rest, "winlog": winlog})


def read_nxlog(document: Json) -> Record:
    """A record as NXLog writes it; the object must not be nested (see :data:`FlatJson`)."""
    at_us = _nxlog_time(document)
    event_id = event_id_of(document.pop("EventID", None))
    message, host = document.pop("Message", None), document.pop("Hostname", None)
    more = kept_values(document, _NXLOG)
    kind = more.get("winlog.event_type")
    if kind is not None and kind not in _NXLOG_LEVELS:  # it is the field of that name of Sysmon 12–14, 17 and 18
        more[f"{DATA}EventType"] = more.pop("winlog.event_type")
    return Record(
        at_us=at_us,
        channel=text_or_none(more.get("winlog.channel")) or "",
        provider=text_or_none(more.get("winlog.provider")) or "",
        event_id=event_id,
        host=text_or_none(host),
        audit=audit_outcome(more.get("winlog.keywords")) or audit_outcome(kind),
        message=text_or_none(message),
        data=document,
        more=more,
    )


def _take_ecs(record: Record) -> None:
    """Use ECS values of the shipper where we derive none; keep those we never use under its own name."""
    more = record.more
    for name, (attribute, kind) in _ECS.items():
        value = more.pop(name, None)
        if isinstance(value, kind) and not isinstance(value, bool):
            setattr(record, attribute, value)
    for name in _ECS_OF_OURS:
        if name in more:
            more[f"winlogbeat.{name}"] = more.pop(name)


def _nxlog_time(data: Json) -> int:
    """When it happened: Sysmon's own UTC time, else EventTime, which is local time without its zone.

    The zone follows from the time of receipt, which a relay has often written twice: local by NXLog
    (EventReceivedTime) and in UTC (@timestamp). Where the two do not differ by whole quarters of an hour, the receipt
    in UTC is the better time; where @timestamp is missing, EventTime is taken for UTC.
    """
    utc, local = data.get("UtcTime"), data.get("EventTime")
    if utc is not None and utc != "-":
        return at_of(utc)
    stamp, received = data.get("@timestamp"), data.get("EventReceivedTime")
    if local is None:
        return at_of(received if stamp is None else stamp)
    if stamp is None or not isinstance(local, str) or _has_zone(local):
        return at_of(local)
    if not isinstance(received, str) or _has_zone(received):
        return at_of(stamp)
    stamp_us = at_of(stamp)
    shift_us = stamp_us - _local_time(received)
    zone_us = round(shift_us / _QUARTER_US) * _QUARTER_US
    is_zone = abs(shift_us - zone_us) <= _MOST_DELAY_US and abs(zone_us) <= _MOST_ZONE_US
    return _local_time(local) + zone_us if is_zone else stamp_us


_local_time = lru_cache(maxsize=4096)(at_of)


def _has_zone(text: str) -> bool:
    return text[-1:] in ("Z", "z") or "+" in text or "-" in text[11:]


_EVENT_DATA = Names()
_NXLOG = Names(
    {
        "Channel": "winlog.channel",
        "SourceName": "winlog.provider",
        "ProviderGuid": "winlog.provider_guid",
        "RecordNumber": "winlog.record_id",
        "Version": "winlog.version",
        "Task": "winlog.task",
        "Category": "winlog.task_name",
        "OpcodeValue": "winlog.opcode",
        "Opcode": "winlog.opcode_name",
        "Keywords": "winlog.keywords",
        "EventType": "winlog.event_type",
        "Severity": "winlog.level_name",
        "ExecutionProcessID": "winlog.process.pid",
        "ProcessID": "winlog.process.pid",
        "ThreadID": "winlog.process.thread.id",
        "ExecutionThreadID": "winlog.process.thread.id",
        "ActivityID": "winlog.activity_id",
        "RelatedActivityID": "winlog.related_activity_id",
        "AccountName": "winlog.user.name",
        "Domain": "winlog.user.domain",
        "AccountType": "winlog.user.type",
        "UserID": "winlog.user.identifier",
        "tags": "tags",
        "@timestamp": "nxlog.@timestamp",
        "@version": "nxlog.@version",
        "ERROR_EVT_UNRESOLVED": "nxlog.ERROR_EVT_UNRESOLVED",
        "EventReceivedTime": "nxlog.EventReceivedTime",
        "EventTime": "nxlog.EventTime",
        "EventTypeOrignal": "nxlog.EventTypeOrignal",
        "MessageSourceAddress": "nxlog.MessageSourceAddress",
        "SeverityValue": "nxlog.SeverityValue",
        "SourceModuleName": "nxlog.SourceModuleName",
        "SourceModuleType": "nxlog.SourceModuleType",
        "host": "nxlog.host",
        "port": "nxlog.port",
        "type": "nxlog.type",
    }
)
_NXLOG_LEVELS = ("INFO", "AUDIT_SUCCESS", "AUDIT_FAILURE", "WARNING", "ERROR", "CRITICAL", "VERBOSE", "DEBUG")

_WINLOGBEAT_6 = {
    "log_name": "channel",
    "event_id": "event_id",
    "source_name": "provider_name",
    "provider_guid": "provider_guid",
    "computer_name": "computer_name",
    "record_number": "record_id",
    "event_data": "event_data",
    "user_data": "user_data",
    "user": "user",
    "keywords": "keywords",
    "level": "level",
    "opcode": "opcode",
    "task": "task",
    "version": "version",
    "activity_id": "activity_id",
    "related_activity_id": "related_activity_id",
    "process_id": "process_id",
    "thread_id": "thread_id",
}

_ECS: dict[str, tuple[str, type]] = {
    "user.name": ("user", str),
    "source.ip": ("source_ip", str),
    "source.port": ("source_port", int),
    "source.domain": ("source_domain", str),
    "destination.ip": ("destination_ip", str),
    "destination.port": ("destination_port", int),
    "destination.domain": ("destination_domain", str),
    "network.transport": ("transport", str),
}
_ECS_OF_OURS = (
    "event.action",
    "event.category",
    "event.code",
    "event.dataset",
    "event.outcome",
    "event.severity",
    "host.name",
    "network.protocol",
)
