"""New services, and who made them from where."""

from __future__ import annotations

import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.behaviours.first_logons import FirstLogons
from pandora_core.detect.behaviours.services import (
    LOCAL_POINTS,
    LOCAL_SUSPICIOUS_POINTS,
    NEAR_POINTS,
    REMOTE_POINTS,
    SUSPICIOUS_POINTS,
    RemoteServices,
)
from pandora_core.detect.incidents.alerts import alerts_of
from pandora_core.model import Detection, EntityRef, Event, Severity
from tests.unit.streams import at, own_connection, service, watch, windows_logon

ODD = r"%COMSPEC% /C start powershell -enc SQBmACgAJABQAFMAVgBlAHIA"


def created(*events: Event) -> list[Detection]:
    return [fired.detection for fired in watch(events, RemoteServices)]


def both(*events: Event) -> list[Fired]:
    return watch(events, RemoteServices, FirstLogons)


def test_a_service_that_nobody_made_from_elsewhere_is_worth_little() -> None:
    (install,) = created(service(at()))
    assert install.points == LOCAL_POINTS
    assert install.entity == EntityRef("host", "WS-6")
    assert install.techniques == ("T1543.003",)
    assert install.title == "service updater created on WS-6"
    assert install.reasons == (r"service updater was created on WS-6, running C:\Program Files\Updater\updater.exe",)


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_service_made_in_a_session_from_elsewhere_names_both_hosts(comes_first: bool) -> None:
    logon, install = windows_logon(at(), logon_id="0xabc"), service(at(0, 20), logon_id="0xabc")
    named = own_connection(at(-1), "WS-5", "10.0.0.5")
    (detection,) = created(named, *((logon, install) if comes_first else (install, logon)))
    assert detection.entity == EntityRef("host", "WS-5")
    assert detection.hosts == ("WS-5", "WS-6")
    assert detection.points == REMOTE_POINTS
    assert detection.title == "service updater created on WS-6 from WS-5"
    assert detection.reasons[1] == "alice made it in a session that came from WS-5 (10.0.0.5)"
    assert detection.techniques == ("T1543.003", "T1569.002", "T1021.002")
    assert detection.tactics == ("persistence", "execution", "lateral-movement")


def test_the_account_tells_where_the_log_on_id_does_not() -> None:
    logons = windows_logon(at(0), "10.0.0.9", user="bob"), windows_logon(at(1), "10.0.0.5")
    (detection,) = created(*logons, service(at(3)))
    assert detection.entity.name == "10.0.0.5"
    assert detection.points == REMOTE_POINTS
    assert detection.reasons[1] == "alice had logged on to WS-6 from 10.0.0.5 2 minutes before"


def test_where_only_time_tells_it_is_said_and_counts_less() -> None:
    (detection,) = created(windows_logon(at()), service(at(2), user=None))
    assert detection.points == NEAR_POINTS
    assert detection.reasons[1].endswith("; the log does not say who made the service")


def test_an_account_known_only_by_its_identifier_is_not_known() -> None:
    (detection,) = created(windows_logon(at()), service(at(2), user="S-1-5-21-1-2-3-1105"))
    assert detection.points == NEAR_POINTS
    (detection,) = created(windows_logon(at()), service(at(2), user="S-1-5-18"))
    assert detection.points == LOCAL_POINTS


def test_the_session_wins_over_a_log_on_that_is_closer_in_time() -> None:
    far, near = windows_logon(at(0), "10.0.0.5", logon_id="0x1"), windows_logon(at(60), "10.0.0.9", logon_id="0x2")
    for events in ((far, near), (near, far)):
        (detection,) = created(*events, service(at(61), logon_id="0x1"))
        assert detection.entity.name == "10.0.0.5"


def test_a_match_by_time_is_given_up_when_the_account_turns_out_to_be_another() -> None:
    (detection,) = created(windows_logon(at()), service(at(1), user=None), service(at(1), user="system"))
    assert detection.points == LOCAL_POINTS
    assert detection.entity == EntityRef("host", "WS-6")


@pytest.mark.parametrize(
    "logon",
    [
        windows_logon(at(-20)),
        windows_logon(at(5)),
        windows_logon(at(), user="bob"),
        windows_logon(at(), host="WS-7"),
        windows_logon(at(), outcome="failure"),
        windows_logon(at(), kind=5),
        windows_logon(at(), source="127.0.0.1"),
    ],
)
def test_log_ons_that_have_nothing_to_do_with_it_do_not_count(logon: Event) -> None:
    (detection,) = created(logon, service(at(1)))
    assert detection.points == LOCAL_POINTS


def test_the_two_events_of_one_service_are_one_detection() -> None:
    (detection,) = created(service(at(), logon_id="0x1"), service(at(), name="UPDATER"))
    assert detection.count == 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (ODD, "it runs PowerShell"),
        (ODD, "the command is encoded"),
        (r"cmd.exe /c echo x > \\.\pipe\x", "it writes to a named pipe, as tools do that take over SYSTEM"),
        (r"C:\Users\Public\a.exe", "the program lies where anyone may write"),
        (r"\\127.0.0.1\ADMIN$\a.exe", "the program lies in an administrative share"),
        (r"%SystemRoot%\qwertyui.exe", "the program lies in the Windows folder itself"),
        (r"rundll32.exe C:\x.dll,Go", "it runs code through a tool of Windows"),
        (r"%COMSPEC% /Q /c echo whoami", "it runs a command interpreter"),
    ],
)
def test_what_is_suspicious_about_a_program_is_said(path: str, reason: str) -> None:
    (detection,) = created(service(at(), path=path))
    assert reason in detection.reasons
    assert detection.points == LOCAL_SUSPICIOUS_POINTS


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Windows\System32\svchost.exe -k netsvcs",
        r'"C:\Program Files\Vendor\Agent\agent.exe" --service',
        r"\SystemRoot\System32\drivers\storport.sys",
        r"C:\ProgramData\Microsoft\Windows Defender\platform\4.18\MsMpEng.exe",
    ],
)
def test_ordinary_programs_are_not_suspicious(path: str) -> None:
    (detection,) = created(service(at(), path=path))
    assert detection.points == LOCAL_POINTS


def test_the_service_of_a_known_tool_is_called_by_its_name() -> None:
    (detection,) = created(service(at(), name="PSEXESVC"))
    assert detection.reasons[-1] == "PSEXESVC is the service of a tool for running programs on other hosts"


def test_a_long_command_is_cut() -> None:
    (detection,) = created(service(at(), path="powershell " + "x" * 5000))
    assert len(detection.reasons[0]) < 300
    assert detection.reasons[0].endswith("…")


def test_a_new_administrators_path_and_a_service_made_along_it_are_high() -> None:
    fired = both(windows_logon(at(), is_elevated=True), service(at(0, 9), logon_id="0xabc"))
    (alert,) = alerts_of(fired[0].detection.entity, fired)
    assert alert.severity is Severity.HIGH
    assert alert.hosts == ("10.0.0.5", "WS-6")
    odd = both(windows_logon(at(), is_elevated=True), service(at(0, 9), path=ODD, logon_id="0xabc"))
    (worse,) = alerts_of(odd[0].detection.entity, odd)
    assert worse.risk > alert.risk + 5
    assert SUSPICIOUS_POINTS > 0
