"""Owns the behaviour of services that are created on a host, above all from another one."""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.names import user_name
from pandora_core.detect.paths import hosts_of, is_persons, logon_id_of, shown, source_of, target_of
from pandora_core.detect.recent import Recent
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import duration
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

LOGON_BEFORE_US = 10 * MINUTE_US
"""How long before a service is created its creator may have logged on, where no log-on id tells."""

LOGON_AFTER_US = MINUTE_US
"""Logs of one host are not in step: the log-on may be written a little later than the service."""

LOCAL_POINTS = 10.0
LOCAL_SUSPICIOUS_POINTS = 45.0
NEAR_POINTS = 45.0
REMOTE_POINTS = 58.0
SUSPICIOUS_POINTS = 17.0
CAPACITY = 20_000

_MAX_HOSTS = 20_000
_MAX_LOGONS = 32
_MAX_PATH_SHOWN = 120
_SID_OF_A_DOMAIN = "S-1-5-21-"  # the System log names accounts by their security identifier
_EXACT, _SAME_USER, _NEAR = 3, 2, 1

_TOOLS = frozenset({"psexesvc", "paexec", "csexecsvc", "remcomsvc", "winexesvc", "xcmdsvc", "btobto"})
_POWERSHELL = "it runs PowerShell"
_SIGNS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for reason, pattern in {
        _POWERSHELL: r"powershell|pwsh",
        "it runs a command interpreter": r"%comspec%|\bcmd(\.exe)?\b",
        "it runs code through a tool of Windows": (
            r"\b(mshta|rundll32|regsvr32|wscript|cscript|certutil|bitsadmin|msbuild|installutil)\b"
        ),
        "the command is encoded": r"\s-e(nc?|ncodedcommand)?\s+[a-z0-9+/=]{16}|frombase64string",
        "it writes to a named pipe, as tools do that take over SYSTEM": r"\\\\\.\\pipe\\",
        "the program lies in an administrative share": r"\\\\(127\.|localhost|[^\\.]+\\(admin|c)\$)|\\admin\$\\",
        "the program lies where anyone may write": (
            r"\\(temp|tmp|appdata|perflogs|public|downloads|recycle[^\\]*)\\|\\windows\\tasks\\"
        ),
        "the program lies in the Windows folder itself": (
            r"^\"?(%systemroot%|%windir%|[a-z]:\\windows)\\[^\\]+\.exe"
        ),
    }.items()
)


class ServiceKey(NamedTuple):
    """A service of a host, in lower case."""

    host: str
    service: str


class RemoteLogon(msgspec.Struct, gc=False):
    """A log-on to a host from another place."""

    at_us: int
    source: str
    user: str
    logon_id: str


class Install(Session, kw_only=True, gc=False):
    """The creation of one service (4697, 7045 or both), and the log-on that it came with."""

    service: str = ""
    path: str = ""
    users: set[str] = msgspec.field(default_factory=set)
    logon_ids: set[str] = msgspec.field(default_factory=set)
    logon: RemoteLogon | None = None
    count: int = 0


