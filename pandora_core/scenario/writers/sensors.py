"""Owns the set of all sensors: which of them sees which kind of happening."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set

from pandora_core.scenario.happenings import ExplicitLogon, Happening, Logon, SshLogon, Ticket
from pandora_core.scenario.plan import LOGONS
from pandora_core.scenario.world import World
from pandora_core.scenario.writers.flows import Flows
from pandora_core.scenario.writers.line import Clock, Line, See, Sensor
from pandora_core.scenario.writers.linux import LinuxLogs
from pandora_core.scenario.writers.suricata import Suricata
from pandora_core.scenario.writers.windows import WindowsLogs
from pandora_core.scenario.writers.zeek import Zeek

_LOGONS = {ExplicitLogon, Logon, SshLogon, Ticket}
"""What is left where a plan wants log-ons only."""


class Sensors:
    """All sensors of the company."""

    def __init__(self, world: World) -> None:
        plan = world.plan
        clock = Clock(plan.seed, plan.skew_s)
        self._see: dict[type, list[See]] = defaultdict(list)
        sensors: list[Sensor] = [LinuxLogs(clock), WindowsLogs(clock, plan.seed)]
        if plan.only != LOGONS:
            sensors = [Zeek(clock, is_json=plan.zeek_json), Suricata(clock), *sensors]
            sensors += [Flows(clock)] if plan.flows else []
        for sensor in sensors:
            for kind, see in sensor.sees.items():
                if plan.only != LOGONS or kind in _LOGONS:
                    self._see[kind].append(see)

    @property
    def kinds(self) -> Set[type]:
        """The kinds of happenings that some sensor sees."""
        return self._see.keys()

    def lines(self, happening: Happening) -> Iterator[Line]:
        """What all logs together hold of a happening; a line may be written later than the happening began."""
        talk = getattr(happening, "connection", None)
        if talk is None or talk.is_answered:  # a server that is down has nobody log on, whatever was meant to happen
            for see in self._see[type(happening)]:
                yield from see(happening)
