"""Owns what is read from domain names: who registered them, what stands before that, and whether people made them up.

The character model is our own: of the 676 pairs of letters, some 150 make up most of what people write in European
languages. Drawn at random they are two in nine; in words and brand names most pairs are among them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_PAIRS = (
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri "
    "ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut "
    "ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi "
    "ci vi pl ig tu ev ld ry mp bl ab op ay ex ke fr oo av ag if ap gr od bo sp do by ok eb up go og bu ub da ba "
    "za sk ck ei au er"
)
_COMMON = frozenset(_PAIRS.split(" "))
MAX_COMMON_SHARE = 0.45
"""Share of a label's pairs that are common, from which on it may be words: chance gives 0.22, words 0.7 or more."""

MIN_JUDGED = 8
"""Shorter labels are too short to tell: abbreviations look like chance."""

MIN_CARRIED = 16
"""Characters before the registered domain that can carry something worth tunnelling: some ten bytes."""

_SHORT_REGISTRY = 3
_MAX_NAME = 253


class Name(NamedTuple):
    """A name's registered part, the label that was chosen for it, and what stands before."""

    base: str
    label: str
    before: str


@lru_cache(maxsize=32_768)
def name_of(question: str) -> Name | None:
    """The parts of a name; ``None`` for single labels, addresses asked backwards and what is no name.

    Which part is registered is guessed: the last two labels, or three where the second-last is short and the last is
    a country's (``example.co.uk``).
    """
    labels = question[:_MAX_NAME].rstrip(".").casefold().split(".")
    if len(labels) < 2 or labels[-1] in ("arpa", "local", "") or labels[-1].isdigit():
        return None
    kept = 2
    if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT_REGISTRY:
        kept = 3
    return Name(".".join(labels[-kept:]), labels[-kept], ".".join(labels[:-kept]))


def is_made_by_chance(label: str) -> bool:
    """Whether a label looks drawn at random rather than made of words."""
    if len(label) < MIN_JUDGED or label.startswith("xn--"):
        return False
    parts = [part for part in label.split("-") if part]
    pairs = [part[place : place + 2] for part in parts for place in range(len(part) - 1)]
    return len(pairs) >= MIN_JUDGED - 2 and sum(pair in _COMMON for pair in pairs) <= MAX_COMMON_SHARE * len(pairs)


def carries_data(before: str) -> bool:
    """Whether what stands before a registered domain can be data in disguise: long, and made by chance."""
    return len(before) >= MIN_CARRIED and is_made_by_chance(max(before.split("."), key=len))
