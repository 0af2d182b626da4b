"""The first log-on from one host to another."""

from __future__ import annotations

import msgspec
import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.behaviours.first_logons import (
    ADMINISTRATOR_HISTORY_POINTS,
    ADMINISTRATOR_POINTS,
    HISTORY_POINTS,
    MANY_VISITORS,
    POINTS,
    ROUND_POINTS,
    FirstLogons,
)
from pandora_core.detect.pipeline import Pipeline
from pandora_core.detect.rounds import HABIT_HOSTS, ROUND_HOSTS
from pandora_core.model import EntityRef, Event
from tests.unit.streams import OUTSIDE, at, own_connection, privileges, ssh, ticket, watch, windows_logon


def firsts(*events: Event) -> list[Fired]:
    return watch(events, FirstLogons)


def test_the_first_log_on_between_two_hosts_names_both() -> None:
    (first,) = firsts(own_connection(at(-1), "WS-5", "10.0.0.5"), windows_logon(at(), "10.0.0.5"))
    detection = first.detection
    assert detection.entity == EntityRef("host", "WS-5")
    assert detection.hosts == ("WS-5", "WS-6")
    assert detection.related == (EntityRef("host", "WS-6"), EntityRef("user", "alice"))
    assert detection.title == "first log-on from WS-5 to WS-6 as alice"
    assert detection.points == POINTS
    assert detection.techniques == ("T1021",)
    assert "watched for less than a day" in detection.reasons[0]


def test_the_second_log_on_of_a_day_is_not_new() -> None:
    made = Pipeline([FirstLogons])
    made.observe(1, windows_logon(at()))
    made.changed()
    made.observe(2, windows_logon(at(61)))
    made.observe(3, windows_logon(at(60 * 24 * 9), user="bob"))
    assert made.changed() == []


def test_log_ons_of_the_first_hour_are_told_together() -> None:
    (first,) = firsts(
        windows_logon(at(), user="CORP\\Alice"), windows_logon(at(59), user="bob"), windows_logon(at(61))
    )
    assert first.detection.count == 2
    assert first.detection.users == ("alice", "bob")
    assert first.detection.last_seen_us == at(59)


def test_a_log_on_that_arrives_late_moves_the_first_hour_back() -> None:
    (first,) = firsts(windows_logon(at(5)), windows_logon(at(63)), windows_logon(at(0)))
    assert (first.detection.first_seen_us, first.detection.last_seen_us) == (at(0), at(5))


def test_with_a_day_of_history_it_counts_more() -> None:
    (_, first) = firsts(windows_logon(at(), "10.0.0.9"), windows_logon(at(60 * 25)))
    assert first.detection.points == HISTORY_POINTS
    assert (
        first.detection.reasons[0]
        == "10.0.0.5 had not logged on to WS-6 in the 25 hours that its log-ons are watched"
    )


@pytest.mark.parametrize("comes_first", [True, False])
def test_administrator_rights_come_with_the_log_on_or_with_its_privileges(comes_first: bool) -> None:
    logon, assigned = windows_logon(at(0, 1)), privileges(at(0, 1))
    (first,) = firsts(*((assigned, logon) if comes_first else (logon, assigned)))
    (elevated,) = firsts(windows_logon(at(0, 1), is_elevated=True))
    assert first.detection.points == elevated.detection.points == ADMINISTRATOR_POINTS
    assert first.detection.reasons[-1] == "with administrator rights on WS-6"
    assert first.detection.title.endswith("with administrator rights")


def test_administrator_rights_are_not_overlooked_on_a_busy_path() -> None:
    events = [windows_logon(at(n), logon_id=f"0x{n + 1:x}") for n in range(40)]
    (first,) = firsts(*events, windows_logon(at(50), is_elevated=True))
    (assigned,) = firsts(*events, privileges(at(39), logon_id="0x28"))
    assert first.detection.points == assigned.detection.points == ADMINISTRATOR_POINTS
    assert "16 log-ons or more as alice" in first.detection.reasons[1]
    (later,) = firsts(*events, windows_logon(at(70), is_elevated=True))
    assert later.detection.points == POINTS


def test_privileges_of_another_session_do_not_count() -> None:
    (first,) = firsts(windows_logon(at()), privileges(at(), logon_id="0xother"), privileges(at(), host="WS-7"))
    assert first.detection.points == POINTS


