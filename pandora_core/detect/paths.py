"""Owns how log-on events are read: from which place to which, by whom, and how a place is put in words."""

from __future__ import annotations

from typing import NamedTuple

from pandora_core.detect.addresses import is_address, is_local
from pandora_core.detect.names import Names, machine_of, place_of, user_name
from pandora_core.model import EntityRef, Event

_FROM_ELSEWHERE = (3, 8, 9, 10)  # network, network with clear-text password, new credentials, remote desktop
_NOBODY = frozenset({"", "-", "anonymous logon"})
_NO_LOGON_ID = ("", "-", "0x0")
_UNATTENDED = (4, 5)  # log-on types of batch jobs and services: a stale password there fails all day


class Path(NamedTuple):
    """From which place to which; ``source`` is empty for a log-on at the target itself."""

    source: str
    target: str


def source_of(event: Event) -> str | None:
    """The place that a log-on came from: an address, else the name of a machine; ``None`` for the host itself."""
    address = event.source_ip
    if address is not None:
        return None if is_local(address) else address
    name = event.source_domain
    if not name:
        return None
    # A resolver's name (``220-135-151-1.example.net``) means nothing without its domain; NetBIOS names have none.
    place = name.casefold().rstrip(".") if "." in name else place_of(name)
    return None if event.host and place_of(name) == place_of(event.host) else place


def target_of(event: Event) -> str | None:
    """The place that was logged on to."""
    if event.host:
        return place_of(event.host)
    return event.destination_ip or (place_of(event.destination_domain) if event.destination_domain else None)


def path_of(event: Event) -> Path | None:
    """The path of a log-on attempt that may be a person's; ``None`` where the log does not say where to."""
    target = target_of(event)
    if target is None or event.more.get("winlog.logon.type") in _UNATTENDED:
        return None
    return Path(source_of(event) or "", target)


def is_persons(event: Event) -> bool:
    """Whether a log-on from elsewhere may be a person's. Zeek's ssh log does not say whose it was."""
    kind = event.more.get("winlog.logon.type")
    if kind is not None and kind not in _FROM_ELSEWHERE:
        return False
    if event.user is None:
        return event.protocol == "ssh"
    return machine_of(event.user) is None and user_name(event.user) not in _NOBODY


def logon_id_of(event: Event, field: str) -> str:
    """The id of a log-on session in a field of a Windows event; empty if there is none."""
    value = event.more.get(f"winlog.event_data.{field}")
    if isinstance(value, int):
        return hex(value)
    return value.casefold() if isinstance(value, str) and value not in _NO_LOGON_ID else ""


def hosts_of(entity: EntityRef, target: str, names: Names, at_us: int) -> tuple[str, ...]:
    """The names to show for where a detection happened: its entity and the place it was aimed at."""
    return tuple(dict.fromkeys((entity.name, names.entity_at(target, at_us).name)))


def shown(place: str, names: Names, at_us: int) -> str:
    """A place in words: ``WS-5 (10.0.0.5)``, or what is known of it."""
    name = names.entity_at(place, at_us).name
    return f"{name} ({place})" if name != place and is_address(place) else name
