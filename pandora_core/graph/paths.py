"""Owns likely ways of an intruder through the graph: to the crown jewels, and how far within what time.

A step from one host to another is as likely as there is evidence that somebody at the first can log on to the second.
Somebody in control of a host can use every account that was seen there, and each way that those accounts took.
Chances are estimates from log-ons, for putting in order; they know nothing of vulnerabilities.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from pandora_core.detect.words import amount, listed
from pandora_core.graph.history import Move, moves_of
from pandora_core.graph.moment import Moment
from pandora_core.graph.reading import LOCAL, NEW_CREDENTIALS, REMOTE_DESKTOP, SSH

HALF_DAY_RATE = 0.5
"""Chance a half day that an intruder takes a way that is open, used daily and gives administrator rights."""

_OWN_WAY, _FOUND_ACCOUNT, _NO_RIGHTS = 1.0, 0.5, 0.4
_LEAVES_CREDENTIALS = frozenset({REMOTE_DESKTOP, SSH})  # a log-on over the network leaves none behind
_MANY_SOURCES = 8
_HYPERVISOR = ("esx", "hyperv", "hyper-v", "vcenter", "vsphere", "proxmox", "xen", "kvm")


@dataclass(frozen=True, slots=True)
class Step:
    """A step that an intruder may take, how likely, and what was seen that says so."""

    source: str
    target: str
    user: str
    chance: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Route:
    """Steps from a host to a crown jewel; ``chance`` is that all of them succeed."""

    steps: tuple[Step, ...]
    chance: float

    @property
    def words(self) -> str:
        """``WS-5 → SRV-1 (as admin) → DC-1 (as admin)``."""
        hops = (f"{step.target} (as {step.user or '?'})" for step in self.steps)
        return " → ".join((self.steps[0].source, *hops))


@dataclass(frozen=True, slots=True)
class Jewel:
    """A host that must not fall, and why it is thought to be one."""

    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The chance that a host is lost within each of the times asked for."""

    host: str
    chances: tuple[float, ...]


def jewels_of(moment: Moment, tagged: Iterable[str] = ()) -> tuple[Jewel, ...]:
    """Tagged hosts; inferred domain controllers, file servers and hypervisors."""
    found = {host: Jewel(host, "tagged") for host in tagged}
    sources: dict[str, set[str]] = defaultdict(set)
    for edge in moment.edges:
        if edge.kind == "share":
            sources[edge.target].add(edge.source)
    for host in moment.hosts:
        if host in moment.controllers:
            found.setdefault(host, Jewel(host, "domain controller: it gives tickets or validates log-ons"))
        elif len(sources[host]) >= _MANY_SOURCES:
            found.setdefault(host, Jewel(host, f"file server: {amount(len(sources[host]), 'host')} use its shares"))
        elif any(word in host.casefold() for word in _HYPERVISOR):
            found.setdefault(host, Jewel(host, "hypervisor, by its name"))
    return tuple(found[host] for host in sorted(found))


def steps_of(moment: Moment) -> tuple[Step, ...]:
    """For any two hosts and each account the likeliest step, if there is one."""
    best: dict[tuple[str, str, str], Step] = {}
    moves = moves_of(moment)
    for step in (*map(_own_step, moves), *_found_steps(moment, moves)):
        key = (step.source, step.target, step.user)
        if key not in best or step.chance > best[key].chance:
            best[key] = step
    return tuple(best[key] for key in sorted(best))


def routes(steps: Iterable[Step], start: str, goals: Iterable[str], limit: int = 5) -> tuple[Route, ...]:
    """The ``limit`` likeliest routes without circles from a host to any goal, best first, on −log of the chance.

    Every further route leaves one that was found at some host: the likeliest way on from there that no found route
    with the same beginning took (Yen, Management Science 17, 712, 1971).
    """
    from_, ends, order = _by_source(steps), frozenset(goals) - {start}, count()
    queue: list[tuple[float, int, tuple[Step, ...]]] = []
    known: set[tuple[Step, ...]] = set()
    found: list[tuple[Step, ...]] = []

    def propose(beginning: tuple[Step, ...], taken: Collection[Step]) -> None:
        here = beginning[-1].target if beginning else start
        rest = _cheapest(from_, here, ends, {start, *(step.target for step in beginning)}, taken)
        if rest is not None and beginning + rest not in known:
            known.add(beginning + rest)
            heapq.heappush(queue, (_cost(beginning + rest), next(order), beginning + rest))

    propose((), ())
    while queue and len(found) < limit:
        route = heapq.heappop(queue)[2]
        found.append(route)
        for place in range(len(route)):
            propose(route[:place], [other[place] for other in found if other[:place] == route[:place]])
    return tuple(Route(route, math.exp(-_cost(route))) for route in found)


