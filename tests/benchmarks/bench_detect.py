"""Measures what the detectors cost: per event and behaviour, per alert, and in memory under a flood of addresses.

Run with ``python -m tests.benchmarks.bench_detect [cost|alerts|memory …]``. Times are of the processor, the best of a
few runs. ``conn`` is like a sensor's conn.log: 87 % answered, 10 % refused or silent, 3 % of which it cannot tell.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Callable, Sequence

from pandora_core.detect.behaviour import Fired, Maker
from pandora_core.detect.behaviours.signatures import Signatures
from pandora_core.detect.incidents.alerts import EntityFile, alerts_of
from pandora_core.detect.pipeline import BUILT_IN, Pipeline
from pandora_core.model import SECOND_US, Event
from tests.unit.streams import START_US, connection, dns_query, ids_alert, service, ssh, ticket, windows_logon

EVENTS = 100_000
REPEATS = 3


def main(parts: Sequence[str]) -> None:
    for name, part in {"cost": cost, "alerts": alerts, "memory": memory}.items():
        if not parts or name in parts:
            part()


def cost() -> None:
    """Microseconds an event, by kind of traffic and behaviour; collecting the news every 1,000 events included."""
    streams = {
        "conn": conn(),
        "scan": scan(),
        "logons": logons(),
        "ids": ids(),
        "mixed": mixed(),
        "desks": desks(),
        "names": names(),
    }
    print(f"{'µs/event':<18}" + "".join(f"{name:>10}" for name in streams))
    makers: dict[str, tuple[Maker, ...]] = {"all": BUILT_IN, **{maker.__name__: (maker,) for maker in BUILT_IN}}  # type: ignore[attr-defined]
    for name, chosen in makers.items():
        cells = (best_us(lambda events=events: run(Pipeline(chosen), events)) for events in streams.values())  # noqa: B023
        print(f"{name:<18}" + "".join(f"{cell:>10.2f}" for cell in cells), flush=True)


def run(made: Pipeline, events: Sequence[Event]) -> None:
    observe = made.observe
    for start in range(0, len(events), 1000):
        for number, event in enumerate(events[start : start + 1000], start + 1):
            observe(number, event)
        made.changed()
        made.edges()


def best_us(work: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, (time.process_time() - start) / EVENTS * 1e6)
    return best


def alerts() -> None:
    """What one more detection costs an entity that has many."""
    made = Pipeline([Signatures])
    for number in range(5000):
        made.observe(number + 1, ids_alert(START_US + number * SECOND_US, f"rule {number}", 1 + number % 4))
    fired = made.changed()
    entity = fired[0].detection.entity
    file = EntityFile(entity, fired[:4000])
    file.changes()
    start = time.process_time()
    for item in fired[4000:]:
        take(file, item)
    each = (time.process_time() - start) / 1000
    start = time.process_time()
    alerts_of(entity, fired)
    whole = time.process_time() - start
    print(f"one detection more on 4,000: {each * 1e3:.2f} ms; all of 5,000 anew: {whole * 1e3:.0f} ms")


def take(file: EntityFile, item: Fired) -> None:
    file.update([item])
    file.changes()
    file.score()


def memory() -> None:
    """A million distinct addresses that scan, and as many that guess passwords, log on and set off a rule."""
    made, before = Pipeline(), resident_mb()
    start = time.process_time()
    for number in range(1_000_000):
        source = f"{1 + number % 200}.{number // 200 % 250}.{number // 50_000}.7"
        at_us = START_US + number * 20_000
        made.observe(4 * number + 1, connection(at_us, source, "10.0.0.9", number % 60_000))
        made.observe(4 * number + 2, ssh(at_us, "failure", source))
        made.observe(4 * number + 3, ssh(at_us, "success", source))
        made.observe(4 * number + 4, ids_alert(at_us, "A RULE", 2, source, None))
        if number % 1000 == 999:
            made.changed()
            made.edges()
        if number % 200_000 == 199_999:
            print(f"{number + 1:>9,} addresses: {resident_mb() - before:.0f} MB more", flush=True)
    seconds = time.process_time() - start
    print(f"{seconds / 4:.2f} µs an event; a snapshot of it all has {len(made.snapshot()) / 1e6:.0f} MB")


def resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def conn() -> list[Event]:
    chance = random.Random(1)
    outcomes = ["success"] * 87 + ["failure"] * 10 + [None] * 3
    return [
        connection(
            START_US + number * SECOND_US // 100,
            f"10.0.{chance.randrange(4)}.{chance.randrange(1, 250)}",
            f"{chance.randrange(11, 99)}.0.{chance.randrange(40)}.{chance.randrange(1, 250)}",
            chance.choice([443, 443, 443, 80, 53, 22, 445]),
            outcome=chance.choice(outcomes),
            **{"source.packets": 9, "destination.packets": 9},
        )
        for number in range(EVENTS)
    ]


def desks() -> list[Event]:
    """Connections as offices have them: two hundred hosts, each with the destinations that it comes back to."""
    chance = random.Random(6)
    return [
        connection(
            START_US + number * SECOND_US // 5,
            f"10.0.0.{(host := chance.randrange(200)) + 1}",
            f"93.184.{host % 40}.{min(int(chance.expovariate(0.1)), 90) + 1}",
            443,
            outcome="success",
            **{"source.bytes": 900, "destination.bytes": 9_000, "event.duration": 2_000_000_000},
        )
        for number in range(EVENTS)
    ]


def names() -> list[Event]:
    """Questions for names: most of words, one in ten like a content network's."""
    chance = random.Random(7)
    return [
        dns_query(
            START_US + number * SECOND_US // 5,
            f"{chance.getrandbits(80):020x}.cdn.example" if number % 10 == 0 else f"www.site-{number % 900}.example",
            source=f"10.0.0.{chance.randrange(1, 200)}",
            code="NXDOMAIN" if number % 20 == 1 else "NOERROR",
        )
        for number in range(EVENTS)
    ]


