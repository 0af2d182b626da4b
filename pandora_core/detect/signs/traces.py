"""Owns how events become traces: what they say of something done on a host, in the few texts that signs look at."""

from __future__ import annotations

import re
from collections.abc import Callable

from pandora_core.detect.behaviour import Route
from pandora_core.detect.signs.command_line import (
    added_value,
    hidden_script,
    host_application,
    plain,
    plain_script,
    program_of,
)
from pandora_core.detect.signs.sign import Trace
from pandora_core.model import Event

_DATA = "winlog.event_data."
_READ_MEMORY, _CHANGE_MEMORY, _EVERYTHING = 0x10, 0x2A, 0x1F0000
"""Rights to a process (winnt.h): PROCESS_VM_READ; CREATE_THREAD, VM_OPERATION and VM_WRITE; STANDARD_RIGHTS_ALL."""

_MASK = re.compile(r"0x[0-9a-fA-F]{1,8}")
_MAX_PATH_CHARS = 1_024
_WRITE_FILE = 0x6
"""Rights to a file (winnt.h): FILE_WRITE_DATA and FILE_APPEND_DATA."""


def traces_of(event: Event) -> tuple[Trace, ...]:
    """The traces in an event of one of :data:`ROUTES`; most have one."""
    read = _READERS.get((event.category, event.action))  # type: ignore[arg-type]
    return read(event) if read is not None else ()


def example_of(event: Event) -> str:
    """What was done, as the log spells it, on one line and cut."""
    for field in _EXAMPLES:
        value = event.more.get(field)
        if isinstance(value, str) and value.strip():
            text = " ".join(value[: 2 * _MAX_EXAMPLE_CHARS].split())
            return text if len(text) <= _MAX_EXAMPLE_CHARS else f"{text[:_MAX_EXAMPLE_CHARS]}…"
    return ""


_MAX_EXAMPLE_CHARS = 160
_EXAMPLES = (
    *(
        "script.text",
        "process.command_line",
        "registry.path",
        "share.name",
        "task.name",
        "service.name",
        "group.name",
    ),
    *(f"{_DATA}TargetImage", "file.path", "file.name", "rule.name", "process.executable", "user.target.name"),
    *(f"{_DATA}Destination", f"{_DATA}ObjectDN", f"{_DATA}Channel", "url.full"),
)


def is_the_system(account: str | None) -> bool:
    """Whether an account is the machine itself, so that no log-on from elsewhere says who."""
    return account is None or account.casefold() in _SYSTEM_ACCOUNTS


_SYSTEM_ACCOUNTS = frozenset(
    {"", "-", "system", "local service", "network service", "s-1-5-18", "s-1-5-19", "s-1-5-20"}
)


def _field(event: Event, name: str) -> str:
    value = event.more.get(name)
    return "" if value is None else value.lower() if isinstance(value, str) else str(value).lower()


def _data(event: Event, *names: str) -> str:
    """Values of EventData, one after the other."""
    return " ".join(text for name in names if (text := _field(event, _DATA + name)))


def _rights(event: Event, name: str) -> int:
    """A mask of rights, as a number or in hexadecimal; 0 where it is neither."""
    mask = event.more.get(_DATA + name)
    if isinstance(mask, str):
        return int(mask, 16) if _MASK.fullmatch(mask) else 0
    return mask if isinstance(mask, int) else 0


def _program(event: Event, field: str = "process.executable") -> str:
    value = event.more.get(field)
    return program_of(value) if isinstance(value, str) else ""


def _started(event: Event) -> tuple[Trace, ...]:
    path = _field(event, "process.executable")
    command = _field(event, "process.command_line") or path
    trace = Trace(
        "process",
        _program(event) or program_of(command.partition(" ")[0]),
        _program(event, "process.parent.executable"),
        plain(command),
        f"{path[:_MAX_PATH_CHARS]} {_data(event, 'OriginalFileName')}",
        plain(_field(event, "process.parent.command_line")),
    )
    return trace, *hidden_script(event.more.get("process.command_line"), trace.program), *added_value(trace.text)


def _scripted(event: Event) -> tuple[Trace, ...]:
    script = Trace("script", "powershell", text=plain_script(_field(event, "script.text")))
    host = event.more.get("process.command_line")
    return (script, *host_application(host)) if isinstance(host, str) else (script,)


