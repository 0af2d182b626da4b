"""Owns what a sign is, and how the signs that a trace shows are found without trying each of them.

A *trace* is what one event says of something done on a host, boiled down to a few texts in lower case. A *sign* is a
shape of traces that intruders leave: a program, who started it, words, a pattern. Every sign has one entry into an
index: its words, else its programs, else the other program; so a trace is held against few patterns, and what is seen
again and again is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

_WORD = re.compile(r"[a-z0-9_$]+")
_REMEMBERED_SHORT, _MAX_SHORT_CHARS = 16_384, 600
_REMEMBERED_LONG, _MAX_LONG_CHARS = 256, 16_384  # PowerShell repeats its command line in each of its events
_MAX_TEXT_CHARS = 65_536


class Trace(NamedTuple):
    """What one event says was done, all in lower case; programs without folder and ``.exe``.

    ``other`` is the program on the other side: the parent of a new process, or the one that was read or written.
    ``origin`` is the parent's command line.
    """

    kind: str
    program: str = ""
    other: str = ""
    text: str = ""
    path: str = ""
    origin: str = ""


class Sign(NamedTuple):
    """A shape of traces of one kind; every condition that is given must hold.

    ``words``: at least one is a word of the text. ``text``, ``path`` and ``origin`` are searched for, ``unless`` must
    not be found in the text.
    """

    name: str
    says: str
    kind: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    points: float
    program: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    path: re.Pattern[str] | None = None
    origin: re.Pattern[str] | None = None

    def spelled(self) -> str:
        """All that it says, in the same words at every start."""
        lists = (" ".join(sorted(words)) for words in (self.program, self.other, self.words))
        searched = (self.text, self.unless, self.path, self.origin)
        patterns = (pattern.pattern if pattern else "" for pattern in searched)
        return "|".join(map(str, (*self[:6], *lists, *patterns)))

    def fits(self, trace: Trace) -> bool:
        """Whether a trace has this shape; its kind and words have been looked at."""
        return (
            (not self.program or trace.program in self.program)
            and (not self.other or trace.other in self.other)
            and (self.path is None or self.path.search(trace.path) is not None)
            and (self.text is None or self.text.search(trace.text) is not None)
            and (self.unless is None or self.unless.search(trace.text) is None)
            and (self.origin is None or self.origin.search(trace.origin) is not None)
        )


class Kind(NamedTuple):
    """The kind of trace that the signs of a table are about."""

    name: str

    def __call__(self, name: str, says: str, tactics: str, techniques: str, points: float, **shape: str) -> Sign:
        """One sign; lists are texts with spaces, patterns are regular expressions for text in lower case.

        Raises:
            ValueError: a condition that no sign has.
        """
        if unknown := shape.keys() - {*_LISTS, *_PATTERNS}:
            raise ValueError(f"sign {name}: no such condition: {', '.join(sorted(unknown))}")
        conditions: dict[str, Any] = {key: frozenset(shape[key].split()) for key in _LISTS if key in shape}
        conditions |= {key: _compiled(shape[key]) for key in _PATTERNS if key in shape}
        sign = Sign(name, says, self.name, tuple(tactics.split()), tuple(techniques.split()), points)
        return sign._replace(**conditions)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern whose ``.*`` does not reach far unless it is bound to the start: hostile lines must cost little."""
    return re.compile(pattern if pattern.startswith("^") else pattern.replace(".*", f".{{0,{_REACH}}}"))


_REACH = 300
_LISTS = ("program", "other", "words")
_PATTERNS = ("text", "unless", "path", "origin")


class SignBook:
    """All signs, and which of them a trace shows."""

    def __init__(self, signs: Iterable[Sign]) -> None:
        self.by_name: dict[str, Sign] = {}
        self._indexes: dict[str, _Index] = {}
        for sign in signs:
            if sign.name in self.by_name:
                raise ValueError(f"two signs are called {sign.name}")
            self.by_name[sign.name] = sign
            self._indexes.setdefault(sign.kind, _Index()).add(sign)
        self._found_short = lru_cache(maxsize=_REMEMBERED_SHORT)(self._found)
        self._found_long = lru_cache(maxsize=_REMEMBERED_LONG)(self._found)

    def shown_by(self, trace: Trace) -> tuple[Sign, ...]:
        """The signs that a trace shows, in the order of the tables."""
        size = len(trace.text) + len(trace.origin)
        if size <= _MAX_LONG_CHARS:
            return self._found_short(trace) if size <= _MAX_SHORT_CHARS else self._found_long(trace)
        return self._found(trace._replace(text=trace.text[:_MAX_TEXT_CHARS]))

    def _found(self, trace: Trace) -> tuple[Sign, ...]:
        index = self._indexes.get(trace.kind)
        return () if index is None else tuple(sign for sign in index.candidates(trace) if sign.fits(trace))


class _Index:
    """Signs of one kind by what is looked up first."""

    def __init__(self) -> None:
        self._count = 0
        self._by_word: dict[str, list[tuple[int, Sign]]] = {}
        self._by_program: dict[str, list[tuple[int, Sign]]] = {}
        self._by_other: dict[str, list[tuple[int, Sign]]] = {}
        self._always: list[tuple[int, Sign]] = []

    def add(self, sign: Sign) -> None:
        self._count += 1
        entry = (self._count, sign)
        for table, keys in (
            (self._by_word, sign.words),
            (self._by_program, sign.program),
            (self._by_other, sign.other),
        ):
            if keys:
                for key in keys:
                    table.setdefault(key, []).append(entry)
                return
        self._always.append(entry)

    def candidates(self, trace: Trace) -> list[Sign]:
        found = dict(self._always)
        found.update(self._by_program.get(trace.program, ()))
        found.update(self._by_other.get(trace.other, ()))
        words = set(_WORD.findall(trace.text)) if self._by_word else ()
        if not self._by_word.keys().isdisjoint(words):
            for word in self._by_word.keys() & words:
                found.update(self._by_word[word])
        return [found[number] for number in sorted(found)]
