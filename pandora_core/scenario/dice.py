"""Owns chance: a random source per actor, so that one actor's throws never shift another's."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

from pandora_core.model import SECOND_US

T = TypeVar("T")

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(a + b for a in _BASE62 for b in _BASE62)
_PAIR_BITS = 12


class Dice(random.Random):
    """A seeded source of chance with the throws that a simulation needs; times are in microseconds."""

    @classmethod
    def of(cls, seed: int, *names: object) -> Dice:
        """The dice of one actor: the same seed and names give the same throws on every machine and Python."""
        return cls("/".join(map(str, (seed, *names))))

    def chance(self, share: float) -> bool:
        return self.random() < share

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random() * len(items))]

    def popular(self, items: Sequence[T]) -> T:
        """One of ``items``, the first ones far more often: ranks follow Zipf's law with exponent 1."""
        return items[int((len(items) + 1) ** self.random()) - 1]

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included; quicker than ``randint``."""
        return low + int(self.random() * (high - low + 1))

    def size(self, median: float, sigma: float = 0.8) -> int:
        """A size in bytes whose logarithm is normal around ``median``: never 0."""
        return 1 + int(median * math.exp(self.gauss(0.0, sigma)))

    def span_us(self, low_s: float, high_s: float) -> int:
        """A duration between two numbers of seconds."""
        return int((low_s + self.random() * (high_s - low_s)) * SECOND_US)

    def wait_us(self, mean_s: float) -> int:
        """The wait until something that comes at random, on average every ``mean_s`` seconds."""
        return int(-math.log(1.0 - self.random()) * mean_s * SECOND_US) + 1

    def near_us(self, every_s: float, jitter: float) -> int:
        """A period of ``every_s`` seconds, give or take the share ``jitter`` of it."""
        return max(1, int(every_s * (1.0 + jitter * (2.0 * self.random() - 1.0)) * SECOND_US))

    def uid(self, kind: str = "C") -> str:
        """A Zeek identifier: ``C`` for a connection, ``F`` for a file, then 16 letters and digits."""
        bits = self.getrandbits(8 * _PAIR_BITS)
        pairs = [_PAIRS[(bits >> shift & 0xFFF) * 3844 >> _PAIR_BITS] for shift in range(0, 96, _PAIR_BITS)]
        return kind + "".join(pairs)

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"
