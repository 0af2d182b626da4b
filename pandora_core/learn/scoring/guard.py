"""Owns the guard over a model at work: when it calls so much of a network an attack that the model must be wrong."""

from __future__ import annotations

import msgspec

BUCKET_FLOWS = 1_000
FLOOD_SHARE = 0.2
"""Of the flows of a bucket, and of its sources. One host that floods or scans is no reason for doubt, nor are few."""

FEWEST_SOURCES = 5


class Guard(msgspec.Struct):
    """Counts the flows and sources of a bucket, and those above the threshold among them."""

    flows: int = 0
    hits: int = 0
    sources: set[str] = msgspec.field(default_factory=set)
    suspects: set[str] = msgspec.field(default_factory=set)

    @property
    def room(self) -> int:
        """How many flows the bucket still takes."""
        return BUCKET_FLOWS - self.flows

    def add(self, sources: list[str], suspects: list[str]) -> None:
        """Takes flows in, at most :attr:`room`: the source of each, and of each hit among them."""
        self.flows += len(sources)
        self.sources.update(sources)
        self.hits += len(suspects)
        self.suspects.update(suspects)

    def is_flooded(self) -> bool:
        """Whether what was seen says that the model is wrong here."""
        return self.hits > FLOOD_SHARE * self.flows and len(self.suspects) > max(
            FEWEST_SOURCES, FLOOD_SHARE * len(self.sources)
        )

    @property
    def told(self) -> str:
        """What was seen, in words."""
        share = self.hits / max(1, self.flows)
        return (
            f"{share:.0%} of {self.flows:,} flows, of {len(self.suspects)} of {len(self.sources)} sources, were above"
        )