def _registry(event: Event) -> tuple[Trace, ...]:
    kind = "registry-deleted" if event.action == "registry-deleted" else "registry"
    value = _data(event, "ObjectValueName", "NewName")
    path = _field(event, "registry.path") + (f"\\{value}" if value else "")
    return (Trace(kind, _program(event), text=f"{path} = {_data(event, 'Details', 'NewValue')}"),)


def _file(event: Event) -> tuple[Trace, ...]:
    kind = "file" if event.action != "object-accessed" else "file-read"
    return (Trace(kind, _program(event), text=_field(event, "file.path"), path=_field(event, "process.executable")),)


def _share(event: Event) -> tuple[Trace, ...]:
    rights = _rights(event, "AccessMask")
    trace = Trace("share", text=f"{_field(event, 'share.name')}\\{_field(event, 'file.path')}")
    return (trace, trace._replace(kind="share-written")) if rights & _WRITE_FILE else (trace,)


def _pipe(event: Event) -> tuple[Trace, ...]:
    return (
        Trace(
            "pipe",
            _program(event),
            "connected" if event.action == "pipe-connected" else "created",
            _field(event, "file.name"),
            _field(event, "process.executable"),
        ),
    )


def _image(event: Event) -> tuple[Trace, ...]:
    """A library; that of a program in the system's folder is only of interest unsigned or from elsewhere."""
    signed = "unsigned" if _data(event, "Signed") == "false" else "signed"
    return (Trace("image", _program(event), signed, _field(event, "file.path"), _field(event, "process.executable")),)


def _driver(event: Event) -> tuple[Trace, ...]:
    status = "signed" if _data(event, "Signed") == "true" else "unsigned"
    return (Trace("driver", other=status, text=f"{_field(event, 'file.path')} {_data(event, 'Signature')}"),)


def _accessed(event: Event) -> tuple[Trace, ...]:
    """A process that another one opened: its rights decide whether that is worth a look."""
    rights = _rights(event, "GrantedAccess")
    target = program_of(str(event.more.get(f"{_DATA}TargetImage", "")))
    kind = ""
    if target == "lsass":
        kind = "lsass-opened" if rights & _READ_MEMORY else ""
    elif rights & _CHANGE_MEMORY == _CHANGE_MEMORY or rights & _EVERYTHING == _EVERYTHING:
        kind = "process-opened"
    if not kind:
        return ()
    path = _field(event, "process.executable")
    trace = _data(event, "CallTrace")
    return (Trace(kind, _program(event), target, f"{hex(rights)} {trace}", path),)


def _injected(event: Event) -> tuple[Trace, ...]:
    target = program_of(str(event.more.get(f"{_DATA}TargetImage", "")))
    start = _data(event, "StartModule", "StartFunction") or "nowhere"
    return (Trace("thread", _program(event), target, start, _field(event, "process.executable")),)


def _tampered(event: Event) -> tuple[Trace, ...]:
    return (Trace("tampered", _program(event), text=_data(event, "Type"), path=_field(event, "process.executable")),)


def _task(event: Event) -> tuple[Trace, ...]:
    """A task's name and what it runs, without the markup around it."""
    content = re.sub(r"<[^>]*>|&quot;", " ", _field(event, "task.content"))
    return (Trace("task", other=event.action or "", text=f"{_field(event, 'task.name')} : {content}"),)


def _subscription(event: Event) -> tuple[Trace, ...]:
    text = _data(
        event,
        "Operation",
        "EventType",
        "Type",
        "Name",
        "Destination",
        "Query",
        "Consumer",
        "CONSUMER",
        "PossibleCause",
    )
    return (Trace("subscription", text=text),)


def _service(event: Event) -> tuple[Trace, ...]:
    text = f"{_field(event, 'service.name')} {_field(event, 'service.state') or _data(event, 'param2', 'param3')}"
    return (Trace("service", other=event.action or "", text=text),)


def _setting(event: Event) -> tuple[Trace, ...]:
    """What was switched, whatever fields say it."""
    values = " ".join(
        f"{name.removeprefix(_DATA)}={str(value)[:_MAX_SETTING_CHARS]}"
        for name, value in event.more.items()
        if name.startswith(_DATA)
    )
    return (Trace("setting", other=event.action or "", text=f"{event.dataset} {event.code} {values.lower()}"),)


def _account(event: Event) -> tuple[Trace, ...]:
    who = (event.user or "").casefold()
    names = f"{_field(event, 'group.name')} : {_field(event, 'user.target.name')} :"
    values = " ".join(f"{name}={value}" for name in _ACCOUNT_FIELDS if (value := _data(event, name)))
    return (Trace("account", who, event.action or "", f"{names} {values.lower()}", event.code or "", who),)


