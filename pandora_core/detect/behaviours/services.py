"""Owns the behaviour of services that are created on a host, above all from another one."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.customs import CUSTOM_HOSTS, Customs, customary_points
from pandora_core.detect.paths import hosts_of, logon_id_of, shown, target_of
from pandora_core.detect.sessions import SessionBehaviour, Sessions
from pandora_core.detect.visits import (
    EXACT,
    NEAR,
    SAME_USER,
    RemoteLogon,
    Visited,
    Visits,
    best_logon,
    closeness,
    how_long_before,
)
from pandora_core.model import HOUR_US, Detection, EntityRef, Event

LOCAL_POINTS = 10.0
LOCAL_SUSPICIOUS_POINTS = 45.0
NEAR_POINTS = 50.0
REMOTE_POINTS = 66.0
SUSPICIOUS_POINTS = 12.0
CAPACITY = 20_000

_MAX_PATH_SHOWN = 120

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

_RUNS_CODE = re.compile("|".join(pattern.pattern for pattern, _ in _SIGNS[:5]), re.IGNORECASE)
"""A service that is no program of its own is never customary."""


class ServiceKey(NamedTuple):
    """A service of a host, in lower case."""

    host: str
    service: str


class Install(Visited, kw_only=True, gc=False):
    """The creation of one service (4697, 7045 or both)."""

    service: str = ""
    path: str = ""
    count: int = 0
    sort: str = ""
    is_customary: bool = False


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
        self._visits = Visits()
        self._customs = Customs()
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
        return msgspec.msgpack.encode([self._visits.dump(), self._customs.dump()])

    def recall(self, memory: bytes) -> None:
        visits, customs = msgspec.msgpack.decode(memory, type=list[bytes])
        self._visits.load(visits)
        self._customs.load(customs)

    def _logged_on(self, host: str, event: Event) -> None:
        logons = self._visits.note(host, event)
        for key, install in self._installs.fired_at(host) if logons else ():
            if key.host == host:
                self._match(key, install, logons)

    def _installed(self, host: str, event_id: int, event: Event) -> None:
        name = str(event.more.get("service.name") or "without a name")
        key = ServiceKey(host, name.casefold())
        install = self._installs.at(key, event.at_us)
        install.service = min(install.service, name) if install.service else name
        install.path = max(install.path, str(event.more.get("service.path") or ""))
        install.count += event.count
        install.remember(event_id, event.at_us)
        install.done_by(event.user, logon_id_of(event, "SubjectLogonId"))
        if not install.fired_event_id:
            self._installs.fire(key, install, event_id, event.at_us, self.name, *key, install.first_us)
        self._installs.mark(key, install)
        self._note_custom(key, install, event.at_us)
        self._match(key, install, self._visits.at(host))

    def _note_custom(self, key: ServiceKey, install: Install, at_us: int) -> None:
        """The same service, version numbers aside, on many hosts or since a day is how software is deployed."""
        noted = self._customs.note(key.host, at_us, key.service, install.path.casefold())
        install.sort = noted.sort
        install.is_customary = self._customs.is_customary(noted.sort, install.first_us)
        for host in noted.hosts:
            for other_key, other in self._installs.fired_at(host):
                if other.sort == noted.sort and not other.is_customary:
                    other.is_customary = True
                    self._installs.mark(other_key, other)

    def _match(self, key: ServiceKey, install: Install, logons: list[RemoteLogon]) -> None:
        """Finds the log-on that most likely created a service, whatever came first."""
        best = best_logon(install, logons)
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
        if install.is_customary:
            reasons.append(f"nothing new: the same was created a day before, or on {CUSTOM_HOSTS} hosts or more")
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
    sure = closeness(install, logon)
    if sure == EXACT:
        return f"{who} made it in a session that came from {source}"
    doubt = "" if sure == SAME_USER else "; the log does not say who made the service"
    return f"{who} had logged on to {host} from {source} {how_long_before(install, logon)}{doubt}"


def _signs(install: Install) -> list[str]:
    """What is suspicious about a service, in words."""
    found = [reason for pattern, reason in _SIGNS if pattern.search(install.path)]
    if install.service.casefold() in _TOOLS:
        found.append(f"{install.service} is the service of a tool for running programs on other hosts")
    return found


def _points(install: Install, *, is_remote: bool, is_suspicious: bool) -> float:
    if install.is_customary and not _RUNS_CODE.search(install.path):
        return customary_points(_points_of_new(install, is_remote=is_remote, is_suspicious=is_suspicious))
    return _points_of_new(install, is_remote=is_remote, is_suspicious=is_suspicious)


def _points_of_new(install: Install, *, is_remote: bool, is_suspicious: bool) -> float:
    if not is_remote or install.logon is None:
        return LOCAL_SUSPICIOUS_POINTS if is_suspicious else LOCAL_POINTS
    sure = closeness(install, install.logon) > NEAR
    return (REMOTE_POINTS if sure else NEAR_POINTS) + (SUSPICIOUS_POINTS if is_suspicious else 0)


def _techniques(*, is_remote: bool, runs_powershell: bool) -> tuple[str, ...]:
    remote = ("T1569.002", "T1021.002") if is_remote else ()
    return ("T1543.003", *remote, *(("T1059.001",) if runs_powershell else ()))
