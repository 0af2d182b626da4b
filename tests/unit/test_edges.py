"""The memory of edges."""

from __future__ import annotations

from pandora_core.detect.edges import Edge, Edges
from pandora_core.detect.names import Names
from tests.unit.streams import at, lease


def test_uses_of_an_edge_add_up_in_any_order() -> None:
    edges = Edges(Names())
    for minutes, count in ((5, 1), (1, 3), (9, 1)):
        edges.add("logon", "ws-5", "ws-6", "alice", at(minutes), count)
    assert edges.changed() == [Edge("logon", "ws-5", "ws-6", "alice", at(1), at(9), 5, "ws-5", "ws-6")]
    assert edges.changed() == []


def test_an_edge_is_told_again_under_the_same_key_when_a_name_becomes_known() -> None:
    names = Names()
    edges = Edges(names)
    edges.add("logon", "10.0.0.5", "ws-6", "alice", at(1))
    (before,) = edges.changed()
    for place in names.learn(lease(at(0), "ws-5", "10.0.0.5")):
        edges.renamed(place)
    (after,) = edges.changed()
    assert (before.source, before.source_name) == ("10.0.0.5", "10.0.0.5")
    assert (after.source, after.source_name) == ("10.0.0.5", "ws-5")


def test_the_edge_unused_longest_is_forgotten_but_told() -> None:
    edges = Edges(Names(), capacity=2)
    for number in (1, 2, 1, 3):
        edges.add("logon", f"ws-{number}", "srv", "alice", at(number))
    edges.renamed("ws-2")
    assert sorted((edge.source, edge.count) for edge in edges.changed()) == [("ws-1", 2), ("ws-2", 1), ("ws-3", 1)]
    edges.renamed("srv")
    assert [edge.source for edge in edges.changed()] == ["ws-1", "ws-3"]


def test_a_snapshot_holds_edges_and_news_that_nobody_collected() -> None:
    edges, restored = Edges(Names(), capacity=2), Edges(Names(), capacity=2)
    for number in range(4):
        edges.add("logon", f"ws-{number}", "srv", "alice", at(number))
    restored.load(edges.dump())
    assert restored.changed() == edges.changed()
    restored.renamed("ws-3")
    assert [edge.source for edge in restored.changed()] == ["ws-3"]
