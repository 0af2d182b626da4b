"""Owns what the Network screen has done elsewhere: the graph read, ranked and laid out, walks, and plans.

Everything here but the constructor runs on a thread of an errand; SciPy is imported there and nowhere else.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pandora_core.model import Severity

if TYPE_CHECKING:
    from pandora_core.atlas import Atlas
    from pandora_core.graph.layout import Position
    from pandora_core.graph.moment import Moment
    from pandora_core.graph.paths import Route
    from pandora_core.graph.ranking import RankedMove, Ranking
    from pandora_core.quantum.jobs.work import WalkWork
    from pandora_core.quantum.plans.containing import Proposals
    from pandora_core.quantum.walks.spreading import Spread
    from pandora_tui.raster import Pairs, Points

SWITCH_S = 0.0005
"""After so long a thread that computes lets another one on. With Python's 5 ms a key that is answered in twenty short
turns waits a tenth of a second for them while the graph is made."""

DAYS = (0.5, 1.0, 3.0, 7.0)
ROUTES = 5
_FLOORS = ((16.0, Severity.CRITICAL), (10.0, Severity.HIGH), (6.0, Severity.MEDIUM), (2.5, Severity.LOW))


@dataclass(frozen=True, slots=True)
class Picture:
    """The graph at a moment, ready to be drawn. ``pairs`` are joined hosts by number, the most used first.

    Hosts are joined by log-ons; by flows only where one asks for them (:func:`only`).
    """

    moment: Moment
    ranking: Ranking
    jewels: Mapping[str, str]
    positions: Mapping[str, Position]
    points: Points
    pairs: Pairs
    bits: Mapping[str, float]
    index: Mapping[str, int]
    event_id: int

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.moment.hosts

    @property
    def moves(self) -> tuple[RankedMove, ...]:
        return self.ranking.moves


def severity_of_bits(bits: float) -> Severity:
    """How a move is marked: 16 bits of evidence and more are critical. For putting in order; it is no probability."""
    return next((severity for floor, severity in _FLOORS if bits >= floor), Severity.INFORMATIONAL)


class Surveyor:
    """The graph of one data folder; opens its store at the first survey."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._opened = contextlib.ExitStack()
        self._atlas: Atlas | None = None
        self._is_closed = False
        sys.setswitchinterval(SWITCH_S)

    def survey(self, at_us: int | None, before: Picture | None) -> Picture | None:
        """The graph as it was at a time, or is now; ``None`` where that is what ``before`` shows already."""
        from pandora_core import bootstrap
        from pandora_core.atlas import Atlas
        from pandora_core.store.graphs import GraphStore

        with self._lock:
            if self._is_closed:
                return None
            if self._atlas is None:
                store = self._opened.enter_context(bootstrap.opened(self._data))
                self._atlas = Atlas(GraphStore(store))
            taken = self._atlas.catch_up(bootstrap.now_us())
            if before is not None and not taken and at_us is None and before.event_id >= 0:
                return None
            moment = self._atlas.moment(at_us)
            jewels = {jewel.host: jewel.why for jewel in self._atlas.jewels(moment)}
            number = self._atlas.event_id if at_us is None else -1
        return picture_of(moment, jewels, number, before.positions if before else None)

    def close(self) -> None:
        """Let go of the store; a survey under way is finished first."""
        with self._lock:
            self._is_closed = True
            self._opened.close()


def picture_of(
    moment: Moment, jewels: Mapping[str, str], event_id: int, before: Mapping[str, Position] | None = None
) -> Picture:
    """Ranks and lays out a moment; hosts that stood somewhere before stay about there."""
    import numpy as np

    from pandora_core.atlas import ranking_of
    from pandora_core.graph.layout import layout
    from pandora_core.graph.reading import FLOWS

    ranking = ranking_of(moment)
    positions = layout(moment.hosts, moment.adjacency({edge.kind for edge in moment.edges}), before)
    points = np.array([positions[host] for host in moment.hosts]).reshape(-1, 2)
    bits = {one.host: one.bits for one in ranking.hosts}
    pairs = np.array(_pairs(moment, without=FLOWS), dtype=np.int64).reshape(-1, 2)
    return Picture(moment, ranking, jewels, positions, points, pairs, bits, moment.index(), event_id)


def _pairs(moment: Moment, without: frozenset[str] = frozenset()) -> list[tuple[int, int]]:
    """Joined hosts: first the strongest tie of every host, then the second of each: a few of them show the whole."""
    index = moment.index()
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for edge in moment.edges:
        if edge.source and edge.kind not in without:
            one, other = sorted((index[edge.source], index[edge.target]))
            weights[one, other] += edge.weight
    seen: Counter[int] = Counter()
    places = {}
    for pair in sorted(weights, key=lambda pair: (-weights[pair], pair)):
        places[pair] = min(seen[pair[0]], seen[pair[1]])
        seen.update(pair)
    return sorted(places, key=lambda pair: (places[pair], weights[pair], pair))


def only(picture: Picture, words: str) -> Picture:
    """Log-ons, flows and moves whose account and kinds hold every word; hosts, marks and layout stay as they are."""
    import numpy as np

    wanted = words.casefold().split()
    edges = [e for e in picture.moment.edges if _holds(wanted, e.user, (e.kind,))]
    moves = tuple(one for one in picture.moves if _holds(wanted, one.move.user, one.move.kinds))
    pairs = np.array(_pairs(replace(picture.moment, edges=tuple(edges))), dtype=np.int64).reshape(-1, 2)
    verdict = picture.ranking.verdict or ("" if moves else f"no ranked move holds {words!r}")
    return replace(picture, pairs=pairs, ranking=replace(picture.ranking, moves=moves, verdict=verdict))


def _holds(wanted: Iterable[str], user: str, kinds: Iterable[str]) -> bool:
    text = " ".join((user, *kinds)).casefold()
    return all(word in text for word in wanted)


def spread(picture: Picture, host: str) -> Spread:
    """The walks from a host, step by step."""
    from pandora_core.quantum.walks.spreading import spread_of

    return spread_of(picture.moment, host)


def blast(picture: Picture, host: str) -> dict[str, tuple[float, ...]]:
    """The chance that each host is lost within half a day, one, three and seven days if this one falls."""
    from pandora_core.graph.paths import blast_radius, steps_of

    return {one.host: one.chances for one in blast_radius(steps_of(picture.moment), [host], DAYS)}


def paths(picture: Picture, host: str) -> tuple[Route, ...]:
    """The likeliest routes from a host to what must not fall."""
    from pandora_core.graph.paths import routes, steps_of

    return routes(steps_of(picture.moment), host, sorted(picture.jewels), ROUTES)


def circuit(picture: Picture, host: str) -> WalkWork:
    """The walk among the sixteen hosts around one, as the work of a quantum job."""
    from pandora_core.quantum.jobs.walk_task import task_of, work_of

    return work_of(task_of(picture.moment, host))


def plans(picture: Picture, host: str) -> Proposals:
    """What to cut if a host has fallen, by every solver."""
    from pandora_core.graph.paths import steps_of
    from pandora_core.quantum.plans.containing import propose

    return propose(picture.moment, steps_of(picture.moment), [host], sorted(picture.jewels))
