"""Owns the graph of one moment as the survey's process keeps it, and every picture and answer that is made of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pandora_core.atlas import host_of, ranking_of
from pandora_core.graph.containment import checklist
from pandora_core.graph.layout import Position, beside, layout
from pandora_core.graph.moment import GraphEdge, Moment
from pandora_core.graph.nodes import (
    Node,
    NodeKind,
    TypedGraph,
    host_node,
    service_node,
    typed,
    user_node,
    user_of,
)
from pandora_core.graph.paths import Step, blast_radius, routes, steps_of
from pandora_core.graph.ranking import RankedMove, Ranking
from pandora_core.graph.reading import FLOWS, service_of
from pandora_core.quantum.jobs.walk_task import task_of, work_of
from pandora_core.quantum.jobs.work import WalkWork
from pandora_core.quantum.plans.containing import propose
from pandora_core.quantum.walks.spreading import spread_of
from pandora_tui.commands import NODE_MODES
from pandora_tui.survey.sights import (
    DAYS,
    Look,
    Picture,
    ShownMove,
    ShownPlans,
    ShownProposal,
    ShownRoute,
    ShownTie,
    ShownTies,
    Walked,
)

MAX_MOVES = 500
"""So many ranked moves are shown; ``pandora graph rank`` lists them all."""

MAX_TIES = 100
ROUTES = 5
_NEAR = 3


@dataclass(frozen=True)
class Whole:
    """A moment, ranked and laid out."""

    number: int
    moment: Moment
    ranking: Ranking
    jewels: Mapping[str, str]
    positions: Mapping[str, Position]

    @classmethod
    def of(
        cls,
        number: int,
        moment: Moment,
        jewels: Mapping[str, str],
        before: Mapping[str, Position] | None = None,
    ) -> Whole:
        """Ranks and lays out a moment; hosts that stood somewhere before stay about there."""
        positions = layout(moment.hosts, moment.adjacency({edge.kind for edge in moment.edges}), before)
        return cls(number, moment, ranking_of(moment), jewels, positions)

    def picture(self, look: Look) -> Picture:
        """Log-ons, flows and moves whose account, kind and service hold every word; hosts, marks and layout stay."""
        wanted = look.words.casefold().split()
        edges = [edge for edge in self.moment.edges if _holds(wanted, edge.user, (edge.kind,))]
        moves = [one for one in self.ranking.moves if _holds(wanted, one.move.user, one.move.kinds)]
        shown = edges if wanted else [edge for edge in edges if edge.kind not in FLOWS]
        others = self._others(shown, look.nodes)
        index = {node: number for number, node in enumerate((*map(host_node, self.moment.hosts), *others))}
        places = [*(self.positions[host] for host in self.moment.hosts), *others.values()]
        pairs = _pairs(((index[one], index[other], w) for one, other, w in _drawn(shown, look.nodes)))
        verdict = self.ranking.verdict or ("" if moves else f"no ranked move holds {look.words!r}")
        contest = self.ranking.contest
        return Picture(
            number=self.number,
            at_us=self.moment.at_us,
            names=tuple(node.key for node in index),
            host_count=len(self.moment.hosts),
            places=np.array(places, dtype=np.float64).tobytes(),
            ties=np.array(pairs, dtype=np.int64).tobytes(),
            moves=tuple(map(_shown, moves[:MAX_MOVES])),
            moves_in_all=len(moves),
            chains=tuple((chain.words, chain.by_chance) for chain in self.ranking.chains),
            verdict=verdict,
            best_walk=contest.best,
            scores=tuple((score.walk, score.bits) for score in contest.scores),
            jewels=dict(self.jewels),
            bits=self._bits(others),
            counts=self._counts,
        )

    def walk(self, name: str) -> Walked:
        """The walks from a host, step by step."""
        spread = spread_of(self.moment, host_of(self.moment, name))
        words = tuple(spread.words(frame) for frame in range(len(spread.times)))
        chances = np.asarray(spread.quantum, dtype=np.float32).tobytes()
        return Walked(spread.host, spread.hosts, spread.times, chances, words)

    def blast(self, name: str) -> dict[str, tuple[float, ...]]:
        """The chance that each host is lost within half a day, one, three and seven days if this one falls."""
        return {one.host: one.chances for one in blast_radius(self._steps, [host_of(self.moment, name)], DAYS)}

    def paths(self, name: str) -> tuple[ShownRoute, ...]:
        """The likeliest routes from a host to what must not fall."""
        found = routes(self._steps, host_of(self.moment, name), sorted(self.jewels), ROUTES)
        return tuple(
            ShownRoute(one.chance, one.words, tuple((s.target, s.evidence) for s in one.steps)) for one in found
        )

    def plans(self, name: str) -> ShownPlans:
        """What to cut if a host has fallen, by every solver."""
        found = propose(self.moment, self._steps, [host_of(self.moment, name)], sorted(self.jewels))
        proposals = tuple(
            ShownProposal(
                one.solver,
                one.plan.cost if one.plan else None,
                one.plan is not None and one.plan.is_optimal,
                one.words,
                one.is_simulated,
            )
            for one in found.proposals
        )
        served = found.served
        measures = None if served is None else tuple(f"{m.kind}: {m.name}" for m in served.measures)
        return ShownPlans(found.fallen, proposals, measures, checklist(served) if served else "", found.reason)

    def circuit(self, name: str) -> WalkWork:
        """The walk among the sixteen hosts around one, as the work of a quantum job."""
        return work_of(task_of(self.moment, host_of(self.moment, name)))

    def ties(self, name: str) -> ShownTies:
        """What joins a host, an account or a service to others."""
        node = self._typed.node(name)
        around = self._typed.around(node)
        return ShownTies(
            node.key,
            tuple(
                ShownTie(
                    tie.kind,
                    (tie.target if tie.source == node else tie.source).key,
                    tie.source == node,
                    tie.count,
                    tie.first_us,
                    tie.last_us,
                    tie.is_elevated,
                )
                for tie in around[:MAX_TIES]
            ),
            len(around),
        )

    @cached_property
    def _typed(self) -> TypedGraph:
        return typed(self.moment)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return tuple(steps_of(self.moment))

    @cached_property
    def _counts(self) -> dict[str, int]:
        moment = self.moment
        users = {user_of(edge) for edge in moment.edges} - {""}
        many = len(moment.hosts), len(users), len(moment.services())
        return {str(kind): count for kind, count in zip(NodeKind, many, strict=True)}

    def _others(self, edges: Iterable[GraphEdge], mode: str) -> dict[Node, Position]:
        """Accounts and services of some edges, and where they stand: amid the hosts they are most used on."""
        near: dict[Node, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for edge in edges:
            for node in _nodes_of(edge, mode):
                near[node][edge.target] += edge.weight
                if node.kind is NodeKind.USER and edge.source:
                    near[node][edge.source] += edge.weight
        order = sorted(near)
        most = [sorted(near[node], key=lambda host: (-near[node][host], host))[:_NEAR] for node in order]
        hosts = [[self.positions[host] for host in chosen] for chosen in most]
        return dict(zip(order, beside(hosts, [node.key for node in order]), strict=True))

    def _bits(self, others: Iterable[Node]) -> dict[str, float]:
        """The evidence of each host, and of each account that is shown that of its strongest move."""
        found = {one.host: one.bits for one in self.ranking.hosts}
        shown = set(others)
        for one in reversed(self.ranking.moves):
            node = user_node(one.move.user)
            if node in shown:
                found[node.key] = one.bits
        return found


def _nodes_of(edge: GraphEdge, mode: str) -> Iterator[Node]:
    """The account and the service of an edge, as far as they are to be shown."""
    if mode in (NODE_MODES[1], NODE_MODES[3]) and user_of(edge):
        yield user_node(edge.user)
    if mode in (NODE_MODES[2], NODE_MODES[3]) and edge.source and service_of(edge.kind):
        yield service_node(service_of(edge.kind), edge.target)


def _drawn(edges: Iterable[GraphEdge], mode: str) -> Iterator[tuple[Node, Node, float]]:
    """What is joined on the screen: hosts with each other, by way of the service where services are shown."""
    for edge in edges:
        source, target = host_node(edge.source), host_node(edge.target)
        by_service = False
        for node in _nodes_of(edge, mode):
            yield node, target, edge.weight
            if node.kind is NodeKind.SERVICE:
                by_service = True
                yield source, node, edge.weight
        if edge.source and not by_service:
            yield source, target, edge.weight


def _pairs(joined: Iterable[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """Joined nodes: first the strongest tie of every node, then the second of each: a few of them show the whole."""
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for one, other, weight in joined:
        weights[min(one, other), max(one, other)] += weight
    seen: Counter[int] = Counter()
    places = {}
    for pair in sorted(weights, key=lambda pair: (-weights[pair], pair)):
        places[pair] = min(seen[pair[0]], seen[pair[1]])
        seen.update(pair)
    return sorted(places, key=lambda pair: (places[pair], weights[pair], pair))


def _shown(one: RankedMove) -> ShownMove:
    move = one.move
    return ShownMove(move.source, move.target, move.user, one.bits, one.reasons, dict(one.walk_bits))


def _holds(wanted: Iterable[str], user: str, kinds: Iterable[str]) -> bool:
    """Whether every word is in the account, a kind or a service, or in the one that it names before a colon."""
    kinds = tuple(kinds)
    told = {"user": user, "kind": " ".join(kinds), "service": " ".join(map(service_of, kinds))}
    told = {name: text.casefold() for name, text in told.items()}
    for word in wanted:
        name, colon, rest = word.partition(":")
        texts = (told[name],) if colon and name in told else tuple(told.values())
        if not any((rest if colon and name in told else word) in text for text in texts):
            return False
    return True
