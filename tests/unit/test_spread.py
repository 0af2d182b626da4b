"""Log-ons that are harmless one by one and too many together."""

from __future__ import annotations

from pandora_core.detect.behaviours.spread import WAYS, SpreadLogons
from pandora_core.model import Detection, EntityRef, Event
from tests.unit.streams import at, ssh, watch, windows_event, windows_logon


def found(*events: Event) -> list[Detection]:
    return [fired.detection for fired in watch(events, SpreadLogons)]


def failed(minutes: float, source: str, host: str, user: str) -> Event:
    return windows_logon(at(minutes), source, host, user, outcome="failure")


def explicit(minutes: float, user: str, program: str = "C:\\Users\\a\\tool.exe") -> Event:
    return windows_event(
        at(minutes),
        "authentication",
        "logon-explicit",
        "4648",
        user=user,
        winlog__subject__user="alice",
        process__executable=program,
    )


def test_failures_at_many_hosts_are_told_of_their_source() -> None:
    tries = [failed(n, "10.0.0.5", f"SRV-{n}", "bob") for n in range(5)]
    assert found(*tries[:4]) == []
    (detection,) = found(*tries)
    assert detection.entity == EntityRef("address", "10.0.0.5")
    assert detection.points == WAYS["hosts"].points
    assert detection.title == "10.0.0.5: failed to log on to 5 hosts"
    assert detection.hosts == ("10.0.0.5", "srv-0", "srv-1", "srv-2", "srv-3", "srv-4")
    assert detection.users == ("bob",)


def test_failures_at_many_hosts_with_long_pauses_are_not() -> None:
    assert found(*(failed(30 * n, "10.0.0.5", f"SRV-{n}", "bob") for n in range(8))) == []


def test_many_accounts_within_hours_are_a_slow_spray() -> None:
    tries = [failed(15 * n, "10.0.0.5", "SRV-1", f"user{n}") for n in range(20)]
    assert found(*tries[:19]) == []
    (detection,) = found(*tries)
    assert detection.title == "10.0.0.5: failed to log on as 20 accounts"
    assert detection.techniques == ("T1110.003",)
    assert detection.users[:2] == ("user0", "user1")


def test_many_accounts_from_the_internet_are_left_to_the_count_of_failures() -> None:
    assert found(*(ssh(at(n), "failure", "203.0.113.9", "gate", f"user{n}") for n in range(40))) == []


def test_one_account_guessed_from_many_places_is_told_of_the_account() -> None:
    (detection,) = found(*(failed(5 * n, f"10.0.0.{n}", "SRV-1", "bob") for n in range(5)))
    assert detection.entity == EntityRef("user", "bob")
    assert detection.users == ("bob",)
    assert (
        detection.reasons[0]
        == "the account bob: somebody failed to log on with it from 5 places, 5 times in 20 minutes"
    )


def test_a_program_that_tries_many_accounts_is_told_of_its_host() -> None:
    (detection,) = found(*(explicit(n / 10, f"user{n}") for n in range(8)))
    assert detection.entity == EntityRef("host", "WS-6")
    assert detection.users[0] == "user0"
    assert found(*(explicit(n / 10, f"user{n}", "C:\\Windows\\System32\\winlogon.exe") for n in range(8))) == []


def test_an_account_at_work_in_four_places_at_once_is_told() -> None:
    here = [windows_logon(at(n), None, f"WS-{n}", "bob", kind=2) for n in range(3)]
    assert found(*here) == []
    (detection,) = found(*here, windows_logon(at(4), "10.0.0.9", "SRV-1", "bob", kind=10))
    assert detection.entity == EntityRef("user", "bob")
    assert set(detection.hosts) == {"ws-0", "ws-1", "ws-2", "10.0.0.9"}


def test_the_parts_of_windows_that_draw_the_screen_are_nobody() -> None:
    assert found(*(windows_logon(at(n), None, f"WS-{n}", "DWM-1", kind=2) for n in range(9))) == []


def test_failures_that_say_nothing_of_the_password_do_not_count() -> None:
    late = [failed(n, "10.0.0.5", f"SRV-{n}", "bob") for n in range(8)]
    for event in late:
        event.more["error.code"] = "0x25"
    assert found(*late) == []
