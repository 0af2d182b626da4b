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
    ExplicitLogon,
    Failure,
    FileCreated,
    FileTouched,
    LogCleared,
    Logoff,
    Logon,
    Process,
    ProcessAccessed,
    ScriptRun,
    ServiceCrashed,
    ServiceInstalled,
    ShareOpened,
    TaskCreated,
    Ticket,
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

_LOGON, _REFUSED = Kind(SECURITY, 4624, 12544, "Logon", 2), Kind(SECURITY, 4625, 12544, "Logon")
_PRIVILEGES, _LOGOFF = Kind(SECURITY, 4672, 12548, "Special Logon"), Kind(SECURITY, 4634, 12545, "Logoff")
_EXPLICIT = Kind(SECURITY, 4648, 12544, "Logon")
_NTLM_CHECK = Kind(SECURITY, 4776, 14336, "Credential Validation")
_TGT = Kind(SECURITY, 4768, 14339, "Kerberos Authentication Service")
_PREAUTH = Kind(SECURITY, 4771, 14339, "Kerberos Authentication Service")
_SERVICE_TICKET = Kind(SECURITY, 4769, 14337, "Kerberos Service Ticket Operations")
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
_LOGON_PROCESS = {2: "User32 ", 4: "Advapi  ", 5: "Advapi  ", 7: "User32 ", 9: "seclogo", 10: "User32 "}
_BY_THEMSELVES = (4, 5)
"""Log-ons of jobs and services: nobody sits anywhere."""
_LOCAL_PEER, _LOCAL_PORT = {4: "-", 5: "-", 9: "::1"}, {4: "-", 5: "-"}
_GET_CHANGES_ALL = "{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}"
"""The right DS-Replication-Get-Changes-All ([MS-ADTS] 5.1.3.2.1)."""
_BAD_LOGON = "0xc000006d"
_WHY = {Failure.MISTYPED: "0xc000006a", Failure.UNKNOWN: "0xc0000064", Failure.EXPIRED: "0xc0000193"}
_REASON = {Failure.MISTYPED: "%%2313", Failure.UNKNOWN: "%%2313", Failure.EXPIRED: "%%2305"}
_KERBEROS_STATUS = {
    "KDC_ERR_PREAUTH_FAILED": "0x18", "KDC_ERR_C_PRINCIPAL_UNKNOWN": "0x6", "KDC_ERR_CLIENT_REVOKED": "0x12",
}  # fmt: skip
_SHARE_RIGHTS = {"open": "0x120089", "write": "0x12019f", "rename": "0x110080", "delete": "0x10080"}
_LOCAL_PATHS = {"C$": "\\??\\C:\\", "ADMIN$": "\\??\\C:\\Windows", "SYSVOL": "\\??\\C:\\Windows\\SYSVOL\\sysvol"}