class RemoteServices(SessionBehaviour):
    """New services (T1543.003), and whether somebody made them from another host (T1569.002, T1021.002).

    The creator's log-on is found by its log-on id (4697), else by the account, else by time alone. Blind spots:
    services that are changed and not created, and creators whose log-on the log does not tell.
    """

    name = "service-created"
    routes = (Route("configuration", "service-installed"), Route("authentication", "logon"))

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._installs = Sessions(
            ServiceKey, Install, self._render, gap_us=HOUR_US, capacity=capacity, places=lambda key: key[:1]
        )
        self._logons = Recent(str, list[RemoteLogon], _MAX_HOSTS)
        self.tables = (self._installs,)

    def observe(self, event_id: int, event: Event) -> None:
        host = target_of(event)
        if host is None or event.outcome == "failure":
            return
        if event.action == "logon":
            self._logged_on(host, event)
        else:
            self._installed(host, event_id, event)

    def memory(self) -> bytes:
        return self._logons.dump()

    def recall(self, memory: bytes) -> None:
        self._logons.load(memory)

    def _logged_on(self, host: str, event: Event) -> None:
        source = source_of(event)
        if source is None or event.outcome != "success" or not is_persons(event):
            return
        logon_id = logon_id_of(event, "TargetLogonId")
        logon = RemoteLogon(event.at_us, source, user_name(event.user or ""), logon_id)
        logons = self._logons.get(host) or []
        bisect.insort(logons, logon, key=lambda known: known.at_us)
        del logons[:-_MAX_LOGONS]
        self._logons.put(host, logons)
        for key, install in self._installs.fired_at(host):
            if key.host == host:
                self._match(key, install, [logon])

    def _installed(self, host: str, event_id: int, event: Event) -> None:
        name = str(event.more.get("service.name") or "without a name")
        key = ServiceKey(host, name.casefold())
        install = self._installs.at(key, event.at_us)
        install.service = min(install.service, name) if install.service else name
        install.path = max(install.path, str(event.more.get("service.path") or ""))
        install.count += event.count
        install.remember(event_id, event.at_us)
        if event.user and not event.user.startswith(_SID_OF_A_DOMAIN):
            install.users.add(user_name(event.user))
        if logon_id := logon_id_of(event, "SubjectLogonId"):
            install.logon_ids.add(logon_id)
        if not install.fired_event_id:
            self._installs.fire(key, install, event_id, event.at_us, self.name, *key, install.first_us)
        self._installs.mark(key, install)
        self._match(key, install, self._logons.get(host) or [])

    def _match(self, key: ServiceKey, install: Install, logons: list[RemoteLogon]) -> None:
        """Finds the log-on that most likely created a service, whatever came first."""
        known = [install.logon] if install.logon else []
        best = max((*logons, *known), key=lambda logon: _rank(install, logon), default=None)
        if best is not None and not _closeness(install, best):
            best = None
        if best != install.logon:
            install.logon = best
            self._installs.mark(key, install)
            if best is not None:
                self._installs.show(key, install, best.source)

    def _render(self, key: ServiceKey, install: Install) -> Detection:
        names, logon, at_us = self._names, install.logon, install.first_us
        host = names.entity_at(key.host, at_us)
        entity = names.entity_at(logon.source, logon.at_us) if logon else host
        is_remote = logon is not None and entity != host
        signs = _signs(install)
        path = install.path[:_MAX_PATH_SHOWN] + ("…" if len(install.path) > _MAX_PATH_SHOWN else "")
        reasons = [f"service {install.service} was created on {host.name}" + (f", running {path}" if path else "")]
        if logon is not None and is_remote:
            reasons.append(_how_sure(install, logon, shown(logon.source, names, logon.at_us), host.name))
        reasons += signs
        users = sorted({*install.users, *([logon.user] if logon and is_remote else [])} - {""})
        title = f"service {install.service} created on {host.name}"
        return Detection(
            id=install.id,
            detector=self.name,
            entity=entity,
            first_seen_us=install.first_us,
            last_seen_us=install.last_us,
            count=install.count,
            points=_points(install, is_remote=is_remote, is_suspicious=bool(signs)),
            title=f"{title} from {entity.name}" if is_remote else title,
            reasons=tuple(reasons),
            techniques=_techniques(is_remote=is_remote, runs_powershell=_POWERSHELL in signs),
            tactics=("persistence", "execution", "lateral-movement") if is_remote else ("persistence",),
            hosts=hosts_of(entity, key.host, names, at_us),
            users=tuple(users[:8]),
            related=(host, *(EntityRef("user", user) for user in users[:8])),
            event_ids=install.event_ids,
        )


def _how_sure(install: Install, logon: RemoteLogon, source: str, host: str) -> str:
    who = logon.user or "somebody"
    closeness = _closeness(install, logon)
    if closeness == _EXACT:
        return f"{who} made it in a session that came from {source}"
    apart_us = install.first_us - logon.at_us
    when = f"{duration(abs(apart_us))} {'before' if apart_us >= 0 else 'after'}" if apart_us else "at the same moment"
    doubt = "" if closeness == _SAME_USER else "; the log does not say who made the service"
    return f"{who} had logged on to {host} from {source} {when}{doubt}"


def _signs(install: Install) -> list[str]:
    """What is suspicious about a service, in words."""
    found = [reason for pattern, reason in _SIGNS if pattern.search(install.path)]
    if install.service.casefold() in _TOOLS:
        found.append(f"{install.service} is the service of a tool for running programs on other hosts")
    return found


def _points(install: Install, *, is_remote: bool, is_suspicious: bool) -> float:
    if not is_remote or install.logon is None:
        return LOCAL_SUSPICIOUS_POINTS if is_suspicious else LOCAL_POINTS
    sure = _closeness(install, install.logon) > _NEAR
    return (REMOTE_POINTS if sure else NEAR_POINTS) + (SUSPICIOUS_POINTS if is_suspicious else 0)


def _techniques(*, is_remote: bool, runs_powershell: bool) -> tuple[str, ...]:
    remote = ("T1569.002", "T1021.002") if is_remote else ()
    return ("T1543.003", *remote, *(("T1059.001",) if runs_powershell else ()))


def _rank(install: Install, logon: RemoteLogon) -> tuple[int, int, int, str, str]:
    apart_us = abs(logon.at_us - install.first_us)
    return _closeness(install, logon), -apart_us, -logon.at_us, logon.source, logon.user


def _closeness(install: Install, logon: RemoteLogon) -> int:
    """How sure it is that a log-on created a service; 0 if it did not."""
    if logon.logon_id and logon.logon_id in install.logon_ids:
        return _EXACT
    if not install.first_us - LOGON_BEFORE_US <= logon.at_us <= install.last_us + LOGON_AFTER_US:
        return 0
    if logon.user in install.users:
        return _SAME_USER
    return 0 if install.users else _NEAR
