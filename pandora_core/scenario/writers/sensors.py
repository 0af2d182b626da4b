"""Owns the set of all sensors: which of them sees which kind of happening."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pandora_core.scenario.happenings import Happening
from pandora_core.scenario.world import World
from pandora_core.scenario.writers.line import Clock, Line, See
from pandora_core.scenario.writers.linux import LinuxLogs
from pandora_core.scenario.writers.suricata import Suricata
from pandora_core.scenario.writers.windows import WindowsLogs
from pandora_core.scenario.writers.zeek import Zeek


class Sensors:
    """All sensors of the company."""

    def __init__(self, world: World) -> None:
        clock = Clock(world.plan.seed, world.plan.skew_s)
        self._see: dict[type, list[See]] = defaultdict(list)
        zeek = Zeek(clock, is_json=world.plan.zeek_json)
        for sensor in (zeek, Suricata(clock), LinuxLogs(clock), WindowsLogs(clock, world.plan.seed)):
            for kind, see in sensor.sees.items():
                self._see[kind].append(see)

    def lines(self, happening: Happening) -> Iterator[Line]:
        """What all logs together hold of a happening; a line may be written later than the happening began."""
        for see in self._see[type(happening)]:
            yield from see(happening)
