"""Owns what to check next after a detection: two or three lines of words, and the searches that do it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pandora_core.detect.incidents import risk
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, Detection, iso

MAX_PIVOTS = 6
"""Searches that an incident offers; those of its strongest detections."""


@dataclass(frozen=True, slots=True)
class Pivot:
    """A search for events, and the question that it answers. Times are microseconds since the epoch."""

    question: str
    observable: str | None = None
    dataset: str | None = None
    text: str | None = None
    from_us: int | None = None
    to_us: int | None = None

    @property
    def command(self) -> str:
        """The command that does the search."""
        words = ["pandora", "events", "search"]
        words += [self.observable] if self.observable else []
        for name, value in (("--dataset", self.dataset), ("--text", self.text)):
            words += [name, value] if value else []
        for name, at_us in (("--from", self.from_us), ("--to", self.to_us)):
            words += [name, iso(at_us)[:19]] if at_us is not None else []
        return shlex.join(words)


class NextSteps(NamedTuple):
    """What to check, most telling first, and the searches that do it."""

    checks: tuple[str, ...]
    pivots: tuple[Pivot, ...]


class _Way(NamedTuple):
    """What a detector's detections are followed up with: words, and the datasets and hours to search in."""

    checks: tuple[str, ...]
    pivots: tuple[_Ask, ...]


class _Ask(NamedTuple):
    """A pivot before it knows its detection: whose events, of which dataset, hours around (0: a minute), text."""

    question: str
    who: Callable[[Detection], str | None]
    dataset: str | None = None
    before_h: int = 1
    after_h: int = 1
    text: str | None = None


def next_steps(detection: Detection) -> NextSteps:
    """What to check next after a detection: its detector's way, else that of its tactic."""
    way = BY_DETECTOR.get(detection.detector) or BY_TACTIC.get(risk.group_of(detection)[1], _ANY)
    asks = (ask for ask in way.pivots if ask.who is _everybody or ask.who(detection))
    return NextSteps(way.checks, tuple(_pivot(ask, detection) for ask in asks))


def next_steps_of(detections: Iterable[Detection]) -> NextSteps:
    """What to check next after several detections: the ways of the strongest ones, each detector and search once."""
    checks: dict[str, None] = {}
    pivots: dict[str, Pivot] = {}
    detectors: set[risk.Group] = set()
    for detection in sorted(detections, key=lambda d: (-d.points, d.first_seen_us, d.id)):
        group = risk.group_of(detection)
        if group not in detectors and len(checks) < MAX_PIVOTS:
            detectors.add(group)
            steps = next_steps(detection)
            checks |= dict.fromkeys(steps.checks)
            for pivot in steps.pivots:
                pivots.setdefault(f"{pivot.question} {pivot.observable}", pivot)
    return NextSteps(tuple(islice(checks, MAX_PIVOTS)), tuple(islice(pivots.values(), MAX_PIVOTS)))


def _pivot(ask: _Ask, detection: Detection) -> Pivot:
    return Pivot(
        ask.question,
        ask.who(detection),
        ask.dataset,
        ask.text,
        max(detection.first_seen_us - (ask.before_h * HOUR_US or MINUTE_US), 0),
        detection.last_seen_us + (ask.after_h * HOUR_US or MINUTE_US),
    )


def _everybody(_: Detection) -> str | None:
    return None


def _own(detection: Detection) -> str | None:
    return detection.entity.name


def _other_host(detection: Detection) -> str | None:
    return next((host for host in detection.hosts if host != detection.entity.name), None)


def _user(detection: Detection) -> str | None:
    return next(iter(detection.users), None)


def _peer(detection: Detection) -> str | None:
    return next((ref.name for ref in detection.related if ref != detection.entity), None)


_DAY_H = DAY_US // HOUR_US
_THERE = _Ask("what happened on the other host afterwards", _other_host, after_h=4)
_HERE = _Ask("what else this host did around that time", _own)
_WHO = _Ask("where else this account was used that day", _user, before_h=_DAY_H, after_h=_DAY_H)
_PEER = _Ask("what else is known of the other side", _peer, before_h=_DAY_H, after_h=_DAY_H)

