"""Owns how times, places and events read in one line; everything it returns is still to be made safe."""

from __future__ import annotations

from pathlib import PurePath

from pandora_core.detect.incidents.triage import ACKNOWLEDGED
from pandora_core.model import Event, Verdict, iso
from pandora_tui.style import glyphs

STATE_WORDS = {ACKNOWLEDGED: "ack"}
VERDICT_WORDS = {Verdict.TRUE_POSITIVE: "TP", Verdict.FALSE_POSITIVE: "FP", Verdict.BENIGN: "BEN"}


def time_text(at_us: int) -> str:
    """``14:02:11``, UTC."""
    return iso(at_us)[11:19]


def day_text(at_us: int) -> str:
    """``2026-03-27 14:02:11``, UTC."""
    return iso(at_us)[:19].replace("T", " ")


def span_text(first_us: int, last_us: int) -> str:
    """``2026-03-27 14:02:11 to 14:31:40 UTC``; the second day is named where it is another."""
    first, last = day_text(first_us), day_text(last_us)
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"


def state_text(state: str, assignee: str | None, verdict: Verdict | None) -> str:
    """``new``, ``ack mia``, ``closed FP``: state, verdict and who has it, as short as a column wants it."""
    words = (STATE_WORDS.get(state, state), VERDICT_WORDS[verdict] if verdict else "", assignee or "")
    return " ".join(word for word in words if word)


def place_text(path: str, line_number: int) -> str:
    """``conn.log:48122``: the file's name and the line."""
    return f"{PurePath(path).name}:{line_number}"


def event_text(event: Event) -> str:
    """What an event says, in one line: ``4624 logon success mia ws-114 › dc-01``."""
    words = (event.code, event.action, event.outcome, event.user, _ends(event), _times(event.count), event.message)
    said = " ".join(word for word in words if word)
    return said or event.category or event.dataset


def _ends(event: Event) -> str:
    """Between which places it happened."""
    source = event.source_domain or event.source_ip or ""
    target = event.destination_domain or event.destination_ip or event.host or ""
    if event.destination_port is not None and target:
        target = f"{target}:{event.destination_port}"
    ends = f"{source} {glyphs().crumb} {target}" if source and target and source != target else source or target
    return f"{ends} {event.protocol or event.transport or ''}".strip() if source else ends


def _times(count: int) -> str:
    return f"{count}x" if count > 1 else ""
