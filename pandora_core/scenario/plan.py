"""Owns what a scenario is asked to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pandora_core.errors import ConfigError
from pandora_core.model import DAY_US, from_iso

MIN_HOSTS = 10
MAX_HOSTS = 5_000
MIN_HOPS, MAX_HOPS = 2, 5
MONDAY_US = from_iso("2026-03-02T00:00:00Z")
LOGONS = "logons"
TEMPOS = {"fast": 0.25, "usual": 1.0, "slow": 8.0}
"""What the words for an attack's tempo stretch its pauses by."""
NOISES = {"careful": 0.3, "usual": 1.0, "noisy": 3.0}
"""What the words for an attack's noise multiply its attempts by."""


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """One attack that is wanted; ``pace``, ``noise`` and ``hops`` as in :class:`Plan`."""

    name: str
    pace: float = 1.0
    noise: float = 1.0
    hops: int = 3

    def __post_init__(self) -> None:
        _in_range("pace", self.pace, 0.01, 100)
        _in_range("noise", self.noise, 0.05, 20)
        _in_range("hops", self.hops, MIN_HOPS, MAX_HOPS)

    def told(self, text: str) -> AttackPlan:
        """The attack that a text such as ``ransomware:slow:careful:4`` describes; this one gives what it leaves out.

        Raises:
            ConfigError: a word means nothing here.
        """
        name, *words = text.strip().split(":")
        wanted = replace(self, name=name)
        for word in words:
            if word in TEMPOS:
                wanted = replace(wanted, pace=TEMPOS[word])
            elif word in NOISES:
                wanted = replace(wanted, noise=NOISES[word])
            elif word.isdecimal():
                wanted = replace(wanted, hops=int(word))
            else:
                known = ", ".join(sorted({*TEMPOS, *NOISES}))
                raise ConfigError(
                    f"attack {text!r}: {word!r} means nothing", where="scenario", hint=f"known: {known}"
                )
        return wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a scenario: the same plan gives the same bytes.

    Raises:
        ConfigError: a value is out of its range.
    """

    hosts: int = 40
    """Machines of the company, servers and DMZ included: 10 to 5,000."""
    days: float = 1.0
    seed: int = 1
    attack: str | None = "intrusion"
    """Names of :func:`pandora_core.scenario.attacks` with commas between, or ``None`` for harmless traffic only.
    A name may carry a tempo, a noise and a number of hops: ``ransomware:slow:careful:4``."""
    start_us: int = MONDAY_US
    """Event time of the first moment (UTC)."""
    quiet_days: float = 0.0
    """No attack begins before so many days have gone by: history for those who learn what is usual."""
    zones_h: tuple[float, ...] = (0.0,)
    """Offsets of the company's offices from UTC, in hours; the first one is the largest and has the servers."""
    pace: float = 1.0
    """Stretches the pauses between the steps of the attack; an attack is always fitted into the days there are."""
    noise: float = 1.0
    """How much the intruder does of everything that can be counted: 0.3 is careful, 3 is loud."""
    hops: int = 3
    """From how many hosts to the next an intruder moves, where the company has so many: 2 to 5."""
    skew_s: float = 0.0
    """Each sensor's clock is wrong by a fixed error of up to this many seconds."""
    loss: float = 0.0
    """The share of lines that get lost on the way."""
    disorder: float = 0.0
    """The share of lines that reach their file late, after lines of up to ``late_s`` seconds later."""
    late_s: float = 600.0
    zeek_json: bool = False
    """Zeek writes JSON instead of tab-separated values."""
    flows: bool = False
    """A flow collector listens as well, and writes binetflow CSV."""
    only: str | None = None
    """``logons`` leaves out everything but the log-ons and tickets of Windows and the log-ons of sshd."""

    def __post_init__(self) -> None:
        _in_range("hosts", self.hosts, MIN_HOSTS, MAX_HOSTS)
        _in_range("days", self.days, 0.001, 3_660)
        _in_range("pace", self.pace, 0.01, 100)
        _in_range("noise", self.noise, 0.05, 20)
        _in_range("skew", self.skew_s, 0, 86_400)
        _in_range("loss", self.loss, 0, 0.99)
        _in_range("hops", self.hops, MIN_HOPS, MAX_HOPS)
        _in_range("quiet days", self.quiet_days, 0, self.days)
        _in_range("disorder", self.disorder, 0, 1)
        _in_range("lateness", self.late_s, 0, 86_400)
        for zone_h in self.zones_h or (99.0,):
            _in_range("offset of a time zone", zone_h, -12, 14)
        if self.only not in (None, LOGONS):
            raise ConfigError(f"only {self.only!r} cannot be had", where="scenario", hint=f"known: {LOGONS}")

    @property
    def attacks(self) -> tuple[AttackPlan, ...]:
        """The attacks that are wanted, in order.

        Raises:
            ConfigError: the text says something that means nothing.
        """
        usual = AttackPlan("", self.pace, self.noise, self.hops)
        return tuple(usual.told(text) for text in self.attack.split(",")) if self.attack else ()

    @property
    def end_us(self) -> int:
        return self.start_us + int(self.days * DAY_US)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value:g}", where="scenario", hint=f"give a number from {low:g} to {high:g}")
