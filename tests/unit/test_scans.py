"""Scans of ports and hosts."""

from __future__ import annotations

import msgspec

from pandora_core.detect.behaviours.scans import (
    HOSTS_ON_A_PORT,
    HOSTS_ON_A_UDP_PORT,
    HOSTS_PINGED,
    MANY_PORTS,
    PORTS_OF_A_HOST,
    REPEAT_SHARE,
    SLOW_TARGETS,
    Scans,
)
from pandora_core.model import HOUR_US, Detection, EntityRef, Event, Severity
from tests.unit.streams import INSIDE, OUTSIDE, at, connection, watch


def scans(events: list[Event]) -> list[Detection]:
    return [fired.detection for fired in watch(events, Scans)]


def vertical(ports: int, every_s: float = 1, **fields: object) -> list[Event]:
    return [connection(at(seconds=n * every_s), port=100 + n, **fields) for n in range(ports)]  # type: ignore[arg-type]


def horizontal(hosts: int, every_s: float = 1, **fields: object) -> list[Event]:
    return [
        connection(at(seconds=n * every_s), destination=f"10.0.{9 + n // 200}.{n % 200 + 1}", **fields)  # type: ignore[arg-type]
        for n in range(hosts)
    ]


def test_many_ports_of_one_host_are_a_vertical_scan_of_medium_severity() -> None:
    assert scans(vertical(PORTS_OF_A_HOST - 1)) == []
    (scan,) = scans(vertical(PORTS_OF_A_HOST))
    assert scan.severity is Severity.MEDIUM
    assert scan.entity == EntityRef("address", "10.0.0.5")
    assert scan.techniques == ("T1046",)
    assert scan.tactics == ("discovery",)
    assert scan.title == "scanned 8 ports of 10.0.0.6"
    assert scan.reasons == (
        "8 ports of 10.0.0.6 refused or did not answer: 100, 101, 102, 103, 104, 105, 106, 107; "
        "8 attempts in 7 seconds",
    )
    assert scan.hosts == ("10.0.0.5", "10.0.0.6")


def test_many_hosts_on_one_port_are_a_horizontal_scan() -> None:
    assert scans(horizontal(HOSTS_ON_A_PORT - 1)) == []
    (scan,) = scans(horizontal(HOSTS_ON_A_PORT))
    assert scan.title == "scanned 8 hosts for port 445/tcp"
    assert scan.techniques == ("T1046",)


def test_silent_pings_of_many_hosts_are_a_sweep() -> None:
    assert scans(horizontal(HOSTS_PINGED - 1, transport="icmp", port=None, outcome=None)) == []
    (scan,) = scans(horizontal(HOSTS_PINGED, transport="icmp", port=None, outcome=None))
    assert scan.title == "pinged 8 hosts"
    assert scan.techniques == ("T1018",)


def test_answered_pings_and_other_icmp_are_no_sweep() -> None:
    pings = horizontal(40, transport="icmp", port=None, outcome=None)
    answered = [msgspec.structs.replace(event, more={"destination.packets": 1}) for event in pings]
    unreachable = [msgspec.structs.replace(event, source_port=3) for event in pings]
    said_otherwise = [msgspec.structs.replace(event, source_port=None, more={"icmp.type": 11}) for event in pings]
    assert scans(answered + unreachable + said_otherwise) == []


def test_all_that_a_source_scans_is_one_detection() -> None:
    targets = [(host, port) for port in range(15) for host in range(1, 13)]
    events = [
        connection(at(seconds=n / 4), destination=f"10.0.9.{host}", port=port)
        for n, (host, port) in enumerate(targets)
    ]
    (scan,) = scans(events)
    assert scan.title == "scanned 15 ports of 10.0.9.1 and 11 more"
    assert len(scan.reasons) == 6
    assert scan.reasons[-1] == "and 22 other hosts or ports in the same way"


def test_connections_that_were_answered_do_not_count() -> None:
    assert scans(vertical(100, outcome="success") + horizontal(100, outcome="success")) == []


def test_group_addresses_and_the_host_itself_do_not_count() -> None:
    groups = [connection(at(seconds=n), destination="224.0.0.251", port=n) for n in range(40)]
    broadcast = [connection(at(seconds=n), destination="10.0.0.255", port=n) for n in range(40)]
    itself = [connection(at(seconds=n), "127.0.0.1", port=n) for n in range(40)]
    assert scans(groups + broadcast + itself) == []


def test_some_attempts_spread_over_an_hour_are_no_scan() -> None:
    few = SLOW_TARGETS - 1
    assert scans(vertical(few, every_s=90) + horizontal(few, every_s=90)) == []


def test_many_targets_one_at_a_time_are_a_slow_scan() -> None:
    (ports,) = scans(vertical(SLOW_TARGETS + 6, every_s=1200))
    assert ports.title == f"scanned {SLOW_TARGETS + 6} ports of {INSIDE[1]}"
    (hosts,) = scans(horizontal(SLOW_TARGETS, every_s=1200))
    assert hosts.count == SLOW_TARGETS


