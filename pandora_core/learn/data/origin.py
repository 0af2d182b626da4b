"""Owns which event a flow is, and from where to where: what is kept of an event beside its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self, overload

from pandora_core.model import Event


class Origin(NamedTuple):
    """A flow's event, its time, source, destination and port."""

    event_id: int
    at_us: int
    source: str
    destination: str
    port: int

    @classmethod
    def of(cls, event_id: int, event: Event) -> Self:
        source, destination = event.source_ip or "", event.destination_ip or ""
        return cls(event_id, event.at_us, source, destination, event.destination_port or 0)


class Origins(Sequence[Origin]):
    """The origins of flows, made as they are asked for: few of them ever are."""

    def __init__(self, events: Sequence[tuple[int, Event]]) -> None:
        self._events = events

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, place: int) -> Origin: ...
    @overload
    def __getitem__(self, place: slice) -> Origins: ...
    def __getitem__(self, place: int | slice) -> Origin | Origins:
        if isinstance(place, slice):
            return Origins(self._events[place])
        return Origin.of(*self._events[place])

    def sources(self) -> list[str]:
        """The source of every flow."""
        return [event.source_ip or "" for _, event in self._events]