class WindowsLogs:
    """Turns happenings on Windows hosts into the events that a collector gathers by channel."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._forward = Forwarder(clock, seed)
        self.sees: dict[type, See] = {
            Logon: self._logon,
            ExplicitLogon: self._explicit,
            Logoff: self._logoff,
            Ticket: self._ticket,
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

    def _logon(self, it: Logon) -> Iterator[Line]:
        if it.package == "NTLM" and it.target.account != it.user:
            yield self._ntlm_check(it)
        if not it.target.is_windows:
            return
        target = self._logon_data(it)
        if it.failure:
            target |= {"Status": _BAD_LOGON, "SubStatus": _WHY[it.failure], "FailureReason": _REASON[it.failure]}
            yield self._forward.line(it.at_us, it.target, _REFUSED, target, is_failure=True)
            return
        yield self._forward.line(it.at_us, it.target, _LOGON, target)
        if it.is_privileged:
            rights = (
                "SeSecurityPrivilege\r\n\t\t\tSeBackupPrivilege\r\n\t\t\tSeRestorePrivilege\r\n\t\t\tSeDebugPrivilege"
            )
            data = {**self._forward.subject(it.user, it.session), "PrivilegeList": rights}
            yield self._forward.line(it.at_us + 400, it.target, _PRIVILEGES, data)

    def _logon_data(self, it: Logon) -> dict[str, Any]:
        talk = it.connection
        is_ntlm = it.package == "NTLM"
        names_source = it.kind not in _BY_THEMSELVES and (it.failure or is_ntlm or not talk)
        return {
            "SubjectUserSid": "S-1-0-0",
            "SubjectUserName": "-",
            "SubjectDomainName": "-",
            "SubjectLogonId": "0x0",
            "TargetUserSid": "S-1-0-0" if it.failure else self._forward.sid(it.user),
            "TargetUserName": it.user,
            "TargetDomainName": "NT AUTHORITY" if it.user == "SYSTEM" else NETBIOS,
            **({} if it.failure else {"TargetLogonId": logon_id(it.session)}),
            "LogonType": str(it.kind),
            "LogonProcessName": _LOGON_PROCESS.get(it.kind) or ("NtLmSsp " if is_ntlm else "Kerberos"),
            "AuthenticationPackageName": it.package,
            "WorkstationName": it.source.name.upper() if names_source else "-",
            "TransmittedServices": "-",
            "LmPackageName": "NTLM V2" if is_ntlm and not it.failure else "-",
            "KeyLength": "128" if is_ntlm and not it.failure else "0",
            "ProcessId": "0x0" if talk else "0x3d4",
            "ProcessName": "-" if talk else "C:\\Windows\\System32\\svchost.exe",
            "IpAddress": talk.source_ip if talk else _LOCAL_PEER.get(it.kind, "127.0.0.1"),
            "IpPort": str(talk.source_port) if talk else _LOCAL_PORT.get(it.kind, "0"),
        }

    def _explicit(self, it: ExplicitLogon) -> Iterator[Line]:
        if not it.host.is_windows:
            return
        data = {
            **self._forward.subject(it.by, f"{it.host.name}/{it.by}"),
            "TargetUserName": it.user,
            "TargetDomainName": NETBIOS,
            "TargetServerName": it.target.fqdn,
            "TargetInfo": it.target.fqdn,
            "ProcessId": "0x9f4",
            "ProcessName": "C:\\Windows\\System32\\svchost.exe",
            "IpAddress": "-",
            "IpPort": "-",
        }
        yield self._forward.line(it.at_us, it.host, _EXPLICIT, data)

    def _ntlm_check(self, it: Logon) -> Line:
        data = {
            "PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
            "TargetUserName": it.user,
            "Workstation": it.source.name.upper(),
            "Status": _WHY[it.failure] if it.failure else "0x0",
        }
        return self._forward.line(it.at_us, it.controller, _NTLM_CHECK, data, is_failure=it.failure is not None)

    def _logoff(self, it: Logoff) -> Iterator[Line]:
        logon = it.logon
        if not logon.target.is_windows:
            return
        data = {
            "TargetUserSid": self._forward.sid(logon.user),
            "TargetUserName": logon.user,
            "TargetDomainName": NETBIOS,
            "TargetLogonId": logon_id(logon.session),
            "LogonType": str(logon.kind),
        }
        yield self._forward.line(it.at_us, logon.target, _LOGOFF, data)

    def _ticket(self, it: Ticket) -> Iterator[Line]:
        talk = it.connection
        status = _KERBEROS_STATUS[it.error] if it.error else "0x0"
        is_service = it.kind == "TGS"
        data = {
            "TargetUserName": f"{it.user}@{REALM}" if is_service else it.user,
            "TargetDomainName": REALM if is_service else NETBIOS,
            "ServiceName": it.account,
            "ServiceSid": self._forward.sid(it.account),
            "TicketOptions": "0x40810000" if is_service else "0x40810010",
            "Status": status,
            "TicketEncryptionType": "0xffffffff" if it.error else hex(it.encryption),
            "IpAddress": f"::ffff:{talk.source_ip}",
            "IpPort": str(talk.source_port),
        }
        if is_service:
            data |= {"LogonGuid": guid(talk.uid), "TransmittedServices": "-"}
        else:
            data |= {"TargetSid": self._forward.sid(it.user), "PreAuthType": "2"}
        kind = _SERVICE_TICKET if is_service else (_PREAUTH if status == "0x18" else _TGT)
        yield self._forward.line(it.at_us, it.controller, kind, data, is_failure=it.error is not None)

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
