"""Owns the deeds on a machine: programs started, services and tasks set up on other hosts."""

from __future__ import annotations

import zlib

from pandora_core.scenario.company import NETBIOS, Host
from pandora_core.scenario.deeds.access import Visit, open_share, touch
from pandora_core.scenario.happenings import Happening, Process, RpcCall, ServiceInstalled, TaskCreated
from pandora_core.scenario.world import Actor

SYSTEM = "NT AUTHORITY\\SYSTEM"
SYSTEM32 = "C:\\Windows\\System32\\"
EXPLORER = "C:\\Windows\\explorer.exe"
SERVICES = f"{SYSTEM32}services.exe"
SVCHOST = f"{SYSTEM32}svchost.exe"
CMD = f"{SYSTEM32}cmd.exe"
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
OFFICE = "C:\\Program Files\\Common Suite\\Office\\"


def start(
    me: Actor,
    at_us: int,
    image: str,
    arguments: str = "",
    *,
    parent: str = EXPLORER,
    pid: int = 0,
    parent_pid: int = 0,
    host: Host | None = None,
    user: str | None = None,
    integrity: str = "Medium",
) -> Process:
    """Starts a program; one of the system runs with integrity ``System``."""
    who = user or f"{NETBIOS}\\{me.user}"
    level = "System" if who == SYSTEM else integrity
    command = f'"{image}" {arguments}'.rstrip()
    return Process(
        at_us,
        host or me.host,
        who,
        image,
        command,
        parent,
        pid or me.pid(),
        parent_pid or usual_pid(host or me.host, parent),
        level,
    )


def usual_pid(host: Host, image: str) -> int:
    """The process id of a program that runs for as long as its host does: always the same one."""
    return 400 + 4 * (zlib.crc32(f"{host.name}/{image}".encode()) % 2_000)


def install_service(
    me: Actor, visit: Visit, server: Host, name: str, path: str, *, user: str | None = None
) -> list[Happening]:
    """Copies a program to ``ADMIN$`` of the visited server and runs it there as a service."""
    at_us, talk = visit.at_us, visit.connection
    file_name = path.rpartition("\\")[2]
    calls = [
        RpcCall(at_us + 900_000 + 40_000 * number, talk, "\\pipe\\svcctl", "svcctl", operation)
        for number, operation in enumerate(
            ("OpenSCManagerW", "CreateServiceW", "StartServiceW", "CloseServiceHandle")
        )
    ]
    who = user or me.user
    return [
        open_share(me, visit, server, "ADMIN$", who),
        touch(me, at_us + 200_000, visit, server, "ADMIN$", file_name, "write", user=who),
        open_share(me, visit._replace(at_us=at_us + 800_000), server, "IPC$", who),
        *calls,
        ServiceInstalled(at_us + 960_000, server, who, name, path),
        start(me, at_us + 1_050_000, path, parent=SERVICES, host=server, user=SYSTEM),
    ]


def schedule_task(
    me: Actor, visit: Visit, server: Host, name: str, image: str, arguments: str, *, user: str | None = None
) -> list[Happening]:
    """Makes a task on the visited server and runs it."""
    at_us, talk = visit.at_us, visit.connection
    who = user or me.user
    operations = ("SchRpcRegisterTask", "SchRpcRun")
    return [
        open_share(me, visit, server, "IPC$", who),
        *(
            RpcCall(at_us + 300_000 + 60_000 * number, talk, "\\pipe\\atsvc", "ITaskSchedulerService", operation)
            for number, operation in enumerate(operations)
        ),
        TaskCreated(at_us + 320_000, server, who, name, f"{image} {arguments}"),
        start(me, at_us + 500_000, image, arguments, parent=SVCHOST, host=server, user=SYSTEM),
    ]


def run_by_wmi(me: Actor, visit: Visit, server: Host, image: str, arguments: str, user: str) -> list[Happening]:
    """Starts a program on the visited server through WMI."""
    at_us, talk = visit.at_us, visit.connection
    calls = (
        ("IRemUnknown2", "RemQueryInterface"),
        ("IWbemLevel1Login", "NTLMLogin"),
        ("IWbemServices", "ExecMethod"),
    )
    return [
        *(
            RpcCall(at_us + 50_000 * number, talk, "135", endpoint, operation)
            for number, (endpoint, operation) in enumerate(calls)
        ),
        start(
            me, at_us + 300_000, image, arguments, parent=f"{SYSTEM32}wbem\\WmiPrvSE.exe", host=server,
            user=f"{NETBIOS}\\{user}", integrity="High",
        ),
    ]  # fmt: skip
