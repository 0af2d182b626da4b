"""Events and small offices for the tests of the network graph; all made up."""

from __future__ import annotations

import random
from collections.abc import Iterable

from pandora_core.detect.names import Names
from pandora_core.graph.network import NetworkGraph
from pandora_core.model import DAY_US, HOUR_US, Event, from_iso

START_US = from_iso("2026-03-02T09:00:00Z")
Fields = dict[str, str | int | float | bool]


def log_on(
    at_us: int, source: str | None, target: str, user: str, *, kind: int = 3, elevated: bool = False, name: str = ""
) -> Event:
    """A Windows log-on (4624) from an address, with the client's name if it is said."""
    more: Fields = {"winlog.logon.type": kind}
    if elevated:
        more["winlog.event_data.ElevatedToken"] = "%%1842"
    return Event(
        at_us=at_us,
        dataset="windows.security",
        category="authentication",
        action="logon",
        outcome="success",
        code="4624",
        host=target,
        user=user,
        source_ip=source,
        source_domain=name or None,
        more=more,  # type: ignore[arg-type]
    )


def ticket(at_us: int, source: str, service: str, user: str) -> Event:
    """A service ticket (4769) that a controller gave."""
    more = {"service.name": service}
    return Event(
        at_us=at_us,
        dataset="windows.security",
        category="authentication",
        action="kerberos-service",
        outcome="success",
        code="4769",
        host="DC-1.corp.example",
        user=user,
        source_ip=source,
        more=more,  # type: ignore[arg-type]
    )


def event(at_us: int, action: str, category: str, **fields: object) -> Event:
    return Event(at_us=at_us, dataset="windows.security", category=category, action=action, **fields)  # type: ignore[arg-type]


def graph_of(events: Iterable[Event], **options: int) -> NetworkGraph:
    """A graph that has seen events, names learnt as they come."""
    names = Names()
    graph = NetworkGraph(names, **options)
    for one in events:
        names.learn(one)
        graph.observe(one)
    return graph


def office(seed: int = 1, days: int = 10, machines: int = 12) -> list[Event]:
    """Every machine at two file servers and a controller each day; an administrator from a jump host at servers."""
    rng, events = random.Random(seed), []
    for day in range(days):
        for number in range(machines):
            address, user = f"10.0.0.{number + 1}", f"user{number}"
            for hour in range(3):
                at_us = START_US + day * DAY_US + hour * HOUR_US + rng.randrange(HOUR_US)
                events.append(log_on(at_us, address, f"FS-{1 + number % 2}", user, name=f"WS-{number}"))
            events.append(log_on(at_us, address, "DC-1", f"WS-{number}$"))
            events.append(log_on(at_us - HOUR_US, None, f"WS-{number}", user, kind=2))
        for server in ("FS-1", "FS-2", "DB-1"):
            at_us = START_US + day * DAY_US + rng.randrange(4 * HOUR_US)
            events.append(log_on(at_us, "10.0.9.1", server, "boss", elevated=True, name="JUMP-1"))
    return sorted(events, key=lambda one: one.at_us)


def intrusion(day: int = 8) -> list[Event]:
    """The administrator's account, from one machine to the next and on to the database."""
    at_us = START_US + day * DAY_US + 2 * HOUR_US
    return [
        log_on(at_us, "10.0.0.3", "WS-7", "boss", elevated=True, name="WS-2"),
        log_on(at_us + HOUR_US // 3, "10.0.0.8", "DB-1", "boss", elevated=True, name="WS-7"),
    ]