def _directory(event: Event) -> tuple[Trace, ...]:
    user = (event.user or "").casefold()
    text = _data(event, *_DIRECTORY_FIELDS)
    kind = "machine" if user.endswith("$") else "person"
    return (Trace("directory", user, kind, text, event.code or "", user),)


_DIRECTORY_FIELDS = (
    *("Properties", "ObjectType", "ObjectName", "ObjectDN", "ObjectClass", "AttributeLDAPDisplayName"),
    *("AttributeValue", "AccessMask"),
)


def _logon(event: Event) -> tuple[Trace, ...]:
    """Only log-ons of kinds that few programs make: new credentials, and NTLM without a session key."""
    more = event.more
    kind = more.get("winlog.logon.type")
    if kind == 3 and more.get("authentication.method") != "NTLM":
        return ()
    if event.outcome != "success" or kind not in (2, 3, 9) or event.dataset != "windows.security":
        return ()
    how = f"{_data(event, 'LogonProcessName').strip()} {_field(event, 'authentication.method')}"
    source = f"{event.source_ip or '-'} {_data(event, 'WorkstationName') or '-'}"
    text = f"type {kind} {how} key {_data(event, 'KeyLength') or '-'} from {source}"
    return (Trace("logon", _program(event), (event.user or "").casefold(), text),)


_ACCOUNT_FIELDS = (
    *("TargetSid", "MemberSid", "OldUacValue", "NewUacValue", "UserAccountControl", "SidHistory"),
    *("AllowedToDelegateTo", "ServicePrincipalNames", "PasswordLastSet", "NewTargetUserName", "PrivilegeList"),
)
_MAX_SETTING_CHARS = 500

_Reader = Callable[[Event], tuple[Trace, ...]]
_READERS: dict[tuple[str, str], _Reader] = {
    ("process", "process-started"): _started,
    ("process", "powershell-started"): _scripted,
    ("process", "script-run"): _scripted,
    ("process", "command-invoked"): _scripted,
    ("process", "process-accessed"): _accessed,
    ("process", "thread-injected"): _injected,
    ("process", "process-tampered"): _tampered,
    ("process", "image-loaded"): _image,
    ("process", "process-exited-silently"): _setting,
    ("process", "service-state-changed"): _service,
    ("process", "service-crashed"): _service,
    ("process", "command-shell-used"): _setting,
    ("driver", "driver-loaded"): _driver,
    ("registry", "registry-set"): _registry,
    ("registry", "registry-renamed"): _registry,
    ("registry", "registry-deleted"): _registry,
    ("file", "file-written"): _file,
    ("file", "stream-created"): _file,
    ("file", "file-time-changed"): lambda event: (_file(event)[0]._replace(kind="file-time"),),
    ("file", "object-accessed"): _file,
    ("file", "share-accessed"): _share,
    ("file", "pipe-created"): _pipe,
    ("file", "pipe-connected"): _pipe,
    ("file", "database-attached"): _setting,
    ("configuration", "task-created"): _task,
    ("configuration", "task-changed"): _task,
    ("configuration", "wmi-subscription-created"): _subscription,
    ("configuration", "service-changed"): _service,
    **{
        ("configuration", action): _setting
        for action in (
            *("log-cleared", "audit-changed", "defence-disabled", "defence-changed", "defence-history-deleted"),
            *("firewall-changed", "boot-changed", "share-created", "share-changed", "sql-option-changed"),
            *("sysmon-state-changed", "sysmon-config-changed", "domain-policy-changed"),
        )
    },
    ("network", "transfer-started"): _setting,
    ("session", "winrm-shell-opened"): _setting,
    ("session", "winrm-authenticated"): _setting,
    ("malware", "malware-detected"): _setting,
    ("authentication", "netlogon-refused"): _setting,
    ("authentication", "logon"): _logon,
    **{
        ("iam", action): _account
        for action in (
            *("user-created", "user-changed", "user-enabled", "user-renamed", "password-reset", "right-granted"),
            *("computer-created", "computer-changed", "group-member-added", "group-members-listed"),
            "user-groups-listed",
        )
    },
    ("iam", "directory-access"): _directory,
    ("iam", "directory-changed"): _directory,
    ("iam", "directory-object-created"): _directory,
}

ROUTES = tuple(Route(category, action) for category, action in _READERS)
"""The events that leave traces."""