@pytest.mark.parametrize(
    "event",
    [
        windows_logon(at(), user="WS-5$"),
        windows_logon(at(), user="ANONYMOUS LOGON"),
        windows_logon(at(), kind=5),
        windows_logon(at(), kind=2),
        windows_logon(at(), source="127.0.0.1"),
        windows_logon(at(), source=None, workstation="WS-6"),
        windows_logon(at(), outcome="failure"),
    ],
)
def test_machines_services_local_and_failed_log_ons_are_left_out(event: Event) -> None:
    assert firsts(event) == []


def test_ssh_and_remote_desktop_have_techniques_of_their_own() -> None:
    (by_ssh,) = firsts(ssh(at(), "success", OUTSIDE[0]))
    (by_desktop,) = firsts(windows_logon(at(), kind=10))
    assert by_ssh.detection.techniques == ("T1021.004",)
    assert by_ssh.detection.reasons[1] == "1 log-on as root in the first hour: by SSH, password"
    assert by_desktop.detection.techniques == ("T1021.001",)


def test_a_workstation_name_serves_where_there_is_no_address() -> None:
    (first,) = firsts(windows_logon(at(), source=None, workstation="KALI"))
    assert first.detection.hosts == ("KALI", "WS-6")


def test_a_sensors_log_that_names_nobody_still_gives_the_path() -> None:
    seen = msgspec.structs.replace(ssh(at(), "success"), user=None, host=None, destination_ip="10.0.0.9")
    (first,) = firsts(seen)
    assert first.detection.hosts == (OUTSIDE[0], "10.0.0.9")
    assert first.detection.users == ()


@pytest.mark.parametrize("comes_first", [True, False])
@pytest.mark.parametrize("service", ["WS-6$", "HTTP/ws-6.corp.example", "host/WS-6.corp.example:5985@CORP.EXAMPLE"])
def test_a_log_on_from_nowhere_is_placed_by_its_kerberos_ticket(comes_first: bool, service: str) -> None:
    logon, asked = windows_logon(at(0, 5), source=None, is_elevated=True), ticket(at(0, 4), "10.0.0.5", service)
    (first,) = firsts(*((asked, logon) if comes_first else (logon, asked)))
    assert first.detection.hosts == ("10.0.0.5", "WS-6")
    assert first.detection.points == ADMINISTRATOR_POINTS


def test_a_ticket_of_somebody_else_of_another_host_or_long_ago_places_nothing() -> None:
    logon = windows_logon(at(30), source=None)
    tickets = (
        ticket(at(30), user="bob"),
        ticket(at(30), service="WS-7$"),
        ticket(at(30), service="krbtgt/CORP.EXAMPLE"),
        ticket(at(20)),
    )
    assert firsts(*tickets, logon) == []


def test_a_host_that_turns_out_to_have_logged_on_to_itself_is_told_to_mean_nothing() -> None:
    (first,) = firsts(windows_logon(at(), "10.0.0.6"), own_connection(at(1), "WS-6", "10.0.0.6"))
    assert first.detection.points == 0


def test_an_earlier_sight_of_the_target_that_arrives_late_gives_it_a_history() -> None:
    made = Pipeline([FirstLogons])
    made.observe(1, windows_logon(at(60 * 25)))
    assert [f.detection.points for f in made.changed()] == [POINTS]
    made.observe(2, windows_logon(at(), "10.0.0.9"))
    assert HISTORY_POINTS in [f.detection.points for f in made.changed()]


def test_every_log_on_from_elsewhere_makes_an_edge() -> None:
    made = Pipeline([FirstLogons])
    for number, minutes in enumerate((0, 30, 60 * 24), 1):
        made.observe(number, windows_logon(at(minutes)))
    (edge,) = made.edges()
    assert (edge.kind, edge.source, edge.destination, edge.user, edge.count) == (
        "logon",
        "10.0.0.5",
        "ws-6",
        "alice",
        3,
    )
    assert (edge.first_seen_us, edge.last_seen_us) == (at(), at(60 * 24))


def rounds(hosts: int, start_min: float, user: str = "svc-backup", source: str = "10.0.0.5") -> list[Event]:
    return [
        windows_logon(at(start_min + n), source, f"SRV-{n}", user, is_elevated=True, logon_id=f"0x{n}")
        for n in range(hosts)
    ]


DAY_MIN = 24 * 60


