"""Owns a scenario that happens now: its lines appended as event time goes by, faster than real time or not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pandora_core.errors import ConfigError
from pandora_core.model import SECOND_US
from pandora_core.scenario.folder import Folder, Summary
from pandora_core.scenario.plan import Plan
from pandora_core.scenario.simulate import Scenario

TICK_S = 0.2


class Replay:
    """Writes a plan's scenario into an empty folder, ``speed`` seconds of event time in each second that passes.

    Raises:
        ConfigError: the speed is not above 0, or there is no attack of the plan's name.
        RefusedError: the folder is not empty.
    """

    def __init__(self, plan: Plan, path: Path, speed: float) -> None:
        if not speed > 0:
            raise ConfigError(f"speed is {speed:g}", where="replay", hint="give a number above 0, such as 600")
        scenario = Scenario(plan)
        self.speed = speed
        self.at_us = plan.start_us
        """Event time reached."""
        self.summary: Summary | None = None
        """What was written, once the replay has ended."""
        self._start_us = plan.start_us
        self._folder = Folder(path, scenario)
        self._records = scenario.records()
        self._next = next(self._records, None)

    def step(self, elapsed_s: float) -> bool:
        """Writes all lines up to ``elapsed_s`` of real time since the start; whether there are more to come."""
        self.at_us = max(self.at_us, self._start_us + int(elapsed_s * self.speed * SECOND_US))
        while self._next is not None and self._next.at_us <= self.at_us:
            self._folder.add(self._next)
            self._next = next(self._records, None)
        self._folder.flush()
        if self._next is None:
            self.close()
        return self._next is not None

    def run(self, stop: threading.Event) -> Summary:
        """Steps until all lines are written or ``stop`` is set; meant for a thread of its own."""
        begun_s = time.monotonic()
        while self.step(time.monotonic() - begun_s) and not stop.wait(TICK_S):
            continue
        return self.close()

    def close(self) -> Summary:
        """Ends the files where they are; a replay that has ended stays as it is."""
        if self.summary is None:
            self.summary = self._folder.close()
            self._next = None
        return self.summary
