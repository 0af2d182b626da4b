"""Ranking: the intruder's moves come first, for reasons that can be read, and nothing is claimed without evidence."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.graph.chains import chains_of, tail_bits
from pandora_core.graph.evidence import parts_of
from pandora_core.graph.history import History, Move
from pandora_core.graph.pagerank import RandomWalk
from pandora_core.graph.ranking import INSUFFICIENT, Ranking, rank, total_of
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Event
from pandora_core.quantum.walks.network import STANDINGS, WALKS
from tests.unit.graph_samples import START_US, event, graph_of, intrusion, log_on, office, ticket


def ranked(events: list[Event], **options: Any) -> Ranking:
    return rank(graph_of(events).at(), WALKS, STANDINGS, **options)


def order(ranking: Ranking, most: int = 10) -> list[tuple[str, str, str]]:
    return [(one.move.source, one.move.target, one.move.user) for one in ranking.moves[:most]]


def test_an_intruder_who_comes_the_way_of_an_earlier_one_is_no_less_unusual() -> None:
    """What made a chain that stands out is no precedent for what comes after it."""
    second = [
        log_on(one.at_us + 6 * DAY_US, "10.0.0.6", one.host or "", "boss", elevated=True, name="WS-5")
        for one in intrusion(4)[:1]
    ]
    events = [*office(days=14), *intrusion(4), *second, *intrusion(12)[1:]]
    history = History(graph_of(events).at())
    ways = {("WS-2", "WS-7", "boss"), ("WS-7", "DB-1", "boss")}
    (late,) = [one for one in history.moves if (one.source, one.target) == ("WS-5", "WS-7")]
    taught, untaught = parts_of(history, late), parts_of(history.without(ways), late)
    assert total_of(untaught) > total_of(taught)
    in_ranking = next(one for one in ranked(events).moves if one.move.source == "WS-5")
    assert {part.name: part.bits for part in untaught}.items() <= {p.name: p.bits for p in in_ranking.parts}.items()


def test_the_moves_of_an_intruder_come_first_and_their_chain_is_told() -> None:
    ranking = ranked([*office(), *intrusion()])
    assert set(order(ranking, 2)) == {("WS-2", "WS-7", "boss"), ("WS-7", "DB-1", "boss")}
    assert ranking.chains[0].words == "WS-2 → WS-7 → DB-1 as boss"
    assert ranking.chains[0].by_chance < 0.1


def test_every_reason_is_in_words_and_the_parts_make_the_score() -> None:
    first = ranked([*office(), *intrusion()]).moves[0]
    said = " ".join(first.reasons)
    assert "had never been used at WS-" in said
    assert "among" in said
    assert first.bits == pytest.approx(sum(part.bits for part in first.parts), abs=0.06)


def test_both_walks_are_asked_and_neither_wins_unless_it_is_clearly_better() -> None:
    ranking = ranked([*office(), *intrusion()])
    assert set(ranking.moves[0].walk_bits) == {"random walk", "quantum walk"}
    assert set(ranking.hosts[0].standing) == {"PageRank", "quantum PageRank"}
    assert ranking.contest.best == "random walk"
    assert "is used" in ranking.contest.words


def test_a_walk_that_foretells_the_history_better_counts() -> None:
    class Foolish:
        """Comes nowhere near where people go."""

        def __init__(self, adjacency: sp.csr_array) -> None:
            self._walk = RandomWalk(sp.csr_array(adjacency + adjacency.T))

        def average(self, start: Any = None) -> Any:
            return 1 - self._walk.average(start)

    class Wise(Foolish):
        def average(self, start: Any = None) -> Any:
            return self._walk.average(start)

    late = [
        log_on(START_US + (5 + n % 3) * DAY_US, f"10.0.0.{n + 1}", f"FS-{2 - n % 2}", f"user{n}") for n in range(24)
    ]
    ranking = rank(graph_of([*office(machines=24), *late]).at(), {"foolish": Foolish, "wise": Wise})
    assert ranking.contest.trials >= 20
    assert ranking.contest.best == "wise"
    assert "foretold best" in ranking.contest.words


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "no log-on is known"),
        ([log_on(START_US, "10.0.0.5", "DC-1", "WS-5$")], "no log-on of a person's account"),
        ([log_on(START_US, "10.0.0.5", "DC-1", "ann")] * 3, "stands out"),
    ],
)
def test_without_evidence_nothing_is_claimed(events: list[Event], why: str) -> None:
    ranking = ranked(events)
    assert ranking.moves == ()
    assert ranking.verdict.startswith(INSUFFICIENT)
    assert why in ranking.verdict


def test_rights_and_what_was_done_with_them_speak_without_any_history() -> None:
    harmless = [log_on(START_US + n, f"10.0.0.{n + 1}", "FS-1", f"user{n}") for n in range(6)]
    service = event(START_US + 2 * MINUTE_US, "service-installed", "configuration", outcome="success", host="WS-9")
    move = log_on(START_US + MINUTE_US, "10.0.0.1", "WS-9", "boss", elevated=True)
    first = ranked([*harmless, move, service]).moves[0]
    assert (first.move.target, first.move.user) == ("WS-9", "boss")
    assert any("a service was installed" in reason for reason in first.reasons)


def test_wmi_that_is_served_speaks_against_a_log_on_but_not_at_a_domain_controller() -> None:
    def first_bits(target: str) -> float:
        program = {"process.executable": "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe"}
        served = event(START_US + MINUTE_US, "process-started", "process", host=target, more=program)
        known = ticket(START_US, "10.0.0.9", "FS-1$", "carl")
        move = log_on(START_US + MINUTE_US, "10.0.0.1", target, "boss", elevated=True)
        ranking = ranked([known, move, served])
        return ranking.moves[0].bits if ranking.moves else 0.0

    assert first_bits("WS-9") >= 6
    assert first_bits("DC-1") == 0


def test_what_takes_rights_is_laid_to_those_who_had_them() -> None:
    service = event(START_US + 2 * MINUTE_US, "service-installed", "configuration", outcome="success", host="WS-9")
    guest = log_on(START_US, "10.0.0.2", "WS-9", "guest")
    boss = log_on(START_US + MINUTE_US, "10.0.0.1", "WS-9", "boss", elevated=True)
    alone = ranked([guest, service]).moves
    both = ranked([guest, boss, service]).moves
    assert alone[0].move.user == "guest"
    assert [one.move.user for one in both] == ["boss"]


def test_a_walk_that_says_nothing_is_not_told() -> None:
    for one in ranked([*office(), *intrusion()]).moves:
        assert all("(+0.0 bits)" not in reason for reason in one.reasons)
        assert all(f"{part.bits:.1f}" != "0.0" for part in one.parts)


def test_a_machine_account_at_another_machine_is_worth_a_look() -> None:
    told = {"winlog.event_data.Initiated": "true"}
    own = event(START_US, "connection", "network", code="3", host="WS-1", source_ip="10.0.0.1", more=told)
    first = ranked([own, log_on(START_US + 1, "10.0.0.1", "SRV-1", "DC-9$")]).moves[0]
    assert (first.move.source, first.move.user) == ("WS-1", "dc-9$")
    assert "another machine" in first.reasons[0]


def test_what_people_did_before_is_not_ranked_above_what_is_new() -> None:
    ranking = ranked([*office(), *intrusion()], since_us=START_US + 8 * DAY_US)
    assert set(order(ranking)) == {("WS-2", "WS-7", "boss"), ("WS-7", "DB-1", "boss")}


def test_no_way_before_was_as_unusual_is_counted_over_the_log_ons_before() -> None:
    first = ranked([*office(), *intrusion()]).moves[0]
    assert first.as_strong == 0
    assert first.log_ons_before > 250


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6)
def test_late_lines_and_wrong_clocks_leave_the_ranking_as_it_is(seed: int) -> None:
    """5 % of the lines come late, and every host's clock is wrong by up to ten minutes."""
    rng = random.Random(seed)
    events = [*office(), *intrusion()]
    clocks: dict[str | None, int] = {}
    skewed = [
        msgspec.structs.replace(one, at_us=one.at_us + clocks.setdefault(one.host, rng.randint(-10, 10) * MINUTE_US))
        for one in events
    ]
    skewed.sort(key=lambda one: one.at_us + (HOUR_US if rng.random() < 0.05 else 0))
    straight, crooked = ranked(events), ranked(skewed)
    assert order(crooked) == order(straight)
    assert [chain.words for chain in crooked.chains] == [chain.words for chain in straight.chains]