def scan() -> list[Event]:
    return [
        connection(START_US + number * SECOND_US // 1000, "10.0.0.5", f"10.0.9.{number % 254 + 1}", number // 254)
        for number in range(EVENTS)
    ]


def logons() -> list[Event]:
    chance, made = random.Random(2), []
    for number in range(EVENTS):
        at_us, source = START_US + number * SECOND_US // 10, f"10.0.0.{chance.randrange(1, 200)}"
        kind = number % 10
        if kind < 6:
            made.append(windows_logon(at_us, source, f"SRV-{chance.randrange(20)}", f"user{chance.randrange(200)}"))
        elif kind < 8:
            made.append(ticket(at_us, source, f"SRV-{chance.randrange(20)}$"))
        else:
            made.append(ssh(at_us, "failure", source, f"gate-{chance.randrange(5)}"))
    return made


def ids() -> list[Event]:
    chance = random.Random(3)
    return [
        ids_alert(
            START_US + number * SECOND_US // 10,
            f"rule {chance.randrange(300)}",
            chance.randrange(4),
            f"203.0.{chance.randrange(99)}.{chance.randrange(1, 250)}",
            f"10.0.0.{chance.randrange(1, 20)}",
        )
        for number in range(EVENTS)
    ]


def mixed() -> list[Event]:
    chance = random.Random(4)
    services = [service(START_US, f"SRV-{n % 20}", f"service {n % 50}") for n in range(EVENTS // 50)]
    picked = conn()[: EVENTS // 2] + logons()[: EVENTS // 4] + ids()[: EVENTS // 4 - len(services)] + services
    chance.shuffle(picked)
    return sorted(picked, key=lambda event: event.at_us)


if __name__ == "__main__":
    main(sys.argv[1:])
