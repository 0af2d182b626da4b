"""Owns the Windows hosts: which events each happening leaves in Security, System, Sysmon and PowerShell.

Fields and codes follow Microsoft's descriptions of the audit events and of Sysmon 15. Programs are audited (4688) on
servers only; Sysmon runs everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pandora_core.scenario.company import NETBIOS, REALM, Host, Role
from pandora_core.scenario.happenings import (
    AccountChanged,
    Connection,
    DirectoryCopied,
    DnsQuery,
    FileCreated,
    FileTouched,
    LogCleared,
    Process,
    ProcessAccessed,
    ScriptRun,
    ServiceCrashed,
    ServiceInstalled,
    ShareOpened,
    TaskCreated,
)
from pandora_core.scenario.writers.line import Clock, Line, See
from pandora_core.scenario.writers.windows_event import (
    CLEARED,
    POWERSHELL,
    SECURITY,
    SYSMON,
    SYSTEM,
    Forwarder,
    Kind,
    guid,
    logon_id,
)
from pandora_core.scenario.writers.windows_logons import WindowsLogons

_SHARE, _SHARE_FILE = Kind(SECURITY, 5140, 12808, "File Share", 1), Kind(SECURITY, 5145, 12811, "Detailed File Share")
_AUDITED_PROCESS = Kind(SECURITY, 4688, 13312, "Process Creation", 2)
_AUDITED_SERVICE = Kind(SECURITY, 4697, 12289, "Security System Extension")
_TASK = Kind(SECURITY, 4698, 12804, "Other Object Access Events")
_DIRECTORY = Kind(SECURITY, 4662, 14080, "Directory Service Access")
_LOG_CLEARED = Kind(CLEARED, 1102, 104, "Log clear")
_CRASHED = Kind(SYSTEM, 7034, 0, "None")
_NEW_SERVICE = Kind(SYSTEM, 7045, 0, "None")
_PROCESS = Kind(SYSMON, 1, 1, "Process Create (rule: ProcessCreate)", 5)
_CONNECTION = Kind(SYSMON, 3, 3, "Network connection detected (rule: NetworkConnect)", 5)
_ACCESS = Kind(SYSMON, 10, 10, "Process accessed (rule: ProcessAccess)", 3)
_FILE = Kind(SYSMON, 11, 11, "File created (rule: FileCreate)", 2)
_QUERY = Kind(SYSMON, 22, 22, "Dns query (rule: DnsQuery)", 5)
_SCRIPT = Kind(POWERSHELL, 4104, 2, "Execute a Remote Command", 1)
_ACCOUNTS = {
    "created": Kind(SECURITY, 4720, 13824, "User Account Management"),
    "password-reset": Kind(SECURITY, 4724, 13824, "User Account Management"),
    "added-to-group": Kind(SECURITY, 4728, 13826, "Security Group Management"),
}
_GET_CHANGES_ALL = "{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}"
"""The right DS-Replication-Get-Changes-All ([MS-ADTS] 5.1.3.2.1)."""
_SHARE_RIGHTS = {"open": "0x120089", "write": "0x12019f", "rename": "0x110080", "delete": "0x10080"}
_LOCAL_PATHS = {"C$": "\\??\\C:\\", "ADMIN$": "\\??\\C:\\Windows", "SYSVOL": "\\??\\C:\\Windows\\SYSVOL\\sysvol"}


class WindowsLogs:
    """Turns happenings on Windows hosts into the events that a collector gathers by channel."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._forward = Forwarder(clock, seed)
        self.sees: dict[type, See] = {
            **WindowsLogons(self._forward).sees,
            ShareOpened: self._share,
            FileTouched: self._share_file,
            Process: self._process,
            ProcessAccessed: self._access,
            FileCreated: self._file,
            Connection: self._connection,
            DnsQuery: self._query,
            ServiceInstalled: self._service,
            ServiceCrashed: self._crashed,
            TaskCreated: self._task,
            ScriptRun: self._script,
            AccountChanged: self._account,
            DirectoryCopied: self._directory,
            LogCleared: self._cleared,
        }

    def _share(self, it: ShareOpened) -> Iterator[Line]:
        if it.target.is_windows:
            data = {**self._share_data(it), "AccessMask": "0x1", "AccessList": "%%4416\r\n\t\t\t\t"}
            yield self._forward.line(it.at_us, it.target, _SHARE, data)

    def _share_file(self, it: FileTouched) -> Iterator[Line]:
        if it.target.is_windows:
            data = {**self._share_data(it), "RelativeTargetName": it.path, "AccessMask": _SHARE_RIGHTS[it.action]}
            yield self._forward.line(it.at_us, it.target, _SHARE_FILE, data)

    def _share_data(self, it: ShareOpened | FileTouched) -> dict[str, Any]:
        talk = it.connection
        return {
            **self._forward.subject(it.user, talk.uid),
            "ObjectType": "File",
            "IpAddress": talk.source_ip,
            "IpPort": str(talk.source_port),
            "ShareName": f"\\\\*\\{it.share}",
            "ShareLocalPath": _LOCAL_PATHS.get(it.share, f"\\??\\D:\\Shares\\{it.share}"),
        }

    def _process(self, it: Process) -> Iterator[Line]:
        if not it.host.is_windows:
            return
        session = f"{it.host.name}/{it.user}"
        data = {
            "ProcessGuid": guid(it.host.name, it.pid, it.image),
            "ProcessId": str(it.pid),
            "Image": it.image,
            "CommandLine": it.command,
            "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": it.user,
            "LogonId": logon_id(session),
            "IntegrityLevel": it.integrity,
            "Hashes": f"SHA256={_hash(it.image)}",
            "ParentProcessGuid": guid(it.host.name, it.parent_pid, it.parent_image),
            "ParentProcessId": str(it.parent_pid),
            "ParentImage": it.parent_image,
            "ParentCommandLine": it.parent_image,
        }
        yield self._forward.line(it.at_us, it.host, _PROCESS, data)
        if it.host.role is not Role.DESK:
            yield self._audited_process(it, session)

    def _audited_process(self, it: Process, session: str) -> Line:
        data = {
            **self._forward.subject(_account(it.host, it.user), session),
            "NewProcessId": hex(it.pid),
            "NewProcessName": it.image,
            "TokenElevationType": "%%1936",
            "ProcessId": hex(it.parent_pid),
            "CommandLine": it.command,
            "ParentProcessName": it.parent_image,
        }
        return self._forward.line(it.at_us, it.host, _AUDITED_PROCESS, data)

    def _access(self, it: ProcessAccessed) -> Iterator[Line]:
        data = {
            "SourceProcessGUID": guid(it.host.name, it.pid, it.image),
            "SourceProcessId": str(it.pid),
            "SourceImage": it.image,
            "TargetProcessId": "724",
            "TargetImage": it.target_image,
            "GrantedAccess": it.access,
            "CallTrace": "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4e4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e",
            "SourceUser": f"{NETBIOS}\\{it.user}",
        }
        yield self._forward.line(it.at_us, it.host, _ACCESS, data)

    def _file(self, it: FileCreated) -> Iterator[Line]:
        data = {
            "ProcessGuid": guid(it.host.name, it.pid, it.image),
            "ProcessId": str(it.pid),
            "Image": it.image,
            "TargetFilename": it.path,
        }
        yield self._forward.line(it.at_us, it.host, _FILE, data)

    def _connection(self, it: Connection) -> Iterator[Line]:
        if it.image is None or it.host is None or not it.host.is_windows:
            return
        data = {
            "Image": it.image,
            "Protocol": it.transport,
            "Initiated": "true",
            "SourceIsIpv6": "false",
            "SourceIp": it.source_ip,
            "SourceHostname": it.host.fqdn,
            "SourcePort": str(it.source_port),
            "DestinationIsIpv6": "false",
            "DestinationIp": it.destination_ip,
            "DestinationHostname": "-",
            "DestinationPort": str(it.destination_port),
        }
        yield self._forward.line(it.at_us, it.host, _CONNECTION, data)

    def _query(self, it: DnsQuery) -> Iterator[Line]:
        host = it.connection.host
        if it.image is None or host is None or not host.is_windows:
            return
        results = "".join(f"{answer};" for answer in it.answers) or "-"
        data = {
            "Image": it.image,
            "QueryName": it.name,
            "QueryStatus": "0" if it.is_known else "9003",
            "QueryResults": results,
        }
        yield self._forward.line(it.at_us, host, _QUERY, data)

    def _service(self, it: ServiceInstalled) -> Iterator[Line]:
        data = {
            "ServiceName": it.name,
            "ImagePath": it.path,
            "ServiceType": "user mode service",
            "StartType": "demand start",
            "AccountName": it.user,
            "Domain": NETBIOS,
            "UserID": self._forward.sid(it.user),
        }
        yield self._forward.line(it.at_us, it.host, _NEW_SERVICE, data)
        audited = {
            **self._forward.subject(it.user, f"{it.host.name}/{it.user}"),
            "ServiceName": it.name,
            "ServiceFileName": it.path,
            "ServiceType": "0x10",
            "ServiceStartType": "3",
            "ServiceAccount": "LocalSystem",
        }
        yield self._forward.line(it.at_us, it.host, _AUDITED_SERVICE, audited)

    def _crashed(self, it: ServiceCrashed) -> Iterator[Line]:
        yield self._forward.line(it.at_us, it.host, _CRASHED, {"param1": it.name, "param2": "1"})

    def _task(self, it: TaskCreated) -> Iterator[Line]:
        content = f"<Task><Actions><Exec><Command>{it.command}</Command></Exec></Actions></Task>"
        data = {
            **self._forward.subject(it.user, f"{it.host.name}/{it.user}"),
            "TaskName": f"\\{it.name}",
            "TaskContent": content,
        }
        yield self._forward.line(it.at_us, it.host, _TASK, data)

    def _script(self, it: ScriptRun) -> Iterator[Line]:
        data = {
            "MessageNumber": "1",
            "MessageTotal": "1",
            "ScriptBlockText": it.text,
            "ScriptBlockId": guid(it.host.name, it.text)[1:-1],
            "AccountName": it.user,
            "Domain": NETBIOS,
            "UserID": self._forward.sid(it.user),
        }
        yield self._forward.line(it.at_us, it.host, _SCRIPT, data)

    def _account(self, it: AccountChanged) -> Iterator[Line]:
        data = self._forward.subject(it.by, f"{it.controller.name}/{it.by}")
        if it.change == "added-to-group":
            data |= {
                "MemberName": f"CN={it.account},CN=Users,DC={REALM.lower().replace('.', ',DC=')}",
                "MemberSid": self._forward.sid(it.account),
                "TargetUserName": it.group,
            }
        else:
            data |= {"TargetUserName": it.account}
        data |= {"TargetDomainName": NETBIOS, "TargetSid": self._forward.sid(data["TargetUserName"])}
        yield self._forward.line(it.at_us, it.controller, _ACCOUNTS[it.change], data)

    def _directory(self, it: DirectoryCopied) -> Iterator[Line]:
        data = {
            **self._forward.subject(it.by, f"{it.controller.name}/{it.by}"),
            "ObjectServer": "DS",
            "ObjectType": "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}",
            "ObjectName": "%{" + guid(it.controller.name)[1:],
            "OperationType": "Object Access",
            "AccessList": "%%7688\r\n\t\t\t\t",
            "AccessMask": "0x100",
            "Properties": f"%%7688\r\n\t\t{_GET_CHANGES_ALL}\r\n",
        }
        yield self._forward.line(it.at_us, it.controller, _DIRECTORY, data)

    def _cleared(self, it: LogCleared) -> Iterator[Line]:
        data = self._forward.subject(it.user, f"{it.host.name}/{it.user}")
        yield self._forward.line(it.at_us, it.host, _LOG_CLEARED, data)


def _account(host: Host, user: str) -> str:
    """An account as the Security log names it: the system's is the machine's own."""
    return host.account if user.startswith("NT AUTHORITY") else user.rpartition("\\")[2]


def _hash(image: str) -> str:
    return guid(image).strip("{}").replace("-", "").upper() * 2
