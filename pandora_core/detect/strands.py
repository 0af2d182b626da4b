"""Owns the parts of a scan: how many targets each had, exactly or estimated, and how they are put in words."""

from __future__ import annotations

import math
import zlib

import msgspec

from pandora_core.detect.words import amount, listed, span_of

VERTICAL, HORIZONTAL, SWEEP = "ports", "hosts", "pings"
_MAX_EXACT = 64
_SKETCH_BITS = 1024
_SKETCH_FULL = 1016
_SPREAD = 0x9E37_79B1  # a checksum of similar texts is too regular; Knuth's multiplicative hashing spreads it


class Strand(msgspec.Struct, gc=False):
    """One of the things that a scan does: ports of a host, hosts on a port (``what``), or pings."""

    kind: str
    what: str
    first_us: int
    last_us: int
    attempts: int = 0
    targets: set[int | str] = msgspec.field(default_factory=set)
    sketch: bytearray = msgspec.field(default_factory=bytearray)

    def add(self, target: int | str) -> None:
        """Counts a target in; beyond :data:`_MAX_EXACT` in a bitmap (linear counting, Whang et al. 1990)."""
        if not self.sketch:
            self.targets.add(target)
            if len(self.targets) <= _MAX_EXACT:
                return
            self.sketch = bytearray(_SKETCH_BITS // 8)
            for known in self.targets:
                self._sketch(known)
            self.targets.clear()
        self._sketch(target)

    def _sketch(self, target: int | str) -> None:
        bit = (zlib.crc32(str(target).encode()) * _SPREAD & 0xFFFF_FFFF) * _SKETCH_BITS >> 32
        self.sketch[bit >> 3] |= 1 << (bit & 7)

    @property
    def size(self) -> int:
        """How many different targets: exact up to :data:`_MAX_EXACT`, then within a few per cent, up to 5,000."""
        if not self.sketch:
            return len(self.targets)
        bits = min(int.from_bytes(self.sketch, "big").bit_count(), _SKETCH_FULL)
        return round(-_SKETCH_BITS * math.log1p(-bits / _SKETCH_BITS))


def title_of(strands: list[Strand]) -> str:
    """What the largest part of a scan was, and how many parts of that kind there are."""
    first = strands[0]
    alike = sum(strand.kind == first.kind for strand in strands)
    more = f" and {alike - 1} more" if alike > 1 else ""
    if first.kind == VERTICAL:
        return f"scanned {_size(first, 'port')} of {first.what}{more}"
    if first.kind == HORIZONTAL:
        return f"scanned {_size(first, 'host')} for port {first.what}{more}"
    return f"pinged {_size(first, 'host')}"


def sentence_of(strand: Strand) -> str:
    """What was done to the targets of a part, how often and how fast."""
    if strand.kind == VERTICAL:
        found = f"{_size(strand, 'port')} of {strand.what} refused or did not answer"
        if not strand.sketch:
            found += f": {listed(sorted(int(port) for port in strand.targets), 8)}"
    elif strand.kind == HORIZONTAL:
        found = f"{_size(strand, 'host')} refused or did not answer on port {strand.what}"
    else:
        found = f"{_size(strand, 'host')} did not answer a ping"
    return f"{found}; {amount(strand.attempts, 'attempt')} {span_of(strand)}"


def _size(strand: Strand, thing: str) -> str:
    size = strand.size
    return f"{'about ' if strand.sketch else ''}{amount(size, thing)}"
