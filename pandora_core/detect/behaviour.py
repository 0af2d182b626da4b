"""Owns what a behaviour is: a detector that remembers, fed one event at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pandora_core.detect.channels import Channels
from pandora_core.detect.edges import Edges
from pandora_core.detect.names import Names
from pandora_core.model import Detection, Event


class Route(NamedTuple):
    """Which events a behaviour sees: those of a category and an action, or of these only what goes outside."""

    category: str
    action: str
    is_outward: bool = False
    """Only events whose destination is the address of a single host that is not in one of our own networks."""


class Fired(NamedTuple):
    """A detection and when it fired: the event that made it one, which orders detections, and that event's time."""

    detection: Detection
    event_id: int
    at_us: int


class Context(NamedTuple):
    """What behaviours share: names to show and channels, which the pipeline keeps, and the edges that they add to."""

    names: Names
    edges: Edges
    channels: Channels


class Behaviour(Protocol):
    """A streaming detector. It is pure: the same events in the same order leave the same state.

    Whether a detection exists, its id and the event that fired it are decided in ``observe``; ``changed`` only says
    it in words. So nothing depends on how often news is collected. A detection that turns out to mean nothing keeps
    its id and gets 0 points; none is ever taken back. ``tests/unit/test_pipeline.py`` holds every behaviour to this.
    """

    @property
    def name(self) -> str:
        """What its part of a snapshot is called; no two behaviours of a pipeline share it."""
        ...

    @property
    def routes(self) -> tuple[Route, ...]:
        """The events that it sees."""
        ...

    def observe(self, event_id: int, event: Event) -> None:
        """Takes one event in."""
        ...

    def changed(self) -> list[Fired]:
        """What fired or has news since the last call."""
        ...

    def renamed(self, place: str) -> None:
        """A place is shown differently from now on: the detections that show it have news."""
        ...

    def snapshot(self) -> bytes:
        """The whole state, news that was not collected included."""
        ...

    def restore(self, state: bytes) -> None:
        """Inverse of :meth:`snapshot`."""
        ...


Maker = Callable[[Context], Behaviour]
"""How a pipeline gets its behaviours: a class that takes the context is one."""
