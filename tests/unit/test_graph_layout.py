"""Layout: the same every time, apart enough to read, and hardly moved by what is added."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pandora_core.graph.layout import layout

HOSTS = tuple(f"ws-{n:03d}" for n in range(90)) + tuple(f"srv-{n}" for n in range(10))


def ways(extra: tuple[tuple[int, int], ...] = (), size: int = 100) -> sp.csr_array:
    arcs = [(n, 90 + n % 10) for n in range(90)] + [(n, 90 + n * 7 % 10) for n in range(90)] + list(extra)
    rows, columns = zip(*arcs, strict=True)
    return sp.csr_array((np.ones(len(arcs)), (rows, columns)), shape=(size, size))


def test_the_same_graph_is_laid_out_the_same() -> None:
    assert layout(HOSTS, ways()) == layout(HOSTS, ways())


def test_what_everybody_uses_stands_to_the_right_of_who_uses_it() -> None:
    found = layout(HOSTS, ways())
    users = np.mean([found[host].x for host in HOSTS[:90]])
    servers = np.mean([found[host].x for host in HOSTS[90:]])
    assert servers > users + 0.2


def test_all_hosts_stand_within_the_picture_and_few_on_top_of_each_other() -> None:
    found = layout(HOSTS, ways())
    points = np.array(list(found.values()))
    assert points.min() >= 0
    assert points.max() <= 1
    cells = {(round(x * 40), round(y * 40)) for x, y in points}
    assert len(cells) > 70


def test_a_new_way_hardly_moves_anything() -> None:
    before = layout(HOSTS, ways())
    after = layout(HOSTS, ways(((3, 92),)), before)
    assert max(abs(after[host].x - before[host].x) + abs(after[host].y - before[host].y) for host in HOSTS) < 0.05


def test_a_new_host_appears_beside_its_neighbour() -> None:
    before = layout(HOSTS, ways())
    after = layout((*HOSTS, "ws-new"), ways(((100, 93),), 101), before)
    gap = np.hypot(after["ws-new"].x - after["srv-3"].x, after["ws-new"].y - after["srv-3"].y)
    assert 0 < gap < 0.4


def test_no_hosts_and_one_host_can_be_laid_out() -> None:
    assert layout((), sp.csr_array((0, 0))) == {}
    assert set(layout(("a",), sp.csr_array((1, 1)))) == {"a"}
