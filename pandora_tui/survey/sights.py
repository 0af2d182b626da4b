"""Owns what the console asks the process that makes the graph, and what it is told: plain data, without SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from pandora_core.model import Severity
from pandora_tui.commands import NODE_MODES

if TYPE_CHECKING:
    from pandora_tui.widgets.raster import Pairs, Points

USER, SERVICE = "user:", "service:"
"""How the names of nodes that are no hosts begin."""

DAYS = (0.5, 1.0, 3.0, 7.0)
_FLOORS = ((16.0, Severity.CRITICAL), (10.0, Severity.HIGH), (6.0, Severity.MEDIUM), (2.5, Severity.LOW))


class Look(msgspec.Struct, frozen=True):
    """What of the graph is wanted: log-ons that hold all words, and which nodes besides hosts."""

    words: str = ""
    nodes: str = NODE_MODES[0]


class Survey(msgspec.Struct, frozen=True, tag=True):
    """The graph as it was at a time, or is now; nothing where it is what picture number ``known`` shows already."""

    at_us: int | None
    known: int
    look: Look


class Again(msgspec.Struct, frozen=True, tag=True):
    """The graph of a time once more, looked at otherwise."""

    at_us: int | None
    look: Look


class About(msgspec.Struct, frozen=True, tag=True):
    """Something about one node: ``walk``, ``blast``, ``paths``, ``plans``, ``circuit`` or ``ties``."""

    what: str
    name: str
    at_us: int | None


Question = Survey | Again | About


class Asked(msgspec.Struct, frozen=True):
    """A question and its number."""

    number: int
    question: Question


class Answer(msgspec.Struct, frozen=True):
    """What came of the question of that number: a body for whoever asked, or why there is none."""

    number: int
    body: msgspec.Raw = msgspec.Raw(b"\xc0")
    problem: str = ""


class ShownMove(msgspec.Struct, frozen=True):
    """A ranked move with its reasons in words, and what each walk says of it in bits."""

    source: str
    target: str
    user: str
    bits: float
    reasons: tuple[str, ...]
    walk_bits: dict[str, float]


class Picture(msgspec.Struct, frozen=True, dict=True):
    """The graph at a moment, ready to be drawn. ``names`` has the hosts first, then accounts and services.

    ``places`` are two float64 a node, ``ties`` two int64 each: joined nodes by number, the most used first. Hosts are
    joined by log-ons; by flows only where one asks for them.
    """

    number: int
    at_us: int
    names: tuple[str, ...]
    host_count: int
    places: bytes
    ties: bytes
    moves: tuple[ShownMove, ...]
    moves_in_all: int
    chains: tuple[tuple[str, float], ...]
    """In words, and how many such are expected by chance."""
    verdict: str
    best_walk: str
    scores: tuple[tuple[str, float], ...]
    """Each walk's surprise at new ways, in bits."""
    jewels: dict[str, str]
    bits: dict[str, float]
    counts: dict[str, int]
    """How many hosts, users and services the graph has, shown or not."""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        return self.names[: self.host_count]

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The number of each node."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def points(self) -> Points:
        """Where nodes stand, one row each; both coordinates within 0–1."""
        import numpy as np

        return np.frombuffer(self.places, dtype=np.float64).reshape(-1, 2)

    @cached_property
    def pairs(self) -> Pairs:
        """Joined nodes, one row each."""
        import numpy as np

        return np.frombuffer(self.ties, dtype=np.int64).reshape(-1, 2)


class Walked(msgspec.Struct, frozen=True, dict=True):
    """Where the quantum walk from a host is at each of ``times``: float32, a row a time, a column a host."""

    host: str
    hosts: tuple[str, ...]
    times: tuple[float, ...]
    chances: bytes
    words: tuple[tuple[str, str], ...]
    """What the quantum walk and the random walk say at each time."""

    def at(self, frame: int) -> dict[str, float]:
        """The chance of every host at one of the times."""
        import numpy as np

        rows = np.frombuffer(self.chances, dtype=np.float32).reshape(len(self.times), -1)
        return dict(zip(self.hosts, rows[frame].tolist(), strict=True))


class ShownRoute(msgspec.Struct, frozen=True):
    """A way to what must not fall; each step's target and evidence."""

    chance: float
    words: str
    steps: tuple[tuple[str, str], ...]


class ShownProposal(msgspec.Struct, frozen=True):
    """What one solver proposes; no cost where it found nothing that leaves no route open."""

    solver: str
    cost: float | None
    is_optimal: bool
    words: str
    is_simulated: bool


class ShownPlans(msgspec.Struct, frozen=True):
    """All solvers' plans, the measures of the one to act upon (none where there is no plan), and its checklist."""

    fallen: tuple[str, ...]
    proposals: tuple[ShownProposal, ...]
    measures: tuple[str, ...] | None
    checklist: str
    reason: str


class ShownTie(msgspec.Struct, frozen=True):
    """What joins a node to another one: ``is_out`` where it leads from it."""

    kind: str
    other: str
    is_out: bool
    count: int
    first_us: int
    last_us: int
    is_elevated: bool


class ShownTies(msgspec.Struct, frozen=True):
    """A node's ties, the heaviest first; ``in_all`` of them there are."""

    name: str
    ties: tuple[ShownTie, ...]
    in_all: int


def label_of(name: str) -> str:
    """A node's name without what says that it is an account or a service; of a service only which it is."""
    if name.startswith(SERVICE):
        return name.removeprefix(SERVICE).partition(" on ")[0]
    return name.removeprefix(USER)


def severity_of_bits(bits: float) -> Severity:
    """How a move is marked: 16 bits of evidence and more are critical. For putting in order; it is no probability."""
    return next((severity for floor, severity in _FLOORS if bits >= floor), Severity.INFORMATIONAL)