BY_DETECTOR = {
    "failed-logons": _Way(
        (
            "Did one of them succeed? Look for a success of the same account from anywhere in the hours after.",
            "Is the source known: a scanner, a script with an old password, a colleague's new telephone?",
            "If several accounts were tried, ask whether their names are public or came from inside.",
        ),
        (_HERE, _Ask("log-ons to the other host", _other_host, after_h=6, text="logon"), _WHO),
    ),
    "success-after-failures": _Way(
        (
            "Ask the person whether it was them; until they answer, treat the password as known to somebody else.",
            "What did the session do: commands, services, connections from there to other hosts?",
            "Was the same source seen at other accounts?",
        ),
        (_WHO, _THERE, _HERE),
    ),
    "first-logon": _Way(
        (
            "Does this account have a reason to go from here to there? Ask its owner.",
            "What did it do there: shares, services, tasks, processes within minutes of the log-on?",
            "How did the source come into play: look at its own log-ons in the hours before.",
        ),
        (_THERE, _WHO, _Ask("what happened on the source before", _own, before_h=6)),
    ),
    "spread-logons": _Way(
        (
            "Is it an administrator's tool or a deployment? Those come from the same host every time.",
            "Which of the hosts answered, and what was run there?",
            "Lock the account if nobody claims it.",
        ),
        (_HERE, _WHO, _THERE),
    ),
    "scan": _Way(
        (
            "Is the source a scanner of ours? If so, suppress it with a reason and an end.",
            "Which of the ports or hosts answered, and what did the source do with them afterwards?",
            "If it comes from inside: what was started on the source shortly before?",
        ),
        (
            _Ask("what the source did besides", _own, after_h=4),
            _Ask("what was asked of the first target", _peer, after_h=4),
        ),
    ),
    "ids-alert": _Way(
        (
            "Was the target open to what the rule describes? Look at its version and what it answered.",
            "Did it do anything new afterwards: connections out, new processes, log-ons?",
        ),
        (_Ask("what this host did afterwards", _own, after_h=6), _PEER),
    ),
    "rare-alert": _Way(
        (
            "This host does not usually have this alert: what was changed, installed or tried at that time?",
            "What do other sensors say of the same minutes?",
        ),
        (_HERE, _Ask("what all sensors say of these minutes", _everybody, "*alert", before_h=0, after_h=0)),
    ),
    "service-created": _Way(
        (
            "Get the program that the service runs, and its hash; ask who installed it.",
            "Which log-on did it come with, and from where? That host is part of it.",
            "Look for the same service on other hosts.",
        ),
        (_HERE, _THERE, _WHO),
    ),
    "beacon": _Way(
        (
            "Which program makes the connection, and since when? Look at the first one.",
            "Who else talks to the same address or name?",
            "Is it a service that everybody has: updates, telemetry, mail? Then suppress it.",
        ),
        (_PEER, _HERE),
    ),
    "strobe": _Way(
        (
            "What is it that connects so often: a broken client, a flood, a tunnel?",
            "Who else talks to the same address?",
        ),
        (_PEER, _HERE),
    ),
    "long-connection": _Way(
        (
            "What holds the connection open: remote access, a tunnel, a backup?",
            "How much went which way, and at which hours?",
        ),
        (_PEER, _HERE),
    ),
    "upload": _Way(
        (
            "What was sent, by whom and where to? A backup or a meeting says so when asked.",
            "Were files collected before: archives, large reads from shares?",
        ),
        (_Ask("what this host read before", _own, before_h=_DAY_H), _PEER),
    ),
    "certificate": _Way(
        (
            "Whose certificate is it? Look at its names, and at when the destination was first seen.",
            "Which program talks to it, and how regularly?",
        ),
        (_PEER, _HERE),
    ),
    "dns-tunnel": _Way(
        (
            "Whose domain is it? Those of virus scanners and mail filters also hold long names.",
            "Which program asks, and what was read on that host before?",
            "Block the domain at the resolver: a tunnel tries other ways then, and shows itself.",
        ),
        (_Ask("names that this host asked for", _own, "*dns", after_h=4), _HERE),
    ),
    "failing-names": _Way(
        (
            "Which program asks for names that do not exist? A misspelt search domain is one domain, and no more.",
            "Did one of the names exist after all? That is where it goes.",
        ),
        (_Ask("names that this host asked for", _own, "*dns", after_h=4), _HERE),
    ),
    "new-destination": _Way(
        (
            "Does this host have a reason to talk to the outside at all? Ask who runs it.",
            "What was started or changed on it shortly before?",
        ),
        (_PEER, _Ask("what this host did before", _own, before_h=6)),
    ),
    "record-types": _Way(
        (
            "Is it a resolver, a mail server or a tool of an administrator? Those ask for such records.",
            "Are the answers long, and of one domain? Then look for a tunnel.",
        ),
        (_Ask("names that this host asked for", _own, "*dns", after_h=4), _HERE),
    ),
    "bulk-reading": _Way(
        (
            "Does this person's work need so many of these files at once? Ask the owner of the share.",
            "Did anything leave afterwards: uploads, mail, a drive that was plugged in?",
        ),
        (_WHO, _Ask("what this host did afterwards", _own, after_h=_DAY_H)),
    ),
    "unusual-hours": _Way(
        (
            "Was there a reason to stay: a deadline, a release, a call from far away? Ask a colleague first.",
            "What was read, copied or sent in these hours?",
        ),
        (_HERE, _WHO),
    ),
    "borrowed-account": _Way(
        (
            "Ask the account's owner whether it was them, or whether they gave the password away.",
            "Who sat at that desk at the time?",
            "What was read or changed with the account?",
        ),
        (_WHO, _THERE, _HERE),
    ),
    "roasting": _Way(
        (
            "Who asked for these tickets, and from which host? Nobody needs that many with weak encryption.",
            "Change the passwords of the service accounts that were asked for.",
        ),
        (_WHO, _HERE),
    ),
}
"""How to go on, by the detector's name."""

