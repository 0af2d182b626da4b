"""Owns what a scenario is asked to be."""

from __future__ import annotations

from dataclasses import dataclass

from pandora_core.errors import ConfigError
from pandora_core.model import DAY_US, from_iso

MIN_HOSTS = 20
MAX_HOSTS = 5_000
MONDAY_US = from_iso("2026-03-02T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a scenario: the same plan gives the same bytes.

    Raises:
        ConfigError: a value is out of its range.
    """

    hosts: int = 40
    """Machines of the company, servers and DMZ included: 20 to 5,000."""
    days: float = 1.0
    seed: int = 1
    attack: str | None = "intrusion"
    """A name of :func:`pandora_core.scenario.attacks`, or ``None`` for harmless traffic only."""
    start_us: int = MONDAY_US
    """Event time of the first moment (UTC); the company works by UTC too."""
    pace: float = 1.0
    """Stretches the pauses between the steps of the attack; an attack is always fitted into the days there are."""
    noise: float = 1.0
    """How much the intruder does of everything that can be counted: 0.3 is careful, 3 is loud."""
    skew_s: float = 0.0
    """Each sensor's clock is wrong by a fixed error of up to this many seconds."""
    loss: float = 0.0
    """The share of lines that get lost on the way."""
    zeek_json: bool = False
    """Zeek writes JSON instead of tab-separated values."""

    def __post_init__(self) -> None:
        _in_range("hosts", self.hosts, MIN_HOSTS, MAX_HOSTS)
        _in_range("days", self.days, 0.001, 3_660)
        _in_range("pace", self.pace, 0.01, 100)
        _in_range("noise", self.noise, 0.05, 20)
        _in_range("skew", self.skew_s, 0, 86_400)
        _in_range("loss", self.loss, 0, 0.99)

    @property
    def end_us(self) -> int:
        return self.start_us + int(self.days * DAY_US)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value:g}", where="scenario", hint=f"give a number from {low:g} to {high:g}")
