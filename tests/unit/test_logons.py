"""Bursts of failed log-ons, and successes after them."""

from __future__ import annotations

import msgspec
import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.behaviours.logons import (
    BURST_FAILURES,
    MAX_FURTHER_POINTS,
    PERSISTENT_FAILURES,
    POINTS,
    POINTS_STRANGER,
    RETRY_POINTS,
    RETRY_SUCCESS_POINTS,
    SPRAY_ACCOUNTS,
    SUCCESS_FAILURES,
    FailedLogons,
)
from pandora_core.model import EntityRef, Event, Severity
from tests.unit.streams import INSIDE, OUTSIDE, at, ssh, watch, windows_logon


def failures(number: int, every_s: float = 5, **fields: str) -> list[Event]:
    return [ssh(at(seconds=n * every_s), "failure", **fields) for n in range(number)]


def bursts(events: list[Event]) -> list[Fired]:
    return [f for f in watch(events, FailedLogons) if f.detection.detector == "failed-logons"]


def breaches(events: list[Event]) -> list[Fired]:
    return [f for f in watch(events, FailedLogons) if f.detection.detector == "success-after-failures"]


def test_a_burst_fires_at_the_tenth_failure_and_is_medium() -> None:
    assert bursts(failures(BURST_FAILURES - 1)) == []
    (burst,) = bursts(failures(BURST_FAILURES))
    assert burst.event_id == BURST_FAILURES
    assert burst.at_us == at(seconds=45)
    detection = burst.detection
    assert detection.severity is Severity.MEDIUM
    assert detection.entity == EntityRef("address", "203.0.113.9")
    assert detection.techniques == ("T1110.001",)
    assert detection.hosts == ("203.0.113.9", "gate")
    assert detection.users == ("root",)
    assert detection.related == (EntityRef("host", "gate"),)
    assert detection.title == "10 failed log-ons to gate"
    assert detection.reasons == (
        "10 failed log-ons from 203.0.113.9 to gate in 45 seconds",
        "tried only the account root",
    )


def test_a_burst_goes_on_as_one_detection_and_grows() -> None:
    (burst,) = bursts(failures(400))
    assert (burst.event_id, burst.detection.count) == (BURST_FAILURES, 400)
    assert burst.detection.points == POINTS_STRANGER + MAX_FURTHER_POINTS
    assert burst.detection.event_ids == (1, 2, 3, 398, 399, 400)


def test_who_mistypes_now_and_then_is_no_burst() -> None:
    assert bursts(failures(PERSISTENT_FAILURES * 2, every_s=15 * 60)) == []


def test_slow_guessing_that_does_not_stop_is_a_burst_too() -> None:
    (burst,) = bursts(failures(PERSISTENT_FAILURES, every_s=10 * 60))
    assert burst.event_id == PERSISTENT_FAILURES


def test_a_line_that_says_repeated_five_times_counts_five_times() -> None:
    events = [ssh(at(seconds=n), "failure", count=5) for n in range(2)]
    (burst,) = bursts(events)
    assert burst.detection.count == 10


def test_many_accounts_with_few_tries_each_are_a_spray() -> None:
    events = [ssh(at(seconds=n), "failure", user=f"user{n % 12}") for n in range(24)]
    (burst,) = bursts(events)
    assert burst.detection.techniques == ("T1110.003",)
    assert "tried 12 accounts, most often user0" in burst.detection.reasons


def test_a_few_accounts_tried_in_a_moment_are_a_spray_too() -> None:
    assert bursts([ssh(at(seconds=n), "failure", user=f"user{n}") for n in range(SPRAY_ACCOUNTS - 1)]) == []
    assert bursts([ssh(at(n), "failure", user=f"user{n}") for n in range(SPRAY_ACCOUNTS)]) == []
    (burst,) = bursts([ssh(at(seconds=n), "failure", user=f"user{n}") for n in range(SPRAY_ACCOUNTS)])
    assert burst.detection.techniques == ("T1110.003",)


