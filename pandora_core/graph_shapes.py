"""Owns the JSON of the network graph for every face: moves, hosts, routes and plans; documented in docs/cli.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pandora_core.graph.chains import Chain
from pandora_core.graph.closeness import Contest
from pandora_core.graph.containment import Measure, Plan
from pandora_core.graph.history import Move
from pandora_core.graph.moment import GraphEdge, Moment
from pandora_core.graph.nodes import Node, Tie, typed
from pandora_core.graph.paths import Jewel, Reach, Route, Step
from pandora_core.graph.ranking import RankedHost, RankedMove, Ranking
from pandora_core.model import HOUR_US, iso
from pandora_core.quantum.plans.containing import Proposal, Proposals
from pandora_core.quantum.walks.spreading import Beside

Shape = dict[str, Any]


def ranking(found: Ranking, at: Moment, limit: int | None = None) -> Shape:
    """The moves in order, the hosts and chains among them, and which walk foretold better."""
    return {
        "items": [ranked_move(one) for one in found.moves[:limit]],
        "next": None,
        "at": iso(at.at_us),
        "verdict": found.verdict or None,
        "contest": contest(found.contest),
        "hosts": [ranked_host(one) for one in found.hosts[:limit]],
        "chains": [chain(one) for one in found.chains[:limit]],
    }


def ranked_move(one: RankedMove) -> Shape:
    """A move with its evidence, part by part."""
    return {
        **move(one.move),
        "bits": one.bits,
        "parts": [{"name": part.name, "bits": part.bits, "words": part.words} for part in one.parts],
        "reasons": list(one.reasons),
        "walks": dict(one.walk_bits),
        "as_strong_before": one.as_strong,
        "log_ons_before": one.log_ons_before,
    }


def move(found: Move) -> Shape:
    """An account's way from one host to another."""
    return {
        "source": found.source,
        "target": found.target,
        "user": found.user or None,
        "kinds": list(found.kinds),
        "first_seen": iso(found.first_us),
        "last_seen": iso(found.last_us),
        "count": found.count,
        "administrator": found.is_elevated,
        "actions": list(found.actions),
    }


def ranked_host(one: RankedHost) -> Shape:
    """A host by the moves to and from it."""
    return {"host": one.host, "bits": one.bits, "reasons": list(one.reasons), "standing": dict(one.standing)}


def chain(found: Chain) -> Shape:
    """Moves that lead on from one another."""
    return {
        "words": found.words,
        "bits": round(found.bits, 2),
        "expected_by_chance": found.by_chance,
        "new_credentials": found.has_new_credentials,
        "moves": [move(one) for one in found.moves],
    }


def contest(found: Contest) -> Shape:
    """The walks on the same new ways of the same history."""
    scores = [{"walk": s.walk, "bits": s.bits, "low": s.low, "high": s.high} for s in found.scores]
    return {"used": found.best, "trials": found.trials, "scores": scores, "words": found.words}


def edge(found: GraphEdge) -> Shape:
    """An edge of the graph; ``source`` is null for what happened at the target itself."""
    return {
        "kind": found.kind,
        "source": found.source or None,
        "target": found.target,
        "user": found.user or None,
        "first_seen": iso(found.first_us),
        "last_seen": iso(found.last_us),
        "count": found.count,
        "weight": round(found.weight, 4),
        "administrator": found.is_elevated,
    }


def jewel(found: Jewel) -> Shape:
    """A host that must not fall."""
    return {"host": found.host, "why": found.why}


def route(found: Route) -> Shape:
    """Steps, and the chance that all of them succeed."""
    return {"words": found.words, "chance": found.chance, "steps": [step(one) for one in found.steps]}


def step(found: Step) -> Shape:
    """A step that may be taken, and what says so."""
    return {
        "source": found.source,
        "target": found.target,
        "user": found.user or None,
        "chance": found.chance,
        "evidence": found.evidence,
    }


def reach(found: Reach, days: Iterable[float]) -> Shape:
    """The chance that a host is lost within each of some days."""
    within = [{"days": day, "chance": c} for day, c in zip(days, found.chances, strict=True)]
    return {"host": found.host, "within": within}


def walks(found: Beside, hosts: Iterable[str] | None = None) -> list[Shape]:
    """Each walk from the same host on the same graph: its chances of some hosts, or of its ten likeliest."""
    chosen = None if hosts is None else tuple(hosts)
    shapes = []
    for name, chances in found.by_walk.items():
        order = sorted(chances, key=lambda host: (-chances[host], host))
        shown = [host for host in order if host != found.host][:10] if chosen is None else chosen
        shapes.append(
            {
                "walk": name,
                "from": found.host,
                "chances": [{"host": host, "chance": chances.get(host, 0.0)} for host in shown],
            }
        )
    return shapes


def proposals(found: Proposals) -> Shape:
    """All solvers' plans, and the one to act upon."""
    return {
        "fallen": list(found.fallen),
        "jewels": list(found.jewels),
        "items": [proposal(one) for one in found.proposals],
        "next": None,
        "served": plan(found.served),
        "reason": found.reason,
    }


def proposal(found: Proposal) -> Shape:
    """What one solver proposes; ``plan`` is null where it leaves a route open."""
    return {
        "solver": found.solver,
        "simulated": found.is_simulated,
        "words": found.words,
        "plan": plan(found.plan),
    }


def plan(found: Plan | None) -> Shape | None:
    """What to do, and what it costs the business."""
    if found is None:
        return None
    return {"cost": found.cost, "optimal": found.is_optimal, "measures": [measure(one) for one in found.measures]}


def measure(found: Measure) -> Shape:
    """One thing to do."""
    return {"kind": found.kind.value, "name": found.name, "cost": found.cost}


def node(found: Node, around: Sequence[Tie]) -> Shape:
    """A host, a user or a service, and how much it is used."""
    return {
        "node": found.key,
        "kind": str(found.kind),
        "name": found.name,
        "ties": len(around),
        "count": sum(tie.count for tie in around),
        "first_seen": iso(min(one.first_us for one in around)) if around else None,
        "last_seen": iso(max(one.last_us for one in around)) if around else None,
    }


def tie(found: Tie) -> Shape:
    """What joins two nodes."""
    return {
        "kind": found.kind,
        "source": found.source.key,
        "target": found.target.key,
        "first_seen": iso(found.first_us),
        "last_seen": iso(found.last_us),
        "count": found.count,
        "weight": round(found.weight, 4),
        "administrator": found.is_elevated,
    }


def graph(at: Moment) -> Shape:
    """The whole graph as it was at a moment: typed nodes and ties, and the edges that the ranking works on."""
    nodes = typed(at)
    return {
        "at": iso(at.at_us),
        "since": iso(at.since_us),
        "hosts": [{"host": host, "controller": host in at.controllers} for host in at.hosts],
        "users": list(at.users()),
        "services": [{"service": service, "host": host} for service, host in at.services()],
        "nodes": [node(one, nodes.around(one)) for one in nodes.nodes],
        "ties": [tie(one) for one in nodes.ties],
        "edges": [{**edge(one), "hours": [iso(hour * HOUR_US) for hour in one.hours]} for one in at.edges],
    }
