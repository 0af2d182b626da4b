"""Owns what an event says about the graph: which edge it makes, and what else it tells of hosts and rights."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from pandora_core.detect.addresses import is_group_address, is_internal, is_local
from pandora_core.detect.behaviours.first_logons import service_host
from pandora_core.detect.names import is_name, machine_of, place_of, user_name
from pandora_core.detect.paths import source_of, target_of
from pandora_core.model import MINUTE_US, Event

NETWORK, REMOTE_DESKTOP, SSH = "network log-on", "remote desktop", "ssh"
EXPLICIT, SHARE, ADMIN_SHARE, ADMIN_PIPE = (
    "explicit credentials",
    "share",
    "administrative share",
    "remote control pipe",
)
REMOTE_CONTROL = "remote control credentials"
"""Explicit credentials for what starts programs on the other host: DCOM, which serves WMI, and remote PowerShell."""

WINRM = "winrm"
"""A session of remote PowerShell or of a remote shell, as the client tells of it: whose it is is not told."""

LOCAL, NEW_CREDENTIALS = "local log-on", "new credentials"
MACHINE, TICKET, VALIDATION = "machine account", "service ticket", "ntlm validation"

CONTROL = frozenset({ADMIN_SHARE, ADMIN_PIPE, REMOTE_CONTROL, WINRM})
"""Kinds of what only administrators use."""

PERSONAL = CONTROL | {NETWORK, REMOTE_DESKTOP, SSH, EXPLICIT, SHARE}
"""Kinds that show a person, or somebody with a person's account, going from one host to another."""

AT_HOST = frozenset({LOCAL, NEW_CREDENTIALS})
"""Kinds that go nowhere: somebody was at a host, or took other credentials there. Their source is empty."""

UNPLACED = "?"
"""Stands for the source of a log-on over the network whose event does not say where it came from."""

SOON_US, LATER_US = MINUTE_US, 10 * MINUTE_US

_FLOWS = {
    22: "ssh flow",
    135: "rpc flow",
    139: "smb flow",
    445: "smb flow",
    3389: "rdp flow",
    5985: "winrm flow",
    5986: "winrm flow",
}
_OTHER_FLOW = "flow"
FLOWS = frozenset({*_FLOWS.values(), _OTHER_FLOW})
"""Kinds that only show that hosts spoke with each other: they rank nothing, and their edges name no account."""

_LOCAL_TYPES = (2, 7, 11, 12, 13)
_NETWORK_TYPES = (3, 8)
_ELEVATED = ("%%1842", "Yes")
_NOBODY = frozenset({"", "-", "anonymous logon", "system", "local service", "network service"})
_ADMIN_PIPES = frozenset({"svcctl", "atsvc", "winreg"})  # MS-SCMR, MS-TSCH, MS-RRP: services, tasks, registry
_CONTROL_SERVICES = frozenset({"rpcss", "wsman"})  # classes of service principal names: [MS-DCOM] 1.9, [MS-WSMV] 1.9
_BUILT_IN_ADMINISTRATOR = re.compile(r"S-1-5-21-[\d-]+-500")  # well-known SID structures, [MS-DTYP] 2.4.2.4
WMI_SERVED = "the program that serves WMI was started"
"""Of a domain controller this says nothing: its own services ask WMI, and somebody has always just logged on."""

_SERVERS = {
    "wmiprvse.exe": WMI_SERVED,
    "wsmprovhost.exe": "the program that serves PowerShell remoting was started",
    "winrshost.exe": "the program that serves remote shells was started",
}
_ACTIONS = {
    "service-installed": "a service was installed",
    "task-created": "a scheduled task was made",
    "task-changed": "a scheduled task was changed",
    "log-cleared": "the log was cleared",
}