def nameless(one: Event) -> Event:
    return msgspec.structs.replace(one, source_domain=None)


def behind_one_address(one: Event) -> Event:
    return msgspec.structs.replace(one, source_ip="10.99.0.1") if one.source_ip and one.source_domain else one


def renamed(one: Event) -> Event:
    """Another name for one machine, and a new one with the old one's address, from the eighth day on."""
    new = {"WS-5": "PC-5", "WS-5$": "PC-5$"}
    if one.at_us < START_US + 8 * DAY_US:
        return one
    fields = ("host", "user", "source_domain")
    return msgspec.structs.replace(
        one, **{field: new.get(getattr(one, field), getattr(one, field)) for field in fields}
    )


def leased(one: Event) -> Event:
    """Two machines change their addresses on the eighth day; nobody tells of a lease."""
    new = {"10.0.0.3": "10.0.0.6", "10.0.0.6": "10.0.0.3"}
    if one.at_us < START_US + 7 * DAY_US + 12 * HOUR_US:
        return one
    return msgspec.structs.replace(one, source_ip=new.get(one.source_ip or "", one.source_ip))


def test_machines_that_change_their_addresses_are_told_apart() -> None:
    spoilt = ranked([leased(one) for one in [*office(), *intrusion()]])
    assert order(spoilt, 2) == [("WS-2", "WS-7", "boss"), ("WS-7", "DB-1", "boss")]


