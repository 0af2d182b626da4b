"""Signs on hosts: whose work it was, from where, and what is customary."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviours.first_logons import FirstLogons
from pandora_core.detect.behaviours.host_signs import PAUSE_US, HostSigns
from pandora_core.detect.customs import CUSTOM_HOSTS
from pandora_core.detect.incidents.alerts import alerts_of
from pandora_core.detect.signs.book import BOOK
from pandora_core.model import DAY_US, HOUR_US, Detection, EntityRef, Event, Severity
from tests.unit.streams import admin_share, at, own_connection, process, ticket, watch, windows_event, windows_logon

WMI = "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe"
ODD = "powershell.exe -nop -w hidden -enc SQBFAFgAIAAnAGgAZQBsAGwAbwAnAA=="
FLUSH = "cmd.exe /c ipconfig /flushdns"


def said(*events: Event, sign: str | None = None) -> list[Detection]:
    found = [fired.detection for fired in watch(events, HostSigns)]
    says = BOOK.by_name[sign].says if sign else ""
    return [detection for detection in found if detection.title.startswith(says)]


def test_a_sign_alone_is_the_risk_of_its_host() -> None:
    (detection,) = said(process(at(), ODD), sign="encoded-powershell")
    assert detection.detector == "host-signs"
    assert detection.entity == EntityRef("host", "WS-6")
    assert detection.points == 45
    assert detection.tactics == ("execution", "defense-evasion")
    assert detection.techniques == ("T1059.001", "T1027.010")
    assert detection.users == ("alice",)
    assert detection.title == "PowerShell runs an encoded command: WS-6"
    assert detection.reasons == ("on WS-6 by alice: PowerShell runs an encoded command", f"for example: {ODD}")


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_sign_in_a_session_from_elsewhere_names_both_hosts_and_counts_more(comes_first: bool) -> None:
    named, logon = own_connection(at(-1), "WS-5", "10.0.0.5"), windows_logon(at(), logon_id="0xabc")
    done = process(at(60), ODD, WMI, user="svc", logon_id="0xabc")
    (detection,) = said(named, *((logon, done) if comes_first else (done, logon)), sign="encoded-powershell")
    assert detection.entity == EntityRef("host", "WS-5")
    assert detection.hosts == ("WS-5", "WS-6")
    assert detection.points == 56
    assert detection.title == "PowerShell runs an encoded command: WS-6, from WS-5"
    assert detection.reasons[1] == "it was done in alice's session, which came from WS-5 (10.0.0.5)"


def test_the_account_and_the_time_tell_where_the_session_does_not() -> None:
    (detection,) = said(windows_logon(at()), process(at(2), ODD, logon_id="0x1"), sign="encoded-powershell")
    assert detection.entity.name == "10.0.0.5"
    assert detection.reasons[1] == "alice had logged on to WS-6 from 10.0.0.5 2 minutes before"


def test_time_alone_tells_only_for_ways_to_move() -> None:
    events = (
        windows_logon(at()),
        process(at(2), ODD, "C:\\Windows\\System32\\services.exe", user="SYSTEM", logon_id="0x3e7"),
    )
    (moved,), (ran,) = said(*events, sign="service-started-shell"), said(*events, sign="encoded-powershell")
    assert moved.entity.name == "10.0.0.5"
    assert moved.reasons[1].endswith("2 minutes before; the log does not say whose work it was")
    assert ran.entity == EntityRef("host", "WS-6")


def test_an_event_that_says_where_it_came_from_needs_no_log_on() -> None:
    (detection,) = said(admin_share(at()))
    assert detection.entity == EntityRef("address", "10.0.0.5")
    assert detection.hosts == ("10.0.0.5", "WS-6")
    assert detection.reasons[1] == "it came from 10.0.0.5"
    assert detection.points == BOOK.by_name["admin-share-opened"].points


def test_the_same_sign_with_short_pauses_is_one_detection() -> None:
    many = [process(at(minutes), ODD) for minutes in (0, 90, 180)]
    (detection,) = said(*many, sign="encoded-powershell")
    assert detection.count == 3
    assert detection.reasons[0].endswith("3 times in 3 hours")
    assert len(said(*many, process(at(200) + PAUSE_US, ODD), sign="encoded-powershell")) == 2


def test_what_was_done_a_day_before_counts_for_nothing() -> None:
    first, again = said(
        process(at(), FLUSH, WMI), process(at() + DAY_US + HOUR_US, FLUSH, WMI, "WS-7"), sign="wmi-started-tool"
    )
    assert (first.points, again.points) == (15, 0)
    assert again.reasons[-1] == "nothing new: the same was seen a day before, or on 5 hosts or more"


def test_what_is_done_on_many_hosts_counts_for_nothing_on_each() -> None:
    few = [process(at(n), f"cmd.exe /c copy version{n}.txt", WMI, f"WS-{n}") for n in range(1, CUSTOM_HOSTS)]
    all_of_them = [*few, process(at(30), "cmd.exe /c copy version77.txt", WMI, "WS-99")]
    assert {detection.points for detection in said(*few, sign="wmi-started-tool")} == {15}
    assert {detection.points for detection in said(*all_of_them, sign="wmi-started-tool")} == {0}


def test_something_new_beside_what_is_customary_counts_again() -> None:
    old = process(at(), FLUSH, WMI)
    later = at() + 2 * DAY_US
    *_, mixed = said(
        old, process(later, FLUSH, WMI), process(later + 1, "cmd.exe /c dir", WMI), sign="wmi-started-tool"
    )
    assert mixed.points == 15


def test_a_strong_sign_is_never_customary() -> None:
    wipe = "vssadmin.exe delete shadows /all"
    hosts = [process(at(n), wipe, host=f"WS-{n}") for n in range(8)]
    assert {detection.points for detection in said(*hosts, sign="shadow-copies-deleted")} == {75}


def test_a_machine_account_is_nobody() -> None:
    event = windows_event(
        at(),
        "process",
        "process-started",
        "4688",
        user="WS-6$",
        process__executable="C:\\Windows\\System32\\cmd.exe",
        process__command_line=FLUSH,
        process__parent__executable=WMI,
        user__effective__name="bob",
    )
    (detection,) = said(event, sign="wmi-started-tool")
    assert detection.users == ("bob",)
    (detection,) = said(admin_share(at(), user="WS-5$"))
    assert detection.users == ()


def test_a_program_by_wmi_from_a_new_administrators_path_is_a_high_alert() -> None:
    events = windows_logon(at(), is_elevated=True, logon_id="0x5"), process(at(1), ODD, WMI, logon_id="0x5")
    fired = watch(events, HostSigns, FirstLogons)
    (alert,) = alerts_of(EntityRef("address", "10.0.0.5"), fired)
    assert alert.severity >= Severity.HIGH
    assert alert.hosts == ("10.0.0.5", "WS-6")


def test_a_flushed_cache_from_a_new_administrators_path_is_no_high_alert() -> None:
    events = windows_logon(at(), is_elevated=True, logon_id="0x5"), process(at(1), FLUSH, WMI, logon_id="0x5")
    (alert,) = alerts_of(EntityRef("address", "10.0.0.5"), watch(events, HostSigns, FirstLogons))
    assert alert.severity == Severity.LOW


def test_events_that_name_no_host_are_passed_over() -> None:
    event = Event(
        at_us=at(), dataset="zeek.smb_files", category="file", action="file-written", more={"file.path": "lsass.dmp"}
    )
    assert said(event) == []


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_log_on_without_a_source_is_placed_by_its_ticket(comes_first: bool) -> None:
    logon = windows_logon(at(1), None, logon_id="0x7")
    asked = ticket(at(), "10.0.0.5", "http/ws-6.corp.example")
    done = process(at(2), ODD, "C:\\Windows\\System32\\wsmprovhost.exe", logon_id="0x7")
    (detection,) = said(*((asked, logon, done) if comes_first else (logon, done, asked)), sign="encoded-powershell")
    assert detection.entity == EntityRef("address", "10.0.0.5")
    assert detection.reasons[1] == "it was done in alice's session, which came from 10.0.0.5"


def test_a_ticket_without_a_log_on_places_nothing() -> None:
    asked = ticket(at(), "10.0.0.5", "http/ws-6.corp.example")
    (detection,) = said(asked, process(at(2), ODD), sign="encoded-powershell")
    assert detection.entity == EntityRef("host", "WS-6")