_SERVICES = {
    NETWORK: "log-on",
    REMOTE_DESKTOP: "rdp",
    SSH: "ssh",
    WINRM: "winrm",
    SHARE: "smb",
    ADMIN_SHARE: "smb",
    ADMIN_PIPE: "smb",
    TICKET: "kerberos",
    VALIDATION: "ntlm",
    **{kind: kind.partition(" ")[0] for kind in _FLOWS.values()},
}


class EdgeKey(NamedTuple):
    """What makes an edge of the graph: its kind, two places (as detectors name them) and the account."""

    kind: str
    source: str
    target: str
    user: str


class AdminAction(NamedTuple):
    """What was done, in words, and how long after a log-on it may have been done by who logged on."""

    what: str
    within_us: int


def edge_of(event: Event) -> EdgeKey | None:
    """The edge that an event makes; ``None`` for failures and for what is no way between hosts."""
    read = _READERS.get(event.action or "")
    return None if read is None or event.outcome == "failure" else read(event)


def service_of(kind: str) -> str:
    """Which service of the target an edge of a kind uses; empty where that is not told."""
    return _SERVICES.get(kind, "")


def flow_of(source: str | None, target: str | None, port: int | None) -> EdgeKey | None:
    """The edge of an answered connection, if it was between two of our own hosts."""
    if source is None or target is None or not (is_internal(source) and is_internal(target)):
        return None
    if is_local(source) or is_local(target) or is_group_address(source) or is_group_address(target):
        return None
    return EdgeKey(_FLOWS.get(port, _OTHER_FLOW) if port is not None else _OTHER_FLOW, source, target, "")


def is_elevated(event: Event) -> bool:
    """Whether a log-on says that it came with administrator rights, or is the built-in administrator's."""
    if event.more.get("winlog.event_data.ElevatedToken") in _ELEVATED:
        return True
    sid = event.more.get("winlog.event_data.TargetUserSid")
    return isinstance(sid, str) and _BUILT_IN_ADMINISTRATOR.fullmatch(sid) is not None


def admin_action_of(event: Event) -> AdminAction | None:
    """What was done to a host that takes administrator rights, or serves who has them."""
    if event.action == "process-started":
        program = event.more.get("process.executable")
        what = _SERVERS.get(program.rpartition("\\")[2].casefold()) if isinstance(program, str) else None
        return AdminAction(what, SOON_US) if what else None
    what = _ACTIONS.get(event.action or "")
    user = event.user or ""
    # Windows itself keeps changing its tasks; who installs a service is often not told.
    if what is None or (event.action != "service-installed" and (is_nobody(user) or machine_of(user))):
        return None
    return AdminAction(what, LATER_US)


def is_controllers(event: Event) -> bool:
    """Whether only a domain controller writes such an event: it gives tickets, or validates for others."""
    return event.host is not None and event.code in ("4768", "4769", "4771", "4776")


def is_nobody(user: str) -> bool:
    """Whether an account's name stands for no one in particular."""
    return user_name(user) in _NOBODY


def _logon(event: Event) -> EdgeKey | None:
    target, user = target_of(event), event.user or ""
    way = _way_of(event)
    if target is None or way is None or (event.user is not None and is_nobody(user)):
        return None
    if way in AT_HOST:
        taken = event.more.get("winlog.event_data.TargetOutboundUserName")
        user = taken if way == NEW_CREDENTIALS and isinstance(taken, str) and not is_nobody(taken) else user
        return None if machine_of(user) else EdgeKey(way, "", target, user_name(user))
    source = source_of(event)
    if machine_of(user):
        return EdgeKey(MACHINE, source, target, user_name(user)) if source else None
    if source is None:
        known = event.source_ip or event.source_domain
        source = "" if known or event.more.get("winlog.logon.type") is None else UNPLACED
    return EdgeKey(way if source else LOCAL, source, target, user_name(user))