@pytest.mark.parametrize("spoil", [nameless, renamed])
def test_without_names_of_sources_or_with_hosts_renamed_the_intruder_comes_first(spoil: Any) -> None:
    first = ranked([spoil(one) for one in [*office(), *intrusion()]]).moves[:2]
    assert {(one.move.target, one.move.user) for one in first} == {("WS-7", "boss"), ("DB-1", "boss")}


def test_behind_a_translator_what_no_one_there_did_before_comes_first() -> None:
    first = ranked([behind_one_address(one) for one in [*office(), *intrusion()]]).moves[0]
    assert (first.move.target, first.move.user) == ("WS-7", "boss")


def move(source: str, target: str, at_h: float, user: str = "ann") -> Move:
    at_us = START_US + int(at_h * HOUR_US)
    return Move(source, target, user, ("network log-on",), at_us, at_us, 1, (at_us // HOUR_US,), is_elevated=False)


def background(number: int = 400) -> list[Move]:
    rng = random.Random(5)
    return [
        move(f"b{rng.randrange(90)}", f"c{rng.randrange(90)}", rng.random() * 900, f"u{n}") for n in range(number)
    ]


def test_a_chain_needs_its_hops_in_order_of_time() -> None:
    forward = [move("a", "b", 500), move("b", "c", 501)]
    backward = [move("a", "b", 501), move("b", "c", 500)]
    for hops, found in ((forward, 1), (backward, 0)):
        moves = [*background(), *hops]
        bits = [1.0] * (len(moves) - 2) + [20.0, 20.0]
        assert len(chains_of(moves, bits)) == found


def test_clocks_that_differ_by_minutes_do_not_break_a_chain() -> None:
    moves = [*background(), move("a", "b", 500), move("b", "c", 499.8)]
    assert chains_of(moves, [1.0] * 400 + [20.0, 20.0])[0].words == "a → b → c as ann"


def test_a_change_of_credentials_on_the_way_is_told_and_counts() -> None:
    one, two = ([*background(), move("a", "b", 500), move("b", "c", 501, user)] for user in ("ann", "root"))
    bits = [1.0] * 400 + [20.0, 20.0]
    same, changed = chains_of(one, bits)[0], chains_of(two, bits)[0]
    assert changed.has_new_credentials
    assert not same.has_new_credentials
    assert changed.by_chance == pytest.approx(same.by_chance / 2)


def test_a_chain_through_a_host_whose_address_nobody_tells_is_found() -> None:
    moves = [*background(), move("a", "lx", 500), move("10.0.0.7", "c", 501)]
    moves = [one for one in moves if one.target == "lx" or one.source != "lx"]
    sources = [
        move(host, "b1", 10 + n, f"v{n}") for n, host in enumerate({one.target for one in moves} - {"lx", "b1"})
    ]
    moves = [*moves[:-2], *sources, *moves[-2:]]
    (chain,) = chains_of(moves, [1.0] * (len(moves) - 2) + [20.0, 20.0])
    assert [one.target for one in chain.moves] == ["lx", "c"]


def test_who_goes_everywhere_makes_no_chains() -> None:
    scans = [move("scan", f"c{n}", 100 + n / 100) for n in range(90)]
    moves = [*background(), *scans, move("c1", "d", 101)]
    bits = [1.0] * 400 + [20.0] * 91
    assert chains_of(moves, bits) == []


def test_tail_bits_are_the_share_that_is_as_great() -> None:
    assert tail_bits([1, 2, 3]) == pytest.approx([0.0, np.log2(4 / 3), 1.0], abs=0.01)
