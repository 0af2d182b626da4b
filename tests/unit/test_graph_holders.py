"""Who had an address that no log names: a jump host is told by who arrives there and goes on."""

from __future__ import annotations

from collections.abc import Iterable

from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Event
from tests.unit.graph_samples import START_US, graph_of, log_on

JUMP = "10.9.9.9"


def shell(at_us: int, source: str, target: str, user: str) -> Event:
    """A log-on that sshd tells of."""
    return Event(
        at_us=at_us,
        dataset="linux.sshd",
        category="authentication",
        action="logon",
        outcome="success",
        host=target,
        user=user,
        source_ip=source,
    )


def by_way_of_the_jump_host(days: int, users: Iterable[str], address: str = JUMP) -> list[Event]:
    """Each day every administrator logs on to the jump host, and a few minutes later from there to a server."""
    events = []
    for day in range(days):
        for number, user in enumerate(users):
            at_us = START_US + day * DAY_US + number * HOUR_US
            events += [
                log_on(at_us - 2 * HOUR_US, f"10.0.0.{number + 1}", "DC-1", user, name=f"WS-{number}"),
                shell(at_us, f"10.0.0.{number + 1}", "jump", user),
                shell(at_us + 5 * MINUTE_US, address, "app", user),
            ]
    return events


def sources(events: Iterable[Event]) -> set[str]:
    return {edge.source for edge in graph_of(events).at().edges if edge.target in ("app", "db")}


def test_an_address_from_which_people_go_on_is_the_host_where_they_just_arrived() -> None:
    assert sources(by_way_of_the_jump_host(10, ["adm.a", "adm.b", "adm.c"])) == {"jump"}


def test_a_few_sessions_tell_nothing_yet() -> None:
    assert sources(by_way_of_the_jump_host(3, ["adm.a", "adm.b"])) == {JUMP}


def test_one_account_alone_tells_nothing() -> None:
    assert sources(by_way_of_the_jump_host(40, ["adm.a"])) == {JUMP}


def test_a_host_is_not_behind_an_address_that_logs_on_to_it() -> None:
    events = by_way_of_the_jump_host(10, ["adm.a", "adm.b", "adm.c"])
    assert sources([*events, shell(START_US, JUMP, "jump", "adm.a")]) == {JUMP}


def test_between_two_hosts_where_the_same_people_arrive_none_is_believed() -> None:
    events = by_way_of_the_jump_host(10, ["adm.a", "adm.b", "adm.c"])
    also = [shell(one.at_us, one.source_ip or "", "other", one.user or "") for one in events if one.host == "jump"]
    assert sources([*events, *also]) == {JUMP}


def test_what_a_host_says_of_its_address_goes_before() -> None:
    events = by_way_of_the_jump_host(10, ["adm.a", "adm.b", "adm.c"])
    told = log_on(START_US, JUMP, "FS-1", "ann", name="WS-77")
    assert sources([told, *events]) == {"WS-77"}
