"""Owns what clocks agree on: how far they may be apart, and the event-time watermark."""

from __future__ import annotations

from pandora_core.model import DAY_US, MINUTE_US

CLOCKS_APART_US = 20 * MINUTE_US
"""How far two sensors may be apart about one moment: the clock of each is wrong by ten minutes at most."""

_LEAP_US = 7 * DAY_US


class Watermark:
    """The newest event time seen. A leap of more than a week must be confirmed by a second event near it, so that one
    line with a wrong clock does not make everything else look old; a time after ``ceiling_us`` is never believed.
    """

    def __init__(self, now_us: int = 0, claimed_us: int | None = None) -> None:
        self.now_us = now_us
        self.claimed_us = claimed_us
        self.ceiling_us = 1 << 62

    def advance(self, at_us: int) -> None:
        """Take the time of one event in."""
        if at_us <= self.now_us or at_us > self.ceiling_us:
            return
        if not self.now_us or at_us - self.now_us <= _LEAP_US:
            self.now_us = at_us
        elif self.claimed_us is not None and abs(at_us - self.claimed_us) <= _LEAP_US:
            self.now_us, self.claimed_us = max(at_us, self.claimed_us), None
        else:
            self.claimed_us = at_us
