"""The graph of log-ons: what makes an edge, who had which address, and that the order of events changes nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.graph import network
from pandora_core.graph.moment import GraphEdge, Moment
from pandora_core.graph.reading import edge_of
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Event
from tests.unit.graph_samples import START_US, event, graph_of, intrusion, log_on, office, ticket


def ways(moment: Moment) -> set[tuple[str, str, str, str]]:
    return {(edge.kind, edge.source, edge.target, edge.user) for edge in moment.edges}


def only(moment: Moment) -> GraphEdge:
    (edge,) = moment.edges
    return edge


def test_a_log_on_over_the_network_is_an_edge_between_hosts_by_name() -> None:
    moment = graph_of([log_on(START_US, "10.0.0.5", "srv-1.corp.example", "CORP\\Ann", name="WS-5")]).at()
    assert ways(moment) == {("network log-on", "WS-5", "srv-1", "ann")}
    assert moment.hosts == ("WS-5", "srv-1")


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (log_on(START_US, "10.0.0.5", "SRV-1", "ann", kind=10), "remote desktop"),
        (log_on(START_US, "10.0.0.5", "SRV-1", "SRV-9$"), "machine account"),
        (log_on(START_US, None, "SRV-1", "ann", kind=2), "local log-on"),
        (ticket(START_US, "10.0.0.5", "SRV-1$", "ann@CORP"), "service ticket"),
        (
            event(
                START_US,
                "share-accessed",
                "file",
                host="S",
                user="ann",
                source_ip="10.0.0.5",
                more={"share.name": "ADMIN$"},
            ),
            "administrative share",
        ),
        (
            event(
                START_US,
                "share-accessed",
                "file",
                host="S",
                user="ann",
                source_ip="10.0.0.5",
                more={"share.name": r"\\*\IPC$", "file.name": "svcctl"},
            ),
            "remote control pipe",
        ),
        (
            event(START_US, "logon-explicit", "authentication", host="WS-5", user="adm", destination_domain="SRV-1"),
            "explicit credentials",
        ),
        (
            event(
                START_US,
                "logon-explicit",
                "authentication",
                host="WS-5",
                user="adm",
                destination_domain="SRV-1.corp.example",
                more={"winlog.event_data.TargetInfo": "RPCSS/SRV-1.corp.example"},
            ),
            "remote control credentials",
        ),
        (
            event(START_US, "winrm-connected", "session", host="WS-5", destination_domain="SRV-1.corp.example"),
            "winrm",
        ),
        (
            event(START_US, "rdp-authenticated", "session", host="A", user="ann", source_ip="10.0.0.5"),
            "remote desktop",
        ),
        (event(START_US, "session-started", "session", host="A", user="ann", source_ip="10.0.0.5"), "remote desktop"),
        (event(START_US, "session-started", "session", host="A", user="ann"), "local log-on"),
        (
            event(START_US, "session-reconnected", "session", host="A", user="ann", source_domain="WS-5"),
            "remote desktop",
        ),
        (
            event(
                START_US,
                "connection",
                "network",
                source_ip="10.0.0.5",
                destination_ip="10.0.0.9",
                destination_port=5985,
            ),
            "winrm flow",
        ),
        (
            event(START_US, "logon", "authentication", host="lx", user="ann", source_ip="10.0.0.5", protocol="ssh"),
            "ssh",
        ),
        (
            event(
                START_US,
                "ntlm-validate",
                "authentication",
                outcome="success",
                host="DC",
                user="ann",
                source_domain="WS-5",
            ),
            "ntlm validation",
        ),
    ],
)
def test_each_kind_of_way_is_told_apart(made: Event, kind: str) -> None:
    edge = edge_of(made)
    assert edge is not None
    assert edge.kind == kind


@pytest.mark.parametrize(
    "made",
    [
        event(START_US, "logon", "authentication", outcome="failure", host="S", user="ann", source_ip="10.0.0.5"),
        log_on(START_US, "10.0.0.5", "SRV-1", "ANONYMOUS LOGON"),
        log_on(START_US, None, "SRV-1", "svc", kind=5),
        event(START_US, "connection", "network", source_ip="10.0.0.5", destination_ip="93.184.216.34"),
        event(START_US, "connection", "network", outcome="failure", source_ip="10.0.0.5", destination_ip="10.0.0.6"),
    ],
)
def test_failures_strangers_and_nobody_make_no_edge(made: Event) -> None:
    assert edge_of(made) is None


def test_a_log_on_from_nowhere_is_placed_by_its_ticket_whichever_comes_first() -> None:
    events = [ticket(START_US, "10.0.0.5", "SRV-1$", "ann"), log_on(START_US + MINUTE_US, None, "SRV-1", "ann")]
    for order in (events, events[::-1]):
        moment = graph_of(order).at()
        assert ("network log-on", "10.0.0.5", "SRV-1", "ann") in ways(moment)
        assert sum(edge.count for edge in moment.edges if edge.kind == "network log-on") == 1


def test_an_old_ticket_places_nothing() -> None:
    events = [ticket(START_US, "10.0.0.5", "SRV-1$", "ann"), log_on(START_US + HOUR_US, None, "SRV-1", "ann")]
    assert {edge.kind for edge in graph_of(events).at().edges} == {"service ticket"}


def test_an_address_that_changes_hands_belongs_to_whoever_had_it_in_that_hour() -> None:
    lease = {"client.assigned_ip": "10.0.0.5", "client.hostname": "WS-1"}
    later = {"client.assigned_ip": "10.0.0.5", "client.hostname": "WS-2"}
    events = [
        event(START_US, "dhcp-lease", "network", more=lease),
        log_on(START_US + HOUR_US, "10.0.0.5", "SRV-1", "ann"),
        event(START_US + 5 * HOUR_US, "dhcp-lease", "network", more=later),
        log_on(START_US + 7 * HOUR_US, "10.0.0.5", "SRV-1", "ann"),
    ]
    moment = graph_of(events).at()
    assert {(edge.source, edge.count) for edge in moment.edges} == {("WS-1", 1), ("WS-2", 1)}


def test_a_machine_account_tells_who_has_an_address_where_no_one_else_does() -> None:
    events = [
        log_on(START_US, "10.0.0.5", "DC-1", "WS-1$"),
        log_on(START_US + MINUTE_US, "10.0.0.5", "SRV-1", "ann"),
        log_on(START_US + DAY_US, "10.0.0.5", "DC-1", "WS-2$"),
        log_on(START_US + DAY_US + MINUTE_US, "10.0.0.5", "SRV-1", "bob"),
    ]
    found = {(edge.source, edge.user) for edge in graph_of(events).at().edges if edge.target == "SRV-1"}
    assert found == {("WS-1", "ann"), ("WS-2", "bob")}


def test_behind_a_translator_no_name_is_believed() -> None:
    events = [log_on(START_US + n, "10.0.0.5", "DC-1", f"WS-{n}$") for n in (1, 2)]
    events.append(log_on(START_US + 3, "10.0.0.5", "SRV-1", "ann"))
    assert ("network log-on", "10.0.0.5", "SRV-1", "ann") in ways(graph_of(events).at())


def test_a_host_that_logs_on_to_itself_is_no_way() -> None:
    events = [
        log_on(START_US, "10.0.0.5", "DC-1", "WS-5$"),
        log_on(START_US + 1, "10.0.0.5", "WS-5", "ann"),
    ]
    assert ways(graph_of(events).at()) == {("machine account", "WS-5", "DC-1", "ws-5$")}


def test_administrator_rights_are_known_from_the_log_on_or_from_the_privileges_beside_it() -> None:
    plain = log_on(START_US, "10.0.0.5", "SRV-1", "ann")
    beside = event(START_US, "privileges-assigned", "authentication", host="SRV-1", user="ann")
    assert not only(graph_of([plain]).at()).is_elevated
    assert only(graph_of([beside, plain]).at()).is_elevated
    assert only(graph_of([log_on(START_US, "10.0.0.5", "SRV-1", "ann", elevated=True)]).at()).is_elevated


def test_the_graph_can_be_seen_as_it_was() -> None:
    events = [log_on(START_US + n * DAY_US, "10.0.0.5", "SRV-1", "ann") for n in range(5)]
    events.append(log_on(START_US + 3 * DAY_US, "10.0.0.6", "SRV-1", "bob"))
    graph = graph_of(events)
    before = graph.at(START_US + DAY_US)
    assert [(edge.user, edge.count) for edge in before.edges] == [("ann", 2)]
    assert before.edges[0].last_us <= START_US + DAY_US
    assert graph.at(START_US - DAY_US).edges == ()


def test_weights_halve_in_a_week() -> None:
    graph = graph_of([log_on(START_US, "10.0.0.5", "SRV-1", "ann")])
    now, later = only(graph.at(START_US)).weight, only(graph.at(START_US + 7 * DAY_US)).weight
    assert later == pytest.approx(now / 2)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_the_order_of_events_changes_nothing(seed: int) -> None:
    events = [*office(days=3, machines=4), *intrusion(day=2)]
    shuffled = random.Random(seed).sample(events, len(events))
    assert graph_of(shuffled).at() == graph_of(events).at()


def test_a_snapshot_goes_on_where_it_was_taken() -> None:
    events = [*office(days=2, machines=3), ticket(START_US + 3 * DAY_US, "10.0.0.5", "SRV-1$", "ann")]
    whole = graph_of([*events, log_on(START_US + 3 * DAY_US, None, "SRV-1", "ann")])
    first = graph_of(events)
    again = graph_of([])
    again._names.load(first._names.dump())
    again.load(first.dump())
    last = log_on(START_US + 3 * DAY_US, None, "SRV-1", "ann")
    again._names.learn(last)
    again.observe(last)
    assert again.at() == whole.at()


def test_a_flood_of_edges_forgets_those_unused_longest() -> None:
    events = [log_on(START_US + n, f"10.1.{n // 250}.{n % 250 + 1}", "SRV-1", "ann") for n in range(300)]
    graph = graph_of(events, capacity=100)
    assert len(graph) <= 100
    assert ("network log-on", "10.1.1.50", "SRV-1", "ann") in ways(graph.at())


def test_the_host_that_gives_tickets_is_a_controller() -> None:
    moment = graph_of([ticket(START_US, "10.0.0.5", "SRV-1$", "ann")]).at()
    assert {host.casefold() for host in moment.controllers} == {"dc-1"}


def test_hosts_accounts_and_services_are_what_edges_are_between() -> None:
    moment = graph_of(
        [log_on(START_US, "10.0.0.5", "FS-1", "ann"), log_on(START_US, "10.0.0.6", "FS-1", "bob", kind=10)]
    ).at()
    assert moment.hosts == ("10.0.0.5", "10.0.0.6", "FS-1")
    assert moment.users() == ("ann", "bob")
    assert moment.services() == (("log-on", "FS-1"), ("rdp", "FS-1"))


def test_a_flood_of_flows_forgets_no_log_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_FLOWS", 10)
    flows = [
        event(
            START_US + number,
            "connection",
            "network",
            source_ip="10.0.0.1",
            destination_ip=f"10.0.1.{number}",
            destination_port=22,
        )
        for number in range(1, 100)
    ]
    graph = graph_of([log_on(START_US, "10.0.0.5", "FS-1", "ann"), *flows])
    kinds = [edge.kind for edge in graph.at().edges]
    assert kinds.count("network log-on") == 1
    assert 1 <= kinds.count("ssh flow") <= 10


@pytest.mark.parametrize("written", ["FS-1", "fs-1", "FS-1.corp.example", "fs-1.CORP.EXAMPLE"])
def test_a_host_is_one_however_its_name_is_written(written: str) -> None:
    moment = graph_of(
        [log_on(START_US, "10.0.0.5", "FS-1", "ann"), log_on(START_US + 1, "10.0.0.5", written, "ann")]
    ).at()
    assert len(moment.edges) == 1
    assert moment.edges[0].count == 2


def test_a_dhcp_lease_tells_whose_log_on_it_was() -> None:
    lease = event(
        START_US, "dhcp-lease", "network",
        more={"client.assigned_ip": "10.0.0.5", "client.hostname": "WS-5"},
    )  # fmt: skip
    (edge,) = graph_of([lease, log_on(START_US + 1, "10.0.0.5", "FS-1", "ann")]).at().edges
    assert edge.source == "WS-5"
