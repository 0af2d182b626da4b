"""Owns the tables of Windows event ids: what each stands for in the words of docs/events.md, and which fields say it.

Ids and field names are those of Microsoft's audit event reference, of the Sysmon manifest and of the manifests of the
other channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pandora_core.ingest.formats import windows_details as details
from pandora_core.ingest.formats.windows_record import Record


class Peer(NamedTuple):
    """Where EventData keeps one end of a connection; an empty name where it has none."""

    ip: str
    port: str = ""
    domain: str = ""


class Meaning(NamedTuple):
    """What an event id stands for.

    ``outcome`` holds unless the audit keywords say failure. ``user`` names the fields of the user and its domain.
    ``texts`` and ``numbers`` pair an ECS name with a native one. ``fill`` reads the rest. ``provider`` (a prefix)
    guards ids that other providers of the same channel use for something else.
    """

    category: str | None
    action: str
    outcome: str | None = None
    user: tuple[str, str] = ("", "")
    source: Peer | None = None
    destination: Peer | None = None
    texts: tuple[tuple[str, str], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    fill: Callable[[Record], None] | None = None
    provider: str = ""


_SUBJECT = ("SubjectUserName", "SubjectDomainName")
_TARGET = ("TargetUserName", "TargetDomainName")
_ACCOUNT = ("AccountName", "AccountDomain")
_USER = ("User", "")

_CALLER = Peer("IpAddress", "IpPort", "WorkstationName")
_CLIENT = Peer("ClientAddress", "", "ClientName")
_ADDRESS = Peer("Address")

_PROGRAM = (("process.executable", "ProcessName"),)
_IMAGE = (("process.executable", "Image"),)
_IMAGE_PID = (("process.pid", "ProcessId"),)
_SOURCE_IMAGE = (("process.executable", "SourceImage"),)
_SOURCE_PID = (("process.pid", "SourceProcessId"),)
_TASK = (("task.name", "TaskName"),)
_TARGET_USER = (("user.target.name", "TargetUserName"),)
_GROUP = (("group.name", "TargetUserName"),)
_TICKET = (("service.name", "ServiceName"),)


def _iam(action: str) -> Meaning:
    return Meaning("iam", action, "success", _SUBJECT, texts=_TARGET_USER)


def _group(action: str) -> Meaning:
    return Meaning("iam", action, "success", _SUBJECT, texts=_GROUP)


def _membership(action: str) -> Meaning:
    return Meaning("iam", action, "success", _SUBJECT, texts=_GROUP, fill=details.member)


def _task(action: str, *content: tuple[str, str]) -> Meaning:
    return Meaning("configuration", action, "success", _SUBJECT, texts=_TASK + content)


def _object(action: str) -> Meaning:
    return Meaning(None, action, "success", _SUBJECT, texts=_PROGRAM, fill=details.accessed_object)


def _packet(action: str, outcome: str | None) -> Meaning:
    source, destination = Peer("SourceAddress", "SourcePort"), Peer("DestAddress", "DestPort")
    texts, numbers = (("process.executable", "Application"),), (("process.pid", "ProcessId"),)
    return Meaning(
        "network",
        action,
        outcome,
        source=source,
        destination=destination,
        texts=texts,
        numbers=numbers,
        fill=details.connection,
    )


def _ticket(action: str, outcome: str = "success") -> Meaning:
    return Meaning("authentication", action, outcome, _TARGET, _CALLER, texts=_TICKET, fill=details.kerberos)


_SECURITY: dict[int, Meaning] = {
    1102: Meaning("configuration", "log-cleared", "success", _SUBJECT),
    4611: Meaning("configuration", "logon-process-registered", "success", _SUBJECT),
    4616: Meaning("configuration", "clock-changed", "success", _SUBJECT, texts=_PROGRAM),
    4624: Meaning("authentication", "logon", "success", _TARGET, _CALLER, texts=_PROGRAM, fill=details.logon),
    4625: Meaning("authentication", "logon", "failure", _TARGET, _CALLER, texts=_PROGRAM, fill=details.logon),
    4627: Meaning("authentication", "groups-assigned", "success", _TARGET, fill=details.logon),
    **dict.fromkeys((4634, 4647), Meaning("authentication", "logoff", "success", _TARGET, fill=details.logon)),
    4648: Meaning(
        "authentication",
        "logon-explicit",
        "success",
        _TARGET,
        _CALLER,
        Peer("", "", "TargetServerName"),
        _PROGRAM,
        fill=details.logon,
    ),
    4656: _object("object-requested"),
    4657: Meaning(
        "registry", "registry-set", "success", _SUBJECT, texts=(*_PROGRAM, ("registry.path", "ObjectName"))
    ),
    4660: _object("object-deleted"),
    4663: _object("object-accessed"),
    4670: _object("permissions-changed"),
    **dict.fromkeys((4661, 4662), Meaning("iam", "directory-access", "success", _SUBJECT, texts=_PROGRAM)),
    4672: Meaning("authentication", "privileges-assigned", "success", _SUBJECT),
    **dict.fromkeys((4673, 4674), Meaning(None, "privilege-used", "success", _SUBJECT, texts=_PROGRAM)),
    4688: Meaning(
        "process",
        "process-started",
        user=_SUBJECT,
        texts=(
            ("process.executable", "NewProcessName"),
            ("process.command_line", "CommandLine"),
            ("process.parent.executable", "ParentProcessName"),
            ("user.effective.name", "TargetUserName"),
        ),
        numbers=(("process.pid", "NewProcessId"), ("process.parent.pid", "ProcessId")),
    ),
    4689: Meaning("process", "process-ended", user=_SUBJECT, texts=_PROGRAM, numbers=(("process.pid", "ProcessId"),)),
    4697: Meaning(
        "configuration",
        "service-installed",
        "success",
        _SUBJECT,
        texts=(("service.name", "ServiceName"), ("service.path", "ServiceFileName")),
    ),
    4698: _task("task-created", ("task.content", "TaskContent")),
    4699: _task("task-deleted"),
    4700: _task("task-enabled"),
    4701: _task("task-disabled"),
    4702: _task("task-changed", ("task.content", "TaskContentNew")),
    4703: Meaning(None, "privileges-adjusted", "success", _SUBJECT, texts=(*_PROGRAM, *_TARGET_USER)),
    **dict.fromkeys((4704, 4717), _iam("right-granted")),
    **dict.fromkeys((4705, 4718), _iam("right-removed")),
    **dict.fromkeys((4719, 4907), Meaning("configuration", "audit-changed", "success", _SUBJECT, texts=_PROGRAM)),
    4720: _iam("user-created"),
    4722: _iam("user-enabled"),
    4723: _iam("password-changed"),
    **dict.fromkeys((4724, 4794), _iam("password-reset")),
    4725: _iam("user-disabled"),
    4726: _iam("user-deleted"),
    **dict.fromkeys((4738, 4765), _iam("user-changed")),
    4781: Meaning("iam", "user-renamed", "success", _SUBJECT, texts=(("user.target.name", "OldTargetUserName"),)),
    4740: Meaning(
        "iam", "user-locked-out", "success", _SUBJECT, Peer("", "", "TargetDomainName"), texts=_TARGET_USER
    ),
    4767: _iam("user-unlocked"),
    4741: _iam("computer-created"),
    4742: _iam("computer-changed"),
    4743: _iam("computer-deleted"),
    **dict.fromkeys((4728, 4732, 4756), _membership("group-member-added")),
    **dict.fromkeys((4729, 4733, 4757), _membership("group-member-removed")),
    **dict.fromkeys((4727, 4731, 4754), _group("group-created")),
    **dict.fromkeys((4730, 4734, 4758), _group("group-deleted")),
    **dict.fromkeys((4735, 4737, 4755), _group("group-changed")),
    4739: Meaning("configuration", "domain-policy-changed", "success", _SUBJECT),
    4826: Meaning("configuration", "boot-changed", "success", _SUBJECT),
    **dict.fromkeys((4946, 4947, 4948, 4950), Meaning("configuration", "firewall-changed", "success")),
    4768: _ticket("kerberos-tgt"),
    4769: _ticket("kerberos-service"),
    4770: _ticket("kerberos-renewal"),
    4771: _ticket("kerberos-preauth", "failure"),
    4776: Meaning(
        "authentication", "ntlm-validate", "success", _TARGET, Peer("", "", "Workstation"), fill=details.ntlm
    ),
    4778: Meaning("session", "session-reconnected", "success", _ACCOUNT, _CLIENT),
    4779: Meaning("session", "session-disconnected", "success", _ACCOUNT, _CLIENT),
    4798: Meaning(
        "iam",
        "user-groups-listed",
        "success",
        _SUBJECT,
        texts=(*_TARGET_USER, ("process.executable", "CallerProcessName")),
    ),
    4799: Meaning(
        "iam",
        "group-members-listed",
        "success",
        _SUBJECT,
        texts=(*_GROUP, ("process.executable", "CallerProcessName")),
    ),
    4800: Meaning("session", "workstation-locked", "success", _TARGET),
    4801: Meaning("session", "workstation-unlocked", "success", _TARGET),
    5136: Meaning("iam", "directory-changed", "success", _SUBJECT),
    5137: Meaning("iam", "directory-object-created", "success", _SUBJECT),
    5141: Meaning("iam", "directory-object-deleted", "success", _SUBJECT),
    **dict.fromkeys(
        (5140, 5145), Meaning("file", "share-accessed", "success", _SUBJECT, _CALLER, fill=details.share)
    ),
    5142: Meaning("configuration", "share-created", "success", _SUBJECT, fill=details.share),
    5143: Meaning("configuration", "share-changed", "success", _SUBJECT, fill=details.share),
    5144: Meaning("configuration", "share-deleted", "success", _SUBJECT, fill=details.share),
    5154: _packet("port-listening", "success"),
    5156: _packet("connection", None),
    **dict.fromkeys((5152, 5157), _packet("connection", "failure")),
    5158: _packet("port-bound", "success"),
    5447: Meaning("configuration", "firewall-filter-changed", "success", ("UserName", "")),
}

_SERVICE = (("service.name", "param1"),)
_SCM = "Service Control Manager"

_SYSTEM: dict[int, Meaning] = {
    104: Meaning("configuration", "log-cleared", "success", _SUBJECT, provider="Microsoft-Windows-Eventlog"),
    5805: Meaning(
        "authentication", "netlogon-refused", "failure", source=Peer("", "", "param1"), provider="NETLOGON"
    ),
    7000: Meaning("process", "service-failed", "failure", texts=_SERVICE, provider=_SCM),
    7009: Meaning("process", "service-failed", "failure", texts=(("service.name", "param2"),), provider=_SCM),
    **dict.fromkeys((7031, 7034), Meaning("process", "service-crashed", "failure", texts=_SERVICE, provider=_SCM)),
    7036: Meaning("process", "service-state-changed", texts=(*_SERVICE, ("service.state", "param2")), provider=_SCM),
    7040: Meaning("configuration", "service-changed", "success", texts=_SERVICE, provider=_SCM),
    7045: Meaning(
        "configuration",
        "service-installed",
        "success",
        texts=(("service.name", "ServiceName"), ("service.path", "ImagePath")),
        provider=_SCM,
    ),
}

_SQL_USER = ("param1", "")

_APPLICATION: dict[int, Meaning] = {
    **dict.fromkeys(
        (18453, 18454, 18455),
        Meaning("authentication", "logon", "success", _SQL_USER, fill=details.sql_server, provider="MSSQL"),
    ),
    15457: Meaning("configuration", "sql-option-changed", "success", provider="MSSQL"),
    15281: Meaning("process", "command-shell-used", "failure", provider="MSSQL"),
    **dict.fromkeys((325, 326, 327), Meaning("file", "database-attached", "success", provider="ESENT")),
    3001: Meaning(
        "process",
        "process-exited-silently",
        texts=(("process.executable", "param2"),),
        provider="Microsoft-Windows-ProcessExitMonitor",
    ),
    18456: Meaning("authentication", "logon", "failure", _SQL_USER, fill=details.sql_server, provider="MSSQL"),
}

_FILE = Meaning("file", "file-written", user=_USER, texts=_IMAGE, numbers=_IMAGE_PID, fill=details.sysmon_file)
_REGISTRY = Meaning(
    "registry", "registry-set", user=_USER, texts=(*_IMAGE, ("registry.path", "TargetObject")), numbers=_IMAGE_PID
)
_PIPE = Meaning("file", "pipe-created", user=_USER, texts=(*_IMAGE, ("file.name", "PipeName")), numbers=_IMAGE_PID)
_BY_IMAGE = Meaning("process", "", user=_USER, texts=_IMAGE, numbers=_IMAGE_PID)
_WMI_CHANGE = Meaning("configuration", "wmi-subscription-created", "success", _USER)

_SYSMON: dict[int, Meaning] = {
    1: Meaning(
        "process",
        "process-started",
        user=_USER,
        texts=(
            *_IMAGE,
            ("process.command_line", "CommandLine"),
            ("process.parent.executable", "ParentImage"),
            ("process.parent.command_line", "ParentCommandLine"),
        ),
        numbers=(*_IMAGE_PID, ("process.parent.pid", "ParentProcessId")),
        fill=details.sysmon_process,
    ),
    2: _FILE._replace(action="file-time-changed"),
    3: Meaning(
        "network",
        "connection",
        None,
        _USER,
        Peer("SourceIp", "SourcePort", "SourceHostname"),
        Peer("DestinationIp", "DestinationPort", "DestinationHostname"),
        _IMAGE,
        _IMAGE_PID,
        details.connection,
    ),
    4: Meaning("configuration", "sysmon-state-changed", "success"),
    5: _BY_IMAGE._replace(action="process-ended"),
    6: Meaning("driver", "driver-loaded", fill=details.sysmon_file),
    7: _FILE._replace(category="process", action="image-loaded"),
    8: Meaning("process", "thread-injected", user=("SourceUser", ""), texts=_SOURCE_IMAGE, numbers=_SOURCE_PID),
    9: _BY_IMAGE._replace(action="disk-read"),
    10: Meaning("process", "process-accessed", user=("SourceUser", ""), texts=_SOURCE_IMAGE, numbers=_SOURCE_PID),
    11: _FILE,
    12: _REGISTRY._replace(fill=details.sysmon_registry),
    13: _REGISTRY,
    14: _REGISTRY._replace(action="registry-renamed"),
    15: _FILE._replace(action="stream-created"),
    16: Meaning("configuration", "sysmon-config-changed", "success"),
    17: _PIPE,
    18: _PIPE._replace(action="pipe-connected"),
    **dict.fromkeys((19, 20, 21), _WMI_CHANGE),
    22: _BY_IMAGE._replace(
        category="network",
        action="dns-query",
        texts=(*_IMAGE, ("dns.question.name", "QueryName")),
        fill=details.dns_query,
    ),
    **dict.fromkeys((23, 26), _FILE._replace(action="file-deleted")),
    25: _BY_IMAGE._replace(action="process-tampered"),
    **dict.fromkeys((27, 28), _FILE._replace(action="file-blocked", outcome="failure")),
    29: _FILE,
}

_POWERSHELL: dict[int, Meaning] = {
    400: Meaning("process", "powershell-started", fill=details.powershell),
    403: Meaning("process", "powershell-stopped", fill=details.powershell),
    800: Meaning("process", "command-invoked", texts=(("script.text", "param1"),), fill=details.powershell),
    4103: Meaning("process", "command-invoked", texts=(("script.text", "Payload"),), fill=details.powershell),
    4104: Meaning("process", "script-run", texts=(("script.text", "ScriptBlockText"), ("file.path", "Path"))),
}

_TASK_RUN = (*_TASK, ("process.executable", "Path"))

_TASKSCHEDULER: dict[int, Meaning] = {
    **dict.fromkeys((100, 129), Meaning("process", "task-started", user=("UserContext", ""), texts=_TASK_RUN)),
    **dict.fromkeys((102, 201), Meaning("process", "task-completed", user=("UserContext", ""), texts=_TASK)),
    106: Meaning("configuration", "task-created", "success", ("UserContext", ""), texts=_TASK),
    140: Meaning("configuration", "task-changed", "success", ("UserName", ""), texts=_TASK),
    141: Meaning("configuration", "task-deleted", "success", ("UserName", ""), texts=_TASK),
    142: Meaning("configuration", "task-disabled", "success", ("UserName", ""), texts=_TASK),
    200: Meaning("process", "task-started", texts=(*_TASK, ("process.executable", "ActionName"))),
}

_WMI_CLIENT = Peer("", "", "ClientMachine")

_WMI: dict[int, Meaning] = {
    5857: Meaning(
        "process", "wmi-provider-loaded", texts=(("process.executable", "HostProcess"), ("file.path", "ProviderPath"))
    ),
    5858: Meaning("process", "wmi-query", "failure", _USER, _WMI_CLIENT, fill=details.wmi),
    5859: Meaning("configuration", "wmi-subscribed", "success", _USER, fill=details.wmi),
    5860: Meaning("configuration", "wmi-subscribed", "success", _USER, _WMI_CLIENT, fill=details.wmi),
    5861: _WMI_CHANGE._replace(fill=details.wmi),
}

_WINRM: dict[int, Meaning] = {
    6: Meaning("session", "winrm-connected", "success", fill=details.winrm_client),
    91: Meaning("session", "winrm-shell-opened", "success"),
    161: Meaning("session", "winrm-authenticated", "failure", ("username", "")),
    169: Meaning("session", "winrm-authenticated", "success", ("username", "")),
}

_RDP_SESSION = Meaning("session", "session-started", "success", _USER, _ADDRESS)

_TERMINALSERVICES: dict[int, Meaning] = {
    21: _RDP_SESSION,
    23: _RDP_SESSION._replace(action="session-ended"),
    24: _RDP_SESSION._replace(action="session-disconnected"),
    25: _RDP_SESSION._replace(action="session-reconnected"),
    131: Meaning("network", "rdp-connection", None, fill=details.rdp_listener),
    140: Meaning("network", "rdp-connection", "failure", source=Peer("IPString")),
    1024: Meaning("network", "rdp-connection", None, destination=Peer("", "", "Value")),
    1149: Meaning("session", "rdp-authenticated", "success", ("Param1", "Param2"), Peer("Param3")),
}

_THREAT = (
    ("rule.name", "Threat Name"),
    ("rule.id", "Threat ID"),
    ("rule.category", "Category Name"),
    ("process.executable", "Process Name"),
)
_FOUND = Meaning("malware", "malware-detected", None, ("Detection User", ""), texts=_THREAT, fill=details.defender)
_SWITCHED_OFF = Meaning("configuration", "defence-disabled", "success")

_DEFENDER: dict[int, Meaning] = {
    **dict.fromkeys((1006, 1015, 1116), _FOUND),
    **dict.fromkeys((1007, 1117), _FOUND._replace(action="malware-handled", outcome="success")),
    **dict.fromkeys((1008, 1118, 1119), _FOUND._replace(action="malware-handled", outcome="failure")),
    1013: Meaning("configuration", "defence-history-deleted", "success", _USER),
    **dict.fromkeys((5001, 5010, 5012), _SWITCHED_OFF),
    5007: Meaning("configuration", "defence-changed", "success"),
    5013: Meaning("configuration", "defence-changed", "failure"),
}

_TRANSFER = Meaning("network", "transfer-started", "success")

_BITS: dict[int, Meaning] = {
    3: _TRANSFER._replace(texts=(("user.name", "owner"), ("process.executable", "processPath"))),
    **dict.fromkeys((59, 60, 61), _TRANSFER._replace(texts=(("url.full", "url"),))),
}

_FIREWALL_CHANGED = Meaning("configuration", "firewall-changed", "success")

_FIREWALL: dict[int, Meaning] = {
    **dict.fromkeys((2002, 2003, 2004, 2005, 2006, 2033), _FIREWALL_CHANGED),
    2097: _FIREWALL_CHANGED,
}

_LOGS = {
    "application": _APPLICATION,
    "bits-client": _BITS,
    "defender": _DEFENDER,
    "firewall": _FIREWALL,
    "powershell": _POWERSHELL,
    "security": _SECURITY,
    "sysmon": _SYSMON,
    "system": _SYSTEM,
    "taskscheduler": _TASKSCHEDULER,
    "terminalservices": _TERMINALSERVICES,
    "winrm": _WINRM,
    "wmi": _WMI,
}
MEANINGS = {(f"windows.{log}", code): meaning for log, table in _LOGS.items() for code, meaning in table.items()}
"""What each known event id of a dataset stands for."""
