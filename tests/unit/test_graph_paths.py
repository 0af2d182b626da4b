"""Paths: the likeliest routes with their evidence, how far a fall reaches, and what must not fall."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pandora_core.graph.paths import Step, blast_radius, jewels_of, routes, steps_of
from pandora_core.model import DAY_US
from tests.unit.graph_samples import START_US, event, graph_of, log_on, office, ticket


def step(source: str, target: str, chance: float, user: str = "ann") -> Step:
    return Step(source, target, user, chance, "made up")


@given(
    arcs=st.dictionaries(
        st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda arc: arc[0] != arc[1]),
        st.floats(0.05, 1.0),
        max_size=16,
    )
)
@example(
    arcs={(0, 1): 0.5, (0, 2): 1.0, (0, 3): 1.0, (1, 3): 1.0, (2, 1): 1.0, (2, 5): 1.0, (3, 1): 1.0, (3, 2): 1.0}
)
@settings(max_examples=60)
def test_the_best_routes_are_those_of_trying_all(arcs: dict[tuple[int, int], float]) -> None:
    steps = [step(str(a), str(b), chance) for (a, b), chance in arcs.items()]
    chances = []
    for hops in range(5):
        for between in itertools.permutations("1234", hops):
            path = ("0", *between, "5")
            pairs = list(itertools.pairwise(path))
            if all((int(a), int(b)) in arcs for a, b in pairs):
                product = 1.0
                for a, b in pairs:
                    product *= arcs[int(a), int(b)]
                chances.append(product)
    found = [route.chance for route in routes(steps, "0", ["5"], 3)]
    assert found == pytest.approx(sorted(chances, reverse=True)[:3])


def test_a_route_says_who_and_what_speaks_for_each_hop() -> None:
    graph = graph_of(office())
    (route,) = routes(steps_of(graph.at()), "JUMP-1", ["DB-1"], 1)
    assert route.words == "JUMP-1 → DB-1 (as boss)"
    assert "boss logged on from there in 10 hours with administrator rights" in route.steps[0].evidence


def test_an_account_found_on_a_host_opens_its_ways() -> None:
    events = [
        log_on(START_US, None, "WS-1", "boss", kind=2),
        log_on(START_US + DAY_US, "10.0.9.1", "DB-1", "boss", elevated=True, name="JUMP-1"),
    ]
    (route,) = routes(steps_of(graph_of(events).at()), "WS-1", ["DB-1"], 1)
    assert route.steps[0].evidence == "boss was used on WS-1, and logged on to DB-1 from JUMP-1"


def test_a_fall_reaches_farther_with_time_and_never_beyond_its_ways() -> None:
    reaches = {
        reach.host: reach.chances
        for reach in blast_radius([step("a", "b", 1), step("b", "c", 0.5), step("d", "a", 1)], ["a"])
    }
    assert set(reaches) == {"b", "c"}
    assert reaches["b"][0] == pytest.approx(0.5)
    assert reaches["c"][0] == 0
    assert all(list(chances) == sorted(chances) for chances in reaches.values())
    assert reaches["b"][-1] > reaches["c"][-1]


def test_chances_never_exceed_one_however_many_ways_there_are() -> None:
    hosts = [f"h{n}" for n in range(12)]
    steps = [step(a, b, 1.0) for a, b in itertools.permutations(hosts, 2)]
    assert all(0 <= chance <= 1 for reach in blast_radius(steps, ["h0"]) for chance in reach.chances)


def test_crown_jewels_are_tagged_or_inferred_and_say_why() -> None:
    shares = [
        event(START_US + n, "share-accessed", "file", host="FS-1", user="u", source_ip=f"10.0.0.{n + 1}")
        for n in range(9)
    ]
    events = [*shares, ticket(START_US, "10.0.0.5", "FS-1$", "ann"), log_on(START_US, "10.0.0.5", "esx-01", "root")]
    found = {jewel.host.casefold(): jewel.why for jewel in jewels_of(graph_of(events).at(), ["HR-1"])}
    assert found.pop("hr-1") == "tagged"
    assert "9 hosts use its shares" in found.pop("fs-1")
    assert "by its name" in found.pop("esx-01")
    assert found == {}
