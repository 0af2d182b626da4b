"""Hosts, users and services as nodes: which ties log-ons, services and administration make."""

from __future__ import annotations

import pytest

from pandora_core.errors import NotFoundError
from pandora_core.graph.nodes import (
    ADMINISTRATION,
    OFFERED_BY,
    USED_AT,
    NodeKind,
    host_node,
    service_node,
    typed,
    user_node,
)
from pandora_core.model import DAY_US, Event
from tests.unit.graph_samples import START_US, event, graph_of, intrusion, log_on, office


def share(at_us: int) -> Event:
    return event(
        at_us,
        "share-accessed",
        "file",
        outcome="success",
        host="FS-1",
        user="anna",
        source_ip="10.0.0.1",
        more={"share.name": r"\\*\ADMIN$"},
    )


def test_a_log_on_ties_its_account_to_both_hosts_and_the_source_to_the_service() -> None:
    graph = typed(graph_of([log_on(START_US, "10.0.0.1", "FS-1", "anna", name="WS-1")]).at())
    found = {(tie.kind, tie.source, tie.target) for tie in graph.ties}
    anna, source, target = user_node("anna"), host_node("WS-1"), host_node("FS-1")
    service = service_node("log-on", "FS-1")
    assert found == {
        ("network log-on", source, target),
        ("network log-on", source, service),
        (OFFERED_BY, service, target),
        ("network log-on", anna, target),
        (USED_AT, anna, source),
    }


def test_ties_sum_counts_and_keep_first_and_last_use() -> None:
    events = [
        log_on(START_US, "10.0.0.1", "FS-1", "anna", name="WS-1"),
        log_on(START_US + DAY_US, "10.0.0.2", "FS-1", "anna", name="WS-2", elevated=True),
    ]
    graph = typed(graph_of(events).at())
    tie = next(tie for tie in graph.around(user_node("anna")) if tie.target == host_node("FS-1"))
    assert (tie.count, tie.first_us, tie.last_us, tie.is_elevated) == (2, START_US, START_US + DAY_US, True)


def test_what_takes_rights_ties_the_account_to_the_host_and_weighs_half_after_a_week() -> None:
    later = log_on(START_US + 7 * DAY_US, "10.0.0.9", "FS-2", "ben", name="WS-9")
    graph = typed(graph_of([share(START_US), later]).at())
    tie = next(tie for tie in graph.ties if tie.kind == ADMINISTRATION)
    assert (tie.source, tie.target) == (user_node("anna"), host_node("FS-1"))
    assert tie.weight == pytest.approx(0.5)


def test_a_machines_own_account_is_no_user() -> None:
    graph = typed(graph_of([log_on(START_US, "10.0.0.1", "DC-1", "WS-1$")]).at())
    assert graph.of_kind(NodeKind.USER) == ()


def test_every_tie_joins_nodes_of_the_graph_and_every_host_is_one() -> None:
    moment = graph_of([*office(), *intrusion()]).at()
    graph = typed(moment)
    assert {node.name for node in graph.of_kind(NodeKind.HOST)} == set(moment.hosts)
    assert {end for tie in graph.ties for end in (tie.source, tie.target)} <= set(graph.nodes)
    assert sum(len(graph.around(node)) for node in graph.nodes) == 2 * len(graph.ties)


def test_a_node_is_found_by_its_key_whatever_the_capitals() -> None:
    graph = typed(graph_of([log_on(START_US, "10.0.0.1", "FS-1", "anna", name="WS-1")]).at())
    assert graph.node("ws-1") == host_node("WS-1")
    assert graph.node("User:Anna") == user_node("anna")
    with pytest.raises(NotFoundError):
        graph.node("user:nobody")