def test_dead_servers_outside_are_no_slow_scan() -> None:
    dead = [connection(at(20 * n), destination=f"203.0.{n}.9", port=443) for n in range(3 * SLOW_TARGETS)]
    assert scans(dead) == []


def test_strangers_who_knock_slowly_at_what_is_public_are_no_slow_scan() -> None:
    assert scans(vertical(3 * SLOW_TARGETS, every_s=1200, source=OUTSIDE[0])) == []


def test_what_was_counted_by_the_minute_and_the_half_day_is_told_once() -> None:
    (scan,) = scans(vertical(100))
    assert len(scan.reasons) == 1
    assert scan.count == 100


def test_a_scan_across_the_turn_of_a_minute_is_seen() -> None:
    assert len(scans(vertical(PORTS_OF_A_HOST, every_s=60 / PORTS_OF_A_HOST))) == 1


def test_a_retried_target_counts_once() -> None:
    assert scans([connection(at(seconds=n), port=n % 4) for n in range(100)]) == []


def test_silence_of_udp_proves_less() -> None:
    assert scans(horizontal(HOSTS_ON_A_UDP_PORT - 1, transport="udp", port=161)) == []
    assert len(scans(horizontal(HOSTS_ON_A_UDP_PORT, transport="udp", port=161))) == 1


def test_traceroute_and_blocked_quic_are_no_scans() -> None:
    traceroute = [connection(at(seconds=n), port=33434 + n, transport="udp") for n in range(60)]
    quic = horizontal(60, transport="udp", port=443)
    assert scans(traceroute + quic) == []


def test_tiny_one_way_connections_count_where_the_log_does_not_say_more() -> None:
    tiny = {"source.packets": 1}
    probes = [connection(at(seconds=n), port=100 + n, outcome=None, **tiny) for n in range(10)]
    assert len(scans(probes)) == 1
    answers = [msgspec.structs.replace(event, source_port=80) for event in probes]
    long = [msgspec.structs.replace(event, more={"source.packets": 9}) for event in probes]
    answered = [
        msgspec.structs.replace(event, more={"source.packets": 1, "destination.packets": 1}) for event in probes
    ]
    silent = [msgspec.structs.replace(event, more={}) for event in probes]
    for harmless in (answers, long, answered, silent):
        assert scans(harmless) == []


def test_a_scan_from_outside_is_reconnaissance_too() -> None:
    (scan,) = scans(vertical(20, source=OUTSIDE[0]))
    assert scan.techniques == ("T1046", "T1595.001")
    assert scan.tactics == ("discovery", "reconnaissance")


def test_a_scan_fires_at_the_attempt_that_completes_it() -> None:
    (fired,) = watch(vertical(30), Scans)
    assert fired.event_id == PORTS_OF_A_HOST
    assert fired.detection.count == 30


def test_more_targets_are_worth_more_up_to_a_bound() -> None:
    small, large, huge = (scans(vertical(n, every_s=0.01))[0] for n in (10, 1000, 20_000))
    assert small.points < large.points <= huge.points <= 60


def test_what_has_ended_a_scan_does_not_prolong_it() -> None:
    later = [connection(at(30 + n), port=5000 + n % 3) for n in range(20)]
    (scan,) = scans(vertical(20) + later)
    assert scan.last_seen_us == at(seconds=19)
    assert scan.count == 20


def shifted(events: list[Event], hours: float) -> list[Event]:
    return [msgspec.structs.replace(event, at_us=event.at_us + round(hours * HOUR_US)) for event in events]


def test_a_source_that_scans_in_the_same_way_every_night_fades_but_never_to_nothing() -> None:
    night = vertical(30)
    other = [msgspec.structs.replace(event, destination_ip="10.0.9.9") for event in night]
    first, second, third = scans([*night, *shifted(other, 23), *shifted(night, 46)])
    assert first.points > 45
    assert second.points == third.points == round(REPEAT_SHARE * first.points, 1)
    assert second.reasons[-1] == "10.0.0.5 scanned in the same way before"


def test_another_way_of_scanning_counts_whole_though_the_source_scans_every_night() -> None:
    _, second = scans([*vertical(30), *shifted([*vertical(30), *horizontal(HOSTS_ON_A_PORT)], 24)])
    assert second.points == 45


def test_who_scanned_many_hosts_on_many_ports_repeats_that_on_other_ports() -> None:
    def night(first_port: int) -> list[Event]:
        ports = range(first_port, first_port + MANY_PORTS)
        return [msgspec.structs.replace(e, destination_port=p) for p in ports for e in horizontal(HOSTS_ON_A_PORT)]

    first, second = scans([*night(100), *shifted(night(200), 24)])
    assert second.points == round(REPEAT_SHARE * first.points, 1)


def test_two_scans_of_one_day_count_whole() -> None:
    first, second = scans([*vertical(30), *shifted(vertical(30), 13)])
    assert first.points == second.points