BY_TACTIC = {
    "reconnaissance": _Way(
        ("Who looked, and what answered?", "What did the same source try afterwards?"),
        (_PEER, _Ask("what this host did afterwards", _own, after_h=6)),
    ),
    "initial-access": _Way(
        (
            "Did it get in: is there a new process, file, log-on or connection out on the target since then?",
            "Who else was sent or offered the same?",
        ),
        (_Ask("what this host did afterwards", _own, after_h=6), _PEER),
    ),
    "collection": _Way(
        ("What was gathered, whose was it, and where does it lie?", "Did it leave: look for uploads since then."),
        (_Ask("what this host did afterwards", _own, after_h=_DAY_H), _WHO),
    ),
    "execution": _Way(
        (
            "Which program ran it, and what did it start in turn?",
            "Was it fetched from somewhere, and who else has it?",
        ),
        (_HERE, _WHO),
    ),
    "persistence": _Way(
        ("Who made the change, and is there a ticket for it?", "Take it away only after you know what it starts."),
        (_HERE, _WHO),
    ),
    "privilege-escalation": _Way(
        ("Which account gained which rights, and who gave them?", "What was done with them in the minutes after?"),
        (_WHO, _HERE),
    ),
    "defense-evasion": _Way(
        (
            "What is not seen since then? Look for the same host in other logs.",
            "Nobody hides for its own sake: what came just before and after?",
        ),
        (_HERE, _WHO),
    ),
    "credential-access": _Way(
        (
            "Whose credentials could have been read? Count them as known to somebody else.",
            "Where are these accounts used since then?",
        ),
        (_WHO, _HERE),
    ),
    "discovery": _Way(
        ("Was a person or a tool looking round, and did it find anything?", "What did the same account do next?"),
        (_HERE, _WHO),
    ),
    "lateral-movement": _Way(
        ("Where did it come from and where did it go? Both hosts are part of it.", "What ran on the target?"),
        (_THERE, _WHO, _HERE),
    ),
    "command-and-control": _Way(
        ("Which program talks to it, and since when?", "Who else talks to the same name or address?"),
        (_PEER, _HERE),
    ),
    "exfiltration": _Way(
        ("How much left, of what, and where to?", "What was collected before?"),
        (_PEER, _HERE),
    ),
    "impact": _Way(
        ("Take the host off the network; do not switch it off.", "Which hosts can be reached from it?"),
        (_HERE, _THERE),
    ),
}
"""How to go on where a detector has no way of its own, by the leading tactic."""

_ANY = _Way(
    (
        "Which program did it, started by what and by whom? Follow the parents.",
        "Did the same happen on other hosts?",
    ),
    (_HERE, _WHO),
)