def _cheapest(
    from_: Mapping[str, list[Step]], start: str, ends: Collection[str], been: Collection[str], taken: Collection[Step]
) -> tuple[Step, ...] | None:
    """Dijkstra's way to the nearest end, through no host of ``been`` and beginning with no step of ``taken``."""
    queue: list[tuple[float, str]] = [(0.0, start)]
    costs, came_by, done = {start: 0.0}, dict[str, Step](), set[str]()
    while queue:
        cost, here = heapq.heappop(queue)
        if here in ends:
            return _traced(came_by, start, here)
        if here in done:
            continue
        done.add(here)
        for step in from_.get(here, ()):
            further = cost - math.log(step.chance)
            if step.target in been or (here == start and step in taken):
                continue
            if further < costs.get(step.target, math.inf):
                costs[step.target], came_by[step.target] = further, step
                heapq.heappush(queue, (further, step.target))
    return None


def _traced(came_by: Mapping[str, Step], start: str, end: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    while end != start:
        steps.append(came_by[end])
        end = came_by[end].source
    return tuple(reversed(steps))


def _cost(route: Iterable[Step]) -> float:
    return -sum(math.log(step.chance) for step in route)


def blast_radius(
    steps: Iterable[Step], fallen: Iterable[str], days: Iterable[float] = (0.5, 1, 3, 7)
) -> tuple[Reach, ...]:
    """What may be lost if these hosts fall: the chance of each other host within so many days, the likeliest first.

    Every half day each way out of a lost host succeeds with its chance times :data:`HALF_DAY_RATE`. Ways are taken as
    independent, which makes the chances slightly too high where they share hosts.
    """
    known = tuple(step for from_ in _by_source(steps).values() for step in from_)
    hosts = sorted({host for step in known for host in (step.source, step.target)} | set(fallen))
    index = {host: number for number, host in enumerate(hosts)}
    sources = np.array([index[step.source] for step in known], dtype=np.int64)
    targets = np.array([index[step.target] for step in known], dtype=np.int64)
    rates = np.array([step.chance * HALF_DAY_RATE for step in known])
    lost = np.zeros(len(hosts))
    lost[[index[host] for host in fallen]] = 1
    half_days = [max(round(2 * day), 1) for day in days]
    states = _spread(lost, sources, targets, rates, max(half_days))
    chances = np.array([states[number] for number in half_days])
    reaches = (Reach(host, tuple(round(float(c), 4) for c in chances[:, index[host]])) for host in hosts)
    beyond = [reach for reach in reaches if reach.host not in set(fallen) and reach.chances[-1] > 0]
    return tuple(sorted(beyond, key=lambda reach: (-reach.chances[-1], reach.host)))


def _spread(
    lost: NDArray[np.float64],
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    rates: NDArray[np.float64],
    half_days: int,
) -> list[NDArray[np.float64]]:
    states = [lost]
    for _ in range(half_days):
        now = states[-1]
        safe = np.bincount(targets, np.log1p(-np.minimum(now[sources] * rates, 1 - 1e-12)), len(now))
        states.append(1 - (1 - now) * np.exp(safe))
    return states


def _own_step(move: Move) -> Step:
    """A way that was taken: likelier the oftener, and with administrator rights."""
    chance = _habit(len(move.hours)) * (_OWN_WAY if move.is_elevated else _NO_RIGHTS)
    rights = " with administrator rights" if move.is_elevated else ""
    evidence = f"{move.user or 'somebody'} logged on from there in {amount(len(move.hours), 'hour')}{rights}"
    return Step(move.source, move.target, move.user, chance, f"{evidence}: {listed(move.kinds, 3)}")


def _found_steps(moment: Moment, moves: Iterable[Move]) -> Iterable[Step]:
    """An account found at a host where it was used may be taken along its ways from elsewhere."""
    seen: dict[str, set[str]] = defaultdict(set)
    by_user: dict[str, list[Move]] = defaultdict(list)
    for edge in moment.edges:
        if edge.kind in (LOCAL, NEW_CREDENTIALS):
            seen[edge.user].add(edge.target)
    for move in moves:
        if move.user:
            by_user[move.user].append(move)
            if not _LEAVES_CREDENTIALS.isdisjoint(move.kinds):
                seen[move.user].add(move.target)
    for user, ways in by_user.items():
        for way in _strongest(ways):
            for host in seen[user] - {way.source, way.target}:
                own = _own_step(way)
                evidence = f"{user} was used on {host}, and logged on to {way.target} from {way.source}"
                yield Step(host, way.target, user, own.chance * _FOUND_ACCOUNT, evidence)


def _strongest(ways: Iterable[Move]) -> Iterable[Move]:
    """The best way of an account to each target."""
    best: dict[str, Move] = {}
    for way in ways:
        known = best.get(way.target)
        if known is None or _own_step(way).chance > _own_step(known).chance:
            best[way.target] = way
    return best.values()


def _habit(hours: int) -> float:
    return 1 - 0.6 / (1 + math.log2(max(hours, 1)))


def _by_source(steps: Iterable[Step]) -> Mapping[str, list[Step]]:
    """The likeliest step to each host from each."""
    best: dict[tuple[str, str], Step] = {}
    for step in steps:
        known = best.get((step.source, step.target))
        if known is None or (-step.chance, step.user) < (-known.chance, known.user):
            best[step.source, step.target] = step
    from_: dict[str, list[Step]] = defaultdict(list)
    for step in best.values():
        from_[step.source].append(step)
    return from_
