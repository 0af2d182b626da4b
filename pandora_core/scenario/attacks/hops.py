"""Owns how intruders move from one host of their path to the next."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pandora_core.model import SECOND_US
from pandora_core.scenario.attacks.cast import Cast
from pandora_core.scenario.attacks.chain import Intruder, Move, Scene
from pandora_core.scenario.company import Host
from pandora_core.scenario.deeds.access import enter, remote_desktop, shell
from pandora_core.scenario.deeds.endpoint import (
    CMD,
    POWERSHELL,
    SYSTEM32,
    install_service,
    run_by_wmi,
    schedule_task,
    start,
)
from pandora_core.scenario.happenings import ExplicitLogon, Happening, Logon, ScriptRun
from pandora_core.scenario.world import Actor

_SERVICE_NAMES = ("WinSyncSvc", "PerfMonHelper", "BTOBTO", "updsvc", "RemoteDiag", "TpmHealth")
_SAYS_WHOSE = 0.4
"""How often an intruder uses tools of Windows that log whose password they were given (4648)."""


class Way(enum.Enum):
    """How a program gets to run on the next host; the value is ATT&CK's technique."""

    SERVICE = "T1021.002"
    TASK = "T1053.005"
    WMI = "T1047"
    WINRM = "T1021.006"
    DESKTOP = "T1021.001"
    SSH = "T1021.004"


@dataclass(frozen=True, slots=True)
class Hop:
    """The move to the ``number``-th host of the path (from 0), under an account of the cast. A deed."""

    number: int
    way: Way
    account: Callable[[Cast], str]
    by_hash: bool = False
    """The intruder has no password but its NTLM hash."""

    @property
    def technique(self) -> str:
        return "T1550.002" if self.by_hash else self.way.value

    def moves(self, cast: Cast) -> tuple[Move, ...]:
        source, target = cast.before(self.number), cast.path[self.number]
        return (Move(source.name, target.name, self.account(cast)),)

    def __call__(self, hand: Intruder, at_us: int) -> Iterator[Scene]:
        cast = hand.cast
        source, target = cast.before(self.number), cast.path[self.number]
        me = hand.at(source, self.account(cast))
        if self.by_hash:
            owner = cast.victim.login if not self.number else me.user
            yield at_us, [Logon(at_us, source, owner, 9, "Negotiate", source, me.controller)]
            at_us += hand.pause_us(2, 30)
        elif source.is_windows and hand.dice.chance(_SAYS_WHOSE):
            yield at_us, [ExplicitLogon(at_us, source, cast.victim.login, me.user, target)]
            at_us += hand.pause_us(0.1, 2)
        is_ntlm = self.by_hash or hand.dice.chance(0.5)
        yield at_us, _MOVES[self.way](hand, me, at_us, target, "NTLM" if is_ntlm else "Kerberos")


def _by_service(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """A program copied to its disk and started as a service."""
    visit = enter(me, at_us, target, package=package, sent=900_000, is_privileged=True)
    path = f"C:\\Windows\\{hand.dice.hex(8)}.exe"
    return [*visit.happenings, *install_service(me, visit, target, hand.dice.pick(_SERVICE_NAMES), path)]


def _by_task(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """A task made there from afar."""
    visit = enter(me, at_us, target, package=package, is_privileged=True)
    command = f"-nop -w hidden -f C:\\Windows\\Temp\\{hand.dice.hex(6)}.ps1"
    return [*visit.happenings, *schedule_task(me, visit, target, "SyncCheck", POWERSHELL, command)]


def _by_wmi(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """A program started through WMI."""
    visit = enter(me, at_us, target, package=package, port=135, is_privileged=True)
    arguments = f"/c start C:\\Windows\\Temp\\{hand.dice.hex(6)}.exe"
    return [*visit.happenings, *run_by_wmi(me, visit, target, CMD, arguments, me.user)]


def _by_winrm(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """A PowerShell session on the other host."""
    visit = enter(me, at_us, target, package=package, port=5985, is_privileged=True)
    image = f"{SYSTEM32}wsmprovhost.exe"
    host_process = start(me, visit.at_us + SECOND_US, image, "-Embedding", host=target, integrity="High")
    text = "Get-ChildItem C:\\ -Recurse -Include *.kdbx"
    return [*visit.happenings, host_process, ScriptRun(visit.at_us + 2 * SECOND_US, target, me.user, text)]


def _by_desktop(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """The screen of the other host."""
    session = remote_desktop(me, at_us, target, me.user, hand.pause_us(200, 2_000))
    console = start(me, at_us + 40 * SECOND_US, CMD, "", host=target, integrity="High")
    return [*session, console]


def _by_ssh(hand: Intruder, me: Actor, at_us: int, target: Host, package: str) -> list[Happening]:
    """A shell with a key that lay about."""
    return shell(me, at_us, target, me.user, lasts_us=hand.pause_us(300, 2_500)).happenings


_MOVES: dict[Way, Callable[[Intruder, Actor, int, Host, str], list[Happening]]] = {
    Way.SERVICE: _by_service,
    Way.TASK: _by_task,
    Way.WMI: _by_wmi,
    Way.WINRM: _by_winrm,
    Way.DESKTOP: _by_desktop,
    Way.SSH: _by_ssh,
}