def points_of(*events: Event) -> dict[tuple[str, str], float]:
    return {(item.detection.entity.name, item.detection.hosts[1]): item.detection.points for item in firsts(*events)}


def test_rounds_that_are_as_old_as_the_log_are_weak_evidence() -> None:
    assert set(points_of(*rounds(ROUND_HOSTS - 1, 0)).values()) == {ADMINISTRATOR_POINTS}
    assert set(points_of(*rounds(ROUND_HOSTS, 0)).values()) == {ROUND_POINTS}


def test_one_more_host_on_customary_rounds_is_weak_evidence() -> None:
    new = windows_logon(at(DAY_MIN - 60), "10.0.0.5", "SRV-9", "svc-backup", is_elevated=True)
    assert points_of(*rounds(ROUND_HOSTS, 0), new)["10.0.0.5", "SRV-9"] == ROUND_POINTS


def test_rounds_that_begin_when_the_log_is_old_stay_strong_until_the_next_day() -> None:
    before = windows_logon(at(), "10.0.0.9", "SRV-0", "bob")
    later = 2 * DAY_MIN
    found = points_of(before, *rounds(ROUND_HOSTS + 3, later))
    assert min(points for (source, _), points in found.items() if source == "10.0.0.5") == ADMINISTRATOR_POINTS
    new = windows_logon(at(later + DAY_MIN), "10.0.0.5", "SRV-9", "svc-backup", is_elevated=True)
    assert points_of(before, *rounds(ROUND_HOSTS, later), new)["10.0.0.5", "SRV-9"] == ROUND_POINTS


def test_an_account_that_goes_round_from_elsewhere_than_its_home_stays_strong() -> None:
    home = windows_logon(at(), "10.0.0.9", "SRV-0", "svc-backup")
    found = points_of(home, *rounds(ROUND_HOSTS + 3, 60))
    assert found["10.0.0.5", "SRV-3"] == ADMINISTRATOR_POINTS


def test_another_account_on_the_same_way_stays_strong() -> None:
    thief = windows_logon(at(DAY_MIN + 60), "10.0.0.5", "SRV-9", "adm.eve", is_elevated=True)
    assert points_of(*rounds(ROUND_HOSTS, 0), thief)["10.0.0.5", "SRV-9"] == ADMINISTRATOR_POINTS


def test_that_an_account_has_its_home_elsewhere_may_be_told_late() -> None:
    home = windows_logon(at(), "10.0.0.9", "SRV-0", "svc-backup")
    found = points_of(*rounds(ROUND_HOSTS, 5), home)
    assert found["10.0.0.5", "SRV-3"] == ADMINISTRATOR_POINTS


def test_from_its_home_an_account_needs_fewer_hosts_for_a_habit_than_from_elsewhere() -> None:
    new = windows_logon(at(DAY_MIN - 60), "10.0.0.5", "SRV-9", "svc-backup", is_elevated=True)
    assert points_of(*rounds(HABIT_HOSTS, 0), new)["10.0.0.5", "SRV-9"] == ROUND_POINTS
    home = windows_logon(at(-1), "10.0.0.9", "SRV-0", "svc-backup")
    assert points_of(home, *rounds(HABIT_HOSTS, 0), new)["10.0.0.5", "SRV-9"] == ADMINISTRATOR_POINTS


def leased(minutes: float, address: str, host: str = "WS-5") -> Event:
    return own_connection(at(minutes), host, address)


def test_a_host_keeps_its_paths_when_its_address_changes() -> None:
    before, after = windows_logon(at(1), "10.0.0.5"), windows_logon(at(DAY_MIN + 2), "10.0.0.6")
    moved = firsts(leased(0, "10.0.0.5"), before, leased(DAY_MIN - 1, "10.0.0.6"), after)
    assert [item.detection.points for item in moved] == [POINTS, 0]
    assert "under another address" in moved[1].detection.reasons[-1]
    (_, taken_over) = firsts(leased(0, "10.0.0.5"), before, leased(DAY_MIN - 1, "10.0.0.6", "WS-7"), after)
    assert taken_over.detection.points == HISTORY_POINTS


