"""Owns where hosts stand when the graph is drawn: the same every time, and hardly moved by what is added.

Layers by role (what everybody uses on the right, who uses it on the left), then springs: connected hosts attract, all
hosts repel (Fruchterman and Reingold, Software: Practice and Experience 21, 1129, 1991). Repulsion is taken from the
centres of a grid's cells instead of from every host, which makes a step quick. No chance is involved: a host that
was not there before begins near its neighbours, at an angle made of its name.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Points = NDArray[np.float64]
Ends = tuple[NDArray[np.int32], NDArray[np.int32]]

FIRST_STEPS, NEXT_STEPS = 50, 5
_GRID = 14
_LAYER_PULL = 0.6
_GOLDEN = math.pi * (3 - math.sqrt(5))


class Position(NamedTuple):
    """Where a host stands; both coordinates within 0–1."""

    x: float
    y: float


def layout(
    hosts: Sequence[str], adjacency: sp.csr_array, before: Mapping[str, Position] | None = None
) -> dict[str, Position]:
    """Positions of all hosts; ``adjacency`` has a row and a column for each, in their order.

    Hosts that ``before`` knows begin there and move little, so that a frame looks like the one before it.
    """
    if not hosts:
        return {}
    arcs = sp.coo_array(adjacency)
    rows, columns = arcs.coords
    ends = (rows[rows != columns], columns[rows != columns])
    depth = _depth(len(hosts), *ends)
    known = before or {}
    points = _begin(hosts, depth, ends, known)
    is_new = np.array([host not in known for host in hosts])
    is_first = bool(is_new.mean() > 0.5)
    points = _relax(points, depth, ends, is_new | is_first, FIRST_STEPS if is_first else NEXT_STEPS)
    if is_first:
        points = _fitted(points)
    clipped = np.clip(points, 0, 1)
    return {host: Position(float(x), float(y)) for host, (x, y) in zip(hosts, clipped, strict=True)}


def beside(hosts: Sequence[Sequence[Position]], names: Sequence[str], distance: float = 0.02) -> list[Position]:
    """Where accounts and services stand: amid the hosts that each is tied to, a little aside by its name.

    Hosts are not moved by them, so that showing them changes nothing else of the picture.
    """
    found = []
    for near, name in zip(hosts, names, strict=True):
        angle = (zlib.crc32(name.encode()) % 360) * math.pi / 180
        x, y = (sum(place[axis] for place in near) / max(len(near), 1) for axis in (0, 1))
        x, y = x + distance * math.cos(angle), y + distance * math.sin(angle)
        found.append(Position(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)))
    return found


def _depth(size: int, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> Points:
    """0 for a host that only logs on to others, 1 for one that is only logged on to; a half where neither is so."""
    out, into = np.bincount(rows, minlength=size), np.bincount(columns, minlength=size)
    return (into + 0.5) / (into + out + 1.0)


def _begin(
    hosts: Sequence[str],
    depth: Points,
    ends: Ends,
    known: Mapping[str, Position],
) -> Points:
    order = {number: place for place, number in enumerate(sorted(range(len(hosts)), key=lambda n: hosts[n]))}
    turns = np.array([order[number] for number in range(len(hosts))]) * _GOLDEN
    points = np.column_stack([0.1 + 0.8 * depth, 0.5 + 0.45 * np.sin(turns)])
    is_known = np.array([host in known for host in hosts])
    if is_known.any():
        points[is_known] = [known[host] for host in hosts if host in known]
        both = np.concatenate([ends[0], ends[1]]), np.concatenate([ends[1], ends[0]])
        from_known = is_known[both[1]]
        mine, theirs = both[0][from_known], both[1][from_known]
        many = np.bincount(mine, minlength=len(hosts))
        for number in np.flatnonzero(~is_known & (many > 0)).tolist():
            angle = (zlib.crc32(hosts[number].encode()) % 360) * math.pi / 180
            beside = 0.03 * np.array([math.cos(angle), math.sin(angle)])
            points[number] = points[theirs[mine == number]].mean(axis=0) + beside
    return points


def _relax(
    points: Points,
    depth: Points,
    ends: Ends,
    moves: NDArray[np.bool_],
    steps: int,
) -> Points:
    """Springs, with less and less movement; hosts that stood before move a twentieth of what new ones do."""
    size = len(points)
    length = 0.6 / math.sqrt(size)
    degree = 1 + np.bincount(ends[0], minlength=size) + np.bincount(ends[1], minlength=size)
    share = np.where(moves, 1.0, 0.05)[:, None]
    for step in range(steps):
        force = _repulsion(points, length) + _attraction(points, ends, degree, length)
        force[:, 0] += _LAYER_PULL * (0.1 + 0.8 * depth - points[:, 0])
        reach = np.linalg.norm(force, axis=1, keepdims=True)
        most = 0.08 * (1 - step / steps) + 0.002
        points = points + share * force * np.minimum(1, most / np.maximum(reach, 1e-12))
    return points


def _attraction(points: Points, ends: Ends, degree: NDArray[np.int64], length: float) -> Points:
    """Each end is drawn to the other, the less the more neighbours it has: a hub stays amid its neighbours."""
    gap = points[ends[1]] - points[ends[0]]
    pull = gap * np.minimum(np.linalg.norm(gap, axis=1, keepdims=True) / length, 4) * 0.25
    force = np.zeros_like(points)
    for axis in (0, 1):
        force[:, axis] = np.bincount(ends[0], pull[:, axis], len(points)) - np.bincount(
            ends[1], pull[:, axis], len(points)
        )
    scaled: Points = force / degree[:, None]
    return scaled


def _repulsion(points: Points, length: float) -> Points:
    """From the centre of every occupied cell by its number of hosts, and from the own cell's centre but oneself."""
    low, high = points.min(axis=0), points.max(axis=0)
    cells = np.minimum(((points - low) / np.maximum(high - low, 1e-9) * _GRID).astype(np.int64), _GRID - 1)
    flat = cells[:, 0] * _GRID + cells[:, 1]
    many = np.bincount(flat, minlength=_GRID * _GRID).astype(np.float64)
    sums = np.column_stack([np.bincount(flat, points[:, axis], _GRID * _GRID) for axis in (0, 1)])
    taken = np.flatnonzero(many)
    centres, weights = sums[taken] / many[taken, None], many[taken]
    place = np.searchsorted(taken, flat)
    between = _pushed(centres[:, None, :] - centres[None, :, :], weights, length).sum(axis=1)
    own = _pushed((points - centres[place])[:, None, :], (weights[place] - 1)[:, None], length)[:, 0, :]
    force: Points = (between[place] + own) * length**2
    return force


def _pushed(gap: Points, weights: Points, length: float) -> Points:
    """Away from each of some centres, by its weight over the distance."""
    square = (gap**2).sum(axis=2) + (length / 2) ** 2
    pushed: Points = (weights / square)[:, :, None] * gap
    return pushed


def _fitted(points: Points) -> Points:
    """Stretched to fill 0.02–0.98 both ways."""
    low, high = points.min(axis=0), points.max(axis=0)
    fitted: Points = 0.02 + 0.96 * (points - low) / np.maximum(high - low, 1e-9)
    return fitted
