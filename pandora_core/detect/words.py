"""Owns the wording that reasons share: amounts, lists and spans of time, as a tired person reads them best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US

_UNITS = ("kB", "MB", "GB", "TB")


class Spanned(Protocol):
    """Anything that began and was last seen."""

    first_us: int
    last_us: int


def amount(number: int, thing: str) -> str:
    """``1 port``, ``1,200 ports``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(things: Sequence[object], limit: int = 5) -> str:
    """``a, b, c and 4 more``."""
    head = ", ".join(str(thing) for thing in things[:limit])
    return f"{head} and {len(things) - limit} more" if len(things) > limit else head


def duration(span_us: int) -> str:
    """``8 seconds``, ``25 minutes``, ``3 hours``, ``2 days``."""
    if span_us < 2 * MINUTE_US:
        return amount(max(round(span_us / SECOND_US), 1), "second")
    if span_us < 2 * HOUR_US:
        return amount(round(span_us / MINUTE_US), "minute")
    if span_us < 2 * DAY_US:
        return amount(round(span_us / HOUR_US), "hour")
    return amount(round(span_us / DAY_US), "day")


def size(count: float) -> str:
    """``812 bytes``, ``4.2 kB``, ``310 MB``."""
    if count < 999.5:
        return amount(round(count), "byte")
    power = 0
    while count >= 999.5 and power < len(_UNITS):
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power - 1]}" if count < 9.95 else f"{count:.0f} {_UNITS[power - 1]}"


def span_of(session: Spanned) -> str:
    """``in 25 minutes``, or ``in the same second``."""
    span_us = session.last_us - session.first_us
    return f"in {duration(span_us)}" if span_us else "in the same second"
