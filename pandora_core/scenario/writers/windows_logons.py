"""Owns what Windows' Security log says of log-ons and tickets, on the host and on the domain controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pandora_core.scenario.company import NETBIOS, REALM
from pandora_core.scenario.happenings import ExplicitLogon, Failure, Logoff, Logon, Ticket
from pandora_core.scenario.writers.line import Line, See
from pandora_core.scenario.writers.windows_event import SECURITY, Forwarder, Kind, guid, logon_id

_LOGON, _REFUSED = Kind(SECURITY, 4624, 12544, "Logon", 2), Kind(SECURITY, 4625, 12544, "Logon")
_PRIVILEGES, _LOGOFF = Kind(SECURITY, 4672, 12548, "Special Logon"), Kind(SECURITY, 4634, 12545, "Logoff")
_EXPLICIT = Kind(SECURITY, 4648, 12544, "Logon")
_NTLM_CHECK = Kind(SECURITY, 4776, 14336, "Credential Validation")
_TGT = Kind(SECURITY, 4768, 14339, "Kerberos Authentication Service")
_PREAUTH = Kind(SECURITY, 4771, 14339, "Kerberos Authentication Service")
_SERVICE_TICKET = Kind(SECURITY, 4769, 14337, "Kerberos Service Ticket Operations")
_BAD_LOGON = "0xc000006d"
_WHY = {Failure.MISTYPED: "0xc000006a", Failure.UNKNOWN: "0xc0000064", Failure.EXPIRED: "0xc0000193"}
_REASON = {Failure.MISTYPED: "%%2313", Failure.UNKNOWN: "%%2313", Failure.EXPIRED: "%%2305"}
_KERBEROS_STATUS = {
    "KDC_ERR_PREAUTH_FAILED": "0x18", "KDC_ERR_C_PRINCIPAL_UNKNOWN": "0x6", "KDC_ERR_CLIENT_REVOKED": "0x12",
}  # fmt: skip
_LOGON_PROCESS = {2: "User32 ", 4: "Advapi  ", 5: "Advapi  ", 7: "User32 ", 9: "seclogo", 10: "User32 "}
_BY_THEMSELVES = (4, 5)
"""Log-ons of jobs and services: nobody sits anywhere."""
_LOCAL_PEER, _LOCAL_PORT = {4: "-", 5: "-", 9: "::1"}, {4: "-", 5: "-"}


class WindowsLogons:
    """Turns log-ons and tickets into events."""

    def __init__(self, forward: Forwarder) -> None:
        self._forward = forward
        self.sees: dict[type, See] = {
            Logon: self._logon,
            ExplicitLogon: self._explicit,
            Logoff: self._logoff,
            Ticket: self._ticket,
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