def _way_of(event: Event) -> str | None:
    kind = event.more.get("winlog.logon.type")
    if kind is None:
        return SSH if event.protocol == "ssh" or event.dataset == "linux.sshd" else NETWORK
    if kind in _NETWORK_TYPES:
        return NETWORK
    if kind in _LOCAL_TYPES:
        return LOCAL
    return {9: NEW_CREDENTIALS, 10: REMOTE_DESKTOP}.get(kind) if isinstance(kind, int) else None


def _session(event: Event) -> EdgeKey | None:
    """A remote desktop session began or was taken up again; without an address somebody sat down at the host."""
    source, target, user = source_of(event), target_of(event), event.user or ""
    if target is None or is_nobody(user) or machine_of(user):
        return None
    return EdgeKey(REMOTE_DESKTOP if source else LOCAL, source or "", target, user_name(user))


def _winrm(event: Event) -> EdgeKey | None:
    server = event.destination_domain
    if event.host is None or not server or not is_name(server):
        return None
    here, there = place_of(event.host), place_of(server)
    return None if there in ("localhost", here) else EdgeKey(WINRM, here, there, "")


def _explicit(event: Event) -> EdgeKey | None:
    user, host, server = event.user or "", event.host, event.destination_domain
    if host is None or is_nobody(user) or machine_of(user):
        return None
    here, there = place_of(host), place_of(server) if server and is_name(server) else ""
    if there in ("", "localhost", here):
        by = event.more.get("winlog.subject.user")
        is_other = isinstance(by, str) and not machine_of(by) and user_name(by) != user_name(user)
        return EdgeKey(NEW_CREDENTIALS, "", here, user_name(user)) if is_other else None
    wanted = event.more.get("winlog.event_data.TargetInfo")
    service = wanted.partition("/")[0].casefold() if isinstance(wanted, str) else ""
    return EdgeKey(REMOTE_CONTROL if service in _CONTROL_SERVICES else EXPLICIT, here, there, user_name(user))


def _ticket(event: Event) -> EdgeKey | None:
    source, target, user = source_of(event), service_host(event), event.user or ""
    if source is None or target is None:
        return None
    return EdgeKey(MACHINE if machine_of(user) else TICKET, source, target, user_name(user))


def _validation(event: Event) -> EdgeKey | None:
    source, target, user = source_of(event), target_of(event), event.user or ""
    if source is None or target is None or is_nobody(user) or machine_of(user):
        return None
    return EdgeKey(VALIDATION, source, target, user_name(user))


def _share(event: Event) -> EdgeKey | None:
    source, target, user = source_of(event), target_of(event), event.user or ""
    if source is None or target is None or is_nobody(user):
        return None
    if machine_of(user):
        return EdgeKey(MACHINE, source, target, user_name(user))
    share = event.more.get("share.name")
    name = share.rpartition("\\")[2].casefold() if isinstance(share, str) else ""
    pipe = event.more.get("file.name")
    kind = SHARE
    if name == "admin$" or (len(name) == 2 and name.endswith("$")):
        kind = ADMIN_SHARE
    elif name == "ipc$" and isinstance(pipe, str) and pipe.casefold() in _ADMIN_PIPES:
        kind = ADMIN_PIPE
    return EdgeKey(kind, source, target, user_name(user))


def _flow(event: Event) -> EdgeKey | None:
    return flow_of(event.source_ip, event.destination_ip, event.destination_port)


def _remote_desktop(event: Event) -> EdgeKey | None:
    """A sensor saw a remote desktop connection: its user is a claim of the client, and it may not have got in."""
    edge = _flow(event)
    return edge and edge._replace(kind=_FLOWS[3389])


_READERS: dict[str, Callable[[Event], EdgeKey | None]] = {
    "logon": _logon,
    "logon-explicit": _explicit,
    "kerberos-service": _ticket,
    "ntlm-validate": _validation,
    "share-accessed": _share,
    "connection": _flow,
    "rdp-authenticated": _session,
    "rdp-connection": _remote_desktop,
    "session-reconnected": _session,
    "session-started": _session,
    "winrm-connected": _winrm,
}
