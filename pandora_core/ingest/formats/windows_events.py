"""Owns what Windows event ids mean: a record of an event log becomes one :class:`Event` of docs/events.md.

An id that is not in the tables of :mod:`windows_ids` keeps all its fields and gets neither category nor action.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pandora_core.ingest.formats.windows_ids import MEANINGS, Meaning
from pandora_core.ingest.formats.windows_record import Record, as_text
from pandora_core.model import Event


def event_of(record: Record) -> Event:
    """The event that a record stands for."""
    dataset = dataset_of(record.channel, record.provider)
    meaning = MEANINGS.get((dataset, record.event_id))
    if meaning is not None and record.provider.startswith(meaning.provider):
        _apply(meaning, record)
    if record.user is None and dataset != "windows.sysmon":  # the account that wrote a Sysmon record is Sysmon's own
        account = record.more.get("winlog.user.name")
        record.set_user(as_text(account) if account else None, None)
    return Event(
        record.at_us,
        dataset,
        record.category,
        record.action,
        record.outcome,
        str(record.event_id),
        record.severity,
        record.host,
        record.user,
        record.source_ip,
        record.source_port,
        record.source_domain,
        record.destination_ip,
        record.destination_port,
        record.destination_domain,
        record.transport,
        None,
        record.message,
        1,
        record.more,
    )


@lru_cache(maxsize=1024)
def dataset_of(channel: str, provider: str) -> str:
    """The dataset of a channel (``windows.security``); the provider serves where a record names no channel."""
    name = (channel or provider).lower()
    if name in _CHANNELS:
        return f"windows.{_CHANNELS[name]}"
    name = name.removeprefix("microsoft-windows-").removesuffix("/operational")
    slug = re.sub("[^a-z0-9]+", "-", name).strip("-")[:64] or "unknown"
    is_terminal = slug.startswith(("terminalservices-", "remotedesktopservices-"))
    return "windows.terminalservices" if is_terminal else f"windows.{slug}"


def _apply(meaning: Meaning, record: Record) -> None:
    record.category, record.action = meaning.category, meaning.action
    record.outcome = "failure" if meaning.outcome == "success" and record.audit == "failure" else meaning.outcome
    name, domain = meaning.user
    if name:
        record.set_user(record.text(name), record.text(domain))
    _apply_peers(meaning, record)
    more, text, number = record.more, record.text, record.number
    for ecs, native in meaning.texts:
        words = text(native)
        if words is not None:
            more[ecs] = words
    for ecs, native in meaning.numbers:
        value = number(native)
        if value is not None:
            more[ecs] = value
    if meaning.fill is not None:
        meaning.fill(record)


def _apply_peers(meaning: Meaning, record: Record) -> None:
    source, destination = meaning.source, meaning.destination
    if source is not None:
        record.set_source(record.text(source.ip), record.number(source.port))
        record.source_domain = record.text(source.domain) or record.source_domain
    if destination is not None:
        record.set_destination(record.text(destination.ip), record.number(destination.port))
        record.destination_domain = record.text(destination.domain) or record.destination_domain


_CHANNELS = {
    "security": "security",
    "microsoft-windows-security-auditing": "security",
    "system": "system",
    "application": "application",
    "windows powershell": "powershell",
    "microsoft-windows-powershell/operational": "powershell",
    "powershellcore/operational": "powershell",
    "microsoft-windows-sysmon/operational": "sysmon",
    "microsoft-windows-sysmon": "sysmon",
    "microsoft-windows-taskscheduler/operational": "taskscheduler",
    "microsoft-windows-wmi-activity/operational": "wmi",
    "microsoft-windows-winrm/operational": "winrm",
    "microsoft-windows-windows defender/operational": "defender",
    "microsoft-windows-windows firewall with advanced security/firewall": "firewall",
}
