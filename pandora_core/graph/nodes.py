"""Owns the graph with hosts, users and services as its nodes: typed, timed, weighted ties made of a moment's edges.

The ranking goes on working on moves, with the account as an attribute: a source, a target and an account together are
what is unusual or not. Its walks join hosts by way of accounts (:mod:`pandora_core.graph.closeness`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from pandora_core.errors import NotFoundError
from pandora_core.graph.history import is_control, moves_of
from pandora_core.graph.moment import HALF_LIFE_US, GraphEdge, Moment
from pandora_core.graph.reading import MACHINE, PERSONAL, service_of


class NodeKind(StrEnum):
    """What a node stands for."""

    HOST = "host"
    USER = "user"
    SERVICE = "service"


USED_AT, OFFERED_BY, ADMINISTRATION = "used at", "offered by", "administration"
"""Ties that no single event makes: an account and where its log-ons come from, a service and its host, an account and
a host on which it did what takes administrator rights."""


class Node(NamedTuple):
    """A host by its name, an account, or a service on a host (``smb on FS-1``)."""

    kind: NodeKind
    name: str

    @property
    def key(self) -> str:
        """What people type: a host's bare name, else ``user:anna``, ``service:smb on FS-1``."""
        return self.name if self.kind is NodeKind.HOST else f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Tie:
    """What joins two nodes. ``weight`` halves every week as an edge's does; ``count`` sums the edges' uses."""

    kind: str
    source: Node
    target: Node
    first_us: int
    last_us: int
    count: int
    weight: float
    is_elevated: bool


@dataclass(frozen=True)
class TypedGraph:
    """Nodes and ties of one moment, in order of their names."""

    at_us: int
    nodes: tuple[Node, ...]
    ties: tuple[Tie, ...]

    def of_kind(self, kind: NodeKind) -> tuple[Node, ...]:
        """The nodes of one kind."""
        return tuple(node for node in self.nodes if node.kind is kind)

    def around(self, node: Node) -> tuple[Tie, ...]:
        """A node's ties, the heaviest first."""
        return tuple(sorted(self._by_node[node], key=lambda tie: (-tie.weight, tie.kind, tie.source, tie.target)))

    def node(self, key: str) -> Node:
        """The node of a key, whatever its capitals; a host comes before an account of that name.

        Raises:
            NotFoundError: there is none.
        """
        found = self._by_key.get(key.casefold())
        if found is None:
            raise NotFoundError(f"no node {key!r} in the graph at that time", hint="pandora graph nodes lists them")
        return found

    @cached_property
    def _by_node(self) -> dict[Node, list[Tie]]:
        found: dict[Node, list[Tie]] = {node: [] for node in self.nodes}
        for tie in self.ties:
            for end in {tie.source, tie.target}:
                found[end].append(tie)
        return found

    @cached_property
    def _by_key(self) -> dict[str, Node]:
        hosts_last = sorted(self.nodes, key=lambda node: node.kind is NodeKind.HOST)
        return {node.key.casefold(): node for node in hosts_last}


def host_node(name: str) -> Node:
    """The node of a host."""
    return Node(NodeKind.HOST, name)


def user_node(name: str) -> Node:
    """The node of an account."""
    return Node(NodeKind.USER, name)


def service_node(service: str, host: str) -> Node:
    """The node of a service on a host."""
    return Node(NodeKind.SERVICE, f"{service} on {host}")


def typed(moment: Moment) -> TypedGraph:
    """All nodes of a moment and what joins them: ways between hosts, who logs on and from where, what is used."""
    sums: dict[tuple[str, Node, Node], _Sum] = defaultdict(_Sum)
    for edge in moment.edges:
        for key in _ties_of(edge):
            sums[key].add(edge.first_us, edge.last_us, edge.count, edge.weight, edge.is_elevated)
    for move in moves_of(moment):
        if move.user and (move.actions or is_control(move)):
            weight = 2.0 ** -((moment.at_us - move.first_us) / HALF_LIFE_US)
            administered = sums[ADMINISTRATION, user_node(move.user), host_node(move.target)]
            administered.add(move.first_us, move.first_us, max(len(move.actions), 1), weight, True)
    ties = tuple(sums[key].tie(*key) for key in sorted(sums))
    ends = {end for tie in ties for end in (tie.source, tie.target)}
    return TypedGraph(moment.at_us, tuple(sorted(ends | set(map(host_node, moment.hosts)))), ties)


def counted(nodes: Iterable[Node]) -> dict[NodeKind, int]:
    """How many nodes there are of each kind."""
    found = dict.fromkeys(NodeKind, 0)
    for node in nodes:
        found[node.kind] += 1
    return found


def user_of(edge: GraphEdge) -> str:
    """The account of an edge; none for a machine's own, which is the host itself under another name."""
    return "" if edge.kind == MACHINE else edge.user


def _ties_of(edge: GraphEdge) -> Iterator[tuple[str, Node, Node]]:
    target, service = host_node(edge.target), service_of(edge.kind)
    if edge.source:
        source = host_node(edge.source)
        yield edge.kind, source, target
        if service:
            offered = service_node(service, edge.target)
            yield edge.kind, source, offered
            yield OFFERED_BY, offered, target
    if user_of(edge):
        yield edge.kind, user_node(edge.user), target
        if edge.source and edge.kind in PERSONAL:
            yield USED_AT, user_node(edge.user), host_node(edge.source)


class _Sum:
    """What many edges come to as one tie."""

    def __init__(self) -> None:
        self._first_us, self._last_us = 1 << 62, 0
        self._count, self._weight, self._is_elevated = 0, 0.0, False

    def add(self, first_us: int, last_us: int, count: int, weight: float, is_elevated: bool) -> None:
        self._first_us, self._last_us = min(self._first_us, first_us), max(self._last_us, last_us)
        self._count += count
        self._weight += weight
        self._is_elevated |= is_elevated

    def tie(self, kind: str, source: Node, target: Node) -> Tie:
        return Tie(kind, source, target, self._first_us, self._last_us, self._count, self._weight, self._is_elevated)