def test_the_account_that_a_spray_found_is_told() -> None:
    tried = [ssh(at(seconds=n), "failure", user=f"user{n}") for n in range(SPRAY_ACCOUNTS)]
    (breach,) = breaches([*tried, ssh(at(1), "success", user="carol")])
    assert breach.detection.severity is Severity.MEDIUM
    assert breach.detection.users == ("carol",)


def test_accounts_that_do_not_exist_are_counted() -> None:
    events = [msgspec.structs.replace(event, more={"user.known": False}) for event in failures(10)]
    (burst,) = bursts(events)
    assert "10 failures for accounts that do not exist" in burst.detection.reasons


def test_failures_from_different_sources_or_to_different_hosts_do_not_add_up() -> None:
    events = [ssh(at(seconds=n), "failure", f"203.0.113.{n % 2}", f"host-{n % 3}") for n in range(40)]
    assert bursts(events) == []


def test_failures_at_the_host_itself_are_its_own() -> None:
    events = [windows_logon(at(seconds=n), None, "WS-6", outcome="failure", kind=2) for n in range(12)]
    (burst,) = bursts(events)
    assert burst.detection.entity == EntityRef("host", "WS-6")
    assert burst.detection.hosts == ("WS-6",)
    assert "from the host itself to WS-6" in burst.detection.reasons[0]


def test_services_batch_jobs_and_machine_accounts_do_not_count() -> None:
    services = [windows_logon(at(seconds=n), outcome="failure", kind=4 + n % 2) for n in range(40)]
    machines = [windows_logon(at(seconds=n), user="WS-5$", outcome="failure") for n in range(40)]
    assert bursts(services + machines) == []


@pytest.mark.parametrize("code", ["0x19", "0x25", "0xc0000224"])
def test_a_failure_that_says_nothing_of_the_password_does_not_count(code: str) -> None:
    events = [msgspec.structs.replace(event, more={"error.code": code}) for event in failures(40)]
    assert bursts(events) == []


@pytest.mark.parametrize("action", ["kerberos-preauth", "kerberos-tgt", "ntlm-validate"])
def test_kerberos_and_ntlm_failures_count_like_log_ons(action: str) -> None:
    events = [msgspec.structs.replace(event, action=action, dataset="windows.security") for event in failures(10)]
    assert len(bursts(events)) == 1


def test_a_sensors_log_that_names_no_host_gives_the_destinations_address() -> None:
    events = [
        msgspec.structs.replace(event, host=None, user=None, destination_ip="10.0.0.9", dataset="zeek.ssh")
        for event in failures(10)
    ]
    (burst,) = bursts(events)
    assert burst.detection.hosts == ("203.0.113.9", "10.0.0.9")
    assert burst.detection.reasons == ("10 failed log-ons from 203.0.113.9 to 10.0.0.9 in 45 seconds",)


def test_a_source_that_is_only_a_dotted_name_stays_whole() -> None:
    events = [msgspec.structs.replace(e, source_ip=None, source_domain="h-9.example.net") for e in failures(10)]
    (burst,) = bursts(events)
    assert burst.detection.entity == EntityRef("address", "h-9.example.net")


def test_a_success_after_ten_failures_for_the_account_is_high() -> None:
    (breach,) = breaches([*failures(12), ssh(at(5), "success")])
    detection = breach.detection
    assert breach.event_id == 13
    assert detection.severity is Severity.HIGH
    assert detection.title == "log-on to gate as root after 12 failed log-ons"
    assert detection.reasons == (
        "203.0.113.9 logged on to gate as root after 12 failed log-ons in the half hour before",
        "all of them for root",
    )
    assert detection.techniques == ("T1110", "T1078", "T1021.004")
    assert detection.related == (EntityRef("host", "gate"), EntityRef("user", "root"))
    assert detection.event_ids == (13,)


