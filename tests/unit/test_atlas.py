"""The graph beside the store: made from what is stored, brought up to date, kept, the same for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pandora_core import atlas as atlas_module
from pandora_core.atlas import Atlas, host_of, ranking_of
from pandora_core.errors import NotFoundError
from pandora_core.model import DAY_US, ActionKind, Event
from pandora_core.store.graphs import GraphSnapshot, GraphStore
from pandora_core.store.operator import Operator
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from tests.unit.graph_samples import START_US, event, graph_of, intrusion, log_on, office


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / FILE_NAME)
    yield made
    made.close()


def write(store: Store, events: Sequence[Event], first: int = 1) -> int:
    rows = [event_tuple(number, 1, 0, 1, number, one) for number, one in enumerate(events, first)]
    Writer(store).commit(Batch(events=rows))
    return first + len(rows)


def made(store: Store) -> Atlas:
    atlas = Atlas(GraphStore(store))
    atlas.catch_up(0)
    return atlas


def company() -> list[Event]:
    return sorted([*office(), *intrusion()], key=lambda one: one.at_us)


def test_the_graph_of_a_store_is_the_graph_of_its_log_ons(store: Store) -> None:
    write(store, company())
    assert made(store).moment() == graph_of(company()).at()


def flow(source: str, target: str, port: int, **fields: object) -> Event:
    return Event(
        START_US,
        "zeek.conn",
        category="network",
        action="connection",
        source_ip=source,
        destination_ip=target,
        destination_port=port,
        **fields,  # type: ignore[arg-type]
    )


def test_flows_between_our_own_hosts_are_edges_and_others_are_not_read(store: Store) -> None:
    mine = [flow("10.0.0.1", "10.0.0.2", 445), flow("10.0.0.1", "192.168.3.4", 3389)]
    others = [flow("10.0.0.1", "203.0.113.9", 445), flow("10.0.0.1", "10.0.0.2", 22, outcome="failure")]
    write(store, [*mine, *mine, *others])
    atlas = Atlas(GraphStore(store))
    assert atlas.catch_up(0) == 4
    assert atlas.event_id == 6
    edges = atlas.moment().edges
    assert [(one.source, one.target, one.kind, one.count) for one in edges] == [
        ("10.0.0.1", "192.168.3.4", "rdp flow", 2),
        ("10.0.0.1", "10.0.0.2", "smb flow", 2),
    ]


def test_flows_rank_nothing_and_lead_no_walk_astray(store: Store) -> None:
    flows = [flow(f"10.0.0.{number}", "10.0.0.200", 443) for number in range(1, 100)]
    write(store, [*company(), *flows])
    moment = made(store).moment()
    plain, known = ranking_of(graph_of(company()).at()), ranking_of(moment)
    assert known.moves == plain.moves
    assert moment.adjacency().nnz == graph_of(company()).at().adjacency().nnz
    assert moment.adjacency(["flow"]).nnz == 99


def test_a_hosts_own_connections_tell_its_name(store: Store) -> None:
    own = event(
        START_US, "connection", "network", code="3", host="WS-5", source_ip="10.0.0.5", destination_ip="10.0.0.9",
        more={"winlog.event_data.Initiated": "true"},
    )  # fmt: skip
    write(store, [own, log_on(START_US + 1, "10.0.0.5", "SRV-1", "ann")])
    edges = made(store).moment().edges
    assert [(one.source, one.kind) for one in edges] == [("WS-5", "flow"), ("WS-5", "network log-on")]


def test_what_came_since_is_added_and_nothing_is_read_twice(store: Store) -> None:
    events = company()
    following = write(store, events[:300])
    atlas = made(store)
    write(store, events[300:], following)
    assert atlas.catch_up(0) == len(events) - 300
    assert atlas.catch_up(0) == 0
    assert atlas.moment() == graph_of(events).at()


def test_the_next_reader_goes_on_from_the_snapshot(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas_module, "KEEP_EVENTS", 100)
    events = company()
    following = write(store, events[:500])
    made(store)
    write(store, events[500:], following)
    second = Atlas(GraphStore(store))
    assert second.event_id == 500
    assert second.catch_up(0) == len(events) - 500
    assert second.moment() == graph_of(events).at()


@pytest.mark.parametrize(
    "snapshot",
    [GraphSnapshot(500, 0, "another version", b"x"), GraphSnapshot(500, 0, atlas_module.VERSION, b"\xc1 no msgpack")],
    ids=["version", "broken"],
)
def test_a_snapshot_that_cannot_be_used_is_made_anew(store: Store, snapshot: GraphSnapshot) -> None:
    write(store, company())
    GraphStore(store).keep(snapshot)
    assert made(store).moment() == graph_of(company()).at()


def test_an_older_snapshot_does_not_replace_a_newer_one(store: Store) -> None:
    graphs = GraphStore(store)
    for event_id in (200, 100):
        graphs.keep(GraphSnapshot(event_id, 0, "v", b"state"))
    assert graphs.snapshot() == GraphSnapshot(200, 0, "v", b"state")
    graphs.keep(GraphSnapshot(50, 0, "w", b"made anew"))
    assert graphs.snapshot() == GraphSnapshot(50, 0, "w", b"made anew")


def test_the_graph_of_an_earlier_day_knows_nothing_of_the_intrusion(store: Store) -> None:
    write(store, company())
    atlas = made(store)
    before = ranking_of(atlas.moment(START_US + 8 * DAY_US))
    assert "WS-7" not in {one.move.target for one in before.moves}
    assert ranking_of(atlas.moment()).moves[0].move.target == "WS-7"


def test_every_ranked_move_and_the_contest_name_both_walks(store: Store) -> None:
    write(store, company())
    best = ranking_of(made(store).moment()).moves[0]
    assert set(best.walk_bits) == {"random walk", "quantum walk"}


def test_a_store_without_log_ons_says_that_evidence_is_insufficient(store: Store) -> None:
    assert ranking_of(made(store).moment()).verdict.startswith("insufficient evidence")


def test_tagged_hosts_are_jewels_until_the_tag_is_taken_away(store: Store) -> None:
    write(store, company())
    operator = Operator(store, "ann", "console-1")
    operator.act("host:DB-1", ActionKind.TAG, "jewel", at_us=1)
    atlas = made(store)
    assert [(one.host, one.why) for one in atlas.jewels(atlas.moment())] == [("DB-1", "tagged")]
    operator.act("host:DB-1", ActionKind.TAG, "-jewel", at_us=2)
    assert atlas.jewels(atlas.moment()) == ()


def test_a_host_is_found_whatever_its_capitals_and_an_unknown_one_is_refused(store: Store) -> None:
    write(store, company())
    moment = made(store).moment()
    assert host_of(moment, "db-1") == "DB-1"
    with pytest.raises(NotFoundError, match="no host 'db-9'"):
        host_of(moment, "db-9")