def test_a_host_keeps_its_rounds_when_its_address_changes() -> None:
    new = windows_logon(at(DAY_MIN), "10.0.0.6", "SRV-9", "svc-backup", is_elevated=True)
    start, moved = leased(-1, "10.0.0.5"), leased(DAY_MIN - 1, "10.0.0.6")
    found = firsts(start, *rounds(HABIT_HOSTS, 0), moved, new)[-1].detection
    assert (found.entity.name, found.points) == ("WS-5", ROUND_POINTS)
    another = firsts(start, *rounds(HABIT_HOSTS, 0), leased(DAY_MIN - 1, "10.0.0.6", "WS-7"), new)[-1].detection
    assert (another.entity.name, another.points) == ("WS-7", ADMINISTRATOR_POINTS)


def test_that_a_host_had_another_address_before_may_be_told_in_a_later_batch() -> None:
    made = Pipeline([FirstLogons])
    events = [
        windows_logon(at(1), "10.0.0.5"),
        windows_logon(at(DAY_MIN + 2), "10.0.0.6"),
        leased(DAY_MIN, "10.0.0.6"),
    ]
    for number, event in enumerate(events, 1):
        made.observe(number, event)
    assert [item.detection.points for item in made.changed()] == [POINTS, HISTORY_POINTS]
    made.observe(9, leased(0, "10.0.0.5"))
    assert {item.event_id: item.detection.points for item in made.changed()} == {1: POINTS, 2: 0}


def test_an_administrator_at_the_own_desk_is_less_news_than_one_elsewhere() -> None:
    start, watched = windows_logon(at(-1), "10.0.0.5", "SRV-1", "adm.bob"), windows_logon(at(), "10.0.0.8", "SRV-9")
    later = DAY_MIN + 5
    own = windows_logon(at(later), "10.0.0.5", "SRV-9", "adm.bob", is_elevated=True)
    other = windows_logon(at(later), "10.0.0.7", "SRV-9", "adm.bob", is_elevated=True)
    assert points_of(start, watched, own)["10.0.0.5", "SRV-9"] == HISTORY_POINTS
    assert points_of(start, watched, other)["10.0.0.7", "SRV-9"] == ADMINISTRATOR_HISTORY_POINTS
    new = windows_logon(at(later - 60), "10.0.0.7", "SRV-1", "adm.eve")
    newcomer = windows_logon(at(later), "10.0.0.7", "SRV-9", "adm.eve", is_elevated=True)
    assert points_of(start, watched, new, newcomer)["10.0.0.7", "SRV-9"] == ADMINISTRATOR_HISTORY_POINTS


def sensed(at_us: int, source: str = "10.0.0.5", user: str = "alice") -> Event:
    """A log-on as a sensor on the network tells it: the server is an address, and once was named."""
    event = windows_logon(at_us, source, user=user)
    return msgspec.structs.replace(
        event, dataset="zeek.ntlm", host=None, destination_ip="10.0.0.6", destination_domain="WS-6", more={}
    )


def test_what_the_servers_own_log_tells_is_no_second_arrival() -> None:
    for events in ([windows_logon(at()), sensed(at(seconds=1))], [sensed(at()), windows_logon(at(seconds=1))]):
        told = [item.detection for item in firsts(*events)]
        points = {one.reasons[-1].startswith("nothing new"): one.points for one in told}
        assert points == {True: 0, False: POINTS}
    (alone,) = firsts(sensed(at()))
    assert alone.detection.points == POINTS


def test_one_more_who_logs_on_where_many_do_is_little_news_without_administrator_rights() -> None:
    crowd = [windows_logon(at(n), f"10.0.1.{n}", user=f"user{n}") for n in range(MANY_VISITORS)]
    later = DAY_MIN + 60
    found = points_of(*crowd, windows_logon(at(later)))
    assert found["10.0.0.5", "WS-6"] == ROUND_POINTS
    assert points_of(*crowd[1:], windows_logon(at(later)))["10.0.0.5", "WS-6"] == HISTORY_POINTS
    elevated = windows_logon(at(later), is_elevated=True)
    assert points_of(*crowd, elevated)["10.0.0.5", "WS-6"] == ADMINISTRATOR_HISTORY_POINTS


def test_nobody_becomes_a_known_host_by_saying_so() -> None:
    known = windows_logon(at(1), "10.0.0.5")
    spoofed = windows_logon(at(DAY_MIN + 2), "10.0.0.6", workstation="WS-5")
    *_, last = firsts(leased(0, "10.0.0.5"), known, spoofed)
    assert (last.detection.entity.name, last.detection.points) == ("WS-5", HISTORY_POINTS)