def test_a_success_after_few_mistypings_is_low_and_after_fewer_is_nothing() -> None:
    assert breaches([*failures(SUCCESS_FAILURES - 1), ssh(at(5), "success")]) == []
    (breach,) = breaches([*failures(SUCCESS_FAILURES), ssh(at(5), "success")])
    assert breach.detection.severity is Severity.LOW


def test_a_success_of_an_account_that_was_not_tried_counts_less() -> None:
    assert breaches([*failures(BURST_FAILURES - 1), ssh(at(5), "success", user="alice")]) == []
    (breach,) = breaches([*failures(20), ssh(at(5), "success", user="alice")])
    assert breach.detection.severity is Severity.MEDIUM
    assert breach.detection.users == ("alice",)
    assert "none of them for alice" in breach.detection.reasons[1]


def test_a_success_from_elsewhere_or_long_after_is_no_breach() -> None:
    assert breaches([*failures(20), ssh(at(5), "success", "203.0.113.77")]) == []
    assert breaches([*failures(20), ssh(at(45), "success")]) == []


def test_failures_that_arrive_after_the_success_make_the_breach_all_the_same() -> None:
    before = breaches([*failures(12), ssh(at(5), "success")])
    after = breaches([ssh(at(5), "success"), *failures(12)])
    assert after[0].detection.reasons == before[0].detection.reasons
    assert after[0].event_id == 1 + BURST_FAILURES or after[0].event_id == 1 + SUCCESS_FAILURES


def test_several_successes_are_one_breach_that_tells_of_the_first() -> None:
    events = [*failures(12), *(ssh(at(5, n), "success") for n in range(3))]
    (breach,) = breaches(events)
    assert breach.detection.count == 3
    assert "3 log-ons of this kind in 2 seconds" in breach.detection.reasons


def retries(number: int, every_s: float = 300, user: str = "svc-sync", source: str = INSIDE[0]) -> list[Event]:
    return failures(number, every_s, user=user, source=source)


def test_one_of_ours_who_guesses_is_worse_than_a_stranger_who_does_not_get_in() -> None:
    (stranger,) = bursts(failures(BURST_FAILURES))
    (ours,) = bursts(failures(BURST_FAILURES, source=INSIDE[0]))
    (in_at_last,) = bursts([*failures(BURST_FAILURES), ssh(at(5), "success")])
    assert stranger.detection.points == POINTS_STRANGER
    assert ours.detection.points == in_at_last.detection.points == POINTS


def test_a_machine_of_ours_that_goes_on_with_an_old_password_is_no_alert_alone() -> None:
    (burst,) = bursts(retries(40))
    assert burst.detection.points == RETRY_POINTS
    assert "at a steady pace, as a machine does whose password is old: svc-sync" in burst.detection.reasons


def test_it_is_none_when_it_gets_in_at_last_either() -> None:
    (breach,) = breaches([*retries(7), ssh(at(35), "success", INSIDE[0], user="svc-sync")])
    assert breach.detection.points == RETRY_SUCCESS_POINTS
    assert "the failures came at a steady pace" in breach.detection.reasons[-1]


def test_a_stranger_has_no_old_passwords() -> None:
    (burst,) = bursts(retries(40, source=OUTSIDE[0]))
    assert burst.detection.severity is Severity.MEDIUM
    (breach,) = breaches([*retries(7, source=OUTSIDE[0]), ssh(at(35), "success", user="svc-sync")])
    assert breach.detection.points > RETRY_SUCCESS_POINTS


def test_a_guesser_beside_the_machine_counts_whole() -> None:
    guesses = [ssh(at(20, seconds=3 * n), "failure", INSIDE[0], user="alice") for n in range(12)]
    (burst,) = bursts(sorted([*retries(40), *guesses], key=lambda event: event.at_us))
    assert burst.detection.severity is Severity.MEDIUM
    (breach,) = breaches([*retries(7), ssh(at(35), "success", INSIDE[0], user="alice"), *guesses])
    assert breach.detection.points > RETRY_SUCCESS_POINTS
