"""The real log sets, what is known of each, and how to tell whether the engine saw it.

What is known is used to judge and nowhere else: no detector has heard of these names and addresses.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pandora_core.evaluate import Run
from pandora_core.model import Alert, Detection, Severity

NO_PHASE = "false_positive"
"""What the alert data set calls what belongs to no phase of its attack."""


class Seen(NamedTuple):
    """What the engine made of a set: alerts, worst first, and detections."""

    run: Run
    alerts: Sequence[Alert]
    detections: Sequence[Detection]

    @property
    def worst(self) -> Alert | None:
        return self.alerts[0] if self.alerts else None


Judge = Callable[[Seen], str]
"""Says in words what is not as it should be; nothing if all is right."""

Labels = Callable[[Path], Iterator[tuple[int, str]]]
"""The lines of a file that belong to an attack, by number from 1, and the phase."""


class Case(NamedTuple):
    """Some files of a set that are read together.

    ``judge`` is for what must be seen (figure 1). ``is_benign`` says that whatever is no line of ``labels`` is
    harmless, so that high alerts about it are false (figure 3).
    """

    name: str
    archive: str
    patterns: tuple[str, ...]
    judge: Judge | None = None
    is_benign: bool = False
    labels: Labels | None = None


class Samples(NamedTuple):
    """Many files, each one attack of the same tactic."""

    archive: str
    pattern: str
    tactic: str


def on_top(
    *entities: str, tactic: str = "", technique: str = "", least: Severity = Severity.MEDIUM, user: str = ""
) -> Judge:
    """The worst alert is about an entity, by name or address, and says a tactic or a technique, and a user."""

    def judge(seen: Seen) -> str:
        worst = seen.worst
        if worst is None:
            return "no alert"
        wrong = [f"on top is {worst.entity.name}"] if worst.entity.name not in entities else []
        wrong += [f"only {worst.severity.word}"] if worst.severity < least else []
        wrong += [f"no {tactic}"] if tactic and tactic not in worst.tactics else []
        wrong += [f"no {technique}"] if technique and technique not in worst.techniques else []
        wrong += [f"{user} is not named first"] if user and worst.users[:1] != (user,) else []
        return ", ".join(wrong)

    return judge


def tells(technique: str, least: Severity = Severity.MEDIUM) -> Judge:
    """Some alert of at least a severity says a technique."""

    def judge(seen: Seen) -> str:
        is_told = any(technique in alert.techniques and alert.severity >= least for alert in seen.alerts)
        return "" if is_told else f"no alert with {technique} that is at least {least.word}"

    return judge


def names_both(*hosts: str) -> Judge:
    """An alert of severity high or critical names both ends of a movement."""

    def judge(seen: Seen) -> str:
        named = [alert.severity for alert in seen.alerts if set(hosts) <= set(alert.hosts)]
        return "" if max(named, default=Severity.INFORMATIONAL) >= Severity.HIGH else "no high alert names both"

    return judge


def labelled_malicious(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that a labelled log of Zeek calls malicious, in its last but one column."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split("\t")
        if not line.startswith("#") and len(cells) > 2 and cells[-2] == "Malicious":
            yield number, "command-and-control"


def labelled_phases(path: Path) -> Iterator[tuple[int, str]]:
    """The rows of an alert table that lie in a phase of its attack."""
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            if row["time_label"] != NO_PHASE:
                yield number, row["time_label"]


_SLIPS, _RITA, _SSHD, _DEEP = "slips-logs", "rita-testdata", "sshd", "evtx-deepbluecli"

CASES: tuple[Case, ...] = (
    Case(
        *("slips test18 (remote access trojan)", _SLIPS, ("test18*/zeek-labeled/*.labeled",)),
        on_top("NWin3", "192.168.1.107", tactic="command-and-control"),
        is_benign=True,
        labels=labelled_malicious,
    ),
    Case("slips vertical scan", _SLIPS, ("port-scans/vertical/*",), on_top("192.168.1.9", technique="T1046")),
    Case("slips horizontal scan", _SLIPS, ("port-scans/horizontal/*",), on_top("10.0.2.112", technique="T1046")),
    Case("slips test11 (scan)", _SLIPS, ("test11-portscan.binetflow",), on_top("10.8.0.69", technique="T1046")),
    Case("slips test4 (worm)", _SLIPS, ("test4-malicious.binetflow",), on_top("192.168.2.12", technique="T1046")),
    Case(
        *("sshd: guessed and got in", _SSHD, ("elastic_suspicious_login_auth.log",)),
        judge=tells("T1078", Severity.HIGH),
    ),
    Case("sshd: guessed", _SSHD, ("loghub_OpenSSH_2k.log",), tells("T1110.001")),
    Case("deepbluecli: passwords guessed", _DEEP, ("smb-password-guessing*",), tells("T1110.001")),
    Case("deepbluecli: passwords sprayed", _DEEP, ("password-spray*",), tells("T1110.003")),
    # Of the way in, the service, these two logs tell nothing: only of what it started.
    Case("deepbluecli: psexec", _DEEP, ("metasploit-psexec-native*",), tells("T1055.012")),
    Case("deepbluecli: psexec, PowerShell", _DEEP, ("metasploit-psexec-powershell*",), tells("T1059.001")),
    Case("rita dnscat2-ja3-strobe-agent (web only)", _RITA, ("dnscat2-ja3-strobe-agent/*",), is_benign=True),
    Case("slips test9 (mixed)", _SLIPS, ("test9-mixed-zeek-dir/*",)),
    Case("slips test10 (mixed)", _SLIPS, ("test10-mixed-zeek-dir/*",)),
    Case("zeek-brimdata, TSV", "zeek-brimdata", ("zeek-default/*",), is_benign=True),
    Case("zeek-brimdata, JSON", "zeek-brimdata", ("zeek-json/*",), is_benign=True),
    Case("rita proxy", _RITA, ("proxy/*",), is_benign=True),
    Case("rita proxy_rolling", _RITA, ("proxy_rolling/*",), is_benign=True),
    Case("rita open_sni", _RITA, ("open_sni/*",), is_benign=True),
    Case("rita open_conns", _RITA, ("open_conns/*/*",), is_benign=True),
    Case("rita missing_host (open to the internet)", _RITA, ("missing_host/*/*",), is_benign=True),
    Case("zat (a host with malware on it)", "zat", ("*.log",), on_top("192.168.33.10")),
    Case("zat, JSON", "zat", ("json/*",), is_benign=True),
    Case("sshd: a server nobody got into", _SSHD, ("loghub_Linux_2k.log",), is_benign=True),
    *(
        Case(f"ait {company}", "ait-ads-dev", (f"{company}_alerts.txt",), is_benign=True, labels=labelled_phases)
        for company in ("fox", "russellmitchell", "santos", "wardbeck")
    ),
)
CAPTURES = Case("otrf-empire", "otrf-empire", ("empire_*.zip",), names_both("WORKSTATION5", "WORKSTATION6"))
"""Each of its files is a capture of its own."""

SAMPLES = tuple(
    Samples("evtx-attack-samples", f"{folder}/*.evtx", tactic)
    for folder, tactic in (
        ("Lateral Movement", "lateral-movement"),
        ("Credential Access", "credential-access"),
        ("Persistence", "persistence"),
        ("Defense Evasion", "defense-evasion"),
    )
)
LEAST_SHARE = 0.7
"""Of the samples of each tactic that must be told as that tactic."""
